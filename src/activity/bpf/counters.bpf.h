/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
 *
 * Hardware counters per process: each CPU's are read at every context switch, and what they counted
 * goes to the process that ran. Loaded only where there are any, as this is the hot path.
 */
#pragma once

/* The running totals of a process, in the storage of its leader. */
struct process_counters {
        __u64 values[JK_COUNTERS];
};

struct {
        __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, int);
        __type(value, struct process_counters);
} counted SEC(".maps");

/* The counters of each CPU: user space opens them. */
#define COUNTER_MAP(name)                                                                          \
        struct {                                                                                   \
                __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);                                       \
                __uint(key_size, sizeof(__u32));                                                   \
                __uint(value_size, sizeof(__u32));                                                 \
        } name SEC(".maps")

COUNTER_MAP(counter_0);
COUNTER_MAP(counter_1);
COUNTER_MAP(counter_2);

struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, JK_COUNTERS);
        __type(key, __u32);
        __type(value, struct bpf_perf_event_value);
} readings SEC(".maps");

/* What the counter counted on this CPU since the last time; scaled up if it was not on the PMU all
 * the time because others shared it. */
static __always_inline __u64
counter_delta(void *map, __u32 which)
{
        struct bpf_perf_event_value now, *last = bpf_map_lookup_elem(&readings, &which);
        __u64 counted_now, enabled, running;

        if (!last || bpf_perf_event_read_value(map, BPF_F_CURRENT_CPU, &now, sizeof now) < 0)
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

/* Give what this CPU counted since the last time to the task that ran. */
static __always_inline void
count(struct task_struct *task)
{
        __u64 deltas[JK_COUNTERS];
        struct process_counters *process;

        deltas[0] = counter_delta(&counter_0, 0);
        deltas[1] = counter_delta(&counter_1, 1);
        deltas[2] = counter_delta(&counter_2, 2);
        if (!task->pid)
                return; /* the idle task */

        process = bpf_task_storage_get(&counted, task->group_leader, 0,
                                       BPF_LOCAL_STORAGE_GET_F_CREATE);
        if (!process)
                return;
        for (int i = 0; i < JK_COUNTERS; i++)
                __sync_fetch_and_add(&process->values[i], deltas[i]);
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

static __always_inline void
read_counters(struct task_struct *leader, __u64 values[JK_COUNTERS])
{
        struct process_counters *process;

        if (!use_counters)
                return;
        process = bpf_task_storage_get(&counted, leader, 0, 0);
        if (!process)
                return;
        for (int i = 0; i < JK_COUNTERS; i++)
                values[i] = process->values[i];
}
