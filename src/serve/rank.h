/* SPDX-License-Identifier: Apache-2.0
 *
 * Which accounts come first: by power, energy, CPU time, name …, the first N of them. The order is
 * total (equal accounts keep the snapshot's order), so that the same snapshot gives the same list.
 */
#pragma once

#include "ledger/snapshot.h"

enum jk_sort {
        JK_SORT_WATTS,
        JK_SORT_ENERGY,
        JK_SORT_CPU,
        JK_SORT_NAME,
        JK_SORT_PID,
        JK_SORT_START,
        JK_SORT_RESIDENT,
        JK_SORT_IO,
        JK_SORT_THREADS,
        JK_SORT_MAX,
        JK_SORT_INVALID = -1,
};

/* "watts", "energy" …, NULL-terminated. */
extern const char *const jk_sort_names[];

enum jk_sort jk_sort_parse(const char *name); /* or JK_SORT_INVALID */

struct jk_rank_item {
        double key; /* greater comes first */
        uint32_t index;
};

/* A list of entries by index; its memory is kept from use to use. Zero-initialised is empty. */
struct jk_rank {
        struct jk_rank_item *items;
        size_t n, capacity;
};

void jk_rank_free(struct jk_rank *rank);

/* All entries of a dimension in order, the first `top` of them: 0 or -ENOMEM. */
int jk_rank_sorted(struct jk_rank *rank, const struct jk_snapshot *snapshot,
                   enum jk_dimension dimension, enum jk_sort sort, size_t top);

/* The entries to show as metrics, where a series that comes and goes costs more than one that
 * stays: the `top` living accounts with the most energy of their own since they were opened (which
 * only rises, so the list changes seldom), and those ended accounts, `top` at most, that had no
 * less than the least of these. What was listed is thus still listed after its end, with its final
 * total, until others have used more or the snapshot has it no more. top < 0: every account. 0 or
 * -ENOMEM. */
int jk_rank_shown(struct jk_rank *rank, const struct jk_snapshot *snapshot,
                  enum jk_dimension dimension, int64_t top);

/* Energy of an account over disjoint zones, without what vanished cgroups left to it. */
int64_t jk_entry_own_uj(const struct jk_snapshot *snapshot, const struct jk_entry *entry);

/* The same with it. */
int64_t jk_entry_total_uj(const struct jk_snapshot *snapshot, const struct jk_entry *entry);
