/* SPDX-License-Identifier: Apache-2.0
 *
 * The sample: see sample.h.
 */
#include "sample/sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* Less than this between two readings of two clocks is scheduling, not suspend. */
#define SUSPEND_NOTICED_NS (10 * JK_NS_PER_MS)

/* Up to this much more than the tick's time, a reading came late. */
#define GAP_TOLERANCE 1.5

/* ---- events ---- */

int
jk_event_find(const struct jk_event_table *table, const char *name, int package)
{
        for (size_t i = 0; i < table->count; i++)
                if (table->events[i].package == package && strcmp(table->events[i].name, name) == 0)
                        return (int)i;

        return -1;
}

bool
jk_event_tells_package(const struct jk_event *event)
{
        return event->package >= 0 && strcmp(event->name, JK_EVENT_CPU_TIME) == 0;
}

bool
jk_event_tells_place(const struct jk_event *event)
{
        return jk_event_tells_package(event) || strcmp(event->name, JK_EVENT_SHARED_TIME) == 0;
}

int
jk_event_add(struct jk_event_table *table, const struct jk_event *event)
{
        if (jk_event_find(table, event->name, event->package) >= 0)
                return -EEXIST;
        if (table->count == JK_EVENTS_MAX)
                return -ENOSPC;

        table->events[table->count] = *event;
        return (int)table->count++;
}

bool
jk_events_continue(const struct jk_event_table *table, const struct jk_event_table *other)
{
        if (other->count > table->count)
                return false;

        for (size_t i = 0; i < other->count; i++)
                if (other->events[i].package != table->events[i].package ||
                    strcmp(other->events[i].name, table->events[i].name) != 0)
                        return false;

        return true;
}

/* ---- the sample ---- */

void
jk_sample_init(struct jk_sample *sample)
{
        *sample = (struct jk_sample){ 0 };
}

void
jk_sample_free(struct jk_sample *sample)
{
        free(sample->tasks);
        free(sample->task_events);
        free(sample->cpus);
        free(sample->cgroups);
        free(sample->epc);
        free(sample->strings);
        jk_sample_init(sample);
}

void
jk_sample_begin(struct jk_sample *sample, const struct jk_instant *now)
{
        bool first = sample->time.monotonic_ns == 0;

        sample->flags = 0;
        sample->elapsed_ns = 0;
        sample->suspended_ns = 0;

        if (first) {
                sample->flags |= JK_SAMPLE_FIRST;
        } else {
                sample->sequence++;
                sample->elapsed_ns = now->monotonic_ns - sample->time.monotonic_ns;
                sample->suspended_ns =
                        now->boottime_ns - sample->time.boottime_ns - sample->elapsed_ns;
                if (sample->suspended_ns < SUSPEND_NOTICED_NS)
                        sample->suspended_ns = 0;
                else
                        sample->flags |= JK_SAMPLE_SUSPENDED;
        }

        sample->time = *now;
        sample->task_fields = 0;
        sample->n_tasks = 0;
        sample->n_cpus = 0;
        sample->n_cgroups = 0;
        sample->n_epc = 0;
        sample->strings_length = 0;
        memset(sample->readings, 0, sizeof sample->readings);
}

bool
jk_sample_has_gap(const struct jk_sample *sample, size_t zone)
{
        return (double)sample->readings[zone].elapsed_ns >
               GAP_TOLERANCE * (double)sample->elapsed_ns;
}

/* A zeroed row for the task that comes next: 0 or -ENOMEM. */
static int
add_row(struct jk_sample *sample)
{
        size_t n = jk_sample_n_events(sample);

        if (n == 0)
                return 0;
        if (jk_array_grow(&sample->task_events, &sample->task_events_capacity,
                          (sample->n_tasks + 1) * n) < 0)
                return -ENOMEM;

        memset(sample->task_events + sample->n_tasks * n, 0, n * sizeof *sample->task_events);
        return 0;
}

uint64_t *
jk_sample_task_events(const struct jk_sample *sample, size_t task)
{
        size_t n = jk_sample_n_events(sample);

        return n > 0 ? sample->task_events + task * n : NULL;
}

struct jk_task_record *
jk_sample_add_task(struct jk_sample *sample)
{
        struct jk_task_record *task;

        if (jk_array_grow(&sample->tasks, &sample->tasks_capacity, sample->n_tasks + 1) < 0 ||
            add_row(sample) < 0)
                return NULL;

        task = &sample->tasks[sample->n_tasks++];
        *task = (struct jk_task_record){ 0 };
        return task;
}

struct jk_cpu_reading *
jk_sample_add_cpu(struct jk_sample *sample)
{
        struct jk_cpu_reading *cpu;

        if (jk_array_grow(&sample->cpus, &sample->cpus_capacity, sample->n_cpus + 1) < 0)
                return NULL;

        cpu = &sample->cpus[sample->n_cpus++];
        *cpu = (struct jk_cpu_reading){ 0 };
        return cpu;
}

int
jk_sample_add_cgroup(struct jk_sample *sample, uint64_t id, enum jk_cgroup_event_kind kind,
                     const char *path)
{
        size_t length = strlen(path) + 1;
        int r;

        r = jk_array_grow(&sample->cgroups, &sample->cgroups_capacity, sample->n_cgroups + 1);
        if (r < 0)
                return r;
        r = jk_array_grow(&sample->strings, &sample->strings_capacity,
                          sample->strings_length + length);
        if (r < 0)
                return r;

        memcpy(sample->strings + sample->strings_length, path, length);
        sample->cgroups[sample->n_cgroups++] = (struct jk_cgroup_event){
                .id = id,
                .kind = kind,
                .path = (uint32_t)sample->strings_length,
        };
        sample->strings_length += length;
        return 0;
}

int
jk_sample_add_epc(struct jk_sample *sample, uint64_t cgroup, uint64_t bytes)
{
        int r = jk_array_grow(&sample->epc, &sample->epc_capacity, sample->n_epc + 1);

        if (r < 0)
                return r;

        sample->epc[sample->n_epc++] = (struct jk_epc_reading){ .cgroup = cgroup, .bytes = bytes };
        return 0;
}

const char *
jk_sample_cgroup_path(const struct jk_sample *sample, const struct jk_cgroup_event *event)
{
        return sample->strings + event->path;
}
