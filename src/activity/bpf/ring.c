/* SPDX-License-Identifier: Apache-2.0
 *
 * The ring buffer's reader: see ring.h. The map is one page with the reader's position, one with
 * the writers', and the data; positions only rise, and every record begins with its length.
 */
#include "activity/bpf/ring.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct jk_ring {
        uint64_t *consumed;       /* ours to write */
        const uint64_t *produced; /* the kernel's; its data follow in the next page */
        const unsigned char *data;
        size_t page, size; /* size: of the data, a power of two */
        size_t record_max;
        unsigned char *split; /* a record that goes on at the beginning of the data */
};

static size_t
mapped_bytes(const struct jk_ring *ring)
{
        return ring->page + ring->size;
}

/* The two pages of positions, and the data. */
static int
map_ring(struct jk_ring *ring, int map_fd)
{
        void *consumed, *produced;

        consumed = mmap(NULL, ring->page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
        if (consumed == MAP_FAILED)
                return -errno;
        ring->consumed = consumed;

        produced = mmap(NULL, mapped_bytes(ring), PROT_READ, MAP_SHARED, map_fd, (off_t)ring->page);
        if (produced == MAP_FAILED)
                return -errno;
        ring->produced = produced;
        ring->data = (const unsigned char *)produced + ring->page;
        return 0;
}

static int
set_up(struct jk_ring *ring, int map_fd, size_t record_max)
{
        struct bpf_map_info info = { 0 };
        __u32 size = sizeof info;

        if (bpf_obj_get_info_by_fd(map_fd, &info, &size) < 0)
                return -errno;

        ring->page = (size_t)sysconf(_SC_PAGESIZE);
        ring->size = info.max_entries;
        ring->record_max = record_max;
        ring->split = malloc(record_max);
        return ring->split ? map_ring(ring, map_fd) : -ENOMEM;
}

int
jk_ring_open(int map_fd, size_t record_max, struct jk_ring **ret_ring, struct jk_error *err)
{
        struct jk_ring *ring = calloc(1, sizeof *ring);
        int r = ring ? set_up(ring, map_fd, record_max) : -ENOMEM;

        if (r < 0) {
                jk_ring_close(ring);
                return jk_fail(err, r, "bpf: mapping the ring buffer: %s", strerror(-r));
        }

        *ret_ring = ring;
        return 0;
}

void
jk_ring_close(struct jk_ring *ring)
{
        if (!ring)
                return;

        if (ring->consumed)
                munmap(ring->consumed, ring->page);
        if (ring->data)
                munmap((void *)(ring->data - ring->page), mapped_bytes(ring));
        free(ring->split);
        free(ring);
}

/* The record behind its header at a position, in one piece; none that is split and too long. */
static bool
find_record(const struct jk_ring *ring, uint64_t position, size_t length, const void **ret_record)
{
        size_t at = (position + BPF_RINGBUF_HDR_SZ) & (ring->size - 1);
        size_t first = ring->size - at;

        if (length <= first) {
                *ret_record = ring->data + at;
                return true;
        }
        if (length > ring->record_max)
                return false;

        memcpy(ring->split, ring->data + at, first);
        memcpy(ring->split + first, ring->data, length - first);
        *ret_record = ring->split;
        return true;
}

static size_t
whole_length(uint32_t length)
{
        return (length + BPF_RINGBUF_HDR_SZ + 7) & ~(size_t)7;
}

size_t
jk_ring_consume(struct jk_ring *ring, void (*take)(void *context, const void *record),
                void *context)
{
        uint64_t position = *ring->consumed;
        size_t n = 0;

        while (position < __atomic_load_n(ring->produced, __ATOMIC_ACQUIRE)) {
                const void *header = ring->data + (position & (ring->size - 1));
                uint32_t length = __atomic_load_n((const uint32_t *)header, __ATOMIC_ACQUIRE);
                const void *record;
                bool discarded;

                if (length & BPF_RINGBUF_BUSY_BIT)
                        break; /* still being written; what follows has to wait, too */

                discarded = length & BPF_RINGBUF_DISCARD_BIT;
                length &= ~(uint32_t)BPF_RINGBUF_DISCARD_BIT;
                if (!discarded && find_record(ring, position, length, &record)) {
                        take(context, record);
                        n++;
                }
                position += whole_length(length);
                __atomic_store_n(ring->consumed, position, __ATOMIC_RELEASE);
        }

        return n;
}
