/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger under random machines: whatever happens in the samples, the books balance to the
 * microjoule along every dimension, and no counter that is shown ever falls.
 */
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

static uint64_t
roll(struct chaos *c, uint64_t n)
{
        c->seed = c->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (c->seed >> 33) % n;
}

static void
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

static void
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

static void
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

struct seen_counter {
        char id[96];
        int64_t energy_uj[JK_ZONES_MAX];
        uint64_t sequence;
};

/* Every account that was shown in the tick before and is shown now has at least what it had. */
static void
assert_counters_rise(const struct jk_snapshot *s, struct seen_counter *seen, size_t *n_seen)
{
        for (int d = 0; d < JK_DIMENSION_MAX; d++) {
                for (size_t i = 0; i < s->n_entries[d]; i++) {
                        const struct jk_entry *entry = &s->entries[d][i];
                        char id[96];
                        size_t k;

                        jk_entry_id(s, entry, id, sizeof id);
                        for (k = 0; k < *n_seen && strcmp(seen[k].id, id) != 0; k++)
                                ;
                        if (k == *n_seen) {
                                assert_true(*n_seen < 20000);
                                memset(&seen[k], 0, sizeof seen[k]);
                                snprintf(seen[k].id, sizeof seen[k].id, "%s", id);
                                (*n_seen)++;
                        }
                        for (size_t z = 0; z < s->n_zones; z++) {
                                int64_t now = jk_entry_idle_uj(s, entry)[z] +
                                              jk_entry_dynamic_uj(s, entry)[z];

                                if (seen[k].sequence + 1 == s->sequence)
                                        assert_true(now >= seen[k].energy_uj[z]);
                                seen[k].energy_uj[z] = now;
                        }
                        seen[k].sequence = s->sequence;
                }
        }
}

static void
chaos_options(struct chaos *c)
{
        struct jk_ledger_options options = {
                .ended_retention_ns = (int64_t)roll(c, 5) * JK_NS_PER_S,
                .ended_tasks_max = roll(c, 12),
        };

        assert_int_equal(jk_ledger_reconfigure(c->m.ledger, &options), 0);
}

static void
random_machines_balance_and_counters_rise(void **state)
{
        (void)state;
        for (uint64_t round = 0; round < 12; round++) {
                struct jk_ledger_options options = { .ended_retention_ns = 3 * JK_NS_PER_S,
                                                     .ended_tasks_max = round % 3 * 5 };
                struct seen_counter *seen = calloc(20000, sizeof *seen);
                struct chaos c = { .seed = 99 + round, .next_id = 1 };
                size_t n_seen = 0;

                setup(&c.m, options);
                add_zone(&c.m, "package-0", JK_ZONE_PACKAGE, 0);
                add_zone(&c.m, "core-0", JK_ZONE_CORE, 0);
                add_zone(&c.m, "dram-0", JK_ZONE_DRAM, 0);
                begin_tick(&c.m, 0);
                end_tick(&c.m);

                for (int tick = 0; tick < 300; tick++) {
                        begin_tick(&c.m, (int64_t)(1 + roll(&c, 30)) * 100 * JK_NS_PER_MS);
                        chaos_zones(&c);
                        chaos_cgroups(&c);
                        chaos_tasks(&c);
                        if (roll(&c, 3) > 0)
                                cpu_busy(&c.m, roll(&c, 1000), roll(&c, 1000));
                        if (roll(&c, 10) == 0)
                                chaos_options(&c);
                        if (roll(&c, 20) == 0)
                                c.m.sample.flags |= JK_SAMPLE_SUSPENDED;
                        if (roll(&c, 20) == 0)
                                c.m.sample.flags &= ~(uint32_t)JK_SAMPLE_TASKS;
                        assert_counters_rise(end_tick(&c.m), seen, &n_seen);
                }

                free(seen);
                teardown(&c.m);
        }
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_machines_balance_and_counters_rise),
};

JK_RUN_TESTS(tests)
