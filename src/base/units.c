/* SPDX-License-Identifier: Apache-2.0
 *
 * Arithmetic of energy: see units.h.
 */
#include "base/units.h"

#include <math.h>
#include <stdbool.h>

uint64_t
jk_counter_delta(uint64_t previous, uint64_t now, uint64_t max_range)
{
        if (now >= previous)
                return now - previous;
        if (previous > max_range)
                return 0;

        return max_range - previous + now + 1;
}

double
jk_counter_horizon_s(double max_range_uj, double power_w)
{
        return power_w > 0 ? max_range_uj / 1e6 / power_w : INFINITY;
}

double
jk_power_w(int64_t energy_uj, int64_t elapsed_ns)
{
        return elapsed_ns > 0 ? (double)energy_uj * 1e3 / (double)elapsed_ns : 0;
}

int64_t
jk_energy_uj(double power_w, int64_t elapsed_ns, double *carry)
{
        double exact, whole;

        if (!isfinite(power_w) || power_w < 0 || elapsed_ns < 0)
                power_w = 0;

        exact = power_w * ((double)elapsed_ns / 1e3) + *carry;
        whole = floor(exact);
        *carry = exact - whole;
        return (int64_t)whole;
}

int64_t
jk_scale_i64(int64_t value, int64_t numerator, int64_t denominator)
{
        return (int64_t)(((__int128)value * numerator + denominator / 2) / denominator);
}

static double
clean_weight(double weight)
{
        return isfinite(weight) && weight > 0 ? weight : 0;
}

/* Whether a deserves a left-over unit before b does. */
static bool
precedes(const struct jk_remainder *a, const struct jk_remainder *b)
{
        return a->fraction > b->fraction || (a->fraction == b->fraction && a->index < b->index);
}

/* Quickselect: at thousands of tasks and zones a full sort would be most of the booking. */
void
jk_select_first(struct jk_remainder *items, size_t n, size_t wanted)
{
        size_t low = 0, high = n;

        while (high - low > 1 && wanted > low && wanted < high) {
                struct jk_remainder pivot = items[low + (high - low) / 2];
                size_t i = low, k = high - 1;

                for (;;) {
                        while (precedes(&items[i], &pivot))
                                i++;
                        while (precedes(&pivot, &items[k]))
                                k--;
                        if (i >= k)
                                break;

                        struct jk_remainder swapped = items[i];
                        items[i++] = items[k];
                        items[k--] = swapped;
                }

                /* Everything before `middle` precedes everything after it; where the two
                 * cursors met, they met on the pivot, which is in its place. */
                size_t middle = i == k ? k : k + 1;

                if (wanted <= middle)
                        high = middle;
                else
                        low = k + 1;
        }
}

int64_t
jk_apportion(int64_t total, const double *weights, size_t n, int64_t *ret_shares,
             struct jk_remainder *scratch)
{
        double sum = 0;
        int64_t left = total;
        size_t candidates = 0;

        for (size_t i = 0; i < n; i++) {
                ret_shares[i] = 0;
                sum += clean_weight(weights[i]);
        }
        if (total <= 0 || !(sum > 0) || !isfinite(sum))
                return 0;

        for (size_t i = 0; i < n; i++) {
                double weight = clean_weight(weights[i]);
                double exact = (double)total * (weight / sum);

                if (weight == 0)
                        continue;
                ret_shares[i] = (int64_t)floor(exact);
                /* Rounding of doubles may push the floors past the total by a unit or two. */
                if (ret_shares[i] > left)
                        ret_shares[i] = left;
                left -= ret_shares[i];
                scratch[candidates++] =
                        (struct jk_remainder){ .fraction = exact - floor(exact), .index = i };
        }

        while (left > 0) {
                size_t units = (uint64_t)left < candidates ? (size_t)left : candidates;

                jk_select_first(scratch, candidates, units);
                for (size_t i = 0; i < units; i++)
                        ret_shares[scratch[i].index]++;
                left -= (int64_t)units;
        }

        return total;
}
