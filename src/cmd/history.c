/* SPDX-License-Identifier: Apache-2.0
 *
 * The last minutes of a power: see history.h.
 */
#include "cmd/history.h"

#include <math.h>

void
jk_history_add(struct jk_history *history, int64_t start_ns, int64_t end_ns, double power_w)
{
        history->readings[history->next].start_ns = start_ns;
        history->readings[history->next].end_ns = end_ns;
        history->readings[history->next].power_w = power_w;
        history->next = (history->next + 1) % JK_HISTORY_SIZE;
        if (history->count < JK_HISTORY_SIZE)
                history->count++;
        if (power_w > history->highest_w)
                history->highest_w = power_w;
}

static double
span_average(const struct jk_history *history, int64_t start_ns, int64_t end_ns)
{
        double energy = 0, covered = 0;

        for (size_t i = 0; i < history->count; i++) {
                int64_t from = history->readings[i].start_ns, to = history->readings[i].end_ns;
                double power_w = history->readings[i].power_w;

                from = from > start_ns ? from : start_ns;
                to = to < end_ns ? to : end_ns;
                if (to <= from || !isfinite(power_w))
                        continue;
                energy += power_w * (double)(to - from);
                covered += (double)(to - from);
        }

        return covered > 0 ? energy / covered : NAN;
}

void
jk_history_spans(const struct jk_history *history, int64_t now_ns, int64_t span_ns,
                 double *ret_values, size_t n)
{
        int64_t end_ns = (now_ns - 1) / span_ns * span_ns + span_ns;

        for (size_t i = 0; i < n; i++, end_ns -= span_ns)
                ret_values[n - 1 - i] = span_average(history, end_ns - span_ns, end_ns);
}
