/* SPDX-License-Identifier: Apache-2.0
 *
 * Readers of HWPC reports as PowerAPI's sensor writes them: a set of CSV files, a group of events
 * each; and JSON, a document a line, from a file or as the sensor sends it over TCP.
 *
 * Nothing is half-taken. What is wrong in a JSON document refuses that document, and reading goes
 * on with the next. What is wrong in a CSV file ends the reading, without the tick that was being
 * read: a row left out would be a CPU that did nothing. Fractions, negative numbers, NaN and
 * numbers that no counter can show are wrong.
 */
#pragma once

#include <stdio.h>

#include "base/error.h"
#include "hwpc/report.h"

enum {
        JK_HWPC_DOCUMENT_MAX = 1 << 20, /* bytes; one of 1,024 CPUs has a fifth of it */
        JK_HWPC_CSV_LINE_MAX = 1 << 16, /* the sensor writes 1,024 at most */
        JK_HWPC_TICK_MAX = 1 << 16,     /* reports of one time in a set of CSV files */
        JK_HWPC_AHEAD_MAX_S = 5 * 60,   /* of this machine's clock, over TCP */
};

struct jk_hwpc_reader;

/* Open the files of a set. A file's group is its name without folder and ending. Times may not go
 * back within a file. The names must outlive the reader. */
int jk_hwpc_csv_open(const char *const *paths, size_t n, struct jk_hwpc_names *names,
                     struct jk_hwpc_reader **ret_reader, struct jk_error *err);

/* The same of one stream, called so in messages; it becomes the reader's, also where this fails. */
int jk_hwpc_csv_open_stream(FILE *stream, const char *name, struct jk_hwpc_names *names,
                            struct jk_hwpc_reader **ret_reader, struct jk_error *err);

/* Open a file of documents, "-" for standard input. */
int jk_hwpc_json_open(const char *path, struct jk_hwpc_names *names,
                      struct jk_hwpc_reader **ret_reader, struct jk_error *err);

/* Wait for sensors to connect to a socket that listens, and take documents from all of them at
 * once, in the order they come, from 64 at a time; the others wait until one hangs up. What is
 * refused is that document, also one whose time is more than JK_HWPC_AHEAD_MAX_S ahead. The end is
 * when stop_fd (a signalfd, an eventfd) can be read. The socket becomes the reader's, also where
 * this fails. */
int jk_hwpc_tcp_open(int listen_fd, int stop_fd, struct jk_hwpc_names *names,
                     struct jk_hwpc_reader **ret_reader, struct jk_error *err);

/* The next report: 1; 0 at the end; -EBADMSG for what is refused (call again: see above); another
 * negative errno if reading failed. With a message that names file and line. */
int jk_hwpc_read(struct jk_hwpc_reader *reader, struct jk_hwpc_report *report,
                 struct jk_error *err);

void jk_hwpc_reader_close(struct jk_hwpc_reader *reader);

/* One document, pure: 0, or -EBADMSG with a message, or -ENOMEM. The report is then of no use. */
int jk_hwpc_parse(const char *document, size_t length, struct jk_hwpc_names *names,
                  struct jk_hwpc_report *report, struct jk_error *err);
