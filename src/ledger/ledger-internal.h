/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the ledger share: accounts.c opens and closes accounts, bounds.c keeps their
 * number within bounds, ledger.c books energy, publish.c writes snapshots.
 */
#pragma once

#include "base/map.h"
#include "base/units.h"
#include "ledger/book.h"
#include "ledger/ledger.h"

struct jk_zone_books {
        int64_t measured_uj;
        double watts;   /* over the last reading; NaN if it was not seen */
        bool counted;   /* in the last tick */
        bool outermost; /* it was read, and nothing around it ever was */
        double share_uncertainty_pct;
        double idle_uncertainty_pct;
        uint64_t refused, gaps;
        struct jk_idle_estimate idle;
        struct jk_expectation expected;

        /* Of the time since its last reading, which its next one will cover: */
        int64_t inside_uj; /* what zones inside it have put into the machine's total */
        int64_t around_ns; /* how long a zone around it has stood for it there */
};

struct jk_ledger {
        struct jk_ledger_options options;
        struct jk_book books[JK_DIMENSION_MAX];
        struct jk_map cgroup_paths; /* hash of path -> slot */
        uint32_t rest;              /* slot of JK_ENTRY_REST */

        /* Ended tasks that are still listed, oldest first: a ring of slots. */
        uint32_t *ended;
        size_t ended_first, n_ended, ended_capacity;
        size_t n_ended_cgroups;

        struct jk_zone_books zones[JK_ZONES_MAX];
        size_t n_zones;
        int64_t machine_uj;
        double machine_w;

        /* scratch of the tick, one element per task of the sample and two for interrupts */
        uint32_t *task_slots;
        double *weights;
        int64_t *shares;
        struct jk_remainder *remainders;
        size_t slots_capacity, weights_capacity, shares_capacity, remainders_capacity;
};

/* ---- accounts.c ---- */

/* The fixed accounts: the machine's own, the rest of ended tasks, and the root cgroup. */
int jk_accounts_open_fixed(struct jk_ledger *ledger);

/* Room for so many ended tasks, the latest of those that there are: 0, or -ENOMEM and nothing is
 * changed. */
int jk_accounts_limit_ended(struct jk_ledger *ledger, size_t max);

/* Take in the cgroups that appeared in the sample: 0, or -ENOMEM and it may be called again. */
int jk_accounts_appear(struct jk_ledger *ledger, const struct jk_sample *sample);

/* Account of each task of the sample into ledger->task_slots (JK_NO_ACCOUNT: a kernel thread),
 * opened where it is new, and belonging to its cgroup and user: 0, or -ENOMEM and it may be called
 * again. */
int jk_accounts_open_tasks(struct jk_ledger *ledger, const struct jk_sample *sample);

/* Identity and activity of each task of the sample into its account, its cgroup's and its user's.
 */
void jk_accounts_add_activity(struct jk_ledger *ledger, const struct jk_sample *sample);

/* After booking: close the tasks that ended and the cgroups that vanished, and fold what has been
 * listed long enough into the rest, or the parent. */
void jk_accounts_settle(struct jk_ledger *ledger, const struct jk_sample *sample);

/* Move what the account has to its parent, or to the user who is not known, and drop it. No task
 * may point to it. */
void jk_accounts_fold_cgroup(struct jk_ledger *ledger, uint32_t slot);
void jk_accounts_fold_user(struct jk_ledger *ledger, uint32_t slot);

/* ---- bounds.c ---- */

/* Whoever may make cgroups, or change its uid, must not make the ledger grow without end: beyond
 * this, the cgroups that ended first, and those users without a listed task who used least. */
#define JK_ENDED_CGROUPS_MAX 1000
#define JK_RESTING_USERS_MAX 1000

void jk_accounts_bound(struct jk_ledger *ledger);
