/* SPDX-License-Identifier: Apache-2.0
 *
 * Model `share`, the baseline: the dynamic energy of a zone is divided by CPU time, that of DRAM by
 * last-level-cache misses where they are counted. Idle power is learned per zone (idle.h), or taken
 * from the meter where it knows it. Relies on nothing but the sample.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "model/idle.h"
#include "model/model.h"

/* How far a division by CPU time is off per workload: on a recorded two-socket node with 69 pods
 * (coremark, 4 to 32 threads) the mean error of CPU time on the held-out third is 16.3 %. */
#define SHARE_ERROR_PCT 16.3

struct jk_model {
        struct jk_idle *idle[JK_ZONES_MAX]; /* one per zone that was ever seen */

        /* of the tick */
        double utilisation; /* NaN if CPUs were not seen */
        double irq_ns, softirq_ns;
        double task_ns; /* all CPU time of tasks */
        double misses;  /* all LLC misses; 0 if not counted */
};

static int
share_open(struct jk_model **ret_model, struct jk_error *err)
{
        struct jk_model *model = calloc(1, sizeof *model);

        if (!model)
                return jk_fail(err, ENOMEM, "model share: out of memory");

        *ret_model = model;
        return 0;
}

static void
share_close(struct jk_model *model)
{
        if (!model)
                return;

        for (size_t i = 0; i < JK_ZONES_MAX; i++)
                free(model->idle[i]);
        free(model);
}

static void
add_up_cpus(struct jk_model *model, const struct jk_sample *sample)
{
        double busy = 0, idle = 0;

        model->irq_ns = model->softirq_ns = 0;
        for (size_t i = 0; i < sample->n_cpus; i++) {
                const struct jk_cpu_reading *cpu = &sample->cpus[i];

                model->irq_ns += (double)cpu->irq_ns;
                model->softirq_ns += (double)cpu->softirq_ns;
                busy += (double)cpu->busy_ns;
                idle += (double)cpu->idle_ns;
        }

        busy += model->irq_ns + model->softirq_ns;
        model->utilisation = busy + idle > 0 ? busy / (busy + idle) : NAN;
}

static void
add_up_tasks(struct jk_model *model, const struct jk_sample *sample)
{
        bool counted = sample->task_fields & JK_TASK_LLC_MISSES;

        model->task_ns = model->misses = 0;
        for (size_t i = 0; i < sample->n_tasks; i++) {
                model->task_ns += (double)sample->tasks[i].cpu_ns;
                if (counted)
                        model->misses += (double)sample->tasks[i].llc_misses;
        }
}

static void
learn_idle(struct jk_model *model, const struct jk_sample *sample)
{
        for (size_t i = 0; i < sample->zones->count; i++) {
                const struct jk_zone_reading *reading = &sample->readings[i];

                if (!(reading->flags & JK_READING_SEEN) || !isnan(sample->zones->zones[i].idle_w))
                        continue;
                /* How busy the CPUs were in the time before the tick is not known. */
                if (jk_sample_has_gap(sample, i))
                        continue;

                if (!model->idle[i]) {
                        model->idle[i] = malloc(sizeof *model->idle[i]);
                        if (!model->idle[i])
                                continue; /* no estimate for now: its idle part is not known */
                        jk_idle_init(model->idle[i]);
                }

                jk_idle_observe(model->idle[i], reading->energy_uj, reading->elapsed_ns,
                                model->utilisation);
        }
}

static void
share_observe(struct jk_model *model, const struct jk_sample *sample)
{
        add_up_cpus(model, sample);
        add_up_tasks(model, sample);
        if (!(sample->flags & JK_SAMPLE_SUSPENDED))
                learn_idle(model, sample);
}

static struct jk_idle_estimate
share_idle(const struct jk_model *model, size_t zone)
{
        if (!model->idle[zone])
                return (struct jk_idle_estimate){ .power_w = NAN, .error_w = NAN };

        return jk_idle_estimate(model->idle[zone]);
}

static void
weigh_by_cpu_time(const struct jk_model *model, const struct jk_sample *sample,
                  struct jk_split *split)
{
        double part = 1; /* of a task's CPU time that is its own, not an interrupt's */

        split->irq_weight = model->irq_ns;
        split->softirq_weight = model->softirq_ns;
        if ((sample->flags & JK_SAMPLE_IRQ_IN_TASKS) && model->task_ns > 0)
                part = fmax(1 - (model->irq_ns + model->softirq_ns) / model->task_ns, 0);

        for (size_t i = 0; i < sample->n_tasks; i++)
                split->task_weights[i] = part * (double)sample->tasks[i].cpu_ns;
}

static void
weigh_by_misses(const struct jk_sample *sample, struct jk_split *split)
{
        split->irq_weight = split->softirq_weight = 0;
        for (size_t i = 0; i < sample->n_tasks; i++)
                split->task_weights[i] = (double)sample->tasks[i].llc_misses;
}

static void
weigh_nobody(const struct jk_sample *sample, struct jk_split *split)
{
        split->blind = true;
        split->irq_weight = split->softirq_weight = 0;
        for (size_t i = 0; i < sample->n_tasks; i++)
                split->task_weights[i] = 0;
}

/* CPU time says nothing about these. */
static bool
beyond_cpu(enum jk_zone_kind kind)
{
        return kind == JK_ZONE_GPU || kind == JK_ZONE_DISK || kind == JK_ZONE_NETWORK;
}

/* The meter's error, the model's, and what the idle part leaves open, as a part of what is divided.
 */
static double
uncertainty(const struct jk_zone *zone, double energy_uj, double idle_uj, double idle_error_uj)
{
        double dynamic_uj = energy_uj - idle_uj;
        double idle_pct = dynamic_uj > 0 ? 100 * idle_error_uj / dynamic_uj : 100;

        return fmin(hypot(hypot(zone->uncertainty_pct, SHARE_ERROR_PCT), idle_pct), 100);
}

static void
share_split(struct jk_model *model, const struct jk_sample *sample, size_t i,
            struct jk_split *split)
{
        const struct jk_zone *zone = &sample->zones->zones[i];
        const struct jk_zone_reading *reading = &sample->readings[i];
        struct jk_idle_estimate idle = share_idle(model, i);
        double elapsed_us = (double)reading->elapsed_ns / 1e3;

        if (!isnan(zone->idle_w))
                idle = (struct jk_idle_estimate){ .power_w = zone->idle_w };

        split->blind = false;
        split->idle_uj = isnan(idle.power_w) ? 0 : idle.power_w * elapsed_us;
        split->uncertainty_pct =
                uncertainty(zone, (double)reading->energy_uj, split->idle_uj,
                            isnan(idle.error_w) ? INFINITY : idle.error_w * elapsed_us);

        if (beyond_cpu(zone->kind))
                weigh_nobody(sample, split);
        else if (zone->kind == JK_ZONE_DRAM && model->misses > 0)
                weigh_by_misses(sample, split);
        else
                weigh_by_cpu_time(model, sample, split);
}

const struct jk_model_ops jk_model_share = {
        .name = "share",
        .summary = "CPU time; DRAM by cache misses where they are counted; idle power learned",
        .open = share_open,
        .observe = share_observe,
        .split = share_split,
        .idle = share_idle,
        .close = share_close,
};
