/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports of PowerAPI's HWPC sensor in memory: what the hardware performance counters counted for
 * one target (a cgroup, or "all": the machine) since the report before, per group of events, socket
 * and CPU. Names of groups and events are numbers here; a report is two flat arrays and keeps its
 * memory when it is used again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "base/text.h"

enum {
        JK_HWPC_NAMES_MAX = 256, /* groups and events that one input may name */
        JK_HWPC_NAME_LENGTH_MAX = 255,
        JK_HWPC_TARGET_LENGTH_MAX = 4095, /* of a sensor, too */
        JK_HWPC_SOCKET_MAX = 1023,
        JK_HWPC_CPU_MAX = 65535,
        JK_HWPC_ROWS_MAX = 1 << 20, /* in one report */
};

/* More was never counted: 2^60 ns are 36 years, 2^60 units of RAPL (2^-32 J) 268 MJ. */
#define JK_HWPC_COUNT_MAX (UINT64_C(1) << 60)

/* The end of the year 9999. */
#define JK_HWPC_TIMESTAMP_MAX_MS INT64_C(253402300799999)

/* Names to numbers, which stay. Zero-initialised is empty. */
struct jk_hwpc_names {
        char **names;
        size_t count;
        size_t capacity;
};

void jk_hwpc_names_free(struct jk_hwpc_names *names);

/* The number of a name, a new one if it is new; -EINVAL if it is empty, too long or has control
 * characters; -ENOSPC if there are too many; -ENOMEM. */
int jk_hwpc_names_id(struct jk_hwpc_names *names, const char *name);

/* The number of a name, or -ENOENT. */
int jk_hwpc_names_find(const struct jk_hwpc_names *names, const char *name);

struct jk_hwpc_value {
        uint64_t count;
        uint32_t event;
};

/* What one CPU counted. */
struct jk_hwpc_row {
        uint32_t group;
        uint32_t socket;
        uint32_t cpu;
        uint32_t first, n; /* in values */
};

/* Zero-initialised is empty. */
struct jk_hwpc_report {
        int64_t timestamp_ms; /* since 1970, by the sensor's clock */
        struct jk_text sensor, target;
        struct jk_hwpc_row *rows; /* as they came */
        size_t n_rows, rows_capacity;
        struct jk_hwpc_value *values;
        size_t n_values, values_capacity;
        struct jk_map index; /* group, socket and CPU -> row */
};

void jk_hwpc_report_free(struct jk_hwpc_report *report);

/* Whether a sensor or a target may be called so: neither empty nor too long, UTF-8, no control
 * characters. */
bool jk_hwpc_name_is_valid(const char *name, size_t length_max);

/* A hash of a name, for tables of them (FNV-1a; it is no defence against made-up collisions). */
uint64_t jk_hwpc_hash(const char *name);

/* Begin anew: 0; -ERANGE if the time is none; -EINVAL if a name is none; -ENOMEM. */
int jk_hwpc_report_begin(struct jk_hwpc_report *report, int64_t timestamp_ms, const char *sensor,
                         const char *target);

/* Begin a row; values are added to the latest: 0; -EEXIST if there is one for that CPU; -ERANGE if
 * no machine has such a socket or CPU, -ENOSPC if there are too many rows; -ENOMEM. */
int jk_hwpc_report_add_row(struct jk_hwpc_report *report, uint32_t group, uint64_t socket,
                           uint64_t cpu);

/* 0; -ERANGE if no counter can have counted that; -ENOMEM. */
int jk_hwpc_report_add_value(struct jk_hwpc_report *report, uint32_t event, uint64_t count);
