/* SPDX-License-Identifier: Apache-2.0
 *
 * A view as a plain table: see ps-table.h.
 */
#include "cmd/ps-table.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/format.h"
#include "cmd/table.h"

/* Columns to fill: those of the terminal; elsewhere as many as the contents need. */
static size_t
line_width(void)
{
        struct winsize size;

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
                return SIZE_MAX;
        return size.ws_col;
}

void
jk_ps_line(const struct jk_text *line)
{
        size_t length = line->length;

        while (length > 0 && line->data[length - 1] == ' ')
                length--;
        printf("%.*s\n", (int)length, line->data ? line->data : "");
}

static void
print_zone(const struct jk_ps_table *table, const struct jk_zone_view *zone)
{
        jk_autotext struct jk_text line = { 0 }, piece = { 0 };
        const struct jk_zone_entry *entry = zone->entry;

        jk_text_printf(&piece, "%*s", (int)(2 + 2 * zone->depth), "");
        jk_format_safe(&piece, entry->zone.name, table->glyphs);
        jk_format_fit(&line, piece.data, 18, JK_FIT_LEFT, table->glyphs);
        jk_text_clear(&piece);
        jk_format_watts(&piece, zone->watts, table->glyphs);
        jk_format_fit(&line, piece.data, 9, JK_FIT_RIGHT, table->glyphs);
        jk_text_clear(&piece);
        jk_format_joules(&piece, (double)entry->measured_uj, table->glyphs);
        jk_format_fit(&line, piece.data, 10, JK_FIT_RIGHT, table->glyphs);
        jk_text_string(&line, "  ");
        jk_format_trust(&line, entry->zone.provenance, entry->zone.uncertainty_pct, table->glyphs);
        if (isfinite(entry->idle.power_w)) {
                jk_text_string(&line, ", idle ");
                jk_format_watts(&line, entry->idle.power_w, table->glyphs);
                if (isfinite(entry->idle.error_w)) {
                        jk_text_printf(&line, " %s", table->glyphs->plusminus);
                        jk_format_watts(&line, entry->idle.error_w, table->glyphs);
                }
        }
        if (entry->zone.filtered)
                jk_text_string(&line, ", filtered");
        if (!entry->seen)
                jk_text_string(&line, ", not seen now");
        jk_ps_line(&line);
}

static void
print_machine(const struct jk_ps_table *table)
{
        jk_autotext struct jk_text line = { 0 }, piece = { 0 };

        jk_format_fit(&line, "machine", 18, JK_FIT_LEFT, table->glyphs);
        jk_format_watts(&piece, table->view->machine_w, table->glyphs);
        jk_format_fit(&line, piece.data, 9, JK_FIT_RIGHT, table->glyphs);
        jk_text_clear(&piece);
        jk_format_joules(&piece, table->view->machine_uj, table->glyphs);
        jk_format_fit(&line, piece.data, 10, JK_FIT_RIGHT, table->glyphs);
        jk_text_string(&line, "  ");
        jk_format_trust(&line, table->view->snapshot->machine_provenance,
                        table->view->machine_uncertainty_pct, table->glyphs);
        jk_ps_line(&line);
        for (size_t i = 0; i < table->view->n_zones; i++)
                print_zone(table, &table->view->zones[i]);
        if (table->view->n_zones == 0)
                printf("  no meter works here: joulekeeper doctor says why\n");
}

static void
print_left_out(const struct jk_ps_table *table, size_t n_cut)
{
        if (n_cut > 0)
                printf("%zu more not shown: --top is %zu\n", n_cut, table->top);
        else if (table->view->n_hidden > 0 && !table->options->filter)
                printf("%zu more used nothing: --all shows them\n", table->view->n_hidden);
}

int
jk_ps_table(const struct jk_ps_table *table)
{
        jk_autotext struct jk_text line = { 0 };
        size_t n = table->view->n_rows < table->top ? table->view->n_rows : table->top;
        size_t n_cut = table->view->n_rows - n;
        struct jk_table columns;

        table->view->n_rows = n;
        jk_table_plan(&columns, table->view, table->options->dimension, line_width(),
                      table->glyphs);
        print_machine(table);

        printf("\n");
        jk_table_titles(&columns, table->options, &line, table->glyphs);
        jk_ps_line(&line);
        for (size_t i = 0; i < n; i++) {
                jk_text_clear(&line);
                jk_table_row(&columns, &table->view->rows[i], &line, table->glyphs);
                jk_ps_line(&line);
        }

        jk_text_clear(&line);
        jk_table_sum(table->view, table->options->dimension, line_width(), &line, table->glyphs);
        printf("\n");
        jk_ps_line(&line);
        print_left_out(table, n_cut);
        return line.failed ? -ENOMEM : 0;
}
