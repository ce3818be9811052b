/* SPDX-License-Identifier: Apache-2.0
 *
 * From what a meter reads to energy: counters that wrap, freeze, restart and sleep, and power
 * integrated over time. A reading that is not certain is never guessed: it becomes a new baseline
 * and says so. Pure functions of the counter, the zone and the sample's time.
 */
#include <math.h>

#include "base/units.h"
#include "meter/meter.h"

/* A counter is read some time after the sample's instant, and by how long differs from tick to tick
 * when the machine is busy; RAPL itself updates every millisecond only. Power is judged with this
 * much added to the time, so that a late reading of a short tick is not taken for a spike. */
#define READING_JITTER_NS (100 * JK_NS_PER_MS)

/* Coarse counters (1 J on some servers' psys) may stand still for seconds at little power. */
#define FROZEN_AFTER_NS (60 * JK_NS_PER_S)

/* Clocks are read one after the other: less than this is no sleep (as in jk_sample_begin()). */
#define SLEEP_NOTICED_NS (10 * JK_NS_PER_MS)

/* Twice the longest interval: one reading may be missed. */
#define POWER_GAP_NS (120 * JK_NS_PER_S)

/* Zones that cannot be without power while a program runs that reads them. An integrated GPU, a
 * disk or a network card may sleep for hours. */
static bool
always_draws(enum jk_zone_kind kind)
{
        return kind == JK_ZONE_PACKAGE || kind == JK_ZONE_CORE || kind == JK_ZONE_DRAM ||
               kind == JK_ZONE_PSYS || kind == JK_ZONE_WALL;
}

static void
set_baseline(struct jk_meter_counter *counter, uint64_t now_uj, const struct jk_sample *sample)
{
        *counter = (struct jk_meter_counter){
                .previous_uj = now_uj,
                .previous_ns = sample->time.monotonic_ns,
                .asleep_ns = sample->time.boottime_ns - sample->time.monotonic_ns,
        };
}

static void
rebase(struct jk_meter_counter *counter, uint64_t now_uj, const struct jk_sample *sample,
       uint32_t flags, struct jk_zone_reading *ret_reading)
{
        set_baseline(counter, now_uj, sample);
        *ret_reading = (struct jk_zone_reading){ .flags = flags | JK_READING_REBASED };
}

/* Sleep since the counter's previous reading, which may be longer ago than the previous sample. */
static int64_t
slept_since(const struct jk_meter_counter *counter, const struct jk_sample *sample)
{
        int64_t slept_ns =
                sample->time.boottime_ns - sample->time.monotonic_ns - counter->asleep_ns;

        if (slept_ns < sample->suspended_ns)
                slept_ns = sample->suspended_ns;

        return slept_ns >= SLEEP_NOTICED_NS ? slept_ns : 0;
}

static bool
may_have_wrapped_unseen(const struct jk_zone *zone, int64_t span_ns)
{
        return zone->range_uj > 0 && zone->max_w > 0 &&
               (double)span_ns / 1e9 > jk_counter_horizon_s((double)zone->range_uj, zone->max_w);
}

static bool
is_plausible(const struct jk_zone *zone, uint64_t delta_uj, int64_t span_ns)
{
        double most_uj = zone->max_w * (double)(span_ns + READING_JITTER_NS) / 1e3;

        if (delta_uj > INT64_MAX)
                return false;

        return !(zone->max_w > 0) || (double)delta_uj <= most_uj;
}

/* The counter has not moved. Where that cannot be true for long, the baseline is left where the
 * last believable reading was. */
static void
stand_still(struct jk_meter_counter *counter, const struct jk_zone *zone,
            const struct jk_sample *sample, int64_t awake_ns, int64_t span_ns,
            struct jk_zone_reading *ret_reading)
{
        uint64_t value_uj = counter->previous_uj;
        int64_t still_ns = counter->still_ns + awake_ns;

        if (always_draws(zone->kind) && still_ns >= FROZEN_AFTER_NS) {
                *ret_reading = (struct jk_zone_reading){ .flags = JK_READING_FROZEN };
                return;
        }
        if (always_draws(zone->kind) && value_uj == 0) {
                *ret_reading = (struct jk_zone_reading){ 0 };
                return;
        }

        set_baseline(counter, value_uj, sample);
        counter->still_ns = still_ns;
        *ret_reading = (struct jk_zone_reading){ .elapsed_ns = span_ns, .flags = JK_READING_SEEN };
}

void
jk_meter_count(struct jk_meter_counter *counter, const struct jk_zone *zone, uint64_t now_uj,
               const struct jk_sample *sample, struct jk_zone_reading *ret_reading)
{
        int64_t awake_ns = sample->time.monotonic_ns - counter->previous_ns;
        bool back = now_uj < counter->previous_uj;
        int64_t slept_ns, span_ns;
        uint64_t delta_uj;

        if (counter->previous_ns == 0) {
                rebase(counter, now_uj, sample, 0, ret_reading);
                return;
        }
        if (awake_ns <= 0) { /* no time has passed; the next reading has it all */
                *ret_reading = (struct jk_zone_reading){ 0 };
                return;
        }

        slept_ns = slept_since(counter, sample);
        span_ns = awake_ns + slept_ns;
        if (now_uj == counter->previous_uj) { /* to the microjoule: that is no wrap */
                stand_still(counter, zone, sample, awake_ns, span_ns, ret_reading);
                return;
        }
        if (may_have_wrapped_unseen(zone, span_ns) ||
            (back && (slept_ns > 0 || zone->range_uj == 0))) {
                rebase(counter, now_uj, sample, 0, ret_reading);
                return;
        }

        /* A counter above its stated range is wider than stated: where it wraps is not known. */
        delta_uj = jk_counter_delta(counter->previous_uj, now_uj, zone->range_uj);
        if ((back && counter->previous_uj > zone->range_uj) ||
            !is_plausible(zone, delta_uj, span_ns)) {
                rebase(counter, now_uj, sample, JK_READING_REFUSED, ret_reading);
                return;
        }

        set_baseline(counter, now_uj, sample);
        *ret_reading = (struct jk_zone_reading){
                .energy_uj = (int64_t)delta_uj,
                .elapsed_ns = span_ns,
                .flags = JK_READING_SEEN | (back ? (uint32_t)JK_READING_WRAPPED : 0u),
        };
}

void
jk_meter_integrate(struct jk_meter_power *power, double now_w, const struct jk_sample *sample,
                   struct jk_zone_reading *ret_reading)
{
        int64_t elapsed_ns = sample->time.monotonic_ns - power->previous_ns;
        struct jk_zone_reading reading = { 0 };

        if (!isfinite(now_w)) {
                *power = (struct jk_meter_power){ 0 };
                *ret_reading = reading;
                return;
        }
        if (now_w < 0)
                now_w = 0;

        if (power->previous_ns == 0 || sample->suspended_ns > 0 || elapsed_ns > POWER_GAP_NS) {
                reading.flags = JK_READING_REBASED;
                power->carry = 0;
        } else if (elapsed_ns > 0) {
                reading.energy_uj =
                        jk_energy_uj((power->previous_w + now_w) / 2, elapsed_ns, &power->carry);
                reading.elapsed_ns = elapsed_ns;
                reading.flags = JK_READING_SEEN;
        }

        power->previous_w = now_w;
        power->previous_ns = sample->time.monotonic_ns;
        *ret_reading = reading;
}
