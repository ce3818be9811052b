/* SPDX-License-Identifier: Apache-2.0
 *
 * The options that `top` and `ps` share: see source-options.h.
 */
#include "cmd/source-options.h"

#include <string.h>

#include "base/array.h"
#include "config/config.h"

struct target {
        const struct jk_command *command;
        struct jk_source_options *source;
        struct jk_view_options *view;
};

static int
set_interval(const struct target *target, const char *value)
{
        struct jk_error err = { "" };
        int64_t interval_ns;

        if (jk_config_parse_duration(value, &interval_ns, &err) < 0)
                return jk_usage_error(target->command, "--interval: %s", err.message);
        if (interval_ns < JK_INTERVAL_MIN_NS || interval_ns > JK_INTERVAL_MAX_NS)
                return jk_usage_error(target->command,
                                      "--interval: '%s' does not lie between 10ms and 60s", value);

        target->source->engine.interval_ns = interval_ns;
        return 0;
}

static int
set_agent(const struct target *target, const char *value)
{
        target->source->agent = value;
        return 0;
}

static int
set_root(const struct target *target, const char *value)
{
        target->source->engine.root = value;
        return 0;
}

static int
set_meter(const struct target *target, const char *value)
{
        target->source->engine.meters = value;
        return 0;
}

static int
set_activity(const struct target *target, const char *value)
{
        target->source->engine.activity = value;
        return 0;
}

static int
set_by(const struct target *target, const char *value)
{
        target->view->dimension = jk_dimension_parse(value);
        if (target->view->dimension == JK_DIMENSION_INVALID)
                return jk_usage_error(target->command,
                                      "--by: '%s' is none of task, cgroup, user, machine", value);
        return 0;
}

static int
set_sort(const struct target *target, const char *value)
{
        target->view->order = jk_order_parse(value);
        if (target->view->order == JK_ORDER_INVALID)
                return jk_usage_error(target->command,
                                      "--sort: '%s' is none of watts, energy, cpu, name, pid",
                                      value);
        return 0;
}

static int
set_reverse(const struct target *target, const char *value)
{
        (void)value;
        target->view->reversed = true;
        return 0;
}

static int
set_filter(const struct target *target, const char *value)
{
        target->view->filter = value;
        return 0;
}

static int
set_all(const struct target *target, const char *value)
{
        (void)value;
        target->view->all = true;
        return 0;
}

int
jk_source_option(const struct jk_command *command, const struct jk_option *option,
                 const char *value, struct jk_source_options *source, struct jk_view_options *view)
{
        static const struct {
                const char *name;
                int (*set)(const struct target *target, const char *value);
        } rows[] = {
                { "interval", set_interval }, { "agent", set_agent },
                { "root", set_root },         { "meter", set_meter },
                { "activity", set_activity }, { "by", set_by },
                { "sort", set_sort },         { "reverse", set_reverse },
                { "filter", set_filter },     { "all", set_all },
        };
        const struct target target = { .command = command, .source = source, .view = view };

        for (size_t i = 0; i < JK_COUNT(rows); i++)
                if (strcmp(option->name, rows[i].name) == 0)
                        return rows[i].set(&target, value);

        return -ENOENT;
}
