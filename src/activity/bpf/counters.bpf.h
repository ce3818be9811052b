/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
 *
 * Counters per process: each CPU's are read at every context switch, and what they counted goes to
 * the process that ran. Loaded only where there are any, as this is the hot path. How many there
 * are is constant to the verifier, which drops the rest of each loop.
 */
#pragma once

#include "scaling.h"

/* The running totals of a process, in the storage of its leader. */
struct process_counters {
        __u64 values[JK_COUNTERS_MAX];
};

struct {
        __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, int);
        __type(value, struct process_counters);
} counted SEC(".maps");

/* The counters of each CPU, one CPU's in a row: user space opens them, and sets the size. */
struct {
        __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
        __uint(key_size, sizeof(__u32));
        __uint(value_size, sizeof(__u32));
} counters SEC(".maps");

struct counter_readings {
        struct jk_counter_window windows[JK_COUNTERS_MAX];
};

struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct counter_readings);
} readings SEC(".maps");

/* What a counter counted on this CPU since the last time. */
static __always_inline __u64
counter_delta(__u32 index, struct jk_counter_window *window, bool *still)
{
        struct bpf_perf_event_value now;
        struct jk_counter_reading reading = { 0 };

        if (bpf_perf_event_read_value(&counters, index, &now, sizeof now) == 0)
                reading = (struct jk_counter_reading){ now.counter, now.enabled, now.running };
        *still |= jk_counter_stands_still(window, &reading);
        return reading.enabled_ns ? jk_counter_scaled(window, &reading) : 0;
}

/* Give what this CPU counted since the last time to the task that ran; what it counted while idle
 * is nobody's. Whether a counter stands still. */
static __always_inline bool
count(struct task_struct *task)
{
        __u32 zero = 0, first = bpf_get_smp_processor_id() * n_counters;
        struct counter_readings *before = bpf_map_lookup_elem(&readings, &zero);
        struct process_counters *process = NULL;
        bool still = false;

        if (!before)
                return false;
        if (task->pid)
                process = bpf_task_storage_get(&counted, task->group_leader, 0,
                                               BPF_LOCAL_STORAGE_GET_F_CREATE);
        for (__u32 i = 0; i < JK_COUNTERS_MAX && i < n_counters; i++) {
                __u64 delta = counter_delta(first + i, &before->windows[i], &still);

                if (process)
                        __sync_fetch_and_add(&process->values[i], delta);
        }
        return still;
}

SEC("tp_btf/sched_switch")
int
BPF_PROG(jk_switch, bool preempt, struct task_struct *prev)
{
        count(prev);
        return 0;
}

/* Run on each CPU before an iteration, so that a task which keeps its CPU is seen as well. Returns
 * 1 where a counter stands still. */
SEC("raw_tp/sched_switch")
int
jk_flush(void *ctx)
{
        return count(bpf_get_current_task_btf());
}

/* The totals of a process, as many as there are; 0 where none are wanted or known. */
static __always_inline void
read_counters(struct task_struct *leader, bool wanted, __u64 values[JK_COUNTERS_MAX])
{
        struct process_counters *process = NULL;

        if (n_counters && wanted)
                process = bpf_task_storage_get(&counted, leader, 0, 0);
        for (__u32 i = 0; i < JK_COUNTERS_MAX && i < n_counters; i++)
                values[i] = process ? process->values[i] : 0;
}
