/* SPDX-License-Identifier: Apache-2.0
 *
 * What it costs to learn the same without eBPF, done as well as it can be done: for every process
 * /proc/PID/stat and /proc/PID/io, and /proc/PID/cgroup once for each new one. The measure that the
 * tick is held against.
 */
#pragma once

#include <stddef.h>

#include "base/map.h"

struct procread {
        int proc_fd;
        struct jk_map known; /* pid and start time of the processes whose cgroup was read */
};

int procread_open(struct procread *ret_reader);
void procread_close(struct procread *reader);

/* Read them all once: how many there were, or a negative errno. */
long procread_pass(struct procread *reader);
