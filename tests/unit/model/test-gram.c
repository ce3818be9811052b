/* SPDX-License-Identifier: Apache-2.0
 *
 * Least squares on sums of products, and calibration by them: what is found is the best there is
 * (no small step from it is better), never negative, and a known truth is found.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "model/calibration.h"
#include "model/gram.h"
#include "tests/unit/model/random.h"

enum { COLUMNS = 6, ROWS = 60 };

/* Columns are much alike, so that one that was of use at first may have to go again. */
static void
fill(struct jk_gram *gram, const double *truth, double noise, uint64_t *random)
{
        *gram = (struct jk_gram){ .n = COLUMNS };
        for (int row = 0; row < ROWS; row++) {
                double x[COLUMNS], y = noise * random_normal(random);
                double common = random_unit(random);

                for (int i = 0; i < COLUMNS; i++) {
                        x[i] = common + 0.3 * random_unit(random);
                        y += truth[i] * x[i];
                }
                jk_gram_add(gram, x, y);
        }
}

static void
a_truth_is_found_in_any_units(void **state)
{
        static const double truth[COLUMNS] = { 3, 0, 1, 7, 0, 2 };
        uint64_t random = 1;
        double weights[JK_GRAM_MAX], x[COLUMNS];
        struct jk_gram gram = { .n = COLUMNS };
        bool used[JK_GRAM_MAX];

        (void)state;
        memset(used, true, sizeof used);
        for (int row = 0; row < ROWS; row++) {
                double y = 0;

                for (int i = 0; i < COLUMNS; i++) {
                        double value = random_unit(&random);

                        x[i] = value * pow(1e3, i);
                        y += truth[i] * value;
                }
                jk_gram_add(&gram, x, y);
        }
        jk_gram_fit(&gram, used, weights);
        for (int i = 0; i < COLUMNS; i++)
                assert_true(fabs(weights[i] * pow(1e3, i) - truth[i]) < 1e-5);
        assert_true(jk_gram_misfit(&gram, weights) < 1e-6);
}

/* Optimality: at the weights no step up of any, nor down of those above 0, makes the misfit less.
 */
static void
nothing_near_is_better(void **state)
{
        uint64_t random = 7;

        (void)state;
        for (int round = 0; round < 300; round++) {
                double truth[COLUMNS], weights[JK_GRAM_MAX], best;
                struct jk_gram gram;
                bool used[JK_GRAM_MAX] = { false };

                for (int i = 0; i < COLUMNS; i++) {
                        truth[i] = 4 * random_unit(&random) - 2; /* some below 0 */
                        used[i] = random_unit(&random) < 0.8;
                }
                fill(&gram, truth, 0.5, &random);
                jk_gram_fit(&gram, used, weights);
                best = jk_gram_misfit(&gram, weights);
                for (int i = 0; i < COLUMNS; i++) {
                        double kept = weights[i];

                        assert_true(kept >= 0 && (used[i] || kept == 0));
                        if (!used[i])
                                continue;
                        weights[i] = kept + 1e-3;
                        assert_true(jk_gram_misfit(&gram, weights) >= best - 1e-9);
                        weights[i] = fmax(kept - 1e-3, 0);
                        assert_true(jk_gram_misfit(&gram, weights) >= best - 1e-9);
                        weights[i] = kept;
                }
        }
}

/* The third column is nearly the sum of the others, and explains most by itself; with them it would
 * have to be negative. */
static void
a_column_that_was_first_may_have_to_go(void **state)
{
        struct jk_gram gram = { .n = 3 };
        double weights[JK_GRAM_MAX];
        bool used[JK_GRAM_MAX];
        uint64_t random = 11;

        (void)state;
        memset(used, true, sizeof used);
        for (int row = 0; row < ROWS; row++) {
                double a = random_unit(&random), b = random_unit(&random);
                double x[3] = { a, b, a + b + 0.2 * random_unit(&random) };

                jk_gram_add(&gram, x, 3 * a + 2 * b - 0.5 * x[2]);
        }
        jk_gram_fit(&gram, used, weights);
        assert_true(weights[2] == 0);
        for (int i = 0; i < 2; i++) {
                double best = jk_gram_misfit(&gram, weights), kept = weights[i];

                weights[i] = kept + 1e-3;
                assert_true(jk_gram_misfit(&gram, weights) > best);
                weights[i] = kept - 1e-3;
                assert_true(jk_gram_misfit(&gram, weights) > best);
                weights[i] = kept;
        }
}

static void
columns_that_say_the_same_do_no_harm(void **state)
{
        double weights[JK_GRAM_MAX], x[3];
        struct jk_gram gram = { .n = 3 };
        bool used[JK_GRAM_MAX];
        uint64_t random = 3;

        (void)state;
        memset(used, true, sizeof used);
        for (int row = 0; row < ROWS; row++) {
                x[0] = random_unit(&random);
                x[1] = 1e9 * x[0];
                x[2] = 0;
                jk_gram_add(&gram, x, 5 * x[0]);
        }
        jk_gram_fit(&gram, used, weights);
        assert_true(isfinite(weights[0]) && isfinite(weights[1]) && weights[2] == 0);
        assert_true(fabs(weights[0] + 1e9 * weights[1] - 5) < 1e-3);
}

static void
the_rest_is_what_is_left(void **state)
{
        static const double truth[COLUMNS] = { 1, 2, 3, 4, 5, 6 };
        uint64_t random = 5;
        struct jk_gram part, other, all, rest;

        (void)state;
        fill(&part, truth, 1, &random);
        fill(&other, truth, 1, &random);
        all = part;
        for (int i = 0; i < COLUMNS; i++) {
                for (int j = 0; j < COLUMNS; j++)
                        all.xx[i][j] += other.xx[i][j];
                all.xy[i] += other.xy[i];
        }
        all.yy += other.yy;
        all.count += other.count;
        jk_gram_without(&all, &part, &rest);
        assert_true(fabs(rest.xx[1][2] - other.xx[1][2]) < 1e-9);
        assert_true(fabs(rest.yy - other.yy) < 1e-6);
        assert_true(rest.count == ROWS);
}

/* ---- calibration ---- */

static const double COSTS[3] = { 20, 2e-9, 0 };

static struct jk_point
point_of(const char *name, unsigned cpus, double ipc, double noise)
{
        struct jk_point point = { .cpus = cpus, .power_w = 30 + noise };

        strcpy(point.name, name);
        point.rates[0] = cpus + 0.01; /* even idle, a little runs */
        point.rates[1] = point.rates[0] * ipc * 3e9;
        point.rates[2] = 1000;
        for (int k = 0; k < 3; k++)
                point.power_w += COSTS[k] * point.rates[k];
        return point;
}

static size_t
points_of(struct jk_point *points, double drift_w)
{
        size_t n = 0;

        points[n++] = point_of("idle", 0, 1, 0);
        for (unsigned cpus = 1; cpus <= 4; cpus++)
                points[n++] = point_of("spin", cpus, 1, 0);
        points[n++] = point_of("integer", 4, 3, 0);
        points[n++] = point_of("memory", 4, 0.2, 0);
        points[n++] = point_of("idle", 0, 1, drift_w);
        return n;
}

static void
a_calibration_finds_what_events_cost(void **state)
{
        struct jk_point points[JK_POINTS_MAX];
        struct jk_calibration calibration;
        size_t n = points_of(points, 0);

        (void)state;
        assert_int_equal(jk_calibrate(points, n, 3, &calibration), 0);
        assert_true(fabs(calibration.idle_w - 30) < 1e-3);
        assert_true(fabs(calibration.weights[0] - 20) < 1e-3);
        assert_true(fabs(calibration.weights[1] - 2e-9) < 1e-12);
        assert_true(calibration.weights[2] == 0);
        assert_true(calibration.fitted_pct < 0.01 && calibration.held_out_pct < 0.01);
        assert_true(isnan(calibration.held_out[0]) && isfinite(calibration.held_out[1]));
        assert_true(calibration.idle_error_w < 1e-9);
}

static void
what_is_held_out_tells_of_a_load_that_is_unlike_the_others(void **state)
{
        struct jk_point points[JK_POINTS_MAX];
        struct jk_calibration calibration;
        size_t n = points_of(points, 0);

        (void)state;
        points[n - 2].power_w += 60; /* memory: by something that is not counted */
        assert_int_equal(jk_calibrate(points, n, 3, &calibration), 0);
        assert_true(calibration.held_out_pct > calibration.fitted_pct);
        assert_true(fabs(calibration.held_out[n - 2] - (points[n - 2].power_w - 60)) < 1);
}

static void
idle_power_that_drifts_is_told(void **state)
{
        struct jk_point points[JK_POINTS_MAX];
        struct jk_calibration calibration;
        size_t n = points_of(points, 4);

        (void)state;
        assert_int_equal(jk_calibrate(points, n, 3, &calibration), 0);
        assert_true(fabs(calibration.idle_error_w - 2) < 1e-6);
        assert_true(fabs(calibration.idle_w - 32) < 0.5);
}

static void
what_cannot_be_calibrated_is_refused(void **state)
{
        struct jk_point points[JK_POINTS_MAX];
        struct jk_calibration calibration = { .idle_w = -1 };
        size_t n = points_of(points, 0);

        (void)state;
        assert_int_equal(jk_calibrate(points + 1, n - 2, 3, &calibration), -EINVAL);
        for (size_t i = 0; i < n; i++)
                points[i].power_w = 50 - (double)points[i].cpus;
        assert_int_equal(jk_calibrate(points, n, 3, &calibration), -ENODATA);
        assert_true(calibration.idle_w == -1);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_truth_is_found_in_any_units),
        cmocka_unit_test(nothing_near_is_better),
        cmocka_unit_test(a_column_that_was_first_may_have_to_go),
        cmocka_unit_test(columns_that_say_the_same_do_no_harm),
        cmocka_unit_test(the_rest_is_what_is_left),
        cmocka_unit_test(a_calibration_finds_what_events_cost),
        cmocka_unit_test(what_is_held_out_tells_of_a_load_that_is_unlike_the_others),
        cmocka_unit_test(idle_power_that_drifts_is_told),
        cmocka_unit_test(what_cannot_be_calibrated_is_refused),
};

JK_RUN_TESTS(tests)
