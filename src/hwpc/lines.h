/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of a file that others wrote, numbered from 1 and of a bounded length.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"

struct jk_hwpc_lines {
        FILE *file;
        char *name;      /* for messages */
        uint64_t number; /* of the latest line */
        size_t length_max;
        struct jk_text line; /* the latest, without its end of line (LF or CR LF) */
        bool is_cut;         /* the file ended before the line did */
};

/* Open a file, "-" for standard input: 0 or a negative errno with a message. */
int jk_hwpc_lines_open(struct jk_hwpc_lines *lines, const char *path, size_t length_max,
                       struct jk_error *err);

/* Read from a stream that is open, which becomes ours. */
int jk_hwpc_lines_take(struct jk_hwpc_lines *lines, FILE *file, const char *name,
                       size_t length_max);

void jk_hwpc_lines_close(struct jk_hwpc_lines *lines);

/* The next line: 1; 0 at the end; -EBADMSG if it is too long or holds a NUL byte (it is passed by,
 * call again for the next one); another negative errno if it cannot be read. With a message. */
int jk_hwpc_lines_next(struct jk_hwpc_lines *lines, struct jk_error *err);
