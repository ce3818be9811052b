/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights: a known truth is found, nothing is negative, garbage costs nothing; and what is found is
 * the best there is: every set of rates is tried beside it.
 */
#include "tests/unit/test.h"

#include <math.h>
#include <string.h>

#include "model/cells.h"
#include "model/weights.h"
#include "tests/unit/model/random.h"

enum { RATES_MAX = 8, CELLS = 200 };

struct fixture {
        struct jk_cells cells;
        struct jk_features features;
        struct jk_weights weights;
        uint64_t random;
};

static int
set_up(void **state)
{
        *state = calloc(1, sizeof(struct fixture));
        return *state ? 0 : -1;
}

static int
tear_down(void **state)
{
        struct fixture *f = *state;

        jk_cells_free(&f->cells);
        free(f);
        return 0;
}

/* Begin anew with so many rates and no cells; nothing is learned. */
static void
begin(struct fixture *f, size_t n_rates, size_t capacity, uint64_t seed)
{
        jk_cells_free(&f->cells);
        assert_int_equal(jk_cells_init(&f->cells, capacity, n_rates, n_rates, 1), 0);
        f->random = seed * UINT64_C(0x9e3779b97f4a7c15);
        f->features = (struct jk_features){ .n_rates = n_rates };
        for (size_t i = 0; i < n_rates; i++) {
                f->features.rates[i].package = -1;
                f->features.importance[i] = 1;
        }
        jk_weights_init(&f->weights, &f->features, 0);
}

static void
put(struct fixture *f, const double *x, double power_w, double count)
{
        struct jk_cells *cells = &f->cells;
        size_t cell = cells->n++;

        assert_true(cell < cells->capacity);
        memcpy(cells->x + cell * cells->n_coordinates, x, cells->n_coordinates * sizeof *x);
        cells->y[cell] = power_w;
        cells->count[cell] = count;
}

static double
sum_of(const double *x, const double *weights, size_t n)
{
        double sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += x[i] * weights[i];
        return sum;
}

/* Cells of a machine with these weights: rates from 0 to 1, by chance and independent. */
static void
see(struct fixture *f, const double *truth, double idle_w, double noise_w)
{
        size_t n = f->features.n_rates;

        for (int i = 0; i < CELLS; i++) {
                double x[RATES_MAX] = { 0 };

                for (size_t k = 0; k < n; k++)
                        x[k] = random_unit(&f->random);
                put(f, x, idle_w + sum_of(x, truth, n) + noise_w * random_normal(&f->random), 1);
        }
}

static size_t
learn(struct fixture *f, size_t leading, int package)
{
        size_t work = jk_weights_learn(&f->weights, &f->cells, 0, &f->features, leading, package);

        for (size_t i = 0; i < f->features.n_rates; i++)
                assert_true(isfinite(f->weights.rate[i]) && f->weights.rate[i] >= 0);
        assert_true(isfinite(f->weights.idle_w) && f->weights.idle_w >= 0);
        return work;
}

static void
assert_near(double value, double expected, double part)
{
        if (!(fabs(value - expected) <= part * fabs(expected)))
                fail_msg("%g is not within %g %% of %g", value, 100 * part, expected);
}

/* ---- a known truth ---- */

static void
the_truth_is_found_without_noise(void **state)
{
        static const double truth[4] = { 30, 12, 8, 50 };
        struct fixture *f = *state;

        begin(f, 4, CELLS, 1);
        see(f, truth, 25, 0);
        assert_true(learn(f, 0, -1) > 0);
        for (size_t i = 0; i < 4; i++)
                assert_near(f->weights.rate[i], truth[i], 0.01);
        assert_near(f->weights.idle_w, 25, 0.01);
        assert_true(f->weights.error_w < 0.1);
}

static void
the_truth_is_found_in_any_units(void **state)
{
        static const double units[3] = { 1e-9, 1e9, 1e12 }, truth[3] = { 30, 12, 20 };
        struct fixture *f = *state;

        begin(f, 3, CELLS, 1);
        for (int i = 0; i < CELLS; i++) {
                double x[3];

                for (int k = 0; k < 3; k++)
                        x[k] = random_unit(&f->random);
                double power_w = 10 + sum_of(x, truth, 3);

                for (int k = 0; k < 3; k++)
                        x[k] *= units[k];
                put(f, x, power_w, 1);
        }
        learn(f, 0, -1);
        for (int k = 0; k < 3; k++)
                assert_near(f->weights.rate[k] * units[k], truth[k], 0.01);
}

/* A weight's standard error is noise / (spread of its rate × √cells): 5 of them are a lot, and over
 * 100 seeds the mean error is a tenth of one. */
static void
noise_costs_no_more_than_it_must(void **state)
{
        static const double truth[3] = { 30, 12, 20 };
        const double noise_w = 3, error = noise_w / (sqrt(1.0 / 12) * sqrt(CELLS));
        struct fixture *f = *state;
        double bias[3] = { 0 }, squares[3] = { 0 }, noise = 0;

        for (uint64_t seed = 1; seed <= 100; seed++) {
                begin(f, 3, CELLS, seed);
                see(f, truth, 25, noise_w);
                learn(f, 0, -1);
                for (size_t i = 0; i < 3; i++) {
                        double off = f->weights.rate[i] - truth[i];

                        assert_true(fabs(off) < 5 * error);
                        bias[i] += off / 100;
                        squares[i] += off * off / 100;
                }
                noise += f->weights.error_w / 100;
        }
        for (size_t i = 0; i < 3; i++) {
                assert_true(fabs(bias[i]) < 0.4 * error);
                assert_true(sqrt(squares[i]) < 1.25 * error);
        }
        assert_near(noise, noise_w, 0.03);
}

static void
scatter_alone_teaches(void **state)
{
        static const double truth[2] = { 30, 12 };
        struct fixture *f = *state;

        begin(f, 2, 2, 1);
        for (int i = 0; i < 4000; i++) {
                double x[2] = { random_unit(&f->random), random_unit(&f->random) };
                double power_w = 20 + sum_of(x, truth, 2) + random_normal(&f->random);

                jk_cells_add(&f->cells, x, &power_w, f->features.importance);
        }
        assert_int_equal(f->cells.n, 2);
        for (int k = 0; k < 2; k++) /* two cells that are the same tell nothing by themselves */
                f->cells.x[k] = f->cells.x[2 + k] = 0.5;
        f->cells.y[0] = f->cells.y[1] = 41;
        learn(f, 0, -1);
        assert_near(f->weights.rate[0], truth[0], 0.05);
        assert_near(f->weights.rate[1], truth[1], 0.05);
        assert_near(f->weights.idle_w, 20, 0.1);
}

/* ---- what explains nothing ---- */

/* At 2 standard deviations 2.3 % of garbage looks like something (only weights above 0 can), and
 * the rest gets exactly nothing: of 500 columns 11 ± 3.4 survive; 25 is 4 deviations more. */
static void
garbage_gets_nothing(void **state)
{
        static const double truth[7] = { 30, 12, 0, 0, 0, 0, 0 };
        struct fixture *f = *state;
        int survivors = 0;

        for (uint64_t seed = 1; seed <= 100; seed++) {
                begin(f, 7, CELLS, seed);
                see(f, truth, 25, 2);
                learn(f, 0, -1);
                for (size_t i = 2; i < 7; i++)
                        survivors += f->weights.rate[i] != 0;
                assert_near(f->weights.rate[0], truth[0], 0.12);
                assert_near(f->weights.rate[1], truth[1], 0.3);
        }
        if (survivors > 25)
                fail_msg("%d of 500 columns of garbage survived", survivors);
}

static void
garbage_gets_nothing_at_all_without_noise(void **state)
{
        static const double truth[7] = { 30, 12, 0, 0, 0, 0, 0 };
        struct fixture *f = *state;

        for (uint64_t seed = 1; seed <= 100; seed++) {
                begin(f, 7, CELLS, seed);
                see(f, truth, 25, 0);
                learn(f, 0, -1);
                for (size_t i = 2; i < 7; i++)
                        assert_true(f->weights.rate[i] == 0);
        }
}

static void
a_rate_that_was_never_seen_gets_nothing(void **state)
{
        struct fixture *f = *state;

        begin(f, 2, CELLS, 1);
        for (int i = 0; i < CELLS; i++) {
                double x[2] = { random_unit(&f->random), 0 };

                put(f, x, 20 + 30 * x[0], 1);
        }
        learn(f, 0, -1);
        assert_near(f->weights.rate[0], 30, 0.01);
        assert_true(f->weights.rate[1] == 0);
}

/* Which of two is the cause cannot be told: their sum can, and the leading one bears most. */
static void
rates_that_go_together_explain_the_sum(void **state)
{
        struct fixture *f = *state;

        for (size_t leading = 0; leading < 2; leading++) {
                begin(f, 2, CELLS, 1);
                for (int i = 0; i < CELLS; i++) {
                        double busy = random_unit(&f->random);
                        double x[2] = { busy, 3e9 * busy };

                        put(f, x, 20 + 40 * busy + 0.5 * random_normal(&f->random), 1);
                }
                learn(f, leading, -1);
                assert_near(f->weights.rate[0] + 3e9 * f->weights.rate[1], 40, 0.02);
                assert_near(f->weights.idle_w, 20, 0.02);
                if (leading == 0)
                        assert_true(f->weights.rate[0] >= 3e9 * f->weights.rate[1]);
                else
                        assert_true(f->weights.rate[0] <= 3e9 * f->weights.rate[1]);
        }
}

static void
rates_of_other_packages_are_left_out(void **state)
{
        static const double truth[3] = { 10, 30, 20 };
        struct fixture *f = *state;

        begin(f, 3, CELLS, 1);
        f->features.rates[1].package = 0;
        f->features.rates[2].package = 1;
        see(f, truth, 25, 0.1);
        learn(f, 0, 0);
        assert_near(f->weights.rate[1], 30, 0.2);
        assert_true(f->weights.rate[2] == 0);
        learn(f, 0, 1);
        assert_true(f->weights.rate[1] == 0);
        assert_near(f->weights.rate[2], 20, 0.2);
        learn(f, 0, -1);
        for (size_t i = 0; i < 3; i++)
                assert_near(f->weights.rate[i], truth[i], 0.02);
}

/* ---- nothing to learn ---- */

static void
power_that_falls_with_load_teaches_nothing(void **state)
{
        struct fixture *f = *state;
        struct jk_weights before;

        begin(f, 1, CELLS, 1);
        for (int i = 0; i < CELLS; i++) {
                double x = random_unit(&f->random);

                put(f, &x, 100 - 50 * x, 1);
        }
        before = f->weights;
        learn(f, 0, -1);
        assert_true(f->weights.rate[0] == before.rate[0] && f->weights.rate[0] == 1);
        assert_true(f->weights.idle_w == before.idle_w);
        assert_true(isnan(f->weights.error_w));
}

static void
zones_without_power_or_ticks_teach_nothing(void **state)
{
        static const double truth[2] = { 0 };
        struct fixture *f = *state;
        double x[2] = { 1, 1 };

        begin(f, 2, CELLS, 1);
        assert_int_equal(learn(f, 0, -1), 0);
        put(f, x, 50, 1);
        assert_int_equal(learn(f, 0, -1), 0);
        assert_true(f->weights.rate[0] == 1 && f->weights.rate[1] == 0);

        begin(f, 2, CELLS, 1);
        see(f, truth, 0, 0);
        learn(f, 1, -1);
        assert_true(f->weights.rate[0] == 1 && f->weights.rate[1] == 0);
}

static void
the_same_cells_teach_the_same(void **state)
{
        static const double truth[3] = { 10, 30, 20 };
        struct fixture *f = *state;
        struct jk_weights first;

        begin(f, 3, CELLS, 7);
        see(f, truth, 25, 2);
        learn(f, 0, -1);
        first = f->weights;
        memset(f->weights.rate, 0x7f, sizeof f->weights.rate);
        jk_weights_init(&f->weights, &f->features, 2); /* what was known before does not matter */
        learn(f, 0, -1);
        assert_memory_equal(first.rate, f->weights.rate, 3 * sizeof first.rate[0]);
        assert_memory_equal(&first.error_w, &f->weights.error_w, sizeof first.error_w);
}

/* ---- the best there is ---- */

enum { UNKNOWNS = 6 };

/* The misfit that is to be least: vᵀ A v − 2 bᵀ v, of values that are scaled as the rates are. */
struct misfit {
        size_t n;
        double a[UNKNOWNS][UNKNOWNS], b[UNKNOWNS], scale[UNKNOWNS];
};

/* With the prior: the leading rate, the first, explains the span, give or take as much; any other
 * nothing, give or take as much. */
static struct misfit
misfit_of(const struct fixture *f, double variance)
{
        struct misfit misfit = { .n = f->features.n_rates + 1 };
        const struct jk_cells *cells = &f->cells;
        double least = INFINITY, most = -INFINITY, count = 0;

        for (size_t cell = 0; cell < cells->n; cell++) {
                count += cells->count[cell];
                least = fmin(least, cells->y[cell]);
                most = fmax(most, cells->y[cell]);
                for (size_t i = 0; i + 1 < misfit.n; i++)
                        misfit.scale[i] += cells->count[cell] *
                                           pow(cells->x[cell * cells->n_coordinates + i], 2);
        }
        for (size_t i = 0; i + 1 < misfit.n; i++)
                misfit.scale[i] = sqrt(misfit.scale[i] / count);
        misfit.scale[misfit.n - 1] = 1;

        for (size_t cell = 0; cell < cells->n; cell++) {
                double x[UNKNOWNS];

                for (size_t i = 0; i + 1 < misfit.n; i++)
                        x[i] = cells->x[cell * cells->n_coordinates + i] / misfit.scale[i];
                x[misfit.n - 1] = 1;
                for (size_t i = 0; i < misfit.n; i++) {
                        for (size_t j = 0; j < misfit.n; j++)
                                misfit.a[i][j] += cells->count[cell] * x[i] * x[j];
                        misfit.b[i] += cells->count[cell] * x[i] * cells->y[cell];
                }
        }
        for (size_t i = 0; i + 1 < misfit.n; i++)
                misfit.a[i][i] += variance / pow(most - least, 2);
        misfit.b[0] += variance / (most - least);
        return misfit;
}

static double
value_of(const struct misfit *misfit, const double value[UNKNOWNS])
{
        double sum = 0;

        for (size_t i = 0; i < misfit->n; i++) {
                sum -= 2 * misfit->b[i] * value[i];
                for (size_t j = 0; j < misfit->n; j++)
                        sum += value[i] * misfit->a[i][j] * value[j];
        }
        return sum;
}

/* The least misfit of the unknowns in a set, by Gauss and Jordan; the others are 0. */
static void
solve_set(const struct misfit *misfit, unsigned set, double ret_value[UNKNOWNS])
{
        double rows[UNKNOWNS][UNKNOWNS + 1];
        size_t n = misfit->n;

        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j <= n; j++)
                        rows[i][j] = !(set >> i & 1) ? i == j
                                     : j == n        ? misfit->b[i]
                                     : set >> j & 1  ? misfit->a[i][j]
                                                     : 0;
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < n; k++) {
                        double factor = rows[k][i] / rows[i][i];

                        for (size_t j = 0; j <= n && k != i; j++)
                                rows[k][j] -= factor * rows[i][j];
                }
        for (size_t i = 0; i < n; i++)
                ret_value[i] = set >> i & 1 ? rows[i][n] / rows[i][i] : 0;
}

/* The least misfit without a negative value, of all subsets of a set. */
static double
best_of(const struct misfit *misfit, unsigned of, double ret_value[UNKNOWNS])
{
        double least = INFINITY;

        for (unsigned set = 0; set < 1U << misfit->n; set++) {
                double value[UNKNOWNS], of_set;
                bool negative = false;

                if (set & ~of)
                        continue;
                solve_set(misfit, set, value);
                for (size_t i = 0; i < misfit->n; i++)
                        negative |= value[i] < 0;
                of_set = value_of(misfit, value);
                if (negative || of_set >= least)
                        continue;
                least = of_set;
                memcpy(ret_value, value, sizeof value);
        }
        return least;
}

/* Rates that go together more or less, and a truth that is partly below 0. */
static void
see_anything(struct fixture *f)
{
        size_t n = f->features.n_rates;
        double truth[RATES_MAX], together = random_unit(&f->random);
        double idle_w = 40 * random_unit(&f->random);

        for (size_t i = 0; i < n; i++)
                truth[i] = 40 * random_unit(&f->random) - (i > 0 ? 15 : 0);
        for (int i = 0; i < CELLS; i++) {
                double x[RATES_MAX] = { 0 }, common = random_unit(&f->random);

                for (size_t k = 0; k < n; k++)
                        x[k] = together * common + (1 - together) * random_unit(&f->random);
                put(f, x, fmax(idle_w + sum_of(x, truth, n) + 2 * random_normal(&f->random), 0),
                    1 + floor(60 * random_unit(&f->random)));
        }
}

static void
what_is_found_is_the_best_there_is(void **state)
{
        struct fixture *f = *state;
        int learned = 0, complete = 0;

        for (uint64_t seed = 1; seed <= 300; seed++) {
                double best[UNKNOWNS], best_of_kept[UNKNOWNS], value[UNKNOWNS], variance;
                struct misfit misfit;
                unsigned kept = 0, all;
                int n_left_out = 0;

                begin(f, 1 + seed % (UNKNOWNS - 1), CELLS, seed);
                see_anything(f);
                learn(f, 0, -1);
                if (isnan(f->weights.error_w))
                        continue;

                learned++;
                /* Cells of many ticks: as noisy as one here. */
                variance = pow(f->weights.error_w, 2);
                misfit = misfit_of(f, variance);
                all = (1U << misfit.n) - 1;
                for (size_t i = 0; i + 1 < misfit.n; i++)
                        value[i] = f->weights.rate[i] * misfit.scale[i];
                value[misfit.n - 1] = f->weights.idle_w;

                /* Of the rates that were kept, and the idle power, that is the least misfit … */
                for (size_t i = 0; i < misfit.n; i++)
                        if (i == 0 || i == misfit.n - 1 || value[i] > 0)
                                kept |= 1U << i;
                best_of(&misfit, kept, best_of_kept);
                for (size_t i = 0; i < misfit.n; i++)
                        assert_true(fabs(value[i] - best_of_kept[i]) < 0.02);

                /* … and those left out would have gained nothing, or nothing significant. */
                best_of(&misfit, all, best);
                for (size_t i = 0; i + 1 < misfit.n; i++)
                        n_left_out += best[i] > 0 && value[i] == 0;
                complete += n_left_out == 0;
                assert_true(value_of(&misfit, value) - value_of(&misfit, best) <=
                            4.5 * variance * n_left_out + 0.01 * variance);
        }
        assert_true(learned > 250);
        assert_true(complete > 150);
}

/* While no core was shared, thread time and core time are one column, and the little that they
 * differ by later tells nothing. */
static void
thread_time_and_core_time_keep_the_ratio_that_is_assumed(void **state)
{
        struct fixture *f = *state;

        for (int shared = 0; shared < 2; shared++) {
                begin(f, 2, CELLS, 3);
                f->features.seen_fields = JK_TASK_CPU;
                f->features.rates[0].field = f->features.rates[1].field = JK_TASK_CPU;
                f->features.rates[1].of_cores = true;
                f->features.cores[0] = 1;
                for (int i = 0; i < CELLS; i++) {
                        double thread = random_unit(&f->random);
                        double x[2] = { thread, thread * (1 - 0.001 * shared * (i % 2)) };

                        put(f, x, 20 + 10 * thread + 0.5 * random_normal(&f->random), 1);
                }
                learn(f, 0, -1);
                assert_near(f->weights.rate[0] + f->weights.rate[1], 10, 0.03);
                assert_near(f->weights.rate[1], 4 * f->weights.rate[0], shared ? 0.5 : 1e-6);
        }
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        static const struct CMUnitTest tests[] = {
                CASE(the_truth_is_found_without_noise),
                CASE(the_truth_is_found_in_any_units),
                CASE(noise_costs_no_more_than_it_must),
                CASE(scatter_alone_teaches),
                CASE(garbage_gets_nothing),
                CASE(garbage_gets_nothing_at_all_without_noise),
                CASE(a_rate_that_was_never_seen_gets_nothing),
                CASE(rates_that_go_together_explain_the_sum),
                CASE(rates_of_other_packages_are_left_out),
                CASE(power_that_falls_with_load_teaches_nothing),
                CASE(zones_without_power_or_ticks_teach_nothing),
                CASE(thread_time_and_core_time_keep_the_ratio_that_is_assumed),
                CASE(the_same_cells_teach_the_same),
                CASE(what_is_found_is_the_best_there_is),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
