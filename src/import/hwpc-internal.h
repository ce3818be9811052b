/* SPDX-License-Identifier: Apache-2.0
 *
 * HWPC reports while they are imported: hwpc.c takes them and says what they mean, hwpc-time.c
 * when.
 */
#pragma once

#include "import/hwpc.h"

enum clock { APERF, MPERF, TSC, CLOCKS };

/* What one CPU counted of one event, as it was reported. */
struct entry {
        int64_t time_ns;
        uint64_t count, enabled_ns, running_ns;
        uint32_t task; /* JK_NO_TASK: of the target "all" */
        uint32_t group, event, socket, cpu;
        uint32_t report;
        uint64_t order;
};

/* What a counter said last: of a task, a group and a CPU. */
struct counter {
        int64_t time_ns;
        uint64_t enabled_ns, running_ns;
        uint32_t task, group, cpu;
};

/* What the counts of a report span, where that is not the time since the one before; or 0. */
struct span {
        int64_t time_ns, ns;
};

struct jk_hwpc_import {
        struct jk_observations *seen;
        struct jk_hwpc_names *names;
        struct jk_hwpc_report report;
        struct jk_text sensor;
        uint32_t n_reports;

        struct entry *entries;
        size_t n_entries, entries_capacity;
        uint64_t n_taken; /* of all parts */
        uint32_t n_sockets;
        struct jk_map cpus; /* that clocks are read on */

        /* while it, or a part of it, is finished */
        size_t n_due; /* entries of the part */
        bool has_begun;
        int64_t until_ns; /* of the latest part */
        bool is_cumulative;
        int64_t interval_ns;      /* between the first two reports of the machine; 0: only one */
        struct jk_map by_counter; /* hash -> counter */
        struct counter *counters;
        size_t n_counters, counters_capacity;
        struct span *spans; /* in order of time */
        size_t n_spans, spans_capacity;
        struct jk_map group_of;  /* event -> the group that it is taken from */
        struct jk_map series_of; /* struct meaning, hashed -> series */
        uint32_t machine_stream, task_stream;
        uint32_t file;
        double clocks[CLOCKS], clock_ns;
};

/* Bring what was taken up to this time in order, n_due entries, and its times to those since the
 * report before: 0 or -ENOMEM. */
int jk_hwpc_settle_times(struct jk_hwpc_import *import, int64_t until_ns);

/* What is counted at this time spans; 0: the time since the report before, if there is one. */
int64_t jk_hwpc_span_at(const struct jk_hwpc_import *import, int64_t time_ns);
