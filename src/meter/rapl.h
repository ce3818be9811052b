/* SPDX-License-Identifier: Apache-2.0
 *
 * What powercap and perf have in common: the domains of RAPL (running average power limit, the
 * energy counters of x86 processors), their names, and how much power and error are to be expected.
 */
#pragma once

#include <stdbool.h>

#include "base/root.h"
#include "sample/zone.h"

/* Fill name, source, kind, package and what follows from them: package-0, dram-1, psys (whose
 * package is -1), package-0-die-1. die -1: it is of the whole package. stated_w is the highest
 * limit that the machine states for it, or NaN; path, range_uj and limit_w are left to the caller,
 * and jk_rapl_filter(). */
void jk_rapl_zone(struct jk_zone *ret_zone, const char *source, enum jk_zone_kind kind, int package,
                  int die, double stated_w);

/* The zone's counter is filtered (filtering.h): mark it, and widen its error. */
void jk_rapl_filter(struct jk_zone *zone);

/* Whether the processor is AMD's (or Hygon's): its core counter is of one core, not of all. */
bool jk_rapl_is_amd(const struct jk_root *root);
