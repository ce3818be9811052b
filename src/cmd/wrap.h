/* SPDX-License-Identifier: Apache-2.0
 *
 * Text for people, broken between words at 79 columns.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#define JK_LINE_WIDTH 79

/* Columns that a text of UTF-8 takes: our texts have no wide and no combining characters. */
int jk_columns(const char *text, size_t bytes);

/* Print from column `indent` on, and indent every further line so; a newline in the text stays one.
 * Ends with a newline. */
void jk_print_wrapped(FILE *out, const char *text, int indent);
