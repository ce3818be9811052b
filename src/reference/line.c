/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines and numbers of others: see line.h.
 */
#include "reference/line.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define YEAR_2000_S 946684800.0
#define YEAR_2200_S 7258118400.0

/* strtod() also takes "inf", "nan" and hexadecimal, which no meter means. */
int
jk_reference_number(const char *text, const char **ret_end, double *ret_value)
{
        size_t length = strspn(text, "0123456789+-.eE");
        char *end;
        double value = strtod(text, &end);

        if (end == text || (size_t)(end - text) > length || !isfinite(value))
                return -EINVAL;

        *ret_end = end;
        *ret_value = value;
        return 0;
}

int64_t
jk_reference_time(double seconds)
{
        return seconds >= YEAR_2000_S && seconds < YEAR_2200_S ? llround(seconds * 1e9) : 0;
}

static const char *
skip_blanks(const char *text)
{
        return text + strspn(text, " \t\r");
}

static int
refuse(const char *line, struct jk_error *err)
{
        jk_autotext struct jk_text shown = { 0 };

        jk_text_utf8(&shown, line);
        return jk_fail(err, EINVAL, "'%.60s' is neither WATTS nor SECONDS-SINCE-1970 WATTS",
                       shown.data ? shown.data : "");
}

int
jk_reference_line(const char *line, struct jk_reference_value *ret_value, struct jk_error *err)
{
        struct jk_reference_value value = { 0 };
        const char *rest = skip_blanks(line);
        double first;

        if (isspace((unsigned char)*rest) || jk_reference_number(rest, &rest, &first) < 0)
                return refuse(line, err);

        value.value = first;
        if (*rest == ' ' || *rest == '\t') {
                rest = skip_blanks(rest);
                if (*rest) {
                        value.realtime_ns = jk_reference_time(first);
                        if (isspace((unsigned char)*rest) || value.realtime_ns == 0 ||
                            jk_reference_number(rest, &rest, &value.value) < 0)
                                return refuse(line, err);
                }
        }
        if (*skip_blanks(rest))
                return refuse(line, err);

        *ret_value = value;
        return 0;
}
