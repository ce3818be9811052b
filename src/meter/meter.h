/* SPDX-License-Identifier: Apache-2.0
 *
 * Meters: code that reads zones. A meter is one file with one constant table of operations, listed
 * in meters.c; adding one touches nothing else. The set (meters.h) opens them, joins their zones
 * into one tree, and keeps a meter that fails from costing more than its own zones.
 */
#pragma once

#include "base/error.h"
#include "base/root.h"
#include "reference/reference.h"
#include "sample/sample.h"

struct jk_estimates;
struct jk_meter;

/* What a meter may look at when it opens. */
struct jk_meter_env {
        const struct jk_root *root; /* sysfs and procfs lie below it */
        int64_t interval_ns; /* how often it will be read; if that changes it is opened anew */
        const struct jk_reference_config *wall; /* a meter outside; NULL: none */

        /* For meters that estimate: what they go by, and what they learned, which outlives them
         * (curve/estimates.h); NULL: nothing is known. */
        struct jk_estimates *estimates;
};

/* How late a meter's readings come, as far as is known: NaN where it is not. */
struct jk_meter_lag {
        double offset_s;
        double error_s; /* one standard deviation; 0: it was given */
};

/* A zone as a meter offers it, before the set decides which ones to use. */
struct jk_meter_zone {
        struct jk_zone zone; /* parent is the set's business */
        int index; /* in the machine's table, or -1 if the set does not use it: set by the set */
        /* zone.uncertainty_pct, and zone.path, may change from one reading to the next. */
};

struct jk_meter_ops {
        const char *name;    /* "powercap": as in --meter and in zone.source */
        const char *summary; /* one line for `joulekeeper meters` and the docs */

        /* The meter whose zones this one takes over only after both have counted the same energy
         * for a while (trial.c); NULL: it needs no proof. */
        const struct jk_meter_ops *proven_by;

        /* Reading it may wait for a device, for ever if its driver hangs: it is opened and read by
         * a thread of its own (slow.h), where only the sample's time is to be seen. */
        bool slow;

        /* It measures nothing, but goes by what tasks did, so it is read by jk_meters_estimate().
         * It stays open while others have its zones, to learn from them. */
        bool estimates;

        /* It looks at what the others read in the tick: it is read after all of them, estimates
         * too. */
        bool last;

        /* Find what there is below env->root. 0, -ENODEV if this machine has no such meter (the
         * message says what was looked for), -EACCES with the remedy, or another negative errno. */
        int (*open)(const struct jk_meter_env *env, struct jk_meter **ret_meter,
                    struct jk_error *err);

        /* The zones it offers, in a fixed order; valid until close. */
        size_t (*zones)(struct jk_meter *meter, struct jk_meter_zone **ret_zones);

        /* Read every zone whose index is ≥ 0 into sample->readings[index]. sample->cpus has been
         * filled already. A zone that cannot be read is left unseen; a negative errno (with a
         * message) says that some were not, and -ENODEV that the meter must be opened anew. The
         * first reading of a zone sets a baseline and is flagged REBASED, not SEEN. A zone whose
         * index is -1 loses its baseline, as another meter counts it now. Allocates nothing. */
        int (*read)(struct jk_meter *meter, struct jk_sample *sample, struct jk_error *err);

        /* All readings of the tick are in the sample: what is to be learned from them. May be
         * missing. */
        void (*learn)(struct jk_meter *meter, const struct jk_sample *sample);

        /* What there is to say of its zones while it works: valid until the next call; or NULL.
         * May be missing. */
        const char *(*note)(struct jk_meter *meter);

        /* How late it is; NULL: what it reads is of the tick. */
        void (*lag)(const struct jk_meter *meter, struct jk_meter_lag *ret_lag);

        void (*close)(struct jk_meter *meter);
};

extern const struct jk_meter_ops jk_meter_perf;
extern const struct jk_meter_ops jk_meter_powercap;
extern const struct jk_meter_ops jk_meter_wall;
extern const struct jk_meter_ops jk_meter_hwmon;
extern const struct jk_meter_ops jk_meter_battery;
extern const struct jk_meter_ops jk_meter_estimate;

/* ---- shared by meters ---- */

/* A counter of energy between readings, with everything that can be wrong with one. */
struct jk_meter_counter {
        uint64_t previous_uj;
        int64_t previous_ns; /* monotonic; 0: no baseline yet */
        int64_t asleep_ns;   /* boottime less monotonic at that time: all sleep until then */
        int64_t still_ns;    /* how long it had not moved by then */
};

/* Turn a counter's value, in microjoules, into a reading. Pure: it sees the sample's time only.
 *   no baseline yet                                REBASED
 *   moved on, or wrapped once at zone->range_uj    SEEN (and WRAPPED)
 *   more than zone->max_w for the time             REFUSED, REBASED: it was started anew
 *   the gap is longer than the counter's horizon   REBASED: it may have wrapped unseen
 *   it went back, and slept or has no known range  REBASED: a reset is no wrap
 *   still for a minute, in a zone that always
 *   draws power                                    FROZEN, not SEEN: what it draws is not known;
 *                                                  when it moves, that covers the whole time
 *   at 0 and never moved, in such a zone           nothing: it does not count (yet)
 */
void jk_meter_count(struct jk_meter_counter *counter, const struct jk_zone *zone, uint64_t now_uj,
                    const struct jk_sample *sample, struct jk_zone_reading *ret_reading);

/* An integrator of power readings (W) into energy, trapezoid by trapezoid. A power that is no
 * number is not seen and ends the span; negative power counts as 0. After sleep, or a gap of more
 * than two minutes, there is a new baseline (REBASED): what was drawn meanwhile is not known. */
struct jk_meter_power {
        double previous_w;
        int64_t previous_ns; /* monotonic; 0: no baseline yet */
        double carry;
};
void jk_meter_integrate(struct jk_meter_power *power, double now_w, const struct jk_sample *sample,
                        struct jk_zone_reading *ret_reading);
