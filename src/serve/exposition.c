/* SPDX-License-Identifier: Apache-2.0
 *
 * The two text formats of metrics: see metrics.h. They differ in the head of a family (OpenMetrics
 * names it without the suffix of its samples, and knows units and infos), in the content type and
 * in the end mark; samples are the same.
 */
#include <math.h>
#include <string.h>

#include "base/array.h"
#include "serve/accept.h"
#include "serve/escape.h"
#include "serve/json.h"
#include "serve/metrics.h"

static const struct {
        const char *openmetrics, *prometheus, *suffix;
} types[] = {
        [JK_METRIC_COUNTER] = { "counter", "counter", "_total" },
        [JK_METRIC_GAUGE] = { "gauge", "gauge", "" },
        [JK_METRIC_INFO] = { "info", "gauge", "_info" },
        [JK_METRIC_SUMMARY] = { "summary", "summary", "" },
};

/* ---- labels ---- */

void
jk_labels_clear(struct jk_exposition *out)
{
        jk_text_clear(out->labels);
        out->place = (struct jk_labels_place){ 0 };
}

void
jk_labels_again(struct jk_exposition *out, struct jk_labels_place place)
{
        out->place = place;
}

static void
append_label(struct jk_text *text, const char *name, const char *value)
{
        if (text->length > 0)
                jk_text_char(text, ',');
        jk_text_string(text, name);
        jk_text_bytes(text, "=\"", 2);
        jk_text_label(text, value);
        jk_text_char(text, '"');
}

void
jk_label(struct jk_exposition *out, const char *name, const char *value)
{
        append_label(out->labels, name, value);
}

void
jk_label_u64(struct jk_exposition *out, const char *name, uint64_t value)
{
        struct jk_text *text = out->labels;

        if (text->length > 0)
                jk_text_char(text, ',');
        jk_text_string(text, name);
        jk_text_bytes(text, "=\"", 2);
        jk_text_u64(text, value);
        jk_text_char(text, '"');
}

/* Accounts have a sample per zone and mode, so these two labels are most of what is written. */
static void
render_fragments(struct jk_exposition *out)
{
        static const char *const modes[] = { ",mode=\"idle\"", ",mode=\"dynamic\"" };

        jk_text_clear(out->fragments);
        for (size_t z = 0; out->snapshot && z < out->snapshot->n_zones; z++)
                for (int mode = 0; mode < 2; mode++) {
                        size_t start = out->fragments->length;

                        jk_text_string(out->fragments, "zone=\"");
                        jk_text_label(out->fragments, out->snapshot->zones[z].zone.name);
                        jk_text_char(out->fragments, '"');
                        out->zones[z][mode].start = (uint32_t)start;
                        out->zones[z][mode].zone_length =
                                (uint32_t)(out->fragments->length - start);
                        jk_text_string(out->fragments, modes[mode]);
                        out->zones[z][mode].length = (uint32_t)(out->fragments->length - start);
                }
}

/* ---- samples ---- */

/* A family's head is written with its first sample: one without samples is not there at all. */
static void
write_head(struct jk_exposition *out)
{
        const struct jk_metric *metric = out->metric;
        const char *suffix = out->openmetrics ? "" : types[metric->type].suffix;

        out->headed = true;
        jk_text_printf(out->text, "# HELP %s%s ", metric->name, suffix);
        jk_text_string(out->text, metric->help);
        jk_text_printf(out->text, "\n# TYPE %s%s %s\n", metric->name, suffix,
                       out->openmetrics ? types[metric->type].openmetrics
                                        : types[metric->type].prometheus);
        if (out->openmetrics && metric->unit)
                jk_text_printf(out->text, "# UNIT %s %s\n", metric->name, metric->unit);
}

/* The labels, which from then on are copied from here. */
static void
write_labels(struct jk_exposition *out)
{
        struct jk_text *text = out->text;
        size_t start = text->length;

        if (out->place.length > 0)
                jk_text_repeat(text, out->place.start, out->place.length);
        else
                jk_text_bytes(text, out->labels->data, out->labels->length);
        if (text->length <= UINT32_MAX)
                out->place = (struct jk_labels_place){ (uint32_t)start,
                                                       (uint32_t)(text->length - start) };
}

/* Everything before the value; `more` are labels behind those that were built. */
static void
begin_sample(struct jk_exposition *out, const char *suffix, const char *more, size_t more_length)
{
        struct jk_text *text = out->text;
        bool has_labels = out->place.length > 0 || out->labels->length > 0;

        if (!out->headed)
                write_head(out);

        jk_text_string(text, out->metric->name);
        jk_text_string(text, suffix);
        if (has_labels || more_length > 0) {
                jk_text_char(text, '{');
                if (has_labels)
                        write_labels(out);
                if (has_labels && more_length > 0)
                        jk_text_char(text, ',');
                jk_text_bytes(text, more, more_length);
                jk_text_char(text, '}');
        }
        jk_text_char(text, ' ');
}

static void
begin_plain_sample(struct jk_exposition *out)
{
        begin_sample(out, types[out->metric->type].suffix, "", 0);
}

static void
end_sample(struct jk_exposition *out)
{
        jk_text_char(out->text, '\n');
}

void
jk_sample_u64(struct jk_exposition *out, uint64_t value)
{
        begin_plain_sample(out);
        jk_text_u64(out->text, value);
        end_sample(out);
}

void
jk_sample_double(struct jk_exposition *out, double value)
{
        begin_plain_sample(out);
        if (isnan(value))
                jk_text_string(out->text, "NaN");
        else if (isinf(value))
                jk_text_string(out->text, value > 0 ? "+Inf" : "-Inf");
        else
                jk_text_decimal(out->text, value);
        end_sample(out);
}

void
jk_sample_joules(struct jk_exposition *out, int64_t energy_uj)
{
        begin_plain_sample(out);
        jk_text_joules(out->text, energy_uj);
        end_sample(out);
}

void
jk_sample_seconds(struct jk_exposition *out, int64_t value_ns)
{
        begin_plain_sample(out);
        jk_text_seconds(out->text, value_ns);
        end_sample(out);
}

void
jk_sample_zone_joules(struct jk_exposition *out, size_t zone, enum jk_mode mode, int64_t energy_uj)
{
        int row = mode == JK_MODE_NONE ? 0 : (int)mode;
        size_t length = mode == JK_MODE_NONE ? out->zones[zone][row].zone_length
                                             : out->zones[zone][row].length;

        begin_sample(out, types[out->metric->type].suffix,
                     out->fragments->data + out->zones[zone][row].start, length);
        jk_text_joules(out->text, energy_uj);
        end_sample(out);
}

void
jk_sample_summary(struct jk_exposition *out, uint64_t count, int64_t sum_ns)
{
        begin_sample(out, "_count", "", 0);
        jk_text_u64(out->text, count);
        end_sample(out);
        begin_sample(out, "_sum", "", 0);
        jk_text_seconds(out->text, sum_ns);
        end_sample(out);
}

/* ---- the whole ---- */

/* Which accounts are shown is decided once, as several families show the same ones. */
static int
prepare_accounts(const struct jk_request *request)
{
        struct jk_serve_scratch *scratch = request->scratch;
        int r = jk_rank_shown(&scratch->processes, request->snapshot, JK_DIMENSION_TASK,
                              request->metrics_processes);

        if (r == 0)
                r = jk_rank_shown(&scratch->cgroups, request->snapshot, JK_DIMENSION_CGROUP,
                                  request->metrics_cgroups);
        if (r == 0)
                r = jk_array_grow(&scratch->process_labels, &scratch->process_labels_capacity,
                                  scratch->processes.n);
        if (r == 0 && scratch->processes.n > 0)
                memset(scratch->process_labels, 0,
                       scratch->processes.n * sizeof *scratch->process_labels);
        return r;
}

/* The zone gauges differ in nothing but the number they show. */
static void
emit_zones(struct jk_exposition *out)
{
        for (size_t z = 0; z < out->snapshot->n_zones; z++) {
                const struct jk_zone_entry *zone = &out->snapshot->zones[z];
                double value = out->metric->of_zone(zone);

                if (!isfinite(value))
                        continue;
                jk_labels_clear(out);
                jk_label(out, "zone", zone->zone.name);
                jk_sample_double(out, value);
        }
}

static void
emit(struct jk_exposition *out)
{
        if (out->metric->of_zone)
                emit_zones(out);
        else
                out->metric->emit(out);
}

void
jk_metrics_render(const struct jk_request *request, bool openmetrics, struct jk_text *body)
{
        struct jk_exposition out = {
                .request = request,
                .snapshot = request->snapshot,
                .text = body,
                .openmetrics = openmetrics,
                .labels = &request->scratch->labels,
                .fragments = &request->scratch->fragments,
        };

        if (out.snapshot && prepare_accounts(request) < 0)
                body->failed = true;

        render_fragments(&out);
        for (size_t i = 0; i < jk_metrics_count; i++) {
                if (!out.snapshot && !jk_metrics[i].always)
                        continue;
                out.metric = &jk_metrics[i];
                out.headed = false;
                jk_labels_clear(&out);
                emit(&out);
        }
        if (openmetrics)
                jk_text_string(body, "# EOF\n");
        if (out.labels->failed || out.fragments->failed)
                body->failed = true;
}

void
jk_render_metrics(const struct jk_request *request, struct jk_reply *reply)
{
        bool openmetrics = jk_accept_openmetrics(request->accept);

        reply->negotiated = true;
        reply->type = openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                  : "text/plain; version=0.0.4; charset=utf-8";
        jk_metrics_render(request, openmetrics, reply->body);
}
