/* SPDX-License-Identifier: Apache-2.0
 *
 * Time: see clock.h.
 */
#include "base/clock.h"

#define BRACKET_NS (JK_NS_PER_MS / 10)
#define TRIES      10

static int64_t
read_live(clockid_t clock)
{
        struct timespec t;

        clock_gettime(clock, &t); /* cannot fail for these clocks */
        return (int64_t)t.tv_sec * JK_NS_PER_S + t.tv_nsec;
}

struct jk_instant
jk_now_by(int64_t (*read_clock)(clockid_t clock))
{
        struct jk_instant best = { 0 };
        int64_t best_ns = INT64_MAX;

        for (int try = 0; try < TRIES && best_ns > BRACKET_NS; try++) {
                struct jk_instant now;
                int64_t bracket_ns;

                now.monotonic_ns = read_clock(CLOCK_MONOTONIC);
                now.boottime_ns = read_clock(CLOCK_BOOTTIME);
                now.realtime_ns = read_clock(CLOCK_REALTIME);
                bracket_ns = read_clock(CLOCK_MONOTONIC) - now.monotonic_ns;
                if (bracket_ns >= best_ns)
                        continue;
                best = now;
                best_ns = bracket_ns;
        }

        return best;
}

struct jk_instant
jk_now(void)
{
        return jk_now_by(read_live);
}

int64_t
jk_monotonic_ns(void)
{
        return read_live(CLOCK_MONOTONIC);
}

int64_t
jk_thread_cpu_ns(void)
{
        return read_live(CLOCK_THREAD_CPUTIME_ID);
}
