/* SPDX-License-Identifier: Apache-2.0
 *
 * Whoever may make cgroups, or change its uid, does not make the ledger grow without end.
 */
#include "tests/unit/ledger/machine.h"

#include "ledger/ledger-internal.h"

#define MANY 5000

static const struct jk_ledger_options options = { .ended_retention_ns = 3600 * JK_NS_PER_S,
                                                  .ended_tasks_max = 10 };

static void
gone_cgroups_are_bounded_and_leave_everything_to_their_parent(void **state)
{
        struct machine m;
        struct jk_snapshot *s;
        char path[64];

        (void)state;
        start(&m, options);
        begin_busy_tick(&m);
        jk_sample_add_cgroup(&m.sample, 1, JK_CGROUP_APPEARED, "/user");
        for (uint64_t i = 0; i < MANY; i++) {
                snprintf(path, sizeof path, "/user/%d", (int)i);
                jk_sample_add_cgroup(&m.sample, 10 + i, JK_CGROUP_APPEARED, path);
                run_task(&m, 100 + (int)i, 10 + i, 0, 100)->flags = JK_TASK_ENDED;
        }
        end_tick(&m);

        begin_busy_tick(&m);
        for (uint64_t i = 0; i < MANY; i++) {
                snprintf(path, sizeof path, "/user/%d", (int)i);
                jk_sample_add_cgroup(&m.sample, 10 + i, JK_CGROUP_VANISHED, path);
        }
        s = end_tick(&m);
        assert_true(s->n_entries[JK_DIMENSION_CGROUP] <= JK_ENDED_CGROUPS_MAX + 20);
        assert_true(s->n_entries[JK_DIMENSION_CGROUP] >= JK_ENDED_CGROUPS_MAX);
        assert_true(dynamic_uj(s, "cgroup:/user", 0) > 0);
        teardown(&m);
}

static void
users_who_rest_are_bounded_and_those_who_used_much_stay(void **state)
{
        struct machine m;
        struct jk_snapshot *s;
        int64_t worker_uj;

        (void)state;
        start(&m, options);
        begin_busy_tick(&m);
        run_task(&m, 50, 1, 1000, 1000000)->flags = JK_TASK_ENDED;
        s = end_tick(&m);
        worker_uj = dynamic_uj(s, "user:1000", 0);

        for (int tick = 0; tick < 3; tick++) {
                begin_busy_tick(&m);
                for (int i = 0; i < MANY; i++)
                        run_task(&m, 100 + i, 1, (uid_t)(100000 + tick * MANY + i), 100)->flags =
                                JK_TASK_ENDED;
                run_task(&m, 20000, 1, 7, 1); /* uses little, and lives */
                s = end_tick(&m);
                assert_true(s->n_entries[JK_DIMENSION_USER] <= JK_RESTING_USERS_MAX + 20);
                assert_int_equal(dynamic_uj(s, "user:1000", 0), worker_uj);
                assert_true(dynamic_uj(s, "user:unknown", 0) > 0);
                assert_non_null(find_entry(s, "user:7"));
        }
        teardown(&m);
}

static void
threads_of_a_task_count_for_its_user_wherever_its_line_is(void **state)
{
        struct machine m;
        struct jk_snapshot *s;

        (void)state;
        start(&m, options);
        for (int tick = 0; tick < 2; tick++) { /* leaves holes in the book of users */
                begin_busy_tick(&m);
                for (int i = 0; i < MANY; i++)
                        run_task(&m, 100 + i, 1, (uid_t)(100000 + tick * MANY + i), 100)->flags =
                                JK_TASK_ENDED;
                end_tick(&m);
        }
        begin_busy_tick(&m);
        run_task(&m, 20000, 1, 7, 1)->threads = 3;
        run_task(&m, 20001, 1, 8, 1)->threads = 4;
        s = end_tick(&m);
        assert_int_equal(find_entry(s, "user:7")->threads, 3);
        assert_int_equal(find_entry(s, "user:8")->threads, 4);

        begin_busy_tick(&m); /* setuid */
        run_task(&m, 20001, 1, 7, 1)->threads = 4;
        s = end_tick(&m);
        assert_int_equal(find_entry(s, "user:7")->threads, 7);
        assert_int_equal(find_entry(s, "user:8")->threads, 0);
        teardown(&m);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(gone_cgroups_are_bounded_and_leave_everything_to_their_parent),
        cmocka_unit_test(users_who_rest_are_bounded_and_those_who_used_much_stay),
        cmocka_unit_test(threads_of_a_task_count_for_its_user_wherever_its_line_is),
};

JK_RUN_TESTS(tests)
