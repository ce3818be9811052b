/* SPDX-License-Identifier: Apache-2.0
 *
 * The adaptive model on a machine whose truth is known (world.h).
 */
#include "tests/unit/model/world.h"

#include <stdio.h>

static const struct jk_model_ops *const adaptive = &jk_model_adaptive;

struct fixture {
        struct world world;
        struct jk_model *model;
        size_t compute, memory, other;
};

static int
set_up(void **state)
{
        struct fixture *f = calloc(1, sizeof *f);
        struct jk_error err;

        world_start(&f->world);
        f->compute = world_add(&f->world, 2.4, 0.05);
        f->memory = world_add(&f->world, 0.5, 25);
        f->other = world_add(&f->world, 1.2, 3);
        if (adaptive->open(NULL, &f->model, &err) < 0)
                return -1;
        *state = f;
        return 0;
}

static int
tear_down(void **state)
{
        struct fixture *f = *state;

        adaptive->close(f->model);
        world_end(&f->world);
        free(f);
        return 0;
}

static void
load(struct fixture *f, double compute, double memory, double other)
{
        f->world.programs[f->compute].running = compute;
        f->world.programs[f->memory].running = memory;
        f->world.programs[f->other].running = other;
}

/* What a machine does in ten minutes before a steady mix: it idles, starts things, stops them. */
static void
live(struct fixture *f)
{
        for (int i = 0; i < 600; i++) {
                if (i % 20 == 0)
                        load(f, floor(6 * world_random(&f->world)),
                             floor(6 * world_random(&f->world)),
                             floor(3 * world_random(&f->world)));
                if (i < 60)
                        load(f, 0, 0, 0.05);
                world_step(&f->world, adaptive, f->model);
        }
        world_forget_books(&f->world);
}

static void
mix(struct fixture *f, const struct jk_model_ops *ops, struct jk_model *model, int seconds)
{
        load(f, 4, 4, 0.1);
        for (int i = 0; i < seconds; i++)
                world_step(&f->world, ops, model);
}

static void
assert_error(const struct fixture *f, size_t program, size_t zone, double most_pct)
{
        double error_pct = world_error_pct(&f->world, program, zone);

        if (!(fabs(error_pct) <= most_pct))
                fail_msg("program %zu, zone %zu: %g J booked of %g J: %+.2f %%", program, zone,
                         f->world.booked_j[program][zone], f->world.true_j[program][zone],
                         error_pct);
}

static void
a_steady_mix_is_told_apart(void **state)
{
        struct fixture *f = *state;

        live(f);
        mix(f, adaptive, f->model, 300);
        assert_error(f, f->compute, WORLD_PACKAGE, 5);
        assert_error(f, f->memory, WORLD_PACKAGE, 5);
        assert_error(f, f->memory, WORLD_DRAM, 10);
}

static void
which_cpu_time_cannot(void **state)
{
        struct fixture *f = *state;
        struct jk_model *share;
        struct jk_error err;

        assert_int_equal(jk_model_share.open(NULL, &share, &err), 0);
        f->world.counters = false;
        load(f, 0, 0, 0.05);
        for (int i = 0; i < 60; i++)
                world_step(&f->world, &jk_model_share, share);
        world_forget_books(&f->world);
        mix(f, &jk_model_share, share, 300);
        jk_model_share.close(share);
        assert_true(fabs(world_error_pct(&f->world, f->compute, WORLD_PACKAGE)) > 10);
        assert_true(fabs(world_error_pct(&f->world, f->compute, WORLD_DRAM)) > 100);
}

static void
identical_programs_get_the_same(void **state)
{
        struct fixture *f = *state;
        size_t twin = world_add(&f->world, 1.2, 3);

        live(f);
        f->world.programs[f->other].running = f->world.programs[twin].running = 3;
        f->world.programs[f->compute].running = 2;
        for (int i = 0; i < 300; i++)
                world_step(&f->world, adaptive, f->model);
        for (size_t zone = 0; zone < WORLD_ZONES; zone++) {
                double ratio = f->world.booked_j[twin][zone] / f->world.booked_j[f->other][zone];

                assert_true(fabs(ratio - 1) < 0.02);
        }
}

static void
the_first_tick_is_divided(void **state)
{
        struct fixture *f = *state;

        load(f, 2, 2, 1);
        world_step(&f->world, adaptive, f->model); /* baselines only */
        world_forget_books(&f->world);
        world_step(&f->world, adaptive, f->model);
        assert_true(f->world.booked_j[f->compute][WORLD_PACKAGE] > 0);
        assert_true(f->world.booked_j[f->memory][WORLD_DRAM] >
                    f->world.booked_j[f->compute][WORLD_DRAM]);
}

static void
garbage_does_not_spoil_it(void **state)
{
        struct fixture *f = *state;

        for (int i = 0; i < 3; i++) {
                struct jk_event event = { .package = -1 };

                snprintf(event.name, sizeof event.name, "GARBAGE_%d", i);
                assert_int_equal(jk_event_add(&f->world.events, &event), i);
        }
        f->world.n_garbage = 3;
        a_steady_mix_is_told_apart(state);
}

static void
it_says_what_it_expects(void **state)
{
        struct fixture *f = *state;

        load(f, 1, 1, 1);
        world_step(&f->world, adaptive, f->model);
        assert_true(isnan(adaptive->expect(f->model, WORLD_PACKAGE).power_w));
        live(f);
        for (size_t zone = 0; zone < WORLD_ZONES; zone++) {
                double measured_w = (double)f->world.sample.readings[zone].energy_uj / 1e6;

                assert_true(fabs(adaptive->expect(f->model, zone).power_w / measured_w - 1) < 0.08);
                assert_true(adaptive->expect(f->model, zone).error_pct > 0);
                assert_true(adaptive->expect(f->model, zone).error_pct < 6);
        }
}

/* Of a tick whose energy it does not see: what it expects stays, and nothing is learned from it. */
static void
it_expects_without_a_reading(void **state)
{
        struct fixture *f = *state;

        live(f);
        load(f, 3, 2, 1);
        for (int i = 0; i < 100; i++) {
                world_tick(&f->world, 1);
                for (int zone = 0; zone < WORLD_ZONES; zone++)
                        f->world.sample.readings[zone].flags = 0;
                adaptive->observe(f->model, &f->world.sample);
        }
        assert_true(fabs(adaptive->expect(f->model, WORLD_PACKAGE).power_w /
                                 ((double)f->world.sample.readings[WORLD_PACKAGE].energy_uj / 1e6) -
                         1) < 0.08);
}

static void
one_zone_that_is_not_read_does_not_stop_the_other(void **state)
{
        struct fixture *f = *state;

        live(f);
        for (int i = 0; i < 200; i++) {
                load(f, 4, i % 5, 1);
                world_tick(&f->world, 1);
                f->world.sample.readings[WORLD_DRAM].flags = 0;
                adaptive->observe(f->model, &f->world.sample);
        }
        world_forget_books(&f->world);
        mix(f, adaptive, f->model, 100);
        assert_error(f, f->compute, WORLD_PACKAGE, 5);
        assert_error(f, f->memory, WORLD_DRAM, 10);
}

static void
counters_that_come_and_go_are_followed(void **state)
{
        struct fixture *f = *state;

        live(f);
        f->world.counters = false;
        mix(f, adaptive, f->model, 50);
        f->world.counters = true;
        live(f);
        mix(f, adaptive, f->model, 200);
        assert_error(f, f->compute, WORLD_PACKAGE, 5);
}

/* A zone that is there once and never again is no reason not to learn of the other. */
static void
a_zone_that_goes_at_once_stops_nothing(void **state)
{
        struct fixture *f = *state;

        for (int i = 0; i < 200; i++) {
                load(f, i % 4, i % 5, 1);
                world_tick(&f->world, 1);
                if (i > 1)
                        f->world.sample.readings[WORLD_DRAM].flags = 0;
                adaptive->observe(f->model, &f->world.sample);
        }
        assert_true(adaptive->expect(f->model, WORLD_PACKAGE).power_w > 0);
}

/* What two zones draw in the same tick is never seen, then: that must spoil nothing, and what was
 * learned before must last. */
static void
zones_that_take_turns_spoil_nothing(void **state)
{
        struct fixture *f = *state;

        for (int part = 0; part < 2; part++) {
                for (int i = 0; i < 200; i++) {
                        load(f, i % 4, i % 5, 1);
                        world_tick(&f->world, 1);
                        f->world.sample.readings[i % 2].flags = 0;
                        adaptive->observe(f->model, &f->world.sample);
                }
                assert_int_equal(isnan(adaptive->expect(f->model, WORLD_PACKAGE).power_w), !part);
                if (part == 0)
                        live(f);
        }
        world_forget_books(&f->world);
        mix(f, adaptive, f->model, 100);
        assert_error(f, f->compute, WORLD_PACKAGE, 5);
        assert_error(f, f->memory, WORLD_DRAM, 10);
}

/* Half of the ticks lack counters: they are divided by CPU time, and cost nothing of what is
 * known. */
static void
a_counter_that_flickers_costs_nothing_learned(void **state)
{
        struct fixture *f = *state;

        live(f);
        for (int i = 0; i < 100; i++) {
                f->world.counters = i % 2;
                mix(f, adaptive, f->model, 1);
                assert_int_equal(isnan(adaptive->expect(f->model, WORLD_PACKAGE).power_w),
                                 !f->world.counters);
                assert_true(f->world.booked_j[f->memory][WORLD_DRAM] > 0);
        }
        f->world.counters = true;
        world_forget_books(&f->world);
        mix(f, adaptive, f->model, 100);
        assert_error(f, f->compute, WORLD_PACKAGE, 5);
        assert_error(f, f->memory, WORLD_DRAM, 10);
}

/* Where all that is dear did not happen, interrupts do not bear what the tasks' time did. */
static void
tasks_without_what_is_dear_are_not_free(void **state)
{
        struct fixture *f = *state;
        double weights[WORLD_PROGRAMS] = { 0 };
        struct jk_split split = { .task_weights = weights };

        live(f);
        load(f, 4, 4, 1);
        world_tick(&f->world, 1);
        f->world.sample.cpus[0].softirq_ns = 1000000;
        for (size_t i = 0; i < f->world.n_programs; i++) {
                struct jk_task_record *task = &f->world.sample.tasks[i];

                task->cycles = task->instructions = task->llc_misses = 0;
        }
        adaptive->observe(f->model, &f->world.sample);
        adaptive->split(f->model, &f->world.sample, WORLD_DRAM, &split);
        assert_true(weights[0] > 100 * split.softirq_weight);
}

static void
of_an_estimate_nothing_is_learned(void **state)
{
        struct fixture *f = *state;
        double weights[WORLD_PROGRAMS] = { 0 };
        struct jk_split split = { .task_weights = weights };

        f->world.zones.zones[WORLD_PACKAGE].provenance = JK_MODELLED;
        live(f);
        mix(f, adaptive, f->model, 10);
        assert_true(isnan(adaptive->expect(f->model, WORLD_PACKAGE).power_w));
        assert_false(isnan(adaptive->expect(f->model, WORLD_DRAM).power_w));
        adaptive->split(f->model, &f->world.sample, WORLD_PACKAGE, &split);
        for (size_t i = 0; i < f->world.n_programs; i++) /* by cycles, and no better than that */
                assert_true(weights[i] == (double)f->world.sample.tasks[i].cycles);
        assert_true(split.uncertainty_pct >= 16.3);
}

static void
the_same_ticks_teach_the_same(void **state)
{
        struct fixture *f = *state;
        double expected[2];

        for (int run = 0; run < 2; run++) {
                struct jk_error err;

                world_end(&f->world);
                world_start(&f->world);
                world_add(&f->world, 2.4, 0.05);
                world_add(&f->world, 0.5, 25);
                world_add(&f->world, 1.2, 3);
                adaptive->close(f->model);
                assert_int_equal(adaptive->open(NULL, &f->model, &err), 0);
                live(f);
                expected[run] = adaptive->expect(f->model, WORLD_PACKAGE).power_w;
        }
        assert_memory_equal(&expected[0], &expected[1], sizeof expected[0]);
}

static void
absurd_ticks_break_nothing(void **state)
{
        struct fixture *f = *state;

        live(f);
        for (int i = 0; i < 200; i++) {
                world_tick(&f->world, 1);
                f->world.sample.tasks[0].cycles = i % 2 ? UINT64_C(1) << 53 : 0;
                f->world.sample.tasks[1].llc_misses = i % 3 ? 0 : UINT64_C(1) << 53;
                f->world.sample.readings[WORLD_PACKAGE].energy_uj = i % 7 ? 0 : INT64_C(1) << 50;
                adaptive->observe(f->model, &f->world.sample);
                for (size_t zone = 0; zone < WORLD_ZONES; zone++) {
                        double weights[WORLD_PROGRAMS] = { 0 };
                        struct jk_split split = { .task_weights = weights };

                        adaptive->split(f->model, &f->world.sample, zone, &split);
                        for (size_t task = 0; task < f->world.n_programs; task++)
                                assert_true(isfinite(weights[task]) && weights[task] >= 0);
                        assert_true(isfinite(split.idle_uj) && split.uncertainty_pct >= 0);
                        assert_false(isinf(adaptive->expect(f->model, zone).power_w));
                }
        }
}

/* Counters that are scaled up from a short time in which they ran can be off by any factor. */
static void
one_wild_tick_does_not_spoil_it(void **state)
{
        struct fixture *f = *state;

        live(f);
        for (int factor = 100; factor <= 1000000; factor *= 100) {
                world_tick(&f->world, 1);
                for (size_t i = 0; i < f->world.n_programs; i++) {
                        struct jk_task_record *task = &f->world.sample.tasks[i];

                        task->cycles = task->cycles * (uint64_t)factor + 1000000000;
                        task->llc_misses = task->llc_misses * (uint64_t)factor + 1000000000;
                }
                adaptive->observe(f->model, &f->world.sample);
        }
        live(f);
        mix(f, adaptive, f->model, 300);
        assert_error(f, f->compute, WORLD_PACKAGE, 5);
        assert_error(f, f->memory, WORLD_PACKAGE, 5);
        assert_error(f, f->memory, WORLD_DRAM, 10);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        static const struct CMUnitTest tests[] = {
                CASE(a_steady_mix_is_told_apart),
                CASE(which_cpu_time_cannot),
                CASE(identical_programs_get_the_same),
                CASE(the_first_tick_is_divided),
                CASE(garbage_does_not_spoil_it),
                CASE(it_says_what_it_expects),
                CASE(it_expects_without_a_reading),
                CASE(one_zone_that_is_not_read_does_not_stop_the_other),
                CASE(counters_that_come_and_go_are_followed),
                CASE(a_zone_that_goes_at_once_stops_nothing),
                CASE(zones_that_take_turns_spoil_nothing),
                CASE(a_counter_that_flickers_costs_nothing_learned),
                CASE(tasks_without_what_is_dear_are_not_free),
                CASE(of_an_estimate_nothing_is_learned),
                CASE(the_same_ticks_teach_the_same),
                CASE(one_wild_tick_does_not_spoil_it),
                CASE(absurd_ticks_break_nothing),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
