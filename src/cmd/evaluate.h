/* SPDX-License-Identifier: Apache-2.0
 *
 * How well a model predicts the power of zones: it learns from a part of some recordings and is
 * asked about the rest, of which it sees the activity and not the energy. Parts are contiguous
 * (neighbouring ticks are alike: shuffled ones would flatter any model), or whole recordings, or
 * all ticks in which one program used most CPU time.
 */
#pragma once

#include "base/error.h"
#include "model/model.h"

enum jk_fold_by { JK_FOLD_BLOCK, JK_FOLD_FILE, JK_FOLD_PROGRAM };

struct jk_evaluation {
        const char *model;        /* a spec (model.h) */
        const char *const *paths; /* recordings, in their order */
        size_t n_paths;

        enum jk_fold_by by;
        size_t n_folds; /* ≥ 2; each in turn is kept from the model and asked about */
        uint64_t block; /* ticks in a row in one fold; 0: a fold is one row of ticks */
        double ends;    /* > 0: learn from the first such part, ask about the last; ≤ 0.5 */
};

struct jk_zone_errors {
        char zone[JK_ZONE_NAME_SIZE]; /* or its kind: all zones of it together, if several */
        uint64_t n;                   /* ticks asked about and answered */
        uint64_t unanswered;          /* ticks asked about for which the model knew nothing */
        double mean_w;                /* measured */
        double mae_w;                 /* mean |predicted − measured| */
        double mape_pct; /* mean |predicted − measured| / measured, where measured > 0 */
        double bias_w;   /* mean predicted − measured */
        double p95_w;    /* 95th percentile of |predicted − measured| */
};

/* Returns the number of zones in *ret_errors (the caller's to free), or a negative errno with a
 * message that names the file. ret_cut: a recording that ends within a tick, whose whole ticks were
 * taken; NULL if none does. */
int jk_evaluate(const struct jk_evaluation *evaluation, struct jk_zone_errors **ret_errors,
                const char **ret_cut, struct jk_error *err);
