/* SPDX-License-Identifier: Apache-2.0
 *
 * Logging: see log.h.
 */
#include "base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

static _Atomic int threshold = JK_LOG_INFO;
static _Atomic unsigned int dropped; /* messages, since the last that was written */

void
jk_log_set_level(enum jk_log_level level)
{
        atomic_store(&threshold, (int)level);
}

/* Names that others chose may hold anything: a message must not forge a line, or speak to the
 * terminal. */
static void
blank_controls(char *text, const char *end)
{
        for (; text < end; text++)
                if ((unsigned char)*text < 0x20 || *text == 0x7f)
                        *text = '?';
}

/* A pipe that nobody reads must not hold who logs. What polls as writable takes a line of less than
 * a page without blocking; the descriptor may be shared with others, so it stays as it is. */
static bool
is_writable(void)
{
        struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };

        return poll(&fd, 1, 0) > 0 && (fd.revents & POLLOUT);
}

static void
write_or_drop(const char *line, size_t length)
{
        char told[64];
        struct iovec parts[] = { { told, 0 }, { (char *)line, length } };
        unsigned int lost;

        if (!is_writable()) {
                atomic_fetch_add(&dropped, 1);
                return;
        }

        lost = atomic_exchange(&dropped, 0);
        if (lost > 0)
                parts[0].iov_len = (size_t)snprintf(told, sizeof told,
                                                    "joulekeeper: %u messages were lost\n", lost);

        /* A log line that cannot be written has nowhere else to go. */
        if (writev(STDERR_FILENO, parts, 2) < 0)
                return;
}

void
jk_log(enum jk_log_level level, const char *format, ...)
{
        static const char *const names[] = {
                [JK_LOG_ERROR] = "error: ", [JK_LOG_WARNING] = "warning: ", [JK_LOG_NOTICE] = "",
                [JK_LOG_INFO] = "",         [JK_LOG_DEBUG] = "debug: ",
        };
        char line[1024], *start;
        va_list arguments;
        int n, m;

        if ((int)level > atomic_load(&threshold))
                return;

        if (getenv("JOURNAL_STREAM"))
                n = snprintf(line, sizeof line, "<%d>", (int)level);
        else
                n = snprintf(line, sizeof line, "joulekeeper: %s", names[level]);

        va_start(arguments, format);
        m = vsnprintf(line + n, sizeof line - (size_t)n - 1, format, arguments);
        va_end(arguments);
        if (m < 0)
                return;

        start = line + n;
        n += m;
        if ((size_t)n > sizeof line - 2)
                n = sizeof line - 2;
        blank_controls(start, line + n);
        line[n++] = '\n';

        write_or_drop(line, (size_t)n);
}
