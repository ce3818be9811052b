/* SPDX-License-Identifier: Apache-2.0
 *
 * Text for people: see wrap.h.
 */
#include "cmd/wrap.h"

#include <string.h>

int
jk_columns(const char *text, size_t bytes)
{
        int n = 0;

        for (size_t i = 0; i < bytes; i++)
                n += (text[i] & 0xc0) != 0x80;

        return n;
}

void
jk_print_wrapped(FILE *out, const char *text, int indent)
{
        int column = indent;

        while (*text) {
                size_t blanks = strspn(text, " ");
                size_t word = strcspn(text + blanks, " \n");
                int width = jk_columns(text + blanks, word);

                if (column > indent && column + (int)blanks + width > JK_LINE_WIDTH) {
                        fprintf(out, "\n%*s", indent, "");
                        column = indent;
                        text += blanks;
                } else {
                        fprintf(out, "%*s", (int)blanks, "");
                        column += (int)blanks;
                        text += blanks;
                }
                fprintf(out, "%.*s", (int)word, text);
                column += width;
                text += word;

                if (*text == '\n') {
                        text++;
                        fprintf(out, "\n%*s", *text && *text != '\n' ? indent : 0, "");
                        column = indent;
                }
        }
        fputc('\n', out);
}
