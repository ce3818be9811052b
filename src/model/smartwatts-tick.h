/* SPDX-License-Identifier: Apache-2.0
 *
 * What the SmartWatts formula keeps of the HWPC reports of one socket and time: per target the
 * counts of each core event over all CPUs, and of the machine energy and frequency.
 */
#pragma once

#include "hwpc/report.h"
#include "model/smartwatts-model.h"

enum jk_smartwatts_scope { JK_SMARTWATTS_CPU, JK_SMARTWATTS_DRAM, JK_SMARTWATTS_SCOPE_MAX };

enum { JK_SMARTWATTS_TARGETS_MAX = 1 << 16 }; /* of one time */

/* The core events that were seen on a socket; they get an index each, which stays. */
struct jk_smartwatts_events {
        uint32_t ids[JK_SMARTWATTS_FEATURES_MAX];    /* numbers of names */
        uint8_t by_name[JK_SMARTWATTS_FEATURES_MAX]; /* indices, sorted by name */
        size_t n;
};

/* The numbers of the names that mean something to the formula, or negative. */
struct jk_smartwatts_names {
        const struct jk_hwpc_names *all;
        int rapl, msr, core, aperf, mperf, time_enabled, time_running;
        int meters[JK_SMARTWATTS_SCOPE_MAX];
};

struct jk_smartwatts_target {
        size_t name;   /* where in names */
        size_t counts; /* where in counts */
        uint64_t seen; /* which events: bits by index */
        uint32_t next; /* whose name has the same hash; itself if it is the last */
};

/* Zero-initialised is empty. */
struct jk_smartwatts_tick {
        int64_t timestamp_ms;
        struct jk_text names;
        struct jk_smartwatts_target *targets; /* in the order of their first reports */
        size_t n_targets, targets_capacity;
        uint64_t *counts;
        size_t n_counts, counts_capacity;
        struct jk_map by_name;

        /* of the machine */
        bool has_all, has_msr, has_energy[JK_SMARTWATTS_SCOPE_MAX];
        double aperf, mperf;                      /* mean over CPUs */
        uint64_t energy[JK_SMARTWATTS_SCOPE_MAX]; /* in units of 2^-32 J */
};

void jk_smartwatts_tick_free(struct jk_smartwatts_tick *tick);
void jk_smartwatts_tick_begin(struct jk_smartwatts_tick *tick, int64_t timestamp_ms);

/* Take what a report says of a socket; a second report of a target replaces the first: 0; -ENODATA
 * if it has no core events of it, -ENOSPC if there are too many targets or events (it is then not
 * taken); -ENOMEM. */
int jk_smartwatts_tick_take(struct jk_smartwatts_tick *tick, struct jk_smartwatts_events *events,
                            const struct jk_smartwatts_names *names,
                            const struct jk_hwpc_report *report, uint32_t socket);

/* What a target counted of an event. */
uint64_t jk_smartwatts_tick_count(const struct jk_smartwatts_tick *tick,
                                  const struct jk_smartwatts_target *target, size_t event);

/* No silent wrap: a sum that does not fit is the greatest number. */
uint64_t jk_smartwatts_add(uint64_t a, uint64_t b);
