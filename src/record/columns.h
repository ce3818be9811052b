/* SPDX-License-Identifier: Apache-2.0
 *
 * The tasks and CPUs of a tick are written as columns, each a row of numbers of one meaning, as
 * equal things beside each other compress best. These tables say which, for both directions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "record/codec.h"

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

/* What may be seen of a CPU, or not: where the bool is that says so, the number of 32 bits, and
 * between what it lies. Its bit in what is said of a CPU is that of its place here, shifted by
 * JK_CPU_STATES_SHIFT. */
static const struct jk_cpu_state {
        size_t seen, value;
        int64_t least, most;
        const char *fault;
} jk_cpu_states[JK_CPU_STATES] = {
#define STATE(name, field, least, most)                                                            \
        {                                                                                          \
                offsetof(struct jk_cpu_reading, name##_seen),                                      \
                        offsetof(struct jk_cpu_reading, field), least, most,                       \
                        "has an absurd " #name                                                     \
        }
        STATE(frequency, frequency_khz, 0, UINT32_MAX),
        STATE(temperature, temperature_mc, INT32_MIN, INT32_MAX),
        STATE(voltage, voltage_uv, 0, UINT32_MAX),
#undef STATE
};

#define JK_CPU_ONLINE       1U
#define JK_CPU_STATES_SHIFT 1
#define JK_CPU_BITS         15U

static inline bool
jk_cpu_state_is_seen(const struct jk_cpu_reading *cpu, const struct jk_cpu_state *state)
{
        return *(const bool *)((const char *)cpu + state->seen);
}

static inline int64_t
jk_cpu_state_get(const struct jk_cpu_reading *cpu, const struct jk_cpu_state *state)
{
        const void *at = (const char *)cpu + state->value;

        return state->least < 0 ? *(const int32_t *)at : (int64_t) * (const uint32_t *)at;
}

static inline void
jk_cpu_state_set(struct jk_cpu_reading *cpu, const struct jk_cpu_state *state, int64_t value)
{
        *(bool *)((char *)cpu + state->seen) = true;
        *(uint32_t *)((char *)cpu + state->value) = (uint32_t)value;
}

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
