/* SPDX-License-Identifier: Apache-2.0
 *
 * Queries of URLs: see query.h.
 */
#include "serve/query.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define VALUE_SIZE 128 /* no right value comes near it */

static int
hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;

        return -1;
}

/* Decode "%41+b" into a buffer: 0, or -EINVAL if an escape is malformed, stands for a NUL, or the
 * result does not fit. */
static int
decode(const char *start, size_t length, char *buffer, size_t size)
{
        size_t n = 0;

        for (size_t i = 0; i < length; i++) {
                char c = start[i] == '+' ? ' ' : start[i];

                if (c == '%') {
                        int high = i + 2 < length ? hex_digit(start[i + 1]) : -1;
                        int low = high >= 0 ? hex_digit(start[i + 2]) : -1;

                        if (low < 0)
                                return -EINVAL;
                        c = (char)(high * 16 + low);
                        i += 2;
                }
                if (c == '\0' || n + 1 >= size)
                        return -EINVAL;
                buffer[n++] = c;
        }

        buffer[n] = '\0';
        return 0;
}

static void
describe_names(const struct jk_parameter *parameters, size_t n, struct jk_query_error *error)
{
        size_t used = strlen(error->message);

        if (n == 0) {
                snprintf(error->message + used, sizeof error->message - used,
                         "; this path takes no parameters");
                return;
        }
        for (size_t i = 0; i < n && used < sizeof error->message; i++)
                used += (size_t)snprintf(error->message + used, sizeof error->message - used,
                                         "%s%s", i == 0 ? "; there are: " : ", ",
                                         parameters[i].name);
}

static void
describe_values(const struct jk_parameter *parameter, struct jk_query_error *error)
{
        size_t used = strlen(error->message);

        if (!parameter->values)
                snprintf(error->message + used, sizeof error->message - used, "; it is %s",
                         parameter->range);
        for (size_t i = 0;
             parameter->values && parameter->values[i] && used < sizeof error->message; i++)
                used += (size_t)snprintf(error->message + used, sizeof error->message - used,
                                         "%s%s", i == 0 ? "; it is one of: " : ", ",
                                         parameter->values[i]);
}

/* One "name=value". */
static int
parse_pair(const char *pair, size_t length, const struct jk_parameter *parameters, size_t n,
           uint32_t *given, void *data, struct jk_query_error *error)
{
        const char *equals = memchr(pair, '=', length);
        size_t name_length = equals ? (size_t)(equals - pair) : length;
        const char *value_start = equals ? equals + 1 : pair + length;
        char value[VALUE_SIZE];

        if (decode(pair, name_length, error->parameter, sizeof error->parameter) < 0) {
                snprintf(error->message, sizeof error->message,
                         "the name of a parameter is too long or has a malformed escape");
                return -EINVAL;
        }

        for (size_t i = 0; i < n; i++) {
                if (strcmp(parameters[i].name, error->parameter) != 0)
                        continue;

                if (*given & UINT32_C(1) << i) {
                        snprintf(error->message, sizeof error->message, "%s: given twice",
                                 parameters[i].name);
                        return -EINVAL;
                }
                *given |= UINT32_C(1) << i;

                if (decode(value_start, (size_t)(pair + length - value_start), value,
                           sizeof value) == 0 &&
                    parameters[i].set(value, data) == 0)
                        return 0;

                error->wanted = &parameters[i];
                snprintf(error->message, sizeof error->message, "%s: not a value of it",
                         parameters[i].name);
                describe_values(&parameters[i], error);
                return -EINVAL;
        }

        snprintf(error->message, sizeof error->message, "%s: no such parameter", error->parameter);
        describe_names(parameters, n, error);
        return -EINVAL;
}

int
jk_query_parse(const char *query, const struct jk_parameter *parameters, size_t n, void *data,
               struct jk_query_error *ret_error)
{
        uint32_t given = 0; /* a bit per parameter */

        for (const char *pair = query; *pair;) {
                struct jk_query_error error = { 0 };
                size_t length = strcspn(pair, "&");

                if (length > 0 &&
                    parse_pair(pair, length, parameters, n, &given, data, &error) < 0) {
                        *ret_error = error;
                        return -EINVAL;
                }
                pair += length + (pair[length] == '&');
        }

        return 0;
}
