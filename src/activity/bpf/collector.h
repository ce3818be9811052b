/* SPDX-License-Identifier: Apache-2.0
 *
 * The BPF collector's parts: loading the programs, hardware counters, the table of threads. What
 * make bench and the tests may ask beyond activity.h is here as well.
 */
#pragma once

#include <pthread.h>

#include "activity/activity.h"
#include "activity/bpf/threads.h"
#include "activity/events/events.h"
#include "base/text.h"

struct jk_activity; /* the skeleton */
struct jk_ring;

struct jk_bpf_options {
        bool software_counters; /* let software clocks stand in for hardware counters: for tests */
        bool no_walk;           /* read the iterator at each tick, as on older kernels */
        uint32_t ring_bytes;    /* of the events' ring buffer, a power of two; 0: as built */
};

/* Made and removed cgroups, until the tick that hands them on. */
struct jk_cgroup_change {
        uint64_t id;
        size_t path; /* its offset in the text; unused if removed */
        bool created;
};

struct jk_counters;

struct jk_collector {
        struct jk_activity *programs;
        struct jk_ring *ring;
        struct jk_counters *counters; /* NULL without */
        struct jk_cgroups *cgroups;   /* borrowed */
        struct jk_topology topology;
        char description[512];

        size_t n_counted;
        struct jk_counted *counted;   /* [n_counted] */
        uint32_t fields;              /* of them: enum jk_task_field */
        struct jk_event_table events; /* of the topology, and those counted that have no field */

        /* The thread that empties the ring when it fills up between two ticks shares these. */
        pthread_mutex_t lock;
        struct jk_threads threads;
        struct jk_cgroup_change *changes;
        size_t n_changes, changes_capacity;
        struct jk_text paths;
        int failure; /* -ENOMEM while events were taken: told by the next tick */

        pthread_t reader;
        bool reading; /* the thread runs */
        int epoll_fd, stop_fd;

        bool first;    /* no tick yet */
        bool want_all; /* the next pass has to report every thread */
        uint64_t lost; /* events, as of the last tick */
        uint64_t ticks;
        size_t ran;            /* threads, as of the last pass that told who ran */
        bool no_walk;          /* it was tried and failed */
        unsigned char *buffer; /* for the iterator */
};

/* As jk_collector_bpf.open(), with options (NULL: none). */
int jk_bpf_open(const struct jk_activity_env *env, const struct jk_bpf_options *options,
                struct jk_collector **ret_collector, struct jk_error *err);

/* Load and attach the programs (load.c). */
int jk_bpf_load(const struct jk_activity_env *env, const struct jk_bpf_options *options,
                size_t n_counters, struct jk_activity **ret_programs, struct jk_error *err);

/* ---- run-time statistics: for make bench and doctor (stats.c) ---- */

struct jk_bpf_program_stats {
        char name[32];
        uint64_t runs;
        uint64_t ns; /* over all runs */
};

/* The kernel counts from now until the descriptor is closed: a descriptor or a negative errno. */
int jk_bpf_stats_enable(void);

/* Of each loaded program, at most n: how many there are. The collector is a BPF collector. */
size_t jk_bpf_stats(const struct jk_collector *collector, struct jk_bpf_program_stats *ret_stats,
                    size_t n);

/* ---- counters (counters.c) ---- */

/* Which events to count: those of the environment, or the usual three, less those that no CPU
 * counts; of the former a message tells why. software: let software clocks stand in for the usual
 * ones. */
size_t jk_counters_choose(const struct jk_activity_env *env, bool software,
                          struct jk_counted ret_events[static JK_COUNTERS_MAX]);

/* Open them on every CPU, for the loaded programs. events: borrowed. */
int jk_counters_open(struct jk_activity *programs, const struct jk_counted *events, size_t n,
                     struct jk_counters **ret_counters, struct jk_error *err);
void jk_counters_close(struct jk_counters *counters);

/* Before an iteration: follow CPUs that come and go, and let each CPU give what it counted to the
 * task that runs there. */
void jk_counters_flush(struct jk_counters *counters);
