/* SPDX-License-Identifier: Apache-2.0
 *
 * The index page: the machine at a glance in one HTML document without script, image or anything to
 * fetch, so that its policy can forbid everything but its own style.
 */
#include <math.h>

#include "serve/escape.h"
#include "serve/json.h"
#include "serve/route.h"

#define TOP    10
#define KWH_UJ 3.6e12

/* The style's SHA-256 stands in the policy; a test holds the two together. */
#define STYLE                                                                                      \
        ":root{color-scheme:light dark;--line:#8884;--dim:#666}"                                   \
        "@media(prefers-color-scheme:dark){:root{--dim:#aaa}}"                                     \
        "body{font:16px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 "     \
        "1rem}"                                                                                    \
        "h1{font-size:1.3rem;margin:0}h2{font-size:1rem;margin:2rem 0 .5rem}"                      \
        ".watts{font-size:2.6rem;font-variant-numeric:tabular-nums}"                               \
        "p{margin:.3rem 0}.dim,th,footer{color:var(--dim)}"                                        \
        "table{border-collapse:collapse;width:100%}"                                               \
        "th{font-weight:normal;text-align:left}"                                                   \
        "td,th{padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line);"                 \
        "overflow-wrap:anywhere}"                                                                  \
        ".n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"                \
        "meter{width:100%}.a{table-layout:fixed}.a th{width:7rem}.a "                              \
        "th:first-child{width:auto}footer{margin-top:2rem}"

#define POLICY                                                                                     \
        "default-src 'none'; "                                                                     \
        "style-src 'sha256-6Ywhuak0oJEtWHbXbY9lLAC1N2wVYSPfY04zTyHktTw='; "                        \
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static void
number_cell(struct jk_text *html, double value, const char *unit)
{
        if (isfinite(value))
                jk_text_printf(html, "<td class=n>%.*f %s", fabs(value) < 100 ? 2 : 0, value, unit);
        else
                jk_text_string(html, "<td class=n>not seen");
}

static void
text_cell(struct jk_text *html, const char *string)
{
        jk_text_string(html, "<td>");
        jk_text_html(html, string);
}

static void
bar_cell(struct jk_text *html, double value, double whole)
{
        jk_text_string(html, "<td>");
        if (isfinite(value) && isfinite(whole) && whole > 0)
                jk_text_printf(html, "<meter max=1 value=%.3f></meter>",
                               fmax(0, fmin(value / whole, 1)));
}

static void
write_machine(struct jk_text *html, const struct jk_snapshot *snapshot)
{
        if (snapshot->n_zones == 0) {
                jk_text_string(html, "<p class=watts>no meter"
                                     "<p class=dim>Nothing here tells how much energy is used; "
                                     "<code>joulekeeper doctor</code> says why.");
                return;
        }

        if (isfinite(snapshot->machine_w))
                jk_text_printf(html, "<p class=watts>%.1f W<p class=dim>", snapshot->machine_w);
        else
                jk_text_string(html, "<p class=watts>not seen<p class=dim>");
        if (snapshot->machine_uj < KWH_UJ / 10)
                jk_text_printf(html, "%.0f J", (double)snapshot->machine_uj * 1e-6);
        else
                jk_text_printf(html, "%.3f kWh", (double)snapshot->machine_uj / KWH_UJ);
        jk_text_printf(html, " since the agent started, %s",
                       jk_provenance_name(snapshot->machine_provenance));
}

static void
write_zones(struct jk_text *html, const struct jk_snapshot *snapshot)
{
        jk_text_string(html, "<h2>Zones</h2><table><tr><th>zone<th class=n>power<th class=n>energy"
                             "<th class=n>idle power<th>known by<th class=n>error");
        for (size_t z = 0; z < snapshot->n_zones; z++) {
                const struct jk_zone_entry *zone = &snapshot->zones[z];

                jk_text_string(html, "<tr>");
                text_cell(html, zone->zone.name);
                number_cell(html, zone->seen ? zone->watts : NAN, "W");
                number_cell(html, (double)zone->measured_uj * 1e-6, "J");
                number_cell(html, zone->idle.power_w, "W");
                jk_text_string(html, "<td>");
                jk_text_printf(html, "%s, ", jk_provenance_name(zone->zone.provenance));
                jk_text_html(html, zone->zone.source);
                number_cell(html, zone->zone.uncertainty_pct, "%");
        }
        jk_text_string(html, "</table>");
}

static void
write_accounts(struct jk_text *html, const struct jk_request *request, const char *title,
               enum jk_dimension dimension)
{
        const struct jk_snapshot *snapshot = request->snapshot;
        struct jk_rank *rank = &request->scratch->processes;

        if (jk_rank_sorted(rank, snapshot, dimension, JK_SORT_WATTS, TOP) < 0) {
                html->failed = true;
                return;
        }

        jk_text_printf(html,
                       "<h2>%s</h2><table class=a><tr><th>name<th class=n>power<th>share"
                       "<th class=n>energy",
                       title);
        for (size_t i = 0; i < rank->n; i++) {
                const struct jk_entry *entry = &snapshot->entries[dimension][rank->items[i].index];

                jk_text_string(html, "<tr>");
                text_cell(html, jk_snapshot_string(snapshot, entry->name));
                if (dimension == JK_DIMENSION_TASK && entry->pid > 0)
                        jk_text_printf(html, " <span class=dim>%d</span>", (int)entry->pid);
                number_cell(html, entry->watts, "W");
                bar_cell(html, entry->watts, snapshot->machine_w);
                number_cell(html, (double)jk_entry_total_uj(snapshot, entry) * 1e-6, "J");
        }
        jk_text_string(html, "</table>");
}

static void
write_links(struct jk_text *html)
{
        jk_text_string(html, "<h2>More</h2><table>");
        for (size_t i = 1; i < jk_routes_count; i++) {
                if (jk_routes[i].flags & JK_ROUTE_BELOW)
                        continue;
                jk_text_printf(html, "<tr><td><a href=\"%s\">%s</a>", jk_routes[i].path,
                               jk_routes[i].path);
                text_cell(html, jk_routes[i].summary);
        }
        jk_text_string(html, "</table><footer>joulekeeper " JK_VERSION "</footer>\n");
}

void
jk_render_index(const struct jk_request *request, struct jk_reply *reply)
{
        const struct jk_snapshot *snapshot = request->snapshot;
        struct jk_text *html = reply->body;

        reply->type = "text/html; charset=utf-8";
        reply->policy = POLICY;
        jk_text_string(html, "<!doctype html><html lang=en><meta charset=utf-8>"
                             "<meta name=viewport content=\"width=device-width\">"
                             "<meta http-equiv=refresh content=5>"
                             "<title>joulekeeper</title><style>" STYLE "</style>"
                             "<h1>joulekeeper</h1>");
        if (snapshot) {
                write_machine(html, snapshot);
                if (snapshot->status.activity_missing[0]) {
                        jk_text_string(html, "<p class=dim>");
                        jk_text_html(html, snapshot->status.activity_missing);
                }
                write_zones(html, snapshot);
                write_accounts(html, request, "Cgroups", JK_DIMENSION_CGROUP);
                write_accounts(html, request, "Processes", JK_DIMENSION_TASK);
                write_accounts(html, request, "Users", JK_DIMENSION_USER);
                write_accounts(html, request, "The machine itself", JK_DIMENSION_MACHINE);
        } else {
                jk_text_string(html, "<p>No tick is booked yet.");
        }
        write_links(html);
}
