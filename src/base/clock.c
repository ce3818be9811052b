/* SPDX-License-Identifier: Apache-2.0
 *
 * Time: see clock.h.
 */
#include "base/clock.h"

#include <time.h>

static int64_t
read_clock(clockid_t clock)
{
        struct timespec t;

        clock_gettime(clock, &t); /* cannot fail for these clocks */
        return (int64_t)t.tv_sec * JK_NS_PER_S + t.tv_nsec;
}

struct jk_instant
jk_now(void)
{
        return (struct jk_instant){
                .realtime_ns = read_clock(CLOCK_REALTIME),
                .monotonic_ns = read_clock(CLOCK_MONOTONIC),
                .boottime_ns = read_clock(CLOCK_BOOTTIME),
        };
}

int64_t
jk_monotonic_ns(void)
{
        return read_clock(CLOCK_MONOTONIC);
}

int64_t
jk_thread_cpu_ns(void)
{
        return read_clock(CLOCK_THREAD_CPUTIME_ID);
}
