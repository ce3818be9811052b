/* SPDX-License-Identifier: Apache-2.0
 *
 * Least squares with weights that are not negative: see gram.h. By active sets (Lawson and Hanson,
 * Solving Least Squares Problems, 1974, chapter 23) on columns scaled to length 1.
 */
#include "model/gram.h"

#include <math.h>
#include <string.h>

#define TOLERANCE 1e-10 /* of a gain, to be one */
#define RIDGE     1e-9  /* of a column's length: keeps columns that say the same apart */

void
jk_gram_add(struct jk_gram *gram, const double *x, double y)
{
        for (size_t i = 0; i < gram->n; i++) {
                for (size_t j = 0; j < gram->n; j++)
                        gram->xx[i][j] += x[i] * x[j];
                gram->xy[i] += x[i] * y;
        }
        gram->yy += y * y;
        gram->count += 1;
}

void
jk_gram_without(const struct jk_gram *all, const struct jk_gram *part, struct jk_gram *ret_rest)
{
        *ret_rest = *all;
        for (size_t i = 0; i < all->n; i++) {
                for (size_t j = 0; j < all->n; j++)
                        ret_rest->xx[i][j] -= part->xx[i][j];
                ret_rest->xy[i] -= part->xy[i];
        }
        ret_rest->yy -= part->yy;
        ret_rest->count -= part->count;
}

/* ---- fitting ---- */

struct fit {
        const struct jk_gram *gram;
        double length[JK_GRAM_MAX]; /* of each column; 0: it is empty */
        double value[JK_GRAM_MAX];  /* of the scaled columns */
        bool is_free[JK_GRAM_MAX];
};

static double
product(const struct fit *fit, size_t i, size_t j)
{
        return fit->gram->xx[i][j] / (fit->length[i] * fit->length[j]);
}

/* How fast the misfit falls as a value grows. */
static double
slope(const struct fit *fit, size_t i)
{
        double sum = fit->gram->xy[i] / fit->length[i];

        for (size_t j = 0; j < fit->gram->n; j++)
                if (fit->value[j] > 0)
                        sum -= product(fit, i, j) * fit->value[j];
        return sum;
}

/* The best values of the columns that are free, by Cholesky. */
static void
solve_free(const struct fit *fit, const size_t *which, size_t n, double *ret_best)
{
        double matrix[JK_GRAM_MAX][JK_GRAM_MAX];

        for (size_t i = 0; i < n; i++) {
                for (size_t j = 0; j <= i; j++) {
                        double sum = product(fit, which[i], which[j]) + (i == j ? RIDGE : 0);

                        for (size_t k = 0; k < j; k++)
                                sum -= matrix[i][k] * matrix[j][k];
                        matrix[i][j] = i == j ? sqrt(fmax(sum, RIDGE)) : sum / matrix[j][j];
                }
                ret_best[i] = fit->gram->xy[which[i]] / fit->length[which[i]];
                for (size_t k = 0; k < i; k++)
                        ret_best[i] -= matrix[i][k] * ret_best[k];
                ret_best[i] /= matrix[i][i];
        }
        for (size_t i = n; i-- > 0;) {
                for (size_t k = i + 1; k < n; k++)
                        ret_best[i] -= matrix[k][i] * ret_best[k];
                ret_best[i] /= matrix[i][i];
        }
}

/* Go towards the best values of those that are free, as far as none is negative; who arrives at 0
 * is not free any more. True: all the way was gone. */
static bool
advance(struct fit *fit)
{
        size_t which[JK_GRAM_MAX] = { 0 }, n = 0, stopped = JK_GRAM_MAX;
        double best[JK_GRAM_MAX], step = 1;

        for (size_t i = 0; i < fit->gram->n; i++)
                if (fit->is_free[i])
                        which[n++] = i;
        solve_free(fit, which, n, best);

        for (size_t i = 0; i < n; i++) {
                double value = fit->value[which[i]];

                if (best[i] <= 0 && value / (value - best[i]) < step) {
                        step = value / (value - best[i]);
                        stopped = i;
                }
        }
        for (size_t i = 0; i < n; i++) {
                double *value = &fit->value[which[i]];

                *value = fmax(*value + step * (best[i] - *value), 0);
        }
        if (stopped == JK_GRAM_MAX)
                return true;

        fit->value[which[stopped]] = 0;
        fit->is_free[which[stopped]] = false;
        return false;
}

/* The column that is not free and gains most; n if none gains. */
static size_t
find_steepest(const struct fit *fit, const bool used[JK_GRAM_MAX])
{
        double most = TOLERANCE * sqrt(fmax(fit->gram->yy, 0));
        size_t steepest = fit->gram->n;

        for (size_t i = 0; i < fit->gram->n; i++) {
                double gain = used[i] && !fit->is_free[i] && fit->length[i] > 0 ? slope(fit, i) : 0;

                if (gain > most) {
                        most = gain;
                        steepest = i;
                }
        }
        return steepest;
}

void
jk_gram_fit(const struct jk_gram *gram, const bool used[JK_GRAM_MAX],
            double ret_weights[JK_GRAM_MAX])
{
        struct fit fit = { .gram = gram };

        for (size_t i = 0; i < gram->n; i++)
                fit.length[i] = sqrt(fmax(gram->xx[i][i], 0));

        for (size_t round = 0; round < 3 * gram->n; round++) {
                size_t steepest = find_steepest(&fit, used);

                if (steepest == gram->n)
                        break;
                fit.is_free[steepest] = true;
                while (!advance(&fit))
                        ;
        }

        memset(ret_weights, 0, JK_GRAM_MAX * sizeof *ret_weights);
        for (size_t i = 0; i < gram->n; i++)
                if (fit.value[i] > 0)
                        ret_weights[i] = fit.value[i] / fit.length[i];
}

double
jk_gram_misfit(const struct jk_gram *gram, const double weights[JK_GRAM_MAX])
{
        double sum = gram->yy;

        for (size_t i = 0; i < gram->n; i++) {
                if (!(weights[i] > 0))
                        continue;
                sum -= 2 * weights[i] * gram->xy[i];
                for (size_t j = 0; j < gram->n; j++)
                        sum += weights[i] * gram->xx[i][j] * weights[j];
        }
        return fmax(sum, 0);
}
