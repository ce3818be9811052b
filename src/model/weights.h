/* SPDX-License-Identifier: Apache-2.0
 *
 * What a rate costs: the additive part of what was learned, by which energy can be divided among
 * tasks. A zone's power is taken for idle power + Σ weight × rate with no weight below 0, fitted to
 * the cells. Where they do not tell two rates apart, a prior does: all is due to the leading one,
 * and of thread time and core time (features.h) each bears its part of JK_SHARED_WORTH. A rate that
 * explains nothing (a column of garbage) or nothing more than others do is left out.
 */
#pragma once

#include "model/cells.h"
#include "model/features.h"

struct jk_weights {
        double rate[JK_RATES_MAX]; /* W per unit of the rate: J per CPU second, cycle, miss … */
        double idle_w;             /* what is left where all rates are 0 */
        double error_w;            /* root mean square of what they leave unexplained, or NaN */
};

/* Before anything is known: all that is divided goes by the leading rate, and its core time. */
void jk_weights_init(struct jk_weights *weights, const struct jk_features *features,
                     size_t leading);

/* Fit to column `zone` of the cells. package: the rates of other packages are left out; -1: none
 * is. Deterministic; allocates nothing. Returns about how many multiplications that took. */
size_t jk_weights_learn(struct jk_weights *weights, const struct jk_cells *cells, size_t zone,
                        const struct jk_features *features, size_t leading, int package);
