/* SPDX-License-Identifier: Apache-2.0
 *
 * What learning a curve is made of: ticks as rows, the sums of their products by fold, and which
 * columns were chosen with what weights. Ticks and errors are in fit.c, solving is in fit-solve.c.
 */
#pragma once

#include "base/array.h"
#include "curve/fit.h"

#define JK_FIT_BENDS       8 /* of the polygon: fit.c */
#define JK_FIT_RATES_MAX   (JK_CURVE_LEARNED + JK_EVENTS_MAX)
#define JK_FIT_COLUMNS_MAX (1 + JK_FIT_BENDS + JK_FIT_RATES_MAX) /* the first is the constant */
#define JK_FIT_GROUPS_MAX  (1 + JK_FIT_RATES_MAX) /* chosen together: the bends, each rate */
#define JK_FIT_FOLDS_MAX   64

struct jk_fit_row {
        double power_w;
        double utilisation;
        double rates[JK_FIT_RATES_MAX]; /* by the fit's names; NaN: not seen */
        size_t machine;
};

struct jk_fit_machine {
        char name[JK_FIT_MACHINE_SIZE];
};

struct jk_fit {
        struct jk_curve_view view;
        char names[JK_FIT_RATES_MAX][JK_EVENT_NAME_SIZE];
        size_t n_names;
        double cpus; /* the most that were online */

        struct jk_fit_row *rows;
        size_t n, capacity;

        struct jk_fit_machine machine;   /* whose ticks are added now */
        struct jk_fit_machine *machines; /* of which there are rows */
        size_t n_machines, machines_capacity;
};

struct jk_fit_group {
        const char *name;
        size_t first, n; /* its columns */
        size_t rate;     /* its place in a row's rates; JK_FIT_RATES_MAX: the bends */
};

/* Sums of products over the ticks of a fold. */
struct jk_fit_sums {
        double xx[JK_FIT_COLUMNS_MAX][JK_FIT_COLUMNS_MAX];
        double xy[JK_FIT_COLUMNS_MAX];
        double yy;
        double n;
};

/* A part is what the error is measured on, learned from the other parts: so many folds in a row.
 * Features are chosen by the folds, each kept back in turn. */
struct jk_fit_problem {
        const struct jk_fit *fit;
        bool by_machine;
        size_t n_folds, n_parts, block;
        struct jk_fit_group groups[JK_FIT_GROUPS_MAX];
        size_t n_groups, n_columns;
        double scale[JK_FIT_COLUMNS_MAX]; /* root mean square of a column */
        double most[JK_FIT_COLUMNS_MAX];
        struct jk_fit_sums folds[JK_FIT_FOLDS_MAX];
        struct jk_fit_sums all;         /* of all folds */
        struct jk_fit_sums given, part; /* scratch: what may be learned from; less what is asked */
};

/* What is learned: columns without a weight are 0. */
struct jk_fit_solution {
        bool chosen[JK_FIT_GROUPS_MAX];
        double weight[JK_FIT_COLUMNS_MAX]; /* of scaled columns */
};

void jk_fit_add_sums(struct jk_fit_sums *to, const struct jk_fit_sums *sums, double sign);

/* Choose features by all parts but `out` (n_parts: by all), and learn their weights from these. */
void jk_fit_choose(struct jk_fit_problem *problem, size_t out,
                   struct jk_fit_solution *ret_solution);
