/* SPDX-License-Identifier: Apache-2.0
 *
 * The numbers of a recording: see wire.h.
 */
#include "record/wire.h"

#include <string.h>

#define VARINT_BYTES_MAX 10

void
jk_wire_put(struct jk_text *out, uint64_t value)
{
        char bytes[VARINT_BYTES_MAX];
        size_t n = 0;

        for (; value > 0x7f; value >>= 7)
                bytes[n++] = (char)(value | 0x80);
        bytes[n++] = (char)value;
        jk_text_bytes(out, bytes, n);
}

void
jk_wire_put_double(struct jk_text *out, double value)
{
        uint64_t bits;
        char bytes[sizeof bits];

        memcpy(&bits, &value, sizeof bits);
        for (size_t i = 0; i < sizeof bits; i++)
                bytes[i] = (char)(bits >> 8 * i);
        jk_text_bytes(out, bytes, sizeof bytes);
}

void
jk_wire_put_bytes(struct jk_text *out, const void *bytes, size_t length)
{
        jk_wire_put(out, length);
        jk_text_bytes(out, bytes, length);
}

uint64_t
jk_wire_get(struct jk_wire *in)
{
        uint64_t value = 0;

        for (unsigned int shift = 0; shift < 64; shift += 7) {
                unsigned char byte;

                if (in->at == in->end) {
                        jk_wire_fail(in, "ends within a number");
                        return 0;
                }
                byte = *in->at++;
                if (shift == 63 && byte > 1)
                        break;
                value |= (uint64_t)(byte & 0x7f) << shift;
                if (!(byte & 0x80))
                        return value;
        }
        jk_wire_fail(in, "has a number of more than 64 bits");
        return 0;
}

int64_t
jk_wire_get_signed(struct jk_wire *in)
{
        return jk_wire_unfold(jk_wire_get(in));
}

double
jk_wire_get_double(struct jk_wire *in)
{
        uint64_t bits = 0;
        double value;

        if (jk_wire_left(in) < sizeof bits) {
                jk_wire_fail(in, "ends within a number");
                return 0;
        }
        for (size_t i = 0; i < sizeof bits; i++)
                bits |= (uint64_t)*in->at++ << 8 * i;
        memcpy(&value, &bits, sizeof value);
        return value;
}

uint64_t
jk_wire_get_max(struct jk_wire *in, uint64_t max, const char *fault)
{
        uint64_t value = jk_wire_get(in);

        if (value <= max)
                return value;
        jk_wire_fail(in, fault);
        return 0;
}

const void *
jk_wire_get_bytes(struct jk_wire *in, size_t max, size_t *ret_length)
{
        size_t length = jk_wire_get_max(in, max, "has a string that is too long");
        const void *bytes = in->at;

        if (length > jk_wire_left(in)) {
                jk_wire_fail(in, "ends within a string");
                length = 0;
        }
        in->at += length;
        *ret_length = length;
        return bytes;
}
