/* SPDX-License-Identifier: Apache-2.0
 *
 * What models have in common that weigh tasks by what was counted of them (features.h).
 */
#pragma once

#include "model/features.h"
#include "model/load.h"
#include "model/model.h"

/* How far a division is off per workload even where the sum fits well: means on the held-out third
 * of a recorded two-socket node with 69 pods, by CPU time alone, by cycles, by three counters. */
#define JK_CPU_ERROR_PCT      16.3
#define JK_CYCLES_ERROR_PCT   5.2
#define JK_COUNTERS_ERROR_PCT 3.4

/* By what the tick tells tasks apart: one of these. */
double jk_division_error_pct(const struct jk_features *features);

/* The rate that bears all before anything is known: memory's energy goes with misses. */
size_t jk_leading_of(const struct jk_features *features, const struct jk_zone *zone);

/* Weigh tasks by Σ weights[rate] × count, and interrupts, of which only the time is known, as if
 * theirs were as dear as the tasks'. Where the tasks did nothing of what is dear, time is all that
 * tells. */
void jk_divide_by_rates(const struct jk_features *features, const struct jk_load *load,
                        const struct jk_sample *sample, const double weights[JK_RATES_MAX],
                        struct jk_split *split);
