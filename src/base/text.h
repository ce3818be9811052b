/* SPDX-License-Identifier: Apache-2.0
 *
 * A growable string, for everything that is printed piece by piece: metrics, tables, pages. It is
 * always NUL-terminated, never shrinks, and remembers that memory ran out (failed), so that a
 * printer checks once at its end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jk_text {
        char *data; /* NULL until the first append */
        size_t length;
        size_t capacity;
        bool failed;
};

void jk_text_free(struct jk_text *text);
void jk_text_clear(struct jk_text *text); /* empty it, keep the memory */

void jk_text_bytes(struct jk_text *text, const char *bytes, size_t length);
void jk_text_string(struct jk_text *text, const char *string);
/* Again what stands in it already, from `start` on. */
void jk_text_repeat(struct jk_text *text, size_t start, size_t length);
void jk_text_char(struct jk_text *text, char c);
void jk_text_u64(struct jk_text *text, uint64_t value);
void jk_text_i64(struct jk_text *text, int64_t value);
void jk_text_printf(struct jk_text *text, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* Microjoules as joules with six decimals, exactly: 1234567 -> 1.234567. */
void jk_text_joules(struct jk_text *text, int64_t energy_uj);

/* Append a string that others wrote (a comm, a cgroup path) as valid UTF-8: what is not becomes
 * U+FFFD, and control characters become U+FFFD as well, so that no output can be broken by it. */
void jk_text_utf8(struct jk_text *text, const char *string);

/* The same so that different strings stay different, and each can be had back: a byte of what is
 * not valid or a control character, and the percent sign, becomes %XX. */
void jk_text_escaped(struct jk_text *text, const char *string);

#define jk_autotext __attribute__((cleanup(jk_text_free)))
