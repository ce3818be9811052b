/* SPDX-License-Identifier: Apache-2.0
 *
 * A model file from others: see agent-model.h. Fetching is another process' work: it loads
 * libraries that the agent is not to keep, and one that hangs can be killed.
 */
#include "cmd/agent-model.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "model/file.h"

#define PATIENCE_NS (10 * JK_NS_PER_S)
#define LINE_MAX    4096

/* Let it run to its end, and log what it says. */
static void
wait_for_end(struct jk_child *child, const char *from)
{
        int64_t until_ns = jk_monotonic_ns() + PATIENCE_NS;
        struct jk_error err = { "" };
        size_t length;
        char *line;
        int r;

        while ((r = jk_child_receive(child, until_ns, &line, &length, &err)) > 0)
                jk_log_info("models.from: %s", line);
        if (r == 0)
                jk_log_warning("models.from: %s gave no answer in %d s", from,
                               (int)(PATIENCE_NS / JK_NS_PER_S));
        else if (r != -EPIPE)
                jk_log_warning("models.from: %s", err.message);
}

static void
fetch(const struct jk_config *config)
{
        const char *const argv[] = {
                "/proc/self/exe",     "model",  "fetch",      "--from",
                config->models_from,  "--root", config->root, "-o",
                config->models_cache, NULL,
        };
        struct jk_child child = JK_CHILD_NONE(LINE_MAX);
        struct jk_error err;

        if (jk_child_start(&child, argv, &err) < 0)
                jk_log_warning("models.from: %s", err.message);
        else
                wait_for_end(&child, config->models_from);
        jk_child_close(&child);
}

/* Nobody looks at what is fetched: it may need no more than every machine shows, or a zone would
 * have no power where the table had one. */
static int
check_features(const struct jk_model_file *file, struct jk_error *err)
{
        static const char *const shown[] = { "utilisation", "cpu", "recent" };

        for (size_t i = 0; i < file->n_features; i++) {
                bool is_shown = isnan(file->features[i].weight);

                for (size_t k = 0; k < JK_COUNT(shown); k++)
                        is_shown |= strcmp(file->features[i].name, shown[k]) == 0;
                if (!is_shown)
                        return jk_fail(err, ENODATA,
                                       "%s goes by %s, which may not be seen here; where it is, "
                                       "give the file as estimate-model",
                                       file->name, file->features[i].name);
        }
        return 0;
}

const char *
jk_agent_fetch_model(const struct jk_config *config)
{
        jk_autofree struct jk_model_file *file = NULL;
        struct jk_error err = { "out of memory" };
        int r = -ENOMEM;

        if (strcmp(config->models_from, "off") == 0 || strcmp(config->estimate_model, "auto") != 0)
                return NULL;

        fetch(config);
        file = malloc(sizeof *file);
        if (file)
                r = jk_model_file_read(config->models_cache, file, &err);
        if (r == 0)
                r = check_features(file, &err);
        if (r == 0)
                return config->models_cache;

        jk_log_warning("models.from: there is no model file to go by (%s); estimates go by the "
                       "table of CPUs",
                       err.message);
        return NULL;
}

void
jk_agent_renew_models(struct jk_server *server, bool anyway)
{
        struct jk_error err = { "" };
        int r = jk_serve_renew_models(server, anyway, &err);

        if (r > 0)
                jk_log_info("models.directory: read again");
        else if (r < 0)
                jk_log_warning("%s; the models that were offered stay", err.message);
}
