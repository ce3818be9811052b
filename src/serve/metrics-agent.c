/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics of the agent about itself: its ticks, what it costs, its meters, its HTTP server.
 */
#include <math.h>
#include <string.h>

#include "serve/metrics-rows.h"
#include "serve/metrics.h"

/* ---- ticks ---- */

void
jk_emit_ticks(struct jk_exposition *out)
{
        jk_sample_u64(out, out->snapshot->status.ticks);
}

void
jk_emit_late_ticks(struct jk_exposition *out)
{
        jk_sample_u64(out, out->snapshot->status.late_ticks);
}

void
jk_emit_missed_ticks(struct jk_exposition *out)
{
        jk_sample_u64(out, out->snapshot->status.missed_ticks);
}

void
jk_emit_lost_events(struct jk_exposition *out)
{
        jk_sample_u64(out, out->snapshot->status.lost_events);
}

static void
phase(struct jk_exposition *out, const char *name, int64_t cpu_ns)
{
        jk_labels_clear(out);
        jk_label(out, "phase", name);
        jk_sample_seconds(out, cpu_ns);
}

void
jk_emit_tick_phases(struct jk_exposition *out)
{
        phase(out, "collect", out->snapshot->status.collect_ns);
        phase(out, "attribute", out->snapshot->status.attribute_ns);
        phase(out, "publish", out->snapshot->status.publish_ns);
}

void
jk_emit_interval(struct jk_exposition *out)
{
        jk_sample_seconds(out, out->snapshot->status.interval_ns);
}

void
jk_emit_last_tick(struct jk_exposition *out)
{
        jk_sample_seconds(out, out->snapshot->time.realtime_ns);
}

void
jk_emit_start(struct jk_exposition *out)
{
        jk_sample_seconds(out, out->snapshot->status.started_realtime_ns);
}

/* ---- cost ---- */

void
jk_emit_self_cpu(struct jk_exposition *out)
{
        jk_sample_seconds(out, out->snapshot->status.self_cpu_ns);
}

void
jk_emit_self_resident(struct jk_exposition *out)
{
        jk_sample_u64(out, out->snapshot->status.self_resident_bytes);
}

/* ---- meters ---- */

void
jk_emit_meter_working(struct jk_exposition *out)
{
        for (size_t i = 0; i < out->snapshot->status.n_meters; i++) {
                const struct jk_meter_report *meter = &out->snapshot->status.meters[i];
                bool working = strcmp(meter->state, "working") == 0;

                if (!working && strcmp(meter->state, "failed") != 0)
                        continue;
                jk_labels_clear(out);
                jk_label(out, "meter", meter->name);
                jk_sample_u64(out, working);
        }
}

void
jk_emit_meter_failures(struct jk_exposition *out)
{
        for (size_t i = 0; i < out->snapshot->status.n_meters; i++) {
                const struct jk_meter_report *meter = &out->snapshot->status.meters[i];

                if (strcmp(meter->state, "absent") == 0 && meter->failures == 0)
                        continue;
                jk_labels_clear(out);
                jk_label(out, "meter", meter->name);
                jk_sample_u64(out, meter->failures);
        }
}

void
jk_emit_meter_offset(struct jk_exposition *out)
{
        for (size_t i = 0; i < out->snapshot->status.n_meters; i++) {
                const struct jk_meter_report *meter = &out->snapshot->status.meters[i];

                if (isnan(meter->offset_s))
                        continue;
                jk_labels_clear(out);
                jk_label(out, "meter", meter->name);
                jk_sample_double(out, meter->offset_s);
        }
}

/* ---- HTTP ---- */

/* Requests that no route answers are one row: paths that clients make up are no labels. */
static const char *
path_of(size_t route)
{
        return route < jk_routes_count ? jk_routes[route].path : "other";
}

void
jk_emit_http_durations(struct jk_exposition *out)
{
        for (size_t i = 0; i <= jk_routes_count; i++) {
                uint64_t count = 0;

                for (int class = 0; class < 6; class ++)
                        count += out->request->stats->routes[i].replies[class];
                if (count == 0)
                        continue;
                jk_labels_clear(out);
                jk_label(out, "path", path_of(i));
                jk_sample_summary(out, count, (int64_t)out->request->stats->routes[i].duration_ns);
        }
}

void
jk_emit_http_replies(struct jk_exposition *out)
{
        static const char *const codes[] = { NULL, NULL, "2xx", NULL, "4xx", "5xx" };

        for (size_t i = 0; i <= jk_routes_count; i++)
                for (int class = 0; class < 6; class ++) {
                        uint64_t n = out->request->stats->routes[i].replies[class];

                        if (n == 0 || !codes[class])
                                continue;
                        jk_labels_clear(out);
                        jk_label(out, "path", path_of(i));
                        jk_label(out, "code", codes[class]);
                        jk_sample_u64(out, n);
                }
}

void
jk_emit_http_cut(struct jk_exposition *out)
{
        jk_sample_u64(out, out->request->stats->cut_connections);
}

void
jk_emit_http_connections(struct jk_exposition *out)
{
        jk_sample_u64(out, out->request->stats->connections);
}

/* ---- what it is ---- */

void
jk_emit_agent(struct jk_exposition *out)
{
        const struct jk_status *status = &out->snapshot->status;

        jk_label(out, "activity", status->activity ? status->activity : "none");
        jk_label(out, "model", status->model);
        jk_label(out, "cgroups", status->cgroups);
        jk_sample_u64(out, 1);
}

void
jk_emit_build(struct jk_exposition *out)
{
        jk_label(out, "version", JK_VERSION);
        jk_sample_u64(out, 1);
}
