/* SPDX-License-Identifier: Apache-2.0
 *
 * What was counted in a tick, by cgroup: the targets of HWPC reports, as export.c makes them.
 */
#pragma once

#include "base/map.h"
#include "hwpc/report.h"
#include "sample/sample.h"

/* With CPU time told of P packages there are at most 36 - P other columns, each of which there is P
 * times. */
enum { JK_HWPC_FIELDS_MAX = 4, JK_HWPC_COLUMNS_MAX = 18 * 18 };

/* Something that tasks are counted by, in the tick. */
struct jk_hwpc_column {
        const char *event; /* as the sensor calls it */
        int package;       /* of there only, or -1 */
        bool is_software;  /* no counter of the hardware, where there are some */
        bool is_field;
        size_t at; /* offset in a task's record, or index of an event */
        int place; /* of what was counted everywhere, the part of this one of the places; or -1 */
};

/* A package of which a task's CPU time there is told. */
struct jk_hwpc_place {
        int package;
        size_t event; /* index */
};

struct jk_hwpc_columns {
        struct jk_hwpc_column columns[JK_HWPC_COLUMNS_MAX];
        size_t count;
};

struct jk_hwpc_counts {
        char *name; /* the target's; NULL: free */
        bool listed;
        uint64_t counts[JK_HWPC_COLUMNS_MAX]; /* by column */
};

/* Zero-initialised is empty. */
struct jk_hwpc_targets {
        struct jk_hwpc_columns columns;
        struct jk_hwpc_place places[JK_EVENTS_MAX];
        size_t n_places;
        struct jk_map by_cgroup; /* id -> slot */
        struct jk_hwpc_counts *slots;
        size_t n_slots, slots_capacity, n_free;
        uint32_t *listed; /* slots that did something in the tick, in order of appearance */
        size_t n_listed, listed_capacity;
        struct jk_hwpc_counts all; /* the sum of them */
        bool has_counters;         /* were ever seen */
};

void jk_hwpc_targets_free(struct jk_hwpc_targets *targets);

/* Add up what the tasks of a tick did: 0 or -ENOMEM. */
int jk_hwpc_targets_take(struct jk_hwpc_targets *targets, const struct jk_sample *sample);

static inline const struct jk_hwpc_counts *
jk_hwpc_targets_at(const struct jk_hwpc_targets *targets, size_t listed)
{
        return &targets->slots[targets->listed[listed]];
}

/* The cgroups that the tick says are gone; after its targets were used. */
void jk_hwpc_targets_forget(struct jk_hwpc_targets *targets, const struct jk_sample *sample);
