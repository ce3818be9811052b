/* SPDX-License-Identifier: Apache-2.0
 *
 * Non-negative weights of the rates: see weights.h.
 *
 * Least squares with a Gaussian prior and bounds at 0, on the normal equations. Unknowns are scaled
 * by the rates' root mean squares: each is then the power that its rate explains on average.
 */
#include "model/weights.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "model/load.h"

#define UNKNOWNS_MAX (JK_RATES_MAX + 1) /* the last is the idle power */
#define TOLERANCE    1e-9               /* of a gain, to be one */

/* A rate stays if what it explains is worth so many standard deviations. */
#define SIGNIFICANT 2.0

/* Nothing is known better than this part of the power: meters and timing. */
#define NOISE_MIN 0.005

struct problem {
        size_t n; /* unknowns, the idle power last */
        double scale[UNKNOWNS_MAX];
        double normal[UNKNOWNS_MAX][UNKNOWNS_MAX]; /* Σ count × x xᵀ */
        double right[UNKNOWNS_MAX];                /* Σ count × x y */
        double squares, sum;                       /* Σ count × y², Σ count × y */
        double count;                              /* Σ count */
        double ticks;                              /* that the squares are of */
        double span;                               /* of the power seen, W */

        bool used[UNKNOWNS_MAX];
        size_t leading, leading_cores;  /* its core time, or n */
        double prior[UNKNOWNS_MAX];     /* mean */
        double precision[UNKNOWNS_MAX]; /* 1 / variance */
        double variance;                /* of one tick's power about the sum */
        double value[UNKNOWNS_MAX];
        size_t work; /* multiplications so far */
};

/* Of the cost of work on a core of one's own, what thread time bears, and what core time: on a
 * shared core all of the one and half of the other, in all JK_SHARED_WORTH. */
#define THREAD_PART (2 * JK_SHARED_WORTH - 1)
#define CORE_PART   (2 * (1 - JK_SHARED_WORTH))

void
jk_weights_init(struct jk_weights *weights, const struct jk_features *features, size_t leading)
{
        size_t cores = jk_features_cores(features, leading);

        *weights = (struct jk_weights){ .error_w = NAN };
        weights->rate[leading] = 1;
        if (cores == features->n_rates)
                return;

        weights->rate[leading] = THREAD_PART;
        weights->rate[cores] = CORE_PART;
}

static void
add_cell(struct problem *problem, const double *rates, double power_w, double count)
{
        double x[UNKNOWNS_MAX];

        for (size_t i = 0; i + 1 < problem->n; i++)
                x[i] = problem->scale[i] > 0 ? rates[i] / problem->scale[i] : 0;
        x[problem->n - 1] = 1;

        for (size_t i = 0; i < problem->n; i++) {
                for (size_t j = 0; j < problem->n; j++)
                        problem->normal[i][j] += count * x[i] * x[j];
                problem->right[i] += count * x[i] * power_w;
        }
        problem->squares += count * power_w * power_w;
        problem->sum += count * power_w;
        problem->count += count;
}

/* Among ticks that were alike, power moved with the rates as well, whatever the idle power. */
static void
add_scatter(struct problem *problem, const struct jk_cells *cells, size_t zone)
{
        size_t n = cells->n_linear;

        for (size_t i = 0; i < n; i++) {
                if (!(problem->scale[i] > 0))
                        continue;
                for (size_t j = 0; j < n; j++)
                        if (problem->scale[j] > 0)
                                problem->normal[i][j] += cells->scatter_xx[i * n + j] /
                                                         (problem->scale[i] * problem->scale[j]);
                problem->right[i] += cells->scatter_xy[zone * n + i] / problem->scale[i];
        }
        problem->squares += cells->scatter_yy[zone];
        problem->ticks = (double)cells->n + cells->scatter_count;
}

static void
pose(struct problem *problem, const struct jk_cells *cells, size_t zone, size_t n_rates)
{
        double least = INFINITY, most = -INFINITY, count = 0;

        memset(problem, 0, sizeof *problem);
        problem->n = n_rates + 1;
        for (size_t cell = 0; cell < cells->n; cell++) {
                const double *x = cells->x + cell * cells->n_coordinates;

                for (size_t i = 0; i < n_rates; i++)
                        problem->scale[i] += cells->count[cell] * x[i] * x[i];
                count += cells->count[cell];
        }
        for (size_t i = 0; i < n_rates; i++)
                problem->scale[i] = sqrt(problem->scale[i] / count);
        problem->scale[n_rates] = 1;

        for (size_t cell = 0; cell < cells->n; cell++) {
                double power_w = cells->y[cell * cells->n_zones + zone];

                add_cell(problem, cells->x + cell * cells->n_coordinates, power_w,
                         cells->count[cell]);
                least = fmin(least, power_w);
                most = fmax(most, power_w);
        }
        problem->span = most - least;
        problem->work = cells->n * problem->n * problem->n;
        add_scatter(problem, cells, zone);
}

/* Let thread time and core time share what the prior says of the one: mean and variance, so that
 * while nothing ran on shared cores (the two are the same then) they are as one rate, and keep the
 * ratio that is assumed. */
static void
assume_cores(struct problem *problem, size_t thread, size_t cores)
{
        double thread_part = THREAD_PART * problem->scale[thread];
        double core_part = CORE_PART * problem->scale[cores];
        double sum = thread_part + core_part;

        if (!(problem->scale[thread] > 0 && problem->scale[cores] > 0))
                return;

        problem->prior[cores] = problem->prior[thread] * core_part / sum;
        problem->prior[thread] *= thread_part / sum;
        problem->precision[cores] *= sum / core_part;
        problem->precision[thread] *= sum / thread_part;
}

/* The prior knows no more than that the leading rate explains about what there is to explain, give
 * or take as much, and that any other rate may. */
static void
assume(struct problem *problem, const struct jk_features *features, size_t leading, int package)
{
        double mean = problem->sum / problem->count;
        double spread = fmax(problem->span, 0.01 * mean);

        for (size_t i = 0; i + 1 < problem->n; i++) {
                problem->used[i] = problem->scale[i] > 0 && jk_features_suit(features, i, package);
                problem->precision[i] = 1 / (spread * spread);
        }
        problem->prior[leading] = spread;
        problem->leading = leading;
        problem->leading_cores = problem->n;
        for (size_t i = 0; i + 1 < problem->n; i++) {
                size_t cores = jk_features_cores(features, i);

                if (cores == features->n_rates)
                        continue;
                assume_cores(problem, i, cores);
                if (i == leading)
                        problem->leading_cores = cores;
        }
        problem->used[problem->n - 1] = true; /* the idle power: no prior */
        problem->variance = pow(0.05 * mean, 2);
}

/* ---- solving ---- */

/* The posterior's precision matrix, and its right side, of some unknowns. */
static void
gather(const struct problem *problem, const size_t *which, size_t n,
       double matrix[UNKNOWNS_MAX][UNKNOWNS_MAX], double right[UNKNOWNS_MAX])
{
        for (size_t i = 0; i < n; i++) {
                double bound = problem->variance * problem->precision[which[i]];

                for (size_t j = 0; j < n; j++)
                        matrix[i][j] = problem->normal[which[i]][which[j]];
                matrix[i][i] += bound;
                right[i] = problem->right[which[i]] + bound * problem->prior[which[i]];
        }
}

/* By Cholesky; the right side becomes the solution. */
static void
solve_free(double matrix[UNKNOWNS_MAX][UNKNOWNS_MAX], double right[UNKNOWNS_MAX], size_t n)
{
        for (size_t i = 0; i < n; i++) {
                for (size_t j = 0; j <= i; j++) {
                        double sum = matrix[i][j];

                        for (size_t k = 0; k < j; k++)
                                sum -= matrix[i][k] * matrix[j][k];
                        /* The prior keeps it positive; rounding must not undo that. */
                        matrix[i][j] =
                                i == j ? sqrt(fmax(sum, 1e-12 * matrix[i][i])) : sum / matrix[j][j];
                }
                for (size_t k = 0; k < i; k++)
                        right[i] -= matrix[i][k] * right[k];
                right[i] /= matrix[i][i];
        }
        for (size_t i = n; i-- > 0;) {
                for (size_t k = i + 1; k < n; k++)
                        right[i] -= matrix[k][i] * right[k];
                right[i] /= matrix[i][i];
        }
}

/* How fast the misfit falls as an unknown grows. */
static double
slope(const struct problem *problem, size_t i)
{
        double bound = problem->variance * problem->precision[i];
        double sum = problem->right[i] + bound * (problem->prior[i] - problem->value[i]);

        for (size_t j = 0; j < problem->n; j++)
                sum -= problem->normal[i][j] * problem->value[j];
        return sum;
}

/* Go from the values towards the best ones of those that are free, as far as none is negative; who
 * arrives at 0 is not free any more. True: all the way was gone. */
static bool
advance(struct problem *problem, bool is_free[UNKNOWNS_MAX])
{
        double matrix[UNKNOWNS_MAX][UNKNOWNS_MAX], best[UNKNOWNS_MAX], step = 1;
        size_t which[UNKNOWNS_MAX] = { 0 }, n = 0, stopped = UNKNOWNS_MAX;

        for (size_t i = 0; i < problem->n; i++)
                if (is_free[i])
                        which[n++] = i;
        gather(problem, which, n, matrix, best);
        solve_free(matrix, best, n);
        problem->work += n * n * n / 6 + 2 * n * n;

        for (size_t i = 0; i < n; i++) {
                double value = problem->value[which[i]];

                if (best[i] <= 0 && value / (value - best[i]) < step) {
                        step = value / (value - best[i]);
                        stopped = i;
                }
        }
        for (size_t i = 0; i < n; i++) {
                double *value = &problem->value[which[i]];

                *value = fmax(*value + step * (best[i] - *value), 0);
        }
        if (stopped == UNKNOWNS_MAX)
                return true;

        problem->value[which[stopped]] = 0;
        is_free[which[stopped]] = false;
        return false;
}

/* Non-negative least squares by active sets (Lawson and Hanson, Solving Least Squares Problems,
 * 1974, chapter 23): free the unknown that gains most, until none gains. */
static void
solve(struct problem *problem)
{
        bool is_free[UNKNOWNS_MAX] = { false };

        memset(problem->value, 0, sizeof problem->value);
        for (size_t round = 0; round < 3 * problem->n; round++) {
                size_t steepest = problem->n;
                double most = 0;

                for (size_t i = 0; i < problem->n; i++) {
                        double gain = problem->used[i] && !is_free[i]
                                              ? slope(problem, i) / sqrt(problem->normal[i][i])
                                              : 0;

                        if (gain > most) {
                                most = gain;
                                steepest = i;
                        }
                }
                if (steepest == problem->n || most < TOLERANCE * sqrt(problem->squares))
                        return;

                is_free[steepest] = true;
                while (!advance(problem, is_free))
                        ;
        }
}

/* Mean square of what is left unexplained. */
static double
residual(const struct problem *problem)
{
        double sum = problem->squares;

        for (size_t i = 0; i < problem->n; i++) {
                sum -= 2 * problem->value[i] * problem->right[i];
                for (size_t j = 0; j < problem->n; j++)
                        sum += problem->value[i] * problem->normal[i][j] * problem->value[j];
        }
        return fmax(sum / problem->ticks, 0);
}

/* ---- garbage ---- */

/* Which unknowns take part: their number. */
static size_t
list_active(const struct problem *problem, size_t ret_active[UNKNOWNS_MAX])
{
        size_t n = 0;

        for (size_t i = 0; i < problem->n; i++)
                if (problem->used[i] && problem->value[i] > 0)
                        ret_active[n++] = i;
        return n;
}

/* Invert a positive definite matrix in place, by Gauss and Jordan. */
static void
invert(double matrix[UNKNOWNS_MAX][UNKNOWNS_MAX], size_t n)
{
        for (size_t k = 0; k < n; k++) {
                double pivot = fmax(matrix[k][k], 1e-300);

                matrix[k][k] = 1;
                for (size_t j = 0; j < n; j++)
                        matrix[k][j] /= pivot;
                for (size_t i = 0; i < n; i++) {
                        double factor = matrix[i][k];

                        if (i == k)
                                continue;
                        matrix[i][k] = 0;
                        for (size_t j = 0; j < n; j++)
                                matrix[i][j] -= factor * matrix[k][j];
                }
        }
}

/* Who is never left out. */
static bool
has_to_stay(const struct problem *problem, size_t i)
{
        return i == problem->leading || i == problem->leading_cores || i == problem->n - 1;
}

/* The unknown (but leading and idle power) whose value is the fewest standard deviations from 0,
 * the others being free to take over from it; n if all are significant. */
static size_t
find_insignificant(const struct problem *problem)
{
        double covariance[UNKNOWNS_MAX][UNKNOWNS_MAX], unused[UNKNOWNS_MAX];
        size_t active[UNKNOWNS_MAX] = { 0 };
        size_t n = list_active(problem, active), least = problem->n;
        double least_squared = SIGNIFICANT * SIGNIFICANT;

        gather(problem, active, n, covariance, unused);
        invert(covariance, n);

        for (size_t i = 0; i < n; i++) {
                double value = problem->value[active[i]];
                double squared = value * value / (covariance[i][i] * problem->variance);

                if (has_to_stay(problem, active[i]) || squared >= least_squared)
                        continue;
                least_squared = squared;
                least = active[i];
        }
        return least;
}

/* Leave out what is worth least, until all are worth something. The leading rate stays: somebody
 * has to bear what is divided. */
static void
drop_garbage(struct problem *problem)
{
        size_t garbage;

        while ((garbage = find_insignificant(problem)) < problem->n) {
                problem->used[garbage] = false;
                problem->work += problem->n * problem->n * problem->n;
                solve(problem);
        }
}

size_t
jk_weights_learn(struct jk_weights *weights, const struct jk_cells *cells, size_t zone,
                 const struct jk_features *features, size_t leading, int package)
{
        struct problem problem;
        double explained = 0, mean;

        if (cells->n < 2)
                return 0;

        pose(&problem, cells, zone, features->n_rates);
        assume(&problem, features, leading, package);
        mean = problem.sum / problem.count;

        /* The noise decides how much the prior counts, and is known only after a fit. */
        for (int i = 0; i < 3; i++) {
                solve(&problem);
                problem.variance = fmax(residual(&problem), pow(NOISE_MIN * mean, 2));
        }
        solve(&problem);
        drop_garbage(&problem);

        for (size_t i = 0; i < features->n_rates; i++)
                explained += problem.value[i];
        if (!(explained > 0))
                return problem.work; /* power goes down as the machine works: nothing was learned */

        for (size_t i = 0; i < features->n_rates; i++)
                weights->rate[i] = problem.scale[i] > 0 ? problem.value[i] / problem.scale[i] : 0;
        weights->idle_w = problem.value[problem.n - 1];
        weights->error_w = sqrt(residual(&problem));
        return problem.work;
}
