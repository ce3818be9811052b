/* SPDX-License-Identifier: Apache-2.0
 *
 * What models need of a tick: see load.h.
 */
#include "model/load.h"

#include <math.h>
#include <stdlib.h>

/* Errors that are published are means over about so many ticks. */
#define ERROR_MEMORY 60

struct jk_load
jk_load_of(const struct jk_sample *sample)
{
        struct jk_load load = { .task_part = 1 };
        double busy = 0, idle = 0;

        for (size_t i = 0; i < sample->n_cpus; i++) {
                const struct jk_cpu_reading *cpu = &sample->cpus[i];

                load.irq_ns += (double)cpu->irq_ns;
                load.softirq_ns += (double)cpu->softirq_ns;
                busy += (double)cpu->busy_ns;
                idle += (double)cpu->idle_ns;
        }
        busy += load.irq_ns + load.softirq_ns;
        load.utilisation = busy + idle > 0 ? busy / (busy + idle) : NAN;

        for (size_t i = 0; i < sample->n_tasks; i++)
                load.task_ns += (double)sample->tasks[i].cpu_ns;
        if ((sample->flags & JK_SAMPLE_IRQ_IN_TASKS) && load.task_ns > 0)
                load.task_part = fmax(1 - (load.irq_ns + load.softirq_ns) / load.task_ns, 0);

        return load;
}

double
jk_load_with_interrupts(const struct jk_load *load)
{
        if (!(load->task_ns > 0))
                return 1;

        return load->task_part + (load->irq_ns + load->softirq_ns) / load->task_ns;
}

int
jk_load_find_time(const struct jk_sample *sample, int package)
{
        return package < 0 || !sample->events
                       ? -1
                       : jk_event_find(sample->events, JK_EVENT_CPU_TIME, package);
}

double
jk_load_part(const struct jk_sample *sample, size_t task, int event)
{
        uint64_t cpu_ns = sample->tasks[task].cpu_ns;

        if (event < 0 || cpu_ns == 0)
                return 1;

        return (double)jk_sample_task_events(sample, task)[event] / (double)cpu_ns;
}

int
jk_load_find_shared(const struct jk_sample *sample)
{
        return sample->events ? jk_event_find(sample->events, JK_EVENT_SHARED_TIME, -1) : -1;
}

double
jk_load_worth(const struct jk_sample *sample, size_t task, int event)
{
        uint64_t cpu_ns = sample->tasks[task].cpu_ns;

        if (event < 0 || cpu_ns == 0)
                return 1;

        return 1 -
               (1 - JK_SHARED_WORTH) *
                       fmin((double)jk_sample_task_events(sample, task)[event] / (double)cpu_ns, 1);
}

bool
jk_load_teaches(const struct jk_sample *sample, size_t zone)
{
        return (sample->readings[zone].flags & JK_READING_SEEN) &&
               sample->readings[zone].elapsed_ns > 0 && !jk_sample_has_gap(sample, zone) &&
               sample->zones->zones[zone].provenance != JK_MODELLED &&
               !jk_zone_beyond_cpu(sample->zones->zones[zone].kind);
}

void
jk_error_follow(double *error_pct, double expected_w, double measured_w)
{
        double now_pct = 100 * fabs(expected_w - measured_w) / measured_w;

        if (isnan(*error_pct))
                *error_pct = now_pct;
        else
                *error_pct += (now_pct - *error_pct) / ERROR_MEMORY;
}

/* ---- idle power ---- */

void
jk_idles_free(struct jk_idles *idles)
{
        for (size_t i = 0; i < JK_ZONES_MAX; i++)
                free(idles->zones[i]);
        *idles = (struct jk_idles){ 0 };
}

static bool
tells_idle(const struct jk_sample *sample, size_t i)
{
        return (sample->readings[i].flags & JK_READING_SEEN) &&
               isnan(sample->zones->zones[i].idle_w) &&
               /* How busy the CPUs were in the time before the tick is not known. */
               !jk_sample_has_gap(sample, i);
}

/* The mean over the CPUs that tell, or NaN. */
static double
temperature_of(const struct jk_sample *sample)
{
        double sum = 0;
        size_t n = 0;

        for (size_t i = 0; i < sample->n_cpus; i++)
                if (sample->cpus[i].temperature_seen) {
                        sum += (double)sample->cpus[i].temperature_mc / 1e3;
                        n++;
                }
        return n > 0 ? sum / (double)n : NAN;
}

void
jk_idles_observe(struct jk_idles *idles, const struct jk_sample *sample, double utilisation)
{
        double temperature_c = temperature_of(sample);

        if (sample->flags & JK_SAMPLE_SUSPENDED)
                return;

        for (size_t i = 0; i < sample->zones->count; i++) {
                const struct jk_zone_reading *reading = &sample->readings[i];

                if (!tells_idle(sample, i))
                        continue;
                if (!idles->zones[i]) {
                        idles->zones[i] = malloc(sizeof *idles->zones[i]);
                        if (!idles->zones[i])
                                continue; /* no estimate for now: its idle part is not known */
                        jk_idle_init(idles->zones[i]);
                }
                jk_idle_observe(idles->zones[i], reading->energy_uj, reading->elapsed_ns,
                                utilisation, temperature_c);
        }
}

struct jk_idle_estimate
jk_idles_estimate(const struct jk_idles *idles, size_t zone)
{
        if (!idles->zones[zone])
                return (struct jk_idle_estimate){ .power_w = NAN, .error_w = NAN };

        return jk_idle_estimate(idles->zones[zone]);
}

void
jk_idles_split(const struct jk_idles *idles, const struct jk_sample *sample, size_t zone,
               double *ret_idle_uj, double *ret_error_uj)
{
        double known_w = sample->zones->zones[zone].idle_w;
        double elapsed_us = (double)sample->readings[zone].elapsed_ns / 1e3;
        struct jk_idle_estimate idle = { .power_w = known_w };

        if (isnan(known_w))
                idle = jk_idles_estimate(idles, zone);

        *ret_idle_uj = isnan(idle.power_w) ? 0 : idle.power_w * elapsed_us;
        *ret_error_uj = isnan(idle.error_w) ? INFINITY : idle.error_w * elapsed_us;
}

/* ---- splitting ---- */

bool
jk_zone_beyond_cpu(enum jk_zone_kind kind)
{
        return kind == JK_ZONE_GPU || kind == JK_ZONE_DISK || kind == JK_ZONE_NETWORK;
}

void
jk_split_to_nobody(const struct jk_sample *sample, struct jk_split *split)
{
        split->blind = true;
        split->irq_weight = split->softirq_weight = 0;
        for (size_t i = 0; i < sample->n_tasks; i++)
                split->task_weights[i] = 0;
}

double
jk_split_uncertainty(const struct jk_zone *zone, double energy_uj, double idle_uj,
                     double idle_error_uj, double model_pct)
{
        double dynamic_uj = energy_uj - idle_uj;
        double idle_pct = dynamic_uj > 0 ? 100 * idle_error_uj / dynamic_uj : 100;

        return fmin(hypot(hypot(zone->uncertainty_pct, model_pct), idle_pct), 100);
}
