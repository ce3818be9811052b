/* SPDX-License-Identifier: Apache-2.0
 *
 * How late a meter outside of the machine is. A plug or a PDU averages, waits and sends: what it
 * says now was drawn up to half a minute ago. The power that is counted inside goes up and down in
 * the same pattern, so the lag is where the two correlate best. Pure, but for its memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JK_LAG_POINTS 400

/* Outside power: what was drawn on average from one time to another, by the outside's clock. */
struct jk_lag_outside {
        int64_t from_ns, to_ns;
        double power_w;
};

struct jk_lag_inside {
        int64_t time_ns;
        double energy_j; /* since the first */
};

/* Two rings, of some minutes: at points nearer to each other than JK_LAG_SPACING_NS, one is kept.
 * Zeroed is empty. */
#define JK_LAG_SPACING_NS INT64_C(450000000)
struct jk_lag {
        struct jk_lag_outside outside[JK_LAG_POINTS];
        size_t outside_first, n_outside;
        struct jk_lag_inside inside[JK_LAG_POINTS];
        size_t inside_first, n_inside;
        double pending_j; /* energy since the latest point */
};

/* What was found. */
struct jk_lag_result {
        double offset_s;    /* the outside is so much later than the inside */
        double error_s;     /* one standard deviation */
        double correlation; /* at that offset */
};

void jk_lag_clear(struct jk_lag *lag);

/* Energy that was counted inside until this time, since the previous call; times rise. */
void jk_lag_add_inside(struct jk_lag *lag, int64_t time_ns, double energy_j);

/* A value from outside; times rise. */
void jk_lag_add_outside(struct jk_lag *lag, const struct jk_lag_outside *outside);

/* The oldest value from outside that ends after this time, or NULL. */
const struct jk_lag_outside *jk_lag_outside_after(const struct jk_lag *lag, int64_t time_ns);

/* The latest time of which inside power is known; 0: none. */
int64_t jk_lag_inside_until(const struct jk_lag *lag);

/* Mean power inside from one time to another; NaN where that is not all known. */
double jk_lag_inside_w(const struct jk_lag *lag, int64_t from_ns, int64_t to_ns);

/* A search for the offset, from -10 s to 40 s in steps of half a second: a part of it in each call,
 * true when all have been tried, and it begins anew. Zeroed, it has not begun. */
#define JK_LAG_STEPS 101
struct jk_lag_search {
        size_t next, best; /* steps */
        double best_r;
};
bool jk_lag_search(struct jk_lag_search *search, const struct jk_lag *lag);

/* What a whole search has found. False where there is too little to tell: too few values, too
 * little variation, no clear best. */
bool jk_lag_conclude(const struct jk_lag_search *search, const struct jk_lag *lag,
                     struct jk_lag_result *ret_result);
