/* SPDX-License-Identifier: Apache-2.0
 *
 * A tick while it is put together of observations (ticks.c), and made a sample (ticker.c).
 */
#pragma once

#include "import/ticks.h"

struct counter {
        double last;
        int64_t time_ns;
};

/* What a task did in the tick. */
struct doing {
        double did[JK_FEATURE_TASK_MAX];
        uint32_t has, lacks;               /* bits of features: some of it, not all of it */
        uint32_t has_events, lacks_events; /* bits of events */
        bool listed;
        bool known; /* was listed before */
        bool told;  /* the cgroup that has its number from this task */
};

struct ticker {
        struct jk_observations *seen;
        void (*take)(void *data, const struct jk_sample *sample);
        void *data;
        struct jk_sample sample;
        struct jk_error *err;

        int64_t start_ns, before_ns; /* of the first tick, and of the latest; -1: none */
        int64_t *spans_ns;           /* by stream: what its values span now */
        size_t spans_capacity;
        int64_t energy_uj; /* of all ticks */

        struct jk_map by_counter; /* series and task -> counter */
        struct counter *counters;
        size_t n_counters, counters_capacity;

        /* the tick that is being filled */
        int64_t now_ns, covered_ns; /* the longest span of what is in it */
        struct jk_zone_reading readings[JK_ZONES_MAX];
        struct doing *doing; /* by task */
        size_t doing_capacity;
        double *event_counts; /* by task and event */
        size_t event_counts_capacity;
        uint32_t *listed;
        size_t n_listed, listed_capacity;
        bool has_tasks;
        double machine_ns, states[JK_FEATURE_STATES]; /* NaN: not seen */
        int64_t cpu_span_ns;
};

/* What a task had of each event. */
static inline double *
jk_ticker_event_counts(const struct ticker *ticker, uint32_t task)
{
        return ticker->event_counts + task * ticker->seen->events.count;
}

/* The tick as a sample, to whoever takes them: 0 or -ENOMEM with a message. */
int jk_ticker_emit(struct ticker *ticker);

/* A tick at which nothing is known: where the first begins, and where a gap ends. */
int jk_ticker_emit_empty(struct ticker *ticker, int64_t time_ns);
