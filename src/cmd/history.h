/* SPDX-License-Identifier: Apache-2.0
 *
 * The last minutes of a power, for a sparkline: readings with the time they cover, in a ring.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define JK_HISTORY_SIZE 512

struct jk_history {
        struct {
                int64_t start_ns, end_ns; /* monotonic */
                double power_w;           /* NaN: not seen */
        } readings[JK_HISTORY_SIZE];
        size_t next, count;
        double highest_w; /* ever; 0: none yet */
};

/* Zero-initialised is empty. */
void jk_history_add(struct jk_history *history, int64_t start_ns, int64_t end_ns, double power_w);

/* The average power in each of n equal spans of span_ns, the last one of which holds now_ns; NaN
 * where nothing was read. Spans begin at multiples of span_ns, so that a column keeps its value as
 * it moves to the left. */
void jk_history_spans(const struct jk_history *history, int64_t now_ns, int64_t span_ns,
                      double *ret_values, size_t n);
