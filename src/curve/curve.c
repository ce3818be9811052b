/* SPDX-License-Identifier: Apache-2.0
 *
 * Evaluating curves: see curve.h.
 */
#include "curve/curve.h"

#include <math.h>
#include <string.h>

/* As in model/features.c: regulators, fans and heat remember about so long. */
#define RECENT_S 30

/* proc/stat counts in ticks of 10 ms: in less than two of them it may not have moved. */
#define CLOCK_TICKS_NS (20 * JK_NS_PER_MS)

/* A rate so little above the most that was seen is not beyond it. */
#define TOLERANCE 0.05

/* No machine draws more: what a file makes more of is not believed. */
#define WATTS_MAX 1e6

const char *const jk_curve_rates[JK_CURVE_RATE_MAX] = {
        [JK_CURVE_CPU] = "cpu",
        [JK_CURVE_CPU_GHZ] = "cpu-ghz",
        [JK_CURVE_CPU_GHZ3] = "cpu-ghz3",
        [JK_CURVE_RECENT] = "recent",
        [JK_CURVE_CYCLES] = "cycles",
        [JK_CURVE_INSTRUCTIONS] = "instructions",
        [JK_CURVE_LLC_MISSES] = "llc-misses",
        [JK_CURVE_UTILISATION] = "utilisation",
        [JK_CURVE_MHZ] = "frequency",
};

static const struct {
        enum jk_curve_rate rate;
        enum jk_task_field field;
        size_t offset;
} counted[] = {
        { JK_CURVE_CYCLES, JK_TASK_CYCLES, offsetof(struct jk_task_record, cycles) },
        { JK_CURVE_INSTRUCTIONS, JK_TASK_INSTRUCTIONS,
          offsetof(struct jk_task_record, instructions) },
        { JK_CURVE_LLC_MISSES, JK_TASK_LLC_MISSES, offsetof(struct jk_task_record, llc_misses) },
};

/* ---- a tick ---- */

/* Busy CPUs, and at what frequency; stolen time is time in which this machine was not busy. */
static void
view_cpus(struct jk_curve_view *view, const struct jk_sample *sample)
{
        double busy_ns = 0, all_ns = 0, cpus = 0, ghz = 0, ghz3 = 0, weights = 0;

        for (size_t i = 0; i < sample->n_cpus; i++) {
                const struct jk_cpu_reading *cpu = &sample->cpus[i];
                double busy = (double)cpu->busy_ns + (double)cpu->irq_ns + (double)cpu->softirq_ns;
                double frequency = (double)cpu->frequency_khz / 1e6;

                if (!cpu->online)
                        continue;
                cpus++;
                busy_ns += busy;
                all_ns += busy + (double)cpu->idle_ns + (double)cpu->steal_ns;
                if (!cpu->frequency_seen)
                        continue;
                weights += busy + 1; /* an idle machine has a frequency */
                ghz += (busy + 1) * frequency;
                ghz3 += (busy + 1) * frequency * frequency * frequency;
        }

        view->cpus = cpus;
        if (all_ns > 0)
                view->utilisation = busy_ns / all_ns;
        else if (!view->started || sample->elapsed_ns > CLOCK_TICKS_NS)
                view->utilisation = NAN;
        view->rates[JK_CURVE_CPU] = view->utilisation * cpus;
        ghz = weights > 0 ? ghz / weights : NAN;
        ghz3 = weights > 0 ? ghz3 / weights : NAN;
        view->rates[JK_CURVE_CPU_GHZ] = view->rates[JK_CURVE_CPU] * ghz;
        view->rates[JK_CURVE_CPU_GHZ3] = view->rates[JK_CURVE_CPU] * ghz3;
        view->rates[JK_CURVE_UTILISATION] = view->utilisation;
        view->rates[JK_CURVE_MHZ] = 1e3 * ghz;
}

static void
view_recent(struct jk_curve_view *view, double elapsed_s)
{
        double now = view->rates[JK_CURVE_CPU];
        double *recent = &view->rates[JK_CURVE_RECENT];

        if (isnan(now))
                return;
        if (!view->started)
                *recent = now;
        *recent += (1 - exp(-elapsed_s / RECENT_S)) * (now - *recent);
        view->started = true;
}

static void
view_tasks(struct jk_curve_view *view, const struct jk_sample *sample, double elapsed_s)
{
        size_t n_events = jk_sample_n_events(sample);

        for (size_t i = 0; i < sizeof counted / sizeof *counted; i++) {
                double sum = 0;

                for (size_t task = 0; task < sample->n_tasks; task++) {
                        const char *record = (const char *)&sample->tasks[task];

                        sum += (double)*(const uint64_t *)(record + counted[i].offset);
                }
                view->rates[counted[i].rate] =
                        (sample->flags & JK_SAMPLE_TASKS) &&
                                        (sample->task_fields & (uint32_t)counted[i].field)
                                ? sum / elapsed_s
                                : NAN;
        }

        view->table = (sample->flags & JK_SAMPLE_TASKS) ? sample->events : NULL;
        for (size_t event = 0; event < n_events; event++) {
                double sum = 0;

                for (size_t task = 0; task < sample->n_tasks; task++)
                        sum += (double)sample->task_events[task * n_events + event];
                view->events[event] = sum / elapsed_s;
        }
}

bool
jk_curve_observe(struct jk_curve_view *view, const struct jk_sample *sample)
{
        double elapsed_s = (double)sample->elapsed_ns / 1e9;

        if (!(sample->flags & JK_SAMPLE_CPUS) || sample->n_cpus == 0 || sample->elapsed_ns <= 0) {
                view->utilisation = NAN;
                return false;
        }

        view_cpus(view, sample);
        view_recent(view, elapsed_s);
        view_tasks(view, sample, elapsed_s);
        return !isnan(view->utilisation);
}

double
jk_curve_rate(const struct jk_curve_view *view, const char *name)
{
        double sum = NAN;

        for (size_t i = 0; i < JK_CURVE_RATE_MAX; i++)
                if (strcmp(name, jk_curve_rates[i]) == 0)
                        return view->rates[i];

        /* An event may be counted apart on each package: together they are the machine's. */
        for (size_t i = 0; view->table && i < view->table->count; i++)
                if (strcmp(name, view->table->events[i].name) == 0)
                        sum = (isnan(sum) ? 0 : sum) + view->events[i];
        return sum;
}

/* ---- a curve ---- */

const char *
jk_curve_missing(const struct jk_curve *curve, const struct jk_curve_view *view)
{
        if (isnan(view->utilisation))
                return jk_curve_rates[JK_CURVE_CPU];
        for (size_t i = 0; i < curve->n_terms; i++)
                if (isnan(jk_curve_rate(view, curve->terms[i].name)))
                        return curve->terms[i].name;

        return NULL;
}

static double
level_w(const struct jk_curve *curve, double utilisation)
{
        double position = fmin(fmax(utilisation, 0), 1) * (JK_CURVE_LEVELS - 1);
        int level = (int)position;

        if (level == JK_CURVE_LEVELS - 1)
                return curve->levels_w[level];

        return curve->levels_w[level] +
               (curve->levels_w[level + 1] - curve->levels_w[level]) * (position - level);
}

static double
part_beyond(double value, double most)
{
        return most > 0 ? fmax(value / most - 1 - TOLERANCE, 0) : 0;
}

/* Of any number of CPUs it is the same, and its watts are those of all that there were; other rates
 * are more where there are more CPUs. */
static bool
is_mean_of_cpus(const char *name)
{
        return strcmp(name, jk_curve_rates[JK_CURVE_UTILISATION]) == 0 ||
               strcmp(name, jk_curve_rates[JK_CURVE_MHZ]) == 0;
}

struct jk_curve_power
jk_curve_power(const struct jk_curve *curve, const struct jk_curve_view *view)
{
        double scale = curve->cpus > 0 ? view->cpus / curve->cpus : 1;
        struct jk_curve_power power = {
                .power_w = scale * level_w(curve, view->utilisation),
                .idle_w = scale * curve->levels_w[0],
                .beyond = part_beyond(view->utilisation, curve->busiest),
        };

        if (jk_curve_missing(curve, view)) {
                power.power_w = NAN;
                return power;
        }
        for (size_t i = 0; i < curve->n_terms; i++) {
                const struct jk_curve_term *term = &curve->terms[i];
                double rate = jk_curve_rate(view, term->name);
                bool is_mean = is_mean_of_cpus(term->name);

                power.power_w += (is_mean ? scale : 1) * term->weight * rate;
                if (term->weight != 0)
                        power.beyond = fmax(power.beyond,
                                            part_beyond(rate, (is_mean ? 1 : scale) * term->most));
        }
        power.power_w = power.power_w <= WATTS_MAX ? fmax(power.power_w, 0) : NAN;
        return power;
}

double
jk_curve_error_pct(const struct jk_curve *curve, double beyond)
{
        return fmin(hypot(curve->error_pct, 100 * fmin(beyond, 1)), 100);
}
