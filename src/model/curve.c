/* SPDX-License-Identifier: Apache-2.0
 *
 * Model `curve`: goes by a model file that was learned before, on this machine or on one like it.
 * It divides the zones of the file's kind by the file's weights, all others by CPU time, and says
 * what power the file leads one to expect. It learns nothing but idle power.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "curve/curve.h"
#include "model/curve-file.h"
#include "model/divide.h"
#include "model/load.h"
#include "model/model.h"

/* Rates that are a task's own counts. */
static const struct {
        enum jk_task_field field;
        enum jk_curve_rate rate;
} counts[] = {
        { JK_TASK_CYCLES, JK_CURVE_CYCLES },
        { JK_TASK_INSTRUCTIONS, JK_CURVE_INSTRUCTIONS },
        { JK_TASK_LLC_MISSES, JK_CURVE_LLC_MISSES },
};

struct jk_model {
        struct jk_curve curve;
        struct jk_curve_view view;
        struct jk_idles idles;
        struct jk_load load;
        struct jk_features features;
        bool can_weigh;
        bool is_priced;                        /* the tick shows all that the curve goes by */
        enum jk_zone_kind kinds[JK_ZONES_MAX]; /* of the tick's zones: who expects has no sample */
        size_t n_kind;                         /* zones of the curve's kind */
};

static int
curve_open(const char *argument, struct jk_model **ret_model, struct jk_error *err)
{
        struct jk_model *model = calloc(1, sizeof *model);
        int r;

        if (!model)
                return jk_fail(err, ENOMEM, "model curve: out of memory");

        r = jk_curve_read(argument, NULL, &model->curve, err);
        if (r < 0) {
                free(model);
                return r;
        }
        *ret_model = model;
        return 0;
}

static void
curve_close(struct jk_model *model)
{
        if (!model)
                return;

        jk_idles_free(&model->idles);
        free(model);
}

/* ---- a tick ---- */

static const struct jk_curve_term *
find_term(const struct jk_curve *curve, const char *name)
{
        for (size_t i = 0; i < curve->n_terms; i++)
                if (strcmp(curve->terms[i].name, name) == 0)
                        return &curve->terms[i];

        return NULL;
}

/* The term that goes by a task's own counts, if this rate is one of these. */
static const struct jk_curve_term *
term_of(const struct jk_model *model, const struct jk_rate *rate)
{
        if (!rate->field)
                return model->view.table ? find_term(&model->curve,
                                                     model->view.table->events[rate->column].name)
                                         : NULL;

        for (size_t i = 0; i < JK_COUNT(counts); i++)
                if (rate->field == counts[i].field)
                        return find_term(&model->curve, jk_curve_rates[counts[i].rate]);
        return NULL;
}

/* Joules per count of a task in a zone of that package: what goes by counts, by these; the rest of
 * the power above idle, by CPU time. A count stands among the rates once for the machine and once
 * for each package, and is the zone's only once. */
static void
set_weights(const struct jk_model *model, int package, double weights[JK_RATES_MAX])
{
        const struct jk_features *features = &model->features;
        struct jk_curve_power power = jk_curve_power(&model->curve, &model->view);
        double busy = jk_curve_rate(&model->view, jk_curve_rates[JK_CURVE_CPU]);
        double rest_w = power.power_w - power.idle_w;

        for (size_t t = 0; t < model->curve.n_terms; t++) {
                const struct jk_curve_term *term = &model->curve.terms[t];
                bool is_counted = false;

                for (size_t i = 0; i < features->n_rates; i++) {
                        if (!jk_features_suit(features, i, package) ||
                            term_of(model, &features->rates[i]) != term)
                                continue;
                        weights[i] = fmax(term->weight, 0);
                        is_counted = true;
                }
                if (is_counted)
                        rest_w -= fmax(term->weight, 0) * jk_curve_rate(&model->view, term->name);
        }
        for (size_t i = 0; i < features->n_rates; i++)
                if (features->rates[i].field == JK_TASK_CPU &&
                    jk_features_suit(features, i, package))
                        weights[i] = busy > 0 && rest_w > 0 ? rest_w / busy / 1e9 : 0;
}

static void
curve_observe(struct jk_model *model, const struct jk_sample *sample)
{
        bool seen;

        model->load = jk_load_of(sample);
        jk_idles_observe(&model->idles, sample, model->load.utilisation);
        seen = jk_curve_observe(&model->view, sample);

        model->n_kind = 0;
        for (size_t i = 0; i < sample->zones->count; i++) {
                model->kinds[i] = sample->zones->zones[i].kind;
                model->n_kind += model->kinds[i] == model->curve.kind;
        }

        model->can_weigh = (sample->flags & JK_SAMPLE_TASKS) && sample->elapsed_ns > 0 &&
                           !(sample->flags & (JK_SAMPLE_FIRST | JK_SAMPLE_SUSPENDED));
        model->is_priced = false;
        if (!model->can_weigh)
                return;
        jk_features_observe(&model->features, sample);
        model->is_priced = seen && !jk_curve_missing(&model->curve, &model->view);
}

static struct jk_idle_estimate
curve_idle(const struct jk_model *model, size_t zone)
{
        return jk_idles_estimate(&model->idles, zone);
}

/* ---- splitting and expecting ---- */

static void
weigh_by_leading(const struct jk_model *model, const struct jk_sample *sample,
                 const struct jk_zone *zone, struct jk_split *split)
{
        double weights[JK_RATES_MAX] = { 0 };

        weights[jk_leading_of(&model->features, zone)] = 1;
        jk_divide_by_rates(&model->features, &model->load, sample, weights, split);
}

static void
weigh_by_curve(const struct jk_model *model, const struct jk_sample *sample,
               const struct jk_zone *zone, struct jk_split *split)
{
        double weights[JK_RATES_MAX] = { 0 };

        set_weights(model, zone->package, weights);
        jk_divide_by_rates(&model->features, &model->load, sample, weights, split);
}

static void
curve_split(struct jk_model *model, const struct jk_sample *sample, size_t i,
            struct jk_split *split)
{
        const struct jk_zone *zone = &sample->zones->zones[i];
        double energy_uj = (double)sample->readings[i].energy_uj, idle_error_uj;
        double model_pct = jk_division_error_pct(&model->features);

        if (zone->kind == model->curve.kind)
                model_pct = hypot(model_pct, model->curve.error_pct);
        jk_idles_split(&model->idles, sample, i, &split->idle_uj, &idle_error_uj);
        split->uncertainty_pct =
                jk_split_uncertainty(zone, energy_uj, split->idle_uj, idle_error_uj, model_pct);

        split->blind = false;
        if (jk_zone_beyond_cpu(zone->kind) || !model->can_weigh || model->features.n_rates == 0)
                jk_split_to_nobody(sample, split);
        else if (zone->kind == model->curve.kind && model->is_priced)
                weigh_by_curve(model, sample, zone, split);
        else
                weigh_by_leading(model, sample, zone, split);
}

/* The file tells of all zones of its kind together, and not which of several works. */
static struct jk_expectation
curve_expect(const struct jk_model *model, size_t zone)
{
        struct jk_curve_power power;

        if (model->kinds[zone] != model->curve.kind || model->n_kind == 0)
                return JK_NO_EXPECTATION;

        power = jk_curve_power(&model->curve, &model->view);
        return (struct jk_expectation){ power.power_w / (double)model->n_kind,
                                        jk_curve_error_pct(&model->curve, power.beyond) };
}

const struct jk_model_ops jk_model_curve = {
        .name = "curve",
        .summary = "by a model file that was trained before; idle power learned",
        .argument = "FILE",
        .open = curve_open,
        .observe = curve_observe,
        .split = curve_split,
        .idle = curve_idle,
        .expect = curve_expect,
        .close = curve_close,
};
