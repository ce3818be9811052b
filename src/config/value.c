/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of the configuration: from text to struct, checked by their row. The file and the command
 * line write values in the same way.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/root.h"
#include "base/suggest.h"
#include "config/rows.h"

/* ---- durations ---- */

static const struct {
        const char *name;
        int64_t ns;
} units[] = {
        { "h", 3600 * JK_NS_PER_S }, { "m", 60 * JK_NS_PER_S }, { "s", JK_NS_PER_S },
        { "ms", JK_NS_PER_MS },      { "us", JK_NS_PER_US },    { "ns", 1 },
};

static int64_t
unit_ns(const char *name)
{
        for (size_t i = 0; i < JK_COUNT(units); i++)
                if (strcmp(units[i].name, name) == 0)
                        return units[i].ns;

        return 0;
}

int
jk_config_parse_duration(const char *string, int64_t *ret_ns, struct jk_error *err)
{
        const char *rest = string;
        int64_t whole = 0, unit;
        __int128 ns, fraction = 0, scale = 1;

        for (; isdigit((unsigned char)*rest) && whole < INT64_MAX / 16; rest++)
                whole = whole * 10 + (*rest - '0');
        if (rest > string && *rest == '.' && isdigit((unsigned char)rest[1]))
                for (rest++; isdigit((unsigned char)*rest) && scale < 1000000000000; rest++) {
                        fraction = fraction * 10 + (*rest - '0');
                        scale *= 10;
                }

        unit = unit_ns(rest);
        if (rest == string || unit == 0)
                return jk_fail(err, EINVAL,
                               "'%s' is no duration; write a number and its unit: 10ms, 1s, 1.5s, "
                               "2m, 1h",
                               string);

        ns = (__int128)whole * unit + fraction * unit / scale;
        if (ns > INT64_MAX)
                return jk_fail(err, ERANGE, "'%s' is too long", string);

        *ret_ns = (int64_t)ns;
        return 0;
}

const char *
jk_config_format_duration(int64_t ns, char buffer[static JK_DURATION_SIZE])
{
        size_t i = 0;

        while (i < JK_COUNT(units) - 1 && ns % units[i].ns != 0)
                i++;
        if (ns == 0)
                i = 2;

        snprintf(buffer, JK_DURATION_SIZE, "%lld%s", (long long)(ns / units[i].ns), units[i].name);
        return buffer;
}

/* ---- what a row takes, in words ---- */

static void
join_choices(const char *const *choices, char *buffer, size_t size)
{
        size_t length = 0;

        buffer[0] = '\0';
        for (size_t i = 0; choices[i] && length < size; i++) {
                const char *glue = i == 0 ? "" : choices[i + 1] ? ", " : " or ";

                length +=
                        (size_t)snprintf(buffer + length, size - length, "%s%s", glue, choices[i]);
        }
}

const char *
jk_config_range(const struct jk_config_row *row, char buffer[static JK_CONFIG_RANGE_SIZE])
{
        char min[JK_DURATION_SIZE], max[JK_DURATION_SIZE];

        buffer[0] = '\0';
        switch (row->type) {
        case JK_CONFIG_STRING:
                break;
        case JK_CONFIG_CHOICE:
                join_choices(row->choices, buffer, JK_CONFIG_RANGE_SIZE);
                break;
        case JK_CONFIG_DURATION:
                snprintf(buffer, JK_CONFIG_RANGE_SIZE, "%s to %s",
                         jk_config_format_duration(row->min, min),
                         jk_config_format_duration(row->max, max));
                break;
        case JK_CONFIG_INTEGER:
                snprintf(buffer, JK_CONFIG_RANGE_SIZE, "%lld to %lld", (long long)row->min,
                         (long long)row->max);
                break;
        case JK_CONFIG_BOOLEAN:
                snprintf(buffer, JK_CONFIG_RANGE_SIZE, "true or false");
                break;
        }

        return buffer;
}

/* ---- one function a type ---- */

static int
out_of_range(const struct jk_config_row *row, const char *value, struct jk_error *err)
{
        char range[JK_CONFIG_RANGE_SIZE];

        return jk_fail(err, ERANGE, "%s is out of range; give %s", value,
                       jk_config_range(row, range));
}

static int
assign_integer(int64_t *field, const struct jk_config_row *row, const char *value,
               struct jk_error *err)
{
        char range[JK_CONFIG_RANGE_SIZE];
        int64_t number;
        int r = jk_parse_i64(value, &number);

        if (r == -EINVAL)
                return jk_fail(err, EINVAL, "'%s' is no whole number; give %s", value,
                               jk_config_range(row, range));
        if (r < 0 || number < row->min || number > row->max)
                return out_of_range(row, value, err);

        *field = number;
        return 0;
}

static int
assign_duration(int64_t *field, const struct jk_config_row *row, const char *value,
                struct jk_error *err)
{
        int64_t ns;
        int r = jk_config_parse_duration(value, &ns, err);

        if (r == -EINVAL)
                return r;
        if (r < 0 || ns < row->min || ns > row->max)
                return out_of_range(row, value, err);

        *field = ns;
        return 0;
}

static int
assign_boolean(bool *field, const char *value, struct jk_error *err)
{
        static const char *const words[2][3] = { { "false", "no", "off" },
                                                 { "true", "yes", "on" } };

        for (size_t i = 0; i < 2; i++)
                for (size_t k = 0; k < JK_COUNT(words[i]); k++)
                        if (strcasecmp(value, words[i][k]) == 0) {
                                *field = i == 1;
                                return 0;
                        }

        return jk_fail(err, EINVAL, "'%s' is neither true nor false", value);
}

static int
check_choice(const struct jk_config_row *row, const char *value, struct jk_error *err)
{
        struct jk_suggest suggest = { .wrong = value };
        char range[JK_CONFIG_RANGE_SIZE];

        for (size_t i = 0; row->choices[i]; i++) {
                if (strcmp(row->choices[i], value) == 0)
                        return 0;
                jk_suggest_offer(&suggest, row->choices[i]);
        }

        jk_config_range(row, range);
        if (suggest.best)
                return jk_fail(err, EINVAL, "'%s' is not known; did you mean %s? There are %s",
                               value, suggest.best, range);

        return jk_fail(err, EINVAL, "'%s' is not known; there are %s", value, range);
}

static int
assign_string(char **field, const struct jk_config_row *row, const char *value,
              jk_config_check *check, struct jk_error *err)
{
        char *copy;
        int r = 0;

        if (row->type == JK_CONFIG_CHOICE)
                r = check_choice(row, value, err);
        if (r == 0 && row->check)
                r = row->check(value, err);
        if (r == 0 && check)
                r = check(row, value, err);
        if (r < 0)
                return r;

        copy = strdup(value);
        if (!copy)
                return jk_fail(err, ENOMEM, "out of memory");

        free(*field);
        *field = copy;
        return 0;
}

int
jk_config_assign(struct jk_config *config, const struct jk_config_row *row, const char *value,
                 jk_config_check *check, struct jk_error *err)
{
        void *field = (char *)config + row->offset;

        switch (row->type) {
        case JK_CONFIG_INTEGER:
                return assign_integer(field, row, value, err);
        case JK_CONFIG_DURATION:
                return assign_duration(field, row, value, err);
        case JK_CONFIG_BOOLEAN:
                return assign_boolean(field, value, err);
        case JK_CONFIG_STRING:
        case JK_CONFIG_CHOICE:
                return assign_string(field, row, value, check, err);
        }

        return jk_fail(err, EINVAL, "has no type");
}

bool
jk_config_same(const struct jk_config_row *row, const struct jk_config *a,
               const struct jk_config *b)
{
        const void *x = (const char *)a + row->offset, *y = (const char *)b + row->offset;

        switch (row->type) {
        case JK_CONFIG_INTEGER:
        case JK_CONFIG_DURATION:
                return *(const int64_t *)x == *(const int64_t *)y;
        case JK_CONFIG_BOOLEAN:
                return *(const bool *)x == *(const bool *)y;
        case JK_CONFIG_STRING:
        case JK_CONFIG_CHOICE:
                return strcmp(*(char *const *)x, *(char *const *)y) == 0;
        }

        return false;
}

#define SWAP(type, x, y)                                                                           \
        do {                                                                                       \
                type swapped = *(type *)(x);                                                       \
                *(type *)(x) = *(type *)(y);                                                       \
                *(type *)(y) = swapped;                                                            \
        } while (0)

void
jk_config_swap(const struct jk_config_row *row, struct jk_config *a, struct jk_config *b)
{
        void *x = (char *)a + row->offset, *y = (char *)b + row->offset;

        switch (row->type) {
        case JK_CONFIG_INTEGER:
        case JK_CONFIG_DURATION:
                SWAP(int64_t, x, y);
                break;
        case JK_CONFIG_BOOLEAN:
                SWAP(bool, x, y);
                break;
        case JK_CONFIG_STRING:
        case JK_CONFIG_CHOICE:
                SWAP(char *, x, y);
                break;
        }
}
