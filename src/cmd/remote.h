/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshots of a running agent: its JSON (/api/v1/status, zones, accounts) read back into the
 * struct that it was made from, so that what shows a snapshot need not know whose it is.
 */
#pragma once

#include "cmd/client.h"
#include "ledger/snapshot.h"

/* Replies of one tick, as text. */
struct jk_remote_replies {
        struct jk_text status;
        struct jk_text zones;
        struct jk_text accounts[JK_DIMENSION_MAX];
};

void jk_remote_replies_free(struct jk_remote_replies *replies);

/* How many accounts of each dimension to ask for, by watts; SIZE_MAX: all. An agent lists 10,000
 * tasks in megabytes, and a screen has fifty lines. */
struct jk_remote_wanted {
        size_t accounts[JK_DIMENSION_MAX];
};

/* Fill a blank snapshot. What the agent left out of a dimension is one more account there, with
 * JK_ENTRY_OTHERS and named by their number ("1800 others"), so that all still adds up. 0, -ENOMEM,
 * or -EPROTO with what is wrong. Anything may stand in the replies: what is missing is 0 or NaN,
 * what has the wrong shape is refused. *ret_same: all replies show the same tick. Pure. */
int jk_remote_parse(const struct jk_remote_replies *replies, struct jk_snapshot *snapshot,
                    bool *ret_same, struct jk_error *err);

/* Ask the agent for its latest tick and publish it on the shelf. */
int jk_remote_read(struct jk_client *client, const struct jk_remote_wanted *wanted,
                   struct jk_remote_replies *replies, struct jk_shelf *shelf, struct jk_error *err);
