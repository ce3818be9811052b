/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
 *
 * Counters per process: each CPU's are read at every context switch, and what they counted goes to
 * the process that ran. Loaded only where there are any, as this is the hot path. How many there
 * are is constant to the verifier, which drops the rest of each loop.
 */
#pragma once

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
        struct bpf_perf_event_value last[JK_COUNTERS_MAX];
};

struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct counter_readings);
} readings SEC(".maps");

/* What a counter counted on this CPU since the last time; scaled up if it was not on the PMU all
 * the time because others shared it. */
static __always_inline __u64
counter_delta(__u32 index, struct bpf_perf_event_value *last)
{
        struct bpf_perf_event_value now;
        __u64 counted_now, enabled, running;

        if (bpf_perf_event_read_value(&counters, index, &now, sizeof now) < 0)
                return 0;

        counted_now = now.counter - last->counter;
        enabled = now.enabled - last->enabled;
        running = now.running - last->running;

        /* A counter that was opened again (its CPU was away) starts below where it was. */
        if (now.counter < last->counter || now.running < last->running || !last->enabled)
                counted_now = 0;
        *last = now;
        if (running && running < enabled && counted_now < 1ULL << 40)
                counted_now = counted_now * (enabled >> 10) / ((running >> 10) + 1);
        return counted_now;
}

/* Give what this CPU counted since the last time to the task that ran; what it counted while idle
 * is nobody's. */
static __always_inline void
count(struct task_struct *task)
{
        __u32 zero = 0, first = bpf_get_smp_processor_id() * n_counters;
        struct counter_readings *before = bpf_map_lookup_elem(&readings, &zero);
        struct process_counters *process = NULL;

        if (!before)
                return;
        if (task->pid)
                process = bpf_task_storage_get(&counted, task->group_leader, 0,
                                               BPF_LOCAL_STORAGE_GET_F_CREATE);
        for (__u32 i = 0; i < JK_COUNTERS_MAX && i < n_counters; i++) {
                __u64 delta = counter_delta(first + i, &before->last[i]);

                if (process)
                        __sync_fetch_and_add(&process->values[i], delta);
        }
}

SEC("tp_btf/sched_switch")
int
BPF_PROG(jk_switch, bool preempt, struct task_struct *prev)
{
        count(prev);
        return 0;
}

/* Run on each CPU before an iteration, so that a task which keeps its CPU is seen as well. */
SEC("raw_tp/sched_switch")
int
jk_flush(void *ctx)
{
        count(bpf_get_current_task_btf());
        return 0;
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
