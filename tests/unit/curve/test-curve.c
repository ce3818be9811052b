/* SPDX-License-Identifier: Apache-2.0
 *
 * Curves: power follows levels and terms, scales with CPUs, is not known where a term is not seen,
 * and is told to be doubtful beyond what was learned.
 */
#include "tests/unit/model/world.h"

#include "curve/curve.h"

/* 20 W idle; half of the way to 60 W at a tenth of the load. */
static struct jk_curve
bent(void)
{
        struct jk_curve curve = { .kind = JK_ZONE_PACKAGE, .cpus = WORLD_CPUS, .error_pct = 10 };

        for (size_t l = 0; l < JK_CURVE_LEVELS; l++)
                curve.levels_w[l] = l == 0 ? 20 : 40 + 20 * ((double)l - 1) / 9;
        curve.busiest = 0.5;
        return curve;
}

static void
run_busy(struct world *w, struct jk_curve_view *view, double busy_cpus)
{
        w->programs[0].running = busy_cpus;
        world_tick(w, 1);
        assert_true(jk_curve_observe(view, &w->sample));
}

static void
power_follows_the_polygon(void **state)
{
        struct jk_curve curve = bent();
        struct jk_curve_view view = { 0 };
        struct world w;

        (void)state;
        world_start(&w);
        world_add(&w, 1, 1);
        w.programs[0].wobble = 0;
        world_tick(&w, 1);
        run_busy(&w, &view, 0);
        assert_true(jk_curve_power(&curve, &view).power_w == 20);
        run_busy(&w, &view, 0.05 * WORLD_CPUS);
        assert_true(fabs(jk_curve_power(&curve, &view).power_w - 30) < 0.01);
        run_busy(&w, &view, WORLD_CPUS);
        assert_true(fabs(jk_curve_power(&curve, &view).power_w - 60) < 0.01);
        assert_true(jk_curve_power(&curve, &view).idle_w == 20);

        curve.cpus = 4 * WORLD_CPUS; /* it was learned on a larger machine */
        assert_true(fabs(jk_curve_power(&curve, &view).power_w - 15) < 0.01);
        world_end(&w);
}

static void
beyond_what_was_learned_the_bar_is_wider(void **state)
{
        struct jk_curve curve = bent();
        struct jk_curve_view view = { 0 };
        struct world w;

        (void)state;
        world_start(&w);
        world_add(&w, 1, 1);
        world_tick(&w, 1);
        run_busy(&w, &view, 0.4 * WORLD_CPUS);
        assert_true(jk_curve_error_pct(&curve, jk_curve_power(&curve, &view).beyond) == 10);
        run_busy(&w, &view, 0.9 * WORLD_CPUS);
        assert_true(jk_curve_error_pct(&curve, jk_curve_power(&curve, &view).beyond) > 40);
        world_end(&w);
}

static void
a_term_that_is_not_seen_gives_no_power(void **state)
{
        struct jk_curve curve = bent();
        struct jk_curve_view view = { 0 };
        struct world w;

        (void)state;
        curve.terms[0] = (struct jk_curve_term){ .name = "llc-misses", .weight = 1e-8 };
        curve.terms[1] = (struct jk_curve_term){ .name = "MY_EVENT", .weight = 1e-8 };
        curve.n_terms = 2;
        world_start(&w);
        world_add(&w, 1, 10);
        world_tick(&w, 1);
        run_busy(&w, &view, 8);
        assert_string_equal(jk_curve_missing(&curve, &view), "MY_EVENT");
        assert_true(isnan(jk_curve_power(&curve, &view).power_w));

        curve.n_terms = 1;
        assert_null(jk_curve_missing(&curve, &view));
        assert_true(jk_curve_power(&curve, &view).power_w > 40);
        w.counters = false;
        run_busy(&w, &view, 8);
        assert_string_equal(jk_curve_missing(&curve, &view), "llc-misses");
        world_end(&w);
}

static void
ticks_without_cpus_are_not_known(void **state)
{
        struct jk_curve_view view = { 0 };
        struct world w;

        (void)state;
        world_start(&w);
        world_add(&w, 1, 1);
        world_tick(&w, 1);
        assert_false(jk_curve_observe(&view, &w.sample)); /* the first has no time */
        world_tick(&w, 1);
        w.sample.flags &= ~(uint32_t)JK_SAMPLE_CPUS;
        assert_false(jk_curve_observe(&view, &w.sample));
        assert_true(isnan(jk_curve_power(&(struct jk_curve){ .cpus = 1 }, &view).power_w));
        world_end(&w);
}

/* 200 W for all CPUs of a machine with twice as many. */
static void
what_is_a_mean_of_cpus_is_worth_as_much_as_there_are_cpus(void **state)
{
        struct jk_curve curve = { .kind = JK_ZONE_PACKAGE, .cpus = 2 * WORLD_CPUS };
        struct jk_curve_view view = { 0 };
        struct world w;

        (void)state;
        curve.terms[curve.n_terms++] =
                (struct jk_curve_term){ .name = "utilisation", .weight = 200, .most = 0.6 };
        world_start(&w);
        world_add(&w, 1, 1);
        w.programs[0].wobble = 0;
        world_tick(&w, 1);
        run_busy(&w, &view, WORLD_CPUS / 2.0);
        assert_true(fabs(jk_curve_power(&curve, &view).power_w - 50) < 0.1);
        assert_true(jk_curve_power(&curve, &view).beyond == 0);
        run_busy(&w, &view, WORLD_CPUS);
        assert_true(jk_curve_power(&curve, &view).beyond > 0);
        world_end(&w);
}

static void
what_no_machine_draws_is_no_power(void **state)
{
        struct jk_curve curve = bent();
        struct jk_curve_view view = { 0 };
        struct world w;

        (void)state;
        curve.terms[curve.n_terms++] = (struct jk_curve_term){ .name = "cycles", .weight = 1 };
        world_start(&w);
        world_add(&w, 1, 1);
        world_tick(&w, 1);
        run_busy(&w, &view, 1);
        assert_true(isnan(jk_curve_power(&curve, &view).power_w));
        world_end(&w);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_follows_the_polygon),
        cmocka_unit_test(what_is_a_mean_of_cpus_is_worth_as_much_as_there_are_cpus),
        cmocka_unit_test(what_no_machine_draws_is_no_power),
        cmocka_unit_test(beyond_what_was_learned_the_bar_is_wider),
        cmocka_unit_test(a_term_that_is_not_seen_gives_no_power),
        cmocka_unit_test(ticks_without_cpus_are_not_known),
};

JK_RUN_TESTS(tests)
