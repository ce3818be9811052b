/* SPDX-License-Identifier: Apache-2.0
 *
 * What both sides of the codec remember: see codec.h.
 */
#include "record/codec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/array.h"

bool
jk_recording_begins(const unsigned char *bytes, size_t length)
{
        uint32_t magic = 0;

        if (length < sizeof magic)
                return false;
        for (size_t i = 0; i < sizeof magic; i++)
                magic |= (uint32_t)bytes[i] << 8 * i;
        return magic == ZSTD_MAGICNUMBER;
}

uint32_t
jk_message_checksum(enum jk_message kind, const void *body, size_t length)
{
        unsigned char first = (unsigned char)kind;

        return (uint32_t)crc32_z(crc32_z(0, &first, 1), body, length);
}

void
jk_slots_free(struct jk_slots *slots)
{
        free(slots->items);
        *slots = (struct jk_slots){ 0 };
}

void
jk_last_tick_free(struct jk_last_tick *last)
{
        free(last->cpus);
        *last = (struct jk_last_tick){ 0 };
}

void
jk_last_tick_forget(struct jk_last_tick *last)
{
        *last = (struct jk_last_tick){ .cpus = last->cpus, .capacity = last->capacity };
}

int
jk_last_tick_set_cpus(struct jk_last_tick *last, size_t n)
{
        if (jk_array_grow(&last->cpus, &last->capacity, n) < 0)
                return -ENOMEM;
        if (n > last->n_cpus)
                memset(last->cpus + last->n_cpus, 0, (n - last->n_cpus) * sizeof *last->cpus);
        last->n_cpus = n;
        return 0;
}
