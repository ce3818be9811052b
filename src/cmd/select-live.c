/* SPDX-License-Identifier: Apache-2.0
 *
 * Event selection on this machine: see select-live.h.
 */
#include "cmd/select-live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/event-group.h"
#include "cmd/interrupt.h"
#include "cmd/stressor.h"
#include "model/load.h"
#include "model/match.h"

/* Of each load twice, so that what is kept apart was seen before. */
#define PASSES 2

#define NAMED_MAX 6 /* of those that are not counted */

struct live {
        const struct jk_live_options *options;
        struct jk_recorded_rows *rows; /* of the zone; holds the latest group's rows */
        struct jk_engine *engine;
        struct jk_root root;
        int signal_fd;
        unsigned cpus[JK_CPUS_MAX];
        size_t n_cpus;
        struct jk_stress stress;

        struct jk_pmus pmus;
        struct jk_counted *events; /* the candidates */
        size_t n_events, events_capacity;
        struct jk_text uncounted; /* names of some that are not */
        size_t n_uncounted;
        int reason; /* why the first of them is not */
        struct jk_error *err;
};

/* ---- the candidates ---- */

/* Add it if some CPU counts it; alone, it needs no more than there is. */
static int
add_candidate(struct live *live, const struct jk_counted *event)
{
        struct jk_event_group *group;
        int r = jk_event_group_open(&event, 1, &group);

        if (r < 0) {
                live->reason = live->n_uncounted == 0 ? r : live->reason;
                if (live->n_uncounted++ < NAMED_MAX)
                        jk_text_printf(&live->uncounted, "%s%s", live->uncounted.length ? ", " : "",
                                       event->name);
                return r == -ENOMEM ? r : 0;
        }
        jk_event_group_close(group);
        for (size_t i = 0; i < live->n_events; i++)
                if (strcmp(live->events[i].name, event->name) == 0)
                        return 0;
        if (jk_array_grow(&live->events, &live->events_capacity, live->n_events + 1) < 0)
                return -ENOMEM;
        live->events[live->n_events++] = *event;
        return 0;
}

/* A name that sysfs offers and that cannot be made out (a parameter to be filled in) is passed
 * over. */
static int
offer(const char *name, void *data)
{
        struct live *live = data;
        struct jk_counted event;

        return jk_event_resolve(&live->pmus, name, &event, NULL) < 0 ? 0
                                                                     : add_candidate(live, &event);
}

static int
add_listed(struct live *live, const char *list)
{
        char name[JK_EVENT_NAME_SIZE];
        struct jk_counted event;
        int r;

        while ((r = jk_event_next_name(&list, name, sizeof name)) > 0) {
                r = jk_event_resolve(&live->pmus, name, &event, live->err);
                if (r == 0)
                        r = add_candidate(live, &event);
                if (r < 0)
                        return r;
        }
        return r == 0 ? 0
                      : jk_fail(live->err, EINVAL,
                                "--events: '%s': names are separated by commas, slashes in pairs",
                                list);
}

static int
find_candidates(struct live *live)
{
        int r;

        jk_pmus_read(&live->pmus, &live->root);
        r = live->options->events ? add_listed(live, live->options->events)
                                  : jk_events_offered(&live->pmus, offer, live);
        if (r == -ENOMEM)
                return jk_fail(live->err, r, "out of memory");
        if (r < 0)
                return r;
        if (live->n_events == 0)
                return jk_fail(live->err, ENODEV, "nothing can be counted here (%s%s): %s",
                               live->uncounted.data ? live->uncounted.data : "no event",
                               live->n_uncounted > NAMED_MAX ? ", …" : "",
                               jk_event_why_not(live->reason));
        fprintf(stderr, "joulekeeper model select: %zu event%s to choose from", live->n_events,
                live->n_events == 1 ? "" : "s");
        if (live->n_uncounted > 0)
                fprintf(stderr, "; %zu more are not counted here (%s%s): %s", live->n_uncounted,
                        live->uncounted.data ? live->uncounted.data : "",
                        live->n_uncounted > NAMED_MAX ? ", …" : "", jk_event_why_not(live->reason));
        fprintf(stderr, "\n");
        return 0;
}

/* ---- rows ---- */

static int
tick(struct live *live)
{
        const struct jk_sample *sample = jk_engine_sample(live->engine);
        int r = jk_engine_tick(live->engine, live->err);

        if (r == 0 && !(sample->flags & JK_SAMPLE_TASKS))
                r = jk_fail(live->err, ENODATA,
                            "tasks cannot be seen; joulekeeper doctor says why");
        return r;
}

static double
cpu_time(const struct jk_sample *sample)
{
        struct jk_load load = jk_load_of(sample);
        struct jk_count cpu;

        if (jk_count_find(sample, "cpu", -1, &cpu) < 0)
                return 0;
        return jk_load_with_interrupts(&load) * jk_count_sum(&cpu, sample) /
               ((double)sample->elapsed_ns / 1e9);
}

static int
add_row(struct live *live, const double *counts, size_t n, double elapsed_s)
{
        const struct jk_sample *sample = jk_engine_sample(live->engine);
        struct jk_recorded_rows *rows = live->rows;
        double power_w, *x;

        if ((sample->flags & JK_SAMPLE_SUSPENDED) || sample->elapsed_ns <= 0 ||
            !jk_recorded_rows_power(rows, sample, &power_w)) {
                rows->left_out++;
                return 0;
        }
        if (jk_array_grow(&rows->x, &rows->x_capacity, (rows->n + 1) * (1 + n)) < 0 ||
            jk_array_grow(&rows->y, &rows->y_capacity, rows->n + 1) < 0)
                return jk_fail(live->err, ENOMEM, "out of memory");

        x = rows->x + rows->n * (1 + n);
        x[0] = cpu_time(sample);
        for (size_t i = 0; i < n; i++)
                x[1 + i] = counts[i] / elapsed_s;
        rows->y[rows->n++] = power_w;
        return 0;
}

/* Rows for so long. What was before the first is left out: a load begins. */
static int
collect(struct live *live, struct jk_event_group *group, size_t n, int64_t span_ns)
{
        double counts[JK_TRIAL_EVENTS_MAX];
        int64_t due_ns = jk_monotonic_ns(), end_ns, before_ns = 0;
        bool first = true;
        int r = 0;

        due_ns += live->options->interval_ns;
        end_ns = due_ns + span_ns;
        for (; r == 0 && due_ns <= end_ns; due_ns += live->options->interval_ns) {
                int64_t now_ns;

                r = jk_interrupt_wait(live->signal_fd, due_ns, live->err);
                if (r == 0)
                        r = tick(live);
                if (r == 0)
                        r = jk_event_group_read(group, counts);
                now_ns = jk_monotonic_ns();
                if (r == 0 && !first)
                        r = add_row(live, counts, n, (double)(now_ns - before_ns) / 1e9);
                before_ns = now_ns;
                first = false;
        }
        return r;
}

/* stressor: NULL for idle. */
static int
run_load(struct live *live, const struct jk_stressor *stressor, struct jk_event_group *group,
         size_t n)
{
        int r = 0;

        if (stressor)
                r = jk_stress_start(&live->stress, stressor, live->cpus, live->n_cpus, live->err);
        if (r == 0)
                r = collect(live, group, n, (int64_t)(live->options->seconds * 1e9));
        jk_stress_stop(&live->stress);
        return r;
}

static int
run_loads(struct live *live, struct jk_event_group *group, size_t n)
{
        int r = 0;

        if (live->options->own_load_ns > 0)
                return collect(live, group, n, live->options->own_load_ns);

        for (int pass = 0; r == 0 && pass < PASSES; pass++) {
                r = run_load(live, NULL, group, n);
                for (size_t i = 0; r == 0 && i < jk_n_stressors; i++)
                        r = run_load(live, &jk_stressors[i], group, n);
        }
        return r;
}

/* ---- what trials.h asks for ---- */

static int
measure(void *data, const size_t *candidates, size_t n, struct jk_trial_rows *ret_rows,
        struct jk_error *err)
{
        const struct jk_counted *events[JK_TRIAL_EVENTS_MAX];
        struct live *live = data;
        struct jk_event_group *group;
        int r;

        for (size_t i = 0; i < n; i++)
                events[i] = &live->events[candidates[i]];
        r = jk_event_group_open(events, n, &group);
        if (r == -ENOSPC)
                return r;
        if (r < 0)
                return jk_fail(err, r, "%s and %zu more cannot be counted: %s", events[0]->name,
                               n - 1, jk_event_why_not(r));

        live->rows->n = 0;
        r = run_loads(live, group, n);
        jk_event_group_close(group);
        if (r < 0 && r != -ENOSPC && !err->message[0])
                return jk_fail(err, r, "reading what was counted: %s", strerror(-r));
        *ret_rows = (struct jk_trial_rows){ live->rows->n, live->rows->x, live->rows->y };
        return r;
}

static void
say_round(void *data, size_t round, size_t n_candidates)
{
        (void)data;
        fprintf(stderr, "joulekeeper model select: round %zu, %zu event%s …\n", round, n_candidates,
                n_candidates == 1 ? "" : "s");
}

/* ---- the result ---- */

/* CPU time that hardly changes looks like idle power: it has a weight only if that makes the error
 * smaller, as everything else. */
static int
weigh(const struct live *live, const struct jk_selection_rows *rows,
      struct jk_selection *ret_selection)
{
        struct jk_selection_rule rule = live->options->rule;
        bool used[JK_COUNTS_MAX] = { false };
        struct jk_selection alone, with_cpu;
        int r;

        memset(used + 1, true, rows->n_columns - 1);
        r = jk_select_these(rows, &rule, used, &alone);
        used[0] = true;
        if (r == 0)
                r = jk_select_these(rows, &rule, used, &with_cpu);
        if (r != 0)
                return jk_fail(live->err, r, "too few ticks: %zu", rows->n);

        *ret_selection = with_cpu.before.rms_w < (1 - rule.least_gain) * alone.before.rms_w
                                 ? with_cpu
                                 : alone;
        return 0;
}

/* What was chosen, on rows that had no part in choosing. */
static int
confirm(struct live *live, const struct jk_trials *trials, struct jk_selection *ret_selection)
{
        struct jk_recorded_rows *rows = live->rows;
        struct jk_trial_rows again = { 0 };
        struct jk_selection_rows selectable;
        struct jk_selection selection;
        int r = measure(live, trials->chosen, trials->n, &again, live->err);

        if (r == -ENOSPC)
                return jk_fail(live->err, EAGAIN,
                               "what was chosen cannot be counted together any more: somebody "
                               "else uses the counters; try again");
        if (r < 0)
                return r;

        selectable = (struct jk_selection_rows){ again.n, 1 + trials->n, again.x, again.y };
        r = weigh(live, &selectable, &selection);
        if (r < 0)
                return r;

        rows->n_counts = 1 + trials->n;
        snprintf(rows->counts[0].name, sizeof rows->counts[0].name, "cpu");
        for (size_t i = 0; i < trials->n; i++) {
                memcpy(rows->counts[1 + i].name, live->events[trials->chosen[i]].name,
                       sizeof rows->counts[1 + i].name);
                selection.chosen[i] = 1 + i;
                selection.after[i] = trials->with[i];
        }
        selection.n = trials->n;
        selection.after[trials->n - 1] = selection.before;
        selection.before = trials->without[0];
        *ret_selection = selection;
        return 0;
}

static void
name_cpu(struct live *live)
{
        struct jk_model_cpu cpu;

        if (jk_model_cpu_here(&live->root, &cpu, NULL) == 0)
                snprintf(live->rows->cpu, sizeof live->rows->cpu, "%s", cpu.name);
}

/* ---- all of it ---- */

static int
check_zone(struct live *live)
{
        const struct jk_zone_table *zones;
        double power_w;
        int r = tick(live);

        if (r == 0)
                r = jk_interrupt_wait(live->signal_fd,
                                      jk_monotonic_ns() + live->options->interval_ns, live->err);
        if (r == 0)
                r = tick(live);
        if (r < 0)
                return r;

        zones = jk_engine_sample(live->engine)->zones;
        for (size_t i = 0; i < zones->count; i++)
                if ((strcmp(zones->zones[i].name, live->rows->zone) == 0 ||
                     strcmp(jk_zone_kind_name(zones->zones[i].kind), live->rows->zone) == 0) &&
                    zones->zones[i].provenance != JK_MEASURED)
                        return jk_fail(live->err, ENODEV,
                                       "zone %s is not measured here but estimated: by CPU time, "
                                       "which is what it would find. Choose another by --zone",
                                       zones->zones[i].name);
        if (!jk_recorded_rows_power(live->rows, jk_engine_sample(live->engine), &power_w))
                return jk_fail(live->err, ENODEV,
                               "zone %s is not measured here; joulekeeper meters lists those that "
                               "are. Choose by --zone",
                               live->rows->zone);
        return 0;
}

static int
open_live(struct live *live)
{
        const char *path = live->options->engine.root;
        struct rlimit files;
        int r = jk_root_open(path ? path : "/", &live->root, live->err);

        if (r < 0)
                return r;
        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max; /* one for each event and CPU */
                (void)setrlimit(RLIMIT_NOFILE, &files);
        }
        live->n_cpus = jk_cpu_order(&live->root, live->cpus);
        if (live->n_cpus == 0)
                return jk_fail(live->err, EINVAL, "cannot tell which CPUs this process may run on");
        live->signal_fd = jk_interrupt_open();
        if (live->signal_fd < 0)
                return jk_fail(live->err, errno, "signals: %m");
        return jk_engine_open(&live->options->engine, &live->engine, live->err);
}

static int
run(struct live *live, struct jk_selection *ret_selection)
{
        const struct jk_trial_ops ops = { .measure = measure, .begin = say_round, .data = live };
        struct jk_trials trials = { 0 };
        int r = open_live(live);

        if (r == 0)
                r = find_candidates(live);
        if (r == 0)
                r = check_zone(live);
        if (r == 0)
                r = jk_trials_run(&ops, live->n_events, &live->options->rule, &trials, live->err);
        if (r == 0 && trials.n_groups == 0)
                r = jk_fail(live->err, EBUSY,
                            "not one event is counted all of the time: others use the counters. "
                            "Stop perf and the agent meanwhile; the kernel's watchdog takes one: "
                            "sysctl kernel.nmi_watchdog=0");
        if (r == 0 && trials.n > 0)
                r = confirm(live, &trials, ret_selection);
        if (r == 0)
                fprintf(stderr,
                        "joulekeeper model select: counted %zu groups of %zu events at most\n",
                        trials.n_groups, trials.width);
        name_cpu(live);
        return r;
}

int
jk_select_live(const struct jk_live_options *options, struct jk_recorded_rows *rows,
               struct jk_selection *ret_selection, struct jk_error *err)
{
        jk_autofree struct live *live = calloc(1, sizeof *live);
        int r;

        if (!live)
                return jk_fail(err, ENOMEM, "out of memory");

        *ret_selection = (struct jk_selection){ 0 };
        live->options = options;
        live->rows = rows;
        live->root = (struct jk_root)JK_ROOT_CLOSED;
        live->signal_fd = -1;
        live->err = err;
        r = run(live, ret_selection);
        jk_engine_close(live->engine);
        jk_cleanup_close(&live->signal_fd);
        jk_root_close(&live->root);
        jk_text_free(&live->uncounted);
        free(live->events);
        return r;
}
