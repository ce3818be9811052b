/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting until a signal: see interrupt.h.
 */
#include "cmd/interrupt.h"

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>

#include "base/clock.h"

int
jk_interrupt_open(void)
{
        sigset_t ours;

        sigemptyset(&ours);
        sigaddset(&ours, SIGINT);
        sigaddset(&ours, SIGTERM);
        sigaddset(&ours, SIGHUP);
        sigprocmask(SIG_BLOCK, &ours, NULL);
        signal(SIGCHLD, SIG_DFL);
        return signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
}

int
jk_interrupt_wait(int fd, int64_t due_ns, struct jk_error *err)
{
        struct pollfd poll = { .fd = fd, .events = POLLIN };
        int64_t left_ns;

        while ((left_ns = due_ns - jk_monotonic_ns()) > 0) {
                struct timespec timeout = { left_ns / JK_NS_PER_S, left_ns % JK_NS_PER_S };

                if (ppoll(&poll, 1, &timeout, NULL) > 0)
                        return jk_fail(err, EINTR, "stopped by a signal; nothing was written");
        }
        return 0;
}
