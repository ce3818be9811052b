/* SPDX-License-Identifier: Apache-2.0
 *
 * Counters: each event of the list on each CPU, opened here and read by the BPF program at every
 * context switch. The map holds them, so no descriptor stays open. A CPU that goes offline takes
 * its counters with it, so they are opened again when the set of online CPUs changes, or where one
 * stands still, as after a suspend.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "activity/bpf/collector.h"
#include "activity/bpf/skeleton.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/log.h"

struct jk_counters {
        struct jk_activity *programs;
        const struct jk_counted *events; /* borrowed */
        size_t n;
        int n_cpus; /* possible ones */
        char online[4096];
        bool *open; /* [n_cpus][n]: held by the map */
};

/* ---- which events ---- */

/* Those that are counted where nothing else is said; `software`: the clocks that stand in for them
 * in tests. */
static size_t
usual_events(const struct jk_root *sys_root, bool software, struct jk_counted *ret_events)
{
        static const struct {
                const char *name;
                uint64_t software;
        } usual[] = {
                { "cycles", PERF_COUNT_SW_CPU_CLOCK },
                { "instructions", PERF_COUNT_SW_CPU_CLOCK },
                { "cache-misses", PERF_COUNT_SW_CONTEXT_SWITCHES },
        };
        struct jk_pmus pmus = { .n = 0 };

        if (sys_root)
                jk_pmus_read(&pmus, sys_root);
        for (size_t i = 0; i < JK_COUNT(usual); i++) {
                (void)jk_event_resolve(&pmus, usual[i].name, &ret_events[i], NULL);
                if (!software)
                        continue;
                ret_events[i].n_codes = 1;
                ret_events[i].codes[0] = (struct jk_event_code){
                        .type = PERF_TYPE_SOFTWARE,
                        .configs = { usual[i].software },
                        .everywhere = true,
                };
        }
        return JK_COUNT(usual);
}

/* 0 if some CPU counts it; else the errno that tells most. */
static int
try_event(const struct jk_counted *event, int n_cpus)
{
        int reason = -ENODEV;

        for (int cpu = 0; cpu < n_cpus; cpu++) {
                int fd = jk_event_open(event, cpu, 0, true, -1);

                if (fd >= 0) {
                        close(fd);
                        return 0;
                }
                if (fd != -ENODEV && (fd != -ENOENT || jk_event_code(event, cpu)))
                        reason = fd;
        }
        return reason;
}

size_t
jk_counters_choose(const struct jk_activity_env *env, bool software,
                   struct jk_counted ret_events[static JK_COUNTERS_MAX])
{
        int n_cpus = libbpf_num_possible_cpus();
        size_t n = env->n_events, kept = 0;

        if (n > 0)
                memcpy(ret_events, env->events, n * sizeof *ret_events);
        else
                n = usual_events(env->sys_root, software, ret_events);

        for (size_t i = 0; i < n; i++) {
                int r = try_event(&ret_events[i], n_cpus);

                if (r < 0 && env->n_events > 0)
                        jk_log_warning("events: %s is not counted: %s", ret_events[i].name,
                                       jk_event_why_not(r));
                else if (r == 0)
                        ret_events[kept++] = ret_events[i];
        }
        return kept;
}

/* ---- opening ---- */

static size_t
n_all(const struct jk_counters *counters)
{
        return (size_t)counters->n_cpus * counters->n;
}

static void
close_all(struct jk_counters *counters)
{
        for (size_t i = 0; i < n_all(counters); i++) {
                uint32_t index = (uint32_t)i;

                if (counters->open[i])
                        bpf_map__delete_elem(counters->programs->maps.counters, &index,
                                             sizeof index, 0);
                counters->open[i] = false;
        }
}

/* Start the readings anew: a counter that was opened again begins at 0. */
static void
clear_readings(struct jk_counters *counters)
{
        struct bpf_map *readings = counters->programs->maps.readings;
        size_t size = (size_t)bpf_map__value_size(readings) * (size_t)counters->n_cpus;
        jk_autofree void *zeros = calloc(1, size);
        uint32_t zero = 0;

        if (zeros)
                bpf_map__update_elem(readings, &zero, sizeof zero, zeros, size, BPF_ANY);
}

/* 0, or why that event is not counted on that CPU. */
static int
open_one(struct jk_counters *counters, size_t i)
{
        uint32_t index = (uint32_t)i;
        jk_autoclose int fd = jk_event_open(&counters->events[i % counters->n],
                                            (int)(i / counters->n), 0, false, -1);
        int r = fd < 0 ? fd
                       : bpf_map__update_elem(counters->programs->maps.counters, &index,
                                              sizeof index, &fd, sizeof fd, BPF_ANY);

        counters->open[i] = r == 0;
        return r;
}

static void
open_all(struct jk_counters *counters)
{
        size_t failed = 0;
        int reason = 0;

        close_all(counters);
        clear_readings(counters);
        for (size_t i = 0; i < n_all(counters); i++) {
                int r = open_one(counters, i);

                if (r == 0 || r == -ENODEV || r == -ENOENT)
                        continue; /* the CPU is offline, or of another kind */
                failed++;
                reason = r;
        }
        if (failed > 0)
                jk_log_warning("bpf: %zu of %zu counters could not be opened, and what is counted "
                               "on their CPUs is missing: %s",
                               failed, n_all(counters), jk_event_why_not(reason));
}

/* Whether the set of online CPUs is another than the last time. */
static bool
cpus_changed(struct jk_counters *counters)
{
        struct jk_root host = JK_ROOT_CLOSED;
        char online[sizeof counters->online] = "";
        bool changed;

        if (jk_root_open("/", &host, NULL) < 0)
                return false;
        changed = jk_root_read(&host, "sys/devices/system/cpu/online", online, sizeof online) > 0 &&
                  strcmp(online, counters->online) != 0;
        jk_root_close(&host);
        if (changed)
                memcpy(counters->online, online, sizeof online);
        return changed;
}

int
jk_counters_open(struct jk_activity *programs, const struct jk_counted *events, size_t n,
                 struct jk_counters **ret_counters, struct jk_error *err)
{
        struct jk_counters *counters = calloc(1, sizeof *counters);

        if (!counters)
                return jk_fail(err, ENOMEM, "bpf: opening counters: out of memory");

        counters->programs = programs;
        counters->events = events;
        counters->n = n;
        counters->n_cpus = libbpf_num_possible_cpus();
        counters->open = calloc(n_all(counters), sizeof *counters->open);
        if (!counters->open) {
                free(counters);
                return jk_fail(err, ENOMEM, "bpf: opening counters: out of memory");
        }

        cpus_changed(counters);
        open_all(counters);
        *ret_counters = counters;
        return 0;
}

void
jk_counters_close(struct jk_counters *counters)
{
        if (!counters)
                return;
        close_all(counters);
        free(counters->open);
        free(counters);
}

/* ---- the tick ---- */

static bool
counts_on(const struct jk_counters *counters, int cpu)
{
        for (size_t i = 0; i < counters->n; i++)
                if (counters->open[(size_t)cpu * counters->n + i])
                        return true;

        return false;
}

/* Whether a counter of that CPU stands still. */
static bool
flush_cpu(struct jk_counters *counters, int cpu)
{
        struct bpf_test_run_opts options = {
                .sz = sizeof options,
                .flags = BPF_F_TEST_RUN_ON_CPU,
                .cpu = (__u32)cpu,
        };

        return bpf_prog_test_run_opts(bpf_program__fd(counters->programs->progs.jk_flush),
                                      &options) == 0 &&
               options.retval;
}

void
jk_counters_flush(struct jk_counters *counters)
{
        int still = -1;

        for (int cpu = 0; cpu < counters->n_cpus; cpu++)
                if (counts_on(counters, cpu) && flush_cpu(counters, cpu))
                        still = cpu;

        if (cpus_changed(counters)) {
                jk_log_info("bpf: the online CPUs are now %s: counters opened again",
                            counters->online);
                open_all(counters);
        } else if (still >= 0) {
                jk_log_info("bpf: the counters of CPU %d stood still, as after a suspend: all are "
                            "opened again",
                            still);
                open_all(counters);
        }
}
