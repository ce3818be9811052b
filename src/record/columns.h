/* SPDX-License-Identifier: Apache-2.0
 *
 * The tasks and CPUs of a tick are written as columns, each a row of numbers of one meaning, as
 * equal things beside each other compress best. These tables say which, for both directions.
 */
#pragma once

#include <stddef.h>

#include "sample/sample.h"

/* Each is a uint64_t. A column in which all is 0 is left out; a bit in the tick says so. */
static const size_t jk_task_columns[] = {
        offsetof(struct jk_task_record, cpu_ns),
        offsetof(struct jk_task_record, cycles),
        offsetof(struct jk_task_record, instructions),
        offsetof(struct jk_task_record, llc_misses),
        offsetof(struct jk_task_record, read_bytes),
        offsetof(struct jk_task_record, write_bytes),
        offsetof(struct jk_task_record, minor_faults),
        offsetof(struct jk_task_record, major_faults),
};

static const size_t jk_cpu_columns[] = {
        offsetof(struct jk_cpu_reading, busy_ns),  offsetof(struct jk_cpu_reading, idle_ns),
        offsetof(struct jk_cpu_reading, irq_ns),   offsetof(struct jk_cpu_reading, softirq_ns),
        offsetof(struct jk_cpu_reading, steal_ns),
};

static inline uint64_t
jk_column_get(const void *record, size_t offset)
{
        return *(const uint64_t *)((const char *)record + offset);
}

static inline void
jk_column_set(void *record, size_t offset, uint64_t value)
{
        *(uint64_t *)((char *)record + offset) = value;
}
