/* SPDX-License-Identifier: Apache-2.0
 *
 * Escapes: see escape.h.
 */
#include "serve/escape.h"

#include <string.h>

/* The special bytes of a format and what stands for each; all else printable stands for itself.
 * Newlines need no row: jk_text_utf8() has replaced every control character. */
struct escape {
        char byte;
        const char *replacement;
};

static const struct escape backslashes[] = {
        { '"', "\\\"" },
        { '\\', "\\\\" },
        { 0 },
};

static const struct escape entities[] = {
        { '&', "&amp;" },  { '<', "&lt;" },   { '>', "&gt;" },
        { '"', "&quot;" }, { '\'', "&#39;" }, { 0 },
};

static const char *
replacement_of(const struct escape *escapes, char byte)
{
        for (const struct escape *e = escapes; e->byte; e++)
                if (e->byte == byte)
                        return e->replacement;

        return NULL;
}

/* Nearly every name is plain: printable ASCII without anything special. */
static bool
is_plain(const struct escape *escapes, const char *string, size_t *ret_length)
{
        const char *s = string;

        for (; *s; s++)
                if (*s < 0x20 || *s > 0x7e || replacement_of(escapes, *s))
                        return false;

        *ret_length = (size_t)(s - string);
        return true;
}

/* Replace the special bytes from `start` to the end, from the back, so that each byte moves once.
 */
static void
escape_tail(struct jk_text *text, size_t start, const struct escape *escapes)
{
        size_t end = text->length, grown = 0, to;

        for (size_t i = start; i < end; i++) {
                const char *replacement = replacement_of(escapes, text->data[i]);

                grown += replacement ? strlen(replacement) - 1 : 0;
        }
        for (size_t i = 0; i < grown; i++)
                jk_text_char(text, ' ');
        if (text->failed)
                return;

        to = text->length;
        for (size_t i = end; i-- > start;) {
                const char *replacement = replacement_of(escapes, text->data[i]);
                size_t length = replacement ? strlen(replacement) : 1;

                to -= length;
                if (replacement)
                        memcpy(text->data + to, replacement, length);
                else
                        text->data[to] = text->data[i];
        }
}

static void
append(struct jk_text *text, const char *string, const struct escape *escapes)
{
        size_t length, start = text->length;

        if (is_plain(escapes, string, &length)) {
                jk_text_bytes(text, string, length);
                return;
        }

        jk_text_utf8(text, string);
        escape_tail(text, start, escapes);
}

void
jk_text_json(struct jk_text *text, const char *string)
{
        append(text, string, backslashes);
}

void
jk_text_label(struct jk_text *text, const char *string)
{
        append(text, string, backslashes);
}

void
jk_text_html(struct jk_text *text, const char *string)
{
        append(text, string, entities);
}
