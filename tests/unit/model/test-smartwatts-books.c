/* SPDX-License-Identifier: Apache-2.0
 *
 * Model smartwatts on a machine whose truth is known (world.h): it learns what the published
 * program would, and books no more and no less than was measured, with or without counters.
 */
#include "tests/unit/model/world.h"

#include "model/smartwatts-formula.h"

static const struct jk_model_ops *const smartwatts = &jk_model_smartwatts;

struct fixture {
        struct world world;
        struct jk_model *model;
        size_t compute, memory;
        double weights[WORLD_PROGRAMS]; /* of the latest split */
        struct jk_split split;
};

static int
set_up(void **state)
{
        struct fixture *f = calloc(1, sizeof *f);
        struct jk_error err;

        world_start(&f->world);
        f->compute = world_add(&f->world, 2.4, 0.05);
        f->memory = world_add(&f->world, 0.5, 25);
        if (smartwatts->open(NULL, &f->model, &err) < 0)
                return -1;
        *state = f;
        return 0;
}

static int
tear_down(void **state)
{
        struct fixture *f = *state;

        smartwatts->close(f->model);
        world_end(&f->world);
        free(f);
        return 0;
}

static void
vary(struct fixture *f)
{
        f->world.programs[f->compute].running = floor(7 * world_random(&f->world));
        f->world.programs[f->memory].running = 1 + floor(6 * world_random(&f->world));
}

static void
set_frequency(struct fixture *f, uint32_t khz)
{
        for (size_t i = 0; i < f->world.sample.n_cpus; i++) {
                f->world.sample.cpus[i].frequency_seen = khz > 0;
                f->world.sample.cpus[i].frequency_khz = khz;
        }
}

/* A tick at that frequency (0: not seen) that is observed, and of which a zone is split. */
static void
step(struct fixture *f, uint32_t khz, size_t zone)
{
        world_tick(&f->world, 1);
        set_frequency(f, khz);
        smartwatts->observe(f->model, &f->world.sample);
        f->split = (struct jk_split){ .task_weights = f->weights };
        smartwatts->split(f->model, &f->world.sample, zone, &f->split);
        for (size_t i = 0; i < f->world.n_programs; i++)
                assert_true(isfinite(f->weights[i]) && f->weights[i] >= 0);
        assert_true(isfinite(f->split.idle_uj) && f->split.idle_uj >= 0);
}

static double
expected_w(const struct fixture *f, size_t zone)
{
        return smartwatts->expect(f->model, zone).power_w;
}

/* Run beside the model: the published program's own, told the same. */
static void
it_expects_what_the_program_estimates(void **state)
{
        const struct jk_smartwatts_learning *learning =
                &jk_smartwatts_defaults.learning[JK_SMARTWATTS_CPU];
        struct fixture *f = *state;
        struct jk_smartwatts_model *direct;
        int compared = 0;

        assert_int_equal(jk_smartwatts_model_open(learning, 3, &direct), 0);
        step(f, 0, WORLD_PACKAGE);
        for (int i = 0; i < 300; i++) {
                struct jk_smartwatts_layer *layer;
                double sums[3] = { 0 };

                vary(f);
                step(f, i % 3 == 0 ? 2450000 : 1200000, WORLD_PACKAGE);
                for (size_t task = 0; task < f->world.n_programs; task++) {
                        sums[0] += (double)f->world.sample.tasks[task].cycles;
                        sums[1] += (double)f->world.sample.tasks[task].instructions;
                        sums[2] += (double)f->world.sample.tasks[task].llc_misses;
                }
                assert_int_equal(jk_smartwatts_model_layer(direct, i % 3 ? 1200 : 2450, &layer), 0);
                if (jk_smartwatts_layer_id(layer) == 0) {
                        assert_true(isnan(expected_w(f, WORLD_PACKAGE)));
                } else {
                        double direct_w = fmax(jk_smartwatts_layer_power_w(layer, sums), 0);

                        assert_true(fabs(expected_w(f, WORLD_PACKAGE) - direct_w) < 1e-9);
                        compared++;
                }
                jk_smartwatts_layer_observe(
                        direct, layer, sums,
                        (double)f->world.sample.readings[WORLD_PACKAGE].energy_uj / 1e6);
        }
        assert_true(compared > 250);
        jk_smartwatts_model_close(direct);
}

static void
the_first_tick_is_divided_by_cycles_and_memory_by_misses(void **state)
{
        struct fixture *f = *state;
        const struct jk_task_record *tasks;

        f->world.programs[f->compute].running = f->world.programs[f->memory].running = 2;
        step(f, 2000000, WORLD_PACKAGE);
        step(f, 2000000, WORLD_PACKAGE);
        tasks = f->world.sample.tasks;
        assert_true(fabs(f->weights[0] * (double)tasks[1].cycles /
                                 (f->weights[1] * (double)tasks[0].cycles) -
                         1) < 1e-9);
        step(f, 2000000, WORLD_DRAM);
        tasks = f->world.sample.tasks;
        assert_true(fabs(f->weights[0] * (double)tasks[1].llc_misses /
                                 (f->weights[1] * (double)tasks[0].llc_misses) -
                         1) < 1e-9);
        assert_false(f->split.blind);
}

static void
another_frequency_is_learned_anew(void **state)
{
        struct fixture *f = *state;

        for (int i = 0; i < 40; i++) {
                vary(f);
                step(f, 2000000, WORLD_PACKAGE);
        }
        assert_false(isnan(expected_w(f, WORLD_PACKAGE)));
        for (int i = 0; i < 10; i++) {
                step(f, 2100000, WORLD_PACKAGE);
                assert_true(isnan(expected_w(f, WORLD_PACKAGE)));
        }
        step(f, 2100000, WORLD_PACKAGE);
        assert_false(isnan(expected_w(f, WORLD_PACKAGE)));
        step(f, 0, WORLD_PACKAGE); /* it is the one before while it is not seen */
        assert_false(isnan(expected_w(f, WORLD_PACKAGE)));
}

static void
idle_power_is_the_intercept_once_there_is_one(void **state)
{
        struct fixture *f = *state;
        struct jk_idle_estimate idle;

        f->world.meter_noise = 0.15; /* the errors are large, so it learns again and again */
        for (int i = 0; i < 200; i++) {
                vary(f);
                step(f, 2000000, WORLD_PACKAGE);
        }
        idle = smartwatts->idle(f->model, WORLD_PACKAGE);
        assert_true(fabs(idle.power_w - 20) < 12 && idle.error_w > 0);
        assert_true(fabs(f->split.idle_uj - 1e6 * idle.power_w) < 1);
}

static void
a_varied_load_is_told_apart(void **state)
{
        struct fixture *f = *state;

        for (int i = 0; i < 300; i++) {
                if (i % 5 == 0)
                        vary(f);
                world_step(&f->world, smartwatts, f->model);
        }
        world_forget_books(&f->world);
        for (int i = 0; i < 100; i++) {
                vary(f);
                world_step(&f->world, smartwatts, f->model);
        }
        assert_true(fabs(world_error_pct(&f->world, f->compute, WORLD_PACKAGE)) < 3);
        assert_true(fabs(world_error_pct(&f->world, f->memory, WORLD_PACKAGE)) < 3);
}

static void
without_counters_or_frequency_time_divides_in_one_layer(void **state)
{
        struct fixture *f = *state;

        f->world.counters = false;
        for (int i = 0; i < 60; i++) {
                vary(f);
                step(f, 0, WORLD_PACKAGE);
        }
        assert_false(f->split.blind);
        assert_false(isnan(expected_w(f, WORLD_PACKAGE)));
        assert_true(fabs(f->weights[0] * (double)f->world.sample.tasks[1].cpu_ns -
                         f->weights[1] * (double)f->world.sample.tasks[0].cpu_ns) <=
                    1e-9 * f->weights[0] * (double)f->world.sample.tasks[1].cpu_ns);
}

static void
a_counter_that_is_missing_once_costs_nothing(void **state)
{
        struct fixture *f = *state;

        for (int i = 0; i < 40; i++) {
                vary(f);
                step(f, 2000000, WORLD_PACKAGE);
        }
        f->world.counters = false;
        step(f, 2000000, WORLD_PACKAGE);
        assert_true(isnan(expected_w(f, WORLD_PACKAGE)));
        assert_true(f->weights[0] + f->weights[1] > 0);
        f->world.counters = true;
        step(f, 2000000, WORLD_PACKAGE);
        assert_false(isnan(expected_w(f, WORLD_PACKAGE)));
}

/* Of a zone with a package, only what was counted there; and of a disk, nothing. */
static void
a_zone_is_told_by_its_own_events(void **state)
{
        struct fixture *f = *state;
        struct jk_event events[] = { { "UOPS", 0 }, { "UOPS", 1 } };
        struct jk_zone disk = { .name = "disk-a", .kind = JK_ZONE_DISK, .idle_w = NAN };

        assert_int_equal(jk_event_add(&f->world.events, &events[0]), 0);
        assert_int_equal(jk_event_add(&f->world.events, &events[1]), 1);
        assert_int_equal(jk_zone_add(&f->world.zones, &disk), WORLD_ZONES);
        f->world.n_garbage = 2;
        for (int i = 0; i < 40; i++) {
                world_tick(&f->world, 1);
                for (size_t task = 0; task < 2; task++) {
                        uint64_t *counts = jk_sample_task_events(&f->world.sample, task);

                        counts[task] = (uint64_t)(1e9 * (1 + world_random(&f->world)));
                        counts[!task] = 0;
                }
                f->world.sample.readings[WORLD_PACKAGE].energy_uj =
                        (int64_t)(jk_sample_task_events(&f->world.sample, 0)[0] / 100);
                f->world.sample.readings[WORLD_ZONES] = f->world.sample.readings[WORLD_DRAM];
                smartwatts->observe(f->model, &f->world.sample);
        }
        f->split = (struct jk_split){ .task_weights = f->weights };
        smartwatts->split(f->model, &f->world.sample, WORLD_PACKAGE, &f->split);
        assert_true(f->weights[0] > 0);
        assert_true(f->weights[1] == 0); /* it did nothing on this package */
        smartwatts->split(f->model, &f->world.sample, WORLD_ZONES, &f->split);
        assert_true(f->split.blind);
}

static void
what_was_counted_elsewhere_leaves_cpu_time(void **state)
{
        struct fixture *f = *state;
        struct jk_event event = { "UOPS", 1 };

        assert_int_equal(jk_event_add(&f->world.events, &event), 0);
        f->world.counters = false;
        f->world.n_garbage = 1;
        for (int i = 0; i < 40; i++) {
                vary(f);
                step(f, 2000000, WORLD_PACKAGE);
        }
        assert_false(isnan(expected_w(f, WORLD_PACKAGE)));
        assert_true(fabs(f->weights[0] * (double)f->world.sample.tasks[1].cpu_ns -
                         f->weights[1] * (double)f->world.sample.tasks[0].cpu_ns) <=
                    1e-9 * f->weights[0] * (double)f->world.sample.tasks[1].cpu_ns);
}

static void
absurd_ticks_break_nothing(void **state)
{
        struct fixture *f = *state;

        for (int i = 0; i < 300; i++) {
                vary(f);
                world_tick(&f->world, 1);
                set_frequency(f, i % 11 ? (uint32_t)i * 30000 : UINT32_MAX);
                if (i > 100) {
                        f->world.sample.tasks[0].cycles = i % 2 ? UINT64_C(1) << 53 : 0;
                        f->world.sample.tasks[1].llc_misses = i % 3 ? 0 : UINT64_C(1) << 53;
                        f->world.sample.readings[WORLD_PACKAGE].energy_uj =
                                i % 7 ? 0 : INT64_C(1) << 50;
                }
                smartwatts->observe(f->model, &f->world.sample);
                for (size_t zone = 0; zone < WORLD_ZONES; zone++) {
                        f->split = (struct jk_split){ .task_weights = f->weights };
                        smartwatts->split(f->model, &f->world.sample, zone, &f->split);
                        for (size_t task = 0; task < f->world.n_programs; task++)
                                assert_true(isfinite(f->weights[task]) && f->weights[task] >= 0);
                        assert_true(isfinite(f->split.idle_uj) && f->split.uncertainty_pct >= 0);
                        assert_false(isinf(expected_w(f, zone)));
                }
        }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(it_expects_what_the_program_estimates),
                CASE(the_first_tick_is_divided_by_cycles_and_memory_by_misses),
                CASE(another_frequency_is_learned_anew),
                CASE(idle_power_is_the_intercept_once_there_is_one),
                CASE(a_varied_load_is_told_apart),
                CASE(without_counters_or_frequency_time_divides_in_one_layer),
                CASE(a_counter_that_is_missing_once_costs_nothing),
                CASE(a_zone_is_told_by_its_own_events),
                CASE(what_was_counted_elsewhere_leaves_cpu_time),
                CASE(absurd_ticks_break_nothing),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
