/* SPDX-License-Identifier: Apache-2.0
 *
 * The elastic net against the laws of its minimum, on random problems.
 */
#include "tests/unit/test.h"

#include <math.h>
#include <string.h>

#include "base/array.h"
#include "model/elastic-net.h"

enum { SAMPLES = 40, FEATURES = 5 };

struct problem {
        double x[FEATURES * SAMPLES], y[SAMPLES]; /* as given */
        double weights[FEATURES], intercept;
        unsigned iterations;
};

static double
uniform(uint64_t *seed)
{
        *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        return (double)(*seed >> 40) / (1 << 24);
}

/* Power of programs with a floor: some features matter, some do not, two are nearly the same. */
static void
make(struct problem *problem, uint64_t seed)
{
        for (size_t i = 0; i < SAMPLES; i++) {
                double load = uniform(&seed), *x = problem->x + i;

                x[0] = 100 * load;
                x[SAMPLES] = 100 * load * (1 + 0.01 * uniform(&seed));
                x[2 * SAMPLES] = 50 * uniform(&seed);
                x[3 * SAMPLES] = 10 * uniform(&seed);
                x[4 * SAMPLES] = 0;
                problem->y[i] = 20 + 0.3 * x[0] + 0.1 * x[2 * SAMPLES] - 0.5 * x[3 * SAMPLES] +
                                uniform(&seed);
        }
}

static void
fit(struct problem *problem, const struct jk_elastic_net *net)
{
        double x[FEATURES * SAMPLES], y[SAMPLES], scratch[SAMPLES + 2 * FEATURES];

        memcpy(x, problem->x, sizeof x);
        memcpy(y, problem->y, sizeof y);
        problem->iterations = jk_elastic_net_fit(net, x, y, SAMPLES, FEATURES, scratch,
                                                 problem->weights, &problem->intercept);
}

static struct jk_elastic_net
exact(bool fit_intercept)
{
        struct jk_elastic_net net = jk_elastic_net_defaults;

        net.tolerance = 1e-13;
        net.max_iterations = 1000000;
        net.fit_intercept = fit_intercept;
        return net;
}

static double
residual(const struct problem *problem, size_t i)
{
        double r = problem->y[i] - problem->intercept;

        for (size_t j = 0; j < FEATURES; j++)
                r -= problem->weights[j] * problem->x[j * SAMPLES + i];
        return r;
}

static void
weights_are_never_negative(void **state)
{
        struct jk_elastic_net net = jk_elastic_net_defaults;
        struct problem problem;

        (void)state;
        for (uint64_t seed = 0; seed < 100; seed++) {
                make(&problem, seed);
                fit(&problem, &net);
                for (size_t j = 0; j < FEATURES; j++)
                        assert_true(problem.weights[j] >= 0);
                assert_true(problem.weights[3] == 0); /* its true weight is below 0 */
                assert_true(problem.weights[4] == 0); /* it never was anything but 0 */
        }
}

/* Karush, Kuhn and Tucker: at the minimum the slope of each weight is 0, or the weight is 0 and the
 * slope does not point below. */
static void
the_minimum_has_no_slope_left(void **state)
{
        struct problem problem;

        (void)state;
        for (uint64_t seed = 0; seed < 40; seed++) {
                struct jk_elastic_net net = exact(seed % 2);

                make(&problem, seed);
                fit(&problem, &net);
                assert_true(problem.iterations < net.max_iterations);
                for (size_t j = 0; j < FEATURES; j++) {
                        double penalty = net.alpha * net.l1_ratio +
                                         net.alpha * (1 - net.l1_ratio) * problem.weights[j];
                        double slope = penalty;

                        for (size_t i = 0; i < SAMPLES; i++)
                                slope -= problem.x[j * SAMPLES + i] * residual(&problem, i) /
                                         SAMPLES;
                        assert_true(slope > -1e-5);
                        assert_true(problem.weights[j] == 0 || fabs(slope) < 1e-5);
                }
        }
}

static double
objective(const struct problem *problem, const struct jk_elastic_net *net)
{
        double sum = 0, l1 = 0, l2 = 0;

        for (size_t i = 0; i < SAMPLES; i++)
                sum += residual(problem, i) * residual(problem, i);
        for (size_t j = 0; j < FEATURES; j++) {
                l1 += problem->weights[j];
                l2 += problem->weights[j] * problem->weights[j];
        }
        return sum / 2 / SAMPLES + net->alpha * (net->l1_ratio * l1 + (1 - net->l1_ratio) / 2 * l2);
}

static void
nothing_near_the_minimum_is_below_it(void **state)
{
        struct jk_elastic_net net = exact(true);
        struct problem problem, other;
        double least;
        uint64_t seed = 9;

        (void)state;
        make(&problem, 3);
        fit(&problem, &net);
        least = objective(&problem, &net);
        for (int i = 0; i < 1000; i++) {
                other = problem;
                for (size_t j = 0; j < FEATURES; j++)
                        other.weights[j] = fmax(0, other.weights[j] + 0.1 * (uniform(&seed) - 0.5));
                other.intercept += uniform(&seed) - 0.5;
                assert_true(objective(&other, &net) >= least - 1e-9);
        }
}

static void
an_intercept_takes_up_what_is_added_to_all(void **state)
{
        struct jk_elastic_net net = exact(true);
        struct problem problem, raised;

        (void)state;
        make(&problem, 5);
        raised = problem;
        for (size_t i = 0; i < SAMPLES; i++)
                raised.y[i] += 7;
        fit(&problem, &net);
        fit(&raised, &net);
        assert_true(fabs(raised.intercept - problem.intercept - 7) < 1e-6);
        for (size_t j = 0; j < FEATURES; j++)
                assert_true(fabs(raised.weights[j] - problem.weights[j]) < 1e-6);
}

static void
without_intercept_there_is_none(void **state)
{
        struct jk_elastic_net net = exact(false);
        struct problem problem;

        (void)state;
        make(&problem, 6);
        fit(&problem, &net);
        assert_true(problem.intercept == 0);
}

/* One feature has its minimum in closed form. */
static void
one_feature_is_solved_at_once(void **state)
{
        static const double xs[] = { 1, 2, 3, 4 }, ys[] = { 3, 5, 9, 11 };
        struct jk_elastic_net net = exact(false);
        double x[4], y[4], scratch[6], weight, intercept;

        (void)state;
        memcpy(x, xs, sizeof x);
        memcpy(y, ys, sizeof y);
        jk_elastic_net_fit(&net, x, y, 4, 1, scratch, &weight, &intercept);
        assert_true(fabs(weight - (3 + 10 + 27 + 44 - 2) / (30.0 + 2)) < 1e-12);
}

static void
it_stops_when_it_is_told_to(void **state)
{
        struct jk_elastic_net net = exact(true);
        struct problem problem;

        (void)state;
        net.max_iterations = 3;
        make(&problem, 7);
        fit(&problem, &net);
        assert_int_equal(problem.iterations, 3);
}

static void
powers_that_are_all_the_same_need_no_weights(void **state)
{
        struct jk_elastic_net net = jk_elastic_net_defaults;
        struct problem problem;

        (void)state;
        make(&problem, 8);
        for (size_t i = 0; i < SAMPLES; i++)
                problem.y[i] = 42;
        fit(&problem, &net);
        for (size_t j = 0; j < FEATURES; j++)
                assert_true(problem.weights[j] == 0);
        assert_true(problem.intercept == 42);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_never_negative),
        cmocka_unit_test(the_minimum_has_no_slope_left),
        cmocka_unit_test(nothing_near_the_minimum_is_below_it),
        cmocka_unit_test(an_intercept_takes_up_what_is_added_to_all),
        cmocka_unit_test(without_intercept_there_is_none),
        cmocka_unit_test(one_feature_is_solved_at_once),
        cmocka_unit_test(it_stops_when_it_is_told_to),
        cmocka_unit_test(powers_that_are_all_the_same_need_no_weights),
};

JK_RUN_TESTS(tests)
