/* SPDX-License-Identifier: Apache-2.0
 *
 * gzip for bodies. The compressor's state (some 32 kB) is made for the first body and then kept, as
 * a Prometheus that asks for gzip asks every few seconds.
 */
#pragma once

#include "base/text.h"

struct jk_gzip;

/* NULL if memory ran out. */
struct jk_gzip *jk_gzip_open(void);
void jk_gzip_close(struct jk_gzip *gzip);

/* Append the compressed form of source to target: 0, or -ENOMEM with target->length as it was. */
int jk_gzip_append(struct jk_gzip *gzip, const struct jk_text *source, struct jk_text *target);
