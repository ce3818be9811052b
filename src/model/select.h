/* SPDX-License-Identifier: Apache-2.0
 *
 * Event selection: which few of many counted events explain a zone's power (as SelfWatts does it,
 * Fieni, Rouvoy, Seinturier, CCGrid 2021: counters are few, and which events matter differs from
 * CPU to CPU). Forward: the event that makes the error smallest on rows that were kept apart is
 * added, until none makes it clearly smaller. Rows are kept apart in contiguous blocks, as
 * neighbours in time are alike. Pure.
 */
#pragma once

#include <stddef.h>

#include "model/counts.h"
#include "model/gram.h"

/* One is for idle power. */
_Static_assert(JK_COUNTS_MAX < JK_GRAM_MAX, "all counts and a constant");

struct jk_selection_rows {
        size_t n, n_columns;
        const double *x; /* [n][n_columns]: rates, ≥ 0 */
        const double *y; /* [n]: W */
};

struct jk_selection_rule {
        size_t n_folds;    /* ≥ 2 */
        size_t block;      /* rows in a row in one fold; 0: a fold is one row of rows */
        size_t most;       /* columns to choose */
        double least_gain; /* a column has to make the error smaller by this part of it */
};

/* How far off rows were that were kept apart. */
struct jk_selection_error {
        double rms_w, mae_w, mape_pct;
};

struct jk_selection {
        size_t n;
        size_t chosen[JK_COUNTS_MAX]; /* columns, in the order chosen … */
        struct jk_selection_error
                after[JK_COUNTS_MAX];     /* … and the error with it and those before */
        struct jk_selection_error before; /* with none: power is what it is on average */

        double idle_w;
        double weights[JK_COUNTS_MAX]; /* by column, of all rows; those that were not chosen are 0
                                        */
};

/* No choice: the error with just these columns is in `before`, and the weights are theirs. As
 * jk_select(). */
int jk_select_these(const struct jk_selection_rows *rows, const struct jk_selection_rule *rule,
                    const bool chosen[JK_COUNTS_MAX], struct jk_selection *ret_selection);

/* 0; -EINVAL: fewer rows than folds, or too many columns; -ENOMEM. */
int jk_select(const struct jk_selection_rows *rows, const struct jk_selection_rule *rule,
              struct jk_selection *ret_selection);
