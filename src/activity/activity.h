/* SPDX-License-Identifier: Apache-2.0
 *
 * Activity: what tasks and CPUs did in the tick. A collector is one file with one constant table of
 * operations, listed in collectors.c: `bpf` (task iterator and exit tracepoint) and `proc` (procfs
 * and cgroup accounting, coarser). Both fill the same sample.
 */
#pragma once

#include "base/error.h"
#include "base/root.h"
#include "sample/sample.h"
#include "workload/cgroup.h"

struct jk_collector;
struct jk_counted; /* activity/events/events.h */

/* Events that are counted at once: as many as one CPU has counters for, and cheap to read. */
#define JK_COUNTERS_MAX 8

struct jk_activity_env {
        const struct jk_root *proc_root; /* proc/ lies below it */
        const struct jk_root *sys_root;  /* sys/ lies below it */
        struct jk_cgroups *cgroups;      /* which hierarchy to report ids of; learns of new ones */
        bool counters;                   /* use hardware counters if there are any */

        /* What to count instead of cycles, instructions and cache misses; JK_COUNTERS_MAX at most.
         * Only `bpf` counts. */
        const struct jk_counted *events;
        size_t n_events;
};

struct jk_collector_ops {
        const char *name; /* "bpf", as in --activity */
        const char *summary;

        /* 0, or a negative errno with the reason and the remedy: -EPERM, -EOPNOTSUPP … */
        int (*open)(const struct jk_activity_env *env, struct jk_collector **ret_collector,
                    struct jk_error *err);

        /* Append to sample->tasks and sample->cgroups, set task_fields, lost_events and the flags
         * TASKS, IRQ_IN_TASKS and COARSE. The first call sets baselines: every living task is
         * appended as NEW, with no activity. On a negative errno the tick has no tasks. Allocates
         * nothing once the arrays have grown. */
        int (*collect)(struct jk_collector *collector, struct jk_sample *sample,
                       struct jk_error *err);

        /* What it sees and how, for people: "BPF task iterator, exit tracepoint; cycles,
         * instructions, cache misses". */
        const char *(*describe)(const struct jk_collector *collector);

        void (*close)(struct jk_collector *collector);
};

extern const struct jk_collector_ops jk_collector_bpf;
extern const struct jk_collector_ops jk_collector_proc;

/* Every collector there is, NULL-terminated, best first. */
extern const struct jk_collector_ops *const jk_collector_list[];

/* Open the collector of that name, or with "auto" (or NULL) the first that opens: *ret_ops says
 * which. `err` also tells, on success, why a better one did not open (empty if none). */
int jk_collector_open(const struct jk_activity_env *env, const char *name,
                      const struct jk_collector_ops **ret_ops, struct jk_collector **ret_collector,
                      struct jk_error *err);

/* ---- per-CPU time, frequency and temperature: proc/stat, cpufreq, hwmon (cpu.c) ---- */

struct jk_cpus;

int jk_cpus_open(const struct jk_root *proc_root, const struct jk_root *sys_root,
                 struct jk_cpus **ret_cpus, struct jk_error *err);
void jk_cpus_close(struct jk_cpus *cpus);

/* Append every CPU to sample->cpus and set JK_SAMPLE_CPUS. CPUs that come and go (hot-plug) get a
 * new baseline; a counter that goes back gives 0 (the kernel's iowait does that). */
int jk_cpus_read(struct jk_cpus *cpus, struct jk_sample *sample, struct jk_error *err);
