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
#include "cmd/top.h"

/* Lines needed before a part of the screen is shown. */
enum {
        LINES_FOR_TITLES = 3,
        LINES_FOR_HEAD = 4,
        LINES_FOR_SUM = 7,
        LINES_FOR_KEYS = 9,
        LINES_FOR_ZONES = 12,
};

#define SPARK_SPAN_NS (4 * JK_NS_PER_S) /* of a sparkline's column: 30 are two minutes */

enum colour { PLAIN, TITLE, IDLE, MACHINE, WARNING, GOOD, FIRST_COLOUR = IDLE };

/* ---- putting text ---- */

static attr_t
attributes(enum colour colour)
{
        static const struct {
                attr_t colour, plain; /* without colours */
        } rows[] = {
                [PLAIN] = { A_NORMAL, A_NORMAL },  [TITLE] = { A_REVERSE, A_REVERSE },
                [IDLE] = { A_NORMAL, A_NORMAL },   [MACHINE] = { A_NORMAL, A_BOLD },
                [WARNING] = { A_BOLD, A_REVERSE }, [GOOD] = { A_NORMAL, A_BOLD },
        };

        if (!has_colors())
                return rows[colour].plain;
        if (colour < FIRST_COLOUR)
                return rows[colour].colour;
        return rows[colour].colour | (attr_t)COLOR_PAIR(colour);
}

void
jk_top_prepare_colours(void)
{
        static const short colours[] = {
                [IDLE] = COLOR_BLUE,
                [MACHINE] = COLOR_CYAN,
                [WARNING] = COLOR_RED,
                [GOOD] = COLOR_GREEN,
        };

        if (!has_colors())
                return;

        start_color();
        use_default_colors();
        for (short i = FIRST_COLOUR; i <= GOOD; i++)
                init_pair(i, colours[i], -1);
}

/* A line is written from left to right; what does not fit any more is not written. */
struct line {
        int y;
        size_t x;
        const struct jk_glyphs *glyphs;
};

static size_t
left_on(const struct line *line)
{
        return (size_t)COLS > line->x ? (size_t)COLS - line->x : 0;
}

static void
put(struct line *line, attr_t attribute, const char *safe, size_t columns, enum jk_fit fit)
{
        jk_autotext struct jk_text text = { 0 };

        if (columns > left_on(line))
                columns = left_on(line);
        jk_format_fit(&text, safe ? safe : "", columns, fit, line->glyphs);
        if (columns == 0 || !text.data)
                return;

        attrset(attribute);
        mvaddstr(line->y, (int)line->x, text.data);
        attrset(A_NORMAL);
        line->x += columns;
}

static void
put_text(struct line *line, attr_t attribute, const char *safe)
{
        put(line, attribute, safe, jk_format_columns(safe), JK_FIT_LEFT);
}

static void
fill(struct line *line, attr_t attribute)
{
        put(line, attribute, "", left_on(line), JK_FIT_LEFT);
}

/* ---- head ---- */

static void
put_source(const struct jk_top *top, struct line *line)
{
        jk_autotext struct jk_text text = { 0 };

        if (top->report.agent)
                jk_text_printf(&text, " agent %s", top->report.where);
        else
                jk_text_string(&text, " by itself");
        put_text(line, attributes(TITLE), text.data);

        if (top->report.agent && top->report.failing)
                put_text(line, attributes(WARNING) | A_REVERSE, " disconnected, retrying ");
        else if (top->report.failing)
                put_text(line, attributes(WARNING) | A_REVERSE, " failing ");
        if (top->paused)
                put_text(line, attributes(TITLE) | A_BOLD, " paused ");
}

static void
draw_head(const struct jk_top *top, int y)
{
        struct line line = { .y = y, .glyphs = top->glyphs };
        jk_autotext struct jk_text text = { 0 };

        put_text(&line, attributes(TITLE) | A_BOLD, "joulekeeper");
        put_source(top, &line);
        jk_text_string(&text, " every ");
        jk_format_duration(&text, top->interval_ns);
        if (top->snapshot)
                jk_text_printf(&text, "  activity %s  model %s", top->snapshot->status.activity,
                               top->snapshot->status.model);
        put_text(&line, attributes(TITLE), text.data);
        fill(&line, attributes(TITLE));
}

/* ---- machine and zones ---- */

/* How a line about power is shared out at a width. */
struct power_layout {
        size_t name, watts, trust, idle, scale, bar, spark;
};

static struct power_layout
plan_power(size_t width)
{
        struct power_layout layout = { .name = 12, .watts = 9 };
        size_t left;

        if (width < layout.name + layout.watts)
                layout.name = width > layout.watts ? width - layout.watts : 0;
        left = width - layout.name - (width > layout.watts ? layout.watts : width);

        layout.trust = left >= 32 ? 17 : left >= 12 ? 2 : 0;
        layout.idle = left >= 48 ? 15 : 0;
        layout.scale = left >= 62 ? 14 : 0;
        left -= layout.trust + layout.idle + layout.scale;
        layout.spark = left >= 20 ? left / 2 : 0;
        layout.bar = left - layout.spark;
        return layout;
}

struct power {
        const char *name;
        unsigned int depth;
        double watts, idle_w, top_w;
        bool limited; /* top_w is a limit, not the highest seen */
        enum jk_provenance provenance;
        double uncertainty_pct;
        const struct jk_history *history;
};

static void
put_bar(struct line *line, const struct power *power, size_t columns)
{
        jk_autotext struct jk_text bar = { 0 };

        if (columns < 4)
                return;
        jk_format_bar(&bar, power->watts, power->idle_w, power->top_w, columns - 3, line->glyphs);
        put_text(line, A_NORMAL, " ");
        put(line, attributes(GOOD), bar.data, columns - 3, JK_FIT_LEFT);
        put_text(line, A_NORMAL, "  ");
}

static void
put_scale(struct line *line, const struct power *power, size_t columns)
{
        jk_autotext struct jk_text text = { 0 };

        if (columns == 0)
                return;
        jk_text_string(&text, power->limited ? "limit " : "max ");
        jk_format_watts(&text, power->top_w, line->glyphs);
        put(line, A_NORMAL, text.data, columns, JK_FIT_LEFT);
}

static void
put_sparkline(struct line *line, const struct power *power, int64_t now_ns, size_t columns)
{
        jk_autotext struct jk_text text = { 0 };
        double values[256];
        size_t n = columns > 2 ? columns - 2 : 0;

        if (n == 0)
                return;
        if (n > JK_COUNT(values))
                n = JK_COUNT(values);
        jk_history_spans(power->history, now_ns, SPARK_SPAN_NS, values, n);
        jk_format_sparkline(&text, values, n, power->history->highest_w, line->glyphs);
        put(line, attributes(MACHINE), text.data, columns - 2, JK_FIT_RIGHT);
        put_text(line, A_NORMAL, "  ");
}

static void
put_idle(struct line *line, const struct power *power, size_t columns)
{
        jk_autotext struct jk_text text = { 0 };

        if (columns == 0)
                return;
        if (isfinite(power->idle_w)) {
                jk_text_string(&text, "idle ");
                jk_format_watts(&text, power->idle_w, line->glyphs);
        }
        put(line, attributes(IDLE), text.data, columns, JK_FIT_LEFT);
}

static void
put_trust(struct line *line, const struct power *power, size_t columns)
{
        jk_autotext struct jk_text text = { 0 };

        if (columns == 0)
                return;
        if (columns < 10)
                jk_text_printf(&text, " %c", jk_provenance_name(power->provenance)[1]);
        else
                jk_format_trust(&text, power->provenance, power->uncertainty_pct, line->glyphs);
        put(line, A_NORMAL, text.data, columns, JK_FIT_LEFT);
}

static void
draw_power(const struct jk_top *top, int y, const struct power *power, attr_t attribute)
{
        struct power_layout layout = plan_power((size_t)COLS);
        struct line line = { .y = y, .glyphs = top->glyphs };
        jk_autotext struct jk_text text = { 0 };
        int64_t now_ns = top->view.span_end_ns;

        jk_text_printf(&text, "%*s", (int)(2 * power->depth), "");
        jk_format_safe(&text, power->name, top->glyphs);
        put(&line, attribute, text.data, layout.name, JK_FIT_LEFT);
        jk_text_clear(&text);
        jk_format_watts(&text, power->watts, top->glyphs);
        put(&line, attribute, text.data, layout.watts, JK_FIT_RIGHT);

        put_bar(&line, power, layout.bar);
        put_scale(&line, power, layout.scale);
        put_sparkline(&line, power, now_ns, layout.spark);
        put_idle(&line, power, layout.idle);
        put_trust(&line, power, layout.trust);
}

static void
draw_machine(const struct jk_top *top, int y)
{
        const struct jk_view *view = &top->view;
        struct power power = {
                .name = "machine",
                .watts = view->machine_w,
                .idle_w = view->idle_w,
                .top_w = top->machine.highest_w,
                .provenance = top->snapshot->machine_provenance,
                .uncertainty_pct = view->machine_uncertainty_pct,
                .history = &top->machine,
        };
        struct line line = { .y = y, .glyphs = top->glyphs };

        if (view->n_zones > 0)
                draw_power(top, y, &power, A_BOLD);
        else
                put_text(&line, attributes(WARNING),
                         "no meter works here: joulekeeper doctor says why");
}

static void
draw_zone(const struct jk_top *top, int y, const struct jk_zone_view *zone)
{
        const struct jk_zone_entry *entry = zone->entry;
        const struct jk_history *history = top->history[entry - top->snapshot->zones].history;
        bool limited = entry->zone.limit_w > 0;
        struct power power = {
                .name = entry->zone.name,
                .depth = zone->depth + 1,
                .watts = zone->watts,
                .idle_w = entry->idle.power_w,
                .top_w = limited   ? entry->zone.limit_w
                         : history ? history->highest_w
                                   : 0,
                .limited = limited,
                .provenance = entry->zone.provenance,
                .uncertainty_pct = entry->zone.uncertainty_pct,
                .history = history ? history : &top->machine,
        };

        draw_power(top, y, &power, A_NORMAL);
}

/* ---- accounts ---- */

static attr_t
row_attribute(const struct jk_row *row, bool selected)
{
        attr_t attribute = A_NORMAL;

        if (row->dimension == JK_DIMENSION_MACHINE)
                attribute = attributes(strcmp(row->name, "idle") == 0 ? IDLE : MACHINE);
        if (row->flags & JK_ENTRY_ENDED)
                attribute |= A_DIM;
        return selected ? A_REVERSE : attribute;
}

static void
draw_titles(const struct jk_top *top, int y, const struct jk_table *table)
{
        struct line line = { .y = y, .glyphs = top->glyphs };
        jk_autotext struct jk_text text = { 0 };

        jk_table_titles(table, &top->options, &text, top->glyphs);
        put_text(&line, attributes(TITLE), text.data);
        fill(&line, attributes(TITLE));
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
                struct line line = { .y = y + i, .glyphs = top->glyphs };
                size_t index = top->scroll + (size_t)i;
                const struct jk_row *row = &top->view.rows[index];
                attr_t attribute = row_attribute(row, index == top->cursor);

                jk_text_clear(&text);
                jk_table_row(table, row, &text, top->glyphs);
                put_text(&line, attribute, text.data);
                fill(&line, attribute);
        }
        if (top->view.n_rows == 0 && n > 0) {
                struct line line = { .y = y, .glyphs = top->glyphs };

                put_text(&line, A_NORMAL,
                         top->filter[0] ? "nothing matches the filter" : "measuring, one moment");
        }
}

/* ---- foot ---- */

static void
draw_sum(const struct jk_top *top, int y)
{
        struct line line = { .y = y, .glyphs = top->glyphs };
        jk_autotext struct jk_text text = { 0 };

        if (top->filter[0]) {
                jk_text_string(&text, "shown ");
                jk_format_watts(&text, top->view.shown_w, top->glyphs);
                jk_text_string(&text, " of ");
        }
        jk_table_sum(&top->view, top->options.dimension, (size_t)COLS, &text, top->glyphs);
        put_text(&line, A_BOLD, text.data);
}

static void
draw_filter(const struct jk_top *top, struct line *line)
{
        jk_autotext struct jk_text text = { 0 };

        jk_text_string(&text, "filter: ");
        jk_format_safe(&text, top->filter, top->glyphs);
        jk_text_string(&text, top->editing ? "_ (Enter keeps, Esc clears)" : "  ");
        put_text(line, A_BOLD, text.data);
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
        struct line line = { .y = y, .glyphs = top->glyphs };

        if (top->editing || top->filter[0])
                draw_filter(top, &line);
        if (top->editing)
                return;

        for (size_t i = 0; i < JK_COUNT(views); i++) {
                bool shown = views[i].dimension == top->options.dimension;

                put_text(&line, A_BOLD, views[i].key);
                put_text(&line, A_NORMAL, " ");
                put_text(&line, shown ? A_REVERSE : A_NORMAL, views[i].name);
                put_text(&line, A_NORMAL, "  ");
        }
        put_text(&line, top->options.tree ? A_REVERSE : A_NORMAL, "t tree");
        put_text(&line, A_NORMAL, "  < > sort  / filter  space pause  h help  q quit");
}

/* ---- help ---- */

static void
put_help_line(const struct jk_top *top, size_t number, int *y, const char *keys, const char *help)
{
        struct line line = { .y = *y, .glyphs = top->glyphs };

        if (number < top->help_scroll || *y >= LINES)
                return;
        put(&line, A_BOLD, keys, keys[0] ? 12 : 0, JK_FIT_LEFT);
        put_text(&line, A_NORMAL, help);
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

        draw_machine(top, y++);
        for (int i = 0, n = zone_lines(top); i < n; i++)
                draw_zone(top, y++, &top->view.zones[i]);

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
