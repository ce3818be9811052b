/* SPDX-License-Identifier: Apache-2.0
 *
 * Learning curves: see fit.h.
 *
 * All is done on sums of products (one matrix per fold), so that trying a feature costs nothing per
 * tick. Features are chosen forward: the one that lowers the error on kept-back folds most, until
 * none lowers it by much; the chosen error is measured around all of that, on one fold in turn.
 */
#include "curve/fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/text.h"

/* Bends of the polygon, concave ones below and convex ones above: min(u, knot), max(u − knot, 0).
 * With the rate `cpu`, which is straight, any rising polygon can be made of them. */
static const double concave[] = { 0.1, 0.2, 0.3, 0.5, 0.7 }, convex[] = { 0.3, 0.5, 0.7 };
#define BENDS (JK_COUNT(concave) + JK_COUNT(convex))

#define RATES_MAX   (JK_CURVE_LEARNED + JK_EVENTS_MAX)
#define COLUMNS_MAX (1 + BENDS + RATES_MAX) /* the first is the constant */
#define GROUPS_MAX  (1 + RATES_MAX)         /* what is chosen together: the bends, each rate */
#define FOLDS_MAX   64

#define BENDS_NAME "utilisation"

/* What a feature has to lower the squared error by, as a part, to be worth having. */
#define WORTH 0.01

/* Of the diagonal: what the ticks do not tell apart, they share. */
#define RIDGE 1e-5

#define SWEEPS_MAX 3000

struct row {
        double power_w;
        double utilisation;
        double rates[RATES_MAX]; /* by the fit's names; NaN: not seen */
};

struct jk_fit {
        struct jk_curve_view view;
        char names[RATES_MAX][JK_EVENT_NAME_SIZE];
        size_t n_names;
        double cpus; /* the most that were online */

        struct row *rows;
        size_t n, capacity;
};

struct jk_fit *
jk_fit_new(void)
{
        struct jk_fit *fit = calloc(1, sizeof *fit);

        for (size_t i = 0; fit && i < JK_CURVE_LEARNED; i++)
                snprintf(fit->names[fit->n_names++], JK_EVENT_NAME_SIZE, "%s", jk_curve_rates[i]);
        return fit;
}

void
jk_fit_free(struct jk_fit *fit)
{
        if (!fit)
                return;

        free(fit->rows);
        free(fit);
}

size_t
jk_fit_ticks(const struct jk_fit *fit)
{
        return fit->n;
}

/* ---- ticks ---- */

static void
meet_events(struct jk_fit *fit, const struct jk_event_table *table)
{
        for (size_t i = 0; table && i < table->count; i++) {
                size_t known = 0;

                if (jk_event_tells_place(&table->events[i]))
                        continue; /* a part of the CPU time */

                while (known < fit->n_names &&
                       strcmp(fit->names[known], table->events[i].name) != 0)
                        known++;
                if (known < fit->n_names || fit->n_names == RATES_MAX)
                        continue;
                memcpy(fit->names[fit->n_names], table->events[i].name, JK_EVENT_NAME_SIZE);
                fit->n_names++;
                for (size_t row = 0; row < fit->n; row++)
                        fit->rows[row].rates[known] = NAN;
        }
}

int
jk_fit_add(struct jk_fit *fit, const struct jk_sample *sample, double power_w)
{
        bool seen = jk_curve_observe(&fit->view, sample);
        struct row *row;

        if (!seen || !(power_w >= 0) || !isfinite(power_w))
                return 0;
        if (jk_array_grow(&fit->rows, &fit->capacity, fit->n + 1) < 0)
                return -ENOMEM;

        meet_events(fit, fit->view.table);
        row = &fit->rows[fit->n++];
        row->power_w = power_w;
        row->utilisation = fit->view.utilisation;
        for (size_t i = 0; i < fit->n_names; i++)
                row->rates[i] = jk_curve_rate(&fit->view, fit->names[i]);
        fit->cpus = fmax(fit->cpus, fit->view.cpus);
        return 0;
}

/* ---- the problem ---- */

struct group {
        const char *name;
        size_t first, n; /* its columns */
        size_t rate;     /* its place in a row's rates; RATES_MAX: the bends */
};

/* Sums of products over the ticks of a fold. */
struct sums {
        double xx[COLUMNS_MAX][COLUMNS_MAX];
        double xy[COLUMNS_MAX];
        double yy;
        double n;
};

struct problem {
        const struct jk_fit *fit;
        size_t n_folds, block;
        struct group groups[GROUPS_MAX];
        size_t n_groups, n_columns;
        double scale[COLUMNS_MAX]; /* root mean square of a column */
        double most[COLUMNS_MAX];
        struct sums folds[FOLDS_MAX];
        struct sums all;         /* of all folds */
        struct sums given, part; /* scratch: what may be learned from; and less what is asked */
};

/* What is learned: columns without a weight are 0. */
struct solution {
        bool chosen[GROUPS_MAX];
        double weight[COLUMNS_MAX]; /* of scaled columns */
};

static size_t
fold_of(const struct problem *problem, size_t row)
{
        return row / problem->block % problem->n_folds;
}

static double
bend(size_t i, double utilisation)
{
        return i < JK_COUNT(concave) ? fmin(utilisation, concave[i])
                                     : fmax(utilisation - convex[i - JK_COUNT(concave)], 0);
}

/* A row's columns, not scaled. False: one was not seen. */
static bool
get_columns(const struct problem *problem, const struct row *row, double x[COLUMNS_MAX])
{
        x[0] = 1;
        for (size_t g = 0; g < problem->n_groups; g++) {
                const struct group *group = &problem->groups[g];

                for (size_t i = 0; i < group->n; i++)
                        x[group->first + i] = group->rate == RATES_MAX ? bend(i, row->utilisation)
                                                                       : row->rates[group->rate];
                if (isnan(x[group->first]))
                        return false;
        }
        return true;
}

static void
add_sums(struct sums *to, const struct sums *sums, double sign)
{
        for (size_t i = 0; i < COLUMNS_MAX; i++) {
                for (size_t j = 0; j < COLUMNS_MAX; j++)
                        to->xx[i][j] += sign * sums->xx[i][j];
                to->xy[i] += sign * sums->xy[i];
        }
        to->yy += sign * sums->yy;
        to->n += sign * sums->n;
}

static void
find_scales(struct problem *problem)
{
        double n = 0, x[COLUMNS_MAX];

        for (size_t row = 0; row < problem->fit->n; row++) {
                if (!get_columns(problem, &problem->fit->rows[row], x))
                        continue;
                n++;
                for (size_t i = 0; i < problem->n_columns; i++) {
                        problem->scale[i] += x[i] * x[i];
                        problem->most[i] = fmax(problem->most[i], x[i]);
                }
        }
        for (size_t i = 0; i < problem->n_columns; i++)
                problem->scale[i] = n > 0 ? sqrt(problem->scale[i] / n) : 0;
}

static void
add_up(struct problem *problem)
{
        double x[COLUMNS_MAX];

        for (size_t row = 0; row < problem->fit->n; row++) {
                struct sums *sums = &problem->folds[fold_of(problem, row)];
                double y = problem->fit->rows[row].power_w;

                if (!get_columns(problem, &problem->fit->rows[row], x))
                        continue;
                for (size_t i = 0; i < problem->n_columns; i++)
                        x[i] = problem->scale[i] > 0 ? x[i] / problem->scale[i] : 0;
                for (size_t i = 0; i < problem->n_columns; i++) {
                        for (size_t j = 0; j < problem->n_columns; j++)
                                sums->xx[i][j] += x[i] * x[j];
                        sums->xy[i] += x[i] * y;
                }
                sums->yy += y * y;
                sums->n++;
        }
        for (size_t fold = 0; fold < problem->n_folds; fold++)
                add_sums(&problem->all, &problem->folds[fold], 1);
}

/* ---- solving ---- */

/* How much more the misfit of some ticks is with these weights than with none. */
static double
misfit(const struct problem *problem, const struct sums *sums, const struct solution *solution)
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
 * is convex). */
static void
solve(const struct problem *problem, const struct sums *sums, struct solution *solution)
{
        size_t active[COLUMNS_MAX] = { 0 }, n = 1;
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

/* Squared error on each fold but `out`, learned from those that are neither. */
static double
validate(struct problem *problem, size_t out, struct solution *solution)
{
        double sum = 0;

        for (size_t fold = 0; fold < problem->n_folds; fold++) {
                if (fold == out || !(problem->folds[fold].n > 0))
                        continue;
                problem->part = problem->given;
                add_sums(&problem->part, &problem->folds[fold], -1);
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
choose_next(struct problem *problem, size_t out, double error, struct solution *solution)
{
        size_t best = GROUPS_MAX;
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
        if (best == GROUPS_MAX)
                return NAN;

        solution->chosen[best] = true;
        return least;
}

/* Choose features by all folds but `out` (n_folds: by all), and learn their weights from these. */
static void
choose(struct problem *problem, size_t out, struct solution *ret_solution)
{
        struct solution solution = { 0 };
        double error;

        problem->given = problem->all;
        if (out < problem->n_folds)
                add_sums(&problem->given, &problem->folds[out], -1);

        error = validate(problem, out, &solution);
        while (!isnan(error))
                error = choose_next(problem, out, error, &solution);
        solve(problem, &problem->given, &solution);
        *ret_solution = solution;
}

/* ---- errors ---- */

static int
by_size(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static double
predict(const struct problem *problem, const struct solution *solution, const double *x)
{
        double sum = 0;

        for (size_t i = 0; i < problem->n_columns; i++)
                if (problem->scale[i] > 0)
                        sum += solution->weight[i] * x[i] / problem->scale[i];
        return sum;
}

static void
summarise(double *errors, size_t n, double sum_w, double relative, size_t n_relative,
          struct jk_fit_errors *ret)
{
        ret->mean_w = sum_w / (double)n;
        ret->mape_pct = n_relative > 0 ? 100 * relative / (double)n_relative : NAN;
        for (size_t i = 0; i < n; i++) {
                ret->bias_w += errors[i] / (double)n;
                ret->rms_w += errors[i] * errors[i] / (double)n;
                errors[i] = fabs(errors[i]);
                ret->mae_w += errors[i] / (double)n;
        }
        ret->rms_w = sqrt(ret->rms_w);
        qsort(errors, n, sizeof *errors, by_size);
        ret->p95_w = errors[(size_t)ceil(0.95 * (double)n) - 1];
}

static int
measure(struct problem *problem, struct jk_fit_errors *ret)
{
        jk_autofree double *errors = calloc(problem->fit->n, sizeof *errors);
        double x[COLUMNS_MAX], sum_w = 0, relative = 0;
        size_t n = 0, n_relative = 0;

        if (!errors)
                return -ENOMEM;

        for (size_t fold = 0; fold < problem->n_folds; fold++) {
                struct solution solution;

                choose(problem, fold, &solution);
                for (size_t row = 0; row < problem->fit->n; row++) {
                        double y = problem->fit->rows[row].power_w;

                        if (fold_of(problem, row) != fold ||
                            !get_columns(problem, &problem->fit->rows[row], x))
                                continue;
                        errors[n] = predict(problem, &solution, x) - y;
                        sum_w += y;
                        if (y > 0) {
                                relative += fabs(errors[n]) / y;
                                n_relative++;
                        }
                        n++;
                }
        }
        *ret = (struct jk_fit_errors){ .block = problem->block };
        summarise(errors, n, sum_w, relative, n_relative, ret);
        return 0;
}

/* ---- learning ---- */

static bool
is_listed(const char *list, const char *name)
{
        size_t length = strlen(name);

        if (!list)
                return true;
        for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
                if (strncmp(at, name, length) == 0 && (at[length] == ',' || !at[length]))
                        return true;

        return false;
}

/* Whether nearly all ticks show the rate, and it is not always 0. */
static bool
is_seen(const struct jk_fit *fit, size_t rate)
{
        size_t missing = 0;
        double most = 0;

        for (size_t row = 0; row < fit->n; row++) {
                missing += isnan(fit->rows[row].rates[rate]);
                most = fmax(most, fit->rows[row].rates[rate]);
        }
        return missing <= fit->n / 50 && most > 0;
}

static void
add_group(struct problem *problem, const char *name, size_t rate, size_t n)
{
        problem->groups[problem->n_groups++] =
                (struct group){ .name = name, .first = problem->n_columns, .n = n, .rate = rate };
        problem->n_columns += n;
}

static void
list_groups(struct problem *problem, const char *features)
{
        const struct jk_fit *fit = problem->fit;

        problem->n_columns = 1;
        if (is_listed(features, BENDS_NAME))
                add_group(problem, BENDS_NAME, RATES_MAX, BENDS);
        for (size_t i = 0; i < fit->n_names; i++)
                if (is_listed(features, fit->names[i]) && is_seen(fit, i))
                        add_group(problem, fit->names[i], i, 1);
}

/* Everything that the user named has to be there. */
static int
check_features(const struct jk_fit *fit, const char *features, struct jk_error *err)
{
        jk_autofree char *names = features ? strdup(features) : NULL;
        jk_autotext struct jk_text seen = { 0 };
        char *rest = names, *name;

        if (features && !names)
                return jk_fail(err, ENOMEM, "out of memory");
        jk_text_string(&seen, BENDS_NAME);
        for (size_t i = 0; i < fit->n_names; i++)
                if (is_seen(fit, i))
                        jk_text_printf(&seen, ", %s", fit->names[i]);

        while ((name = strsep(&rest, ","))) {
                bool found = strcmp(name, BENDS_NAME) == 0;

                for (size_t i = 0; i < fit->n_names && !found; i++)
                        found = strcmp(name, fit->names[i]) == 0 && is_seen(fit, i);
                if (!found)
                        return jk_fail(err, EINVAL, "feature '%s' was not seen; there are %s", name,
                                       seen.failed ? "others" : seen.data);
        }
        return 0;
}

static void
write_curve(const struct problem *problem, const struct solution *solution, struct jk_curve *curve)
{
        curve->cpus = problem->fit->cpus;
        curve->n_terms = 0;
        for (size_t l = 0; l < JK_CURVE_LEVELS; l++)
                curve->levels_w[l] = solution->weight[0] / problem->scale[0];
        curve->busiest = 0;
        for (size_t row = 0; row < problem->fit->n; row++)
                curve->busiest = fmax(curve->busiest, problem->fit->rows[row].utilisation);

        for (size_t g = 0; g < problem->n_groups; g++) {
                const struct group *group = &problem->groups[g];

                for (size_t i = 0; i < group->n; i++) {
                        size_t column = group->first + i;
                        double weight = problem->scale[column] > 0
                                                ? solution->weight[column] / problem->scale[column]
                                                : 0;

                        if (!(weight > 0))
                                continue;
                        if (group->rate == RATES_MAX) {
                                for (size_t l = 0; l < JK_CURVE_LEVELS; l++)
                                        curve->levels_w[l] +=
                                                weight * bend(i, (double)l / (JK_CURVE_LEVELS - 1));
                                continue;
                        }
                        curve->terms[curve->n_terms] =
                                (struct jk_curve_term){ .weight = weight,
                                                        .most = problem->most[column] };
                        snprintf(curve->terms[curve->n_terms++].name, JK_EVENT_NAME_SIZE, "%s",
                                 group->name);
                }
        }
}

static size_t
choose_block(const struct jk_fit *fit, const struct jk_fit_options *options)
{
        size_t block = fit->n / (4 * options->n_folds);

        if (options->block > 0)
                return options->block;
        return block < 1 ? 1 : block > 60 ? 60 : block;
}

int
jk_fit_learn(struct jk_fit *fit, const struct jk_fit_options *options, struct jk_curve *ret_curve,
             struct jk_fit_errors *ret_errors, struct jk_error *err)
{
        jk_autofree struct problem *problem = NULL;
        struct jk_fit_errors errors;
        struct solution solution;
        int r;

        if (fit->n < JK_FIT_TICKS_MIN)
                return jk_fail(err, ENODATA,
                               "only %zu ticks to learn from; give recordings with %d or more",
                               fit->n, JK_FIT_TICKS_MIN);
        r = check_features(fit, options->features, err);
        if (r < 0)
                return r;

        problem = calloc(1, sizeof *problem);
        if (!problem)
                return jk_fail(err, ENOMEM, "out of memory");
        problem->fit = fit;
        problem->n_folds = options->n_folds < FOLDS_MAX ? options->n_folds : FOLDS_MAX;
        problem->block = choose_block(fit, options);
        list_groups(problem, options->features);
        find_scales(problem);
        add_up(problem);
        if (problem->all.n < JK_FIT_TICKS_MIN)
                return jk_fail(err, ENODATA,
                               "only %.0f ticks show all features; name some by "
                               "--features",
                               problem->all.n);

        r = measure(problem, &errors);
        if (r < 0)
                return jk_fail(err, ENOMEM, "out of memory");
        choose(problem, problem->n_folds, &solution);
        write_curve(problem, &solution, ret_curve);
        ret_curve->error_pct = errors.mean_w > 0 ? 100 * errors.rms_w / errors.mean_w : 100;
        *ret_errors = errors;
        return 0;
}
