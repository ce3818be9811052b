/* SPDX-License-Identifier: Apache-2.0
 *
 * Weighing tasks by rates: see divide.h.
 */
#include "model/divide.h"

double
jk_division_error_pct(const struct jk_features *features)
{
        if (jk_features_find(features, JK_TASK_LLC_MISSES, -1) < features->n_rates)
                return JK_COUNTERS_ERROR_PCT;
        if (jk_features_find(features, JK_TASK_CYCLES, -1) < features->n_rates)
                return JK_CYCLES_ERROR_PCT;

        return JK_CPU_ERROR_PCT;
}

size_t
jk_leading_of(const struct jk_features *features, const struct jk_zone *zone)
{
        size_t misses = jk_features_find(features, JK_TASK_LLC_MISSES, zone->package);

        if (zone->kind == JK_ZONE_DRAM && misses < features->n_rates)
                return misses;

        return jk_features_leading(features, zone->package);
}

void
jk_divide_by_rates(const struct jk_features *features, const struct jk_load *load,
                   const struct jk_sample *sample, const double weights[JK_RATES_MAX],
                   struct jk_split *split)
{
        double sum = 0, per_ns = 1;

        for (size_t i = 0; i < sample->n_tasks; i++) {
                double weight = load->task_part * jk_features_weigh(features, sample, i, weights);

                split->task_weights[i] = weight;
                sum += weight;
        }

        if (sum > 0 && load->task_ns > 0)
                per_ns = sum / (load->task_part * load->task_ns);
        else if (!(sum > 0))
                for (size_t i = 0; i < sample->n_tasks; i++)
                        split->task_weights[i] = load->task_part * (double)sample->tasks[i].cpu_ns;
        split->irq_weight = per_ns * load->irq_ns;
        split->softirq_weight = per_ns * load->softirq_ns;
}
