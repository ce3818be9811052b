/* SPDX-License-Identifier: Apache-2.0
 *
 * What estimates go by: curves from model files, and what was learned about each estimated zone
 * while a meter was there. It belongs to whoever owns the meters, and outlives any of them.
 */
#pragma once

#include "curve/correction.h"
#include "curve/curve.h"

#define JK_CURVES_MAX    4
#define JK_ESTIMATES_MAX 24 /* zones: a package each, and one per curve */

struct jk_estimates {
        struct jk_curve curves[JK_CURVES_MAX];
        size_t n_curves;
        struct jk_correction corrections[JK_ESTIMATES_MAX]; /* by place in the meter */
};
