/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel regression: meets curves between what it has seen and planes beyond it, is the same
 * whatever the steps, and finite whatever the cells.
 */
#include "tests/unit/test.h"

#include <math.h>
#include <string.h>

#include "model/cells.h"
#include "model/kernel.h"
#include "tests/unit/model/random.h"

enum { COORDINATES = 3, ZONES = 2 };

static const double importance[COORDINATES] = { 1, 1, 0.5 };

struct fixture {
        struct jk_cells cells;
        struct jk_kernel *kernel;
        uint64_t random;
};

static void
make(struct fixture *f, size_t capacity)
{
        f->random = 11;
        assert_int_equal(jk_cells_init(&f->cells, capacity, COORDINATES, 2, ZONES), 0);
        assert_int_equal(jk_kernel_open(&f->cells, &f->kernel), 0);
}

static void
end(struct fixture *f)
{
        jk_kernel_close(f->kernel);
        jk_cells_free(&f->cells);
}

static int
set_up(void **state)
{
        struct fixture *f = calloc(1, sizeof *f);

        make(f, 200);
        *state = f;
        return 0;
}

static int
tear_down(void **state)
{
        end(*state);
        free(*state);
        return 0;
}

static void
add(struct fixture *f, double a, double b, double power_w, double other_w)
{
        const double x[COORDINATES] = { a, b, 48 }, y[ZONES] = { power_w, other_w };

        jk_cells_add(&f->cells, x, y, importance);
}

/* To the end of the fit, by steps of that work: how many it took. */
static size_t
fit(struct fixture *f, size_t work)
{
        for (size_t steps = 1;; steps++) {
                assert_true(steps < 100000);
                if (jk_kernel_step(f->kernel, &f->cells, importance, work))
                        return steps;
        }
}

static double
predict(struct fixture *f, double a, double b, size_t zone)
{
        const double x[COORDINATES] = { a, b, 48 };

        assert_true(jk_kernel_at(f->kernel, x));
        return jk_kernel_predict(f->kernel, zone);
}

/* Power of a machine that gets dearer the more it does, and with heat. */
static double
curve(double a, double b)
{
        return 20 + 6 * a + 0.4 * a * a + 2 * a * b;
}

static double
plane(double a, double b)
{
        return 30 + 5 * a - 8 * b;
}

static void
see(struct fixture *f, double (*function)(double a, double b), size_t ticks)
{
        for (size_t i = 0; i < ticks; i++) {
                double a = 10 * random_unit(&f->random), b = random_unit(&f->random);

                add(f, a, b, function(a, b), 7);
        }
}

/* ---- what is met ---- */

static void
curves_are_met_between_the_cells(void **state)
{
        struct fixture *f = *state;
        double worst = 0, sum = 0;

        see(f, curve, 600);
        fit(f, SIZE_MAX);
        for (int i = 0; i < 500; i++) {
                double a = 0.5 + 9 * random_unit(&f->random);
                double b = 0.05 + 0.9 * random_unit(&f->random);
                double error = fabs(predict(f, a, b, 0) / curve(a, b) - 1);

                worst = fmax(worst, error);
                sum += error;
        }
        assert_true(worst < 0.02);
        assert_true(sum / 500 < 0.005);
}

static void
planes_are_met_outside_the_cells(void **state)
{
        struct fixture *f = *state;

        see(f, plane, 600);
        fit(f, SIZE_MAX);
        for (int i = -2; i <= 6; i++)
                for (int j = -4; j <= 6; j++) {
                        double a = 5 * i, b = 0.5 * j;

                        assert_true(fabs(predict(f, a, b, 0) - plane(a, b)) < 0.5);
                }
}

static void
noise_is_averaged_away(void **state)
{
        struct fixture *f = *state;
        double squares = 0;

        for (int i = 0; i < 5000; i++) {
                double a = 10 * random_unit(&f->random), b = random_unit(&f->random);

                add(f, a, b, curve(a, b) + 2 * random_normal(&f->random), 7);
        }
        fit(f, SIZE_MAX);
        for (int i = 0; i < 500; i++) {
                double a = 10 * random_unit(&f->random), b = random_unit(&f->random);

                squares += pow(predict(f, a, b, 0) - curve(a, b), 2) / 500;
        }
        assert_true(sqrt(squares) < 1); /* of 2 W in each tick */
}

static void
cells_count_as_much_as_they_have_ticks(void **state)
{
        struct fixture *f = *state;

        see(f, plane, 100);
        for (size_t cell = 0; cell < 2; cell++) { /* two in one place that contradict each other */
                f->cells.x[cell * COORDINATES] = 5;
                f->cells.x[cell * COORDINATES + 1] = 0.5;
                f->cells.y[cell * ZONES] = plane(5, 0.5) + (cell ? 20 : -20);
                f->cells.count[cell] = cell ? 60 : 1;
        }
        fit(f, SIZE_MAX);
        assert_true(predict(f, 5, 0.5, 0) > plane(5, 0.5) + 10);
}

static void
zones_do_not_mix(void **state)
{
        struct fixture *f = *state;
        struct fixture other;

        make(&other, 200);
        for (int i = 0; i < 300; i++) {
                double a = 10 * random_unit(&f->random), b = random_unit(&f->random);

                add(f, a, b, curve(a, b), plane(a, b));
                add(&other, a, b, 1e9 * random_unit(&other.random), plane(a, b));
        }
        fit(f, SIZE_MAX);
        fit(&other, SIZE_MAX);
        for (int a = -5; a < 20; a++) {
                double mine = predict(f, a, 0.3, 1), its = predict(&other, a, 0.3, 1);

                assert_memory_equal(&mine, &its, sizeof mine);
                assert_true(fabs(mine - plane(a, 0.3)) < 0.5);
        }
        end(&other);
}

/* ---- steps ---- */

static void
steps_of_any_size_come_to_the_same(void **state)
{
        static const size_t work[] = { SIZE_MAX / 2, 0, 1, 997, 20000, 60000 };
        double first[20];
        size_t steps[sizeof work / sizeof work[0]];

        (void)state;
        for (size_t i = 0; i < sizeof work / sizeof work[0]; i++) {
                struct fixture f;

                make(&f, 100);
                see(&f, curve, 400);
                steps[i] = fit(&f, work[i]);
                for (int k = 0; k < 20; k++) {
                        double power_w = predict(&f, k, 0.5, 0);

                        if (i == 0)
                                first[k] = power_w;
                        assert_memory_equal(&power_w, &first[k], sizeof power_w);
                }
                end(&f);
        }
        assert_int_equal(steps[0], 1);
        assert_true(steps[1] > 90); /* about a step per cell */
        assert_true(steps[4] > steps[5] && steps[5] > 1);
}

static void
ticks_in_the_meantime_wait_for_the_next_fit(void **state)
{
        struct fixture *f = *state;
        struct fixture undisturbed;
        double mine, its;

        make(&undisturbed, 200);
        see(f, curve, 300);
        see(&undisturbed, curve, 300);
        fit(&undisturbed, SIZE_MAX);
        while (!jk_kernel_step(f->kernel, &f->cells, importance, 1000))
                see(f, plane, 10);
        mine = predict(f, 4, 0.4, 0);
        its = predict(&undisturbed, 4, 0.4, 0);
        assert_memory_equal(&mine, &its, sizeof mine);
        end(&undisturbed);
}

static void
the_old_fit_predicts_until_the_new_one_is_done(void **state)
{
        struct fixture *f = *state;
        double before;

        see(f, plane, 200);
        fit(f, SIZE_MAX);
        before = predict(f, 5, 0.5, 0);
        for (int i = 0; i < 3000; i++)
                see(f, curve, 1);
        while (!jk_kernel_step(f->kernel, &f->cells, importance, 1000)) {
                double meanwhile = predict(f, 5, 0.5, 0);

                assert_true(jk_kernel_is_fitting(f->kernel));
                assert_memory_equal(&meanwhile, &before, sizeof before);
        }
        assert_false(jk_kernel_is_fitting(f->kernel));
        assert_true(fabs(predict(f, 5, 0.5, 0) - before) > 1);
        assert_true(fabs(predict(f, 5, 0.5, 0) / curve(5, 0.5) - 1) < 0.02);
}

static void
nothing_is_predicted_before_the_first_fit(void **state)
{
        struct fixture *f = *state;
        const double x[COORDINATES] = { 1, 2, 3 };

        assert_false(jk_kernel_at(f->kernel, x));
        assert_false(jk_kernel_step(f->kernel, &f->cells, importance, SIZE_MAX));
        add(f, 1, 1, 5, 7);
        assert_false(jk_kernel_step(f->kernel, &f->cells, importance, SIZE_MAX));
        assert_false(jk_kernel_is_fitting(f->kernel));
        see(f, plane, 20);
        assert_false(jk_kernel_step(f->kernel, &f->cells, importance, 0));
        assert_false(jk_kernel_at(f->kernel, x));
        fit(f, 0);
        assert_true(jk_kernel_at(f->kernel, x));
}

/* ---- degenerate cells ---- */

static void
a_constant_coordinate_is_harmless(void **state)
{
        struct fixture *f = *state;
        const double elsewhere[COORDINATES] = { 5, 0.5, 1e6 };

        see(f, curve, 300);
        fit(f, SIZE_MAX);
        assert_true(jk_kernel_at(f->kernel, elsewhere)); /* the third was always 48 */
        assert_true(fabs(jk_kernel_predict(f->kernel, 0) / curve(5, 0.5) - 1) < 0.02);
}

static void
cells_that_are_all_equal_predict_their_power(void **state)
{
        struct fixture *f = *state;

        for (int i = 0; i < 50; i++)
                add(f, 3, 4, 42, 7);
        fit(f, SIZE_MAX);
        assert_true(fabs(predict(f, 3, 4, 0) / 42 - 1) < 0.001);
        assert_true(fabs(predict(f, 1e9, -1e9, 1) / 7 - 1) < 0.001);
}

static void
two_cells_make_a_line(void **state)
{
        struct fixture *f = *state;

        add(f, 0, 0, 20, 7);
        add(f, 4, 1, 60, 7);
        fit(f, SIZE_MAX);
        assert_true(fabs(predict(f, 0, 0, 0) - 20) < 2);
        assert_true(fabs(predict(f, 4, 1, 0) - 60) < 2);
        assert_true(fabs(predict(f, 2, 0.5, 0) - 40) < 2);
}

/* The same machine in other units of activity and of power. */
static void
units_do_not_matter(void **state)
{
        static const double units[] = { 1e-9, 1e-3, 1, 1e6, 1e12 };

        (void)state;
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
                for (size_t j = 0; j < sizeof units / sizeof units[0]; j++) {
                        struct fixture f;

                        make(&f, 60);
                        for (int k = 0; k < 300; k++) {
                                double a = 10 * random_unit(&f.random);
                                double b = random_unit(&f.random);

                                add(&f, a * units[i], b / units[i], curve(a, b) * units[j], 0);
                        }
                        fit(&f, SIZE_MAX);
                        assert_true(fabs(predict(&f, 5 * units[i], 0.5 / units[i], 0) /
                                                 (units[j] * curve(5, 0.5)) -
                                         1) < 0.02);
                        assert_true(predict(&f, 5 * units[i], 0.5 / units[i], 1) == 0);
                        assert_true(isfinite(predict(&f, 1e15 * units[i], 0, 0)));
                        end(&f);
                }
}

/* Loads that are nearly the same, many times: the covariance is all but singular. */
static void
cells_that_are_nearly_equal_stay_finite(void **state)
{
        struct fixture *f = *state;

        for (int i = 0; i < 2000; i++)
                add(f, i < 2 ? 1e6 * i : 5 + 1e-9 * random_unit(&f->random), 1e-9 * (i % 2),
                    50 + random_unit(&f->random), 7);
        fit(f, SIZE_MAX);
        assert_true(fabs(predict(f, 5, 0, 0) - 50.5) < 2);
        assert_true(fabs(predict(f, 5, 0, 1) - 7) < 0.1);
        assert_true(isfinite(predict(f, -1e6, 1, 0)));
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        static const struct CMUnitTest tests[] = {
                CASE(curves_are_met_between_the_cells),
                CASE(planes_are_met_outside_the_cells),
                CASE(noise_is_averaged_away),
                CASE(cells_count_as_much_as_they_have_ticks),
                CASE(zones_do_not_mix),
                CASE(steps_of_any_size_come_to_the_same),
                CASE(ticks_in_the_meantime_wait_for_the_next_fit),
                CASE(the_old_fit_predicts_until_the_new_one_is_done),
                CASE(nothing_is_predicted_before_the_first_fit),
                CASE(a_constant_coordinate_is_harmless),
                CASE(cells_that_are_all_equal_predict_their_power),
                CASE(two_cells_make_a_line),
                CASE(units_do_not_matter),
                CASE(cells_that_are_nearly_equal_stay_finite),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
