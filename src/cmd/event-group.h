/* SPDX-License-Identifier: Apache-2.0
 *
 * A group of events counted together on every CPU, whoever runs there; only as long as the CPUs
 * have counters for all of them all of the time, for a count that is scaled up is a guess.
 */
#pragma once

#include "activity/events/events.h"

struct jk_event_group;

/* Count from now on. 0; -ENOSPC: some CPU has no counters for all at once; another errno
 * (jk_event_why_not() tells). An event counts on those CPUs that have it. */
int jk_event_group_open(const struct jk_counted *const *events, size_t n,
                        struct jk_event_group **ret_group);
void jk_event_group_close(struct jk_event_group *group);

/* What was counted since the last time, or the opening, [n]. 0; -ENOSPC: not all of the time; or
 * another errno. */
int jk_event_group_read(struct jk_event_group *group, double *ret_counts);

/* Whether what a CPU's counters say is of all the time: enabled and running are differences, in ns.
 */
bool jk_event_group_is_whole(uint64_t enabled_ns, uint64_t running_ns);
