/* SPDX-License-Identifier: Apache-2.0
 *
 * Which rows are shown, and in which order: see view.h.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "cmd/view.h"

static const char *const order_names[JK_ORDER_MAX] = {
        [JK_ORDER_WATTS] = "watts", [JK_ORDER_ENERGY] = "energy", [JK_ORDER_CPU] = "cpu",
        [JK_ORDER_NAME] = "name",   [JK_ORDER_PID] = "pid",
};

const char *
jk_order_name(enum jk_order order)
{
        return order >= 0 && order < JK_ORDER_MAX ? order_names[order] : "invalid";
}

enum jk_order
jk_order_parse(const char *name)
{
        for (int i = 0; i < JK_ORDER_MAX; i++)
                if (strcmp(name, order_names[i]) == 0)
                        return (enum jk_order)i;

        return JK_ORDER_INVALID;
}

/* ---- filter, order ---- */

bool
jk_row_matches(const struct jk_row *row, const char *filter)
{
        char pid[16];

        if (!filter || !*filter)
                return true;
        if (strcasestr(row->name, filter) || strcasestr(row->user, filter) ||
            strcasestr(row->cgroup, filter) || strcasestr(row->path, filter))
                return true;
        if (row->dimension != JK_DIMENSION_TASK || !row->entry || row->entry->pid <= 0)
                return false;

        snprintf(pid, sizeof pid, "%d", (int)row->entry->pid);
        return strcmp(pid, filter) == 0;
}

/* Larger first; what is not known last. */
static int
compare_falling(double a, double b)
{
        bool known_a = !isnan(a), known_b = !isnan(b);

        if (!known_a || !known_b)
                return known_b - known_a;
        return (a < b) - (a > b);
}

static pid_t
pid_of(const struct jk_row *row)
{
        return row->entry ? row->entry->pid : 0;
}

static int
compare_by(enum jk_order order, const struct jk_row *a, const struct jk_row *b)
{
        switch (order) {
        case JK_ORDER_ENERGY:
                return compare_falling(a->energy_uj, b->energy_uj);
        case JK_ORDER_CPU:
                return compare_falling(a->cpu_pct, b->cpu_pct);
        case JK_ORDER_NAME:
                return strcasecmp(a->name, b->name);
        case JK_ORDER_PID:
                return (pid_of(a) > pid_of(b)) - (pid_of(a) < pid_of(b));
        default:
                return compare_falling(a->watts, b->watts);
        }
}

int
jk_rows_compare(const struct jk_row *a, const struct jk_row *b,
                const struct jk_view_options *options)
{
        /* The same order for the same numbers, or rows would jump about. */
        static const enum jk_order ties[] = { JK_ORDER_WATTS, JK_ORDER_ENERGY, JK_ORDER_NAME,
                                              JK_ORDER_PID };
        int order = compare_by(options->order, a, b);

        if (options->reversed)
                order = -order;
        for (size_t i = 0; order == 0 && i < JK_COUNT(ties); i++)
                order = compare_by(ties[i], a, b);

        return order != 0 ? order : (a->key > b->key) - (a->key < b->key);
}

static int
compare_rows(const void *a, const void *b, void *options)
{
        return jk_rows_compare(a, b, options);
}

void
jk_rows_sort(struct jk_row *rows, size_t n, const struct jk_view_options *options)
{
        if (n > 0) /* qsort() takes no NULL, not even of nothing */
                qsort_r(rows, n, sizeof *rows, compare_rows, (void *)options);
}

int
jk_view_add_row(struct jk_view *view, const struct jk_row *row)
{
        int r = jk_array_grow(&view->rows, &view->rows_capacity, view->n_rows + 1);

        if (r == 0)
                view->rows[view->n_rows++] = *row;
        return r;
}

static int
choose(struct jk_view *view, enum jk_dimension dimension, const struct jk_view_options *options)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < view->n_accounts[dimension]; i++) {
                const struct jk_row *row = &view->accounts[dimension][i];
                bool used = row->watts > 0 || row->cpu_pct > 0;

                if ((!used && !options->all) || !jk_row_matches(row, options->filter)) {
                        view->n_hidden++;
                        continue;
                }
                view->shown_w += row->watts;
                r = jk_view_add_row(view, row);
        }
        return r;
}

int
jk_view_arrange(struct jk_view *view, const struct jk_view_options *options)
{
        int r = 0;

        view->n_rows = 0;
        view->n_hidden = 0;
        view->shown_w = 0;
        if (options->tree && options->dimension == JK_DIMENSION_CGROUP)
                return jk_view_arrange_tree(view, options);

        if (options->dimension != JK_DIMENSION_MACHINE)
                r = choose(view, options->dimension, options);
        if (r == 0)
                r = choose(view, JK_DIMENSION_MACHINE, options);
        if (r == 0)
                jk_rows_sort(view->rows, view->n_rows, options);
        return r;
}
