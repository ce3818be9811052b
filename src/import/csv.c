/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of separated values: see csv.h.
 */
#include "import/csv.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void
jk_csv_begin(struct jk_csv *csv, FILE *file, const char *name, char separator)
{
        *csv = (struct jk_csv){
                .file = file,
                .name = name,
                .separator = (unsigned char)separator,
                .at_line = 1,
        };
}

void
jk_csv_end(struct jk_csv *csv)
{
        jk_text_free(&csv->text);
        free(csv->starts);
        free(csv->fields);
        csv->starts = NULL;
        csv->fields = NULL;
}

static int
refuse(const struct jk_csv *csv, unsigned long line, const char *why, struct jk_error *err)
{
        return jk_fail(err, EBADMSG, "%s:%lu: %s", csv->name, line, why);
}

/* One byte, with CRLF as LF: EOF, or what there is. */
static int
get(struct jk_csv *csv)
{
        int c = getc_unlocked(csv->file);

        if (c == '\r') {
                int after = getc_unlocked(csv->file);

                if (after == '\n')
                        return '\n';
                if (after != EOF)
                        ungetc(after, csv->file);
        }
        return c;
}

/* The byte order mark that some programs put first. */
static int
skip_mark(struct jk_csv *csv, struct jk_error *err)
{
        int c = getc_unlocked(csv->file);
        unsigned char rest[2];

        if (c != 0xEF) {
                if (c != EOF)
                        ungetc(c, csv->file);
                return 0;
        }
        if (fread(rest, 1, sizeof rest, csv->file) != sizeof rest || rest[0] != 0xBB ||
            rest[1] != 0xBF)
                return refuse(csv, 1, "begins with bytes that are no UTF-8", err);
        return 0;
}

static int
begin_field(struct jk_csv *csv, struct jk_error *err)
{
        if (csv->n_fields == JK_CSV_FIELDS_MAX)
                return refuse(csv, csv->line, "has more than 4096 fields; is the separator right?",
                              err);
        if (jk_array_grow(&csv->starts, &csv->starts_capacity, csv->n_fields + 1) < 0)
                return jk_fail(err, ENOMEM, "%s: out of memory", csv->name);
        csv->starts[csv->n_fields++] = csv->text.length;
        return 0;
}

static int
put(struct jk_csv *csv, int c, struct jk_error *err)
{
        if (c == '\0')
                return refuse(csv, csv->at_line, "has a NUL byte; is it a table of text?", err);
        if (csv->text.length >= JK_CSV_RECORD_MAX)
                return refuse(csv, csv->line,
                              "has a record of more than 1 MiB; is a quote left open?", err);
        if (c == '\n')
                csv->at_line++;
        jk_text_char(&csv->text, (char)c);
        return 0;
}

/* What stands in quotes, the first of which is read: 0, and the byte after the last of them. */
static int
read_quoted(struct jk_csv *csv, int *ret_after, struct jk_error *err)
{
        for (;;) {
                int c = get(csv), r;

                if (c == EOF)
                        return refuse(csv, csv->line, "a quote is opened and never closed", err);
                if (c == '"') {
                        c = get(csv);
                        if (c != '"') {
                                *ret_after = c;
                                return 0;
                        }
                }
                r = put(csv, c, err);
                if (r < 0)
                        return r;
        }
}

/* One field: 0, and the byte that ended it. */
static int
read_field(struct jk_csv *csv, int c, int *ret_end, struct jk_error *err)
{
        int r = begin_field(csv, err);

        if (r == 0 && c == '"') {
                r = read_quoted(csv, &c, err);
                if (r == 0 && c != csv->separator && c != '\n' && c != EOF)
                        return refuse(csv, csv->at_line,
                                      "text follows a closing quote; a quote within is doubled",
                                      err);
        }
        for (; r == 0 && c != csv->separator && c != '\n' && c != EOF; c = get(csv))
                r = put(csv, c, err);
        jk_text_char(&csv->text, '\0');
        *ret_end = c;
        return r;
}

/* Pointers to the fields, now that the text does not move any more. */
static int
point(struct jk_csv *csv, struct jk_error *err)
{
        if (csv->text.failed ||
            jk_array_grow(&csv->fields, &csv->fields_capacity, csv->n_fields) < 0)
                return jk_fail(err, ENOMEM, "%s: out of memory", csv->name);
        for (size_t i = 0; i < csv->n_fields; i++)
                csv->fields[i] = csv->text.data + csv->starts[i];
        return 1;
}

static int
read_record(struct jk_csv *csv, int c, struct jk_error *err)
{
        int end = csv->separator, r = 0;

        jk_text_clear(&csv->text);
        csv->n_fields = 0;
        csv->line = csv->at_line;
        for (; r == 0 && end == csv->separator; c = end == csv->separator ? get(csv) : end)
                r = read_field(csv, c, &end, err);
        if (r < 0)
                return r;
        if (end == '\n')
                csv->at_line++;
        return point(csv, err);
}

int
jk_csv_next(struct jk_csv *csv, struct jk_error *err)
{
        int c, r = csv->line == 0 && csv->at_line == 1 ? skip_mark(csv, err) : 0;

        if (r < 0)
                return r;
        errno = 0;
        while ((c = get(csv)) == '\n')
                csv->at_line++;
        if (c != EOF)
                r = read_record(csv, c, err);
        if (ferror(csv->file))
                return jk_fail(err, errno ? errno : EIO, "%s: cannot be read: %m", csv->name);
        return r;
}

int
jk_csv_refuse(const struct jk_csv *csv, struct jk_error *err, const char *format, ...)
{
        jk_autotext struct jk_text safe = { 0 };
        char message[400];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);
        jk_text_utf8(&safe, message);
        return jk_fail(err, EINVAL, "%s:%lu: %s", csv->name, csv->line,
                       safe.data ? safe.data : "out of memory");
}
