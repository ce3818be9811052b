/* SPDX-License-Identifier: Apache-2.0
 *
 * The tasks that a collector knows, with what they had done at the previous reading. A task is one
 * incarnation of a process: who finds another start time under a known pid removes the old task
 * first.
 */
#pragma once

#include "base/map.h"
#include "sample/sample.h"

struct jk_task {
        pid_t pid; /* 0: an empty slot */
        pid_t ppid;
        uint64_t start_ns;  /* boottime clock */
        uint64_t seen_in;   /* reading in which it was seen last */
        uint64_t active_in; /* reading in which it last did something */
        uint64_t cgroup;
        uint64_t left;     /* the cgroup that it moved from … */
        uint64_t moved_in; /* … as this reading found */
        uid_t uid;
        uid_t owner;        /* of /proc/PID: changes with credentials */
        uint32_t flags;     /* JK_TASK_KERNEL, JK_TASK_SELF */
        uint32_t unchecked; /* readings of activity since its cgroup was looked at */
        char comm[JK_COMM_SIZE];

        /* counters, as read */
        uint64_t cpu_ns;
        uint64_t minor_faults, major_faults;
        uint64_t read_bytes, write_bytes;
        uint64_t resident_bytes;
        uint32_t threads;
};

struct jk_tasks {
        struct jk_task *tasks; /* n_tasks slots, some of them empty */
        size_t n_tasks, tasks_capacity;
        uint32_t *free_slots;
        size_t n_free_slots, free_slots_capacity;
        struct jk_map by_pid;
};

/* Zero-initialised is empty. */
void jk_tasks_free(struct jk_tasks *tasks);

/* The task, or NULL; valid until the next jk_tasks_add(). */
struct jk_task *jk_tasks_find(const struct jk_tasks *tasks, pid_t pid);

/* A new task, zeroed but for its pid, which must not be there yet; NULL if memory ran out. */
struct jk_task *jk_tasks_add(struct jk_tasks *tasks, pid_t pid);

void jk_tasks_remove(struct jk_tasks *tasks, struct jk_task *task);
