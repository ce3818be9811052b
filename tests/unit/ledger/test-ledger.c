/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger under random machines: whatever happens in the samples, the books balance to the
 * microjoule along every dimension, and no counter that is shown ever falls.
 */
#include "tests/unit/ledger/machine.h"

/* ---- what must be so ---- */

static void
dynamic_energy_follows_cpu_time(void **state)
{
        struct machine m;
        struct jk_snapshot *s;

        (void)state;
        setup(&m, defaults);
        add_zone(&m, "package-0", JK_ZONE_PACKAGE, 0);
        begin_tick(&m, 0);
        end_tick(&m);

        begin_tick(&m, JK_NS_PER_S);
        read_zone(&m, 0, 40000001, JK_NS_PER_S);
        cpu_busy(&m, 400, 600);
        run_task(&m, 10, 1, 1000, 300);
        run_task(&m, 11, 1, 1001, 100);
        s = end_tick(&m);

        assert_true(idle_uj(s, 0) > 0);
        assert_true(llabs(dynamic_uj(s, "task:10:10000", 0) -
                          3 * dynamic_uj(s, "task:11:11000", 0)) <= 3);
        assert_int_equal(dynamic_uj(s, "user:1000", 0), dynamic_uj(s, "task:10:10000", 0));
        assert_int_equal(dynamic_uj(s, "cgroup:/unknown-1", 0),
                         dynamic_uj(s, "task:10:10000", 0) + dynamic_uj(s, "task:11:11000", 0));
        assert_true(fabs(find_entry(s, "task:10:10000")->watts -
                         (double)dynamic_uj(s, "task:10:10000", 0) / 1e6) < 1e-6);
        teardown(&m);
}

static void
energy_of_another_time_is_unattributed(void **state)
{
        struct machine m;
        struct jk_snapshot *s;

        (void)state;
        setup(&m, defaults);
        add_zone(&m, "package-0", JK_ZONE_PACKAGE, 0);
        begin_tick(&m, 0);
        end_tick(&m);

        /* a meter that was away for 9 s: a tenth of its energy is of this tick */
        begin_tick(&m, JK_NS_PER_S);
        read_zone(&m, 0, 100000000, 10 * JK_NS_PER_S);
        cpu_busy(&m, 1, 1);
        run_task(&m, 10, 1, 0, 1000);
        s = end_tick(&m);
        assert_int_equal(dynamic_uj(s, "machine:unattributed", 0), 90000000);
        assert_true(find_entry(s, "machine:unattributed")->watts == 0); /* and no spike */

        /* the machine slept */
        begin_tick(&m, JK_NS_PER_S);
        m.sample.flags |= JK_SAMPLE_SUSPENDED;
        read_zone(&m, 0, 5000000, JK_NS_PER_S);
        run_task(&m, 10, 1, 0, 1000);
        s = end_tick(&m);
        assert_int_equal(dynamic_uj(s, "machine:unattributed", 0), 95000000);

        /* tasks could not be seen */
        begin_tick(&m, JK_NS_PER_S);
        m.sample.flags &= ~(uint32_t)JK_SAMPLE_TASKS;
        read_zone(&m, 0, 7000000, JK_NS_PER_S);
        s = end_tick(&m);
        assert_int_equal(dynamic_uj(s, "machine:unattributed", 0), 102000000);
        teardown(&m);
}

static void
nobody_ran_means_idle(void **state)
{
        struct machine m;
        struct jk_snapshot *s;

        (void)state;
        setup(&m, defaults);
        add_zone(&m, "package-0", JK_ZONE_PACKAGE, 0);
        add_zone(&m, "gpu-0", JK_ZONE_GPU, -1);
        begin_tick(&m, 0);
        end_tick(&m);
        begin_tick(&m, JK_NS_PER_S);
        read_zone(&m, 0, 1234567, JK_NS_PER_S);
        cpu_busy(&m, 0, 1000);
        s = end_tick(&m);
        assert_int_equal(idle_uj(s, 0), 1234567);

        /* what CPU time says nothing about is nobody's who can be named */
        begin_tick(&m, JK_NS_PER_S);
        read_zone(&m, 1, 1000, JK_NS_PER_S);
        cpu_busy(&m, 1000, 0);
        run_task(&m, 10, 1, 0, 1000);
        s = end_tick(&m);
        assert_int_equal(dynamic_uj(s, "task:10:10000", 1), 0);
        assert_int_equal(idle_uj(s, 1) + dynamic_uj(s, "machine:unattributed", 1), 1000);
        teardown(&m);
}

static void
kernel_work_has_its_own_accounts(void **state)
{
        struct machine m;
        struct jk_snapshot *s;

        (void)state;
        setup(&m, defaults);
        add_zone(&m, "package-0", JK_ZONE_PACKAGE, 0);
        begin_tick(&m, 0);
        end_tick(&m);
        begin_tick(&m, JK_NS_PER_S);
        read_zone(&m, 0, 100000000, JK_NS_PER_S);
        cpu_busy(&m, 800, 100);
        m.sample.cpus[0].irq_ns = 100;
        m.sample.cpus[0].softirq_ns = 200;
        run_task(&m, 10, 1, 0, 500);
        run_task(&m, 2, 1, 0, 200)->flags = JK_TASK_KERNEL;
        s = end_tick(&m);

        assert_null(find_entry(s, "task:2:2000"));
        assert_true(llabs(dynamic_uj(s, "machine:kernel-threads", 0) -
                          2 * dynamic_uj(s, "machine:kernel-irq", 0)) <= 2);
        assert_true(llabs(dynamic_uj(s, "machine:kernel-softirq", 0) -
                          2 * dynamic_uj(s, "machine:kernel-irq", 0)) <= 2);
        teardown(&m);
}

static void
interrupts_inside_task_time_count_once(void **state)
{
        struct machine m;
        struct jk_snapshot *s;
        double dynamic;

        (void)state;
        setup(&m, defaults);
        add_zone(&m, "package-0", JK_ZONE_PACKAGE, 0);
        begin_tick(&m, 0);
        end_tick(&m);
        begin_tick(&m, JK_NS_PER_S);
        m.sample.flags |= JK_SAMPLE_IRQ_IN_TASKS;
        read_zone(&m, 0, 100000000, JK_NS_PER_S);
        cpu_busy(&m, 750, 0);
        m.sample.cpus[0].softirq_ns = 250;
        run_task(&m, 10, 1, 0, 1000); /* 250 of them softirq */
        s = end_tick(&m);

        dynamic = (double)(100000000 - idle_uj(s, 0));
        assert_true(fabs((double)dynamic_uj(s, "machine:kernel-softirq", 0) / dynamic - 0.25) <
                    1e-6);
        teardown(&m);
}

static void
ended_tasks_leave_their_energy(void **state)
{
        struct jk_ledger_options options = { .ended_retention_ns = 5 * JK_NS_PER_S,
                                             .ended_tasks_max = 3 };
        struct machine m;
        struct jk_snapshot *s;
        int64_t cgroup;

        (void)state;
        setup(&m, options);
        add_zone(&m, "package-0", JK_ZONE_PACKAGE, 0);
        begin_tick(&m, 0);
        end_tick(&m);

        begin_tick(&m, JK_NS_PER_S);
        read_zone(&m, 0, 50000000, JK_NS_PER_S);
        cpu_busy(&m, 1000, 0);
        for (int pid = 20; pid < 25; pid++)
                run_task(&m, pid, 1, 0, 100)->flags = JK_TASK_NEW | JK_TASK_ENDED;
        s = end_tick(&m);
        assert_non_null(find_entry(s, "task:24:24000"));
        assert_true(find_entry(s, "task:24:24000")->flags & JK_ENTRY_ENDED);
        assert_null(find_entry(s, "task:21:21000")); /* no more than three stay listed */
        assert_true(dynamic_uj(s, "task:ended", 0) > 0);
        cgroup = dynamic_uj(s, "cgroup:/unknown-1", 0);
        assert_true(cgroup > 0);

        for (int i = 0; i < 6; i++) {
                begin_tick(&m, JK_NS_PER_S);
                s = end_tick(&m);
        }
        assert_null(find_entry(s, "task:24:24000")); /* aged */
        assert_int_equal(dynamic_uj(s, "task:ended", 0), cgroup);
        assert_int_equal(dynamic_uj(s, "cgroup:/unknown-1", 0), cgroup);
        teardown(&m);
}

static void
a_reused_pid_is_another_task(void **state)
{
        struct machine m;
        struct jk_snapshot *s;

        (void)state;
        setup(&m, defaults);
        add_zone(&m, "package-0", JK_ZONE_PACKAGE, 0);
        begin_tick(&m, 0);
        end_tick(&m);
        begin_tick(&m, JK_NS_PER_S);
        read_zone(&m, 0, 50000000, JK_NS_PER_S);
        cpu_busy(&m, 1000, 0);
        run_task(&m, 10, 1, 0, 300)->flags = JK_TASK_ENDED;
        run_task(&m, 10, 1, 0, 100)->start_ns = 77;
        s = end_tick(&m);
        assert_true(llabs(dynamic_uj(s, "task:10:10000", 0) - 3 * dynamic_uj(s, "task:10:77", 0)) <=
                    3);
        teardown(&m);
}

static void
a_gone_cgroup_leaves_its_total_with_its_parent(void **state)
{
        struct jk_ledger_options options = { .ended_retention_ns = 2 * JK_NS_PER_S,
                                             .ended_tasks_max = 10 };
        struct machine m;
        struct jk_snapshot *s;
        int64_t child;

        (void)state;
        setup(&m, options);
        add_zone(&m, "package-0", JK_ZONE_PACKAGE, 0);
        begin_tick(&m, 0);
        jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_APPEARED, "/a");
        jk_sample_add_cgroup(&m.sample, 6, JK_CGROUP_APPEARED, "/a/b c");
        jk_sample_add_cgroup(&m.sample, 7, JK_CGROUP_APPEARED, "/a/b c/d");
        end_tick(&m);

        begin_tick(&m, JK_NS_PER_S);
        read_zone(&m, 0, 50000000, JK_NS_PER_S);
        cpu_busy(&m, 1000, 0);
        run_task(&m, 10, 7, 0, 300)->flags = JK_TASK_NEW | JK_TASK_ENDED;
        jk_sample_add_cgroup(&m.sample, 7, JK_CGROUP_VANISHED, "/a/b c/d");
        jk_sample_add_cgroup(&m.sample, 6, JK_CGROUP_VANISHED, "/a/b c");
        s = end_tick(&m);
        child = dynamic_uj(s, "cgroup:/a/b c/d", 0);
        assert_true(child > 0);
        assert_true(find_entry(s, "cgroup:/a/b c/d")->flags & JK_ENTRY_ENDED);
        assert_null(find_entry(s, "cgroup:/a/b c")); /* it had nothing */

        for (int i = 0; i < 3; i++) {
                begin_tick(&m, JK_NS_PER_S);
                s = end_tick(&m);
        }
        assert_null(find_entry(s, "cgroup:/a/b c/d"));
        assert_int_equal(dynamic_uj(s, "cgroup:/a", 0), child);
        assert_int_equal(jk_entry_inherited_uj(s, find_entry(s, "cgroup:/a"))[0], child);
        teardown(&m);
}

static void
a_gone_cgroup_takes_its_unseen_time_along(void **state)
{
        struct jk_ledger_options options = { .ended_retention_ns = 2 * JK_NS_PER_S,
                                             .ended_tasks_max = 10 };
        struct jk_task_record *unseen;
        struct machine m;
        struct jk_snapshot *s;
        int64_t child;

        (void)state;
        setup(&m, options);
        add_zone(&m, "package-0", JK_ZONE_PACKAGE, 0);
        begin_tick(&m, 0);
        jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_APPEARED, "/a");
        end_tick(&m);

        begin_tick(&m, JK_NS_PER_S);
        read_zone(&m, 0, 50000000, JK_NS_PER_S);
        cpu_busy(&m, 1000, 0);
        unseen = run_task(&m, 0, 5, JK_UID_UNKNOWN, 300);
        unseen->flags = JK_TASK_UNSEEN;
        unseen->start_ns = unseen->cgroup;
        s = end_tick(&m);
        child = dynamic_uj(s, "cgroup:/a", 0);
        assert_true(child > 0);

        begin_tick(&m, JK_NS_PER_S);
        jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_VANISHED, "/a");
        end_tick(&m);
        for (int i = 0; i < 3; i++) {
                begin_tick(&m, JK_NS_PER_S);
                s = end_tick(&m);
        }
        assert_null(find_entry(s, "cgroup:/a"));
        assert_int_equal(dynamic_uj(s, "cgroup:/", 0), child);
        assert_int_equal(dynamic_uj(s, "task:ended", 0), child);
        teardown(&m);
}

static void
a_listed_task_keeps_the_name_of_its_cgroup(void **state)
{
        struct jk_ledger_options options = { .ended_retention_ns = 2 * JK_NS_PER_S,
                                             .ended_tasks_max = 10 };
        struct machine m;
        struct jk_snapshot *s;

        (void)state;
        setup(&m, options);
        add_zone(&m, "package-0", JK_ZONE_PACKAGE, 0);
        begin_tick(&m, 0);
        jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_APPEARED, "/gone");
        run_task(&m, 10, 5, 0, 0);
        end_tick(&m);

        begin_tick(&m, JK_NS_PER_S); /* the task's own end was lost */
        jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_VANISHED, "/gone");
        end_tick(&m);
        begin_tick(&m, 10 * JK_NS_PER_S);
        jk_sample_add_cgroup(&m.sample, 6, JK_CGROUP_APPEARED, "/other");
        s = end_tick(&m);
        assert_string_equal(jk_snapshot_string(s, find_entry(s, "task:10:10000")->cgroup), "/gone");

        begin_tick(&m, JK_NS_PER_S);
        run_task(&m, 10, 6, 0, 0)->flags = JK_TASK_ENDED;
        s = end_tick(&m);
        assert_null(find_entry(s, "cgroup:/gone"));
        teardown(&m);
}

static void
a_new_account_begins_at_zero(void **state)
{
        struct jk_ledger_options options = { .ended_retention_ns = 0, .ended_tasks_max = 10 };
        struct machine m;
        struct jk_snapshot *s;

        (void)state;
        setup(&m, options);
        add_zone(&m, "package-0", JK_ZONE_PACKAGE, 0);
        begin_tick(&m, 0);
        jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_APPEARED, "/a");
        jk_sample_add_cgroup(&m.sample, 6, JK_CGROUP_APPEARED, "/a/b");
        end_tick(&m);
        begin_tick(&m, JK_NS_PER_S);
        read_zone(&m, 0, 50000000, JK_NS_PER_S);
        cpu_busy(&m, 1000, 0);
        run_task(&m, 10, 6, 0, 300)->flags = JK_TASK_NEW | JK_TASK_ENDED;
        jk_sample_add_cgroup(&m.sample, 6, JK_CGROUP_VANISHED, "/a/b");
        end_tick(&m);
        begin_tick(&m, JK_NS_PER_S); /* now /a has inherited, and goes too */
        jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_VANISHED, "/a");
        end_tick(&m);
        begin_tick(&m, JK_NS_PER_S);
        jk_sample_add_cgroup(&m.sample, 7, JK_CGROUP_APPEARED, "/c");
        jk_sample_add_cgroup(&m.sample, 8, JK_CGROUP_APPEARED, "/d");
        s = end_tick(&m);
        for (size_t i = 0; i < s->n_entries[JK_DIMENSION_CGROUP]; i++) {
                const struct jk_entry *entry = &s->entries[JK_DIMENSION_CGROUP][i];

                if (strcmp(jk_snapshot_string(s, entry->name), "/") != 0)
                        assert_int_equal(jk_entry_inherited_uj(s, entry)[0], 0);
        }
        teardown(&m);
}

static void
a_restarted_service_goes_on_with_its_account(void **state)
{
        struct machine m;
        struct jk_snapshot *s;
        int64_t before;

        (void)state;
        setup(&m, defaults);
        add_zone(&m, "package-0", JK_ZONE_PACKAGE, 0);
        begin_tick(&m, 0);
        jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_APPEARED, "/x.service");
        end_tick(&m);

        begin_tick(&m, JK_NS_PER_S);
        read_zone(&m, 0, 50000000, JK_NS_PER_S);
        cpu_busy(&m, 1000, 0);
        run_task(&m, 10, 5, 0, 300)->flags = JK_TASK_ENDED;
        jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_VANISHED, "/x.service");
        before = dynamic_uj(end_tick(&m), "cgroup:/x.service", 0);

        begin_tick(&m, JK_NS_PER_S);
        read_zone(&m, 0, 50000000, JK_NS_PER_S);
        cpu_busy(&m, 1000, 0);
        jk_sample_add_cgroup(&m.sample, 9, JK_CGROUP_APPEARED, "/x.service");
        run_task(&m, 12, 9, 0, 300);
        s = end_tick(&m);
        assert_true(dynamic_uj(s, "cgroup:/x.service", 0) > before);
        assert_false(find_entry(s, "cgroup:/x.service")->flags & JK_ENTRY_ENDED);
        assert_int_equal(find_entry(s, "cgroup:/x.service")->cgroup_id, 9);
        teardown(&m);
}

static void
a_renamed_cgroup_leaves_its_old_path(void **state)
{
        struct machine m;
        struct jk_snapshot *s;
        int64_t before;

        (void)state;
        setup(&m, defaults);
        add_zone(&m, "package-0", JK_ZONE_PACKAGE, 0);
        begin_tick(&m, 0);
        jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_APPEARED, "/old");
        end_tick(&m);
        begin_tick(&m, JK_NS_PER_S);
        read_zone(&m, 0, 50000000, JK_NS_PER_S);
        cpu_busy(&m, 1000, 0);
        run_task(&m, 10, 5, 0, 300);
        before = dynamic_uj(end_tick(&m), "cgroup:/old", 0);

        begin_tick(&m, JK_NS_PER_S);
        read_zone(&m, 0, 50000000, JK_NS_PER_S);
        cpu_busy(&m, 1000, 0);
        jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_APPEARED, "/new");
        run_task(&m, 10, 5, 0, 300);
        s = end_tick(&m);
        assert_int_equal(dynamic_uj(s, "cgroup:/old", 0), before);
        assert_true(find_entry(s, "cgroup:/old")->flags & JK_ENTRY_ENDED);
        assert_true(dynamic_uj(s, "cgroup:/new", 0) > 0);
        teardown(&m);
}

static void
only_disjoint_zones_add_up(void **state)
{
        struct machine m;
        struct jk_snapshot *s;

        (void)state;
        setup(&m, defaults);
        add_zone(&m, "core-0", JK_ZONE_CORE, 0);
        add_zone(&m, "package-0", JK_ZONE_PACKAGE, 0);
        add_zone(&m, "dram-0", JK_ZONE_DRAM, 0);
        add_zone(&m, "psys", JK_ZONE_PSYS, -1);
        begin_tick(&m, 0);
        end_tick(&m);

        begin_tick(&m, JK_NS_PER_S);
        for (size_t z = 0; z < 4; z++)
                read_zone(&m, z, (int64_t)(z + 1) * 1000000, JK_NS_PER_S);
        s = end_tick(&m);
        assert_int_equal(s->machine_uj, 4000000); /* psys holds the others */

        begin_tick(&m, JK_NS_PER_S); /* psys fails: the next level counts */
        for (size_t z = 0; z < 3; z++)
                read_zone(&m, z, (int64_t)(z + 1) * 1000000, JK_NS_PER_S);
        s = end_tick(&m);
        assert_int_equal(s->machine_uj, 4000000 + 2000000 + 3000000);
        assert_false(s->zones[3].seen);
        assert_true(isnan(s->zones[3].watts));
        teardown(&m);
}

/* A reading fails now and then, and the next one covers its time too. */
static void
a_reading_that_failed_makes_nothing_count_twice(void **state)
{
        struct machine m;
        struct jk_snapshot *s;

        (void)state;
        setup(&m, defaults);
        add_zone(&m, "package-0", JK_ZONE_PACKAGE, 0);
        add_zone(&m, "psys", JK_ZONE_PSYS, -1);
        begin_tick(&m, 0);
        end_tick(&m);

        begin_tick(&m, JK_NS_PER_S); /* psys fails: the package stands for it */
        read_zone(&m, 0, 10000000, JK_NS_PER_S);
        s = end_tick(&m);
        assert_int_equal(s->machine_uj, 10000000);

        begin_tick(&m, JK_NS_PER_S); /* and is back with all of both seconds */
        read_zone(&m, 0, 10000000, JK_NS_PER_S);
        read_zone(&m, 1, 30000000, 2 * JK_NS_PER_S);
        s = end_tick(&m);
        assert_int_equal(s->machine_uj, 30000000);

        begin_tick(&m, JK_NS_PER_S); /* the package fails: psys holds it anyway */
        read_zone(&m, 1, 15000000, JK_NS_PER_S);
        s = end_tick(&m);
        assert_int_equal(s->machine_uj, 45000000);

        begin_tick(&m, JK_NS_PER_S); /* then psys does: the package's first second is in it */
        read_zone(&m, 0, 20000000, 2 * JK_NS_PER_S);
        s = end_tick(&m);
        assert_int_equal(s->machine_uj, 55000000);

        begin_tick(&m, JK_NS_PER_S); /* nothing is owed: a new baseline */
        m.sample.readings[1].flags = JK_READING_REBASED;
        read_zone(&m, 0, 10000000, JK_NS_PER_S);
        end_tick(&m);
        begin_tick(&m, JK_NS_PER_S);
        read_zone(&m, 0, 10000000, JK_NS_PER_S);
        read_zone(&m, 1, 15000000, JK_NS_PER_S);
        s = end_tick(&m);
        assert_int_equal(s->machine_uj, 80000000);
        teardown(&m);
}

/* ---- random machines ---- */

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

static size_t
count_ended(const struct jk_snapshot *s)
{
        size_t n = 0;

        for (size_t i = 0; i < s->n_entries[JK_DIMENSION_TASK]; i++)
                n += (s->entries[JK_DIMENSION_TASK][i].flags & JK_ENTRY_ENDED) != 0;

        return n;
}

static void
fewer_ended_tasks_leave_the_oldest_to_the_rest(void **state)
{
        static const size_t wanted[] = { 5, 2, 2, 0, 7 };
        struct jk_ledger_options options = { .ended_retention_ns = 60 * JK_NS_PER_S,
                                             .ended_tasks_max = 10 };
        struct machine m;
        struct jk_snapshot *s;
        int64_t all;

        (void)state;
        setup(&m, options);
        add_zone(&m, "package-0", JK_ZONE_PACKAGE, 0);
        begin_tick(&m, 0);
        end_tick(&m);
        begin_tick(&m, JK_NS_PER_S);
        read_zone(&m, 0, 50000000, JK_NS_PER_S);
        cpu_busy(&m, 1000, 0);
        for (int pid = 20; pid < 33; pid++) /* the ring goes round */
                run_task(&m, pid, 1, 0, 100)->flags = JK_TASK_NEW | JK_TASK_ENDED;
        s = end_tick(&m);
        all = dynamic_uj(s, "cgroup:/unknown-1", 0);
        assert_int_equal(count_ended(s), 10);

        for (size_t i = 0; i < JK_COUNT(wanted); i++) {
                options.ended_tasks_max = wanted[i];
                assert_int_equal(jk_ledger_reconfigure(m.ledger, &options), 0);
                begin_tick(&m, JK_NS_PER_S);
                s = end_tick(&m);
                assert_int_equal(count_ended(s), i < 3 ? wanted[i] : 0);
                assert_int_equal(find_entry(s, "task:32:32000") != NULL, i < 3); /* the latest */
                assert_int_equal(dynamic_uj(s, "cgroup:/unknown-1", 0), all);
        }
        assert_int_equal(dynamic_uj(s, "task:ended", 0), all);
        teardown(&m);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(dynamic_energy_follows_cpu_time),
        cmocka_unit_test(energy_of_another_time_is_unattributed),
        cmocka_unit_test(nobody_ran_means_idle),
        cmocka_unit_test(kernel_work_has_its_own_accounts),
        cmocka_unit_test(interrupts_inside_task_time_count_once),
        cmocka_unit_test(ended_tasks_leave_their_energy),
        cmocka_unit_test(fewer_ended_tasks_leave_the_oldest_to_the_rest),
        cmocka_unit_test(a_reused_pid_is_another_task),
        cmocka_unit_test(a_gone_cgroup_leaves_its_total_with_its_parent),
        cmocka_unit_test(a_gone_cgroup_takes_its_unseen_time_along),
        cmocka_unit_test(a_listed_task_keeps_the_name_of_its_cgroup),
        cmocka_unit_test(a_new_account_begins_at_zero),
        cmocka_unit_test(a_restarted_service_goes_on_with_its_account),
        cmocka_unit_test(a_renamed_cgroup_leaves_its_old_path),
        cmocka_unit_test(only_disjoint_zones_add_up),
        cmocka_unit_test(a_reading_that_failed_makes_nothing_count_twice),
        cmocka_unit_test(random_machines_balance_and_counters_rise),
};

JK_RUN_TESTS(tests)
