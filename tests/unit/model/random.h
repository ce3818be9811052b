/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers by chance for tests: the same ones in every run.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* From 0 to below 1. */
static inline double
random_unit(uint64_t *state)
{
        *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (double)(*state >> 11) / (double)(UINT64_C(1) << 53);
}

/* About normal: mean 0, standard deviation 1. */
static inline double
random_normal(uint64_t *state)
{
        double sum = 0;

        for (int i = 0; i < 12; i++)
                sum += random_unit(state);
        return sum - 6;
}

/* From 0 to n − 1. */
static inline size_t
random_below(uint64_t *state, size_t n)
{
        return (size_t)(random_unit(state) * (double)n);
}
