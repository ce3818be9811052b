/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting in commands that measure for long, until a signal that is to end them.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"

/* Block SIGINT, SIGTERM and SIGHUP: a descriptor that has them, or -1 with errno. */
int jk_interrupt_open(void);

/* 0 when that time of the monotonic clock has come; -EINTR if a signal comes first. */
int jk_interrupt_wait(int fd, int64_t due_ns, struct jk_error *err);
