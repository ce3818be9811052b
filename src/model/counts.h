/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts by name: what a sample counts of its tasks, called as model files call it (file.h): "cpu"
 * in seconds, "cycles", "instructions", "llc-misses", and every event by its own name. For models
 * whose weights come from a file, and for whoever makes such files.
 */
#pragma once

#include "sample/sample.h"

#define JK_COUNTS_MAX (JK_EVENTS_MAX + 4)

struct jk_count {
        char name[JK_EVENT_NAME_SIZE];
        enum jk_task_field field; /* 0: it is an event … */
        size_t column;            /* … with this index; else the offset in the task's record */
        double scale;             /* of what is in the sample, to the count's unit */
};

/* In a second: "s/s", or "1/s". */
const char *jk_count_unit(const char *name);

/* Find what the sample counts under that name: of the package, else of all CPUs. package: -1 for
 * all CPUs only. 0, or -ENOENT if it does not. */
int jk_count_find(const struct jk_sample *sample, const char *name, int package,
                  struct jk_count *ret_count);

/* The package of the only zone of a kind; -1 if there are several, or none: which of them an event
 * of a package belongs to is then not to be told by the kind. */
int jk_zone_only_package(const struct jk_zone_table *table, enum jk_zone_kind kind);

/* All that the sample counts of a package and of all CPUs: how many. */
size_t jk_count_list(const struct jk_sample *sample, int package,
                     struct jk_count ret_counts[JK_COUNTS_MAX]);

/* Of one task, and of all. */
double jk_count_of(const struct jk_count *count, const struct jk_sample *sample, size_t task);
double jk_count_sum(const struct jk_count *count, const struct jk_sample *sample);
