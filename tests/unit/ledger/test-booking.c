/* SPDX-License-Identifier: Apache-2.0
 *
 * What is booked to whom: idle and dynamic, tasks, kernel and nobody who can be named, and only
 * zones that hold nothing of each other.
 */
#include "tests/unit/ledger/machine.h"

static void
dynamic_energy_follows_cpu_time(void **state)
{
        struct machine m;
        struct jk_snapshot *s;

        (void)state;
        start(&m, defaults);

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
        start(&m, defaults);

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
        start(&m, defaults);
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
        start(&m, defaults);
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

/* What is told of a task and a cgroup, and books nothing. */
static void
enclaves_are_marked_and_change_no_account(void **state)
{
        struct machine plain, m;
        struct jk_snapshot *s = NULL, *without = NULL;

        (void)state;
        start(&plain, defaults);
        start(&m, defaults);
        for (int tick = 0; tick < 3; tick++) {
                begin_busy_tick(&plain);
                run_task(&plain, 10, 1, 1000, 300);
                run_task(&plain, 11, 1, 1000, 700);
                without = end_tick(&plain);

                begin_busy_tick(&m);
                run_task(&m, 10, 1, 1000, 300)->flags = tick < 2 ? JK_TASK_ENCLAVE : 0;
                run_task(&m, 11, 1, 1000, 700);
                if (tick != 1)
                        jk_sample_add_epc(&m.sample, 1, tick == 0 ? 4096 : 0);
                jk_sample_add_epc(&m.sample, 77, 4096); /* nobody knows it */
                s = end_tick(&m);
                assert_int_equal(find_entry(s, "task:10:10000")->flags,
                                 tick < 2 ? JK_ENTRY_ENCLAVE : 0);
                assert_int_equal(find_entry(s, "task:11:11000")->flags, 0);
                assert_int_equal(find_entry(s, "cgroup:/unknown-1")->epc_bytes,
                                 tick < 2 ? 4096 : 0);
        }
        assert_int_equal(dynamic_uj(s, "task:10:10000", 0),
                         dynamic_uj(without, "task:10:10000", 0));
        assert_int_equal(dynamic_uj(s, "task:11:11000", 0),
                         dynamic_uj(without, "task:11:11000", 0));
        teardown(&plain);
        teardown(&m);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(dynamic_energy_follows_cpu_time),
        cmocka_unit_test(energy_of_another_time_is_unattributed),
        cmocka_unit_test(nobody_ran_means_idle),
        cmocka_unit_test(kernel_work_has_its_own_accounts),
        cmocka_unit_test(interrupts_inside_task_time_count_once),
        cmocka_unit_test(only_disjoint_zones_add_up),
        cmocka_unit_test(a_reading_that_failed_makes_nothing_count_twice),
        cmocka_unit_test(enclaves_are_marked_and_change_no_account),
};

JK_RUN_TESTS(tests)
