/* SPDX-License-Identifier: Apache-2.0
 *
 * The zone `other`: what wall power shows that no zone inside explains. A value from outside comes
 * seconds late, when its tick is booked already; so this is a prediction, from inside power of the
 * tick and a slow fit (rest.h) to values from outside and inside power of the same time (lag.h).
 * When wall power is lost it goes on for a while, with an error bar that widens.
 */
#pragma once

#include "meter/lag.h"
#include "meter/meter.h"
#include "meter/rest.h"

struct jk_other {
        struct jk_lag lag;
        struct jk_lag_search search;
        struct jk_rest rest;
        bool offset_given;
        double uncertainty_pct; /* of wall power */

        struct jk_lag_result found; /* the offset in use */
        bool is_found;
        struct jk_lag_result candidate; /* another one, that is to be found twice */
        bool has_candidate;
        int64_t sought_ns;  /* when, monotonic; 0: not yet */
        int64_t fitted_ns;  /* values from outside until then are in the fit */
        int64_t outside_ns; /* the latest of them; 0: none */
        uint64_t zones;     /* a sum over the zones that inside power is made of */
        unsigned n_changed; /* ticks in a row in which these were others */
        double inside_j;    /* in this tick */
        double inside_error_w;
        double carry;
};

/* offset_s: given, or NaN: to be found. */
void jk_other_init(struct jk_other *other, double offset_s, double uncertainty_pct);

/* One tick: all zones but wall, battery and rails are in the sample's readings. The zone's error
 * bar goes to ret_uncertainty_pct. -ERANGE with a message where wall power is below what is inside.
 */
int jk_other_read(struct jk_other *other, const struct jk_lag_outside *outside, size_t n_outside,
                  const struct jk_sample *sample, struct jk_zone_reading *ret_reading,
                  double *ret_uncertainty_pct, struct jk_error *err);
