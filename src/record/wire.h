/* SPDX-License-Identifier: Apache-2.0
 *
 * The numbers of a recording: whole numbers as LEB128 (seven bits a byte, least significant first,
 * the high bit set in all but the last), signed ones folded (0, -1, 1, -2 …), doubles as eight
 * bytes of IEEE 754, least significant first. Reading never goes beyond the end: the first thing
 * that is wrong is remembered, and everything after it reads as 0.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* ---- writing: appended to a text, which remembers that memory ran out ---- */

void jk_wire_put(struct jk_text *out, uint64_t value);
void jk_wire_put_double(struct jk_text *out, double value);
void jk_wire_put_bytes(struct jk_text *out, const void *bytes, size_t length); /* length first */

static inline uint64_t
jk_wire_fold(int64_t value)
{
        uint64_t twice = (uint64_t)value * 2;

        return value < 0 ? ~twice : twice;
}

static inline int64_t
jk_wire_unfold(uint64_t value)
{
        return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static inline void
jk_wire_put_signed(struct jk_text *out, int64_t value)
{
        jk_wire_put(out, jk_wire_fold(value));
}

/* ---- reading ---- */

struct jk_wire {
        const unsigned char *at, *end;
        const char *fault; /* static: what is wrong first; NULL: nothing */
};

uint64_t jk_wire_get(struct jk_wire *in);
int64_t jk_wire_get_signed(struct jk_wire *in);
double jk_wire_get_double(struct jk_wire *in);

/* A number that must not be above max: "says what" is the fault if it is. */
uint64_t jk_wire_get_max(struct jk_wire *in, uint64_t max, const char *fault);

/* The bytes that a length stands before, in place; no more of them than max. */
const void *jk_wire_get_bytes(struct jk_wire *in, size_t max, size_t *ret_length);

static inline void
jk_wire_fail(struct jk_wire *in, const char *fault)
{
        if (!in->fault)
                in->fault = fault;
        in->at = in->end;
}

static inline size_t
jk_wire_left(const struct jk_wire *in)
{
        return (size_t)(in->end - in->at);
}
