/* SPDX-License-Identifier: Apache-2.0
 *
 * Bringing together what was meant to be read at one time, but was not quite.
 */
#pragma once

#include "import/observations.h"

/* What another stream than the first has seen at most so long before or after a time of the first
 * is taken to be of that time. Before jk_ticks_sort(). 0 or -ENOMEM. */
int jk_join(struct jk_observations *seen, int64_t tolerance_ns);
