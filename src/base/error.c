/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors as values: see error.h.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef jk_fail /* the analyzer's view of it */

int
jk_fail(struct jk_error *err, int code, const char *format, ...)
{
        if (err) {
                va_list arguments;

                errno = abs(code); /* so that %m names the failure the caller meant */
                va_start(arguments, format);
                vsnprintf(err->message, sizeof err->message, format, arguments);
                va_end(arguments);
        }

        return -abs(code);
}

void
jk_error_prefix(struct jk_error *err, const char *format, ...)
{
        char rest[sizeof err->message];
        va_list arguments;
        int n;

        if (!err)
                return;

        memcpy(rest, err->message, sizeof rest);
        va_start(arguments, format);
        n = vsnprintf(err->message, sizeof err->message, format, arguments);
        va_end(arguments);

        if (n >= 0 && (size_t)n < sizeof err->message)
                snprintf(err->message + n, sizeof err->message - (size_t)n, "%s", rest);
}
