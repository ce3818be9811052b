/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the engine share: engine.c opens the parts and ticks, timing.c keeps the grid
 * of ticks, report.c says how the agent itself is doing.
 */
#pragma once

#include <pthread.h>

#include "activity/events/events.h"
#include "curve/estimates.h"
#include "engine/engine.h"

struct jk_users;

/* Things that may fail tick after tick, said once until they work again. */
enum jk_complaint {
        JK_COMPLAINT_CPUS,
        JK_COMPLAINT_TASKS,
        JK_COMPLAINT_CGROUPS,
        JK_COMPLAINT_MAX,
};

struct jk_engine {
        struct jk_root root, proc_root, cgroup_root, users_root;
        struct jk_estimates estimates; /* what the meters' estimates go by */
        struct jk_meters *meters;
        struct jk_cgroups *cgroups;
        struct jk_users *users;
        struct jk_cpus *cpus; /* NULL if there is no proc/stat */
        const struct jk_collector_ops *collector_ops;
        struct jk_collector *collector; /* NULL: tasks cannot be seen */
        struct jk_enclaves *enclaves;   /* NULL: there is no SGX here */
        struct jk_epc *epc;             /* NULL: its memory is not counted by cgroup */
        char activity_missing[512];
        char model_label[256];
        const struct jk_model_ops *model_ops;
        struct jk_model *model;
        struct jk_ledger *ledger;
        struct jk_sample sample;
        bool unbooked; /* memory ran out: the sample waits for the next tick */
        struct jk_engine_sink sink;
        struct jk_shelf shelf;

        /* What another thread may set: see jk_engine_reconfigure(). The tick takes it over. */
        pthread_mutex_t lock; /* of `wanted` */
        struct jk_engine_changes {
                int64_t interval_ns;
                struct jk_ledger_options ledger;
        } wanted;
        int wake_fd; /* eventfd: it has changed */
        struct jk_engine_changes current;

        int statm_fd;
        int64_t started_realtime_ns;
        uint64_t ticks, late_ticks, missed_ticks;
        int64_t collect_ns, attribute_ns, publish_ns;
        uint64_t complained_tick[JK_COMPLAINT_MAX]; /* tick + 1 of the last failure */
};

/* Find the events of the options (engine.h): none for "auto". 0, or a negative errno with a
 * message. */
int jk_engine_find_events(const struct jk_root *root, const char *wanted,
                          struct jk_counted ret_events[static JK_COUNTERS_MAX], size_t *ret_n,
                          struct jk_error *err);

int jk_engine_open_timing(struct jk_engine *engine, struct jk_error *err);

/* At the start of a tick: make current what is wanted. */
void jk_engine_take_over(struct jk_engine *engine);

/* Log a failure of this tick, unless the tick before failed in the same way. */
void jk_engine_complain(struct jk_engine *engine, enum jk_complaint complaint, const char *message);

void jk_engine_report(struct jk_engine *engine, struct jk_status *ret_status);
