/* SPDX-License-Identifier: Apache-2.0
 *
 * What a machine draws beyond the zones that are measured inside of it: fans, disks, the board,
 * and what the power supply loses. Fitted from wall power and inside power of the same time:
 *
 *     wall = base + k × inside,    so    rest = base + (k - 1) × inside
 *
 * with k from 1 to 1.6, as losses grow with what is drawn. Slow: what is known fades with a
 * half-life of ten minutes. Pure, but for its memory.
 */
#pragma once

#include <stdbool.h>

/* Faded sums over the values, weighted by time. Zeroed knows nothing. */
struct jk_rest {
        double s; /* seconds */
        double x, y, xx, xy, yy;
};

struct jk_rest_fit {
        double base_w;
        double k;
        double error_w;  /* one standard deviation of what one value leaves unexplained */
        double inside_w; /* mean of what it was fitted to, */
        double wall_w;
};

/* A value of so many seconds. */
void jk_rest_add(struct jk_rest *rest, double inside_w, double wall_w, double seconds);

/* False where too little is known. base_w is below 0 where wall is below what is inside of it,
 * which cannot be: the unit is wrong, or it is another machine's. */
bool jk_rest_fit(const struct jk_rest *rest, struct jk_rest_fit *ret_fit);
