/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers and times as other programs write them: see number.h.
 */
#include "import/number.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/array.h"
#include "base/clock.h"

static const char *const absent[] = {
        "", "nan", "na", "n/a", "null", "none", "-", "<not counted>", "<not supported>",
};

static const char *
skip_space(const char *text)
{
        return text + strspn(text, " \t");
}

static bool
is_absent(const char *text, size_t length)
{
        for (size_t i = 0; i < JK_COUNT(absent); i++)
                if (strlen(absent[i]) == length && strncasecmp(absent[i], text, length) == 0)
                        return true;
        return false;
}

static size_t
trimmed_length(const char *text)
{
        size_t length = strlen(text);

        while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
                length--;
        return length;
}

static int
refuse_number(const char *text, size_t length, struct jk_error *err)
{
        if (length > 0 && strspn(text, "+-0123456789,") == length)
                return jk_fail(err, EINVAL,
                               "'%.*s' has a comma in the number; write a point for it (most "
                               "programs do with LC_ALL=C)",
                               (int)length, text);
        return jk_fail(err, EINVAL, "'%.*s' is no number", length < 60 ? (int)length : 60, text);
}

int
jk_import_number(const char *text, double *ret_value, struct jk_error *err)
{
        const char *start = skip_space(text);
        size_t length = trimmed_length(start);
        double value;
        char *end;

        if (is_absent(start, length)) {
                *ret_value = NAN;
                return 0;
        }
        if (strspn(start, "+-.0123456789eE") < length || strcspn(start, "0123456789") >= length)
                return refuse_number(start, length, err);
        value = strtod(start, &end);
        if (end != start + length)
                return refuse_number(start, length, err);
        if (!isfinite(value))
                return jk_fail(err, EINVAL, "'%.*s' is too large", length < 60 ? (int)length : 60,
                               start);
        *ret_value = value;
        return 0;
}

/* ---- times ---- */

/* Digits and a fraction, in units of so many ns; what follows is left at *rest. */
static bool
read_decimal(const char **rest, int64_t unit_ns, int64_t *ret_ns)
{
        const char *at = *rest;
        __int128 whole = 0, fraction = 0, scale = 1;

        for (; isdigit((unsigned char)*at) && whole < JK_IMPORT_TIME_MAX; at++)
                whole = whole * 10 + (*at - '0');
        if (at == *rest)
                return false;
        if (*at == '.')
                for (at++; isdigit((unsigned char)*at); at++) {
                        if (scale >= INT64_C(1000000000000))
                                continue;
                        fraction = fraction * 10 + (*at - '0');
                        scale *= 10;
                }
        whole = whole * unit_ns + fraction * unit_ns / scale;
        if (whole > JK_IMPORT_TIME_MAX)
                return false;
        *rest = at;
        *ret_ns = (int64_t)whole;
        return true;
}

/* "+01:00", "+0100", "Z" or nothing: seconds east of Greenwich. */
static bool
read_zone(const char **rest, int *ret_s)
{
        int hours, minutes, n = 0;
        char sign;

        *ret_s = 0;
        if (**rest == 'Z' || **rest == 'z') {
                (*rest)++;
                return true;
        }
        if (**rest != '+' && **rest != '-')
                return true;
        if (sscanf(*rest, "%c%2d:%2d%n", &sign, &hours, &minutes, &n) < 3 &&
            sscanf(*rest, "%c%2d%2d%n", &sign, &hours, &minutes, &n) < 3)
                return false;
        if (n < 5 || hours < 0 || hours > 14 || minutes < 0 || minutes > 59)
                return false;
        *ret_s = (hours * 60 + minutes) * (sign == '-' ? -60 : 60);
        *rest += n;
        return true;
}

static bool
read_iso8601(const char **rest, int64_t *ret_ns)
{
        struct tm tm = { 0 };
        int64_t fraction_ns;
        int east_s, n = 0;
        time_t seconds;

        if (sscanf(*rest, "%4d-%2d-%2d%*1[T ]%2d:%2d:%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                   &tm.tm_hour, &tm.tm_min, &n) < 5 ||
            n == 0)
                return false;
        if (tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
            tm.tm_mday > 31 || tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59)
                return false;
        *rest += n;
        if (!read_decimal(rest, JK_NS_PER_S, &fraction_ns) || fraction_ns > 61 * JK_NS_PER_S ||
            !read_zone(rest, &east_s))
                return false;
        tm.tm_year -= 1900;
        tm.tm_mon--;
        seconds = timegm(&tm) - east_s;
        if (seconds < 0 || seconds > JK_IMPORT_TIME_MAX / JK_NS_PER_S - 100)
                return false;
        *ret_ns = seconds * JK_NS_PER_S + fraction_ns;
        return true;
}

int
jk_import_time(const char *text, enum jk_time_unit unit, int64_t *ret_ns, struct jk_error *err)
{
        static const int64_t units[] = {
                [JK_TIME_S] = JK_NS_PER_S,
                [JK_TIME_MS] = JK_NS_PER_MS,
                [JK_TIME_US] = JK_NS_PER_US,
                [JK_TIME_NS] = 1,
        };
        const char *rest = skip_space(text);
        int64_t ns = 0;
        bool read = unit == JK_TIME_ISO8601 ? read_iso8601(&rest, &ns)
                                            : read_decimal(&rest, units[unit], &ns);

        if (!read || *skip_space(rest) != '\0')
                return jk_fail(err, EINVAL, "'%.60s' is no time %s", text,
                               unit == JK_TIME_ISO8601 ? "as 2026-11-21T16:24:43Z"
                                                       : "as a number since 1970");
        *ret_ns = ns;
        return 0;
}
