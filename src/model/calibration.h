/* SPDX-License-Identifier: Apache-2.0
 *
 * Calibration: from points (a load that ran for a while, what was counted meanwhile, what a zone
 * drew) to event weights. Idle power is what was measured while nothing ran, as the Karlsruhe
 * system has it (Stoess, Lang, Bellosa, USENIX ATC 2007), so the weights only have to explain what
 * is above it. Pure.
 */
#pragma once

#include "model/counts.h"

#define JK_POINTS_MAX 64
#define JK_POINT_IDLE "idle" /* the name of points at which nothing ran */

struct jk_point {
        char name[16];               /* of what ran */
        unsigned cpus;               /* on how many CPUs */
        double rates[JK_COUNTS_MAX]; /* of all tasks, per second */
        double power_w;              /* of the zone */
};

struct jk_calibration {
        double idle_w;
        double idle_error_w;           /* half of how far the idle points are apart */
        double weights[JK_COUNTS_MAX]; /* J per count, ≥ 0 */

        double fitted_pct;   /* mean |expected − measured| / measured over all points */
        double held_out_pct; /* the same of each load from the others' weights, or NaN */
        double held_out[JK_POINTS_MAX]; /* what is expected then, W; NaN of idle points */
};

/* Fit n points of n_counts rates. -EINVAL: there is no idle point. -ENODATA: what was counted does
 * not explain power. Errors are relative, so that a small load counts as much as a large one. */
int jk_calibrate(const struct jk_point *points, size_t n, size_t n_counts,
                 struct jk_calibration *ret_calibration);

/* What the weights lead to expect of a point. */
double jk_calibration_power(const struct jk_calibration *calibration, const struct jk_point *point,
                            size_t n_counts);
