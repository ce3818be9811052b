/* SPDX-License-Identifier: Apache-2.0
 *
 * Time. An instant is read from three clocks at once: realtime says when (it may step), monotonic
 * measures a tick (it stops in suspend), boottime minus monotonic is the time spent suspended.
 */
#pragma once

#include <stdint.h>
#include <time.h>

#define JK_NS_PER_S  INT64_C(1000000000)
#define JK_NS_PER_MS INT64_C(1000000)
#define JK_NS_PER_US INT64_C(1000)

struct jk_instant {
        int64_t realtime_ns;
        int64_t monotonic_ns;
        int64_t boottime_ns;
};

/* The three are at most 0.1 ms apart, unless the machine is so busy that none of ten tries was
 * undisturbed: whoever is preempted between two of them would see a suspend that was none. */
struct jk_instant jk_now(void);

/* The same by other clocks, for tests. */
struct jk_instant jk_now_by(int64_t (*read_clock)(clockid_t clock));

int64_t jk_monotonic_ns(void);

/* CPU time of the calling thread, for the phases of the tick. */
int64_t jk_thread_cpu_ns(void);
