/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine on which anything happens, by a seed: tasks and cgroups come, go and come again under
 * the same numbers, zones appear late, ticks are missed.
 */
#pragma once

#include "tests/unit/ledger/machine.h"

#define PIDS    40
#define CGROUPS 12

struct chaos {
        struct machine m;
        uint64_t seed;
        uint64_t start_ns[PIDS]; /* 0: not alive */
        uint64_t cgroup_id[CGROUPS];
        uint64_t next_id;
};

static inline uint64_t
roll(struct chaos *c, uint64_t n)
{
        c->seed = c->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (c->seed >> 33) % n;
}

static inline void
chaos_cgroups(struct chaos *c)
{
        for (size_t i = 0; i < CGROUPS; i++) {
                char path[64];

                if (roll(c, 6) > 0)
                        continue;
                /* a tree of three levels, in which parents may go before children */
                snprintf(path, sizeof path,
                         i < 4   ? "/s%zu"
                         : i < 8 ? "/s%zu/t%zu"
                                 : "/s%zu/t%zu/u",
                         i % 4, i);
                if (c->cgroup_id[i])
                        jk_sample_add_cgroup(&c->m.sample, c->cgroup_id[i], JK_CGROUP_VANISHED,
                                             path);
                c->cgroup_id[i] = c->cgroup_id[i] ? 0 : ++c->next_id;
                if (c->cgroup_id[i])
                        jk_sample_add_cgroup(&c->m.sample, c->cgroup_id[i], JK_CGROUP_APPEARED,
                                             path);
        }
}

static inline void
chaos_tasks(struct chaos *c)
{
        for (int pid = 1; pid < PIDS; pid++) {
                struct jk_task_record *task;
                uint64_t cgroup = c->cgroup_id[roll(c, CGROUPS)];

                if (roll(c, 3) > 0)
                        continue;
                task = run_task(&c->m, pid, cgroup ? cgroup : 1000 + roll(c, 3), (uid_t)roll(c, 4),
                                roll(c, 4) ? roll(c, 1000000000) : 0);
                if (!c->start_ns[pid]) {
                        task->flags |= JK_TASK_NEW;
                        c->start_ns[pid] = 1 + roll(c, UINT64_C(1) << 40);
                }
                task->start_ns = c->start_ns[pid];
                if (pid < 4)
                        task->flags |= JK_TASK_KERNEL;
                if (roll(c, 4) == 0) {
                        task->flags |= JK_TASK_ENDED;
                        c->start_ns[pid] = 0;
                }
                if (roll(c, 20) == 0) {
                        task->flags = JK_TASK_UNSEEN;
                        task->pid = 0;
                        task->uid = JK_UID_UNKNOWN;
                        task->start_ns = task->cgroup;
                }
        }
}

static inline void
chaos_zones(struct chaos *c)
{
        if (c->m.zones.count < 9 && roll(c, 30) == 0) { /* a zone that comes later */
                char name[32];

                snprintf(name, sizeof name, "late-%zu", c->m.zones.count);
                add_zone(&c->m, name, roll(c, 2) ? JK_ZONE_GPU : JK_ZONE_OTHER, -1);
        }

        for (size_t z = 0; z < c->m.zones.count; z++)
                if (roll(c, 10) > 0)
                        read_zone(&c->m, z, (int64_t)roll(c, roll(c, 5) ? 300000000 : 30),
                                  c->m.sample.elapsed_ns * (int64_t)(1 + 20 * (roll(c, 8) == 0)));
}

/* A tick of anything, begun: what is measured in it is in the sample. */
static inline void
chaos_tick(struct chaos *c)
{
        begin_tick(&c->m, (int64_t)(1 + roll(c, 30)) * 100 * JK_NS_PER_MS);
        chaos_zones(c);
        chaos_cgroups(c);
        chaos_tasks(c);
        if (roll(c, 3) > 0)
                cpu_busy(&c->m, roll(c, 1000), roll(c, 1000));
        if (roll(c, 20) == 0)
                c->m.sample.flags |= JK_SAMPLE_SUSPENDED;
        if (roll(c, 20) == 0)
                c->m.sample.flags &= ~(uint32_t)JK_SAMPLE_TASKS;
}

/* The first tick of a machine with three zones. */
static inline void
chaos_start(struct chaos *c, uint64_t seed, struct jk_ledger_options options)
{
        *c = (struct chaos){ .seed = seed, .next_id = 1 };
        setup(&c->m, options);
        if (seed % 2) /* both have to stand it */
                use_model(&c->m, &jk_model_adaptive);
        add_zone(&c->m, "package-0", JK_ZONE_PACKAGE, 0);
        add_zone(&c->m, "core-0", JK_ZONE_CORE, 0);
        add_zone(&c->m, "dram-0", JK_ZONE_DRAM, 0);
        begin_tick(&c->m, 0);
}
