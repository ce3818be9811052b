/* SPDX-License-Identifier: Apache-2.0
 *
 * A book: the accounts of one dimension, found by a 64-bit key, each with a row of microjoules per
 * zone. Inside the ledger only. Slots are stable while an account is listed and reused afterwards;
 * a zone that appears widens every row.
 */
#pragma once

#include "base/map.h"
#include "ledger/snapshot.h"
#include "sample/sample.h"

#define JK_NO_ACCOUNT UINT32_MAX

struct jk_account {
        struct jk_entry entry;   /* name, cgroup, energy and watts are filled in on publishing */
        char comm[JK_COMM_SIZE]; /* tasks */
        bool used;
        bool indexed;          /* the index names this slot */
        bool renewed;          /* cgroups: the index may name it by former ids, too */
        char *path;            /* cgroups; owned */
        uint64_t path_hash;    /* cgroups */
        uint32_t cgroup;       /* tasks: slot in the book of cgroups */
        uint32_t user;         /* tasks: slot in the book of users */
        uint32_t listed_tasks; /* cgroups and users: tasks that point here */
        uint32_t place;        /* cgroups and users: in the snapshot that is being written */
        int64_t ended_ns;      /* monotonic, with JK_ENTRY_ENDED */
        int64_t tick_uj;       /* booked in tick `tick`, in zones that count */
        uint64_t tick;
};

struct jk_book {
        struct jk_account *accounts;
        size_t length, capacity; /* slots: used and free */
        uint32_t *free_slots;
        size_t n_free, free_capacity;

        int64_t *energy; /* [slot][part][zone] */
        size_t stride;   /* zones there is room for */
        size_t energy_capacity;

        struct jk_map index; /* key -> slot */
};

enum jk_book_part { JK_PART_IDLE, JK_PART_DYNAMIC, JK_PART_INHERITED, JK_PART_MAX };

void jk_book_free(struct jk_book *book);

/* Room for so many zones in every row: 0 or -ENOMEM. */
int jk_book_widen(struct jk_book *book, size_t n_zones);

/* A new account, zeroed, not in the index: its slot, or JK_NO_ACCOUNT if memory ran out. */
uint32_t jk_book_add(struct jk_book *book);

/* Free the slot. Its energy must have been moved: jk_book_move(), which leaves 0 in its row. */
void jk_book_drop(struct jk_book *book, uint32_t slot);

/* Slot of a key, or JK_NO_ACCOUNT. */
uint32_t jk_book_find(const struct jk_book *book, uint64_t key);

static inline int64_t *
jk_book_row(const struct jk_book *book, uint32_t slot, enum jk_book_part part)
{
        if (book->stride == 0)
                return book->energy; /* no zones, so nothing is in a row */

        return book->energy + ((size_t)slot * JK_PART_MAX + (size_t)part) * book->stride;
}

/* Move all energy of one account to another: nothing is lost when an account goes. Where `inherits`
 * is set, it also counts as inherited there. */
void jk_book_move(struct jk_book *book, uint32_t from, uint32_t to, size_t n_zones, bool inherits);

/* Whether any energy was ever booked there. */
bool jk_book_is_blank(const struct jk_book *book, uint32_t slot, size_t n_zones);
