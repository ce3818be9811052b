/* SPDX-License-Identifier: Apache-2.0
 *
 * The replies of an agent (whatever listens there) as `top` and `ps` read them: status, zones, and
 * the accounts of each dimension, parted by bytes 0xff, which no JSON has.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "cmd/remote.h"

#define PARTS (2 + JK_DIMENSION_MAX)

static void
fill(struct jk_remote_replies *replies, const uint8_t *data, size_t size)
{
        for (int part = 0; part < PARTS; part++) {
                struct jk_text *text = part == 0   ? &replies->status
                                       : part == 1 ? &replies->zones
                                                   : &replies->accounts[part - 2];
                const uint8_t *end = size > 0 ? memchr(data, 0xff, size) : NULL;
                size_t length = end ? (size_t)(end - data) : size;

                jk_text_bytes(text, (const char *)data, length);
                data += end ? length + 1 : length;
                size -= end ? length + 1 : length;
        }
}

static void
check_snapshot(const struct jk_snapshot *snapshot)
{
        for (int dimension = 0; dimension < JK_DIMENSION_MAX; dimension++)
                for (size_t i = 0; i < snapshot->n_entries[dimension]; i++) {
                        const struct jk_entry *entry = &snapshot->entries[dimension][i];

                        PROMISE(entry->name < snapshot->strings_length);
                        PROMISE(entry->cgroup < snapshot->strings_length);
                        PROMISE(entry->energy + 3 * snapshot->n_zones <= snapshot->energy_length);
                }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct jk_remote_replies replies = { 0 };
        struct jk_error err = { 0 };
        struct jk_snapshot *snapshot;
        struct jk_shelf shelf;
        bool same;
        int r;

        jk_shelf_init(&shelf);
        snapshot = jk_shelf_blank(&shelf);
        PROMISE(snapshot);
        fill(&replies, data, size);
        r = jk_remote_parse(&replies, snapshot, &same, &err);
        PROMISE(r == 0 || r == -EPROTO || r == -ENOMEM);
        PROMISE(r == 0 || err.message[0] != '\0');
        if (r == 0)
                check_snapshot(snapshot);
        jk_shelf_publish(&shelf, snapshot);
        jk_shelf_destroy(&shelf);
        jk_remote_replies_free(&replies);
        return 0;
}
