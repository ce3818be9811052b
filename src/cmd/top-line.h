/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of joulekeeper top's screen, written from left to right; and colours that become other
 * attributes where the terminal has none.
 */
#pragma once

#include <ncurses.h>

#include "cmd/format.h"

enum jk_colour {
        JK_COLOUR_PLAIN,
        JK_COLOUR_TITLE,
        JK_COLOUR_IDLE,
        JK_COLOUR_MACHINE,
        JK_COLOUR_WARNING,
        JK_COLOUR_GOOD,
        JK_COLOUR_FIRST = JK_COLOUR_IDLE
};

/* Curses' attributes of a colour. */
attr_t jk_attributes(enum jk_colour colour);

/* Colours, if the terminal has them. Once, after curses started. */
void jk_line_prepare_colours(void);

/* A line is written from left to right; what does not fit any more is not written. */
struct jk_line {
        int y;
        size_t x;
        const struct jk_glyphs *glyphs;
};

/* Write a safe string in so many columns, or in those that are left. */
void jk_line_put(struct jk_line *line, attr_t attribute, const char *safe, size_t columns,
                 enum jk_fit fit);

/* Write it in the columns that it takes. */
void jk_line_put_text(struct jk_line *line, attr_t attribute, const char *safe);

/* Fill what is left of the line. */
void jk_line_fill(struct jk_line *line, attr_t attribute);
