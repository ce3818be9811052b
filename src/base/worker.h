/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread for work that may never return, such as reading a sensor whose driver hangs. Whoever
 * asks waits for a while, and then goes on without the result.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct jk_worker;

/* NULL: out of memory. Its thread is started with the first job. */
struct jk_worker *jk_worker_new(void);

/* Stop it. While a job still runs it is left behind, and ends after it with leave(data): true. */
bool jk_worker_free(struct jk_worker *worker, void (*leave)(void *data));

/* Have job(data) run, and wait for it so long: 0 if it is done. -ETIMEDOUT: it goes on, and what it
 * uses is its own until the worker is not busy any more. -EBUSY: an earlier job still runs, and
 * this one was not begun; or another negative errno, if there is no thread to be had. */
int jk_worker_run(struct jk_worker *worker, void (*job)(void *data), void *data,
                  int64_t patience_ns);

bool jk_worker_is_busy(struct jk_worker *worker);
