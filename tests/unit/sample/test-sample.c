/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples: each task has a row of counts of the events that there are, which nothing is paid for
 * where there are none.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sample/sample.h"
#include "tests/unit/allocator.h"

static struct jk_event
event(const char *name, int package)
{
        struct jk_event event_ = { .package = package };

        snprintf(event_.name, sizeof event_.name, "%s", name);
        return event_;
}

static int
add(struct jk_event_table *table, const char *name, int package)
{
        struct jk_event added = event(name, package);

        return jk_event_add(table, &added);
}

static void
begin(struct jk_sample *sample, int64_t now_ns)
{
        struct jk_instant now = { .monotonic_ns = now_ns, .boottime_ns = now_ns };

        jk_sample_begin(sample, &now);
}

/* ---- tables ---- */

static void
an_event_is_known_by_its_name_and_package(void **state)
{
        struct jk_event_table table = { .count = 0 };

        (void)state;
        assert_int_equal(add(&table, "CYCLES", 0), 0);
        assert_int_equal(add(&table, "CYCLES", 1), 1);
        assert_int_equal(add(&table, "CYCLES", -1), 2);
        assert_int_equal(add(&table, "CYCLES", 1), -EEXIST);
        assert_int_equal(table.count, 3);
        assert_int_equal(jk_event_find(&table, "CYCLES", 1), 1);
        assert_int_equal(jk_event_find(&table, "CYCLES", -1), 2);
        assert_int_equal(jk_event_find(&table, "CYCLES", 2), -1);
        assert_int_equal(jk_event_find(&table, "CYCLE", 0), -1);
}

static void
a_table_takes_no_more_than_fit(void **state)
{
        struct jk_event_table table = { .count = 0 };

        (void)state;
        for (int i = 0; i < JK_EVENTS_MAX; i++)
                assert_int_equal(add(&table, "CYCLES", i), i);
        assert_int_equal(add(&table, "CYCLES", JK_EVENTS_MAX), -ENOSPC);
        assert_int_equal(add(&table, "CYCLES", 3), -EEXIST);
        assert_int_equal(table.count, JK_EVENTS_MAX);
}

static void
a_table_continues_what_it_begins_with(void **state)
{
        struct jk_event_table none = { .count = 0 }, one = none, two, other = none;

        (void)state;
        add(&one, "CYCLES", -1);
        two = one;
        add(&two, "MISSES", -1);
        add(&other, "CYCLES", 0);
        assert_true(jk_events_continue(&one, &none));
        assert_true(jk_events_continue(&one, &one));
        assert_true(jk_events_continue(&two, &one));
        assert_false(jk_events_continue(&one, &two));
        assert_false(jk_events_continue(&other, &one));
}

/* ---- rows ---- */

static void
each_task_has_a_row_that_begins_with_0(void **state)
{
        struct jk_event_table table = { .count = 0 };
        struct jk_sample sample = { .events = &table };

        (void)state;
        for (uint64_t tick = 0; tick < 5; tick++) {
                size_t n;

                add(&table, "CYCLES", (int)tick); /* one more than in the tick before */
                n = table.count;
                begin(&sample, 1 + (int64_t)tick);
                for (size_t task = 0; task < 100; task++) {
                        uint64_t *row;

                        assert_non_null(jk_sample_add_task(&sample));
                        row = jk_sample_task_events(&sample, task);
                        for (size_t e = 0; e < n; e++) {
                                assert_int_equal(row[e], 0);
                                row[e] = 1 + task * n + e;
                        }
                }
                for (size_t task = 0; task < 100; task++)
                        for (size_t e = 0; e < n; e++)
                                assert_int_equal(jk_sample_task_events(&sample, task)[e],
                                                 1 + task * n + e);
        }
        jk_sample_free(&sample);
        assert_null(sample.task_events);
}

static void
without_events_there_are_no_rows(void **state)
{
        struct jk_event_table none = { .count = 0 };
        struct jk_sample sample = { 0 };

        (void)state;
        for (int round = 0; round < 2; round++) {
                sample.events = round ? &none : NULL;
                begin(&sample, 1 + round);
                assert_non_null(jk_sample_add_task(&sample));
                assert_int_equal(jk_sample_n_events(&sample), 0);
                assert_null(jk_sample_task_events(&sample, 0));
                assert_null(sample.task_events);
        }
        jk_sample_free(&sample);
}

/* A task without its row would have that of another. */
static void
a_task_whose_row_does_not_fit_is_not_there(void **state)
{
        (void)state;
        for (int n = 0; n < 2; n++) {
                struct jk_event_table table = { .count = 0 };
                struct jk_sample sample = { .events = &table };

                add(&table, "CYCLES", -1);
                begin(&sample, 1);
                allocator_fail_from(n);
                assert_null(jk_sample_add_task(&sample));
                allocator_fail_from(-1);
                assert_int_equal(sample.n_tasks, 0);
                assert_non_null(jk_sample_add_task(&sample));
                assert_int_equal(jk_sample_task_events(&sample, 0)[0], 0);
                jk_sample_free(&sample);
        }
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_known_by_its_name_and_package),
        cmocka_unit_test(a_table_takes_no_more_than_fit),
        cmocka_unit_test(a_table_continues_what_it_begins_with),
        cmocka_unit_test(each_task_has_a_row_that_begins_with_0),
        cmocka_unit_test(without_events_there_are_no_rows),
        cmocka_unit_test(a_task_whose_row_does_not_fit_is_not_there),
};

JK_RUN_TESTS(tests)
