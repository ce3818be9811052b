/* SPDX-License-Identifier: Apache-2.0
 *
 * CPU time of cgroups, and what of it no task accounts for. The kernel charges every nanosecond
 * that a task runs to its cgroup and to all that lie around it (cpuacct.usage of v1, usage_usec in
 * cpu.stat of v2), also of processes that came and went between two readings. What remains of a
 * group's own time after its children's and its seen tasks' is the time of those: unseen time.
 *
 * Groups and tasks are not read at the same instant, so the difference of a tick is noisy; it is
 * carried from tick to tick, signed, and only a surplus is reported. Reported and carried time add
 * up to what the root counted, so nothing is invented.
 */
#pragma once

#include "sample/sample.h"
#include "workload/cgroup.h"

struct jk_usage;

/* 0, or -ENOMEM. In mode NONE nothing is ever unseen. */
int jk_usage_open(struct jk_cgroups *cgroups, struct jk_usage **ret_usage);
void jk_usage_close(struct jk_usage *usage);

/* Read every group's time. Call it before the tasks are read: what they do meanwhile then makes a
 * group look overdrawn for a moment, instead of making time look unseen. 0 or -ENOMEM. */
int jk_usage_read(struct jk_usage *usage);

/* A task of the group was seen to use so much; negative to take it back. */
void jk_usage_seen(struct jk_usage *usage, uint64_t cgroup, int64_t cpu_ns);

/* A task that used so much was found to have moved: all of it counts as seen in the group `to`, and
 * what it did before it left is a surplus of the group `from` and a debt of the other. Call it when
 * all tasks were seen. */
void jk_usage_moved(struct jk_usage *usage, uint64_t from, uint64_t to, int64_t cpu_ns);

/* Whether the tasks that were seen in a group used clearly more in this tick than it did: then some
 * of them moved to another group. */
bool jk_usage_is_overdrawn(const struct jk_usage *usage, uint64_t cgroup, int64_t least_ns);

/* Append a JK_TASK_UNSEEN record for every group with a surplus above `least_ns` (per task seen
 * active in it and once more), and carry the rest. `slack_ns`: how much a group may be overdrawn
 * without anything being wrong. After the first reading nothing is appended. 0 or -ENOMEM. */
int jk_usage_settle(struct jk_usage *usage, struct jk_sample *sample, int64_t slack_ns,
                    int64_t least_ns);
