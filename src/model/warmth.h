/* SPDX-License-Identifier: Apache-2.0
 *
 * How idle power goes with temperature: silicon leaks more when it is warm, so the floor of a zone
 * drifts with the weather and with what ran before. Learned from blocks in which hardly anything
 * ran, and only where it predicts blocks that it has not seen better than no slope does.
 */
#pragma once

#include <stddef.h>

struct jk_idle_block {
        double power_w;
        double utilisation;   /* busy CPU time / elapsed CPU time, 0 … 1 */
        double temperature_c; /* NaN: not known */
};

struct jk_warmth {
        double slope_w;              /* per °C, above 0; 0: none is known */
        double coldest_c, warmest_c; /* of the blocks it was learned from */
        double error_w;              /* root mean square of what blocks not seen were off by */
};

/* Blocks in the order of time, at most JK_WARMTH_BLOCKS_MAX. */
#define JK_WARMTH_BLOCKS_MAX 144

struct jk_warmth jk_warmth_of(const struct jk_idle_block *blocks, size_t n);

/* What is to be added to idle power that was seen at one temperature, for it to be that at another;
 * beyond what was seen it stays what it is there. 0 where either is not known. */
double jk_warmth_between(const struct jk_warmth *warmth, double from_c, double to_c);
