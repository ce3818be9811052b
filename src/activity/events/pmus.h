/* SPDX-License-Identifier: Apache-2.0
 *
 * PMUs in sysfs, and their files. Used by the other files of this folder alone.
 */
#pragma once

#include "activity/events/events.h"

#define JK_PMU_DEVICES "sys/bus/event_source/devices"

/* A file of a PMU, as jk_root_read() reads it: "events/mem-loads". */
ssize_t jk_pmu_read_file(const struct jk_pmus *pmus, const char *pmu, const char *file,
                         char *buffer, size_t size);
bool jk_pmu_has_file(const struct jk_pmus *pmus, const char *pmu, const char *file);

/* Any PMU by its name: 0; -ENOENT; -EINVAL. */
int jk_pmu_read(const struct jk_pmus *pmus, const char *name, struct jk_pmu *ret_pmu);

/* Whether it can be that of a file in PMU/events. */
bool jk_pmu_is_event_name(const char *name);
