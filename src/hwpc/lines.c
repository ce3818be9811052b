/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of a bounded length: see lines.h. A line that is longer is passed by without being kept.
 */
#include "hwpc/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
jk_hwpc_lines_take(struct jk_hwpc_lines *lines, FILE *file, const char *name, size_t length_max)
{
        *lines = (struct jk_hwpc_lines){
                .file = file,
                .name = strdup(name),
                .length_max = length_max,
        };
        if (lines->name)
                return 0;
        jk_hwpc_lines_close(lines);
        return -ENOMEM;
}

int
jk_hwpc_lines_open(struct jk_hwpc_lines *lines, const char *path, size_t length_max,
                   struct jk_error *err)
{
        bool is_stdin = strcmp(path, "-") == 0;
        FILE *file = is_stdin ? stdin : fopen(path, "re");

        if (!file)
                return jk_fail(err, errno, "%s: cannot be opened: %m", path);
        if (jk_hwpc_lines_take(lines, file, is_stdin ? "standard input" : path, length_max) < 0)
                return jk_fail(err, ENOMEM, "out of memory");
        return 0;
}

void
jk_hwpc_lines_close(struct jk_hwpc_lines *lines)
{
        if (lines->file && lines->file != stdin)
                fclose(lines->file);
        free(lines->name);
        jk_text_free(&lines->line);
        *lines = (struct jk_hwpc_lines){ 0 };
}

/* The bytes up to the end of the line or of the file, which is returned; beyond the greatest length
 * they are dropped. */
static int
take_bytes(struct jk_hwpc_lines *lines, bool *ret_too_long)
{
        int c;

        *ret_too_long = false;
        while ((c = getc_unlocked(lines->file)) != EOF && c != '\n') {
                if (lines->line.length < lines->length_max)
                        jk_text_char(&lines->line, (char)c);
                else
                        *ret_too_long = true;
        }
        return c;
}

static void
drop_carriage_return(struct jk_text *line)
{
        if (line->length > 0 && line->data[line->length - 1] == '\r')
                line->data[--line->length] = '\0';
}

static int
complain(const struct jk_hwpc_lines *lines, struct jk_error *err, const char *what)
{
        return jk_fail(err, EBADMSG, "%s:%llu: %s", lines->name, (unsigned long long)lines->number,
                       what);
}

int
jk_hwpc_lines_next(struct jk_hwpc_lines *lines, struct jk_error *err)
{
        bool too_long;
        int last;

        jk_text_clear(&lines->line);
        jk_text_string(&lines->line, "");
        last = take_bytes(lines, &too_long);
        if (last == EOF && ferror(lines->file))
                return jk_fail(err, errno ? errno : EIO, "%s: cannot be read: %m", lines->name);
        if (lines->line.failed)
                return jk_fail(err, ENOMEM, "out of memory");
        if (last == EOF && lines->line.length == 0)
                return 0;

        lines->number++;
        lines->is_cut = last == EOF;
        if (too_long)
                return complain(lines, err, "the line is too long");
        if (memchr(lines->line.data, '\0', lines->line.length))
                return complain(lines, err, "there is a NUL byte in the line");
        drop_carriage_return(&lines->line);
        return 1;
}
