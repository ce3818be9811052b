/* SPDX-License-Identifier: Apache-2.0
 *
 * Accounts of one dimension: see book.h.
 */
#include "ledger/book.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void
jk_book_free(struct jk_book *book)
{
        for (size_t i = 0; i < book->length; i++)
                free(book->accounts[i].path);
        free(book->accounts);
        free(book->free_slots);
        free(book->energy);
        jk_map_free(&book->index);
        *book = (struct jk_book){ 0 };
}

static size_t
row_length(const struct jk_book *book)
{
        return JK_PART_MAX * book->stride;
}

int
jk_book_widen(struct jk_book *book, size_t n_zones)
{
        size_t stride = n_zones, rows = book->length * JK_PART_MAX;
        int64_t *wider;

        if (n_zones <= book->stride)
                return 0;

        wider = calloc(rows > 0 ? rows * stride : 1, sizeof *wider);
        if (!wider)
                return -ENOMEM;

        for (size_t i = 0; i < rows && book->stride > 0; i++)
                memcpy(wider + i * stride, book->energy + i * book->stride,
                       book->stride * sizeof *wider);

        free(book->energy);
        book->energy = wider;
        book->stride = stride;
        book->energy_capacity = rows * stride;
        return 0;
}

/* Room for one more slot, and for it in the list of free ones, so that dropping cannot fail. */
static int
reserve_slot(struct jk_book *book)
{
        int r;

        r = jk_array_grow(&book->accounts, &book->capacity, book->length + 1);
        if (r < 0)
                return r;
        r = jk_array_grow(&book->free_slots, &book->free_capacity, book->length + 1);
        if (r < 0)
                return r;

        return jk_array_grow(&book->energy, &book->energy_capacity,
                             (book->length + 1) * row_length(book));
}

uint32_t
jk_book_add(struct jk_book *book)
{
        uint32_t slot;

        if (book->n_free > 0) {
                slot = book->free_slots[--book->n_free];
        } else {
                if (reserve_slot(book) < 0)
                        return JK_NO_ACCOUNT;
                slot = (uint32_t)book->length++;
        }

        book->accounts[slot] = (struct jk_account){
                .used = true,
                .cgroup = JK_NO_ACCOUNT,
                .user = JK_NO_ACCOUNT,
        };
        if (book->stride > 0)
                memset(jk_book_row(book, slot, 0), 0, row_length(book) * sizeof *book->energy);
        return slot;
}

void
jk_book_drop(struct jk_book *book, uint32_t slot)
{
        struct jk_account *account = &book->accounts[slot];

        free(account->path);
        *account = (struct jk_account){ 0 };
        book->free_slots[book->n_free++] = slot;
}

uint32_t
jk_book_find(const struct jk_book *book, uint64_t key)
{
        uint32_t slot = JK_NO_ACCOUNT;

        jk_map_get(&book->index, key, &slot);
        return slot;
}

void
jk_book_move(struct jk_book *book, uint32_t from, uint32_t to, size_t n_zones, bool inherits)
{
        int64_t *inherited = jk_book_row(book, to, JK_PART_INHERITED);

        for (enum jk_book_part part = JK_PART_IDLE; part <= JK_PART_DYNAMIC; part++) {
                int64_t *source = jk_book_row(book, from, part);
                int64_t *target = jk_book_row(book, to, part);

                for (size_t z = 0; z < n_zones; z++) {
                        target[z] += source[z];
                        if (inherits)
                                inherited[z] += source[z];
                        source[z] = 0;
                }
        }
}

bool
jk_book_is_blank(const struct jk_book *book, uint32_t slot, size_t n_zones)
{
        const int64_t *idle = jk_book_row(book, slot, JK_PART_IDLE);
        const int64_t *dynamic = jk_book_row(book, slot, JK_PART_DYNAMIC);

        for (size_t z = 0; z < n_zones; z++)
                if (idle[z] != 0 || dynamic[z] != 0)
                        return false;

        return true;
}
