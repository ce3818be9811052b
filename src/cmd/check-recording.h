/* SPDX-License-Identifier: Apache-2.0
 *
 * Is a recording that others sent fit to be learned from? It is read to its end, by the reader that
 * replays it.
 */
#pragma once

#include "base/sha256.h"
#include "record/recording.h"

struct jk_recording_facts {
        struct jk_about about; /* its first header */
        uint64_t ticks;        /* that are whole */
        bool cut;              /* it ends within one that is not */
        unsigned int measured; /* a bit for each kind of zone that a meter measured */
        char sha256[JK_SHA256_HEX_SIZE];
};

/* 0; -EBADMSG and the like, with the byte and the reason, as the reader tells it; -EINVAL: it can
 * be read, but must not be learned from: it holds names, does not tell its CPU, measures nothing,
 * or has a power that no machine has. */
int jk_recording_check(const char *path, struct jk_recording_facts *ret_facts,
                       struct jk_error *err);

/* Only its header and its first tick: ticks, cut and the checksum are not told. */
int jk_recording_glance(const char *path, struct jk_recording_facts *ret_facts,
                        struct jk_error *err);
