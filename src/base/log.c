/* SPDX-License-Identifier: Apache-2.0
 *
 * Logging: see log.h.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic int threshold = JK_LOG_INFO;

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

        /* A log line that cannot be written has nowhere else to go. */
        if (write(STDERR_FILENO, line, (size_t)n) < 0)
                return;
}
