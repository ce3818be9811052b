/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
 *
 * What the BPF programs hand to user space: records of the task iterator, and events of the ring
 * buffer. Included by both, so it uses nothing but fixed-width types.
 */
#pragma once

#ifdef __bpf__
#include <linux/types.h>
typedef __u16 jk_u16;
typedef __u32 jk_u32;
typedef __u64 jk_u64;
#else
#include <stdint.h>
typedef uint16_t jk_u16;
typedef uint32_t jk_u32;
typedef uint64_t jk_u64;
#endif

#define JK_RECORD_COMM 16
/* As in activity.h, which kernel code cannot include: what includes both fails where they differ.
 */
#define JK_COUNTERS_MAX 8
#define JK_CGROUP_PATH  1024 /* as long as the kernel's tracepoints make it */
#define JK_BPF_CPUS_MAX 1024 /* a thread on a CPU beyond it is never taken for idle */

/* A thread is one task_struct and its start time: either alone may come back. */
struct jk_thread_id {
        jk_u64 address;  /* of the task_struct */
        jk_u64 start_ns; /* boottime clock; a thread that executes takes over its leader's */
};

enum jk_thread_state {
        JK_THREAD_SETTLED = 1 << 0,  /* it exited, and has left the CPU for good */
        JK_THREAD_LAST = 1 << 1,     /* no thread of its process lives any more */
        JK_THREAD_KERNEL = 1 << 2,   /* a kernel thread */
        JK_THREAD_RESIDENT = 1 << 3, /* resident_pages is known */
};

/* One thread, cumulative since its birth, with the identity of its process. */
struct jk_thread_record {
        struct jk_thread_id id;
        jk_u64 leader;           /* address of the leader's task_struct */
        jk_u64 process_start_ns; /* boottime clock */
        jk_u64 cpu_ns;
        jk_u64 read_bytes;
        jk_u64 write_bytes;
        jk_u64 cgroup;
        jk_u64 resident_pages;
        jk_u32 minor_faults; /* modulo 2^32 */
        jk_u32 major_faults;
        jk_u32 tid;
        jk_u32 tgid;
        jk_u32 ppid;
        jk_u32 uid;
        jk_u32 threads;
        jk_u16 state; /* enum jk_thread_state */
        jk_u16 cpu;   /* that it ran on last */
        char comm[JK_RECORD_COMM];
        jk_u64 counters[JK_COUNTERS_MAX]; /* of the whole process */
};

/* Records and events end after as many counters as there are: most machines have three, virtual
 * ones none, and the ring buffer holds the more for it. */
#define JK_SIZE_WITH(type, n_counters)                                                             \
        (sizeof(type) - (JK_COUNTERS_MAX - (n_counters)) * sizeof(jk_u64))

enum jk_event_kind {
        JK_EVENT_SEEN,           /* struct jk_thread_event: it lives */
        JK_EVENT_EXIT,           /* struct jk_thread_event */
        JK_EVENT_FREE,           /* struct jk_free_event */
        JK_EVENT_CGROUP_CREATED, /* struct jk_cgroup_path_event */
        JK_EVENT_CGROUP_REMOVED,
};

struct jk_event_head {
        jk_u32 kind;
        jk_u32 length; /* of the path */
};

struct jk_thread_event {
        struct jk_event_head event;
        struct jk_thread_record thread;
};

/* The task_struct goes: nothing can be added to its CPU time any more. */
struct jk_free_event {
        struct jk_event_head event;
        struct jk_thread_id id;
        jk_u64 cpu_ns;
        jk_u64 counters[JK_COUNTERS_MAX]; /* of the process, 0 if this was not its leader */
};

struct jk_cgroup_path_event {
        struct jk_event_head event;
        jk_u64 id;
        char path[JK_CGROUP_PATH]; /* cut off at event.length */
};

/* What this kernel can tell. */
enum jk_kernel_feature {
        JK_KERNEL_IO = 1 << 0,         /* I/O accounting per task */
        JK_KERNEL_IRQ_APART = 1 << 1,  /* irq time is not in the tasks' CPU time */
        JK_KERNEL_RUN_QUEUES = 1 << 2, /* the run queues' clocks can be read: see clocks */
};
