/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper ps: who used how much, over one interval: a plain table, or JSON in the shape of the
 * agent's /api/v1/accounts and zones.
 */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/root.h"
#include "cmd/ps-json.h"
#include "cmd/ps-table.h"
#include "cmd/source-options.h"

struct ps {
        struct jk_source_options source_options;
        struct jk_view_options view_options;
        size_t top; /* SIZE_MAX: all */
        bool json;

        const struct jk_command *command;
        struct jk_source *source;
        struct jk_snapshot *snapshot;
        struct jk_view view;
        const struct jk_glyphs *glyphs;
};

static const struct jk_option options[] = {
        JK_SOURCE_OPTIONS,
        JK_VIEW_OPTIONS,
        { 'n', "top", "N", "only the first N" },
        { 'j', "json", NULL, "print JSON: zones and accounts as the agent's API has them" },
};

static int
set_option(const struct jk_option *option, const char *value, void *data)
{
        struct ps *ps = data;
        uint64_t n;

        if (strcmp(option->name, "json") == 0) {
                ps->json = true;
                return 0;
        }
        if (strcmp(option->name, "top") == 0) {
                if (jk_parse_u64(value, &n) < 0)
                        return jk_usage_error(ps->command, "--top: '%s' is no whole number", value);
                ps->top = n;
                return 0;
        }
        return jk_source_option(ps->command, option, value, &ps->source_options, &ps->view_options);
}

/* ---- measuring ---- */

/* Take the next snapshot, if there is one: 1, 0 if the agent has not ticked, or negative. */
static int
observe(struct ps *ps, struct jk_error *err)
{
        struct jk_shelf *shelf = jk_source_shelf(ps->source);
        struct jk_snapshot *snapshot;
        int r = jk_source_refresh(ps->source, err);

        if (r < 0)
                return r;

        snapshot = jk_shelf_take(shelf);
        if (!snapshot)
                return jk_fail(err, ENODATA, "there is no snapshot");
        if (!jk_view_is_news(&ps->view, snapshot)) {
                jk_shelf_put_back(shelf, snapshot);
                return 0;
        }
        r = jk_view_observe(&ps->view, snapshot);
        if (ps->snapshot)
                jk_shelf_put_back(shelf, ps->snapshot);
        ps->snapshot = snapshot;
        return r < 0 ? jk_fail(err, r, "out of memory") : 1;
}

static void
wait_for(int64_t duration_ns)
{
        struct timespec left = { .tv_sec = duration_ns / JK_NS_PER_S,
                                 .tv_nsec = duration_ns % JK_NS_PER_S };

        while (nanosleep(&left, &left) < 0 && errno == EINTR)
                ;
}

/* An agent may tick more slowly than we ask: wait for its next tick. */
static int
measure(struct ps *ps, struct jk_error *err)
{
        struct jk_source_report report;
        int64_t interval_ns = ps->source_options.engine.interval_ns;
        int r = observe(ps, err);

        if (r < 0)
                return r;

        jk_source_report(ps->source, &report);
        if (report.agent && interval_ns < ps->snapshot->status.interval_ns)
                interval_ns = ps->snapshot->status.interval_ns;
        wait_for(interval_ns);
        r = observe(ps, err);
        for (int i = 0; r == 0 && i < 20; i++) {
                wait_for(interval_ns / 10);
                r = observe(ps, err);
        }
        return r < 0    ? r
               : r == 0 ? jk_fail(err, ETIMEDOUT, "agent %s: it has stopped ticking", report.where)
                        : 0;
}

/* ---- showing ---- */

static void
print_source(const struct ps *ps)
{
        jk_autotext struct jk_text line = { 0 };
        const struct jk_snapshot *snapshot = ps->snapshot;
        struct jk_source_report report;

        jk_source_report(ps->source, &report);
        if (report.agent)
                jk_text_printf(&line, "agent %s", report.where);
        else
                jk_text_string(&line, "by itself");
        jk_text_printf(&line, "; activity %s, model %s; W over ", snapshot->status.activity,
                       snapshot->status.model);
        jk_format_duration(&line, ps->view.span_end_ns - ps->view.span_start_ns);
        if (report.agent) {
                jk_text_string(&line, ", J since the agent started ");
                jk_format_duration(&line, snapshot->time.realtime_ns -
                                                  snapshot->status.started_realtime_ns);
                jk_text_string(&line, " ago");
        }
        jk_ps_line(&line);
}

static int
print_table(struct ps *ps)
{
        struct jk_ps_table table = {
                .view = &ps->view,
                .options = &ps->view_options,
                .glyphs = ps->glyphs,
                .top = ps->top,
        };

        print_source(ps);
        return jk_ps_table(&table);
}

static int
print_json(struct ps *ps)
{
        jk_autotext struct jk_text text = { 0 };

        jk_ps_json(&ps->view, ps->top, &text);
        if (text.failed)
                return -ENOMEM;

        fwrite(text.data, 1, text.length, stdout);
        return 0;
}

/* ---- the command ---- */

static int
run(struct ps *ps, struct jk_error *err)
{
        int r = jk_source_open(&ps->source_options, &ps->source, err);

        if (r == 0)
                r = measure(ps, err);
        if (r < 0)
                return r;

        r = jk_view_arrange(&ps->view, &ps->view_options);
        if (r == 0)
                r = ps->json ? print_json(ps) : print_table(ps);
        if (r < 0)
                return jk_fail(err, r, "out of memory");
        if (fflush(stdout) != 0 || ferror(stdout))
                return jk_fail(err, errno, "cannot write the output: %m");
        return 0;
}

static void
close_ps(struct ps *ps)
{
        jk_view_free(&ps->view);
        if (ps->snapshot)
                jk_shelf_put_back(jk_source_shelf(ps->source), ps->snapshot);
        jk_source_close(ps->source);
}

static int
ps_main(const struct jk_command *command, int argc, char *argv[])
{
        __attribute__((cleanup(close_ps))) struct ps ps = {
                .command = command,
                .source_options.engine = JK_ENGINE_DEFAULTS,
                .top = SIZE_MAX,
        };
        struct jk_error err = { "" };
        int first;

        first = jk_options_parse(command, options, JK_COUNT(options), argc, argv, set_option, &ps);
        if (first < 0)
                return -1 - first;
        if (first < argc)
                return jk_usage_error(command, "'%s': it takes no arguments", argv[first]);

        setlocale(LC_CTYPE, "");
        ps.glyphs = jk_glyphs_for_locale();
        if (run(&ps, &err) < 0) {
                fprintf(stderr, "joulekeeper ps: %s\n", err.message);
                return JK_EXIT_FAILURE;
        }
        return JK_EXIT_OK;
}

const struct jk_command jk_command_ps = {
        .name = "ps",
        .arguments = "[OPTION…]",
        .summary = "who used how much energy, over one interval",
        .main = ps_main,
        .details = "W is the power over the interval, J the energy since the measurement began: "
                   "with an agent, since it started. ~ marks what is modelled, not measured; ±% is "
                   "one standard deviation. Tasks, idle, kernel and unattributed add up to the "
                   "machine.",
};
