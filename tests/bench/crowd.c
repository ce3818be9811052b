/* SPDX-License-Identifier: Apache-2.0
 *
 * crowd N: a crowd of N idle processes. Prints "ready" when all are there, and keeps them until its
 * stdin ends or it is told to stop; they never outlive it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void
idle(pid_t crowd)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != crowd) /* it ended before we asked */
                _exit(0);
        for (;;)
                pause();
}

static int
gather(long n, pid_t *ret_members)
{
        pid_t crowd = getpid();

        for (long i = 0; i < n; i++) {
                pid_t pid = fork();

                if (pid == 0)
                        idle(crowd);
                if (pid < 0) {
                        fprintf(stderr, "crowd: cannot fork process %ld of %ld: %s\n", i + 1, n,
                                strerror(errno));
                        return -errno;
                }
                ret_members[i] = pid;
        }
        return 0;
}

static void
disperse(const pid_t *members, long n)
{
        for (long i = 0; i < n && members[i] > 0; i++)
                kill(members[i], SIGKILL);
        while (wait(NULL) > 0)
                ;
}

static void
wait_for_end_of_stdin(void)
{
        char byte;
        ssize_t got;

        do
                got = read(STDIN_FILENO, &byte, 1);
        while (got > 0 || (got < 0 && errno == EINTR));
}

int
main(int argc, char *argv[])
{
        long n = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
        pid_t *members;
        int error;

        if (n <= 0 || n > 1000000) {
                fprintf(stderr, "usage: crowd N\n");
                return 2;
        }
        members = calloc((size_t)n, sizeof *members);
        if (!members)
                return 1;

        error = gather(n, members);
        if (!error) {
                puts("ready");
                fflush(stdout);
                wait_for_end_of_stdin();
        }
        disperse(members, n);
        free(members);
        return error ? 1 : 0;
}
