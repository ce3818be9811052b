/* SPDX-License-Identifier: Apache-2.0
 *
 * The trial of a meter: perf's counters of RAPL are 64 bits wide and cheaper to read than
 * powercap's, but some kernels get a domain's unit wrong. So both are read for the first ticks, and
 * the books use powercap; once perf has counted the same energy it takes the zone over. It has read
 * every tick by then, so that the change loses nothing and counts nothing twice.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "meter/set.h"

/* RAPL's registers change every millisecond, and one meter is read after the other: over a span of
 * 200 ms two right meters differ by 1 to 2 %, and a wrong unit by a factor of two or more. */
#define TRIAL_TICKS         2
#define TRIAL_SPAN_NS       (200 * JK_NS_PER_MS)
#define TRIAL_TOLERANCE_PCT 5

/* Counters with a coarse unit agree over a longer span only. */
#define TRIAL_TICKS_MAX 10

bool
jk_meters_on_trial(const struct jk_meters *meters, size_t s)
{
        struct jk_meter_zone *zones;
        size_t n = jk_meters_zones_of(meters, s, &zones);

        for (size_t z = 0; z < n; z++)
                if (zones[z].index >= 0 && meters->owner[zones[z].index] != (int)s)
                        return true;

        return false;
}

static enum jk_trial_verdict
verdict_on(const struct jk_trial *trial)
{
        int64_t difference_uj = llabs(trial->energy_uj - trial->trusted_uj);

        if (trial->ticks < TRIAL_TICKS || trial->elapsed_ns < TRIAL_SPAN_NS)
                return JK_TRIAL_OPEN;
        if (difference_uj <= trial->trusted_uj / 100 * TRIAL_TOLERANCE_PCT)
                return JK_TRIAL_AGREED;

        return trial->ticks < TRIAL_TICKS_MAX ? JK_TRIAL_OPEN : JK_TRIAL_FAILED;
}

static bool
judge_zone(struct jk_meters *meters, size_t s, int t, const struct jk_zone_reading *tried,
           const struct jk_zone_reading *trusted)
{
        struct jk_trial *trial = &meters->trials[t];

        if (!(tried->flags & trusted->flags & JK_READING_SEEN))
                return false;
        /* A zone that sleeps, as graphics may for hours: 0 is 0 in any unit. */
        if (tried->energy_uj == 0 && trusted->energy_uj == 0)
                return false;

        trial->ticks++;
        trial->elapsed_ns += trusted->elapsed_ns;
        trial->energy_uj += tried->energy_uj;
        trial->trusted_uj += trusted->energy_uj;
        trial->verdict = verdict_on(trial);

        if (trial->verdict == JK_TRIAL_FAILED)
                jk_fail(&meters->status[s].error, EINVAL,
                        "%s: not used, it counted %" PRId64 " mJ where %s counted %" PRId64 " mJ",
                        meters->table.zones[t].name, trial->energy_uj / 1000,
                        meters->slots[s].ops->proven_by->name, trial->trusted_uj / 1000);

        return trial->verdict != JK_TRIAL_OPEN;
}

bool
jk_meters_judge(struct jk_meters *meters, size_t s, const struct jk_sample *tried,
                const struct jk_sample *sample)
{
        struct jk_meter_zone *zones;
        size_t n = jk_meters_zones_of(meters, s, &zones);
        bool reached = false;

        for (size_t z = 0; z < n; z++) {
                int t = zones[z].index;

                if (t >= 0 && meters->owner[t] != (int)s)
                        reached |=
                                judge_zone(meters, s, t, &tried->readings[t], &sample->readings[t]);
        }

        return reached;
}
