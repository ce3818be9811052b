/* SPDX-License-Identifier: Apache-2.0
 *
 * storm RATE [BUSY_US]: RATE processes a second, on a fixed grid, each busy for BUSY_US of CPU time
 * (default 100). Prints "ready" once it runs and, when its stdin ends, how many there were and how
 * long it took: "12000 12.003" - a machine that cannot keep up shows there.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

static int64_t
now_ns(clockid_t clock)
{
        struct timespec t;

        clock_gettime(clock, &t);
        return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void
sleep_until(int64_t when_ns)
{
        struct timespec t = { .tv_sec = when_ns / NS_PER_S, .tv_nsec = when_ns % NS_PER_S };

        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
                ;
}

static void
be_busy(int64_t busy_ns)
{
        while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < busy_ns)
                ;
        _exit(0);
}

static int
stdin_ended(void)
{
        struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
        char bytes[64];

        return poll(&fd, 1, 0) > 0 && read(STDIN_FILENO, bytes, sizeof bytes) <= 0;
}

/* Fork on the grid until stdin ends: how many. */
static long
blow(long rate, int64_t busy_ns)
{
        int64_t start = now_ns(CLOCK_MONOTONIC);
        long n = 0;

        while (!stdin_ended()) {
                pid_t pid = fork();

                if (pid == 0)
                        be_busy(busy_ns);
                if (pid > 0)
                        n++;
                else
                        sleep_until(now_ns(CLOCK_MONOTONIC) + NS_PER_S / 1000);
                while (waitpid(-1, NULL, WNOHANG) > 0)
                        ;
                sleep_until(start + n * (NS_PER_S / rate));
        }
        while (wait(NULL) > 0)
                ;
        return n;
}

int
main(int argc, char *argv[])
{
        long rate = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
        long busy_us = argc > 2 ? strtol(argv[2], NULL, 10) : 100;
        int64_t start = now_ns(CLOCK_MONOTONIC);
        long n;

        if (rate <= 0 || rate > 1000000 || busy_us < 0 || argc > 3) {
                fprintf(stderr, "usage: storm RATE [BUSY_US]\n");
                return 2;
        }
        puts("ready");
        fflush(stdout);
        n = blow(rate, busy_us * 1000);
        printf("%ld %.3f\n", n, (double)(now_ns(CLOCK_MONOTONIC) - start) / NS_PER_S);
        return 0;
}
