/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of separated values, as RFC 4180 has them: fields in quotes, quotes in those doubled, ends
 * of lines in them, CRLF or LF, a byte order mark at the start. Read record by record, with bounds,
 * so that no file needs more memory than its longest record.
 */
#pragma once

#include <stdio.h>

#include "base/error.h"
#include "base/text.h"

#define JK_CSV_RECORD_MAX (1U << 20) /* bytes */
#define JK_CSV_FIELDS_MAX 4096U

struct jk_csv {
        FILE *file;       /* borrowed */
        const char *name; /* in messages, borrowed */
        unsigned char separator;

        /* The latest record: its fields, and the line it begins in. */
        const char **fields;
        size_t n_fields;
        unsigned long line;

        /* private */
        struct jk_text text;
        size_t *starts;
        size_t starts_capacity, fields_capacity;
        unsigned long at_line; /* that is being read */
};

void jk_csv_begin(struct jk_csv *csv, FILE *file, const char *name, char separator);
void jk_csv_end(struct jk_csv *csv);

/* The next record that is not an empty line: 1, or 0 at the end. Negative: what follows is no such
 * table; the message names file and line. */
int jk_csv_next(struct jk_csv *csv, struct jk_error *err);

/* Say what is wrong with the latest record: -EINVAL, and a message with file and line in which what
 * the file says cannot break a terminal. */
int jk_csv_refuse(const struct jk_csv *csv, struct jk_error *err, const char *format, ...)
        __attribute__((format(printf, 3, 4), cold));

#define jk_autocsv __attribute__((cleanup(jk_csv_end)))
