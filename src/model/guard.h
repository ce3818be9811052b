/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands between a model that others made and the ledger. It looks at each split, has `share`
 * divide where there is none or it is not fit to be booked, counts the ticks in which that was so,
 * and says so once a minute.
 */
#pragma once

#include "model/model.h"

struct jk_guard {
        const char *name;       /* of the model, for messages; borrowed */
        struct jk_model *share; /* sees every tick, so that it is ready when it is needed */

        uint64_t n_faulty;   /* ticks since the start in which `share` had to stand in */
        uint64_t n_unsaid;   /* of them, not told yet */
        bool is_faulty;      /* this tick is one of them */
        int64_t said_ns;     /* the sample's monotonic time when that was told last; 0: never */
        struct jk_error why; /* what was wrong last */
};

int jk_guard_open(struct jk_guard *guard, const char *name, struct jk_error *err);
void jk_guard_close(struct jk_guard *guard);

/* To be called first in each tick. */
void jk_guard_observe(struct jk_guard *guard, const struct jk_sample *sample);

/* This tick's division, or a zone's, is not the model's, and why. */
void jk_guard_fault(struct jk_guard *guard, const struct jk_sample *sample, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Divide a zone as `share` does. */
void jk_guard_divide(struct jk_guard *guard, const struct jk_sample *sample, size_t zone,
                     struct jk_split *split);

/* Whether the ledger may see a split: all numbers finite, none of them negative, and the sum of the
 * weights finite. 0, or -EBADMSG with what is wrong. */
int jk_split_check(const struct jk_sample *sample, const struct jk_split *split,
                   struct jk_error *err);

/* Idle power and expectations that are not fit to be shown become what `share` knows, and nothing.
 */
struct jk_idle_estimate jk_guard_idle(const struct jk_guard *guard, size_t zone,
                                      struct jk_idle_estimate idle);
struct jk_expectation jk_guard_expectation(struct jk_expectation expectation);
