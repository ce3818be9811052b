/* SPDX-License-Identifier: Apache-2.0
 *
 * Features: rates are per second and add up, ratios and voltage are what they should be, and what
 * is seen changes exactly when it changes.
 */
#include "tests/unit/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/features.h"

#define ALL_COUNTERS (JK_TASK_CPU | JK_TASK_CYCLES | JK_TASK_INSTRUCTIONS | JK_TASK_LLC_MISSES)

struct fixture {
        struct jk_sample sample;
        struct jk_event_table events;
        struct jk_features features;
        struct jk_instant now;
};

static int
set_up(void **state)
{
        struct fixture *f = calloc(1, sizeof *f);

        jk_sample_init(&f->sample);
        *state = f;
        return 0;
}

static int
tear_down(void **state)
{
        struct fixture *f = *state;

        jk_sample_free(&f->sample);
        free(f);
        return 0;
}

/* An empty tick of so many seconds in which those fields are seen. */
static void
begin(struct fixture *f, uint32_t fields, double elapsed_s)
{
        f->now.monotonic_ns += (int64_t)(elapsed_s * 1e9);
        f->now.boottime_ns = f->now.realtime_ns = f->now.monotonic_ns;
        jk_sample_begin(&f->sample, &f->now);
        f->sample.elapsed_ns = (int64_t)(elapsed_s * 1e9);
        f->sample.flags |= JK_SAMPLE_TASKS;
        f->sample.task_fields = fields;
        f->sample.events = f->events.count > 0 ? &f->events : NULL;
}

static size_t
add_task(struct fixture *f, uint64_t cpu_ns, uint64_t cycles, uint64_t instructions,
         uint64_t llc_misses)
{
        struct jk_task_record *task = jk_sample_add_task(&f->sample);

        assert_non_null(task);
        task->cpu_ns = cpu_ns;
        task->cycles = cycles;
        task->instructions = instructions;
        task->llc_misses = llc_misses;
        return f->sample.n_tasks - 1;
}

static void
add_event(struct fixture *f, int package)
{
        struct jk_event event = { .package = package };

        snprintf(event.name, sizeof event.name, "EVENT_%zu", f->events.count);
        assert_true(jk_event_add(&f->events, &event) >= 0);
}

static struct jk_cpu_reading *
add_cpu(struct fixture *f, uint64_t busy_ns)
{
        struct jk_cpu_reading *cpu = jk_sample_add_cpu(&f->sample);

        assert_non_null(cpu);
        cpu->online = true;
        cpu->busy_ns = busy_ns;
        return cpu;
}

static enum jk_features_change
observe(struct fixture *f)
{
        enum jk_features_change change = jk_features_observe(&f->features, &f->sample);

        assert_true(f->features.n <= JK_COORDINATES_MAX);
        assert_true(f->features.n_rates <= JK_RATES_MAX);
        for (size_t i = 0; f->features.n_rates > 0 && i < f->features.n; i++)
                assert_true(isfinite(f->features.values[i]));
        return change;
}

static void
assert_near(double value, double expected)
{
        if (!(fabs(value - expected) <= 1e-9 * fabs(expected)))
                fail_msg("%.12g is not %.12g", value, expected);
}

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
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
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
                CASE(one_wild_count_is_never_believed),
                CASE(a_load_that_stays_is_soon_believed),
                CASE(change_is_told_exactly_when_more_is_seen),
                CASE(what_is_missing_is_given_up_after_a_minute),
                CASE(where_nobody_did_anything_nothing_is_missing),
                CASE(what_is_seen_in_turns_is_one_set),
                CASE(a_state_that_is_missing_is_what_it_was),
                CASE(other_events_of_the_same_number_are_a_change),
                CASE(without_counters_there_are_no_rates),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
