/* SPDX-License-Identifier: Apache-2.0
 *
 * Learning curves: see fit.h. Here ticks become rows and rows sums; what is chosen and weighed of
 * them is in fit-solve.c. The error is measured around all of that, on one part in turn.
 */
#include "curve/fit-internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

/* Bends of the polygon, concave ones below and convex ones above: min(u, knot), max(u − knot, 0).
 * With the rate `cpu`, which is straight, any rising polygon can be made of them. */
static const double concave[] = { 0.1, 0.2, 0.3, 0.5, 0.7 }, convex[] = { 0.3, 0.5, 0.7 };

_Static_assert(JK_COUNT(concave) + JK_COUNT(convex) == JK_FIT_BENDS, "count the bends");

#define BENDS_NAME "utilisation"

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
        free(fit->machines);
        free(fit);
}

void
jk_fit_begin(struct jk_fit *fit, const char *machine)
{
        fit->view = (struct jk_curve_view){ 0 };
        snprintf(fit->machine.name, sizeof fit->machine.name, "%s", machine);
}

size_t
jk_fit_machines(const struct jk_fit *fit)
{
        return fit->n_machines;
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
                if (known < fit->n_names || fit->n_names == JK_FIT_RATES_MAX)
                        continue;
                memcpy(fit->names[fit->n_names], table->events[i].name, JK_EVENT_NAME_SIZE);
                fit->n_names++;
                for (size_t row = 0; row < fit->n; row++)
                        fit->rows[row].rates[known] = NAN;
        }
}

/* Its number among those of which there are rows: 0, or -ENOMEM. */
static int
find_machine(struct jk_fit *fit, size_t *ret_machine)
{
        size_t i = fit->n_machines;

        while (i > 0 && strcmp(fit->machines[i - 1].name, fit->machine.name) != 0)
                i--;
        if (i == 0) {
                if (jk_array_grow(&fit->machines, &fit->machines_capacity, fit->n_machines + 1) < 0)
                        return -ENOMEM;
                fit->machines[fit->n_machines] = fit->machine;
                i = ++fit->n_machines;
        }
        *ret_machine = i - 1;
        return 0;
}

int
jk_fit_add(struct jk_fit *fit, const struct jk_sample *sample, double power_w)
{
        bool seen = jk_curve_observe(&fit->view, sample);
        struct jk_fit_row *row;
        size_t machine;

        if (!seen || !(power_w >= 0) || !isfinite(power_w))
                return 0;
        if (find_machine(fit, &machine) < 0 ||
            jk_array_grow(&fit->rows, &fit->capacity, fit->n + 1) < 0)
                return -ENOMEM;

        meet_events(fit, fit->view.table);
        row = &fit->rows[fit->n++];
        row->machine = machine;
        row->power_w = power_w;
        row->utilisation = fit->view.utilisation;
        for (size_t i = 0; i < fit->n_names; i++)
                row->rates[i] = jk_curve_rate(&fit->view, fit->names[i]);
        fit->cpus = fmax(fit->cpus, fit->view.cpus);
        return 0;
}

/* Where machines are parts, each has its share of the folds. */
static size_t
fold_of(const struct jk_fit_problem *problem, size_t row)
{
        size_t each = problem->n_folds / problem->n_parts;

        if (!problem->by_machine)
                return row / problem->block % problem->n_folds;
        return problem->fit->rows[row].machine % problem->n_parts * each +
               row / problem->block % each;
}

static size_t
part_of(const struct jk_fit_problem *problem, size_t row)
{
        return fold_of(problem, row) / (problem->n_folds / problem->n_parts);
}

static double
bend(size_t i, double utilisation)
{
        return i < JK_COUNT(concave) ? fmin(utilisation, concave[i])
                                     : fmax(utilisation - convex[i - JK_COUNT(concave)], 0);
}

/* A row's columns, not scaled. False: one was not seen. */
static bool
get_columns(const struct jk_fit_problem *problem, const struct jk_fit_row *row,
            double x[JK_FIT_COLUMNS_MAX])
{
        x[0] = 1;
        for (size_t g = 0; g < problem->n_groups; g++) {
                const struct jk_fit_group *group = &problem->groups[g];

                for (size_t i = 0; i < group->n; i++)
                        x[group->first + i] = group->rate == JK_FIT_RATES_MAX
                                                      ? bend(i, row->utilisation)
                                                      : row->rates[group->rate];
                if (isnan(x[group->first]))
                        return false;
        }
        return true;
}

static void
find_scales(struct jk_fit_problem *problem)
{
        double n = 0, x[JK_FIT_COLUMNS_MAX];

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
add_up(struct jk_fit_problem *problem)
{
        double x[JK_FIT_COLUMNS_MAX];

        for (size_t row = 0; row < problem->fit->n; row++) {
                struct jk_fit_sums *sums = &problem->folds[fold_of(problem, row)];
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
                jk_fit_add_sums(&problem->all, &problem->folds[fold], 1);
}

/* ---- errors ---- */

static int
by_size(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static double
predict(const struct jk_fit_problem *problem, const struct jk_fit_solution *solution,
        const double *x)
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
measure(struct jk_fit_problem *problem, struct jk_fit_errors *ret)
{
        jk_autofree double *errors = calloc(problem->fit->n, sizeof *errors);
        double x[JK_FIT_COLUMNS_MAX], sum_w = 0, relative = 0;
        size_t n = 0, n_relative = 0;

        if (!errors)
                return -ENOMEM;

        for (size_t part = 0; part < problem->n_parts; part++) {
                struct jk_fit_solution solution;

                jk_fit_choose(problem, part, &solution);
                for (size_t row = 0; row < problem->fit->n; row++) {
                        double y = problem->fit->rows[row].power_w;

                        if (part_of(problem, row) != part ||
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
        *ret = (struct jk_fit_errors){
                .machines = problem->by_machine ? problem->fit->n_machines : 0,
                .block = problem->block,
        };
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
add_group(struct jk_fit_problem *problem, const char *name, size_t rate, size_t n)
{
        problem->groups[problem->n_groups++] = (struct jk_fit_group){
                .name = name, .first = problem->n_columns, .n = n, .rate = rate
        };
        problem->n_columns += n;
}

static void
list_groups(struct jk_fit_problem *problem, const char *features)
{
        const struct jk_fit *fit = problem->fit;

        problem->n_columns = 1;
        if (is_listed(features, BENDS_NAME))
                add_group(problem, BENDS_NAME, JK_FIT_RATES_MAX, JK_FIT_BENDS);
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
write_curve(const struct jk_fit_problem *problem, const struct jk_fit_solution *solution,
            struct jk_curve *curve)
{
        curve->cpus = problem->fit->cpus;
        curve->n_terms = 0;
        for (size_t l = 0; l < JK_CURVE_LEVELS; l++)
                curve->levels_w[l] = solution->weight[0] / problem->scale[0];
        curve->busiest = 0;
        for (size_t row = 0; row < problem->fit->n; row++)
                curve->busiest = fmax(curve->busiest, problem->fit->rows[row].utilisation);

        for (size_t g = 0; g < problem->n_groups; g++) {
                const struct jk_fit_group *group = &problem->groups[g];

                for (size_t i = 0; i < group->n; i++) {
                        size_t column = group->first + i;
                        double weight = problem->scale[column] > 0
                                                ? solution->weight[column] / problem->scale[column]
                                                : 0;

                        if (!(weight > 0))
                                continue;
                        if (group->rate == JK_FIT_RATES_MAX) {
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

/* Of two machines one is all that the other is learned from: features are chosen by its blocks. */
static void
make_parts(struct jk_fit_problem *problem, const struct jk_fit_options *options)
{
        size_t n_folds = options->n_folds, machines = problem->fit->n_machines, most, each;

        problem->block = choose_block(problem->fit, options);
        problem->by_machine = options->by_machine && machines > 1;
        most = problem->by_machine ? JK_FIT_FOLDS_MAX / 2 : JK_FIT_FOLDS_MAX;
        if (n_folds > most)
                n_folds = most;
        if (!problem->by_machine) {
                problem->n_folds = problem->n_parts = n_folds;
                return;
        }

        each = machines == 2 ? n_folds : 1;
        problem->n_parts = machines < JK_FIT_FOLDS_MAX ? machines : JK_FIT_FOLDS_MAX;
        problem->n_folds = problem->n_parts * each;
}

int
jk_fit_learn(struct jk_fit *fit, const struct jk_fit_options *options, struct jk_curve *ret_curve,
             struct jk_fit_errors *ret_errors, struct jk_error *err)
{
        jk_autofree struct jk_fit_problem *problem = NULL;
        struct jk_fit_errors errors;
        struct jk_fit_solution solution;
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
        make_parts(problem, options);
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
        jk_fit_choose(problem, problem->n_parts, &solution);
        write_curve(problem, &solution, ret_curve);
        ret_curve->error_pct = errors.mean_w > 0 ? 100 * errors.rms_w / errors.mean_w : 100;
        *ret_errors = errors;
        return 0;
}
