/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of accounts, as `top` and `ps` print it: a row per column (title, width, importance,
 * contents). Columns that do not fit are left out, the least important first.
 */
#pragma once

#include "cmd/format.h"
#include "cmd/view.h"

#define JK_TABLE_COLUMNS 8

struct jk_column;

struct jk_table {
        const struct jk_column *columns[JK_TABLE_COLUMNS];
        size_t widths[JK_TABLE_COLUMNS];
        size_t n;
};

/* Choose columns for accounts of a dimension and share out the width; SIZE_MAX: as wide as the
 * longest of the view's rows. */
void jk_table_plan(struct jk_table *table, const struct jk_view *view, enum jk_dimension dimension,
                   size_t width, const struct jk_glyphs *glyphs);

/* Append the titles; the column that rows are ordered by is marked. */
void jk_table_titles(const struct jk_table *table, const struct jk_view_options *options,
                     struct jk_text *text, const struct jk_glyphs *glyphs);

void jk_table_row(const struct jk_table *table, const struct jk_row *row, struct jk_text *text,
                  const struct jk_glyphs *glyphs);

/* "tasks 12.3 W + idle 30.1 W + kernel 400 mW + unattributed 0 W = machine 42.8 W": what is shown
 * adds up to what was measured. Shorter if text would grow beyond `width` columns. */
void jk_table_sum(const struct jk_view *view, enum jk_dimension dimension, size_t width,
                  struct jk_text *text, const struct jk_glyphs *glyphs);

/* "measured ±1 %", "modelled ±24 %": how far to trust a number. */
void jk_format_trust(struct jk_text *text, enum jk_provenance provenance, double uncertainty_pct,
                     const struct jk_glyphs *glyphs);
