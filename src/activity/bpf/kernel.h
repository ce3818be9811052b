/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
 *
 * The few kernel structures that the BPF programs read, with only the members that they use. CO-RE
 * relocates every access to the kernel that runs, so neither order nor size matter here, and the
 * build needs no kernel's BTF. A type with ___suffix is another kernel's shape of the same type:
 * what is common stands without suffix, and each difference says which kernels have it. Linux 5.15
 * to 6.18, include/linux/sched.h, sched/signal.h, mm_types.h, cgroup-defs.h, kernel/sched/sched.h.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#define PF_KTHREAD 0x00200000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
        int counter;
} atomic_t;

typedef struct {
        long counter;
} atomic_long_t;

typedef struct {
        unsigned int val;
} kuid_t;

struct cred {
        kuid_t uid;
        kuid_t euid;
};

struct kernfs_node {
        __u64 id;
};

struct cgroup_root {
        int hierarchy_id;
};

struct cgroup {
        struct kernfs_node *kn;
        struct cgroup_root *root;
};

struct cgroup_subsys_state {
        struct cgroup *cgroup;
};

/* The value is relocated too: it depends on which controllers were built. */
enum cgroup_subsys_id {
        cpuacct_cgrp_id = 2,
};

struct css_set {
        struct cgroup_subsys_state *subsys[16];
        struct cgroup *dfl_cgrp;
};

struct percpu_counter {
        __s64 count;
};

struct mm_struct {
        struct percpu_counter rss_stat[4]; /* from 6.2 */
};

struct mm_rss_stat___array { /* until 6.1 */
        atomic_long_t count[4];
};

struct mm_struct___array {
        struct mm_rss_stat___array rss_stat;
};

struct rq {
        int cpu;
        __u64 clock;
        __u64 clock_task;
        __u64 prev_irq_time; /* with CONFIG_IRQ_TIME_ACCOUNTING */
};

struct cfs_rq {
        struct rq *rq;
};

struct sched_entity {
        __u64 exec_start;
        __u64 sum_exec_runtime;
        struct cfs_rq *cfs_rq; /* with CONFIG_FAIR_GROUP_SCHED; set for tasks of every class */
};

struct task_io_accounting {
        __u64 read_bytes;
        __u64 write_bytes;
};

struct signal_struct {
        atomic_t live;
        int nr_threads;
};

struct thread_info {
        __u32 cpu; /* from 5.16 */
};

struct task_struct {
        struct thread_info thread_info;
        unsigned int flags;
        int on_cpu;
        int on_rq;
        struct sched_entity se;
        struct mm_struct *mm;
        int exit_state;
        int pid;
        int tgid;
        struct task_struct *real_parent;
        struct task_struct *group_leader;
        __u64 start_boottime;
        unsigned long min_flt;
        unsigned long maj_flt;
        const struct cred *cred;
        char comm[16];
        struct signal_struct *signal;
        struct task_io_accounting ioac;
        struct css_set *cgroups;
};

struct task_struct___cpu { /* until 5.15 */
        unsigned int cpu;
};

enum {
        BPF_TASK_ITER_ALL_THREADS = 1,
};

struct seq_file;

struct bpf_iter_meta {
        struct seq_file *seq;
        __u64 session_id;
        __u64 seq_num;
};

struct bpf_iter__task {
        struct bpf_iter_meta *meta;
        struct task_struct *task;
};

#pragma clang attribute pop

/* Functions of the kernel, from 6.7. */
struct bpf_iter_task {
        __u64 opaque[3];
};

extern int bpf_iter_task_new(struct bpf_iter_task *iterator, struct task_struct *task,
                             unsigned int flags) __ksym;
extern struct task_struct *bpf_iter_task_next(struct bpf_iter_task *iterator) __ksym;
extern void bpf_iter_task_destroy(struct bpf_iter_task *iterator) __ksym;
