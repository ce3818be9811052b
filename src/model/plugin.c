/* SPDX-License-Identifier: Apache-2.0
 *
 * Models as shared objects: see plugin.h. Only what belongs to root or to the agent's user is
 * loaded (base/trusted.h), and only if it was compiled against structures of the same size.
 */
#include "model/plugin.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/trusted.h"
#include "model/guard.h"

struct jk_model {
        void *object; /* of dlopen() */
        const struct jk_model_ops *ops;
        struct jk_model *inner; /* the plug-in's */
        struct jk_guard guard;
};

/* ---- whether it fits ---- */

static int
check_sizes(const char *path, const struct jk_plugin *plugin, struct jk_error *err)
{
        static const struct jk_plugin ours = JK_PLUGIN_OF(NULL);
        const struct {
                const char *name;
                uint32_t theirs, ours;
        } rows[] = {
                { "jk_model_ops", plugin->ops_size, ours.ops_size },
                { "jk_sample", plugin->sample_size, ours.sample_size },
                { "jk_task_record", plugin->task_size, ours.task_size },
                { "jk_zone", plugin->zone_size, ours.zone_size },
                { "jk_cpu_reading", plugin->cpu_size, ours.cpu_size },
                { "jk_event", plugin->event_size, ours.event_size },
                { "jk_split", plugin->split_size, ours.split_size },
        };

        for (size_t i = 0; i < JK_COUNT(rows); i++)
                if (rows[i].theirs != rows[i].ours)
                        return jk_fail(err, EINVAL,
                                       "%s: its struct %s has %u bytes, this program's %u; compile "
                                       "it again with the headers of joulekeeper " JK_VERSION,
                                       path, rows[i].name, rows[i].theirs, rows[i].ours);
        return 0;
}

static int
check_plugin(const char *path, const struct jk_plugin *plugin, struct jk_error *err)
{
        const struct jk_model_ops *ops;
        int r;

        if (plugin->abi != JK_PLUGIN_ABI)
                return jk_fail(err, EINVAL,
                               "%s: it was made for version %u of the interface, and this program "
                               "has version %d; compile it again with the headers of "
                               "joulekeeper " JK_VERSION,
                               path, plugin->abi, JK_PLUGIN_ABI);
        r = check_sizes(path, plugin, err);
        if (r < 0)
                return r;

        ops = plugin->ops;
        if (!ops || !ops->name || !ops->open || !ops->observe || !ops->split || !ops->idle ||
            !ops->close)
                return jk_fail(err, EINVAL,
                               "%s: its table of operations lacks one; only expect may be NULL",
                               path);
        return 0;
}

static int
load(struct jk_model *model, const char *path, struct jk_error *err)
{
        jk_autofree char *real = NULL;
        const struct jk_plugin *plugin;
        int r = jk_trusted_file(path, &real, err);

        if (r < 0)
                return r;

        model->object = dlopen(real, RTLD_NOW | RTLD_LOCAL);
        if (!model->object)
                return jk_fail(err, EINVAL, "cannot load it: %s", dlerror());
        plugin = dlsym(model->object, JK_PLUGIN_SYMBOL);
        if (!plugin)
                return jk_fail(err, EINVAL,
                               "%s: it has no symbol %s; say JK_PLUGIN(ops) in it (model/plugin.h)",
                               real, JK_PLUGIN_SYMBOL);
        r = check_plugin(real, plugin, err);
        if (r < 0)
                return r;

        model->ops = plugin->ops;
        return 0;
}

/* ---- open and close ---- */

static void
plugin_close(struct jk_model *model)
{
        if (!model)
                return;

        if (model->inner)
                model->ops->close(model->inner);
        jk_guard_close(&model->guard);
        if (model->object)
                dlclose(model->object);
        free(model);
}

static int
open_inner(struct jk_model *model, const char *path, const char *argument, struct jk_error *err)
{
        int r;

        if (model->ops->argument && !argument)
                return jk_fail(err, EINVAL, "%s: it has to be told more; give plugin:%s:%s", path,
                               path, model->ops->argument);
        if (!model->ops->argument && argument)
                return jk_fail(err, EINVAL, "%s: it takes no argument, and was given '%s'", path,
                               argument);

        r = model->ops->open(argument, &model->inner, err);
        if (r < 0 && err && err->message[0] == '\0')
                return jk_fail(err, r, "%s: it does not open, and does not say why", path);
        if (r >= 0 && !model->inner)
                return jk_fail(err, EINVAL, "%s: it opened, and returned no model", path);
        return r < 0 ? r : 0;
}

static int
plugin_open(const char *argument, struct jk_model **ret_model, struct jk_error *err)
{
        jk_autofree char *path = strdup(argument);
        struct jk_model *model = path ? calloc(1, sizeof *model) : NULL;
        char *rest = path;
        int r;

        if (!model)
                return jk_fail(err, ENOMEM, "model plugin: out of memory");
        strsep(&rest, ":");

        r = jk_guard_open(&model->guard, "plugin", err);
        if (r == 0)
                r = load(model, path, err);
        if (r == 0) {
                model->guard.name = model->ops->name;
                r = open_inner(model, path, rest, err);
        }
        if (r < 0) {
                jk_error_prefix(err, "model plugin: ");
                plugin_close(model);
                return r;
        }

        *ret_model = model;
        return 0;
}

/* ---- operations ---- */

static void
plugin_observe(struct jk_model *model, const struct jk_sample *sample)
{
        jk_guard_observe(&model->guard, sample);
        model->ops->observe(model->inner, sample);
}

static void
plugin_split(struct jk_model *model, const struct jk_sample *sample, size_t zone,
             struct jk_split *split)
{
        struct jk_split theirs = { .idle_uj = NAN, .task_weights = split->task_weights };
        struct jk_error why = { "" };

        /* What it forgets to set is found. */
        for (size_t i = 0; i < sample->n_tasks; i++)
                theirs.task_weights[i] = NAN;

        model->ops->split(model->inner, sample, zone, &theirs);
        theirs.task_weights = split->task_weights;
        if (jk_split_check(sample, &theirs, &why) == 0) {
                *split = theirs;
                return;
        }

        jk_guard_fault(&model->guard, sample, "%s: %s", sample->zones->zones[zone].name,
                       why.message);
        jk_guard_divide(&model->guard, sample, zone, split);
}

static struct jk_idle_estimate
plugin_idle(const struct jk_model *model, size_t zone)
{
        return jk_guard_idle(&model->guard, zone, model->ops->idle(model->inner, zone));
}

static struct jk_expectation
plugin_expect(const struct jk_model *model, size_t zone)
{
        if (!model->ops->expect)
                return JK_NO_EXPECTATION;

        return jk_guard_expectation(model->ops->expect(model->inner, zone));
}

const struct jk_model_ops jk_model_plugin = {
        .name = "plugin",
        .summary = "a model of your own, from a shared object",
        .argument = "FILE.so[:ARGUMENT]",
        .open = plugin_open,
        .observe = plugin_observe,
        .split = plugin_split,
        .idle = plugin_idle,
        .expect = plugin_expect,
        .close = plugin_close,
};
