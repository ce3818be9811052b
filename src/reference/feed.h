/* SPDX-License-Identifier: Apache-2.0
 *
 * A feed: the thread that reads a reference, for which nobody ever waits. It asks once an interval,
 * or waits for what streams; opens again what failed, ever more slowly (1 s to 60 s); and keeps the
 * latest values until they are taken.
 */
#pragma once

#include <stddef.h>

#include "reference/reference.h"

#define JK_FEED_VALUES 32 /* between two takings; of more, the latest */

struct jk_feed;

/* A value and when it came. */
struct jk_feed_value {
        struct jk_reference_value said;
        int64_t monotonic_ns; /* when it came */
        int64_t realtime_ns;
};

/* Start reading. -ENOMEM, or another negative errno if there is no thread to be had. */
int jk_feed_start(const struct jk_reference_config *config, struct jk_feed **ret_feed,
                  struct jk_error *err);

/* Tell it to end; it does so by itself once its source lets go. */
void jk_feed_stop(struct jk_feed *feed);

/* Move out what has come since, oldest first: how many, at most JK_FEED_VALUES. Never waits. */
size_t jk_feed_take(struct jk_feed *feed, struct jk_feed_value ret_values[static JK_FEED_VALUES]);

/* Why nothing comes: 0 while all is well, or the negative errno of the latest failure. */
int jk_feed_trouble(struct jk_feed *feed, struct jk_error *err);

/* How many messages of a source that goes on were refused since the last asking, and why the latest
 * was. */
size_t jk_feed_refused(struct jk_feed *feed, struct jk_error *err);
