/* SPDX-License-Identifier: Apache-2.0
 *
 * Bounds on the number of accounts: see ledger-internal.h. What is folded stays in the books; only
 * its line goes.
 */
#include <math.h>
#include <stdint.h>

#include "base/array.h"
#include "ledger/ledger-internal.h"

/* What goes before others: the larger, the sooner; NaN stays. */
typedef double rank_function(const struct jk_ledger *ledger, uint32_t slot);

/* The `excess` accounts of a book that go first, in scratch: how many there are. */
static size_t
choose(struct jk_ledger *ledger, enum jk_dimension dimension, rank_function *rank, size_t excess)
{
        const struct jk_book *book = &ledger->books[dimension];
        struct jk_remainder *chosen;
        size_t n = 0;

        /* Without memory it is tried again in the next tick. */
        if (jk_array_grow(&ledger->remainders, &ledger->remainders_capacity, book->length) < 0)
                return 0;

        chosen = ledger->remainders;
        for (uint32_t slot = 0; slot < book->length; slot++) {
                if (!book->accounts[slot].used || book->accounts[slot].listed_tasks > 0)
                        continue;
                chosen[n] = (struct jk_remainder){ rank(ledger, slot), slot };
                n += !isnan(chosen[n].fraction);
        }

        excess = excess < n ? excess : n;
        jk_select_first(chosen, n, excess);
        return excess;
}

/* Who ended first. */
static double
rank_cgroup(const struct jk_ledger *ledger, uint32_t slot)
{
        const struct jk_account *account = &ledger->books[JK_DIMENSION_CGROUP].accounts[slot];

        return account->entry.flags & JK_ENTRY_ENDED ? -(double)account->ended_ns : NAN;
}

/* Who used least, so that nobody can push out others by being many. */
static double
rank_user(const struct jk_ledger *ledger, uint32_t slot)
{
        const struct jk_book *book = &ledger->books[JK_DIMENSION_USER];
        const int64_t *dynamic = jk_book_row(book, slot, JK_PART_DYNAMIC);
        double sum_uj = 0;

        if (book->accounts[slot].entry.uid == JK_UID_UNKNOWN)
                return NAN;
        for (size_t z = 0; z < ledger->n_zones; z++)
                sum_uj += (double)dynamic[z];

        return -sum_uj;
}

static size_t
count_resting(const struct jk_book *users)
{
        size_t n = 0;

        for (size_t slot = 0; slot < users->length; slot++)
                n += users->accounts[slot].used && users->accounts[slot].listed_tasks == 0;

        return n;
}

void
jk_accounts_bound(struct jk_ledger *ledger)
{
        const struct jk_book *users = &ledger->books[JK_DIMENSION_USER];
        size_t n = 0, n_resting;

        if (ledger->n_ended_cgroups > JK_ENDED_CGROUPS_MAX)
                n = choose(ledger, JK_DIMENSION_CGROUP, rank_cgroup,
                           ledger->n_ended_cgroups - JK_ENDED_CGROUPS_MAX);
        for (size_t i = 0; i < n; i++)
                jk_accounts_fold_cgroup(ledger, (uint32_t)ledger->remainders[i].index);

        if (users->length - users->n_free <= JK_RESTING_USERS_MAX)
                return;
        n_resting = count_resting(users);
        if (n_resting <= JK_RESTING_USERS_MAX)
                return;
        n = choose(ledger, JK_DIMENSION_USER, rank_user, n_resting - JK_RESTING_USERS_MAX);
        for (size_t i = 0; i < n; i++)
                jk_accounts_fold_user(ledger, (uint32_t)ledger->remainders[i].index);
}
