/* SPDX-License-Identifier: Apache-2.0
 *
 * Least squares with weights that are not negative, on sums of products: rows are added up once,
 * and any set of their columns can then be fitted, and judged on rows that were kept apart, without
 * seeing the rows again. Pure, and allocates nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define JK_GRAM_MAX 40 /* columns: all that a sample can count, and a constant */

struct jk_gram {
        size_t n; /* columns; zeroed but for this is empty */
        double xx[JK_GRAM_MAX][JK_GRAM_MAX];
        double xy[JK_GRAM_MAX];
        double yy;
        double count; /* rows */
};

/* Add a row: x has gram->n values, all finite. */
void jk_gram_add(struct jk_gram *gram, const double *x, double y);

/* What is in `all` and not in `part`. */
void jk_gram_without(const struct jk_gram *all, const struct jk_gram *part,
                     struct jk_gram *ret_rest);

/* The weights ≥ 0 of least squares of the columns that are used; the others' are 0. Columns that
 * say the same share nothing: the one that explains more at first has it. */
void jk_gram_fit(const struct jk_gram *gram, const bool used[JK_GRAM_MAX],
                 double ret_weights[JK_GRAM_MAX]);

/* Σ (y − Σ weight × x)² over the rows, ≥ 0. */
double jk_gram_misfit(const struct jk_gram *gram, const double weights[JK_GRAM_MAX]);
