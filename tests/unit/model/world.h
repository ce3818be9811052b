/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine whose truth is known: programs with a character (instructions per cycle, misses per
 * instruction), a power that follows from what they do, and meters with noise. Deterministic.
 */
#pragma once

#include "tests/unit/test.h"

#include <math.h>
#include <string.h>

#include "model/model.h"

enum { WORLD_PACKAGE, WORLD_DRAM, WORLD_ZONES };
enum { WORLD_CPUS = 16, WORLD_PROGRAMS = 8 };

struct program {
        double per_cpu[3]; /* cycles, instructions, LLC misses per CPU second */
        double running;    /* CPUs it keeps busy now */
        double wobble;     /* its activity varies by this part from tick to tick */
};

struct world {
        struct jk_sample sample;
        struct jk_zone_table zones;
        struct jk_event_table events;
        struct program programs[WORLD_PROGRAMS];
        size_t n_programs;

        bool counters;    /* are seen */
        size_t n_garbage; /* events that mean nothing */
        double idle_w[WORLD_ZONES];
        double meter_noise; /* one standard deviation, as a part */

        double true_j[WORLD_PROGRAMS][WORLD_ZONES]; /* dynamic, since world_start() */
        double booked_j[WORLD_PROGRAMS][WORLD_ZONES];
        uint64_t random;
        struct jk_instant now;
};

static inline double
world_random(struct world *w)
{
        w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (double)(w->random >> 11) / (double)(UINT64_C(1) << 53);
}

/* About normal: mean 0, standard deviation 1. */
static inline double
world_normal(struct world *w)
{
        double sum = 0;

        for (int i = 0; i < 12; i++)
                sum += world_random(w);
        return sum - 6;
}

static inline void
world_start(struct world *w)
{
        static const char *const names[WORLD_ZONES] = { "package-0", "dram-0" };
        static const enum jk_zone_kind kinds[WORLD_ZONES] = { JK_ZONE_PACKAGE, JK_ZONE_DRAM };

        *w = (struct world){
                .counters = true,
                .idle_w = { 20, 4 },
                .meter_noise = 0.01,
                .random = 42,
        };
        jk_sample_init(&w->sample);
        for (size_t i = 0; i < WORLD_ZONES; i++) {
                struct jk_zone zone = { .kind = kinds[i], .parent = -1, .package = 0 };

                strcpy(zone.name, names[i]);
                zone.uncertainty_pct = 1;
                zone.idle_w = zone.limit_w = zone.max_w = NAN;
                assert_int_equal(jk_zone_add(&w->zones, &zone), (int)i);
        }
        w->sample.zones = &w->zones;
}

static inline void
world_end(struct world *w)
{
        jk_sample_free(&w->sample);
}

/* Instructions per cycle, misses per 1,000 instructions; at 3 GHz. Its index. */
static inline size_t
world_add(struct world *w, double ipc, double mpki)
{
        struct program *program = &w->programs[w->n_programs];

        *program = (struct program){ .wobble = 0.03 };
        program->per_cpu[0] = 3e9;
        program->per_cpu[1] = 3e9 * ipc;
        program->per_cpu[2] = 3e9 * ipc * mpki / 1000;
        return w->n_programs++;
}

/* Joules of what a program did: an active core, each instruction, each line from memory. */
static inline void
world_truth(double cpu_s, const double counts[3], double ret_j[WORLD_ZONES])
{
        ret_j[WORLD_PACKAGE] = 2.5 * cpu_s + 1.1e-9 * counts[1] + 25e-9 * counts[2];
        ret_j[WORLD_DRAM] = 70e-9 * counts[2];
}

static inline void
world_run_program(struct world *w, size_t i, double elapsed_s, double energy_j[WORLD_ZONES])
{
        struct program *program = &w->programs[i];
        struct jk_task_record *task = jk_sample_add_task(&w->sample);
        double cpu_s = program->running * elapsed_s * (1 + program->wobble * world_normal(w));
        double counts[3], j[WORLD_ZONES];

        assert_non_null(task);
        for (int k = 0; k < 3; k++)
                counts[k] = cpu_s * program->per_cpu[k] * (1 + program->wobble * world_normal(w));
        task->pid = (pid_t)(100 + i);
        task->cpu_ns = (uint64_t)(cpu_s * 1e9);
        if (w->counters) {
                task->cycles = (uint64_t)counts[0];
                task->instructions = (uint64_t)counts[1];
                task->llc_misses = (uint64_t)counts[2];
        }
        for (size_t k = 0; k < w->n_garbage; k++)
                jk_sample_task_events(&w->sample, i)[k] = (uint64_t)(1e6 * world_random(w));

        world_truth(cpu_s, counts, j);
        for (int zone = 0; zone < WORLD_ZONES; zone++) {
                w->true_j[i][zone] += j[zone];
                energy_j[zone] += j[zone];
        }
}

static inline void
world_read_meters(struct world *w, double elapsed_s, const double energy_j[WORLD_ZONES])
{
        for (int zone = 0; zone < WORLD_ZONES; zone++) {
                double j = energy_j[zone] + w->idle_w[zone] * elapsed_s;

                j *= 1 + w->meter_noise * world_normal(w);
                w->sample.readings[zone] = (struct jk_zone_reading){
                        .energy_uj = (int64_t)(j * 1e6),
                        .elapsed_ns = (int64_t)(elapsed_s * 1e9),
                        .flags = JK_READING_SEEN,
                };
        }
}

/* The next tick is in w->sample. */
static inline void
world_tick(struct world *w, double elapsed_s)
{
        double energy_j[WORLD_ZONES] = { 0 };
        double busy = 0;

        w->now.monotonic_ns += (int64_t)(elapsed_s * 1e9);
        w->now.boottime_ns = w->now.realtime_ns = w->now.monotonic_ns;
        jk_sample_begin(&w->sample, &w->now);
        w->sample.zones = &w->zones;
        if (w->n_garbage > 0)
                w->sample.events = &w->events;
        w->sample.flags |= JK_SAMPLE_TASKS | JK_SAMPLE_CPUS;
        w->sample.task_fields = JK_TASK_CPU;
        if (w->counters)
                w->sample.task_fields |= JK_TASK_CYCLES | JK_TASK_INSTRUCTIONS | JK_TASK_LLC_MISSES;

        for (size_t i = 0; i < w->n_programs; i++) {
                world_run_program(w, i, elapsed_s, energy_j);
                busy += (double)w->sample.tasks[i].cpu_ns;
        }
        for (uint32_t cpu = 0; cpu < WORLD_CPUS; cpu++) {
                struct jk_cpu_reading *reading = jk_sample_add_cpu(&w->sample);

                assert_non_null(reading);
                reading->cpu = cpu;
                reading->online = true;
                reading->busy_ns = (uint64_t)(busy / WORLD_CPUS);
                reading->idle_ns = (uint64_t)fmax(elapsed_s * 1e9 - busy / WORLD_CPUS, 0);
        }
        world_read_meters(w, elapsed_s, energy_j);
}

/* A tick that a model sees and divides; dynamic energy by its weights goes to booked_j. */
static inline void
world_step(struct world *w, const struct jk_model_ops *ops, struct jk_model *model)
{
        double weights[WORLD_PROGRAMS] = { 0 };

        world_tick(w, 1);
        ops->observe(model, &w->sample);
        for (size_t zone = 0; zone < WORLD_ZONES; zone++) {
                struct jk_split split = { .task_weights = weights };
                double sum = 0, dynamic_j;

                ops->split(model, &w->sample, zone, &split);
                sum = split.irq_weight + split.softirq_weight;
                for (size_t i = 0; i < w->n_programs; i++) {
                        assert_true(isfinite(weights[i]) && weights[i] >= 0);
                        sum += weights[i];
                }
                dynamic_j = ((double)w->sample.readings[zone].energy_uj - split.idle_uj) / 1e6;
                for (size_t i = 0; i < w->n_programs && sum > 0; i++)
                        w->booked_j[i][zone] += fmax(dynamic_j, 0) * weights[i] / sum;
        }
}

static inline void
world_forget_books(struct world *w)
{
        memset(w->true_j, 0, sizeof w->true_j);
        memset(w->booked_j, 0, sizeof w->booked_j);
}

/* Booked / true − 1, in percent. */
static inline double
world_error_pct(const struct world *w, size_t program, size_t zone)
{
        return 100 * (w->booked_j[program][zone] / w->true_j[program][zone] - 1);
}
