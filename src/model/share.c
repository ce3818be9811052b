/* SPDX-License-Identifier: Apache-2.0
 *
 * Model `share`, the baseline: the dynamic energy of a zone is divided by CPU time, which counts
 * less beside a busy thread of the same core, that of DRAM by last-level-cache misses where they
 * are counted; that of a package among those who ran there. Both where that is known. Idle power is
 * learned per zone (idle.h), or taken from the meter where it knows it. Relies on nothing but the
 * sample.
 */
#include <stdlib.h>

#include "model/load.h"
#include "model/model.h"

/* How far a division by CPU time is off per workload: on a recorded two-socket node with 69 pods
 * (coremark, 4 to 32 threads) the mean error of CPU time on the held-out third is 16.3 %. */
#define SHARE_ERROR_PCT 16.3

struct jk_model {
        struct jk_idles idles;

        /* of the tick */
        struct jk_load load;
        double misses; /* all LLC misses; 0 if not counted */
};

static int
share_open(const char *argument, struct jk_model **ret_model, struct jk_error *err)
{
        struct jk_model *model = calloc(1, sizeof *model);

        (void)argument;
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

        jk_idles_free(&model->idles);
        free(model);
}

static void
share_observe(struct jk_model *model, const struct jk_sample *sample)
{
        model->load = jk_load_of(sample);
        model->misses = 0;
        if (sample->task_fields & JK_TASK_LLC_MISSES)
                for (size_t i = 0; i < sample->n_tasks; i++)
                        model->misses += (double)sample->tasks[i].llc_misses;

        jk_idles_observe(&model->idles, sample, model->load.utilisation);
}

static struct jk_idle_estimate
share_idle(const struct jk_model *model, size_t zone)
{
        return jk_idles_estimate(&model->idles, zone);
}

/* Interrupts are not told apart by place: theirs is the tasks' part, and worth as much. */
static void
weigh_by_cpu_time(const struct jk_model *model, const struct jk_sample *sample, int package,
                  struct jk_split *split)
{
        int shared = jk_load_find_shared(sample), time = jk_load_find_time(sample, package);
        double there_ns = 0, part;

        for (size_t i = 0; i < sample->n_tasks; i++) {
                double cpu_ns = (double)sample->tasks[i].cpu_ns * jk_load_worth(sample, i, shared) *
                                jk_load_part(sample, i, time);

                split->task_weights[i] = model->load.task_part * cpu_ns;
                there_ns += cpu_ns;
        }
        part = model->load.task_ns > 0 ? there_ns / model->load.task_ns : 1;
        split->irq_weight = part * model->load.irq_ns;
        split->softirq_weight = part * model->load.softirq_ns;
}

static void
weigh_by_misses(const struct jk_sample *sample, int package, struct jk_split *split)
{
        int time = jk_load_find_time(sample, package);

        split->irq_weight = split->softirq_weight = 0;
        for (size_t i = 0; i < sample->n_tasks; i++)
                split->task_weights[i] =
                        (double)sample->tasks[i].llc_misses * jk_load_part(sample, i, time);
}

static void
share_split(struct jk_model *model, const struct jk_sample *sample, size_t i,
            struct jk_split *split)
{
        const struct jk_zone *zone = &sample->zones->zones[i];
        double idle_error_uj;

        split->blind = false;
        jk_idles_split(&model->idles, sample, i, &split->idle_uj, &idle_error_uj);
        split->uncertainty_pct =
                jk_split_uncertainty(zone, (double)sample->readings[i].energy_uj, split->idle_uj,
                                     idle_error_uj, SHARE_ERROR_PCT);

        if (jk_zone_beyond_cpu(zone->kind))
                jk_split_to_nobody(sample, split);
        else if (zone->kind == JK_ZONE_DRAM && model->misses > 0)
                weigh_by_misses(sample, zone->package, split);
        else
                weigh_by_cpu_time(model, sample, zone->package, split);
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
