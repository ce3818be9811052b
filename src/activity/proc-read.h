/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading one process below proc/, with what this machine and our permissions allow.
 */
#pragma once

#include <stdbool.h>

#include "activity/proc-stat.h"
#include "base/root.h"

struct jk_proc {
        int fd;      /* of proc/ */
        bool clocks; /* CPU clocks of processes can be asked: pids here are our namespace's */
        bool io;     /* others' io is ours to read */
        pid_t self;  /* our pid as it is listed here, or 0 */
        uint64_t ns_per_tick;
        uint64_t page_size;
};

int jk_proc_open(const struct jk_root *root, struct jk_proc *ret_proc, struct jk_error *err);
void jk_proc_close(struct jk_proc *proc);

/* CPU time of a process and of all the threads it ever had, in nanoseconds, by its POSIX clock: one
 * system call, no file, no permission needed. -ESRCH when it is gone. */
int jk_proc_clock(pid_t pid, uint64_t *ret_ns);

int jk_proc_read_stat(const struct jk_proc *proc, pid_t pid, struct jk_proc_stat *ret_stat);
int jk_proc_read_io(const struct jk_proc *proc, pid_t pid, uint64_t *ret_read,
                    uint64_t *ret_written);

/* Owner of its directory: the effective uid, or 0 if it is not dumpable. Cheap to ask; when it
 * changes, so may have the real uid. */
int jk_proc_read_owner(const struct jk_proc *proc, pid_t pid, uid_t *ret_owner);
int jk_proc_read_uid(const struct jk_proc *proc, pid_t pid, uid_t *ret_uid);

/* The text of its cgroup file. */
int jk_proc_read_cgroup(const struct jk_proc *proc, pid_t pid, char *buffer, size_t size);
