/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of the set of meters, shared by its files: meters.c (reading and failing), slots.c
 * (opening and coming back), claims.c (which meter's zone is used), trial.c (whether two meters
 * agree).
 */
#pragma once

#include "meter/meters.h"

/* One row of the list. */
struct jk_meters_slot {
        const struct jk_meter_ops *ops;
        struct jk_meter *meter; /* NULL: not open */
        struct jk_slow *slow;   /* the thread of a slow one, once it was needed */
        bool wanted;
        bool fresh;           /* opened in this tick: it has no baselines yet */
        bool ailing;          /* its last reading failed in part; status.error says how */
        struct jk_error told; /* the latest warning of such a failure, */
        int64_t told_ns;      /* and when it was given, monotonic */
        int64_t delay_ns; /* the last delay after a failure, doubled each time; 0: all is well */
        int64_t wait_ns;  /* not open: for how long to leave it alone, */
        int64_t retry_ns; /* and until when, monotonic; 0: from the next tick */
};

/* The comparison of two meters for one zone of the table. */
enum jk_trial_verdict { JK_TRIAL_OPEN, JK_TRIAL_AGREED, JK_TRIAL_FAILED };

struct jk_trial {
        enum jk_trial_verdict verdict;
        int ticks;
        int64_t elapsed_ns;
        int64_t energy_uj;  /* by the meter on trial */
        int64_t trusted_uj; /* by the one that is used meanwhile */
};

struct jk_meters {
        struct jk_zone_table table;
        struct jk_meter_env env;
        struct jk_reference_config wall; /* env.wall, where there is one */
        bool automatic;                  /* "auto": what is modelled yields to what is measured */
        int64_t rescan_ns; /* when to look for new hardware, monotonic; 0: not set yet */
        bool warned;       /* that the interval is beyond the horizon */

        struct jk_meters_slot *slots;
        struct jk_meter_status *status;
        size_t n_slots;

        int owner[JK_ZONES_MAX];        /* slot whose reading is used, or -1, by zone index */
        int owner_before[JK_ZONES_MAX]; /* the same, when the tick began */
        struct jk_trial trials[JK_ZONES_MAX];
        struct jk_sample scratch; /* what a meter fills whose readings are not used (yet) */
};

/* Open a slot's meter, or set its status and when to try again. */
void jk_meters_open_slot(struct jk_meters *meters, size_t s);
void jk_meters_close_slot(struct jk_meters *meters, size_t s);

/* Read an open slot. After -ETIMEDOUT it is not open any more. */
int jk_meters_read_slot(struct jk_meters *meters, size_t s, struct jk_sample *sample,
                        struct jk_error *err);

/* A meter that is not open waits: after a failure, and for new hardware. */
void jk_meters_set_back(struct jk_meters_slot *slot);
void jk_meters_wait(struct jk_meters_slot *slot);

/* Open what is due, and look whether those that work have other zones by now: true if zones must be
 * claimed anew. */
bool jk_meters_retry(struct jk_meters *meters, int64_t now_ns);
bool jk_meters_rescan(struct jk_meters *meters, int64_t now_ns);

/* The zones of a slot: none if it is not open. */
size_t jk_meters_zones_of(const struct jk_meters *meters, size_t s,
                          struct jk_meter_zone **ret_zones);

/* Decide anew which meter reads which zone, from all that are open: sets every zone's index, the
 * table, the owners, and n_zones of each status. */
void jk_meters_claim(struct jk_meters *meters);

/* Whether slot s has a zone on trial: it reads it, and another owns it. */
bool jk_meters_on_trial(const struct jk_meters *meters, size_t s);

/* Compare what slot s read (in `tried`) with what the sample has. True if a verdict was reached, so
 * that zones must be claimed anew. */
bool jk_meters_judge(struct jk_meters *meters, size_t s, const struct jk_sample *tried,
                     const struct jk_sample *sample);
