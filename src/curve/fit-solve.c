/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights without a negative one, and which features are worth having: see fit.h. All is done on
 * sums of products (one matrix per fold), so that trying a feature costs nothing per tick. Features
 * are chosen forward: the one that lowers the error on kept-back folds most, until none lowers it
 * by much.
 */
#include "curve/fit-internal.h"

#include <math.h>
#include <string.h>

/* What a feature has to lower the squared error by, as a part, to be worth having. */
#define WORTH 0.01

/* Of the diagonal: what the ticks do not tell apart, they share. */
#define RIDGE 1e-5

#define SWEEPS_MAX 3000

void
jk_fit_add_sums(struct jk_fit_sums *to, const struct jk_fit_sums *sums, double sign)
{
        for (size_t i = 0; i < JK_FIT_COLUMNS_MAX; i++) {
                for (size_t j = 0; j < JK_FIT_COLUMNS_MAX; j++)
                        to->xx[i][j] += sign * sums->xx[i][j];
                to->xy[i] += sign * sums->xy[i];
        }
        to->yy += sign * sums->yy;
        to->n += sign * sums->n;
}

/* How much more the misfit of some ticks is with these weights than with none. */
static double
misfit(const struct jk_fit_problem *problem, const struct jk_fit_sums *sums,
       const struct jk_fit_solution *solution)
{
        double sum = sums->yy;

        for (size_t i = 0; i < problem->n_columns; i++) {
                if (solution->weight[i] == 0)
                        continue;
                sum -= 2 * solution->weight[i] * sums->xy[i];
                for (size_t j = 0; j < problem->n_columns; j++)
                        sum += solution->weight[i] * sums->xx[i][j] * solution->weight[j];
        }
        return fmax(sum, 0);
}

/* Best weights ≥ 0 of the chosen columns on the sums, each in turn until none moves (the objective
 * is convex). model/gram.h solves the same, but gives all to one of columns that are alike, where a
 * curve has them share: other machines may tell them apart. */
static void
solve(const struct jk_fit_problem *problem, const struct jk_fit_sums *sums,
      struct jk_fit_solution *solution)
{
        size_t active[JK_FIT_COLUMNS_MAX] = { 0 }, n = 1;
        double mean = sums->n > 0 ? sums->xy[0] / sums->n : 0;

        for (size_t g = 0; g < problem->n_groups; g++)
                for (size_t i = 0; solution->chosen[g] && i < problem->groups[g].n; i++)
                        active[n++] = problem->groups[g].first + i;
        memset(solution->weight, 0, sizeof solution->weight);

        for (int sweep = 0; sweep < SWEEPS_MAX; sweep++) {
                double moved = 0;

                for (size_t a = 0; a < n; a++) {
                        size_t i = active[a];
                        double diagonal = sums->xx[i][i] * (1 + RIDGE), rest = sums->xy[i], value;

                        if (!(diagonal > 0))
                                continue;
                        for (size_t b = 0; b < n; b++)
                                if (b != a)
                                        rest -= sums->xx[i][active[b]] *
                                                solution->weight[active[b]];
                        value = fmax(rest / diagonal, 0);
                        moved = fmax(moved, fabs(value - solution->weight[i]));
                        solution->weight[i] = value;
                }
                if (moved <= 1e-7 * mean)
                        return;
        }
}

static bool
is_in(const struct jk_fit_problem *problem, size_t fold, size_t part)
{
        return fold / (problem->n_folds / problem->n_parts) == part;
}

/* Squared error on each fold that is not of the part `out`, learned from those that are neither. */
static double
validate(struct jk_fit_problem *problem, size_t out, struct jk_fit_solution *solution)
{
        double sum = 0;

        for (size_t fold = 0; fold < problem->n_folds; fold++) {
                if (is_in(problem, fold, out) || !(problem->folds[fold].n > 0))
                        continue;
                problem->part = problem->given;
                jk_fit_add_sums(&problem->part, &problem->folds[fold], -1);
                if (!(problem->part.n > 0))
                        continue;
                solve(problem, &problem->part, solution);
                sum += misfit(problem, &problem->folds[fold], solution);
        }
        return sum;
}

/* The feature that is not chosen yet and lowers the error most, if by enough: the error then, or
 * NAN. */
static double
choose_next(struct jk_fit_problem *problem, size_t out, double error,
            struct jk_fit_solution *solution)
{
        size_t best = JK_FIT_GROUPS_MAX;
        double least = (1 - WORTH) * error;

        for (size_t g = 0; g < problem->n_groups; g++) {
                double tried;

                if (solution->chosen[g])
                        continue;
                solution->chosen[g] = true;
                tried = validate(problem, out, solution);
                solution->chosen[g] = false;
                if (tried < least) {
                        least = tried;
                        best = g;
                }
        }
        if (best == JK_FIT_GROUPS_MAX)
                return NAN;

        solution->chosen[best] = true;
        return least;
}

void
jk_fit_choose(struct jk_fit_problem *problem, size_t out, struct jk_fit_solution *ret_solution)
{
        struct jk_fit_solution solution = { 0 };
        double error;

        problem->given = problem->all;
        for (size_t fold = 0; fold < problem->n_folds; fold++)
                if (is_in(problem, fold, out))
                        jk_fit_add_sums(&problem->given, &problem->folds[fold], -1);

        error = validate(problem, out, &solution);
        while (!isnan(error))
                error = choose_next(problem, out, error, &solution);
        solve(problem, &problem->given, &solution);
        *ret_solution = solution;
}
