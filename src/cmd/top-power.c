/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper top: the lines about power, of the machine and of each zone: watts, a bar up to the
 * limit or the highest seen, the last minutes, the idle part, how far to trust it.
 */
#include <math.h>

#include "base/array.h"
#include "cmd/table.h"
#include "cmd/top-line.h"
#include "cmd/top.h"

#define SPARK_SPAN_NS (4 * JK_NS_PER_S) /* of a sparkline's column: 30 are two minutes */

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
put_bar(struct jk_line *line, const struct power *power, size_t columns)
{
        jk_autotext struct jk_text bar = { 0 };

        if (columns < 4)
                return;
        jk_format_bar(&bar, power->watts, power->idle_w, power->top_w, columns - 3, line->glyphs);
        jk_line_put_text(line, A_NORMAL, " ");
        jk_line_put(line, jk_attributes(JK_COLOUR_GOOD), bar.data, columns - 3, JK_FIT_LEFT);
        jk_line_put_text(line, A_NORMAL, "  ");
}

static void
put_scale(struct jk_line *line, const struct power *power, size_t columns)
{
        jk_autotext struct jk_text text = { 0 };

        if (columns == 0)
                return;
        jk_text_string(&text, power->limited ? "limit " : "max ");
        jk_format_watts(&text, power->top_w, line->glyphs);
        jk_line_put(line, A_NORMAL, text.data, columns, JK_FIT_LEFT);
}

static void
put_sparkline(struct jk_line *line, const struct power *power, int64_t now_ns, size_t columns)
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
        jk_line_put(line, jk_attributes(JK_COLOUR_MACHINE), text.data, columns - 2, JK_FIT_RIGHT);
        jk_line_put_text(line, A_NORMAL, "  ");
}

static void
put_idle(struct jk_line *line, const struct power *power, size_t columns)
{
        jk_autotext struct jk_text text = { 0 };

        if (columns == 0)
                return;
        if (isfinite(power->idle_w)) {
                jk_text_string(&text, "idle ");
                jk_format_watts(&text, power->idle_w, line->glyphs);
        }
        jk_line_put(line, jk_attributes(JK_COLOUR_IDLE), text.data, columns, JK_FIT_LEFT);
}

static void
put_trust(struct jk_line *line, const struct power *power, size_t columns)
{
        jk_autotext struct jk_text text = { 0 };

        if (columns == 0)
                return;
        if (columns < 10)
                jk_text_printf(&text, " %c", jk_provenance_name(power->provenance)[1]);
        else
                jk_format_trust(&text, power->provenance, power->uncertainty_pct, line->glyphs);
        jk_line_put(line, A_NORMAL, text.data, columns, JK_FIT_LEFT);
}

static void
draw_power(const struct jk_top *top, int y, const struct power *power, attr_t attribute)
{
        struct power_layout layout = plan_power((size_t)COLS);
        struct jk_line line = { .y = y, .glyphs = top->glyphs };
        jk_autotext struct jk_text text = { 0 };
        int64_t now_ns = top->view.span_end_ns;

        jk_text_printf(&text, "%*s", (int)(2 * power->depth), "");
        jk_format_safe(&text, power->name, top->glyphs);
        jk_line_put(&line, attribute, text.data, layout.name, JK_FIT_LEFT);
        jk_text_clear(&text);
        jk_format_watts(&text, power->watts, top->glyphs);
        jk_line_put(&line, attribute, text.data, layout.watts, JK_FIT_RIGHT);

        put_bar(&line, power, layout.bar);
        put_scale(&line, power, layout.scale);
        put_sparkline(&line, power, now_ns, layout.spark);
        put_idle(&line, power, layout.idle);
        put_trust(&line, power, layout.trust);
}

void
jk_top_draw_machine(const struct jk_top *top, int y)
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
        struct jk_line line = { .y = y, .glyphs = top->glyphs };

        if (view->n_zones > 0)
                draw_power(top, y, &power, A_BOLD);
        else
                jk_line_put_text(&line, jk_attributes(JK_COLOUR_WARNING),
                                 "no meter works here: joulekeeper doctor says why");
}

void
jk_top_draw_zone(const struct jk_top *top, int y, const struct jk_zone_view *zone)
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
