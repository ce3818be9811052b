/* SPDX-License-Identifier: Apache-2.0
 *
 * When HWPC reports were counted. The time that a counter was enabled is that since the report
 * before, or, by sensors before 1.6, since it was opened; no report says which.
 */
#include "import/hwpc-internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/array.h"

/* The sensor's clock has whole milliseconds, and its reports come a little late: what differs by
 * less than this from the time between two of them is that time. */
#define LATE_TOLERANCE 0.1

/* A counter that was enabled so much longer than the time between two reports was so before the
 * first of them that is there. */
#define BEFORE_TOLERANCE 1.5

static int
compare(const void *a, const void *b)
{
        const struct entry *x = a, *y = b;

        if (x->time_ns != y->time_ns)
                return x->time_ns < y->time_ns ? -1 : 1;
        return x->order < y->order ? -1 : x->order > y->order;
}

/* How many entries from this one on are of one row. */
static size_t
row_length(const struct jk_hwpc_import *import, size_t first)
{
        const struct entry *entry = &import->entries[first];
        size_t i = first + 1;

        while (i < import->n_due && import->entries[i].report == entry->report &&
               import->entries[i].group == entry->group &&
               import->entries[i].socket == entry->socket && import->entries[i].cpu == entry->cpu)
                i++;
        return i - first;
}

static struct counter *
find_counter(struct jk_hwpc_import *import, const struct entry *entry)
{
        uint64_t key = (uint64_t)entry->task * 0x9e3779b97f4a7c15U ^
                       ((uint64_t)entry->group << 32 | entry->cpu);
        uint32_t index;

        for (; jk_map_get(&import->by_counter, key, &index); key++) {
                struct counter *counter = &import->counters[index];

                if (counter->task == entry->task && counter->group == entry->group &&
                    counter->cpu == entry->cpu)
                        return counter;
        }
        if (jk_array_grow(&import->counters, &import->counters_capacity, import->n_counters + 1) <
                    0 ||
            jk_map_put(&import->by_counter, key, (uint32_t)import->n_counters) < 0)
                return NULL;
        import->counters[import->n_counters] = (struct counter){
                .time_ns = -1, .task = entry->task, .group = entry->group, .cpu = entry->cpu
        };
        return &import->counters[import->n_counters++];
}

static void
remember(struct counter *counter, const struct entry *entry)
{
        counter->time_ns = entry->time_ns;
        counter->enabled_ns = entry->enabled_ns;
        counter->running_ns = entry->running_ns;
}

/* The machine's counters are enabled all the time: what is nearer to the time between two reports,
 * what stands there or how much more it is than before? */
static int
find_meaning(struct jk_hwpc_import *import)
{
        double each = 0, cumulative = 0;

        for (size_t i = 0; i < import->n_due; i += row_length(import, i)) {
                const struct entry *entry = &import->entries[i];
                struct counter *counter;
                int64_t wall_ns;
                double enabled_ns = (double)entry->enabled_ns;

                if (entry->task != JK_NO_TASK)
                        continue;
                counter = find_counter(import, entry);
                if (!counter)
                        return -ENOMEM;
                wall_ns = counter->time_ns < 0 ? 0 : entry->time_ns - counter->time_ns;
                if (wall_ns > 0) {
                        each += fabs(enabled_ns - (double)wall_ns);
                        cumulative +=
                                fabs(enabled_ns - (double)counter->enabled_ns - (double)wall_ns);
                        if (import->interval_ns == 0)
                                import->interval_ns = wall_ns;
                }
                remember(counter, entry);
        }
        import->is_cumulative = cumulative < each;
        jk_map_clear(&import->by_counter);
        import->n_counters = 0;
        return 0;
}

/* 0: the time since the report before, if there is one. */
static int64_t
find_span(const struct jk_hwpc_import *import, const struct counter *before,
          const struct entry *entry)
{
        double enabled_ns = (double)entry->enabled_ns;
        double wall_ns = (double)(entry->time_ns - before->time_ns);

        if (before->time_ns < 0 && import->is_cumulative &&
            enabled_ns > BEFORE_TOLERANCE * (double)import->interval_ns)
                return 0;
        if (before->time_ns >= 0 && fabs(enabled_ns - wall_ns) <= LATE_TOLERANCE * wall_ns)
                return 0;
        return (int64_t)enabled_ns;
}

static int
add_span(struct jk_hwpc_import *import, int64_t time_ns, int64_t ns)
{
        struct span *last = import->n_spans > 0 ? &import->spans[import->n_spans - 1] : NULL;

        if (last && last->time_ns == time_ns) {
                last->ns = ns > last->ns ? ns : last->ns;
                return 0;
        }
        if (jk_array_grow(&import->spans, &import->spans_capacity, import->n_spans + 1) < 0)
                return -ENOMEM;
        import->spans[import->n_spans++] = (struct span){ time_ns, ns };
        return 0;
}

/* The times of a row as those since the row before. */
static int
settle_row(struct jk_hwpc_import *import, struct entry *row, size_t n)
{
        struct counter *before = find_counter(import, row);
        struct entry now = *row;
        bool goes_on;

        if (!before)
                return -ENOMEM;
        goes_on = import->is_cumulative && before->time_ns >= 0 &&
                  row->enabled_ns >= before->enabled_ns && row->running_ns >= before->running_ns;
        for (size_t i = 0; i < n && goes_on; i++) {
                row[i].enabled_ns -= before->enabled_ns;
                row[i].running_ns -= before->running_ns;
        }
        if (row->task == JK_NO_TASK &&
            add_span(import, row->time_ns, find_span(import, before, row)) < 0)
                return -ENOMEM;
        remember(before, &now);
        return 0;
}

/* What the times mean is found by the first part, and holds for the others. */
int
jk_hwpc_settle_times(struct jk_hwpc_import *import, int64_t until_ns)
{
        int r = 0;

        if (import->n_entries > 1)
                qsort(import->entries, import->n_entries, sizeof *import->entries, compare);
        import->n_due = import->n_spans = 0;
        while (import->n_due < import->n_entries &&
               import->entries[import->n_due].time_ns <= until_ns)
                import->n_due++;
        if (!import->has_begun)
                r = find_meaning(import);

        for (size_t i = 0, n; r == 0 && i < import->n_due; i += n) {
                n = row_length(import, i);
                r = settle_row(import, &import->entries[i], n);
        }
        return r;
}

int64_t
jk_hwpc_span_at(const struct jk_hwpc_import *import, int64_t time_ns)
{
        size_t first = 0, n = import->n_spans;

        while (n > 0) {
                size_t half = n / 2;

                if (import->spans[first + half].time_ns < time_ns) {
                        first += half + 1;
                        n -= half + 1;
                } else {
                        n = half;
                }
        }
        return first < import->n_spans && import->spans[first].time_ns == time_ns
                       ? import->spans[first].ns
                       : 0;
}
