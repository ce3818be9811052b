/* SPDX-License-Identifier: Apache-2.0
 *
 * The growable string: see text.h.
 */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Make room where there is too little; false if memory ran out, now or before. */
static bool __attribute__((noinline, cold)) grow(struct jk_text *text, size_t wanted)
{
        size_t grown = text->capacity ? text->capacity : 256;
        char *moved;

        if (text->failed)
                return false;

        while (grown < wanted)
                grown += grown / 2;

        moved = realloc(text->data, grown);
        if (!moved) {
                text->failed = true;
                return false;
        }

        text->data = moved;
        text->capacity = grown;
        return true;
}

static inline bool
reserve(struct jk_text *text, size_t extra)
{
        size_t wanted = text->length + extra + 1;

        return (wanted <= text->capacity && !text->failed) || grow(text, wanted);
}

void
jk_text_free(struct jk_text *text)
{
        free(text->data);
        *text = (struct jk_text){ 0 };
}

void
jk_text_clear(struct jk_text *text)
{
        text->length = 0;
        text->failed = false;
        if (text->data)
                text->data[0] = '\0';
}

void
jk_text_bytes(struct jk_text *text, const char *bytes, size_t length)
{
        if (!reserve(text, length))
                return;

        memcpy(text->data + text->length, bytes, length);
        text->length += length;
        text->data[text->length] = '\0';
}

void
jk_text_string(struct jk_text *text, const char *string)
{
        jk_text_bytes(text, string, strlen(string));
}

void
jk_text_repeat(struct jk_text *text, size_t start, size_t length)
{
        if (reserve(text, length)) /* or the text would move while it is read */
                jk_text_bytes(text, text->data + start, length);
}

void
jk_text_char(struct jk_text *text, char c)
{
        if (!reserve(text, 1))
                return;

        text->data[text->length++] = c;
        text->data[text->length] = '\0';
}

/* Digits by hand: a scrape prints tens of thousands of numbers, and printf is most of its cost. */
void
jk_text_u64(struct jk_text *text, uint64_t value)
{
        char digits[20];
        size_t i = sizeof digits;

        do {
                digits[--i] = (char)('0' + value % 10);
                value /= 10;
        } while (value);

        jk_text_bytes(text, digits + i, sizeof digits - i);
}

void
jk_text_i64(struct jk_text *text, int64_t value)
{
        if (value < 0)
                jk_text_char(text, '-');
        jk_text_u64(text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void
jk_text_printf(struct jk_text *text, const char *format, ...)
{
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vsnprintf(NULL, 0, format, arguments);
        va_end(arguments);
        if (n < 0 || !reserve(text, (size_t)n))
                return;

        va_start(arguments, format);
        vsnprintf(text->data + text->length, (size_t)n + 1, format, arguments);
        va_end(arguments);
        text->length += (size_t)n;
}

void
jk_text_joules(struct jk_text *text, int64_t energy_uj)
{
        uint64_t rest = energy_uj < 0 ? 0 - (uint64_t)energy_uj : (uint64_t)energy_uj;
        char digits[24];
        size_t i = sizeof digits;

        for (int place = 0; place < 8 || rest > 0; place++) {
                if (place == 6) {
                        digits[--i] = '.';
                        continue;
                }
                digits[--i] = (char)('0' + rest % 10);
                rest /= 10;
        }
        if (energy_uj < 0)
                digits[--i] = '-';

        jk_text_bytes(text, digits + i, sizeof digits - i);
}

/* Length of the well-formed UTF-8 sequence at s (Unicode 15, table 3-7), or 0. */
static size_t
utf8_length(const unsigned char *s)
{
        static const struct {
                unsigned char first, last, second_low, second_high;
                size_t length;
        } rows[] = {
                { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
                { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
                { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
                { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
        };

        if (s[0] >= 0x20 && s[0] < 0x7f)
                return 1;

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                if (s[0] < rows[i].first || s[0] > rows[i].last)
                        continue;
                if (s[1] < rows[i].second_low || s[1] > rows[i].second_high)
                        return 0;
                for (size_t k = 2; k < rows[i].length; k++)
                        if ((s[k] & 0xc0) != 0x80)
                                return 0;
                return rows[i].length;
        }

        return 0;
}

void
jk_text_utf8(struct jk_text *text, const char *string)
{
        const unsigned char *s = (const unsigned char *)string;

        while (*s) {
                size_t length = utf8_length(s);

                if (length > 0 && !(s[0] == 0xc2 && s[1] < 0xa0)) { /* C1 controls */
                        jk_text_bytes(text, (const char *)s, length);
                        s += length;
                } else {
                        jk_text_string(text, REPLACEMENT);
                        s += length > 0 ? length : 1;
                }
        }
}

void
jk_text_escaped(struct jk_text *text, const char *string)
{
        const unsigned char *s = (const unsigned char *)string;

        while (*s) {
                size_t length = utf8_length(s);

                if (length > 0 && *s != '%' && !(s[0] == 0xc2 && s[1] < 0xa0)) {
                        jk_text_bytes(text, (const char *)s, length);
                        s += length;
                } else {
                        jk_text_printf(text, "%%%02X", *s++);
                }
        }
}
