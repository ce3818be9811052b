/* SPDX-License-Identifier: Apache-2.0
 *
 * Which events the collector is to count: a list of names, or a model file whose weights need them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "engine/engine-internal.h"
#include "model/file.h"

/* Features that are no events: what every collector and the CPUs themselves tell. */
static bool
is_event(const char *feature)
{
        static const char *const others[] = { "cpu", "utilisation", "frequency", "temperature",
                                              "recent" };

        for (size_t i = 0; i < JK_COUNT(others); i++)
                if (strcmp(feature, others[i]) == 0)
                        return false;

        return true;
}

static int
list_features(const char *path, struct jk_text *text, struct jk_error *err)
{
        jk_autofree struct jk_model_file *file = malloc(sizeof *file);
        int r = file ? jk_model_file_read(path, file, err) : jk_fail(err, ENOMEM, "out of memory");

        if (r < 0)
                return r;
        if (file->kind != JK_MODEL_EVENTS)
                return jk_fail(err, EINVAL,
                               "%s: a model of kind %s, but one of kind events is to "
                               "say what to count; joulekeeper model select writes one",
                               path, jk_model_kind_name(file->kind));
        for (size_t i = 0; i < file->n_features; i++)
                if (is_event(file->features[i].name))
                        jk_text_printf(text, "%s%s", text->length ? "," : "",
                                       file->features[i].name);
        return text->failed ? jk_fail(err, ENOMEM, "out of memory") : 0;
}

int
jk_engine_find_events(const struct jk_root *root, const char *wanted,
                      struct jk_counted ret_events[static JK_COUNTERS_MAX], size_t *ret_n,
                      struct jk_error *err)
{
        jk_autotext struct jk_text list = { 0 };
        struct jk_pmus pmus;
        int r = 0;

        *ret_n = 0;
        if (!wanted || strcmp(wanted, "auto") == 0)
                return 0;
        if (*wanted == '/') {
                r = list_features(wanted, &list, err);
                wanted = list.data;
        }
        if (r == 0 && wanted) {
                jk_pmus_read(&pmus, root);
                r = jk_events_resolve(&pmus, wanted, JK_COUNTERS_MAX, ret_events, ret_n, err);
        }
        if (r < 0)
                jk_error_prefix(err, "events: ");
        return r;
}
