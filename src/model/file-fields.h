/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON objects to structs and back, by a table of their members: what may stand there, within which
 * limits, and where it goes. Reading and writing are the same rows, so what is written can be read.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/text.h"

enum jk_field_type {
        JK_FIELD_TEXT,  /* char[size]; empty: not told */
        JK_FIELD_NAME,  /* the same, of letters, digits and . _ - */
        JK_FIELD_REAL,  /* double; NaN: not told */
        JK_FIELD_WHOLE, /* int; -1: not told */
        JK_FIELD_WORD,  /* an enum's int: one of words */
        JK_FIELD_OTHER, /* not for this table: read and written by hand */
};

struct jk_field {
        const char *key;
        enum jk_field_type type;
        bool needed;
        size_t offset, size;
        double minimum, maximum;
        const char *(*word)(int value); /* NULL after the last */
};

/* Set all to "not told". */
void jk_fields_clear(const struct jk_field *fields, size_t n, void *object);

/* What stands in the object: every member has to be one of the fields. `path` is where the object
 * is ("cpu"; empty at the top), for messages: 0 or -EBADMSG. */
int jk_fields_read(const struct jk_field *fields, size_t n, const json_t *json, const char *path,
                   void *object, struct jk_error *err);

/* The members that are told, each on a line of its own after a comma, `indent` columns in; all but
 * JK_FIELD_OTHER. *first: there is none before, and then whether there still is none. */
void jk_fields_print(const struct jk_field *fields, size_t n, const void *object,
                     struct jk_text *text, int indent, bool *first);

/* The shortest decimals that are read as the same number. */
void jk_fields_print_real(struct jk_text *text, double value);
