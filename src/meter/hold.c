/* SPDX-License-Identifier: Apache-2.0
 *
 * Holding values: see hold.h.
 */
#include "meter/hold.h"

#include <math.h>

#include "base/units.h"

#define PATIENCE        4 /* usual spacings without a value */
#define PATIENCE_MIN_NS (5 * JK_NS_PER_S)
#define SPACING_MAX_NS  (300 * JK_NS_PER_S)

/* A clock that is so far off says nothing of how old a value is. */
#define CLOCK_OFF_NS (120 * JK_NS_PER_S)

/* A longer span is an average of too much to be told apart from its neighbours. */
#define SPAN_MAX_NS (60 * JK_NS_PER_S)

/* By how much the power that is held may differ from what the counter says, to make up for it. */
#define CORRECTION_MAX 0.5

static int64_t
shorter(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

static int64_t
longer(int64_t a, int64_t b)
{
        return a > b ? a : b;
}

static void
let_go(struct jk_hold *hold)
{
        *hold = (struct jk_hold){
                .unit = hold->unit,
                .interval_ns = hold->interval_ns,
                .said_ns = hold->said_ns,
                .spacing_ns = { hold->spacing_ns[0], hold->spacing_ns[1] },
        };
}

/* How long a value may be held. A single long silence is not usual: the shorter of two spacings
 * counts. */
static int64_t
patience_ns(const struct jk_hold *hold)
{
        int64_t usual_ns = shorter(hold->spacing_ns[0], hold->spacing_ns[1]);

        usual_ns = shorter(longer(usual_ns, hold->interval_ns), SPACING_MAX_NS);
        return longer(PATIENCE * usual_ns, PATIENCE_MIN_NS);
}

/* ---- values ---- */

enum verdict { NEW, NOT_NEW, REFUSED };

/* What a counter that moved says of power. */
static enum verdict
count(struct jk_hold *hold, double counter_j, int64_t time_ns, double *ret_power_w)
{
        double moved_j = counter_j - hold->counter_j;
        double seconds = (double)(time_ns - hold->counter_ns) / 1e9;
        bool begun = hold->counter_ns != 0, holding = hold->until_ns != 0;
        double power_w;

        if (begun && moved_j == 0)
                return NOT_NEW;

        hold->counter_j = counter_j;
        hold->counter_ns = time_ns;
        if (!begun || moved_j < 0 || seconds <= 0) { /* it began anew */
                hold->owed_j = 0;
                return NOT_NEW;
        }

        power_w = moved_j / seconds;
        hold->owed_j = holding ? hold->owed_j + moved_j : 0;
        *ret_power_w = power_w + fmax(fmin(hold->owed_j / seconds, CORRECTION_MAX * power_w),
                                      -CORRECTION_MAX * power_w);
        return NEW;
}

/* When it was, by the monotonic clock. */
static int64_t
time_of(const struct jk_feed_value *value)
{
        int64_t age_ns = value->realtime_ns - value->said.realtime_ns;

        if (value->said.realtime_ns == 0 || age_ns > CLOCK_OFF_NS || age_ns < -CLOCK_OFF_NS)
                return value->monotonic_ns;

        return value->monotonic_ns - age_ns;
}

static enum verdict
judge(struct jk_hold *hold, const struct jk_feed_value *value, double max_w, double *ret_power_w)
{
        double scaled = value->said.value * jk_reference_scale(hold->unit);
        double power_w = scaled;

        /* A time that is much older than the latest: that one was wrong, or a clock was set. */
        if (value->said.realtime_ns != 0 && value->said.realtime_ns <= hold->said_ns &&
            hold->said_ns - value->said.realtime_ns <= CLOCK_OFF_NS)
                return NOT_NEW;
        hold->said_ns = value->said.realtime_ns;

        if (jk_reference_counts_energy(hold->unit)) {
                enum verdict verdict = scaled >= 0 && isfinite(scaled)
                                               ? count(hold, scaled, time_of(value), &power_w)
                                               : REFUSED;

                if (verdict != NEW)
                        return verdict;
        }
        if (!(power_w > 0) || !(power_w <= max_w)) {
                hold->owed_j = 0; /* what no machine draws is not made up for, either */
                return REFUSED;
        }

        *ret_power_w = power_w;
        return NEW;
}

/* ---- energy ---- */

static void
note_spacing(struct jk_hold *hold, int64_t now_ns)
{
        if (hold->value_ns == 0)
                return;
        hold->spacing_ns[1] = hold->spacing_ns[0];
        hold->spacing_ns[0] = now_ns - hold->value_ns;
}

/* What it says is the mean since the value before it. */
static void
tell(struct jk_hold_news *news, int64_t before_ns, int64_t time_ns, double power_w)
{
        if (before_ns == 0 || time_ns <= before_ns)
                return;
        if (time_ns - before_ns > SPAN_MAX_NS)
                before_ns = time_ns - SPAN_MAX_NS;
        news->outside[news->n++] = (struct jk_lag_outside){ before_ns, time_ns, power_w };
}

/* Hold it from when it came; the one before is counted until then. */
static double
hold_value(struct jk_hold *hold, const struct jk_feed_value *value, double power_w,
           int64_t *cursor_ns, int64_t now_ns, struct jk_hold_news *news)
{
        int64_t at_ns = shorter(value->monotonic_ns, now_ns);
        double energy_j = 0;

        if (hold->until_ns != 0 && at_ns > *cursor_ns) {
                energy_j = hold->power_w * (double)(at_ns - *cursor_ns) / 1e9;
                *cursor_ns = at_ns;
        }

        tell(news, hold->until_ns != 0 ? hold->time_ns : 0, time_of(value), power_w);
        note_spacing(hold, value->monotonic_ns);
        hold->power_w = power_w;
        hold->value_ns = value->monotonic_ns;
        hold->time_ns = time_of(value);
        return energy_j;
}

static double
take_values(struct jk_hold *hold, const struct jk_feed_value *values, size_t n, double max_w,
            int64_t now_ns, int64_t *cursor_ns, struct jk_hold_news *news)
{
        double energy_j = 0;

        for (size_t i = 0; i < n; i++) {
                double power_w = 0;
                enum verdict verdict = judge(hold, &values[i], max_w, &power_w);

                if (verdict == REFUSED) {
                        news->n_refused++;
                        news->refused = values[i].said.value;
                }
                if (verdict == NEW) {
                        double part_j =
                                hold_value(hold, &values[i], power_w, cursor_ns, now_ns, news);

                        energy_j += part_j;
                        hold->owed_j -= part_j;
                }
        }

        return energy_j;
}

void
jk_hold_read(struct jk_hold *hold, const struct jk_feed_value *values, size_t n, double max_w,
             const struct jk_sample *sample, struct jk_zone_reading *ret_reading,
             struct jk_hold_news *news)
{
        int64_t now_ns = sample->time.monotonic_ns, cursor_ns, since_ns;
        double energy_j, part_j;

        *ret_reading = (struct jk_zone_reading){ 0 };
        news->n = news->n_refused = 0;
        if (sample->suspended_ns > 0)
                let_go(hold);

        since_ns = cursor_ns = hold->until_ns;
        energy_j = take_values(hold, values, n, max_w, now_ns, &cursor_ns, news);
        if (hold->value_ns == 0)
                return;
        if (now_ns - hold->value_ns > patience_ns(hold)) {
                hold->until_ns = 0;
                ret_reading->flags = JK_READING_FROZEN;
                return;
        }

        hold->until_ns = now_ns;
        if (since_ns == 0) {
                hold->carry = hold->owed_j = 0;
                ret_reading->flags = JK_READING_REBASED;
                return;
        }
        if (now_ns <= since_ns)
                return;

        part_j = hold->power_w * (double)(now_ns - cursor_ns) / 1e9;
        hold->owed_j -= part_j;
        *ret_reading = (struct jk_zone_reading){
                .energy_uj = jk_energy_uj((energy_j + part_j) / ((double)(now_ns - since_ns) / 1e9),
                                          now_ns - since_ns, &hold->carry),
                .elapsed_ns = now_ns - since_ns,
                .flags = JK_READING_SEEN,
        };
}
