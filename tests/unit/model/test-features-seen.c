/* SPDX-License-Identifier: Apache-2.0
 *
 * Features: what is seen changes exactly when it changes, and what is absurd is not believed.
 */
#include "tests/unit/model/features-fixture.h"

/* ---- doubts ---- */

static enum jk_features_change
observe_cycles(struct fixture *f, uint64_t cycles)
{
        begin(f, JK_TASK_CPU | JK_TASK_CYCLES, 1);
        add_task(f, 1000, cycles, 0, 0);
        return observe(f);
}

static void
one_wild_count_is_never_believed(void **state)
{
        struct fixture *f = *state;

        observe_cycles(f, 3000);
        for (int i = 0; i < 5; i++) {
                assert_int_equal(observe_cycles(f, UINT64_C(1) << 60), JK_FEATURES_DOUBTFUL);
                assert_int_equal(observe_cycles(f, 3000), JK_FEATURES_SAME);
                assert_near(f->features.values[3], 3000); /* of late: nothing of it stays */
        }
}

static void
a_load_that_stays_is_soon_believed(void **state)
{
        struct fixture *f = *state;
        int doubts = 0;

        observe_cycles(f, 0);
        assert_int_equal(observe_cycles(f, 3000), JK_FEATURES_SAME); /* the first at all */
        assert_int_equal(observe_cycles(f, 30000), JK_FEATURES_SAME);
        while (observe_cycles(f, 30000000) == JK_FEATURES_DOUBTFUL)
                doubts++;
        assert_int_equal(doubts, 2);
        assert_near(f->features.values[1], 30000000);
        assert_int_equal(observe_cycles(f, 10), JK_FEATURES_SAME);
        assert_int_equal(observe_cycles(f, 30000000), JK_FEATURES_SAME);
}

/* ---- what is seen ---- */

static void
change_is_told_exactly_when_more_is_seen(void **state)
{
        static const struct {
                uint32_t fields;
                bool frequency, temperature, voltage, another_event;
        } ticks[] = {
                { JK_TASK_CPU, false, false, false, false },
                { ALL_COUNTERS, false, false, false, false },
                { ALL_COUNTERS, true, false, false, false },
                { ALL_COUNTERS, true, true, false, false },
                { ALL_COUNTERS, true, true, true, false },
                { ALL_COUNTERS, true, true, true, true },
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < sizeof ticks / sizeof ticks[0]; i++) {
                if (ticks[i].another_event)
                        add_event(f, -1);
                for (int again = 0; again < 3; again++) {
                        struct jk_cpu_reading *cpu;

                        /* Fields that are no rates, more tasks and more CPUs change nothing. */
                        begin(f, ticks[i].fields | (again ? JK_TASK_IO | JK_TASK_THREADS : 0), 1);
                        for (int k = 0; k < again; k++) {
                                add_task(f, 1, 2, 3, 4);
                                add_cpu(f, 5);
                        }
                        cpu = add_cpu(f, 7);
                        cpu->frequency_seen = ticks[i].frequency;
                        cpu->temperature_seen = ticks[i].temperature;
                        cpu->voltage_seen = ticks[i].voltage;
                        cpu->frequency_khz = cpu->voltage_uv = 900000;
                        assert_int_equal(observe(f), again ? JK_FEATURES_SAME : JK_FEATURES_OTHER);
                }
        }
}

static void
what_is_missing_is_given_up_after_a_minute(void **state)
{
        struct fixture *f = *state;

        begin(f, ALL_COUNTERS, 1);
        assert_int_equal(observe(f), JK_FEATURES_OTHER);
        for (int i = 0; i < 200; i++) { /* now and then: never */
                begin(f, i % 50 ? JK_TASK_CPU : ALL_COUNTERS, 1);
                add_task(f, 1, 0, 0, 0);
                assert_int_equal(observe(f), i % 50 ? JK_FEATURES_LESS : JK_FEATURES_SAME);
        }
        begin(f, ALL_COUNTERS, 1);
        observe(f);
        for (int i = 0; i < 60; i++) {
                begin(f, JK_TASK_CPU, 1);
                add_task(f, 1, 0, 0, 0);
                assert_int_equal(observe(f), JK_FEATURES_LESS);
        }
        begin(f, JK_TASK_CPU, 1);
        add_task(f, 1, 0, 0, 0);
        assert_int_equal(observe(f), JK_FEATURES_OTHER);
        assert_int_equal(f->features.n_rates, 1);
}

/* An import tells what is counted by the tasks that did something. */
static void
where_nobody_did_anything_nothing_is_missing(void **state)
{
        struct fixture *f = *state;

        add_event(f, -1);
        begin(f, ALL_COUNTERS, 1);
        add_task(f, 1, 2, 3, 4);
        observe(f);
        for (int i = 0; i < 100; i++) {
                begin(f, 0, 1);
                f->sample.events = NULL;
                assert_int_equal(observe(f), JK_FEATURES_SAME);
                assert_near(f->features.values[0], 0);
        }
        assert_int_equal(f->features.n_rates, 5);
}

static void
what_is_seen_in_turns_is_one_set(void **state)
{
        struct fixture *f = *state;
        int n_other = 0;

        for (int i = 0; i < 60; i++) {
                uint32_t one = i % 2 ? JK_TASK_CYCLES : JK_TASK_LLC_MISSES;

                begin(f, i % 3 ? JK_TASK_CPU | one : ALL_COUNTERS, 1);
                add_task(f, 1, 1, 1, 1);
                n_other += observe(f) == JK_FEATURES_OTHER;
        }
        assert_int_equal(n_other, 1);
}

static void
a_state_that_is_missing_is_what_it_was(void **state)
{
        struct fixture *f = *state;

        for (int i = 0; i < 4; i++) {
                struct jk_cpu_reading *cpu;

                begin(f, JK_TASK_CPU, 1);
                add_task(f, 1000000000, 0, 0, 0);
                cpu = add_cpu(f, 1);
                cpu->voltage_seen = i % 2 == 0;
                cpu->voltage_uv = i % 2 ? 0 : 500000;
                assert_int_equal(observe(f), i ? JK_FEATURES_SAME : JK_FEATURES_OTHER);
                assert_near(f->features.values[0], 0.25 * 1e9);
                assert_near(f->features.values[1], 0.5);
        }
}

static void
without_counters_there_are_no_rates(void **state)
{
        struct fixture *f = *state;

        begin(f, JK_TASK_IO, 1);
        add_task(f, 5, 5, 5, 5);
        assert_int_equal(observe(f), JK_FEATURES_OTHER);
        assert_int_equal(f->features.n_rates, 0);
        assert_int_equal(observe(f), JK_FEATURES_SAME);
        begin(f, JK_TASK_CPU, 1);
        assert_int_equal(observe(f), JK_FEATURES_OTHER);
        assert_int_equal(f->features.n_rates, 1);
}

int
main(void)
{
        static const struct CMUnitTest tests[] = {
                CASE(one_wild_count_is_never_believed),
                CASE(a_load_that_stays_is_soon_believed),
                CASE(change_is_told_exactly_when_more_is_seen),
                CASE(what_is_missing_is_given_up_after_a_minute),
                CASE(where_nobody_did_anything_nothing_is_missing),
                CASE(what_is_seen_in_turns_is_one_set),
                CASE(a_state_that_is_missing_is_what_it_was),
                CASE(without_counters_there_are_no_rates),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
