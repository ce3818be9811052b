/* SPDX-License-Identifier: Apache-2.0
 *
 * A view as a plain table on standard output: what `ps` and `replay` show.
 */
#pragma once

#include "cmd/format.h"
#include "cmd/view.h"

struct jk_ps_table {
        struct jk_view *view; /* arranged; its rows are cut to `top` */
        const struct jk_view_options *options;
        const struct jk_glyphs *glyphs;
        size_t top; /* SIZE_MAX: all */
};

/* The machine and its zones, the rows, and what they add up to. 0 or -ENOMEM. */
int jk_ps_table(const struct jk_ps_table *table);

/* A line, without the blanks that it ends with. */
void jk_ps_line(const struct jk_text *line);
