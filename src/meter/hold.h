/* SPDX-License-Identifier: Apache-2.0
 *
 * From the values of a reference to energy: each is held until the next comes, so that every tick
 * has its part and none is counted twice. A counter of energy becomes power by what it moved, and
 * what was held too much or too little is made up for, so that the sum stays the counter's. A pure
 * function of values and times.
 */
#pragma once

#include "meter/lag.h"
#include "reference/feed.h"
#include "sample/sample.h"

/* Zeroed with its first two fields set, it holds nothing yet. */
struct jk_hold {
        enum jk_reference_unit unit;
        int64_t interval_ns; /* how often values are to come */

        double power_w;        /* what is held, while value_ns is not 0 */
        int64_t value_ns;      /* when it came, monotonic; 0: nothing is held */
        int64_t said_ns;       /* of what time the latest was, in realtime; 0: it did not say */
        int64_t time_ns;       /* the same as monotonic, or when it came */
        int64_t spacing_ns[2]; /* between the latest values; 0: not known */
        int64_t until_ns;      /* energy is counted until then, monotonic; 0: not begun */
        double carry;

        double counter_j;   /* of a counter: its latest value, */
        int64_t counter_ns; /* when it moved; 0: no baseline, */
        double owed_j;      /* and what it counted more than was held */
};

/* The values of a tick, and what they say of the past. */
struct jk_hold_news {
        struct jk_lag_outside *outside; /* as many as there may be values */
        size_t n;
        size_t n_refused;
        double refused; /* the latest of them */
};

/* Take in what came in the tick, and count its energy:
 *   no value yet                                     nothing
 *   the first one, or the first after a silence      REBASED
 *   one is held                                      SEEN, over the whole tick
 *   none that is new for four times as long as is
 *   usual, and 5 s                                   FROZEN: what is drawn is not known
 *   the machine slept                                REBASED
 * A value that no machine draws that runs this, at most 0 or above max_w, is refused. */
void jk_hold_read(struct jk_hold *hold, const struct jk_feed_value *values, size_t n, double max_w,
                  const struct jk_sample *sample, struct jk_zone_reading *ret_reading,
                  struct jk_hold_news *news);
