/* SPDX-License-Identifier: Apache-2.0
 *
 * The query of /api/v1/accounts: which accounts, in which order, how many.
 */
#pragma once

#include "ledger/snapshot.h"
#include "serve/query.h"
#include "serve/rank.h"

struct jk_accounts_query {
        enum jk_dimension dimension;
        enum jk_sort sort;
        size_t top; /* SIZE_MAX: all */
};

/* What the query says over the defaults (tasks by watts, all of them): 0 or -EINVAL. Pure. */
int jk_accounts_query_parse(const char *query, struct jk_accounts_query *ret_query,
                            struct jk_query_error *ret_error);
