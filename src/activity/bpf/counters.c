/* SPDX-License-Identifier: Apache-2.0
 *
 * Counters: each event of the list on each CPU, opened here and read by the BPF program at every
 * context switch. A CPU that goes offline takes its counters with it, so they are opened again when
 * the set of online CPUs changes.
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
        char online[256];
        int *fds; /* [n_cpus][n]; -1: not open */
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

static void
close_all(struct jk_counters *counters)
{
        for (size_t i = 0; i < (size_t)counters->n_cpus * counters->n; i++) {
                jk_cleanup_close(&counters->fds[i]);
                counters->fds[i] = -1;
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

static void
open_all(struct jk_counters *counters)
{
        close_all(counters);
        clear_readings(counters);
        for (size_t i = 0; i < (size_t)counters->n_cpus * counters->n; i++) {
                uint32_t index = (uint32_t)i;

                counters->fds[i] = jk_event_open(&counters->events[i % counters->n],
                                                 (int)(i / counters->n), 0, false, -1);
                if (counters->fds[i] >= 0) /* else it is offline, or of another kind */
                        bpf_map__update_elem(counters->programs->maps.counters, &index,
                                             sizeof index, &counters->fds[i], sizeof(int), BPF_ANY);
        }
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
        size_t n_fds;

        if (!counters)
                return jk_fail(err, ENOMEM, "bpf: opening counters: out of memory");

        counters->programs = programs;
        counters->events = events;
        counters->n = n;
        counters->n_cpus = libbpf_num_possible_cpus();
        n_fds = (size_t)counters->n_cpus * n;
        counters->fds = malloc(sizeof *counters->fds * n_fds);
        if (!counters->fds) {
                free(counters);
                return jk_fail(err, ENOMEM, "bpf: opening counters: out of memory");
        }
        memset(counters->fds, -1, sizeof *counters->fds * n_fds);

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
        free(counters->fds);
        free(counters);
}

/* ---- the tick ---- */

static bool
counts_on(const struct jk_counters *counters, int cpu)
{
        for (size_t i = 0; i < counters->n; i++)
                if (counters->fds[(size_t)cpu * counters->n + i] >= 0)
                        return true;

        return false;
}

void
jk_counters_flush(struct jk_counters *counters)
{
        int fd = bpf_program__fd(counters->programs->progs.jk_flush);

        if (cpus_changed(counters)) {
                jk_log_info("bpf: the online CPUs are now %s: counters opened again",
                            counters->online);
                open_all(counters);
        }

        for (int cpu = 0; cpu < counters->n_cpus; cpu++) {
                struct bpf_test_run_opts options = {
                        .sz = sizeof options,
                        .flags = BPF_F_TEST_RUN_ON_CPU,
                        .cpu = (__u32)cpu,
                };

                if (counts_on(counters, cpu))
                        bpf_prog_test_run_opts(fd, &options);
        }
}
