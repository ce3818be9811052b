/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts by name: see counts.h.
 */
#include "model/counts.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"

static const struct row {
        const char *name, *unit;
        enum jk_task_field field;
        size_t offset;
        double scale;
} rows[] = {
        { "cpu", "s/s", JK_TASK_CPU, offsetof(struct jk_task_record, cpu_ns), 1e-9 },
        { "cycles", "1/s", JK_TASK_CYCLES, offsetof(struct jk_task_record, cycles), 1 },
        { "instructions", "1/s", JK_TASK_INSTRUCTIONS,
          offsetof(struct jk_task_record, instructions), 1 },
        { "llc-misses", "1/s", JK_TASK_LLC_MISSES, offsetof(struct jk_task_record, llc_misses), 1 },
};

static struct jk_count
count_of_row(const struct row *row)
{
        struct jk_count count = { .field = row->field, .column = row->offset, .scale = row->scale };

        memcpy(count.name, row->name, strlen(row->name) + 1);
        return count;
}

static struct jk_count
count_of_event(const struct jk_event *event, size_t i)
{
        struct jk_count count = { .column = i, .scale = 1 };

        memcpy(count.name, event->name, sizeof count.name);
        return count;
}

const char *
jk_count_unit(const char *name)
{
        for (size_t i = 0; i < JK_COUNT(rows); i++)
                if (strcmp(rows[i].name, name) == 0)
                        return rows[i].unit;

        return "1/s";
}

int
jk_count_find(const struct jk_sample *sample, const char *name, int package,
              struct jk_count *ret_count)
{
        int event = -1;

        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                if (strcmp(rows[i].name, name) != 0 || !(sample->task_fields & rows[i].field))
                        continue;
                *ret_count = count_of_row(&rows[i]);
                return 0;
        }

        if (sample->events && package >= 0)
                event = jk_event_find(sample->events, name, package);
        if (sample->events && event < 0)
                event = jk_event_find(sample->events, name, -1);
        if (event < 0)
                return -ENOENT;

        *ret_count = count_of_event(&sample->events->events[event], (size_t)event);
        return 0;
}

int
jk_zone_only_package(const struct jk_zone_table *table, enum jk_zone_kind kind)
{
        int package = -1;
        size_t n = 0;

        for (size_t i = 0; i < table->count; i++) {
                if (table->zones[i].kind != kind)
                        continue;
                package = table->zones[i].package;
                n++;
        }
        return n == 1 ? package : -1;
}

size_t
jk_count_list(const struct jk_sample *sample, int package,
              struct jk_count ret_counts[JK_COUNTS_MAX])
{
        size_t n = 0;

        for (size_t i = 0; i < JK_COUNT(rows); i++)
                if (sample->task_fields & rows[i].field)
                        ret_counts[n++] = count_of_row(&rows[i]);
        for (size_t i = 0; i < jk_sample_n_events(sample); i++) {
                const struct jk_event *event = &sample->events->events[i];

                /* That is a part of what is counted as "cpu". */
                if (jk_event_tells_place(event))
                        continue;
                if (event->package < 0 || event->package == package)
                        ret_counts[n++] = count_of_event(event, i);
        }
        return n;
}

double
jk_count_of(const struct jk_count *count, const struct jk_sample *sample, size_t task)
{
        const char *record = (const char *)&sample->tasks[task];
        size_t n_events = jk_sample_n_events(sample);

        if (count->field)
                return count->scale * (double)*(const uint64_t *)(record + count->column);

        return count->column < n_events
                       ? (double)sample->task_events[task * n_events + count->column]
                       : 0;
}

double
jk_count_sum(const struct jk_count *count, const struct jk_sample *sample)
{
        double sum = 0;

        for (size_t i = 0; i < sample->n_tasks; i++)
                sum += jk_count_of(count, sample, i);
        return sum;
}
