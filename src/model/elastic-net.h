/* SPDX-License-Identifier: Apache-2.0
 *
 * Elastic net with weights that are not negative, by cyclic coordinate descent: the weights w and
 * the intercept b that minimise
 *
 *     |y − Xw − b|² / 2n + alpha · (l1_ratio · Σw + (1 − l1_ratio) / 2 · Σw²),   w ≥ 0
 *
 * with the steps and the rule to stop of scikit-learn 1.2.1 (ElasticNet(positive=True) on dense
 * data; Friedman, Hastie, Tibshirani, J. Stat. Softw. 33(1), 2010), so that its results are had to
 * the last digits, also where it stops before the minimum. Features are not scaled. Pure, and
 * allocates nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct jk_elastic_net {
        double alpha;
        double l1_ratio; /* 0 … 1 */
        double tolerance;
        unsigned max_iterations;
        bool fit_intercept;
};

/* As the library has them. */
extern const struct jk_elastic_net jk_elastic_net_defaults;

/* Fit n samples of k features. x has a column of n values per feature, one after the other; with an
 * intercept, x and y are centred in place. scratch has n + 2 k values, ret_weights k.
 * Returns the iterations made; if they are max_iterations, it may not have converged. */
unsigned jk_elastic_net_fit(const struct jk_elastic_net *net, double *x, double *y, size_t n,
                            size_t k, double *scratch, double *ret_weights, double *ret_intercept);
