/* SPDX-License-Identifier: Apache-2.0
 *
 * perf's way to RAPL, for tests: jk_meter_perf refuses a root that is not the machine's own, as its
 * counters are always this machine's.
 */
#pragma once

#include "meter/meter.h"

/* As jk_meter_perf.open, but with the PMU described by env->root, whatever root that is. */
int jk_meter_perf_open_below(const struct jk_meter_env *env, struct jk_meter **ret_meter,
                             struct jk_error *err);
