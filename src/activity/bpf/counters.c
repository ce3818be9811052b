/* SPDX-License-Identifier: Apache-2.0
 *
 * Hardware counters: cycles, instructions and cache misses of each CPU, opened here and read by the
 * BPF program at every context switch. A CPU that goes offline takes its counters with it, so they
 * are opened again when the set of online CPUs changes.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "activity/bpf/collector.h"
#include "activity/bpf/skeleton.h"
#include "base/cleanup.h"
#include "base/log.h"

static const struct counter {
        uint32_t field; /* enum jk_task_field */
        uint64_t hardware;
        uint64_t software; /* stands in for it in tests */
} counters_of[JK_COUNTERS] = {
        { JK_TASK_CYCLES, PERF_COUNT_HW_CPU_CYCLES, PERF_COUNT_SW_CPU_CLOCK },
        { JK_TASK_INSTRUCTIONS, PERF_COUNT_HW_INSTRUCTIONS, PERF_COUNT_SW_CPU_CLOCK },
        { JK_TASK_LLC_MISSES, PERF_COUNT_HW_CACHE_MISSES, PERF_COUNT_SW_CONTEXT_SWITCHES },
};

struct jk_counters {
        struct jk_activity *programs;
        bool software;
        uint32_t fields;
        int n_cpus; /* possible ones */
        char online[256];
        int *fds; /* n_cpus * JK_COUNTERS; -1: not open */
};

static int
open_counter(const struct counter *counter, bool software, int cpu)
{
        struct perf_event_attr attributes = {
                .size = sizeof attributes,
                .type = software ? PERF_TYPE_SOFTWARE : PERF_TYPE_HARDWARE,
                .config = software ? counter->software : counter->hardware,
        };
        long fd = syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

        return fd < 0 ? -errno : (int)fd;
}

bool
jk_counters_exist(bool software)
{
        for (size_t i = 0; i < JK_COUNTERS; i++) {
                int fd = open_counter(&counters_of[i], software, 0);

                if (fd >= 0) {
                        close(fd);
                        return true;
                }
        }
        return false;
}

static struct bpf_map *
counter_map(const struct jk_counters *counters, int which)
{
        struct bpf_map *const maps[JK_COUNTERS] = {
                counters->programs->maps.counter_0,
                counters->programs->maps.counter_1,
                counters->programs->maps.counter_2,
        };

        return maps[which];
}

static void
close_all(struct jk_counters *counters)
{
        for (int i = 0; i < counters->n_cpus * JK_COUNTERS; i++) {
                jk_cleanup_close(&counters->fds[i]);
                counters->fds[i] = -1;
        }
}

/* Start the readings anew: a counter that was opened again begins at 0. */
static void
clear_readings(struct jk_counters *counters)
{
        size_t size = sizeof(struct bpf_perf_event_value) * (size_t)counters->n_cpus;
        jk_autofree void *zeros = calloc(1, size);

        for (uint32_t which = 0; zeros && which < JK_COUNTERS; which++)
                bpf_map__update_elem(counters->programs->maps.readings, &which, sizeof which, zeros,
                                     size, BPF_ANY);
}

static void
open_all(struct jk_counters *counters)
{
        close_all(counters);
        clear_readings(counters);
        for (int cpu = 0; cpu < counters->n_cpus; cpu++) {
                for (int which = 0; which < JK_COUNTERS; which++) {
                        int *fd = &counters->fds[cpu * JK_COUNTERS + which];

                        *fd = open_counter(&counters_of[which], counters->software, cpu);
                        if (*fd < 0)
                                continue; /* offline, or this counter does not exist */
                        if (bpf_map__update_elem(counter_map(counters, which), &cpu, sizeof cpu, fd,
                                                 sizeof *fd, BPF_ANY) == 0)
                                counters->fields |= counters_of[which].field;
                }
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
jk_counters_open(struct jk_activity *programs, bool software, struct jk_counters **ret_counters,
                 struct jk_error *err)
{
        struct jk_counters *counters = calloc(1, sizeof *counters);

        if (!counters)
                return jk_fail(err, ENOMEM, "bpf: opening counters: out of memory");

        counters->programs = programs;
        counters->software = software;
        counters->n_cpus = libbpf_num_possible_cpus();
        counters->fds = malloc(sizeof *counters->fds * (size_t)counters->n_cpus * JK_COUNTERS);
        if (!counters->fds) {
                free(counters);
                return jk_fail(err, ENOMEM, "bpf: opening counters: out of memory");
        }
        memset(counters->fds, -1, sizeof *counters->fds * (size_t)counters->n_cpus * JK_COUNTERS);

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

                if (counters->fds[cpu * JK_COUNTERS] >= 0)
                        bpf_prog_test_run_opts(fd, &options);
        }
}

uint32_t
jk_counters_fields(const struct jk_counters *counters)
{
        return counters ? counters->fields : 0;
}
