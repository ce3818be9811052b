/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of models, and how they are chosen: see model.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/suggest.h"
#include "base/text.h"
#include "model/model.h"

const struct jk_model_ops *const jk_model_list[] = {
        &jk_model_adaptive, &jk_model_share,   &jk_model_events, &jk_model_smartwatts,
        &jk_model_plugin,   &jk_model_program, &jk_model_curve,  NULL,
};

/* ---- one part ---- */

static bool
is_word(const char *word, const char *text, size_t length)
{
        return strlen(word) == length && memcmp(word, text, length) == 0;
}

static int
refuse_name(const char *name, size_t length, struct jk_error *err)
{
        jk_autofree char *wrong = strndup(name, length);
        struct jk_suggest suggest = { .wrong = wrong };
        jk_autotext struct jk_text names = { 0 };

        if (!wrong)
                return jk_fail(err, ENOMEM, "out of memory");

        jk_suggest_offer(&suggest, "auto");
        for (size_t i = 0; jk_model_list[i]; i++) {
                jk_suggest_offer(&suggest, jk_model_list[i]->name);
                jk_text_printf(&names, ", %s", jk_model_list[i]->name);
        }
        if (suggest.best)
                return jk_fail(err, EINVAL, "'%s': there is no such model; did you mean %s?", wrong,
                               suggest.best);

        return jk_fail(err, EINVAL, "'%s': there is no such model; there are auto%s", wrong,
                       names.failed ? " and others" : names.data);
}

static int
find(const char *name, size_t length, const struct jk_model_ops **ret_ops, struct jk_error *err)
{
        if (is_word("auto", name, length)) {
                *ret_ops = jk_model_list[0];
                return 0;
        }

        for (size_t i = 0; jk_model_list[i]; i++) {
                if (is_word(jk_model_list[i]->name, name, length)) {
                        *ret_ops = jk_model_list[i];
                        return 0;
                }
        }
        return refuse_name(name, length, err);
}

/* The zone before the name, if the part names one. Returns what follows. */
static const char *
take_zone(const char *part, size_t length, char ret_zone[static JK_ZONE_NAME_SIZE])
{
        size_t zone = strcspn(part, "=:,");

        ret_zone[0] = '\0';
        if (zone >= length || part[zone] != '=')
                return part;

        /* A name that is too long is no zone's. */
        snprintf(ret_zone, JK_ZONE_NAME_SIZE, "%.*s", (int)zone, part);
        return part + zone + 1;
}

int
jk_model_take(const char **rest, struct jk_model_choice *ret_choice, struct jk_error *err)
{
        const char *part = *rest, *end, *name;
        struct jk_model_choice choice = { 0 };
        size_t length;
        int r;

        if (!part)
                return 0;

        end = part + strcspn(part, ",");
        name = take_zone(part, (size_t)(end - part), choice.zone);
        if (name != part && choice.zone[0] == '\0')
                return jk_fail(err, EINVAL, "'%.*s': give a zone before the =", (int)(end - part),
                               part);
        length = strcspn(name, ":,");
        r = find(name, length, &choice.ops, err);
        if (r < 0)
                return r;
        if (name[length] == ':') {
                choice.argument = name + length + 1;
                choice.length = (size_t)(end - choice.argument);
        }
        if (choice.ops->argument && choice.length == 0)
                return jk_fail(err, EINVAL, "'%.*s': it has to be told more; give %s:%s",
                               (int)(end - part), part, choice.ops->name, choice.ops->argument);
        if (!choice.ops->argument && choice.argument)
                return jk_fail(err, EINVAL, "'%.*s': model %s takes no argument", (int)(end - part),
                               part, choice.ops->name);

        *ret_choice = choice;
        *rest = *end ? end + 1 : NULL;
        return 1;
}

/* ---- the whole ---- */

int
jk_model_check(const char *spec, struct jk_error *err)
{
        struct jk_model_choice choice;
        bool is_first = true;
        int r;

        while ((r = jk_model_take(&spec, &choice, err)) > 0) {
                if (!is_first && choice.zone[0] == '\0')
                        return jk_fail(err, EINVAL,
                                       "'%s': a second model needs a zone, as in dram=%s",
                                       choice.ops->name, choice.ops->name);
                is_first = false;
        }
        return r;
}

bool
jk_model_has_argument(const char *spec)
{
        return spec && strchr(spec, ':');
}

const char *
jk_model_label(const char *spec)
{
        return !spec || strcmp(spec, "auto") == 0 ? jk_model_list[0]->name : spec;
}

/* One for all zones, or several behind one. */
int
jk_model_open(const char *spec, const struct jk_model_ops **ret_ops, struct jk_model **ret_model,
              struct jk_error *err)
{
        const char *whole = spec ? spec : "auto", *rest = whole;
        struct jk_model_choice choice = { 0 };
        jk_autofree char *argument = NULL;
        const struct jk_model_ops *ops;
        int r = jk_model_check(whole, err);

        if (r == 0)
                r = jk_model_take(&rest, &choice, err);
        if (r < 0)
                return r;

        ops = choice.ops;
        if (rest || choice.zone[0] != '\0') {
                ops = &jk_model_by_zone;
                argument = strdup(whole);
        } else if (choice.argument) {
                argument = strndup(choice.argument, choice.length);
        }
        if (ops->argument && !argument)
                return jk_fail(err, ENOMEM, "model %s: out of memory", ops->name);

        r = ops->open(argument, ret_model, err);
        if (r == 0)
                *ret_ops = ops;
        return r;
}

char *
jk_model_next(char **list)
{
        char *spec = *list, *end = spec;

        if (!spec)
                return NULL;

        for (;;) {
                const char *next;

                end += strcspn(end, ",");
                if (!*end)
                        break;
                next = end + 1;
                if (next[strcspn(next, "=:,")] != '=') {
                        *end = '\0';
                        *list = end + 1;
                        return spec;
                }
                end++;
        }
        *list = NULL;
        return spec;
}
