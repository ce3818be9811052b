/* SPDX-License-Identifier: Apache-2.0
 *
 * What the models cost: CPU time per tick of observing a sample and splitting its zones, for 2,000
 * tasks that all did something, 4 zones and three hardware counters, while the load changes so that
 * there is always something to learn; and on a machine whose cores have two threads. Prints JSON:
 * per model mean, 99th percentile and maximum in
 * milliseconds, and the allocations in the second half.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "allocations.h"
#include "base/array.h"
#include "model/model.h"

#define TASKS 2000
#define ZONES 4
#define TICKS 2000

static uint64_t state = 42;

static double
random_part(void)
{
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (double)(state >> 11) / (double)(UINT64_C(1) << 53);
}

static void
add_zones(struct jk_zone_table *table)
{
        for (int i = 0; i < ZONES; i++) {
                struct jk_zone zone = {
                        .kind = i % 2 ? JK_ZONE_DRAM : JK_ZONE_PACKAGE,
                        .parent = -1,
                        .package = i / 2,
                        .idle_w = NAN,
                        .limit_w = NAN,
                        .max_w = NAN,
                };

                snprintf(zone.name, sizeof zone.name, "zone-%d", i);
                if (jk_zone_add(table, &zone) < 0)
                        abort();
        }
}

static void
fill(struct jk_sample *sample, const struct jk_zone_table *zones,
     const struct jk_event_table *events, int tick)
{
        struct jk_instant now = { .monotonic_ns = tick * JK_NS_PER_S };
        double load = random_part(), ipc = 0.5 + 2 * random_part(), misses = 3e6 * random_part();

        jk_sample_begin(sample, &now);
        sample->zones = zones;
        sample->events = events;
        sample->flags |= JK_SAMPLE_TASKS;
        sample->task_fields =
                JK_TASK_CPU | JK_TASK_CYCLES | JK_TASK_INSTRUCTIONS | JK_TASK_LLC_MISSES;
        for (int i = 0; i < TASKS; i++) {
                struct jk_task_record *task = jk_sample_add_task(sample);

                if (!task)
                        abort();
                task->cpu_ns = (uint64_t)(load * 1e7 * random_part());
                task->cycles = 3 * task->cpu_ns;
                task->instructions = (uint64_t)(ipc * (double)task->cycles);
                task->llc_misses = (uint64_t)(misses * 1e-9 * (double)task->cpu_ns);
                if (events)
                        jk_sample_task_events(sample, (size_t)i)[0] =
                                (uint64_t)(random_part() * (double)task->cpu_ns);
        }
        for (int i = 0; i < ZONES; i++)
                sample->readings[i] = (struct jk_zone_reading){
                        .energy_uj = (int64_t)(20e6 + load * (20 + 10 * ipc) * 1e6),
                        .elapsed_ns = JK_NS_PER_S,
                        .flags = JK_READING_SEEN,
                };
}

static double
cpu_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int
by_size(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static void
measure(const struct jk_model_ops *ops, struct jk_sample *sample, const struct jk_zone_table *zones,
        const struct jk_event_table *events, const char *separator)
{
        static double ms[TICKS], weights[TASKS];
        struct jk_model *model;
        struct jk_error err;
        uint64_t allocations = 0;
        double sum = 0;

        if (ops->open(NULL, &model, &err) < 0)
                abort();
        state = 42;
        for (int tick = 0; tick < TICKS; tick++) {
                double began;

                fill(sample, zones, events, tick);
                if (tick == TICKS / 2)
                        allocations_start();
                began = cpu_ms();
                ops->observe(model, sample);
                for (size_t zone = 0; zone < ZONES; zone++) {
                        struct jk_split split = { .task_weights = weights };

                        ops->split(model, sample, zone, &split);
                }
                ms[tick] = cpu_ms() - began;
                sum += ms[tick];
        }
        allocations = allocations_stop();
        ops->close(model);

        qsort(ms, TICKS, sizeof *ms, by_size);
        printf("%s\n  \"%s%s\": {\"mean_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f, "
               "\"allocations\": %llu}",
               separator, ops->name, events ? ", shared cores" : "", sum / TICKS,
               ms[TICKS * 99 / 100], ms[TICKS - 1], (unsigned long long)allocations);
}

int
main(void)
{
        static const struct jk_event_table shared = {
                .events = { { .name = JK_EVENT_SHARED_TIME, .package = -1 } },
                .count = 1,
        };
        struct jk_zone_table zones = { 0 };
        struct jk_sample sample;

        add_zones(&zones);
        jk_sample_init(&sample);
        printf("{");
        for (size_t i = 0; jk_model_list[i]; i++)
                if (!jk_model_list[i]->argument) /* needs a file */
                        measure(jk_model_list[i], &sample, &zones, NULL, i ? "," : "");
        measure(&jk_model_adaptive, &sample, &zones, &shared, ",");
        printf("\n}\n");
        jk_sample_free(&sample);
        return 0;
}
