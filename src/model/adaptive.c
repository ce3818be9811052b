/* SPDX-License-Identifier: Apache-2.0
 *
 * Model `adaptive`: learns while it runs which rates of activity (features.h) explain a zone's
 * energy. Ticks are kept as cells (cells.h); from these the additive weights by which energy is
 * divided (weights.h), and a kernel regression that says what power the activity leads one to
 * expect (kernel.h): its error is published, and tells when to learn anew. Divides from the first
 * tick on, at first by the leading rate alone. Relies on nothing but the sample.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/units.h"
#include "model/cells.h"
#include "model/divide.h"
#include "model/features.h"
#include "model/kernel.h"
#include "model/load.h"
#include "model/model.h"
#include "model/weights.h"

#define CELLS 192

/* Multiplications per tick for the weights, and as many for the regression: some 50 µs each. A fit
 * of all cells takes about a minute of ticks of 1 s. */
#define WORK_PER_TICK 60000

/* A fit is begun when so much is new: at once while little is known, later each so many ticks, and
 * soon where predictions were off by more than ERROR_PCT. */
#define NEW_TICKS      60
#define NEW_TICKS_SOON 10
#define ERROR_PCT      2.0

/* A zone that was not read so many times in a row is gone, until it comes back. */
#define GONE_TICKS 60

struct learned {
        size_t zone; /* index in the sample's table */
        struct jk_weights weights;
        double expected_w; /* by activity alone; NaN: not known yet */
        double error_pct;  /* mean |expected − measured|, in percent of measured; NaN: unknown */
};

struct jk_model {
        struct jk_idles idles;
        struct jk_load load;
        struct jk_features features;

        /* zones that were ever read, and their power then */
        bool known[JK_ZONES_MAX];
        double last_w[JK_ZONES_MAX];
        unsigned missed[JK_ZONES_MAX]; /* ticks in a row in which it was not read */

        /* what is learned: of the zones that were known when learning began */
        struct learned *zones;
        size_t n_zones;
        struct jk_cells cells;
        struct jk_kernel *kernel;
        size_t next_weights; /* the zone whose weights are learned next, … */
        size_t work_owed;    /* … when what the last ones cost above a tick's part is paid */
        double *power_w;     /* [n_zones], of the tick */

        bool can_weigh; /* of the tick at hand there are tasks to weigh … */
        bool is_whole;  /* … and all features */
};

static int
adaptive_open(const char *argument, struct jk_model **ret_model, struct jk_error *err)
{
        struct jk_model *model = calloc(1, sizeof *model);

        (void)argument;
        if (!model)
                return jk_fail(err, ENOMEM, "model adaptive: out of memory");

        model->features.wants_cores = true;
        *ret_model = model;
        return 0;
}

static void
forget(struct jk_model *model)
{
        free(model->zones);
        free(model->power_w);
        jk_cells_free(&model->cells);
        jk_kernel_close(model->kernel);
        model->zones = NULL;
        model->power_w = NULL;
        model->kernel = NULL;
        model->n_zones = model->next_weights = model->work_owed = 0;
}

static void
adaptive_close(struct jk_model *model)
{
        if (!model)
                return;

        forget(model);
        jk_idles_free(&model->idles);
        free(model);
}

/* ---- zones ---- */

static struct learned *
find(const struct jk_model *model, size_t zone)
{
        for (size_t i = 0; i < model->n_zones; i++)
                if (model->zones[i].zone == zone)
                        return &model->zones[i];

        return NULL;
}

/* Note what is read: whether there is a zone that never was before. */
static bool
meet_zones(struct jk_model *model, const struct jk_sample *sample)
{
        bool any = false;

        for (size_t i = 0; i < sample->zones->count; i++) {
                model->missed[i]++;
                if (!jk_load_teaches(sample, i))
                        continue;
                any |= !model->known[i];
                model->known[i] = true;
                model->missed[i] = 0;
                model->last_w[i] =
                        jk_power_w(sample->readings[i].energy_uj, sample->readings[i].elapsed_ns);
        }
        return any;
}

/* Begin to learn anew, about all zones that were ever read: one that comes and goes is not a reason
 * to begin again each time. Without memory nothing is learned. */
static void
start(struct jk_model *model, const struct jk_sample *sample)
{
        size_t n = 0;

        forget(model);
        for (size_t i = 0; i < sample->zones->count; i++)
                n += model->known[i];
        if (n == 0 || model->features.n_rates == 0)
                return;

        model->zones = calloc(n, sizeof *model->zones);
        model->power_w = calloc(n, sizeof *model->power_w);
        if (!model->zones || !model->power_w ||
            jk_cells_init(&model->cells, CELLS, model->features.n, model->features.n_rates, n) <
                    0 ||
            jk_kernel_open(&model->cells, &model->kernel) < 0) {
                forget(model);
                return;
        }

        for (size_t i = 0; i < sample->zones->count; i++) {
                struct learned *learned = &model->zones[model->n_zones];

                if (!model->known[i])
                        continue;
                *learned = (struct learned){ i, .expected_w = NAN, .error_pct = NAN };
                jk_weights_init(&learned->weights, &model->features,
                                jk_leading_of(&model->features, &sample->zones->zones[i]));
                model->n_zones++;
        }
}

/* ---- learning ---- */

/* Power of all zones in the tick; what was not read is as expected. Where nothing is expected yet,
 * the tick has to wait for others that tell, unless the zone is gone: then any power will do.
 * False: not to be told. */
static bool
read_power(struct jk_model *model, const struct jk_sample *sample)
{
        bool any = false;

        for (size_t i = 0; i < model->n_zones; i++) {
                const struct learned *learned = &model->zones[i];
                bool readable = jk_load_teaches(sample, learned->zone);

                model->power_w[i] = readable ? model->last_w[learned->zone] : learned->expected_w;
                if (isnan(model->power_w[i]) && model->missed[learned->zone] > GONE_TICKS)
                        model->power_w[i] = model->last_w[learned->zone];
                if (isnan(model->power_w[i]))
                        return false;
                any |= readable;
        }
        return any;
}

static void
expect(struct jk_model *model)
{
        bool known = jk_kernel_at(model->kernel, model->features.values);

        for (size_t i = 0; i < model->n_zones; i++) {
                double power_w = known ? jk_kernel_predict(model->kernel, i) : NAN;

                model->zones[i].expected_w = isfinite(power_w) ? fmax(power_w, 0) : NAN;
        }
}

static void
judge(struct jk_model *model, const struct jk_sample *sample)
{
        for (size_t i = 0; i < model->n_zones; i++) {
                struct learned *learned = &model->zones[i];

                if (!isnan(learned->expected_w) && jk_load_teaches(sample, learned->zone) &&
                    model->power_w[i] > 0)
                        jk_error_follow(&learned->error_pct, learned->expected_w,
                                        model->power_w[i]);
        }
}

static double
worst_error(const struct jk_model *model)
{
        double worst = 0;

        for (size_t i = 0; i < model->n_zones; i++)
                if (!isnan(model->zones[i].error_pct))
                        worst = fmax(worst, model->zones[i].error_pct);
        return worst;
}

static bool
is_due(const struct jk_model *model)
{
        size_t due = NEW_TICKS;

        if (model->cells.n_seen < NEW_TICKS)
                due = model->cells.n_seen / 4 + 1;
        else if (worst_error(model) > ERROR_PCT)
                due = NEW_TICKS_SOON;

        return model->cells.n_new >= due;
}

/* The zones take turns, so that with few rates each has new weights every few ticks. */
static void
learn_weights(struct jk_model *model, const struct jk_sample *sample)
{
        struct learned *learned = &model->zones[model->next_weights];
        const struct jk_zone *zone = &sample->zones->zones[learned->zone];

        if (model->work_owed > WORK_PER_TICK) {
                model->work_owed -= WORK_PER_TICK;
                return;
        }
        model->work_owed += jk_weights_learn(&learned->weights, &model->cells, model->next_weights,
                                             &model->features,
                                             jk_leading_of(&model->features, zone), zone->package);
        model->next_weights = (model->next_weights + 1) % model->n_zones;
}

static void
learn(struct jk_model *model, const struct jk_sample *sample)
{
        learn_weights(model, sample);
        if (jk_kernel_is_fitting(model->kernel) || is_due(model))
                jk_kernel_step(model->kernel, &model->cells, model->features.importance,
                               WORK_PER_TICK);
}

static void
adaptive_observe(struct jk_model *model, const struct jk_sample *sample)
{
        enum jk_features_change change;

        model->load = jk_load_of(sample);
        jk_idles_observe(&model->idles, sample, model->load.utilisation);

        model->can_weigh = (sample->flags & JK_SAMPLE_TASKS) && sample->elapsed_ns > 0 &&
                           !(sample->flags & (JK_SAMPLE_FIRST | JK_SAMPLE_SUSPENDED));
        if (!model->can_weigh)
                return;

        change = jk_features_observe(&model->features, sample);
        model->is_whole = change != JK_FEATURES_LESS;
        if (!model->is_whole)
                return;
        if (meet_zones(model, sample) || change == JK_FEATURES_OTHER || model->n_zones == 0)
                start(model, sample);
        if (model->n_zones == 0)
                return;

        expect(model);
        if (change == JK_FEATURES_DOUBTFUL)
                return;
        if (read_power(model, sample)) {
                judge(model, sample);
                jk_cells_add(&model->cells, model->features.values, model->power_w,
                             model->features.importance);
        }
        learn(model, sample);
}

/* ---- splitting ---- */

/* What was learned of a zone, as far as it is of use in the tick; or NULL. */
static const struct learned *
find_useful(const struct jk_model *model, size_t zone)
{
        return model->can_weigh && model->is_whole ? find(model, zone) : NULL;
}

static struct jk_idle_estimate
adaptive_idle(const struct jk_model *model, size_t zone)
{
        return jk_idles_estimate(&model->idles, zone);
}

/* Until something is learned, the leading rate divides. */
static double
division_error(const struct jk_model *model, const struct learned *learned)
{
        if (!learned || isnan(learned->weights.error_w))
                return JK_CPU_ERROR_PCT;

        return jk_division_error_pct(&model->features);
}

static double
error_of_sum(const struct learned *learned, double energy_uj, double idle_uj, double elapsed_us)
{
        double dynamic_uj = energy_uj - idle_uj;

        if (!learned || isnan(learned->weights.error_w) || !(dynamic_uj > 0))
                return 0;

        return fmin(100 * learned->weights.error_w * elapsed_us / dynamic_uj, 100);
}

static void
weigh_by_leading(const struct jk_model *model, const struct jk_sample *sample,
                 const struct jk_zone *zone, struct jk_split *split)
{
        struct jk_weights unlearned = { 0 };

        jk_weights_init(&unlearned, &model->features, jk_leading_of(&model->features, zone));
        jk_divide_by_rates(&model->features, &model->load, sample, unlearned.rate, split);
}

static void
adaptive_split(struct jk_model *model, const struct jk_sample *sample, size_t i,
               struct jk_split *split)
{
        const struct jk_zone *zone = &sample->zones->zones[i];
        const struct jk_zone_reading *reading = &sample->readings[i];
        const struct learned *learned = find_useful(model, i);
        double energy_uj = (double)reading->energy_uj, idle_error_uj, model_pct;

        jk_idles_split(&model->idles, sample, i, &split->idle_uj, &idle_error_uj);
        model_pct = hypot(division_error(model, learned),
                          error_of_sum(learned, energy_uj, split->idle_uj,
                                       (double)reading->elapsed_ns / 1e3));
        split->uncertainty_pct =
                jk_split_uncertainty(zone, energy_uj, split->idle_uj, idle_error_uj, model_pct);

        split->blind = false;
        if (jk_zone_beyond_cpu(zone->kind) || !model->can_weigh || model->features.n_rates == 0)
                jk_split_to_nobody(sample, split);
        else if (learned)
                jk_divide_by_rates(&model->features, &model->load, sample, learned->weights.rate,
                                   split);
        else
                weigh_by_leading(model, sample, zone, split);
}

static struct jk_expectation
adaptive_expect(const struct jk_model *model, size_t zone)
{
        const struct learned *learned = find_useful(model, zone);

        if (!learned)
                return JK_NO_EXPECTATION;

        return (struct jk_expectation){ learned->expected_w, learned->error_pct };
}

const struct jk_model_ops jk_model_adaptive = {
        .name = "adaptive",
        .summary = "learns which counted activity explains each zone's energy; idle power learned",
        .open = adaptive_open,
        .observe = adaptive_observe,
        .split = adaptive_split,
        .idle = adaptive_idle,
        .expect = adaptive_expect,
        .close = adaptive_close,
};
