/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger: every joule that a meter reports is booked to exactly one account, in integer
 * microjoules, along three dimensions that each balance for each zone and tick:
 *
 *     idle + Σ accounts of the dimension + kernel + unattributed = measured
 *
 * The division is made once, among tasks (largest remainder); cgroups and users get the sums of
 * their tasks' whole microjoules, so all dimensions balance by construction, and
 * jk_ledger_balance() adds up anew to prove it. Pure: it sees samples only.
 */
#pragma once

#include "ledger/snapshot.h"
#include "model/model.h"
#include "sample/sample.h"

struct jk_ledger;

struct jk_ledger_options {
        int64_t ended_retention_ns; /* ended tasks and cgroups stay listed so long … */
        size_t ended_tasks_max;     /* … but no more tasks than this; then they go to the rest */
};

#define JK_LEDGER_DEFAULTS                                                                         \
        {                                                                                          \
                .ended_retention_ns = 60 * JK_NS_PER_S, .ended_tasks_max = 500,                    \
        }

int jk_ledger_open(const struct jk_ledger_options *options, struct jk_ledger **ret_ledger,
                   struct jk_error *err);
void jk_ledger_close(struct jk_ledger *ledger);

/* Other options from now on: ended tasks beyond the new maximum go to the rest. 0, or -ENOMEM and
 * nothing is changed. */
int jk_ledger_reconfigure(struct jk_ledger *ledger, const struct jk_ledger_options *options);

/* Book one sample. A tick whose tasks were not seen, the part of a reading that is older than the
 * tick, and all energy of a tick in which the machine slept go to `unattributed`. On -ENOMEM
 * nothing of the sample is booked: book the same one again before the next, or its ends are lost.
 * Allocates nothing in steady state. */
int jk_ledger_book(struct jk_ledger *ledger, const struct jk_sample *sample,
                   const struct jk_model_ops *ops, struct jk_model *model);

/* Write the books into a blank snapshot: zones, entries, machine totals; not status, and not the
 * names of users, which are `user_name(uid)` where that is given and known, else the number. */
int jk_ledger_publish(struct jk_ledger *ledger, const struct jk_sample *sample,
                      const char *(*user_name)(void *data, uid_t uid), void *user_data,
                      struct jk_snapshot *snapshot);

/* A zone's books, added up anew. */
struct jk_balance {
        int64_t measured_uj;
        int64_t booked_uj[JK_DIMENSION_MACHINE];
};

/* Of the zones that there are, by index. */
void jk_ledger_balance(const struct jk_ledger *ledger,
                       struct jk_balance ret_balances[JK_ZONES_MAX]);
