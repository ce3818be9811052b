/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever ends leaves its energy: a task with the ended ones, a cgroup with its parent, at its
 * time; and whatever comes again goes on with its account.
 */
#include "tests/unit/ledger/machine.h"

static void
ended_tasks_leave_their_energy(void **state)
{
        struct jk_ledger_options options = { .ended_retention_ns = 5 * JK_NS_PER_S,
                                             .ended_tasks_max = 3 };
        struct machine m;
        struct jk_snapshot *s;
        int64_t cgroup;

        (void)state;
        start(&m, options);

        begin_busy_tick(&m);
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
        start(&m, options);
        begin_busy_tick(&m);
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

static void
a_reused_pid_is_another_task(void **state)
{
        struct machine m;
        struct jk_snapshot *s;

        (void)state;
        start(&m, defaults);
        begin_busy_tick(&m);
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
        begin_first_tick(&m, options);
        jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_APPEARED, "/a");
        jk_sample_add_cgroup(&m.sample, 6, JK_CGROUP_APPEARED, "/a/b c");
        jk_sample_add_cgroup(&m.sample, 7, JK_CGROUP_APPEARED, "/a/b c/d");
        end_tick(&m);

        begin_busy_tick(&m);
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
        begin_first_tick(&m, options);
        jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_APPEARED, "/a");
        end_tick(&m);

        begin_busy_tick(&m);
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
        begin_first_tick(&m, options);
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
        begin_first_tick(&m, options);
        jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_APPEARED, "/a");
        jk_sample_add_cgroup(&m.sample, 6, JK_CGROUP_APPEARED, "/a/b");
        end_tick(&m);
        begin_busy_tick(&m);
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
        begin_first_tick(&m, defaults);
        jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_APPEARED, "/x.service");
        end_tick(&m);

        begin_busy_tick(&m);
        run_task(&m, 10, 5, 0, 300)->flags = JK_TASK_ENDED;
        jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_VANISHED, "/x.service");
        before = dynamic_uj(end_tick(&m), "cgroup:/x.service", 0);

        begin_busy_tick(&m);
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
        begin_first_tick(&m, defaults);
        jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_APPEARED, "/old");
        end_tick(&m);
        begin_busy_tick(&m);
        run_task(&m, 10, 5, 0, 300);
        before = dynamic_uj(end_tick(&m), "cgroup:/old", 0);

        begin_busy_tick(&m);
        jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_APPEARED, "/new");
        run_task(&m, 10, 5, 0, 300);
        s = end_tick(&m);
        assert_int_equal(dynamic_uj(s, "cgroup:/old", 0), before);
        assert_true(find_entry(s, "cgroup:/old")->flags & JK_ENTRY_ENDED);
        assert_true(dynamic_uj(s, "cgroup:/new", 0) > 0);
        teardown(&m);
}

/* The end of its first id was never told, as a recording may have it. */
static void
a_former_id_of_a_gone_cgroup_names_nothing(void **state)
{
        struct machine m;
        struct jk_snapshot *s;

        (void)state;
        start(&m, defaults);
        begin_busy_tick(&m);
        assert_int_equal(jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_APPEARED, "/a"), 0);
        assert_int_equal(jk_sample_add_cgroup(&m.sample, 6, JK_CGROUP_APPEARED, "/a"), 0);
        assert_int_equal(jk_sample_add_cgroup(&m.sample, 6, JK_CGROUP_VANISHED, "/a"), 0);
        end_tick(&m);

        begin_busy_tick(&m);
        assert_int_equal(jk_sample_add_cgroup(&m.sample, 7, JK_CGROUP_APPEARED, "/b"), 0);
        run_task(&m, 10, 5, 0, 100);
        s = end_tick(&m);
        assert_int_equal(dynamic_uj(s, "cgroup:/unknown-5", 0), dynamic_uj(s, "task:10:10000", 0));
        assert_int_equal(dynamic_uj(s, "cgroup:/b", 0), 0);

        begin_busy_tick(&m);
        assert_int_equal(jk_sample_add_cgroup(&m.sample, 5, JK_CGROUP_VANISHED, "/a"), 0);
        end_tick(&m);
        teardown(&m);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(ended_tasks_leave_their_energy),
        cmocka_unit_test(fewer_ended_tasks_leave_the_oldest_to_the_rest),
        cmocka_unit_test(a_reused_pid_is_another_task),
        cmocka_unit_test(a_gone_cgroup_leaves_its_total_with_its_parent),
        cmocka_unit_test(a_gone_cgroup_takes_its_unseen_time_along),
        cmocka_unit_test(a_listed_task_keeps_the_name_of_its_cgroup),
        cmocka_unit_test(a_new_account_begins_at_zero),
        cmocka_unit_test(a_restarted_service_goes_on_with_its_account),
        cmocka_unit_test(a_renamed_cgroup_leaves_its_old_path),
        cmocka_unit_test(a_former_id_of_a_gone_cgroup_names_nothing),
};

JK_RUN_TESTS(tests)
