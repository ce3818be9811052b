/* SPDX-License-Identifier: Apache-2.0
 *
 * What was counted, by cgroup: see targets.h.
 */
#include "hwpc/targets.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "hwpc/report.h"

/* Names that PowerAPI documents for Intel's processors, and of libpfm for the kernel's own. */
static const struct {
        enum jk_task_field field;
        size_t at;
        const char *event;
} fields[] = {
        { JK_TASK_CYCLES, offsetof(struct jk_task_record, cycles),
          "CPU_CLK_THREAD_UNHALTED:THREAD_P" },
        { JK_TASK_INSTRUCTIONS, offsetof(struct jk_task_record, instructions),
          "INSTRUCTIONS_RETIRED" },
        { JK_TASK_LLC_MISSES, offsetof(struct jk_task_record, llc_misses), "LLC_MISSES" },
        { JK_TASK_CPU, offsetof(struct jk_task_record, cpu_ns), "PERF_COUNT_SW_TASK_CLOCK" },
};

_Static_assert(JK_COUNT(fields) == JK_HWPC_FIELDS_MAX &&
                       JK_HWPC_FIELDS_MAX + JK_EVENTS_MAX == 2 * 18,
               "P * (36 - P) columns are most where P is 18");

void
jk_hwpc_targets_free(struct jk_hwpc_targets *targets)
{
        for (size_t i = 0; i < targets->n_slots; i++)
                free(targets->slots[i].name);
        jk_map_free(&targets->by_cgroup);
        free(targets->slots);
        free(targets->listed);
        *targets = (struct jk_hwpc_targets){ 0 };
}

/* ---- columns ---- */

/* Whether there is an event of that name, which may have to be of one package. */
static bool
has_event(const struct jk_sample *sample, const char *name, bool of_package)
{
        for (size_t i = 0; i < jk_sample_n_events(sample); i++)
                if (strcmp(sample->events->events[i].name, name) == 0 &&
                    (!of_package || sample->events->events[i].package >= 0))
                        return true;
        return false;
}

/* One that is counted everywhere is a column of each place, where places are told. */
static void
add_column(struct jk_hwpc_targets *targets, struct jk_hwpc_column column)
{
        struct jk_hwpc_columns *columns = &targets->columns;

        column.place = -1;
        if (column.package >= 0 || targets->n_places == 0) {
                columns->columns[columns->count++] = column;
                return;
        }
        for (size_t i = 0; i < targets->n_places; i++) {
                column.place = (int)i;
                column.package = targets->places[i].package;
                columns->columns[columns->count++] = column;
        }
}

static void
add_field(struct jk_hwpc_targets *targets, size_t field)
{
        add_column(targets, (struct jk_hwpc_column){
                                    .event = fields[field].event,
                                    .package = -1,
                                    .is_software = fields[field].field == JK_TASK_CPU &&
                                                   targets->has_counters,
                                    .is_field = true,
                                    .at = fields[field].at,
                            });
}

static void
add_event(struct jk_hwpc_targets *targets, const struct jk_event *event, size_t index)
{
        add_column(targets, (struct jk_hwpc_column){
                                    .event = event->name,
                                    .package = event->package,
                                    .at = index,
                            });
}

static void
find_places(struct jk_hwpc_targets *targets, const struct jk_sample *sample)
{
        targets->n_places = 0;
        for (size_t i = 0; i < jk_sample_n_events(sample); i++)
                if (jk_event_tells_package(&sample->events->events[i]))
                        targets->places[targets->n_places++] = (struct jk_hwpc_place){
                                .package = sample->events->events[i].package,
                                .event = i,
                        };
}

/* CPU time is no counter of the hardware, which formulas would learn by where there are some; it
 * stands in their place where there never were any. What is there of each package, too, is told by
 * that. */
static void
choose_columns(struct jk_hwpc_targets *targets, const struct jk_sample *sample)
{
        const uint32_t counters = JK_TASK_CYCLES | JK_TASK_INSTRUCTIONS | JK_TASK_LLC_MISSES;

        find_places(targets, sample);
        targets->columns.count = 0;
        if (sample->task_fields & counters)
                targets->has_counters = true;
        for (size_t i = 0; i < jk_sample_n_events(sample); i++)
                if (!jk_event_tells_place(&sample->events->events[i]))
                        targets->has_counters = true;
        for (size_t i = 0; i < JK_COUNT(fields); i++)
                if ((sample->task_fields & (uint32_t)fields[i].field) &&
                    !has_event(sample, fields[i].event, false))
                        add_field(targets, i);
        for (size_t i = 0; i < jk_sample_n_events(sample); i++) {
                const struct jk_event *event = &sample->events->events[i];

                if (jk_event_tells_place(event))
                        continue;
                if (event->package >= 0 || !has_event(sample, event->name, true))
                        add_event(targets, event, i);
        }
}

/* A task's part of a count in one of the places, by its CPU time there; of one that had none, an
 * equal part. The parts add up to the count. */
static uint64_t
part_of(const struct jk_hwpc_targets *targets, const uint64_t *events, uint64_t count, size_t place)
{
        unsigned __int128 before = 0, here, all = 0;

        if (targets->n_places == 0)
                return count;

        for (size_t i = 0; i < targets->n_places; i++) {
                uint64_t cpu_ns = events[targets->places[i].event];

                before += i < place ? cpu_ns : 0;
                all += cpu_ns;
        }
        here = events[targets->places[place].event];
        if (all == 0) {
                before = place;
                here = 1;
                all = targets->n_places;
        }
        return (uint64_t)(count * (before + here) / all - count * before / all);
}

static uint64_t
count_of(const struct jk_hwpc_targets *targets, const struct jk_sample *sample, size_t task,
         const struct jk_hwpc_column *column)
{
        const uint64_t *events = jk_sample_task_events(sample, task);
        uint64_t count =
                column->is_field
                        ? *(const uint64_t *)((const char *)&sample->tasks[task] + column->at)
                        : events[column->at];

        return column->place < 0 ? count : part_of(targets, events, count, (size_t)column->place);
}

/* ---- cgroups ---- */

static int
add_slot(struct jk_hwpc_targets *targets, uint64_t cgroup, char *name)
{
        size_t slot = targets->n_free > 0 ? 0 : targets->n_slots;

        while (slot < targets->n_slots && targets->slots[slot].name)
                slot++;
        if (jk_array_grow(&targets->slots, &targets->slots_capacity, slot + 1) < 0 ||
            jk_map_put(&targets->by_cgroup, cgroup, (uint32_t)slot) < 0)
                return -ENOMEM;
        targets->slots[slot] = (struct jk_hwpc_counts){ .name = name };
        if (slot == targets->n_slots)
                targets->n_slots++;
        else
                targets->n_free--;
        return 0;
}

/* A path is any bytes, a target's name is not. */
static int
meet(struct jk_hwpc_targets *targets, uint64_t cgroup, const char *path)
{
        struct jk_text name = { 0 };
        uint32_t slot;

        jk_text_escaped(&name, *path ? path : "/");
        if (name.length > JK_HWPC_TARGET_LENGTH_MAX) {
                jk_text_clear(&name);
                jk_text_printf(&name, "/unknown-%" PRIu64, cgroup);
        }
        if (name.failed) {
                jk_text_free(&name);
                return -ENOMEM;
        }
        if (jk_map_get(&targets->by_cgroup, cgroup, &slot)) {
                free(targets->slots[slot].name);
                targets->slots[slot].name = name.data;
                return 0;
        }
        if (add_slot(targets, cgroup, name.data) == 0)
                return 0;
        jk_text_free(&name);
        return -ENOMEM;
}

static int
meet_all(struct jk_hwpc_targets *targets, const struct jk_sample *sample)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < sample->n_cgroups; i++)
                if (sample->cgroups[i].kind == JK_CGROUP_APPEARED)
                        r = meet(targets, sample->cgroups[i].id,
                                 jk_sample_cgroup_path(sample, &sample->cgroups[i]));
        return r;
}

/* The slot of a cgroup; one whose path was never told is called by its id. */
static int
find_slot(struct jk_hwpc_targets *targets, uint64_t cgroup, uint32_t *ret_slot)
{
        char unknown[32];
        int r;

        if (jk_map_get(&targets->by_cgroup, cgroup, ret_slot))
                return 0;
        snprintf(unknown, sizeof unknown, "/unknown-%" PRIu64, cgroup);
        r = meet(targets, cgroup, unknown);
        if (r == 0)
                jk_map_get(&targets->by_cgroup, cgroup, ret_slot);
        return r;
}

/* ---- a tick ---- */

static int
list(struct jk_hwpc_targets *targets, uint32_t slot)
{
        struct jk_hwpc_counts *counts = &targets->slots[slot];

        if (counts->listed)
                return 0;
        if (jk_array_grow(&targets->listed, &targets->listed_capacity, targets->n_listed + 1) < 0)
                return -ENOMEM;
        counts->listed = true;
        memset(counts->counts, 0, sizeof counts->counts);
        targets->listed[targets->n_listed++] = slot;
        return 0;
}

static void
add(struct jk_hwpc_counts *counts, size_t column, uint64_t count)
{
        if (__builtin_add_overflow(counts->counts[column], count, &counts->counts[column]))
                counts->counts[column] = UINT64_MAX;
}

static int
take_task(struct jk_hwpc_targets *targets, const struct jk_sample *sample, size_t task)
{
        uint32_t slot;

        if (find_slot(targets, sample->tasks[task].cgroup, &slot) < 0 || list(targets, slot) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < targets->columns.count; i++) {
                uint64_t count = count_of(targets, sample, task, &targets->columns.columns[i]);

                add(&targets->slots[slot], i, count);
                add(&targets->all, i, count);
        }
        return 0;
}

int
jk_hwpc_targets_take(struct jk_hwpc_targets *targets, const struct jk_sample *sample)
{
        int r = meet_all(targets, sample);

        for (size_t i = 0; i < targets->n_listed; i++)
                targets->slots[targets->listed[i]].listed = false;
        targets->n_listed = 0;
        memset(targets->all.counts, 0, sizeof targets->all.counts);
        choose_columns(targets, sample);
        if (!(sample->flags & JK_SAMPLE_TASKS) || targets->columns.count == 0)
                return r;
        for (size_t i = 0; r == 0 && i < sample->n_tasks; i++)
                r = take_task(targets, sample, i);
        return r;
}

void
jk_hwpc_targets_forget(struct jk_hwpc_targets *targets, const struct jk_sample *sample)
{
        for (size_t i = 0; i < sample->n_cgroups; i++) {
                uint32_t slot;

                if (sample->cgroups[i].kind != JK_CGROUP_VANISHED ||
                    !jk_map_get(&targets->by_cgroup, sample->cgroups[i].id, &slot))
                        continue;
                free(targets->slots[slot].name);
                targets->slots[slot].name = NULL;
                targets->n_free++;
                jk_map_remove(&targets->by_cgroup, sample->cgroups[i].id);
        }
}
