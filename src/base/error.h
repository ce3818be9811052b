/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors. A function that can fail returns 0 or a negative errno and, where a person will read the
 * result, fills a struct jk_error that the caller owns. The message says what was tried, on what,
 * why it failed, and what to do about it. It lives in a fixed buffer, so that failing in the tick
 * allocates nothing.
 */
#pragma once

#include <errno.h>

struct jk_error {
        char message[512]; /* empty when nothing failed */
};

/* Format the message into err (which may be NULL) and return -code, whatever the sign of code, so
 * that a failure is one statement: return jk_fail(err, errno, "%s: cannot read: %m", path). */
int jk_fail(struct jk_error *err, int code, const char *format, ...)
        __attribute__((format(printf, 3, 4), cold));

#ifdef __clang_analyzer__ /* sees one file at a time, and not that this is never 0 */
#define jk_fail(...) ((void)jk_fail(__VA_ARGS__), -EINVAL)
#endif

/* Put a prefix in front of a message that a callee left in err: "meter powercap: " and the rest. */
void jk_error_prefix(struct jk_error *err, const char *format, ...)
        __attribute__((format(printf, 2, 3), cold));
