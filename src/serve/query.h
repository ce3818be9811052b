/* SPDX-License-Identifier: Apache-2.0
 *
 * The query of a URL ("dimension=task&top=20"), checked against a table of parameters: what is
 * unknown, given twice or out of range is refused, with the values that would be right. Pure.
 */
#pragma once

#include <stddef.h>

/* One parameter that a route takes. */
struct jk_parameter {
        const char *name;
        const char *const *values; /* NULL-terminated: those there are; or NULL, and … */
        const char *range;         /* … what a right value is, in words */

        /* 0, or -EINVAL: the value is none of those. */
        int (*set)(const char *value, void *data);
};

/* What is wrong with a query, for the reply. */
struct jk_query_error {
        char parameter[64];                /* as the client wrote it; empty: no single one */
        char message[256];                 /* any bytes: escape it */
        const struct jk_parameter *wanted; /* the row whose value is wrong, or NULL */
};

/* Parse a raw query (percent-encoded, without '?') and set what it gives: 0 or -EINVAL. */
int jk_query_parse(const char *query, const struct jk_parameter *parameters, size_t n, void *data,
                   struct jk_query_error *ret_error);
