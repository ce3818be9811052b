/* SPDX-License-Identifier: Apache-2.0
 *
 * Model files: what was learned or calibrated on one machine, or made from published figures, for
 * zones and machines that do not learn it themselves. One JSON object a file (docs/models.md). A
 * file is refused whole, with the place, when anything in it cannot be: what others wrote must not
 * reach the books as a watt that nobody can explain. What was read can be used without a check.
 *
 * The power of a model is
 *
 *     its base, which is `idle_watts` or a curve of points over utilisation,
 *     + Σ weight × feature
 *
 * of one zone, of all zones of the kind on the machine, or of one hardware thread of them. Features
 * are those of the whole machine; with `per` thread they are divided by its threads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/text.h"
#include "sample/sample.h"

#define JK_MODEL_SCHEMA      1
#define JK_MODEL_BYTES_MAX   (256 * 1024)
#define JK_MODEL_POINTS_MAX  64
#define JK_MODEL_WEIGHTS_MAX (JK_EVENTS_MAX + 16) /* features of a model */

enum jk_model_kind {
        JK_MODEL_CURVE,  /* watts over utilisation, and what else is seen */
        JK_MODEL_EVENTS, /* idle watts and watts per rate of counted events: no weight is < 0 */
        JK_MODEL_LINEAR, /* the same as others fitted it: weights may be negative */
        JK_MODEL_KIND_MAX,
};

enum jk_model_per { JK_PER_ZONE, JK_PER_MACHINE, JK_PER_THREAD, JK_PER_MAX };

struct jk_model_point {
        double load; /* 0 … 1, rising from point to point */
        double watts;
};

/* Units are of the machine in a second: "utilisation" 1 (0 … 1), "cpu" s/s (busy CPUs), "cycles",
 * "instructions", "llc-misses" 1/s, "frequency" MHz, an event by its name 1/s. */
struct jk_model_feature {
        char name[JK_EVENT_NAME_SIZE];
        char unit[16];
        double weight;           /* watts per unit; NaN: it is the curve's */
        double minimum, maximum; /* between which it was seen; NaN: not told */
};

/* What it was made on, or for. Texts are empty, numbers -1 and NaN where they are not told. */
struct jk_model_cpu {
        char vendor[16];       /* as in proc/cpuinfo: "GenuineIntel" */
        char architecture[24]; /* a family of data/models: "skylake" (cpu-model.h) */
        char name[80];
        int family, model, stepping;
        int implementer, part;       /* ARM */
        int sockets, cores, threads; /* of the machine */
        int threads_per_core;
        double base_mhz;
};

struct jk_model_provenance {
        char program[64]; /* "joulekeeper 0.1.0" */
        char method[160]; /* "medians of 24 servers, per thread" */
        char source[256]; /* what data, whose */
        char licence[64];
        char date[12]; /* 2026-11-21 */
};

/* How far off it was, of what it was not made from. */
struct jk_model_error {
        double mae_w, mape_pct;
        double uncertainty_pct; /* one standard deviation, for whoever uses it; NaN: not told */
        int n;                  /* ticks, or servers; -1 */
        char method[96];        /* "leave one server out" */
};

struct jk_model_file {
        enum jk_model_kind kind;
        char name[48]; /* letters, digits, '-', '_', '.': also a file's name */
        char summary[160];
        enum jk_zone_kind zone;
        enum jk_model_per per;
        double idle_w; /* NaN: there are points */
        size_t n_points;
        struct jk_model_point points[JK_MODEL_POINTS_MAX];
        size_t n_features;
        struct jk_model_feature features[JK_MODEL_WEIGHTS_MAX];
        struct jk_model_cpu cpu;
        struct jk_model_provenance provenance;
        struct jk_model_error error;
};

/* Nothing told: to be filled by who makes one. */
void jk_model_file_init(struct jk_model_file *file);

/* From a text: 0; -EBADMSG with "NAME:LINE: …" or "NAME: features[2].weight: …"; -ENOMEM. */
int jk_model_file_parse(const char *name, const char *text, size_t length,
                        struct jk_model_file *ret_file, struct jk_error *err);

/* Append what is in a file of up to JK_MODEL_BYTES_MAX; -EBADMSG if it is longer. */
int jk_model_text_read(const char *path, struct jk_text *text, struct jk_error *err);

/* From a file of up to JK_MODEL_BYTES_MAX: as above, or why it cannot be read. */
int jk_model_file_read(const char *path, struct jk_model_file *ret_file, struct jk_error *err);

/* Append it as JSON: the same model gives the same text, and reading that gives the same model, to
 * the last bit. -EINVAL with the place if it could not be read again. */
int jk_model_file_print(const struct jk_model_file *file, struct jk_text *text,
                        struct jk_error *err);

/* Write it: there is always either what was there before or all of it. */
int jk_model_file_save(const struct jk_model_file *file, const char *path, struct jk_error *err);

/* Watts of the points at a load (clamped to them), straight between two; needs n_points > 0. */
double jk_model_curve_w(const struct jk_model_file *file, double load);

/* Watts with these features [n_features], in the file's order, and at this load where there are
 * points; never < 0. NaN where a load or a feature with a weight is NaN: not seen. */
double jk_model_power_w(const struct jk_model_file *file, double load, const double *features);

/* Index of the feature, or -1. */
int jk_model_feature_find(const struct jk_model_file *file, const char *name);

const char *jk_model_kind_name(enum jk_model_kind kind); /* "curve" */
const char *jk_model_per_name(enum jk_model_per per);    /* "zone" */
