/* SPDX-License-Identifier: Apache-2.0
 *
 * Curves and model files: see curve-file.h.
 */
#include "model/curve-file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "model/match.h"

_Static_assert(JK_CURVE_TERMS_MAX >= JK_MODEL_WEIGHTS_MAX, "a file has room in a curve");
_Static_assert(JK_CURVE_LEARNED + JK_EVENTS_MAX + 1 <= JK_MODEL_WEIGHTS_MAX,
               "what is learned has room in a file");

/* Of a file that tells no error: as wide as the table of CPUs at its widest. */
#define UNTOLD_ERROR_PCT 66

static const struct {
        enum jk_curve_rate rate;
        const char *unit;
} units[] = {
        { JK_CURVE_CPU, "s/s" },           { JK_CURVE_CPU_GHZ, "GHz s/s" },
        { JK_CURVE_CPU_GHZ3, "GHz3 s/s" }, { JK_CURVE_RECENT, "s/s" },
        { JK_CURVE_UTILISATION, "1" },     { JK_CURVE_MHZ, "MHz" },
};

static const char *
unit_of(const char *name)
{
        for (size_t i = 0; i < JK_COUNT(units); i++)
                if (strcmp(name, jk_curve_rates[units[i].rate]) == 0)
                        return units[i].unit;

        return "1/s";
}

/* How many hardware threads the base is of; 0: it is not told, and not scaled. */
static double
threads_of(const struct jk_model_file *file)
{
        if (file->per == JK_PER_THREAD)
                return 1;
        if (file->cpu.threads <= 0)
                return 0;
        return file->per == JK_PER_ZONE && file->cpu.sockets > 1
                       ? (double)file->cpu.threads / file->cpu.sockets
                       : file->cpu.threads;
}

static void
take_features(const struct jk_model_file *file, struct jk_curve *curve)
{
        int load = jk_model_feature_find(file, jk_curve_rates[JK_CURVE_UTILISATION]);
        /* Of one zone by the machine's rates: there are as many as sockets. */
        double zones = file->per == JK_PER_ZONE && file->cpu.sockets > 1 ? file->cpu.sockets : 1;

        curve->busiest = load >= 0 ? file->features[load].maximum : NAN;
        for (size_t i = 0; i < file->n_features && curve->n_terms < JK_CURVE_TERMS_MAX; i++) {
                const struct jk_model_feature *feature = &file->features[i];
                struct jk_curve_term *term = &curve->terms[curve->n_terms];

                if (isnan(feature->weight))
                        continue; /* it is the base's */
                *term = (struct jk_curve_term){ .weight = zones * feature->weight,
                                                .most = feature->maximum };
                memcpy(term->name, feature->name, sizeof term->name);
                curve->n_terms++;
        }
}

void
jk_curve_from_file(const struct jk_model_file *file, struct jk_curve *ret_curve)
{
        struct jk_curve curve = { .kind = file->zone, .cpus = threads_of(file) };

        snprintf(curve.name, sizeof curve.name, "%s", file->name);
        for (size_t l = 0; l < JK_CURVE_LEVELS; l++)
                curve.levels_w[l] =
                        file->n_points > 0
                                ? jk_model_curve_w(file, (double)l / (JK_CURVE_LEVELS - 1))
                                : file->idle_w;
        take_features(file, &curve);
        curve.error_pct =
                isnan(file->error.uncertainty_pct) ? UNTOLD_ERROR_PCT : file->error.uncertainty_pct;
        *ret_curve = curve;
}

/* Another CPU's curve may be further off than it was where it was learned. */
static void
widen(const struct jk_model_file *file, const struct jk_model_cpu *cpu, struct jk_curve *curve)
{
        struct jk_model_match match = jk_model_match(cpu, file);

        if (match.error_pct > curve->error_pct)
                curve->error_pct = match.error_pct;
}

int
jk_curve_read(const char *path, const struct jk_model_cpu *cpu, struct jk_curve *ret_curve,
              struct jk_error *err)
{
        jk_autofree struct jk_model_file *file = malloc(sizeof *file);
        int r;

        if (!file)
                return jk_fail(err, ENOMEM, "%s: out of memory", path);
        r = jk_model_file_read(path, file, err);
        if (r < 0)
                return r;

        jk_curve_from_file(file, ret_curve);
        if (cpu)
                widen(file, cpu, ret_curve);
        return 0;
}

static void
add_feature(struct jk_model_file *file, const char *name, double weight, double most)
{
        struct jk_model_feature *feature = &file->features[file->n_features++];

        snprintf(feature->name, sizeof feature->name, "%s", name);
        snprintf(feature->unit, sizeof feature->unit, "%s", unit_of(name));
        feature->weight = weight;
        feature->minimum = 0;
        feature->maximum = most;
}

void
jk_curve_to_file(const struct jk_curve *curve, struct jk_model_file *file)
{
        file->kind = JK_MODEL_CURVE;
        file->zone = curve->kind;
        file->per = JK_PER_MACHINE;
        file->idle_w = NAN;
        file->n_points = JK_CURVE_LEVELS;
        for (size_t l = 0; l < JK_CURVE_LEVELS; l++)
                file->points[l] = (struct jk_model_point){
                        .load = (double)l / (JK_CURVE_LEVELS - 1),
                        .watts = curve->levels_w[l],
                };

        file->n_features = 0;
        add_feature(file, jk_curve_rates[JK_CURVE_UTILISATION], NAN, curve->busiest);
        for (size_t i = 0; i < curve->n_terms; i++)
                add_feature(file, curve->terms[i].name, curve->terms[i].weight,
                            curve->terms[i].most);
}
