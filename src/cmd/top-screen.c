/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper top: the screen, from top to bottom: a head, the machine and its zones, the accounts,
 * their sum, the keys. What does not fit is left out, the least important first. Curses compares
 * with what is on the terminal and sends only what changed, so nothing flickers.
 */
#include <math.h>
#include <ncurses.h>
#include <string.h>

#include "base/array.h"
#include "cmd/table.h"
#include "cmd/top-line.h"
#include "cmd/top.h"

/* Lines needed before a part of the screen is shown. */
enum {
        LINES_FOR_TITLES = 3,
        LINES_FOR_HEAD = 4,
        LINES_FOR_SUM = 7,
        LINES_FOR_KEYS = 9,
        LINES_FOR_ZONES = 12,
};

/* ---- head ---- */

static void
put_source(const struct jk_top *top, struct jk_line *line)
{
        jk_autotext struct jk_text text = { 0 };

        if (top->report.agent)
                jk_text_printf(&text, " agent %s", top->report.where);
        else
                jk_text_string(&text, " by itself");
        jk_line_put_text(line, jk_attributes(JK_COLOUR_TITLE), text.data);

        if (top->report.agent && top->report.failing)
                jk_line_put_text(line, jk_attributes(JK_COLOUR_WARNING) | A_REVERSE,
                                 " disconnected, retrying ");
        else if (top->report.failing)
                jk_line_put_text(line, jk_attributes(JK_COLOUR_WARNING) | A_REVERSE, " failing ");
        if (top->paused)
                jk_line_put_text(line, jk_attributes(JK_COLOUR_TITLE) | A_BOLD, " paused ");
}

static void
draw_head(const struct jk_top *top, int y)
{
        struct jk_line line = { .y = y, .glyphs = top->glyphs };
        jk_autotext struct jk_text text = { 0 };

        jk_line_put_text(&line, jk_attributes(JK_COLOUR_TITLE) | A_BOLD, "joulekeeper");
        put_source(top, &line);
        jk_text_string(&text, " every ");
        jk_format_duration(&text, top->interval_ns);
        if (top->snapshot)
                jk_text_printf(&text, "  activity %s  model %s", top->snapshot->status.activity,
                               top->snapshot->status.model);
        jk_line_put_text(&line, jk_attributes(JK_COLOUR_TITLE), text.data);
        jk_line_fill(&line, jk_attributes(JK_COLOUR_TITLE));
}

/* ---- accounts ---- */

static attr_t
row_attribute(const struct jk_row *row, bool selected)
{
        attr_t attribute = A_NORMAL;

        if (row->dimension == JK_DIMENSION_MACHINE)
                attribute = jk_attributes(strcmp(row->name, "idle") == 0 ? JK_COLOUR_IDLE
                                                                         : JK_COLOUR_MACHINE);
        if (row->flags & JK_ENTRY_ENDED)
                attribute |= A_DIM;
        return selected ? A_REVERSE : attribute;
}

static void
draw_titles(const struct jk_top *top, int y, const struct jk_table *table)
{
        struct jk_line line = { .y = y, .glyphs = top->glyphs };
        jk_autotext struct jk_text text = { 0 };

        jk_table_titles(table, &top->options, &text, top->glyphs);
        jk_line_put_text(&line, jk_attributes(JK_COLOUR_TITLE), text.data);
        jk_line_fill(&line, jk_attributes(JK_COLOUR_TITLE));
}

static void
keep_cursor_visible(struct jk_top *top)
{
        if (top->cursor < top->scroll)
                top->scroll = top->cursor;
        if (top->page > 0 && top->cursor >= top->scroll + top->page)
                top->scroll = top->cursor - top->page + 1;
        if (top->scroll + top->page > top->view.n_rows)
                top->scroll = top->view.n_rows > top->page ? top->view.n_rows - top->page : 0;
}

static void
draw_rows(struct jk_top *top, int y, int n, const struct jk_table *table)
{
        jk_autotext struct jk_text text = { 0 };

        top->page = n > 0 ? (size_t)n : 0;
        keep_cursor_visible(top);
        for (int i = 0; i < n && top->scroll + (size_t)i < top->view.n_rows; i++) {
                struct jk_line line = { .y = y + i, .glyphs = top->glyphs };
                size_t index = top->scroll + (size_t)i;
                const struct jk_row *row = &top->view.rows[index];
                attr_t attribute = row_attribute(row, index == top->cursor);

                jk_text_clear(&text);
                jk_table_row(table, row, &text, top->glyphs);
                jk_line_put_text(&line, attribute, text.data);
                jk_line_fill(&line, attribute);
        }
        if (top->view.n_rows == 0 && n > 0) {
                struct jk_line line = { .y = y, .glyphs = top->glyphs };

                jk_line_put_text(&line, A_NORMAL,
                                 top->filter[0] ? "nothing matches the filter"
                                                : "measuring, one moment");
        }
}

/* ---- foot ---- */

static void
draw_sum(const struct jk_top *top, int y)
{
        struct jk_line line = { .y = y, .glyphs = top->glyphs };
        jk_autotext struct jk_text text = { 0 };

        if (top->filter[0]) {
                jk_text_string(&text, "shown ");
                jk_format_watts(&text, top->view.shown_w, top->glyphs);
                jk_text_string(&text, " of ");
        }
        jk_table_sum(&top->view, top->options.dimension, (size_t)COLS, &text, top->glyphs);
        jk_line_put_text(&line, A_BOLD, text.data);
}

static void
draw_filter(const struct jk_top *top, struct jk_line *line)
{
        jk_autotext struct jk_text text = { 0 };

        jk_text_string(&text, "filter: ");
        jk_format_safe(&text, top->filter, top->glyphs);
        jk_text_string(&text, top->editing ? "_ (Enter keeps, Esc clears)" : "  ");
        jk_line_put_text(line, A_BOLD, text.data);
}

static void
draw_keys(const struct jk_top *top, int y)
{
        static const struct {
                const char *key, *name;
                enum jk_dimension dimension;
        } views[] = {
                { "1", "tasks", JK_DIMENSION_TASK },
                { "2", "cgroups", JK_DIMENSION_CGROUP },
                { "3", "users", JK_DIMENSION_USER },
                { "4", "machine", JK_DIMENSION_MACHINE },
        };
        struct jk_line line = { .y = y, .glyphs = top->glyphs };

        if (top->editing || top->filter[0])
                draw_filter(top, &line);
        if (top->editing)
                return;

        for (size_t i = 0; i < JK_COUNT(views); i++) {
                bool shown = views[i].dimension == top->options.dimension;

                jk_line_put_text(&line, A_BOLD, views[i].key);
                jk_line_put_text(&line, A_NORMAL, " ");
                jk_line_put_text(&line, shown ? A_REVERSE : A_NORMAL, views[i].name);
                jk_line_put_text(&line, A_NORMAL, "  ");
        }
        jk_line_put_text(&line, top->options.tree ? A_REVERSE : A_NORMAL, "t tree");
        jk_line_put_text(&line, A_NORMAL, "  < > sort  / filter  space pause  h help  q quit");
}

/* ---- help ---- */

static void
put_help_line(const struct jk_top *top, size_t number, int *y, const char *keys, const char *help)
{
        struct jk_line line = { .y = *y, .glyphs = top->glyphs };

        if (number < top->help_scroll || *y >= LINES)
                return;
        jk_line_put(&line, A_BOLD, keys, keys[0] ? 12 : 0, JK_FIT_LEFT);
        jk_line_put_text(&line, A_NORMAL, help);
        (*y)++;
}

static void
draw_help(struct jk_top *top)
{
        static const char *const about[] = {
                "W is power now, J energy since the measurement began: with an agent, since it",
                "started. ~ marks what is modelled, not measured. The % column is one standard",
                "deviation. Accounts in [brackets] are the machine's own; with them, every view",
                "adds up to the machine. Bars: the idle part first, then what work adds.",
        };
        jk_autotext struct jk_text text = { 0 };
        const char *keys, *help;
        size_t number = 0;
        int y = 0;

        for (size_t i = 0; jk_top_key_help(i, &keys, &help); i++)
                put_help_line(top, number++, &y, keys, help);
        put_help_line(top, number++, &y, "", "");
        for (size_t i = 0; i < JK_COUNT(about); i++)
                put_help_line(top, number++, &y, "", about[i]);

        if (top->snapshot && top->snapshot->status.activity_missing[0]) {
                jk_format_safe(&text, top->snapshot->status.activity_missing, top->glyphs);
                put_help_line(top, number++, &y, "activity", text.data ? text.data : "");
        }
        if (top->report.message[0]) {
                jk_text_clear(&text);
                jk_format_safe(&text, top->report.message, top->glyphs);
                put_help_line(top, number++, &y, "agent", text.data ? text.data : "");
        }
        if (top->help_scroll + 1 > number)
                top->help_scroll = number - 1;
}

/* ---- the whole ---- */

static int
zone_lines(const struct jk_top *top)
{
        int most = LINES / 3;

        if (LINES < LINES_FOR_ZONES || !top->zones)
                return 0;
        return (int)top->view.n_zones < most ? (int)top->view.n_zones : most;
}

static void
draw_all(struct jk_top *top)
{
        struct jk_table table;
        int y = 0, end = LINES;

        if (LINES >= LINES_FOR_HEAD)
                draw_head(top, y++);
        if (!top->snapshot)
                return;

        jk_top_draw_machine(top, y++);
        for (int i = 0, n = zone_lines(top); i < n; i++)
                jk_top_draw_zone(top, y++, &top->view.zones[i]);

        jk_table_plan(&table, &top->view, top->options.dimension, (size_t)COLS, top->glyphs);
        if (LINES >= LINES_FOR_TITLES)
                draw_titles(top, y++, &table);
        if (LINES >= LINES_FOR_KEYS || top->editing)
                draw_keys(top, --end);
        if (LINES >= LINES_FOR_SUM)
                draw_sum(top, --end);
        draw_rows(top, y, end - y, &table);
}

void
jk_top_draw(struct jk_top *top)
{
        erase();
        if (top->help)
                draw_help(top);
        else
                draw_all(top);
        refresh();
}
