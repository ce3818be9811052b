/* SPDX-License-Identifier: Apache-2.0
 *
 * Model `events`: fixed event weights. A zone draws its idle power by time, and each event of a
 * task costs what a model file says (file.h): energy = idle power × Δt + Σ weight × count. The
 * ledger divides what was measured, in these proportions. A zone of another kind than the file's,
 * or in whose tick not all events of the file were counted, is divided as `share` does; that is
 * said once.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/log.h"
#include "base/units.h"
#include "model/counts.h"
#include "model/divide.h"
#include "model/file.h"
#include "model/load.h"
#include "model/model.h"

struct zone {
        bool said; /* that it is not divided by weights */
        struct jk_expectation expectation;
};

struct jk_model {
        struct jk_model_file file;
        char *path; /* of the file, for messages */
        struct jk_model *share;
        struct zone zones[JK_ZONES_MAX];

        /* what the weights mean in this sample */
        struct jk_count counts[JK_MODEL_WEIGHTS_MAX]; /* [file.n_features] */
        bool counted;                                 /* all of them are there … */
        size_t missing;                               /* … but for this one, first */
        size_t n_events;
        uint32_t task_fields;
        const struct jk_event_table *events; /* a recording's other table has another address */
        int package;
        bool looked;

        /* of the tick */
        struct jk_load load;
        bool can_weigh; /* there are tasks */
        double idle_w;  /* of each zone of the kind */
};

/* ---- opening ---- */

static void
events_close(struct jk_model *model)
{
        if (!model)
                return;

        if (model->share)
                jk_model_share.close(model->share);
        free(model->path);
        free(model);
}

/* What the weights are of has to be countable of a task, and to add up. */
static int
check_file(const struct jk_model_file *file, const char *path, struct jk_error *err)
{
        static const char *const of_machines[] = { "utilisation", "frequency", "temperature" };

        if (file->kind != JK_MODEL_EVENTS)
                return jk_fail(err, EINVAL,
                               "model events: %s is of kind %s; it has to be of kind events, as "
                               "joulekeeper model calibrate makes it",
                               path, jk_model_kind_name(file->kind));
        if (file->n_features == 0)
                return jk_fail(err, EINVAL, "model events: %s has no features", path);
        if (jk_zone_beyond_cpu(file->zone))
                return jk_fail(
                        err, EINVAL,
                        "model events: %s is for zones of kind %s, of whose energy the CPUs' "
                        "events say nothing",
                        path, jk_zone_kind_name(file->zone));
        for (size_t i = 0; i < JK_COUNT(of_machines); i++)
                if (jk_model_feature_find(file, of_machines[i]) >= 0)
                        return jk_fail(err, EINVAL,
                                       "model events: %s has a weight for %s, which is no task's",
                                       path, of_machines[i]);
        return 0;
}

static int
fill(struct jk_model *model, const char *path, struct jk_error *err)
{
        int r = jk_model_file_read(path, &model->file, err);

        if (r < 0) {
                jk_error_prefix(err, "model events: ");
                return r;
        }
        r = check_file(&model->file, path, err);
        if (r < 0)
                return r;

        for (size_t i = 0; i < JK_ZONES_MAX; i++)
                model->zones[i].expectation = JK_NO_EXPECTATION;
        model->path = strdup(path);
        return model->path ? jk_model_share.open(NULL, &model->share, err)
                           : jk_fail(err, ENOMEM, "model events: out of memory");
}

static int
events_open(const char *path, struct jk_model **ret_model, struct jk_error *err)
{
        struct jk_model *model = calloc(1, sizeof *model);
        int r;

        if (!model)
                return jk_fail(err, ENOMEM, "model events: out of memory");

        r = fill(model, path, err);
        if (r < 0) {
                events_close(model);
                return r;
        }
        *ret_model = model;
        return 0;
}

/* ---- what is counted ---- */

/* Names are looked up only when there may be others. */
static void
find_counts(struct jk_model *model, const struct jk_sample *sample)
{
        int package = jk_zone_only_package(sample->zones, model->file.zone);
        size_t n_events = jk_sample_n_events(sample), i = 0;

        if (model->looked && model->n_events == n_events && model->events == sample->events &&
            model->package == package && model->task_fields == sample->task_fields)
                return;

        while (i < model->file.n_features &&
               jk_count_find(sample, model->file.features[i].name, package, &model->counts[i]) == 0)
                i++;
        model->missing = i;
        model->counted = i == model->file.n_features;
        model->n_events = n_events;
        model->events = sample->events;
        model->package = package;
        model->task_fields = sample->task_fields;
        model->looked = true;
}

static bool
applies(const struct jk_model *model, const struct jk_zone *zone)
{
        return model->can_weigh && model->counted && zone->kind == model->file.zone;
}

/* ---- a tick ---- */

/* Joules of what a task did where the event `time` tells its CPU time, or (-1) anywhere. */
static double
cost_of(const struct jk_model *model, const struct jk_sample *sample, size_t task, int time)
{
        double sum = 0;

        for (size_t i = 0; i < model->file.n_features; i++)
                sum += model->file.features[i].weight *
                       jk_count_of(&model->counts[i], sample, task);
        return sum * jk_load_part(sample, task, time);
}

static size_t
count_zones(const struct jk_sample *sample, enum jk_zone_kind kind)
{
        size_t n = 0;

        for (size_t i = 0; i < sample->zones->count; i++)
                n += sample->zones->zones[i].kind == kind;
        return n > 0 ? n : 1;
}

/* The file may tell of all zones of its kind together, or of a thread. */
static double
idle_of_each(const struct jk_model *model, const struct jk_sample *sample)
{
        double idle_w = model->file.idle_w;

        if (model->file.per == JK_PER_THREAD)
                idle_w *= (double)sample->n_cpus;
        if (model->file.per != JK_PER_ZONE)
                idle_w /= (double)count_zones(sample, model->file.zone);
        return idle_w;
}

/* What the tasks did there; where that is not told per package, each zone has an equal part. */
static double
tasks_power(const struct jk_model *model, const struct jk_sample *sample,
            const struct jk_zone *zone)
{
        bool whole = model->file.per == JK_PER_ZONE;
        int time = whole ? -1 : jk_load_find_time(sample, zone->package);
        double elapsed_s = (double)sample->elapsed_ns / 1e9, sum_j = 0;

        for (size_t i = 0; i < sample->n_tasks; i++)
                sum_j += cost_of(model, sample, i, time);
        if (!whole && time < 0)
                sum_j /= (double)count_zones(sample, model->file.zone);
        return jk_load_with_interrupts(&model->load) * sum_j / elapsed_s;
}

static void
judge(const struct jk_model *model, const struct jk_sample *sample, size_t i,
      struct jk_expectation *expectation)
{
        const struct jk_zone_reading *reading = &sample->readings[i];

        expectation->power_w = model->idle_w + tasks_power(model, sample, &sample->zones->zones[i]);
        if (!(reading->flags & JK_READING_SEEN) || reading->elapsed_ns <= 0 ||
            reading->energy_uj <= 0 || jk_sample_has_gap(sample, i))
                return;

        jk_error_follow(&expectation->error_pct, expectation->power_w,
                        jk_power_w(reading->energy_uj, reading->elapsed_ns));
}

static void
events_observe(struct jk_model *model, const struct jk_sample *sample)
{
        jk_model_share.observe(model->share, sample);
        model->load = jk_load_of(sample);
        model->can_weigh = (sample->flags & JK_SAMPLE_TASKS) && sample->elapsed_ns > 0 &&
                           !(sample->flags & (JK_SAMPLE_FIRST | JK_SAMPLE_SUSPENDED));
        if (!model->can_weigh)
                return;

        find_counts(model, sample);
        if (!model->counted)
                return;
        model->idle_w = idle_of_each(model, sample);
        for (size_t i = 0; i < sample->zones->count; i++)
                if (applies(model, &sample->zones->zones[i]))
                        judge(model, sample, i, &model->zones[i].expectation);
}

/* ---- splitting ---- */

static void
say_once(struct jk_model *model, const struct jk_zone *zone, bool *said)
{
        if (!model->can_weigh || *said)
                return;

        *said = true;
        if (zone->kind != model->file.zone)
                jk_log_notice("model events: %s is for zones of kind %s; zone %s is divided as "
                              "model share does",
                              model->path, jk_zone_kind_name(model->file.zone), zone->name);
        else
                jk_log_warning(
                        "model events: '%s', which %s has a weight for, is not counted here; "
                        "zone %s is divided as model share does. Make weights of what is "
                        "counted: joulekeeper model calibrate",
                        model->file.features[model->missing].name, model->path, zone->name);
}

static void
weigh(const struct jk_model *model, const struct jk_sample *sample, int package,
      struct jk_split *split)
{
        double sum = 0, per_ns = 1;
        int time = jk_load_find_time(sample, package);

        for (size_t i = 0; i < sample->n_tasks; i++) {
                split->task_weights[i] = model->load.task_part * cost_of(model, sample, i, time);
                sum += split->task_weights[i];
        }

        /* Interrupts are known by their time only: theirs is as dear as the tasks'. */
        if (model->load.task_ns > 0 && model->load.task_part > 0)
                per_ns = sum / (model->load.task_part * model->load.task_ns);
        split->irq_weight = per_ns * model->load.irq_ns;
        split->softirq_weight = per_ns * model->load.softirq_ns;
}

static double
division_error(const struct jk_model_file *file)
{
        if (file->n_features == 1 && strcmp(file->features[0].name, "cpu") == 0)
                return JK_CPU_ERROR_PCT;
        if (jk_model_feature_find(file, "llc-misses") >= 0)
                return JK_COUNTERS_ERROR_PCT;

        return JK_CYCLES_ERROR_PCT;
}

/* Of a task's share: how far off the sum was when the file was made, and how far tasks are told
 * apart at all by what is counted. */
static double
error_of(const struct jk_model_file *file)
{
        double sum_pct = file->error.uncertainty_pct;

        if (isnan(sum_pct))
                sum_pct = isnan(file->error.mape_pct) ? 0 : file->error.mape_pct;
        return hypot(division_error(file), sum_pct);
}

static void
events_split(struct jk_model *model, const struct jk_sample *sample, size_t i,
             struct jk_split *split)
{
        const struct jk_zone *zone = &sample->zones->zones[i];

        if (!applies(model, zone)) {
                say_once(model, zone, &model->zones[i].said);
                jk_model_share.split(model->share, sample, i, split);
                return;
        }

        split->blind = false;
        split->idle_uj = model->idle_w * (double)sample->readings[i].elapsed_ns / 1e3;
        split->uncertainty_pct = jk_split_uncertainty(zone, (double)sample->readings[i].energy_uj,
                                                      split->idle_uj, 0, error_of(&model->file));
        weigh(model, sample, zone->package, split);
}

static struct jk_idle_estimate
events_idle(const struct jk_model *model, size_t i)
{
        if (isnan(model->zones[i].expectation.power_w))
                return jk_model_share.idle(model->share, i);

        return (struct jk_idle_estimate){ model->idle_w,
                                          model->idle_w * model->file.error.mape_pct / 100 };
}

static struct jk_expectation
events_expect(const struct jk_model *model, size_t i)
{
        return model->can_weigh && model->counted ? model->zones[i].expectation : JK_NO_EXPECTATION;
}

const struct jk_model_ops jk_model_events = {
        .name = "events",
        .summary = "fixed weights of events and idle power, from a file",
        .argument = "FILE",
        .open = events_open,
        .observe = events_observe,
        .split = events_split,
        .idle = events_idle,
        .expect = events_expect,
        .close = events_close,
};
