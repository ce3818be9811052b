/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics: one table whose rows make /metrics, in both text formats, and docs/metrics.md. A row is
 * a metric family and the function that emits its samples from a snapshot; a new metric is a new
 * row and touches nothing else.
 *
 * Formats: Prometheus text 0.0.4 (prometheus.io, "Exposition formats") and OpenMetrics 1.0.
 */
#pragma once

#include "serve/route.h"

enum jk_metric_type {
        JK_METRIC_COUNTER, /* only rises; its samples end in _total */
        JK_METRIC_GAUGE,
        JK_METRIC_INFO,    /* always 1, the labels tell; its samples end in _info */
        JK_METRIC_SUMMARY, /* _count and _sum */
};

struct jk_exposition;

struct jk_metric {
        const char *name; /* of the family: without _total, _info */
        enum jk_metric_type type;
        const char *unit;   /* the name's last word: "joules", "watts"; NULL: a plain number */
        const char *labels; /* for the documentation: "zone, mode"; "" if it has none */
        const char *help;
        void (*emit)(struct jk_exposition *out);
        double (*of_zone)(const struct jk_zone_entry *zone); /* or one number a zone; NaN: none */
        bool always; /* emitted before the first tick, too: there is no snapshot then */
};

extern const struct jk_metric jk_metrics[];
extern const size_t jk_metrics_count;

/* What an emitter writes to. Names of its fields are for exposition.c; emitters use the functions
 * below. */
struct jk_exposition {
        const struct jk_request *request;
        const struct jk_snapshot *snapshot;
        struct jk_text *text;
        bool openmetrics;

        const struct jk_metric *metric; /* whose samples are being emitted */
        bool headed;                    /* its HELP and TYPE are written */
        struct jk_text *labels;         /* of the sample being built */
        struct jk_labels_place place;   /* where the text has them already */

        /* For every zone and mode the labels zone="…",mode="…", rendered once per scrape. */
        struct jk_text *fragments;
        struct {
                uint32_t start, zone_length, length;
        } zones[JK_ZONES_MAX][2];
};

/* Build the labels of the next samples; they stay until cleared. */
void jk_labels_clear(struct jk_exposition *out);
void jk_label(struct jk_exposition *out, const char *name, const char *value);
void jk_label_u64(struct jk_exposition *out, const char *name, uint64_t value);

/* Or take those that were written at `place`, which is what out->place was then. */
void jk_labels_again(struct jk_exposition *out, struct jk_labels_place place);

/* Write one sample with these labels. NaN is written as such; leave out what was not seen. */
void jk_sample_u64(struct jk_exposition *out, uint64_t value);
void jk_sample_double(struct jk_exposition *out, double value);
void jk_sample_joules(struct jk_exposition *out, int64_t energy_uj);
void jk_sample_seconds(struct jk_exposition *out, int64_t value_ns);

/* The same with the zone's label added behind, and the mode's where one is given. */
enum jk_mode { JK_MODE_IDLE, JK_MODE_DYNAMIC, JK_MODE_NONE };
void jk_sample_zone_joules(struct jk_exposition *out, size_t zone, enum jk_mode mode,
                           int64_t energy_uj);

/* Both samples of a summary. */
void jk_sample_summary(struct jk_exposition *out, uint64_t count, int64_t sum_ns);

/* Render every row. */
void jk_metrics_render(const struct jk_request *request, bool openmetrics, struct jk_text *body);

/* docs/metrics.md. */
void jk_metrics_document(struct jk_text *text);
