/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of importers share: text in, ticks out, kept as they come.
 */
#pragma once

#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "import/join.h"
#include "import/table.h"
#include "import/ticks.h"

#define ZONES_KEPT   4
#define TASKS_KEPT   4
#define CGROUPS_KEPT 4
#define EVENTS_KEPT  2

struct tick {
        int64_t time_ns, elapsed_ns;
        uint32_t flags, fields;
        struct jk_zone_reading readings[ZONES_KEPT];
        struct jk_task_record tasks[TASKS_KEPT];
        size_t n_tasks;
        uint64_t events[TASKS_KEPT][EVENTS_KEPT];
        size_t n_events;
        struct jk_cpu_reading cpu; /* the first */
        size_t n_cpus;
        char cgroups[CGROUPS_KEPT][64];
        size_t n_cgroups;
};

struct converted {
        struct jk_observations seen;
        struct tick *ticks;
        size_t n, capacity;
        struct jk_error err;
        int64_t join_ns; /* to be given to jk_join(), or 0 */
        int r;
};

static void
keep(void *data, const struct jk_sample *sample)
{
        struct converted *converted = data;
        struct tick *tick;

        assert_int_equal(jk_array_grow(&converted->ticks, &converted->capacity, converted->n + 1),
                         0);
        tick = &converted->ticks[converted->n++];
        *tick = (struct tick){
                .time_ns = sample->time.realtime_ns,
                .elapsed_ns = sample->elapsed_ns,
                .flags = sample->flags,
                .fields = sample->task_fields,
                .n_tasks = sample->n_tasks,
                .n_events = jk_sample_n_events(sample),
                .n_cpus = sample->n_cpus,
                .n_cgroups = sample->n_cgroups,
        };
        memcpy(tick->readings, sample->readings, sizeof tick->readings);
        for (size_t i = 0; i < sample->n_tasks && i < TASKS_KEPT; i++)
                tick->tasks[i] = sample->tasks[i];
        for (size_t i = 0; i < sample->n_tasks && i < TASKS_KEPT; i++)
                for (size_t e = 0; e < tick->n_events && e < EVENTS_KEPT; e++)
                        tick->events[i][e] = jk_sample_task_events(sample, i)[e];
        if (sample->n_cpus > 0)
                tick->cpu = sample->cpus[0];
        for (size_t i = 0; i < sample->n_cgroups && i < CGROUPS_KEPT; i++)
                snprintf(tick->cgroups[i], sizeof tick->cgroups[i], "%s",
                         jk_sample_cgroup_path(sample, &sample->cgroups[i]));
        if (sample->n_tasks > 0)
                assert_true(sample->flags & JK_SAMPLE_TASKS);
}

static inline void
finish(struct converted *converted)
{
        if (converted->join_ns)
                assert_int_equal(jk_join(&converted->seen, converted->join_ns), 0);
        jk_ticks_sort(&converted->seen);
        if (converted->r == 0)
                converted->r = jk_ticks_convert(&converted->seen, keep, converted, &converted->err);
}

static inline void
release(struct converted *converted)
{
        jk_observations_free(&converted->seen);
        free(converted->ticks);
        *converted = (struct converted){ 0 };
}

#define autoconverted __attribute__((cleanup(release)))

/* By a mapping's text; the tables end with NULL, and are called f0, f1 … */
static inline void
convert(struct converted *converted, const char *mapping_text, const char *const *tables)
{
        jk_automapping struct jk_mapping mapping = { 0 };
        struct jk_tables *into = NULL;

        converted->r = jk_mapping_parse("m", mapping_text, strlen(mapping_text), &mapping,
                                        &converted->err);
        assert_string_equal(converted->err.message, "");
        assert_int_equal(jk_tables_open(&mapping, &converted->seen, &into, &converted->err), 0);
        for (size_t i = 0; converted->r == 0 && tables[i]; i++) {
                FILE *file = fmemopen((void *)(uintptr_t)tables[i], strlen(tables[i]), "r");
                char name[32];

                snprintf(name, sizeof name, "f%zu", i);
                converted->r = jk_tables_read(into, file, name, &converted->err);
                fclose(file);
        }
        jk_tables_close(into);
        finish(converted);
}
