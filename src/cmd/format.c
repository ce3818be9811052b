/* SPDX-License-Identifier: Apache-2.0
 *
 * Text for terminals: see format.h. Code points are decoded here and not by mbrtowc(), so that the
 * ASCII fallback works the same in every locale.
 */
#include "cmd/format.h"

#include <langinfo.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "base/array.h"
#include "base/clock.h"

#define MARKS_MAX 2 /* combining marks kept per character */

static const char *const ascii_fill[] = { "#" };
static const char *const ascii_spark[] = { "_", ".", "-", "=", "+", "*", "#" };
static const char *const utf8_fill[] = { "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█" };
static const char *const utf8_spark[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };

const struct jk_glyphs jk_glyphs_ascii = {
        .utf8 = false,
        .micro = "u",
        .plusminus = "+-",
        .ellipsis = "~",
        .unknown = "-",
        .falling = "v",
        .rising = "^",
        .collapsed = "+",
        .expanded = "-",
        .leaf = " ",
        .idle = "=",
        .empty = ".",
        .fill = ascii_fill,
        .n_fill = JK_COUNT(ascii_fill),
        .spark = ascii_spark,
        .n_spark = JK_COUNT(ascii_spark),
};

const struct jk_glyphs jk_glyphs_utf8 = {
        .utf8 = true,
        .micro = "µ",
        .plusminus = "±",
        .ellipsis = "…",
        .unknown = "–",
        .falling = "▼",
        .rising = "▲",
        .collapsed = "▸",
        .expanded = "▾",
        .leaf = " ",
        .idle = "▒",
        .empty = "·",
        .fill = utf8_fill,
        .n_fill = JK_COUNT(utf8_fill),
        .spark = utf8_spark,
        .n_spark = JK_COUNT(utf8_spark),
};

const struct jk_glyphs *
jk_glyphs_for_locale(void)
{
        return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? &jk_glyphs_utf8 : &jk_glyphs_ascii;
}

/* ---- numbers ---- */

/* Decimals that show three significant digits, after rounding: 9.996 is "10.0". */
static int
decimals(double value)
{
        return value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
}

static void
format_si(struct jk_text *text, double value, const char *unit, const struct jk_glyphs *glyphs)
{
        const char *const prefixes[] = { glyphs->micro, "m", "", "k", "M", "G", "T", "P" };
        double magnitude = fabs(value) * 1e6;
        size_t i = 0;

        if (!isfinite(value)) {
                jk_text_string(text, glyphs->unknown);
                return;
        }
        if (magnitude < 0.5) { /* nothing smaller is ever booked */
                jk_text_printf(text, "0 %s", unit);
                return;
        }

        while (magnitude >= 999.5 && i + 1 < JK_COUNT(prefixes)) {
                magnitude /= 1000;
                i++;
        }
        jk_text_printf(text, "%s%.*f %s%s", value < 0 ? "-" : "", i == 0 ? 0 : decimals(magnitude),
                       magnitude, prefixes[i], unit);
}

void
jk_format_watts(struct jk_text *text, double power_w, const struct jk_glyphs *glyphs)
{
        format_si(text, power_w, "W", glyphs);
}

void
jk_format_joules(struct jk_text *text, double energy_uj, const struct jk_glyphs *glyphs)
{
        format_si(text, energy_uj / 1e6, "J", glyphs);
}

void
jk_format_duration(struct jk_text *text, int64_t duration_ns)
{
        int64_t seconds = (duration_ns + JK_NS_PER_S / 2) / JK_NS_PER_S;
        double exact_s = (double)duration_ns / (double)JK_NS_PER_S;

        if (duration_ns < JK_NS_PER_S)
                jk_text_printf(text, "%lld ms", (long long)(duration_ns / JK_NS_PER_MS));
        else if (duration_ns < 10 * JK_NS_PER_S)
                jk_text_printf(text, "%.3g s", exact_s);
        else if (seconds < 60)
                jk_text_printf(text, "%d s", (int)seconds);
        else if (seconds < 3600)
                jk_text_printf(text, "%d min %d s", (int)(seconds / 60), (int)(seconds % 60));
        else if (seconds < 86400)
                jk_text_printf(text, "%d h %d min", (int)(seconds / 3600),
                               (int)(seconds / 60 % 60));
        else
                jk_text_printf(text, "%lld d %d h", (long long)(seconds / 86400),
                               (int)(seconds / 3600 % 24));
}

/* ---- strings ---- */

/* Decode one code point of valid UTF-8 and return how many bytes it has. */
static size_t
decode(const char *string, wchar_t *ret_c)
{
        const unsigned char *s = (const unsigned char *)string;

        if (s[0] < 0x80) {
                *ret_c = s[0];
                return 1;
        }
        if (s[0] < 0xe0) {
                *ret_c = (wchar_t)((s[0] & 0x1f) << 6 | (s[1] & 0x3f));
                return 2;
        }
        if (s[0] < 0xf0) {
                *ret_c = (wchar_t)((s[0] & 0x0f) << 12 | (s[1] & 0x3f) << 6 | (s[2] & 0x3f));
                return 3;
        }
        *ret_c = (wchar_t)((s[0] & 0x07) << 18 | (s[1] & 0x3f) << 12 | (s[2] & 0x3f) << 6 |
                           (s[3] & 0x3f));
        return 4;
}

/* Characters without width that are no marks on a letter: they join, reorder or hide the text
 * around them (Unicode category Cf, separators and tags). */
static bool
is_invisible(wchar_t c)
{
        static const struct {
                wchar_t first, last;
        } ranges[] = {
                { 0x00ad, 0x00ad }, { 0x034f, 0x034f },   { 0x0600, 0x0605 },   { 0x061c, 0x061c },
                { 0x06dd, 0x06dd }, { 0x070f, 0x070f },   { 0x115f, 0x1160 },   { 0x17b4, 0x17b5 },
                { 0x180b, 0x180f }, { 0x200b, 0x200f },   { 0x2028, 0x202e },   { 0x2060, 0x206f },
                { 0x3164, 0x3164 }, { 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },
                { 0xfff9, 0xfffb }, { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
        };

        for (size_t i = 0; i < JK_COUNT(ranges); i++)
                if (c >= ranges[i].first && c <= ranges[i].last)
                        return true;
        return false;
}

void
jk_format_safe(struct jk_text *text, const char *string, const struct jk_glyphs *glyphs)
{
        jk_autotext struct jk_text valid = { 0 };
        int marks = MARKS_MAX; /* none may stand first */
        size_t length;

        jk_text_utf8(&valid, string);
        for (const char *s = valid.data; s && *s; s += length) {
                wchar_t c;
                int width;

                length = decode(s, &c);
                width = c < 0x80 ? 1 : wcwidth(c);
                if (c < 0x80) {
                        jk_text_char(text, (char)c);
                        marks = 0;
                } else if (!glyphs->utf8) {
                        jk_text_char(text, '?');
                } else if (width < 0 || is_invisible(c)) {
                        jk_text_string(text, "\xef\xbf\xbd"); /* U+FFFD */
                        marks = MARKS_MAX;
                } else if (width > 0 || marks++ < MARKS_MAX) {
                        jk_text_bytes(text, s, length);
                        marks = width > 0 ? 0 : marks;
                }
        }
        text->failed |= valid.failed;
}

static size_t
width_of(wchar_t c)
{
        int width = c < 0x80 ? 1 : wcwidth(c);

        return width < 0 ? 1 : (size_t)width;
}

size_t
jk_format_columns(const char *safe)
{
        size_t columns = 0;
        wchar_t c;

        while (safe && *safe) {
                safe += decode(safe, &c);
                columns += width_of(c);
        }
        return columns;
}

/* The byte at which a string has to be cut to take `columns` at most; ret_columns: what it then
 * takes, one less where a wide character does not fit. Marks stay with their letter. */
static size_t
cut_end(const char *safe, size_t columns, size_t *ret_columns)
{
        size_t at = 0, used = 0;

        while (safe[at]) {
                wchar_t c;
                size_t length = decode(safe + at, &c);

                if (used + width_of(c) > columns)
                        break;
                used += width_of(c);
                at += length;
        }
        *ret_columns = used;
        return at;
}

/* The byte from which on a string takes `columns` at most. */
static size_t
cut_start(const char *safe, size_t columns, size_t *ret_columns)
{
        size_t left = jk_format_columns(safe), at = 0;
        wchar_t c;

        while (safe[at] && left > columns) {
                at += decode(safe + at, &c);
                left -= width_of(c);
        }
        while (safe[at]) { /* marks of the letter that was cut off */
                size_t length = decode(safe + at, &c);

                if (width_of(c) > 0)
                        break;
                at += length;
        }
        *ret_columns = left;
        return at;
}

static void
repeat(struct jk_text *text, const char *glyph, size_t n)
{
        while (n-- > 0)
                jk_text_string(text, glyph);
}

void
jk_format_fit(struct jk_text *text, const char *safe, size_t columns, enum jk_fit fit,
              const struct jk_glyphs *glyphs)
{
        size_t used, at;

        if (!safe)
                safe = ""; /* a text that nothing was written to */
        if (columns == 0)
                return;

        used = jk_format_columns(safe);

        if (used <= columns) {
                if (fit == JK_FIT_RIGHT)
                        repeat(text, " ", columns - used);
                jk_text_string(text, safe);
                if (fit != JK_FIT_RIGHT)
                        repeat(text, " ", columns - used);
        } else if (fit == JK_FIT_TAIL) {
                at = cut_start(safe, columns - 1, &used);
                jk_text_string(text, glyphs->ellipsis);
                jk_text_string(text, safe + at);
                repeat(text, " ", columns - 1 - used);
        } else {
                at = cut_end(safe, columns - 1, &used);
                jk_text_bytes(text, safe, at);
                jk_text_string(text, glyphs->ellipsis);
                repeat(text, " ", columns - 1 - used);
        }
}

/* ---- pictures ---- */

static double
fraction_of(double value, double top)
{
        if (!(value > 0) || !(top > 0))
                return 0;

        return value < top ? value / top : 1;
}

void
jk_format_bar(struct jk_text *text, double value, double idle, double top, size_t columns,
              const struct jk_glyphs *glyphs)
{
        double filled = fraction_of(value, top) * (double)columns;
        double still = fraction_of(isnan(value) || isnan(idle) ? 0 : fmin(idle, value), top) *
                       (double)columns;
        size_t n_idle = (size_t)(still + 0.5), n_full, part, used;

        if (filled < (double)n_idle)
                filled = (double)n_idle;
        n_full = (size_t)filled;
        part = (size_t)((filled - (double)n_full) * (double)glyphs->n_fill + 0.5);
        if (part == glyphs->n_fill && n_full < columns) {
                n_full++;
                part = 0;
        }

        repeat(text, glyphs->idle, n_idle);
        repeat(text, glyphs->fill[glyphs->n_fill - 1], n_full - n_idle);
        used = n_full;
        if (part > 0 && used < columns) {
                jk_text_string(text, glyphs->fill[part - 1]);
                used++;
        }
        repeat(text, glyphs->empty, columns - used);
}

void
jk_format_sparkline(struct jk_text *text, const double *values, size_t n, double top,
                    const struct jk_glyphs *glyphs)
{
        for (size_t i = 0; i < n; i++) {
                double level = fraction_of(values[i], top) * (double)glyphs->n_spark;
                size_t step = (size_t)level;

                if (!isfinite(values[i]))
                        jk_text_char(text, ' ');
                else
                        jk_text_string(
                                text,
                                glyphs->spark[step < glyphs->n_spark ? step : glyphs->n_spark - 1]);
        }
}
