/* SPDX-License-Identifier: Apache-2.0
 *
 * Check: whether the meter outside that is configured answers, and with what.
 */
#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "cmd/checks.h"
#include "reference/feed.h"

#define PATIENCE_NS (10 * JK_NS_PER_S)
#define LOOK_NS     (20 * JK_NS_PER_MS)

/* How many values came before it failed, or time was up. */
static size_t
wait_for_value(struct jk_feed *feed, struct jk_feed_value values[static JK_FEED_VALUES],
               struct jk_error *err)
{
        int64_t until_ns = jk_monotonic_ns() + PATIENCE_NS;

        while (jk_monotonic_ns() < until_ns) {
                size_t n = jk_feed_take(feed, values);

                if (n > 0 || jk_feed_trouble(feed, err) < 0 || jk_feed_refused(feed, err) > 0)
                        return n;
                nanosleep(&(struct timespec){ .tv_nsec = LOOK_NS }, NULL);
        }

        jk_fail(err, ETIMEDOUT,
                "wall: nothing came for %lld s, though nothing failed; does it measure less often?",
                (long long)(PATIENCE_NS / JK_NS_PER_S));
        return 0;
}

static void
check_value(struct jk_diagnosis *diagnosis, const struct jk_feed_value *value)
{
        const struct jk_reference_config *config = diagnosis->wall;
        double scaled = value->said.value * jk_reference_scale(config->unit);

        if (jk_reference_counts_energy(config->unit))
                jk_diagnosis_add(diagnosis, "energy", "wall", JK_CHECK_OK, "%s answers: %.6g kWh",
                                 config->ops->name, scaled / 3.6e6);
        else if (scaled > 0)
                jk_diagnosis_add(diagnosis, "energy", "wall", JK_CHECK_OK, "%s answers: %.1f W",
                                 config->ops->name, scaled);
        else
                jk_diagnosis_add(diagnosis, "energy", "wall", JK_CHECK_LIMITED,
                                 "%s answers: %.1f W, which no machine draws that runs",
                                 config->ops->name, scaled);
}

void
jk_check_wall(struct jk_diagnosis *diagnosis)
{
        struct jk_feed_value values[JK_FEED_VALUES];
        struct jk_error err = { "" };
        struct jk_feed *feed;
        size_t n = 0;

        if (!diagnosis->wall || !diagnosis->wall->ops)
                return;

        if (jk_feed_start(diagnosis->wall, &feed, &err) == 0) {
                n = wait_for_value(feed, values, &err);
                jk_feed_stop(feed);
        }
        if (n > 0)
                check_value(diagnosis, &values[n - 1]);
        else
                jk_diagnosis_message(diagnosis, "energy", "wall", JK_CHECK_LIMITED, err.message);
}
