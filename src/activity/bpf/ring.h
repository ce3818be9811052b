/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a BPF ring buffer (Documentation/bpf/ringbuf.rst of Linux). libbpf's reader maps the data
 * twice in a row, so that no record is ever split; all of it counts as resident memory, half a
 * megabyte of it for nothing. This one maps it once and puts a split record together.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"

struct jk_ring;

/* Of a BPF_MAP_TYPE_RINGBUF, whose descriptor must stay open. Records are at most so large. */
int jk_ring_open(int map_fd, size_t record_max, struct jk_ring **ret_ring, struct jk_error *err);
void jk_ring_close(struct jk_ring *ring);

/* Hand over every record that is complete, in order, 8-byte aligned and valid for the call alone.
 * One thread at a time. Returns how many there were. */
size_t jk_ring_consume(struct jk_ring *ring, void (*take)(void *context, const void *record),
                       void *context);
