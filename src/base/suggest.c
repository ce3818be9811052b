/* SPDX-License-Identifier: Apache-2.0
 *
 * Suggestions: see suggest.h.
 */
#include "base/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static char
fold(char c)
{
        return c == '_' ? '-' : (char)tolower((unsigned char)c); /* log_level is log-level */
}

static size_t
smaller(size_t a, size_t b)
{
        return a < b ? a : b;
}

size_t
jk_edit_distance(const char *a, const char *b)
{
        size_t rows[3][JK_SUGGEST_MAX + 1];
        size_t *before = rows[0], *above = rows[1], *row = rows[2];
        size_t n = strlen(a), m = strlen(b);

        if (n > JK_SUGGEST_MAX || m > JK_SUGGEST_MAX)
                return SIZE_MAX;

        for (size_t k = 0; k <= m; k++)
                above[k] = k;

        for (size_t i = 1; i <= n; i++) {
                size_t *reused = before;

                row[0] = i;
                for (size_t k = 1; k <= m; k++) {
                        bool same = fold(a[i - 1]) == fold(b[k - 1]);

                        row[k] = smaller(above[k - 1] + !same, smaller(above[k], row[k - 1]) + 1);
                        if (i > 1 && k > 1 && fold(a[i - 1]) == fold(b[k - 2]) &&
                            fold(a[i - 2]) == fold(b[k - 1]))
                                row[k] = smaller(row[k], before[k - 2] + 1);
                }
                before = above;
                above = row;
                row = reused;
        }

        return above[m];
}

/* People type the beginning of a name at least as often as they mistype it. */
static bool
begins_with(const char *name, const char *start)
{
        size_t i = 0;

        while (start[i] && fold(start[i]) == fold(name[i]))
                i++;

        return i >= 2 && !start[i];
}

void
jk_suggest_offer(struct jk_suggest *suggest, const char *name)
{
        size_t distance = jk_edit_distance(suggest->wrong, name);
        size_t tolerated = smaller((strlen(name) + 2) / 3, 3);

        if (begins_with(name, suggest->wrong))
                distance = smaller(distance, 1);
        if (distance > tolerated || (suggest->best && distance >= suggest->distance))
                return;

        suggest->best = name;
        suggest->distance = distance;
}
