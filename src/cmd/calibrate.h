/* SPDX-License-Identifier: Apache-2.0
 *
 * Measuring for a calibration: the machine is left idle, then spins on more and more CPUs, then
 * runs each stressor, then is left idle again; at each point all that is counted is added up, and
 * what each zone draws. What is done with the points is calibration.h's.
 */
#pragma once

#include "engine/engine.h"
#include "model/calibration.h"

struct jk_calibrate_options {
        struct jk_engine_options engine;
        double seconds;                                 /* at each point */
        double other_load_pct;                          /* of all CPUs' time that others may use */
        void (*begin)(const char *name, unsigned cpus); /* a point begins; for people */
};

struct jk_measurements {
        struct jk_zone_table zones;
        size_t n_counts;
        struct jk_count counts[JK_COUNTS_MAX];

        size_t n;
        struct jk_point points[JK_POINTS_MAX];       /* their power_w is not set */
        double power_w[JK_POINTS_MAX][JK_ZONES_MAX]; /* NaN: the zone was not read all the time */
};

/* Measure; blocks SIGINT, SIGTERM and SIGHUP, and leaves no stressor behind. -EINTR: one came.
 * -EBUSY: others used the machine; the message says who. -ENODEV: no zone is measured. */
int jk_calibrate_measure(const struct jk_calibrate_options *options,
                         struct jk_measurements *ret_measurements, struct jk_error *err);
