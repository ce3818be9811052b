/* SPDX-License-Identifier: Apache-2.0
 *
 * Events that every kernel has a number for, by the names that perf(1) gives them: of the CPU, of
 * its caches, and those that the kernel itself counts (include/uapi/linux/perf_event.h,
 * tools/perf/util/parse-events.c). Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sample/sample.h"

struct jk_generic_event {
        char name[JK_EVENT_NAME_SIZE];
        uint32_t type; /* PERF_TYPE_HARDWARE, _HW_CACHE or _SOFTWARE */
        uint64_t config;
        enum jk_task_field field; /* the sample's own field for it, or 0 */
};

/* Find one by any of its names; it is given the first of them, or that of its field. */
bool jk_generic_find(const char *name, struct jk_generic_event *ret_event);

/* The one at this place, in a fixed order, CPU before caches before software: false beyond all. */
bool jk_generic_at(size_t i, struct jk_generic_event *ret_event);
