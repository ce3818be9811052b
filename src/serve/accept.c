/* SPDX-License-Identifier: Apache-2.0
 *
 * Content negotiation: see accept.h.
 */
#include "serve/accept.h"

#include <string.h>
#include <strings.h>

struct span {
        const char *start;
        size_t length;
};

/* One element of a list: "text/plain;version=0.0.4;q=0.5". */
struct element {
        struct span name;
        struct span version;
        int weight; /* q in thousandths */
};

static struct span
trim(const char *start, const char *end)
{
        while (start < end && (*start == ' ' || *start == '\t'))
                start++;
        while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
                end--;

        return (struct span){ start, (size_t)(end - start) };
}

static bool
span_is(struct span span, const char *string)
{
        return span.length == strlen(string) && strncasecmp(span.start, string, span.length) == 0;
}

/* "1", "0.5", "0.123"; anything else is weight 0, so that nonsense is not preferred. */
static int
parse_weight(struct span value)
{
        int weight = 0, scale = 1000;

        if (value.length == 0 || value.length > 5 ||
            (value.start[0] != '0' && value.start[0] != '1'))
                return 0;
        if (value.length > 1 && value.start[1] != '.')
                return 0;

        for (size_t i = 0; i < value.length; i++) {
                if (i == 1)
                        continue;
                if (value.start[i] < '0' || value.start[i] > '9')
                        return 0;
                weight += (value.start[i] - '0') * scale;
                scale /= 10;
        }

        return weight > 1000 ? 1000 : weight;
}

static void
parse_parameter(struct span parameter, struct element *element)
{
        const char *end = parameter.start + parameter.length;
        const char *equals = memchr(parameter.start, '=', parameter.length);
        struct span key, value;

        if (!equals)
                return;

        key = trim(parameter.start, equals);
        value = trim(equals + 1, end);
        if (value.length >= 2 && value.start[0] == '"' && value.start[value.length - 1] == '"')
                value = (struct span){ value.start + 1, value.length - 2 };

        if (span_is(key, "q"))
                element->weight = parse_weight(value);
        else if (span_is(key, "version"))
                element->version = value;
}

/* Take the next element off the list; false at its end. */
static bool
next_element(const char **cursor, struct element *ret_element)
{
        struct element element = { .weight = 1000 };
        const char *end = *cursor + strcspn(*cursor, ",");
        const char *part = *cursor;
        bool named = false;

        if (**cursor == '\0')
                return false;

        while (part <= end) {
                const char *stop = memchr(part, ';', (size_t)(end - part));
                struct span piece = trim(part, stop ? stop : end);

                if (named)
                        parse_parameter(piece, &element);
                else
                        element.name = piece;
                named = true;
                part = stop ? stop + 1 : end + 1;
        }

        *cursor = *end ? end + 1 : end;
        *ret_element = element;
        return true;
}

bool
jk_accept_openmetrics(const char *accept)
{
        int open = 0, plain = 0, text = -1, any = -1;
        bool plain_named = false;
        struct element element;

        if (!accept)
                return false;

        while (next_element(&accept, &element)) {
                if (span_is(element.name, "application/openmetrics-text")) {
                        if (element.version.length == 0 || span_is(element.version, "1.0.0"))
                                open = element.weight > open ? element.weight : open;
                } else if (span_is(element.name, "text/plain")) {
                        plain = element.weight > plain ? element.weight : plain;
                        plain_named = true;
                } else if (span_is(element.name, "text/*")) {
                        text = element.weight;
                } else if (span_is(element.name, "*/*")) {
                        any = element.weight;
                }
        }

        /* The most specific range decides. */
        if (!plain_named)
                plain = text >= 0 ? text : any >= 0 ? any : 0;

        return open > 0 && open >= plain;
}

bool
jk_accept_gzip(const char *accept_encoding)
{
        int gzip = -1, identity = -1, any = -1;
        struct element element;

        if (!accept_encoding)
                return false;

        while (next_element(&accept_encoding, &element)) {
                if (span_is(element.name, "gzip") || span_is(element.name, "x-gzip"))
                        gzip = element.weight;
                else if (span_is(element.name, "identity"))
                        identity = element.weight;
                else if (span_is(element.name, "*"))
                        any = element.weight;
        }

        if (gzip < 0)
                gzip = any;

        return gzip > 0 && gzip >= identity;
}
