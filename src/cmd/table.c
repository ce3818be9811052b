/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of accounts: see table.h.
 */
#include "cmd/table.h"

#include <math.h>
#include <string.h>

#include "base/array.h"

#define NAME_MIN 8 /* below it, a less important column makes room */

enum { FOR_TASKS = 1 << JK_DIMENSION_TASK, FOR_ALL = ~0 };

struct jk_column {
        const char *title;
        size_t width; /* the least */
        int importance;
        unsigned int dimensions;
        enum jk_fit fit;
        enum jk_order order; /* what rows are ordered by if it is this column's */
        void (*cell)(const struct jk_row *row, struct jk_text *text,
                     const struct jk_glyphs *glyphs);
};

/* ---- cells ---- */

static void
watts_cell(const struct jk_row *row, struct jk_text *text, const struct jk_glyphs *glyphs)
{
        if (row->provenance == JK_MODELLED && row->watts > 0)
                jk_text_char(text, '~');
        jk_format_watts(text, row->watts, glyphs);
}

static void
joules_cell(const struct jk_row *row, struct jk_text *text, const struct jk_glyphs *glyphs)
{
        jk_format_joules(text, row->energy_uj, glyphs);
}

static void
cpu_cell(const struct jk_row *row, struct jk_text *text, const struct jk_glyphs *glyphs)
{
        if (isnan(row->cpu_pct))
                jk_text_string(text, glyphs->unknown);
        else
                jk_text_printf(text, row->cpu_pct < 999.95 ? "%.1f" : "%.0f", row->cpu_pct);
}

static void
error_cell(const struct jk_row *row, struct jk_text *text, const struct jk_glyphs *glyphs)
{
        if (!isfinite(row->uncertainty_pct))
                jk_text_string(text, glyphs->unknown);
        else
                jk_text_printf(text, row->uncertainty_pct < 9.95 ? "%.1f" : "%.0f",
                               row->uncertainty_pct);
}

static void
pid_cell(const struct jk_row *row, struct jk_text *text, const struct jk_glyphs *glyphs)
{
        if (row->dimension == JK_DIMENSION_TASK && row->entry && row->entry->pid > 0)
                jk_text_i64(text, row->entry->pid);
        else
                jk_text_string(text, glyphs->unknown);
}

static void
user_cell(const struct jk_row *row, struct jk_text *text, const struct jk_glyphs *glyphs)
{
        jk_format_safe(text, row->user, glyphs);
}

static void
cgroup_cell(const struct jk_row *row, struct jk_text *text, const struct jk_glyphs *glyphs)
{
        jk_format_safe(text, row->cgroup, glyphs);
}

static void
tree_mark(const struct jk_row *row, struct jk_text *text, const struct jk_glyphs *glyphs)
{
        for (unsigned int i = 0; i < row->depth && i < 32; i++)
                jk_text_string(text, "  ");
        if (*row->path) {
                jk_text_string(text, !row->parent     ? glyphs->leaf
                                     : row->collapsed ? glyphs->collapsed
                                                      : glyphs->expanded);
                jk_text_char(text, ' ');
        }
}

/* What is not one thing that runs. */
static bool
in_brackets(const struct jk_row *row)
{
        return row->dimension == JK_DIMENSION_MACHINE || row->flags & JK_ENTRY_OTHERS;
}

static void
name_cell(const struct jk_row *row, struct jk_text *text, const struct jk_glyphs *glyphs)
{
        tree_mark(row, text, glyphs);
        if (row->flags & JK_ENTRY_REST) {
                jk_text_string(text, "[ended tasks]");
                return;
        }
        if (row->flags & JK_ENTRY_UNSEEN) {
                jk_text_string(text, "[unseen tasks]");
                return;
        }
        if (in_brackets(row))
                jk_text_char(text, '[');
        jk_format_safe(text, row->name, glyphs);
        if (in_brackets(row))
                jk_text_char(text, ']');
        if (row->flags & JK_ENTRY_ENCLAVE)
                jk_text_string(text, " (enclave)");
        if (row->flags & JK_ENTRY_ENDED)
                jk_text_string(text, " (ended)");
}

/* ---- columns ---- */

static const struct jk_column columns[JK_TABLE_COLUMNS] = {
        { "W", 8, 9, FOR_ALL, JK_FIT_RIGHT, JK_ORDER_WATTS, watts_cell },
        { "J", 8, 5, FOR_ALL, JK_FIT_RIGHT, JK_ORDER_ENERGY, joules_cell },
        { "CPU%", 6, 7, FOR_ALL, JK_FIT_RIGHT, JK_ORDER_CPU, cpu_cell },
        { "+-%", 5, 3, FOR_ALL, JK_FIT_RIGHT, JK_ORDER_INVALID, error_cell },
        { "PID", 8, 6, FOR_TASKS, JK_FIT_RIGHT, JK_ORDER_PID, pid_cell },
        { "USER", 9, 4, FOR_TASKS, JK_FIT_LEFT, JK_ORDER_INVALID, user_cell },
        { "NAME", NAME_MIN, 10, FOR_ALL, JK_FIT_LEFT, JK_ORDER_NAME, name_cell },
        { "CGROUP", 10, 2, FOR_TASKS, JK_FIT_TAIL, JK_ORDER_INVALID, cgroup_cell },
};

/* More than NAME_MIN, beside a cgroup: what a comm of 15 bytes needs, and one that "(ended)". */
#define NAME_NEEDS  7
#define NAME_ENOUGH 16

static size_t
used_width(const struct jk_table *table)
{
        size_t sum = 0;

        for (size_t i = 0; i < table->n; i++)
                sum += table->widths[i] + (i > 0);
        return sum;
}

static void
drop_least(struct jk_table *table)
{
        size_t least = 0;

        for (size_t i = 1; i < table->n; i++)
                if (table->columns[i]->importance < table->columns[least]->importance)
                        least = i;

        table->n--;
        memmove(&table->columns[least], &table->columns[least + 1],
                (table->n - least) * sizeof *table->columns);
        memmove(&table->widths[least], &table->widths[least + 1],
                (table->n - least) * sizeof *table->widths);
}

/* Give away what is left over: all of it to the name, or, beside a cgroup, what names need. */
static void
share_out(struct jk_table *table, size_t left)
{
        bool beside_cgroup = table->columns[table->n - 1]->cell == cgroup_cell;

        for (size_t i = 0; i < table->n; i++) {
                size_t more = left;

                if (table->columns[i]->cell != name_cell)
                        continue;
                if (beside_cgroup && more > NAME_NEEDS)
                        more = NAME_NEEDS + (left - NAME_NEEDS) / 2;
                if (beside_cgroup && more > NAME_ENOUGH)
                        more = NAME_ENOUGH;
                table->widths[i] += more;
                left -= more;
        }
        if (beside_cgroup)
                table->widths[table->n - 1] += left;
}

static void
widen_for_rows(struct jk_table *table, const struct jk_view *view, const struct jk_glyphs *glyphs)
{
        jk_autotext struct jk_text text = { 0 };

        for (size_t i = 0; i < table->n; i++)
                for (size_t k = 0; k < view->n_rows; k++) {
                        size_t wide;

                        jk_text_clear(&text);
                        table->columns[i]->cell(&view->rows[k], &text, glyphs);
                        wide = text.data ? jk_format_columns(text.data) : 0;
                        if (wide > table->widths[i])
                                table->widths[i] = wide;
                }
}

void
jk_table_plan(struct jk_table *table, const struct jk_view *view, enum jk_dimension dimension,
              size_t width, const struct jk_glyphs *glyphs)
{
        table->n = 0;
        for (size_t i = 0; i < JK_TABLE_COLUMNS; i++)
                if (columns[i].dimensions & 1u << dimension) {
                        table->columns[table->n] = &columns[i];
                        table->widths[table->n++] = columns[i].width;
                }
        if (width == SIZE_MAX) {
                widen_for_rows(table, view, glyphs);
                return;
        }

        while (table->n > 1 && used_width(table) > width)
                drop_least(table);
        if (used_width(table) > width)
                table->widths[0] = width;
        else
                share_out(table, width - used_width(table));
}

/* ---- lines ---- */

void
jk_table_titles(const struct jk_table *table, const struct jk_view_options *options,
                struct jk_text *text, const struct jk_glyphs *glyphs)
{
        jk_autotext struct jk_text title = { 0 };

        for (size_t i = 0; i < table->n; i++) {
                const struct jk_column *column = table->columns[i];
                bool ordered = column->order == options->order;
                bool rising = options->reversed !=
                              (column->order == JK_ORDER_NAME || column->order == JK_ORDER_PID);

                jk_text_clear(&title);
                jk_text_string(&title, column->cell == error_cell ? glyphs->plusminus : "");
                jk_text_string(&title, column->cell == error_cell ? "%" : column->title);
                if (ordered)
                        jk_text_string(&title, rising ? glyphs->rising : glyphs->falling);
                if (i > 0)
                        jk_text_char(text, ' ');
                jk_format_fit(text, title.data ? title.data : "", table->widths[i], column->fit,
                              glyphs);
        }
}

void
jk_table_row(const struct jk_table *table, const struct jk_row *row, struct jk_text *text,
             const struct jk_glyphs *glyphs)
{
        jk_autotext struct jk_text cell = { 0 };

        for (size_t i = 0; i < table->n; i++) {
                jk_text_clear(&cell);
                table->columns[i]->cell(row, &cell, glyphs);
                if (i > 0)
                        jk_text_char(text, ' ');
                jk_format_fit(text, cell.data ? cell.data : "", table->widths[i],
                              table->columns[i]->fit, glyphs);
        }
}

static const char *const plurals[JK_DIMENSION_MAX] = {
        [JK_DIMENSION_TASK] = "tasks",
        [JK_DIMENSION_CGROUP] = "cgroups",
        [JK_DIMENSION_USER] = "users",
};

static void
append_sum(const struct jk_view *view, enum jk_dimension dimension, bool zeros,
           struct jk_text *text, const struct jk_glyphs *glyphs)
{
        const struct {
                const char *name;
                double watts;
        } parts[] = {
                { plurals[dimension], view->sums_w[dimension] },
                { "idle", view->idle_w },
                { "kernel", view->kernel_w },
                { "unattributed", view->unattributed_w },
        };
        const char *plus = "";

        for (size_t i = 0; i < JK_COUNT(parts); i++) {
                if (!zeros && parts[i].watts <= 0)
                        continue;
                jk_text_printf(text, "%s%s ", plus, parts[i].name);
                jk_format_watts(text, parts[i].watts, glyphs);
                plus = " + ";
        }
        jk_text_printf(text, "%smachine ", *plus ? " = " : "");
        jk_format_watts(text, view->machine_w, glyphs);
}

void
jk_table_sum(const struct jk_view *view, enum jk_dimension dimension, size_t width,
             struct jk_text *text, const struct jk_glyphs *glyphs)
{
        size_t start = text->length;

        /* The machine's own accounts complete any dimension; tasks stand for the others there. */
        if (dimension == JK_DIMENSION_MACHINE)
                dimension = JK_DIMENSION_TASK;

        append_sum(view, dimension, true, text, glyphs);
        if (text->failed || jk_format_columns(text->data) <= width)
                return;

        text->length = start;
        append_sum(view, dimension, false, text, glyphs);
        if (text->failed || jk_format_columns(text->data) <= width)
                return;

        text->length = start;
        jk_text_string(text, "idle ");
        jk_format_watts(text, view->idle_w, glyphs);
        jk_text_string(text, " of ");
        jk_format_watts(text, view->machine_w, glyphs);
}

void
jk_format_trust(struct jk_text *text, enum jk_provenance provenance, double uncertainty_pct,
                const struct jk_glyphs *glyphs)
{
        jk_text_string(text, jk_provenance_name(provenance));
        if (isfinite(uncertainty_pct))
                jk_text_printf(text, uncertainty_pct < 9.95 ? " %s%.2g %%" : " %s%.0f %%",
                               glyphs->plusminus, uncertainty_pct);
}
