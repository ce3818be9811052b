/* SPDX-License-Identifier: Apache-2.0
 *
 * Features: rates are per second and add up, on packages and shared cores as well; ratios and
 * voltage are what they should be.
 */
#include "tests/unit/model/features-fixture.h"

/* ---- rates ---- */

static void
rates_are_per_second_and_sum_over_tasks(void **state)
{
        struct fixture *f = *state;

        add_event(f, -1);
        add_event(f, 1);
        begin(f, ALL_COUNTERS, 2);
        add_task(f, 1000, 400, 300, 20);
        add_task(f, 3000, 200, 100, 10);
        jk_sample_task_events(&f->sample, 0)[0] = 8;
        jk_sample_task_events(&f->sample, 1)[0] = 4;
        jk_sample_task_events(&f->sample, 1)[1] = 50;
        observe(f);
        assert_int_equal(f->features.n_rates, 6);
        assert_near(f->features.values[0], 2000);
        assert_near(f->features.values[1], 300);
        assert_near(f->features.values[2], 200);
        assert_near(f->features.values[3], 15);
        assert_near(f->features.values[4], 6);
        assert_near(f->features.values[5], 25);
        assert_int_equal(f->features.rates[4].package, -1);
        assert_int_equal(f->features.rates[5].package, 1);
}

static void
weights_of_tasks_add_up_to_that_of_the_rates(void **state)
{
        static const double weights[JK_RATES_MAX] = { 2, 0, 0.5, 7, 3 };
        struct fixture *f = *state;
        double tasks = 0, machine = 0;

        add_event(f, -1);
        begin(f, ALL_COUNTERS, 4);
        for (uint64_t i = 0; i < 5; i++) {
                size_t task = add_task(f, 100 * i, 77, 30 + i, 2 * i);

                jk_sample_task_events(&f->sample, task)[0] = 9 * i;
        }
        observe(f);
        for (size_t i = 0; i < 5; i++)
                tasks += jk_features_weigh(&f->features, &f->sample, i, weights);
        for (size_t i = 0; i < 5; i++)
                machine += weights[i] * f->features.values[i];
        assert_near(tasks, 4 * machine);
        assert_near(jk_features_weigh(&f->features, &f->sample, 0, weights), 0.5 * 30);
}

static void
cycles_lead_and_else_cpu_time(void **state)
{
        struct fixture *f = *state;

        begin(f, ALL_COUNTERS, 1);
        observe(f);
        assert_int_equal(jk_features_leading(&f->features, -1), 1);
        assert_int_equal(jk_features_find(&f->features, JK_TASK_LLC_MISSES, -1), 3);
        begin(f, JK_TASK_CPU | JK_TASK_IO, 1);
        add_task(f, 1, 0, 0, 0);
        observe(f);
        assert_int_equal(f->features.n_rates, 4); /* I/O is none of the CPU's */
        assert_int_equal(jk_features_leading(&f->features, -1), 0);
        assert_int_equal(jk_features_find(&f->features, JK_TASK_LLC_MISSES, -1), 4);
}

static void
more_events_than_there_is_room_for_are_left_out(void **state)
{
        static const double weights[JK_RATES_MAX] = { [JK_RATES_COUNTED_MAX - 1] = 1 };
        struct fixture *f = *state;

        for (int i = 0; i < JK_EVENTS_MAX; i++)
                add_event(f, -1);
        begin(f, ALL_COUNTERS, 1);
        add_task(f, 1, 2, 3, 4);
        for (size_t i = 0; i < JK_EVENTS_MAX; i++)
                jk_sample_task_events(&f->sample, 0)[i] = 100 + i;
        for (int i = 0; i < 4; i++) {
                struct jk_cpu_reading *cpu = add_cpu(f, 1);

                cpu->frequency_seen = cpu->temperature_seen = cpu->voltage_seen = true;
                cpu->frequency_khz = cpu->voltage_uv = 1000000;
        }
        assert_int_equal(observe(f), JK_FEATURES_OTHER);
        assert_int_equal(f->features.n_rates, JK_RATES_COUNTED_MAX);
        assert_int_equal(f->features.n, JK_RATES_COUNTED_MAX + 7);
        assert_near(f->features.values[JK_RATES_COUNTED_MAX - 1], 100 + JK_RATES_COUNTED_MAX - 5);
        assert_near(jk_features_weigh(&f->features, &f->sample, 0, weights),
                    100 + JK_RATES_COUNTED_MAX - 5);
        assert_int_equal(observe(f), JK_FEATURES_SAME);
}

/* ---- shared cores ---- */

static void
add_place(struct fixture *f, const char *name, int package)
{
        struct jk_event event = { .package = package };

        strcpy(event.name, name);
        assert_true(jk_event_add(&f->events, &event) >= 0);
}

/* A task that was half of its time on package 1, and a quarter beside a busy sibling. */
static void
add_task_on_two_packages(struct fixture *f)
{
        size_t task = add_task(f, 1000, 4000, 8000, 16);

        jk_sample_task_events(&f->sample, task)[0] = 500;
        jk_sample_task_events(&f->sample, task)[1] = 500;
        jk_sample_task_events(&f->sample, task)[2] = 250;
}

static void
events_are_split_among_packages_as_cpu_time_is(void **state)
{
        struct fixture *f = *state;
        size_t whole = 1;

        add_place(f, JK_EVENT_CPU_TIME, 0);
        add_place(f, JK_EVENT_CPU_TIME, 1);
        add_event(f, -1);
        begin(f, JK_TASK_CPU, 1);
        add_task(f, 1000, 0, 0, 0);
        jk_sample_task_events(&f->sample, 0)[1] = 1000; /* all of it on package 1 */
        jk_sample_task_events(&f->sample, 0)[2] = 40;
        observe(f);

        /* CPU time and the event: in all, and on each package. */
        assert_int_equal(f->features.n_rates, 6);
        assert_near(f->features.values[whole], 40);
        for (size_t i = 0; i < f->features.n_rates; i++) {
                const struct jk_rate *rate = &f->features.rates[i];

                if (!rate->field && i != whole)
                        assert_near(f->features.values[i], rate->package == 1 ? 40 : 0);
                for (int package = -1; package < 2; package++)
                        assert_true(jk_features_suit(&f->features, i, package) ==
                                    (rate->package == package));
        }
}

static void
core_time_stands_beside_thread_time_where_it_is_wanted(void **state)
{
        struct fixture *f = *state;

        add_place(f, JK_EVENT_CPU_TIME, 0);
        add_place(f, JK_EVENT_CPU_TIME, 1);
        add_place(f, JK_EVENT_SHARED_TIME, -1);
        begin(f, ALL_COUNTERS, 1);
        add_task_on_two_packages(f);
        observe(f);
        assert_int_equal(f->features.n_rates, 12); /* four fields: in all, and on each package */

        f->features = (struct jk_features){ .wants_cores = true };
        observe(f);
        assert_int_equal(f->features.n_rates, 12 + 2 * 3);
        for (int package = -1; package < 2; package++) {
                size_t cpu = jk_features_find(&f->features, JK_TASK_CPU, package);
                size_t cycles = jk_features_leading(&f->features, package);
                size_t misses = jk_features_find(&f->features, JK_TASK_LLC_MISSES, package);
                size_t cpu_cores = jk_features_cores(&f->features, cpu);
                size_t cycles_cores = jk_features_cores(&f->features, cycles);
                double part = package < 0 ? 1 : 0.5;

                assert_true(cpu < 12 && cycles < 12 && cpu_cores >= 12 && cycles_cores >= 12);
                assert_near(f->features.values[cpu], part * 1000);
                assert_near(f->features.values[cpu_cores], part * 875);
                assert_near(f->features.values[cycles_cores], part * 3500);
                assert_int_equal(jk_features_cores(&f->features, misses), f->features.n_rates);
                assert_int_equal(jk_features_cores(&f->features, cpu_cores), f->features.n_rates);
                for (int other = -1; other < 2; other++)
                        assert_true(jk_features_suit(&f->features, cpu_cores, other) ==
                                    (other == package));
        }
}

static void
core_time_has_room_beside_four_packages(void **state)
{
        struct fixture *f = *state;

        for (int package = 0; package < 4; package++)
                add_place(f, JK_EVENT_CPU_TIME, package);
        add_place(f, JK_EVENT_SHARED_TIME, -1);
        f->features.wants_cores = true;
        begin(f, ALL_COUNTERS, 1);
        add_task(f, 1000, 4000, 8000, 16);
        observe(f);
        assert_int_equal(f->features.n_rates, 20 + 10);
}

/* ---- coordinates ---- */

static void
a_ratio_of_nothing_stays_what_it_was(void **state)
{
        struct fixture *f = *state;

        begin(f, ALL_COUNTERS, 1);
        observe(f);
        for (size_t i = 4; i < 7; i++)
                assert_true(f->features.values[i] == 0);
        begin(f, ALL_COUNTERS, 1);
        add_task(f, 1000, 3000, 6000, 60);
        observe(f);
        for (int i = 0; i < 2; i++) {
                assert_near(f->features.values[4], 3);
                assert_near(f->features.values[5], 2);
                assert_near(f->features.values[6], 0.01);
                begin(f, ALL_COUNTERS, 1); /* nobody runs */
                observe(f);
                assert_true(f->features.values[0] == 0);
        }
}

static void
ratios_need_both_of_their_parts(void **state)
{
        struct fixture *f = *state;

        begin(f, JK_TASK_CPU | JK_TASK_INSTRUCTIONS | JK_TASK_LLC_MISSES, 1);
        add_task(f, 1000, 0, 500, 5);
        observe(f);
        assert_int_equal(f->features.n, 3 + 1 + 1); /* misses per instruction; the recent one */
        assert_near(f->features.values[3], 0.01);
}

static void
rates_go_with_the_square_of_the_voltage(void **state)
{
        struct fixture *f = *state;

        begin(f, ALL_COUNTERS, 1);
        add_task(f, 1000, 2000, 6000, 60);
        for (uint32_t i = 0; i < 3; i++) {
                struct jk_cpu_reading *cpu = add_cpu(f, 0);

                cpu->voltage_seen = i < 2; /* the third does not tell */
                cpu->voltage_uv = i < 2 ? 1000000 + 400000 * i : 77;
        }
        observe(f);
        assert_near(f->features.values[0], 1000 * 1.44);
        assert_near(f->features.values[3], 60 * 1.44);
        assert_near(f->features.values[5], 3);   /* ratios do not */
        assert_near(f->features.values[7], 1.2); /* itself a coordinate */
}

static void
frequency_is_that_of_the_busy_cpus(void **state)
{
        struct fixture *f = *state;

        begin(f, JK_TASK_CPU, 1);
        for (uint32_t i = 0; i < 2; i++) {
                struct jk_cpu_reading *cpu = add_cpu(f, i ? 0 : 999999999);

                cpu->frequency_seen = cpu->temperature_seen = true;
                cpu->frequency_khz = i ? 800000 : 3000000;
                cpu->temperature_mc = i ? 40000 : 60000;
        }
        observe(f);
        assert_true(fabs(f->features.values[1] - 3) < 1e-6);
        assert_near(f->features.values[2], 50);

        f->sample.cpus[0].busy_ns = 0; /* an idle machine has a frequency as well */
        observe(f);
        assert_near(f->features.values[1], 1.9);
}

static void
recent_load_is_followed_in_its_time(void **state)
{
        struct fixture *f = *state;

        begin(f, JK_TASK_CPU, 1);
        add_task(f, 1000, 0, 0, 0);
        observe(f);
        assert_near(f->features.values[1], 1000);
        for (int i = 0; i < 60; i++) { /* of any length: 30 s in all */
                begin(f, JK_TASK_CPU, i % 2 ? 0.2 : 0.8);
                observe(f);
        }
        assert_near(f->features.values[1], 1000 * exp(-1));
}

static void
many_rates_do_not_outweigh_the_rest(void **state)
{
        struct fixture *f = *state;

        for (int events = 0; events <= JK_EVENTS_MAX; events++) {
                double rates = 0, others = 0;

                begin(f, ALL_COUNTERS, 1);
                observe(f);
                for (size_t i = 0; i < f->features.n; i++) {
                        double importance = f->features.importance[i];

                        assert_true(importance > 0 && importance <= 1);
                        if (i < f->features.n_rates)
                                rates += importance * importance;
                        else
                                others += importance * importance;
                }
                assert_true(rates <= 2);
                assert_near(others, 3 * 0.25 + 0.09);
                if (events < JK_EVENTS_MAX)
                        add_event(f, -1);
        }
}

/* As when one recording follows another. */
static void
other_events_of_the_same_number_are_a_change(void **state)
{
        struct fixture *f = *state;

        add_event(f, -1);
        add_event(f, -1);
        for (int i = 0; i < 3; i++) {
                begin(f, JK_TASK_CPU, 1);
                add_task(f, 1, 0, 0, 0);
                assert_int_equal(observe(f), i == 0 ? JK_FEATURES_OTHER : JK_FEATURES_SAME);
        }

        strcpy(f->events.events[1].name, "SOMETHING_ELSE");
        begin(f, JK_TASK_CPU, 1);
        add_task(f, 1, 0, 0, 0);
        assert_int_equal(observe(f), JK_FEATURES_OTHER);
        assert_int_equal(observe(f), JK_FEATURES_SAME);

        f->events.events[0].package = 1;
        assert_int_equal(observe(f), JK_FEATURES_OTHER);
        assert_int_equal(f->features.rates[1].package, 1);
        assert_int_equal(observe(f), JK_FEATURES_SAME);
}

int
main(void)
{
        static const struct CMUnitTest tests[] = {
                CASE(rates_are_per_second_and_sum_over_tasks),
                CASE(weights_of_tasks_add_up_to_that_of_the_rates),
                CASE(cycles_lead_and_else_cpu_time),
                CASE(more_events_than_there_is_room_for_are_left_out),
                CASE(core_time_stands_beside_thread_time_where_it_is_wanted),
                CASE(events_are_split_among_packages_as_cpu_time_is),
                CASE(core_time_has_room_beside_four_packages),
                CASE(a_ratio_of_nothing_stays_what_it_was),
                CASE(ratios_need_both_of_their_parts),
                CASE(rates_go_with_the_square_of_the_voltage),
                CASE(frequency_is_that_of_the_busy_cpus),
                CASE(recent_load_is_followed_in_its_time),
                CASE(many_rates_do_not_outweigh_the_rest),
                CASE(other_events_of_the_same_number_are_a_change),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
