/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of joulekeeper top's screen: see top-line.h.
 */
#include "cmd/top-line.h"

#include "base/array.h"

attr_t
jk_attributes(enum jk_colour colour)
{
        static const struct {
                attr_t colour, plain; /* without colours */
        } rows[] = {
                [JK_COLOUR_PLAIN] = { A_NORMAL, A_NORMAL },
                [JK_COLOUR_TITLE] = { A_REVERSE, A_REVERSE },
                [JK_COLOUR_IDLE] = { A_NORMAL, A_NORMAL },
                [JK_COLOUR_MACHINE] = { A_NORMAL, A_BOLD },
                [JK_COLOUR_WARNING] = { A_BOLD, A_REVERSE },
                [JK_COLOUR_GOOD] = { A_NORMAL, A_BOLD },
        };

        if (!has_colors())
                return rows[colour].plain;
        if (colour < JK_COLOUR_FIRST)
                return rows[colour].colour;
        return rows[colour].colour | (attr_t)COLOR_PAIR(colour);
}

void
jk_line_prepare_colours(void)
{
        static const short colours[] = {
                [JK_COLOUR_IDLE] = COLOR_BLUE,
                [JK_COLOUR_MACHINE] = COLOR_CYAN,
                [JK_COLOUR_WARNING] = COLOR_RED,
                [JK_COLOUR_GOOD] = COLOR_GREEN,
        };

        if (!has_colors())
                return;

        start_color();
        use_default_colors();
        for (int i = JK_COLOUR_FIRST; i <= JK_COLOUR_GOOD; i++)
                init_pair((short)i, colours[i], -1);
}

static size_t
left_on(const struct jk_line *line)
{
        return (size_t)COLS > line->x ? (size_t)COLS - line->x : 0;
}

void
jk_line_put(struct jk_line *line, attr_t attribute, const char *safe, size_t columns,
            enum jk_fit fit)
{
        jk_autotext struct jk_text text = { 0 };

        if (columns > left_on(line))
                columns = left_on(line);
        jk_format_fit(&text, safe, columns, fit, line->glyphs);
        if (columns == 0 || !text.data)
                return;

        attrset(attribute);
        mvaddstr(line->y, (int)line->x, text.data);
        attrset(A_NORMAL);
        line->x += columns;
}

void
jk_line_put_text(struct jk_line *line, attr_t attribute, const char *safe)
{
        jk_line_put(line, attribute, safe, jk_format_columns(safe), JK_FIT_LEFT);
}

void
jk_line_fill(struct jk_line *line, attr_t attribute)
{
        jk_line_put(line, attribute, "", left_on(line), JK_FIT_LEFT);
}
