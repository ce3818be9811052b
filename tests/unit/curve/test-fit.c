/* SPDX-License-Identifier: Apache-2.0
 *
 * Learning curves on a machine whose truth is known: it finds what the truth is made of, leaves
 * garbage out, says how far off it is, and refuses what cannot be learned from.
 */
#include "tests/unit/model/world.h"

#include <stdio.h>

#include "curve/fit.h"

static void
mix(struct world *w)
{
        world_add(w, 2.0, 0.5); /* compute-bound */
        world_add(w, 0.5, 30);  /* memory-bound */
}

/* Ticks of a load that is another one every eight ticks. */
static void
learn_ticks(struct world *w, struct jk_fit *fit, int n, double (*power_w)(struct world *w))
{
        for (int i = 0; i < n; i++) {
                if (i % 8 == 0)
                        for (size_t p = 0; p < w->n_programs; p++)
                                w->programs[p].running =
                                        WORLD_CPUS / (double)w->n_programs * world_random(w);
                world_tick(w, 1);
                assert_int_equal(jk_fit_add(fit, &w->sample, power_w(w)), 0);
        }
}

static double
package_w(struct world *w)
{
        return (double)w->sample.readings[WORLD_PACKAGE].energy_uj / 1e6;
}

static double
power_in(const struct jk_curve *curve, struct world *w, double running)
{
        struct jk_curve_view view = { 0 };

        for (size_t p = 0; p < w->n_programs; p++)
                w->programs[p].running = p == 0 ? running : 0;
        world_tick(w, 1);
        assert_true(jk_curve_observe(&view, &w->sample));
        return jk_curve_power(curve, &view).power_w;
}

static const struct jk_curve_term *
find_term(const struct jk_curve *curve, const char *name)
{
        for (size_t i = 0; i < curve->n_terms; i++)
                if (strcmp(curve->terms[i].name, name) == 0)
                        return &curve->terms[i];

        return NULL;
}

static void
what_the_truth_is_made_of_is_found(void **state)
{
        struct jk_fit_options options = { .n_folds = 5 };
        struct jk_fit *fit = jk_fit_new();
        struct jk_fit_errors errors;
        struct jk_curve curve = { 0 };
        struct jk_error err = { "" };
        struct world w;

        (void)state;
        world_start(&w);
        mix(&w);
        world_add(&w, 1.2, 5);
        learn_ticks(&w, fit, 1200, package_w);
        assert_int_equal(jk_fit_learn(fit, &options, &curve, &errors, &err), 0);

        assert_true(errors.mape_pct < 2 && fabs(errors.bias_w) < 0.5); /* the meter's noise: 1 % */
        assert_true(curve.error_pct > 0.5 && curve.error_pct < 3);
        assert_true(fabs(curve.levels_w[0] - 20) < 1.5);
        assert_non_null(find_term(&curve, "instructions"));
        assert_non_null(find_term(&curve, "llc-misses"));
        assert_true(fabs(find_term(&curve, "instructions")->weight / 1.1e-9 - 1) < 0.25);
        assert_true(fabs(find_term(&curve, "llc-misses")->weight / 25e-9 - 1) < 0.25);
        assert_true(curve.cpus == WORLD_CPUS);
        jk_fit_free(fit);
        world_end(&w);
}

/* As processors do: half of the dynamic power at a fifth of the load. */
static double
concave_w(struct world *w)
{
        double busy = (double)w->sample.tasks[0].cpu_ns / 1e9 / WORLD_CPUS;

        return (20 + (busy < 0.2 ? 100 * busy : 20 + 25 * (busy - 0.2))) *
               (1 + 0.01 * world_normal(w));
}

static void
a_bend_is_found_where_there_is_one(void **state)
{
        struct jk_fit_options options = { .n_folds = 5 };
        struct jk_fit *fit = jk_fit_new();
        struct jk_fit_errors errors;
        struct jk_curve curve = { 0 };
        struct jk_error err = { "" };
        struct world w;

        (void)state;
        world_start(&w);
        w.counters = false;
        world_add(&w, 1, 1);
        learn_ticks(&w, fit, 600, concave_w);
        assert_int_equal(jk_fit_learn(fit, &options, &curve, &errors, &err), 0);
        assert_true(errors.mape_pct < 1.5);
        assert_true(fabs(power_in(&curve, &w, 0) - 20) < 1);
        assert_true(fabs(power_in(&curve, &w, 0.2 * WORLD_CPUS) - 40) < 2);
        assert_true(fabs(power_in(&curve, &w, WORLD_CPUS) - 60) < 2);
        jk_fit_free(fit);
        world_end(&w);
}

static void
garbage_is_left_out(void **state)
{
        struct jk_fit_options options = { .n_folds = 5 };
        struct jk_fit *fit = jk_fit_new();
        struct jk_fit_errors errors;
        struct jk_curve curve = { 0 };
        struct jk_error err = { "" };
        struct world w;

        (void)state;
        world_start(&w);
        mix(&w);
        w.n_garbage = 5;
        for (size_t i = 0; i < w.n_garbage; i++) {
                struct jk_event event = { .package = -1 };

                snprintf(event.name, sizeof event.name, "GARBAGE_%zu", i);
                assert_true(jk_event_add(&w.events, &event) >= 0);
        }
        learn_ticks(&w, fit, 600, package_w);
        assert_int_equal(jk_fit_learn(fit, &options, &curve, &errors, &err), 0);
        for (size_t i = 0; i < curve.n_terms; i++)
                assert_null(strstr(curve.terms[i].name, "GARBAGE"));
        assert_true(errors.mape_pct < 2);
        jk_fit_free(fit);
        world_end(&w);
}

static double
noise_w(struct world *w)
{
        return 50 + 20 * world_random(w);
}

static void
power_that_nothing_explains_is_told_to_be_so(void **state)
{
        struct jk_fit_options options = { .n_folds = 5 };
        struct jk_fit *fit = jk_fit_new();
        struct jk_fit_errors errors;
        struct jk_curve curve = { 0 };
        struct jk_error err = { "" };
        struct world w;

        (void)state;
        world_start(&w);
        mix(&w);
        learn_ticks(&w, fit, 600, noise_w);
        assert_int_equal(jk_fit_learn(fit, &options, &curve, &errors, &err), 0);
        assert_true(errors.rms_w > 5 && errors.rms_w < 7); /* 20 / √12 */
        assert_true(curve.error_pct > 8);
        assert_true(fabs(power_in(&curve, &w, 8) - 60) < 3);
        jk_fit_free(fit);
        world_end(&w);
}

static void
only_features_that_are_named_are_used(void **state)
{
        struct jk_fit_options options = { .features = "cpu", .n_folds = 5 };
        struct jk_fit *fit = jk_fit_new();
        struct jk_fit_errors errors;
        struct jk_curve curve = { 0 };
        struct jk_error err = { "" };
        struct world w;

        (void)state;
        world_start(&w);
        mix(&w);
        learn_ticks(&w, fit, 200, package_w);
        assert_int_equal(jk_fit_learn(fit, &options, &curve, &errors, &err), 0);
        assert_int_equal(curve.n_terms, 1);
        assert_string_equal(curve.terms[0].name, "cpu");
        assert_true(curve.levels_w[10] == curve.levels_w[0]);

        options.features = "cpu,cpu-ghz";
        assert_int_equal(jk_fit_learn(fit, &options, &curve, &errors, &err), -EINVAL);
        assert_non_null(strstr(err.message, "'cpu-ghz' was not seen"));
        assert_non_null(strstr(err.message, "llc-misses"));
        jk_fit_free(fit);
        world_end(&w);
}

static double
unknown_w(struct world *w)
{
        (void)w;
        return NAN;
}

static void
too_few_ticks_are_refused(void **state)
{
        struct jk_fit_options options = { .n_folds = 5 };
        struct jk_fit *fit = jk_fit_new();
        struct jk_fit_errors errors;
        struct jk_curve curve = { 0 };
        struct jk_error err = { "" };
        struct world w;

        (void)state;
        world_start(&w);
        mix(&w);
        learn_ticks(&w, fit, 100, unknown_w);
        learn_ticks(&w, fit, JK_FIT_TICKS_MIN - 1, package_w);
        assert_int_equal(jk_fit_learn(fit, &options, &curve, &errors, &err), -ENODATA);
        assert_non_null(strstr(err.message, "59 ticks"));
        learn_ticks(&w, fit, 1, package_w);
        assert_int_equal(jk_fit_learn(fit, &options, &curve, &errors, &err), 0);
        jk_fit_free(fit);
        world_end(&w);
}

static double
package_and_fan_w(struct world *w)
{
        return package_w(w) + 10;
}

/* Of three alike and one that draws 10 W more, the odd one cannot be known from the others: an
 * error on blocks, which knows every machine, hides that. */
static void
a_machine_that_is_kept_back_is_not_known(void **state)
{
        static const char *const names[] = { "a", "b", "c", "odd" };
        struct jk_fit_options options = { .n_folds = 5, .by_machine = true };
        struct jk_fit *fit = jk_fit_new();
        struct jk_fit_errors machines, blocks;
        struct jk_curve curve = { 0 };
        struct jk_error err = { "" };

        (void)state;
        for (size_t i = 0; i < 4; i++) {
                struct world w;

                world_start(&w);
                mix(&w);
                jk_fit_begin(fit, names[i]);
                learn_ticks(&w, fit, 300, i == 3 ? package_and_fan_w : package_w);
                world_end(&w);
        }
        assert_int_equal(jk_fit_machines(fit), 4);
        assert_int_equal(jk_fit_learn(fit, &options, &curve, &machines, &err), 0);
        assert_int_equal(machines.machines, 4);
        options.by_machine = false;
        assert_int_equal(jk_fit_learn(fit, &options, &curve, &blocks, &err), 0);
        assert_int_equal(blocks.machines, 0);

        /* One in four 10 W off, the others by a third of that: 5 W. */
        assert_true(machines.mae_w > 4.5 && machines.mae_w < 5.5);
        assert_true(blocks.mae_w < 4.2);
        jk_fit_free(fit);
}

/* With two, features are chosen on blocks of the one that is left. */
static void
of_two_machines_each_is_learned_from_the_other(void **state)
{
        struct jk_fit_options options = { .n_folds = 5, .by_machine = true };
        struct jk_fit *fit = jk_fit_new();
        struct jk_fit_errors errors;
        struct jk_curve curve = { 0 };
        struct jk_error err = { "" };

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                struct world w;

                world_start(&w);
                mix(&w);
                jk_fit_begin(fit, i == 0 ? "a" : "b");
                learn_ticks(&w, fit, 600, package_w);
                world_end(&w);
        }
        assert_int_equal(jk_fit_learn(fit, &options, &curve, &errors, &err), 0);
        assert_int_equal(errors.machines, 2);
        assert_true(errors.mape_pct < 3);
        jk_fit_free(fit);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_truth_is_made_of_is_found),
        cmocka_unit_test(a_bend_is_found_where_there_is_one),
        cmocka_unit_test(garbage_is_left_out),
        cmocka_unit_test(power_that_nothing_explains_is_told_to_be_so),
        cmocka_unit_test(only_features_that_are_named_are_used),
        cmocka_unit_test(too_few_ticks_are_refused),
        cmocka_unit_test(a_machine_that_is_kept_back_is_not_known),
        cmocka_unit_test(of_two_machines_each_is_learned_from_the_other),
};

JK_RUN_TESTS(tests)
