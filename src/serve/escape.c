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

struct format {
        uint64_t special[2]; /* a bit per ASCII byte: its escapes, and the control characters */
        struct escape escapes[6];
};

#define CONTROLS  UINT64_C(0xffffffff)
#define DELETE    (UINT64_C(1) << (0x7f - 64))
#define LOW(byte) (UINT64_C(1) << (byte))

static const struct format backslashes = {
        .special = { CONTROLS | LOW('"'), DELETE | UINT64_C(1) << ('\\' - 64) },
        .escapes = { { '"', "\\\"" }, { '\\', "\\\\" } },
};

static const struct format entities = {
        .special = { CONTROLS | LOW('&') | LOW('<') | LOW('>') | LOW('"') | LOW('\''), DELETE },
        .escapes = { { '&', "&amp;" },
                     { '<', "&lt;" },
                     { '>', "&gt;" },
                     { '"', "&quot;" },
                     { '\'', "&#39;" } },
};

static const char *
replacement_of(const struct format *format, char byte)
{
        for (const struct escape *e = format->escapes; e->byte; e++)
                if (e->byte == byte)
                        return e->replacement;

        return NULL;
}

/* Nearly every name is plain: printable ASCII without anything special. */
static bool
is_plain(const struct format *format, const char *string, size_t *ret_length)
{
        const unsigned char *s = (const unsigned char *)string;

        for (; *s; s++)
                if (*s >= 0x80 || (format->special[*s >> 6] >> (*s & 63) & 1))
                        return false;

        *ret_length = (size_t)((const char *)s - string);
        return true;
}

/* Replace the special bytes from `start` to the end, from the back, so that each byte moves once.
 */
static void
escape_tail(struct jk_text *text, size_t start, const struct format *format)
{
        size_t end = text->length, grown = 0, to;

        for (size_t i = start; i < end; i++) {
                const char *replacement = replacement_of(format, text->data[i]);

                grown += replacement ? strlen(replacement) - 1 : 0;
        }
        for (size_t i = 0; i < grown; i++)
                jk_text_char(text, ' ');
        if (text->failed)
                return;

        to = text->length;
        for (size_t i = end; i-- > start;) {
                const char *replacement = replacement_of(format, text->data[i]);
                size_t length = replacement ? strlen(replacement) : 1;

                to -= length;
                if (replacement)
                        memcpy(text->data + to, replacement, length);
                else
                        text->data[to] = text->data[i];
        }
}

static void
append(struct jk_text *text, const char *string, const struct format *format)
{
        size_t length, start = text->length;

        if (is_plain(format, string, &length)) {
                jk_text_bytes(text, string, length);
                return;
        }

        jk_text_utf8(text, string);
        escape_tail(text, start, format);
}

void
jk_text_json(struct jk_text *text, const char *string)
{
        append(text, string, &backslashes);
}

void
jk_text_label(struct jk_text *text, const char *string)
{
        append(text, string, &backslashes);
}

void
jk_text_html(struct jk_text *text, const char *string)
{
        append(text, string, &entities);
}
