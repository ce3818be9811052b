/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers, names, bars and sparklines as people read them in a terminal. Widths are counted in the
 * columns that a terminal uses, not in bytes, and every string that others wrote is made harmless.
 * Where the locale is not UTF-8, plain ASCII is used.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* What to draw with. */
struct jk_glyphs {
        bool utf8;
        const char *micro;     /* the SI prefix */
        const char *plusminus; /* in front of an error */
        const char *ellipsis;  /* one column: something was cut off */
        const char *unknown;   /* one column: a value that is not known */
        const char *falling, *rising;
        const char *collapsed, *expanded, *leaf; /* in front of a name in a tree */
        const char *idle, *empty;                /* bar: the idle part; nothing */
        const char *const *fill; /* bar: the last column filled to 1/n_fill … n_fill/n_fill */
        size_t n_fill;
        const char *const *spark; /* sparkline: lowest to highest */
        size_t n_spark;
};

extern const struct jk_glyphs jk_glyphs_ascii;
extern const struct jk_glyphs jk_glyphs_utf8;

/* The set for the locale that setlocale() chose. */
const struct jk_glyphs *jk_glyphs_for_locale(void);

/* Three significant digits and an SI unit: "12.3 W", "4.56 kJ", "820 mW"; NaN is unknown. */
void jk_format_watts(struct jk_text *text, double power_w, const struct jk_glyphs *glyphs);
void jk_format_joules(struct jk_text *text, double energy_uj, const struct jk_glyphs *glyphs);

/* "850 ms", "12 s", "3 min 20 s", "2 h 5 min", "3 d 4 h". */
void jk_format_duration(struct jk_text *text, int64_t duration_ns);

/* Append a string that others wrote so that a terminal shows it and does nothing else: valid, no
 * control characters, no characters that change the direction of writing, no heaps of combining
 * marks, ASCII only where the glyphs are. */
void jk_format_safe(struct jk_text *text, const char *string, const struct jk_glyphs *glyphs);

/* Columns a safe string takes (NULL: none). */
size_t jk_format_columns(const char *safe);

enum jk_fit {
        JK_FIT_LEFT,  /* text at the left, its end cut off */
        JK_FIT_RIGHT, /* text at the right, its end cut off */
        JK_FIT_TAIL,  /* text at the left, its start cut off: the end of a path tells more */
};

/* Append a safe string (NULL: an empty one) in exactly so many columns: padded, or cut with an
 * ellipsis. */
void jk_format_fit(struct jk_text *text, const char *safe, size_t columns, enum jk_fit fit,
                   const struct jk_glyphs *glyphs);

/* Append a bar of so many columns for value on the scale 0 … top, its first part, up to idle,
 * drawn as idle. Unknown values draw an empty bar. */
void jk_format_bar(struct jk_text *text, double value, double idle, double top, size_t columns,
                   const struct jk_glyphs *glyphs);

/* Append one column per value, 0 … top; a blank for NaN. */
void jk_format_sparkline(struct jk_text *text, const double *values, size_t n, double top,
                         const struct jk_glyphs *glyphs);
