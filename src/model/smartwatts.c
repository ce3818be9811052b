/* SPDX-License-Identifier: Apache-2.0
 *
 * Model `smartwatts`: what SmartWatts 2.4.1 learns (smartwatts-model.h), as a model that books. A
 * layer of 100 MHz each has weights of what is counted, fitted to the last 60 ticks at that
 * frequency, and these divide what was measured; so that energy is conserved, as it is not there.
 * Where it differs from the program: counts are per second of the time that passed, not per report;
 * there is an answer before the first fit; and without counters or frequency it goes on by what
 * there is, CPU time, and one layer. docs/smartwatts.md tells what is wrong with it.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/units.h"
#include "model/divide.h"
#include "model/smartwatts-formula.h"

/* What is learned of a zone. */
struct learned {
        struct jk_smartwatts_model *model;
        size_t n, rates[JK_RATES_MAX]; /* the features, as indices of rates */

        /* the latest tick */
        struct jk_smartwatts_layer *layer; /* NULL: none could be had */
        double values[JK_RATES_MAX];       /* of the features, per second */
        double power_w;                    /* measured; NaN: it was not, or was learned already */
        double expected_w;                 /* NaN: the layer knows nothing yet */
        double error_pct; /* mean |expected − measured| in percent; NaN: unknown */
};

struct jk_model {
        struct jk_idles idles;
        struct jk_load load;
        struct jk_features features;
        struct jk_smartwatts_learning cpu, dram, board;
        struct learned *zones[JK_ZONES_MAX]; /* NULL: nothing was read of it yet */
        double frequency_mhz;                /* the latest; 0: never seen */
        bool can_weigh;                      /* of the tick at hand there are tasks to weigh … */
        bool is_whole;                       /* … and all features */
};

static int
smartwatts_open(const char *argument, struct jk_model **ret_model, struct jk_error *err)
{
        struct jk_model *model = calloc(1, sizeof *model);

        (void)argument;
        if (!model)
                return jk_fail(err, ENOMEM, "model smartwatts: out of memory");

        model->cpu = jk_smartwatts_defaults.learning[JK_SMARTWATTS_CPU];
        model->dram = jk_smartwatts_defaults.learning[JK_SMARTWATTS_DRAM];
        model->board = model->cpu;
        model->board.tdp_w = INFINITY; /* a CPU's says nothing of a whole server */
        *ret_model = model;
        return 0;
}

static void
forget_zone(struct jk_model *model, size_t zone)
{
        if (!model->zones[zone])
                return;
        jk_smartwatts_model_close(model->zones[zone]->model);
        free(model->zones[zone]);
        model->zones[zone] = NULL;
}

static void
forget(struct jk_model *model)
{
        for (size_t i = 0; i < JK_ZONES_MAX; i++)
                forget_zone(model, i);
}

static void
smartwatts_close(struct jk_model *model)
{
        if (!model)
                return;

        forget(model);
        jk_idles_free(&model->idles);
        free(model);
}

/* ---- zones ---- */

static bool
is_time(const struct jk_rate *rate)
{
        return rate->field == JK_TASK_CPU;
}

/* Which rates may explain a zone of that package: what was counted there if anything was, else what
 * was counted on all; CPU time if neither was. */
static void
choose_rates(struct learned *learned, const struct jk_features *features, int package)
{
        bool has_own = false, has_counts = false;

        for (size_t i = 0; i < features->n_rates; i++)
                has_counts |=
                        jk_features_suit(features, i, package) && !is_time(&features->rates[i]);
        for (size_t i = 0; i < features->n_rates; i++)
                has_own |= package >= 0 && features->rates[i].package == package &&
                           is_time(&features->rates[i]) != has_counts;
        for (size_t i = 0; i < features->n_rates; i++) {
                const struct jk_rate *rate = &features->rates[i];

                if (jk_features_suit(features, i, package) && is_time(rate) != has_counts &&
                    (!has_own || rate->package >= 0))
                        learned->rates[learned->n++] = i;
        }
}

static const struct jk_smartwatts_learning *
learning_of(const struct jk_model *model, const struct jk_zone *zone)
{
        if (zone->kind == JK_ZONE_DRAM)
                return &model->dram;

        return zone->package >= 0 ? &model->cpu : &model->board;
}

/* Without memory nothing is learned of it. */
static void
meet_zone(struct jk_model *model, const struct jk_sample *sample, size_t zone)
{
        const struct jk_zone *of = &sample->zones->zones[zone];
        struct learned *learned = calloc(1, sizeof *learned);

        if (!learned)
                return;
        choose_rates(learned, &model->features, of->package);
        learned->power_w = learned->expected_w = learned->error_pct = NAN;
        if (learned->n == 0 ||
            jk_smartwatts_model_open(learning_of(model, of), learned->n, &learned->model) < 0)
                free(learned);
        else
                model->zones[zone] = learned;
}

/* ---- learning ---- */

/* The mean of the CPUs that tell, by how busy each was; that of the tick before where none does.
 * (Cycles by CPU time are not the frequency: in recordings they are seen to count other things.) */
static void
observe_frequency(struct jk_model *model, const struct jk_sample *sample)
{
        double busy = 0, sum = 0;

        for (size_t i = 0; i < sample->n_cpus; i++) {
                const struct jk_cpu_reading *cpu = &sample->cpus[i];
                double busy_ns = (double)cpu->busy_ns + 1; /* an idle machine has a frequency */

                if (!cpu->frequency_seen)
                        continue;
                busy += busy_ns;
                sum += busy_ns * (double)cpu->frequency_khz / 1e3;
        }
        if (busy > 0)
                model->frequency_mhz = sum / busy;
}

/* The program estimates a time by what it knew before, and learns from it then: what was measured
 * in the tick before is learned when the next begins, and its weights divide until then. */
static void
learn_pending(struct learned *learned)
{
        if (learned->layer && !isnan(learned->power_w))
                jk_smartwatts_layer_observe(learned->model, learned->layer, learned->values,
                                            learned->power_w);
        learned->power_w = NAN;
}

static void
expect(const struct jk_model *model, struct learned *learned)
{
        double clock_mhz = (double)model->cpu.base_clock_mhz;
        double power_w;

        for (size_t i = 0; i < learned->n; i++)
                learned->values[i] =
                        model->features.values[learned->rates[i]] / model->features.voltage2;
        learned->expected_w = NAN;
        if (jk_smartwatts_model_layer(learned->model, fmax(model->frequency_mhz, clock_mhz),
                                      &learned->layer) < 0)
                learned->layer = NULL;
        if (!learned->layer || jk_smartwatts_layer_id(learned->layer) == 0)
                return;
        power_w = jk_smartwatts_layer_power_w(learned->layer, learned->values);
        if (isfinite(power_w))
                learned->expected_w = fmax(power_w, 0);
}

static void
judge(struct learned *learned)
{
        if (!isnan(learned->expected_w) && learned->power_w > 0)
                jk_error_follow(&learned->error_pct, learned->expected_w, learned->power_w);
}

static void
observe_zone(struct jk_model *model, const struct jk_sample *sample, size_t zone, bool doubtful)
{
        const struct jk_zone_reading *reading = &sample->readings[zone];
        struct learned *learned;

        if (!model->zones[zone] && jk_load_teaches(sample, zone))
                meet_zone(model, sample, zone);
        learned = model->zones[zone];
        if (!learned)
                return;
        expect(model, learned);
        if (doubtful || !jk_load_teaches(sample, zone))
                return;
        learned->power_w = jk_power_w(reading->energy_uj, reading->elapsed_ns);
        judge(learned);
}

static void
smartwatts_observe(struct jk_model *model, const struct jk_sample *sample)
{
        enum jk_features_change change;

        model->load = jk_load_of(sample);
        jk_idles_observe(&model->idles, sample, model->load.utilisation);
        for (size_t i = 0; i < JK_ZONES_MAX; i++)
                if (model->zones[i])
                        learn_pending(model->zones[i]);

        model->can_weigh = (sample->flags & JK_SAMPLE_TASKS) && sample->elapsed_ns > 0 &&
                           !(sample->flags & (JK_SAMPLE_FIRST | JK_SAMPLE_SUSPENDED));
        if (!model->can_weigh)
                return;

        change = jk_features_observe(&model->features, sample);
        model->is_whole = change != JK_FEATURES_LESS;
        if (!model->is_whole)
                return;
        if (change == JK_FEATURES_OTHER)
                forget(model);
        observe_frequency(model, sample);
        for (size_t i = 0; i < sample->zones->count; i++)
                observe_zone(model, sample, i, change == JK_FEATURES_DOUBTFUL);
}

/* ---- splitting ---- */

/* What was learned of a zone, if its layer divides the tick at hand; or NULL. */
static const struct learned *
find_useful(const struct jk_model *model, size_t zone)
{
        const struct learned *learned = model->zones[zone];

        if (!model->can_weigh || !model->is_whole || !learned || isnan(learned->expected_w))
                return NULL;
        return learned;
}

/* The intercept of the zone's layer, or 0 if it has none. */
static double
intercept_w(const struct learned *learned)
{
        if (!learned || !learned->layer || jk_smartwatts_layer_id(learned->layer) == 0)
                return 0;
        return jk_smartwatts_layer_intercept_w(learned->layer);
}

/* An intercept comes without an error bar: as far as it is from the lowest power that was
 * sustained, so far it may be off. */
static struct jk_idle_estimate
smartwatts_idle(const struct jk_model *model, size_t zone)
{
        struct jk_idle_estimate idle = jk_idles_estimate(&model->idles, zone);
        double power_w = intercept_w(model->zones[zone]);

        if (!(power_w > 0) || isnan(idle.power_w))
                return idle;
        return (struct jk_idle_estimate){
                .power_w = power_w,
                .error_w = hypot(idle.error_w, power_w - idle.power_w),
        };
}

static void
split_idle(const struct jk_model *model, const struct jk_sample *sample, size_t zone,
           double *ret_idle_uj, double *ret_error_uj)
{
        struct jk_idle_estimate idle = smartwatts_idle(model, zone);
        double elapsed_us = (double)sample->readings[zone].elapsed_ns / 1e3;

        jk_idles_split(&model->idles, sample, zone, ret_idle_uj, ret_error_uj);
        if (!(intercept_w(find_useful(model, zone)) > 0) || isnan(idle.power_w) ||
            !isnan(sample->zones->zones[zone].idle_w))
                return;
        *ret_idle_uj = idle.power_w * elapsed_us;
        *ret_error_uj = idle.error_w * elapsed_us;
}

/* Weights by the index of the rate; the leading rate's alone if nothing of what the tasks did has
 * one. */
static void
scatter_weights(const struct jk_model *model, const struct learned *learned,
                const struct jk_zone *zone, double ret_weights[JK_RATES_MAX])
{
        double sum = 0;

        for (size_t i = 0; learned && i < learned->n; i++) {
                double weight = jk_smartwatts_layer_weights(learned->layer)[i];

                ret_weights[learned->rates[i]] = weight;
                sum += weight * learned->values[i];
        }
        if (!(sum > 0))
                ret_weights[jk_leading_of(&model->features, zone)] = 1;
}

static double
model_error_pct(const struct jk_model *model, const struct learned *learned)
{
        if (!learned || isnan(learned->error_pct))
                return JK_CPU_ERROR_PCT;

        return hypot(jk_division_error_pct(&model->features), fmin(learned->error_pct, 100));
}

static void
smartwatts_split(struct jk_model *model, const struct jk_sample *sample, size_t i,
                 struct jk_split *split)
{
        const struct jk_zone *zone = &sample->zones->zones[i];
        const struct learned *learned = find_useful(model, i);
        double weights[JK_RATES_MAX] = { 0 }, idle_error_uj;

        split->blind = false;
        split_idle(model, sample, i, &split->idle_uj, &idle_error_uj);
        split->uncertainty_pct =
                jk_split_uncertainty(zone, (double)sample->readings[i].energy_uj, split->idle_uj,
                                     idle_error_uj, model_error_pct(model, learned));

        if (jk_zone_beyond_cpu(zone->kind) || !model->can_weigh || model->features.n_rates == 0) {
                jk_split_to_nobody(sample, split);
                return;
        }
        scatter_weights(model, learned, zone, weights);
        jk_divide_by_rates(&model->features, &model->load, sample, weights, split);
}

static struct jk_expectation
smartwatts_expect(const struct jk_model *model, size_t zone)
{
        const struct learned *learned = find_useful(model, zone);

        if (!learned)
                return JK_NO_EXPECTATION;

        return (struct jk_expectation){ learned->expected_w, learned->error_pct };
}

const struct jk_model_ops jk_model_smartwatts = {
        .name = "smartwatts",
        .summary = "as PowerAPI's SmartWatts learns: counters, by frequency, from the last minute",
        .open = smartwatts_open,
        .observe = smartwatts_observe,
        .split = smartwatts_split,
        .idle = smartwatts_idle,
        .expect = smartwatts_expect,
        .close = smartwatts_close,
};
