/* SPDX-License-Identifier: Apache-2.0
 *
 * Arithmetic of energy, pure: wrapping counters, power from energy, and the division of whole
 * microjoules into shares that add up to the microjoule.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Energy since the previous reading of a counter that counts 0 … max_range and then starts again
 * at 0, in the counter's units. One wrap between two readings is recovered; more cannot be seen,
 * which is why the sampling period is bounded: jk_counter_horizon_s(). powercap states max_range as
 * max_energy_range_uj: Documentation/power/powercap/powercap.rst. A previous reading above
 * max_range (a counter that was replaced) gives 0. */
uint64_t jk_counter_delta(uint64_t previous, uint64_t now, uint64_t max_range);

/* Seconds until a counter of this range has wrapped once at this power. */
double jk_counter_horizon_s(double max_range_uj, double power_w);

/* Average power in watts; 0 if no time passed. */
double jk_power_w(int64_t energy_uj, int64_t elapsed_ns);

/* Energy of a power held for a time, rounded down, with the remainder (in µJ, 0 ≤ r < 1) carried
 * from call to call in *carry, so that integrating slowly loses nothing. Negative or non-finite
 * power counts as 0. */
int64_t jk_energy_uj(double power_w, int64_t elapsed_ns, double *carry);

/* A value times numerator / denominator without overflow, rounded to nearest; denominator > 0,
 * 0 <= numerator <= denominator. */
int64_t jk_scale_i64(int64_t value, int64_t numerator, int64_t denominator);

struct jk_remainder {
        double fraction;
        size_t index;
};

/* Bring the `wanted` elements of the largest fractions to the front, ties by lower index, in no
 * order among them. */
void jk_select_first(struct jk_remainder *items, size_t n, size_t wanted);

/* Divide total (≥ 0) among n shares by weight, in whole units, so that the shares add up to total
 * exactly (largest remainder, Hamilton's method; ties go to the lower index, so that a replay gives
 * the same result). Weights that are negative or not finite count as 0. Returns what was divided:
 * total, or 0 if every weight is 0 (all shares are then 0 and the caller decides whose it is).
 * Scratch must have room for n elements; it is the caller's so that the tick does not allocate. */
int64_t jk_apportion(int64_t total, const double *weights, size_t n, int64_t *ret_shares,
                     struct jk_remainder *scratch);
