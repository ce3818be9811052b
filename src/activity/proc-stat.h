/* SPDX-License-Identifier: Apache-2.0
 *
 * Parsers of what /proc/PID/ has (proc_pid_stat(5), proc_pid_io(5), proc_pid_status(5)): pure
 * functions of the text, which a process can fill with what it likes where its own name is in it.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "sample/sample.h"

struct jk_proc_stat {
        char comm[JK_COMM_SIZE];
        char state;
        pid_t ppid;
        uint32_t flags; /* PF_*, include/linux/sched.h */
        uint64_t minor_faults, major_faults;
        uint64_t cpu_ticks; /* utime + stime, in ticks of USER_HZ */
        uint32_t threads;
        uint64_t start_ticks; /* since boot */
        uint64_t resident_pages;
};

#define JK_PROC_KTHREAD UINT32_C(0x00200000) /* PF_KTHREAD */

/* 0, or -EBADMSG. The text need not end with a NUL. */
int jk_proc_stat_parse(const char *text, size_t length, struct jk_proc_stat *ret_stat);

/* read_bytes, and write_bytes less what was truncated before it was written. */
int jk_proc_io_parse(const char *text, uint64_t *ret_read, uint64_t *ret_written);

/* The real uid, from the text of status. */
int jk_proc_uid_parse(const char *text, uid_t *ret_uid);
