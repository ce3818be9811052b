/* SPDX-License-Identifier: Apache-2.0
 *
 * Live load for the tests of collectors: processes and threads that burn known CPU time.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline int64_t
live_clock_ns(clockid_t clock)
{
        struct timespec time = { 0 };

        clock_gettime(clock, &time);
        return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Burn CPU time of the calling thread; returns what it has used since its birth. */
static inline int64_t
live_burn_ms(int64_t ms)
{
        int64_t until = live_clock_ns(CLOCK_THREAD_CPUTIME_ID) + ms * 1000000;
        int64_t now;

        do
                now = live_clock_ns(CLOCK_THREAD_CPUTIME_ID);
        while (now < until);
        return now;
}

/* Burn it without asking for the time, which would bring the kernel's books up to date. */
static inline void
live_spin(const _Atomic uint64_t *stop)
{
        while (!atomic_load_explicit(stop, memory_order_relaxed))
                for (volatile int i = 0; i < 1000; i++)
                        ;
}

static inline void
live_sleep_ms(int64_t ms)
{
        struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

        while (nanosleep(&time, &time) < 0)
                ;
}

static inline int64_t
live_rusage_ns(const struct rusage *usage)
{
        return ((int64_t)usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000000 +
               ((int64_t)usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1000;
}

/* CPU time of the machine that no task is billed for although one was running: a hypervisor took
 * it (steal). In jiffies, as /proc/stat gives it, on all CPUs. */
static inline int64_t
live_stolen_ns(void)
{
        FILE *file = fopen("/proc/stat", "re");
        long long stolen = 0;

        if (file) {
                (void)!fscanf(file, "cpu %*s %*s %*s %*s %*s %*s %*s %lld", &stolen);
                (void)fclose(file);
        }
        return stolen * (1000000000 / sysconf(_SC_CLK_TCK));
}
