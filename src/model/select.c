/* SPDX-License-Identifier: Apache-2.0
 *
 * Event selection: see select.h. Sums of products of each fold are made once; then each set of
 * columns costs a small fit per fold, whatever the number of rows.
 */
#include "model/select.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct folds {
        size_t n;
        struct jk_gram all;
        double scale[JK_GRAM_MAX]; /* columns are divided by it: their root mean square, or 1 */
        struct fold {
                struct jk_gram own, rest;
                double weights[JK_GRAM_MAX]; /* by the rest */
        } fold[];
};

static size_t
fold_of(const struct jk_selection_rule *rule, size_t n_rows, size_t row)
{
        if (rule->block > 0)
                return row / rule->block % rule->n_folds;

        return row * rule->n_folds / n_rows;
}

/* The constant comes last. */
static void
fill_row(const struct folds *folds, const struct jk_selection_rows *rows, size_t row, double *ret_x)
{
        const double *x = rows->x + row * rows->n_columns;

        for (size_t i = 0; i < rows->n_columns; i++)
                ret_x[i] = x[i] / folds->scale[i];
        ret_x[rows->n_columns] = 1;
}

static void
find_scales(struct folds *folds, const struct jk_selection_rows *rows)
{
        for (size_t i = 0; i < rows->n_columns; i++) {
                double sum = 0;

                for (size_t row = 0; row < rows->n; row++)
                        sum += pow(rows->x[row * rows->n_columns + i], 2);
                folds->scale[i] = sum > 0 ? sqrt(sum / (double)rows->n) : 1;
        }
        folds->scale[rows->n_columns] = 1;
}

static struct folds *
make_folds(const struct jk_selection_rows *rows, const struct jk_selection_rule *rule)
{
        struct folds *folds = calloc(1, sizeof *folds + rule->n_folds * sizeof folds->fold[0]);
        double x[JK_GRAM_MAX] = { 0 };

        if (!folds)
                return NULL;

        folds->n = rule->n_folds;
        folds->all.n = rows->n_columns + 1;
        for (size_t k = 0; k < folds->n; k++)
                folds->fold[k].own.n = folds->all.n;
        find_scales(folds, rows);
        for (size_t row = 0; row < rows->n; row++) {
                fill_row(folds, rows, row, x);
                jk_gram_add(&folds->all, x, rows->y[row]);
                jk_gram_add(&folds->fold[fold_of(rule, rows->n, row)].own, x, rows->y[row]);
        }
        for (size_t k = 0; k < folds->n; k++)
                jk_gram_without(&folds->all, &folds->fold[k].own, &folds->fold[k].rest);
        return folds;
}

/* Fit each fold's weights to the others' rows: the squared error of all rows that were kept apart.
 */
static double
hold_out(struct folds *folds, const bool used[JK_GRAM_MAX])
{
        double sum = 0;

        for (size_t k = 0; k < folds->n; k++) {
                jk_gram_fit(&folds->fold[k].rest, used, folds->fold[k].weights);
                sum += jk_gram_misfit(&folds->fold[k].own, folds->fold[k].weights);
        }
        return sum;
}

/* The same in all figures, which needs the rows once more. */
static struct jk_selection_error
judge(struct folds *folds, const struct jk_selection_rows *rows,
      const struct jk_selection_rule *rule, const bool used[JK_GRAM_MAX])
{
        struct jk_selection_error error = { 0 };
        double n_relative = 0, x[JK_GRAM_MAX] = { 0 };

        hold_out(folds, used);
        for (size_t row = 0; row < rows->n; row++) {
                const double *weights = folds->fold[fold_of(rule, rows->n, row)].weights;
                double off_w = -rows->y[row];

                fill_row(folds, rows, row, x);
                for (size_t i = 0; i < folds->all.n; i++)
                        off_w += weights[i] * x[i];
                error.rms_w += off_w * off_w / (double)rows->n;
                error.mae_w += fabs(off_w) / (double)rows->n;
                if (rows->y[row] > 0) {
                        error.mape_pct += 100 * fabs(off_w) / rows->y[row];
                        n_relative++;
                }
        }
        error.rms_w = sqrt(error.rms_w);
        error.mape_pct = n_relative > 0 ? error.mape_pct / n_relative : NAN;
        return error;
}

/* The column that makes the error smallest, or n_columns if all are used; ret_squares: the error.
 */
static size_t
find_best(struct folds *folds, size_t n_columns, bool used[JK_GRAM_MAX], double *ret_squares)
{
        size_t best = n_columns;
        double least = INFINITY;

        for (size_t i = 0; i < n_columns; i++) {
                double squares;

                if (used[i])
                        continue;
                used[i] = true;
                squares = hold_out(folds, used);
                used[i] = false;
                if (squares < least) {
                        least = squares;
                        best = i;
                }
        }
        *ret_squares = least;
        return best;
}

static void
choose(struct folds *folds, const struct jk_selection_rows *rows,
       const struct jk_selection_rule *rule, bool used[JK_GRAM_MAX], struct jk_selection *selection)
{
        double squares = hold_out(folds, used), smaller;
        double enough = pow(1 - rule->least_gain, 2);

        while (selection->n < rule->most) {
                size_t best = find_best(folds, rows->n_columns, used, &smaller);

                if (best == rows->n_columns || !(smaller < enough * squares))
                        return;
                squares = smaller;
                used[best] = true;
                selection->chosen[selection->n] = best;
                selection->after[selection->n] = judge(folds, rows, rule, used);
                selection->n++;
        }
}

/* The weights of all rows, in the rows' own units. */
static void
conclude(const struct folds *folds, const struct jk_selection_rows *rows,
         const bool used[JK_GRAM_MAX], struct jk_selection *selection)
{
        double weights[JK_GRAM_MAX];

        jk_gram_fit(&folds->all, used, weights);
        for (size_t i = 0; i < rows->n_columns; i++)
                selection->weights[i] = weights[i] / folds->scale[i];
        selection->idle_w = weights[rows->n_columns];
}

static int
check_rows(const struct jk_selection_rows *rows, const struct jk_selection_rule *rule)
{
        return rows->n < rule->n_folds || rule->n_folds < 2 || rows->n_columns > JK_COUNTS_MAX
                       ? -EINVAL
                       : 0;
}

/* chosen: these and no others; NULL: what is best. */
static int
select_of(const struct jk_selection_rows *rows, const struct jk_selection_rule *rule,
          const bool *chosen, struct jk_selection *ret_selection)
{
        struct jk_selection selection = { 0 };
        jk_autofree struct folds *folds = NULL;
        bool used[JK_GRAM_MAX] = { false };

        if (check_rows(rows, rule) < 0)
                return -EINVAL;
        folds = make_folds(rows, rule);
        if (!folds)
                return -ENOMEM;

        if (chosen)
                memcpy(used, chosen, rows->n_columns * sizeof *used);
        used[rows->n_columns] = true; /* idle power */
        selection.before = judge(folds, rows, rule, used);
        if (!chosen)
                choose(folds, rows, rule, used, &selection);
        conclude(folds, rows, used, &selection);
        *ret_selection = selection;
        return 0;
}

int
jk_select_these(const struct jk_selection_rows *rows, const struct jk_selection_rule *rule,
                const bool chosen[JK_COUNTS_MAX], struct jk_selection *ret_selection)
{
        return select_of(rows, rule, chosen, ret_selection);
}

int
jk_select(const struct jk_selection_rows *rows, const struct jk_selection_rule *rule,
          struct jk_selection *ret_selection)
{
        return select_of(rows, rule, NULL, ret_selection);
}
