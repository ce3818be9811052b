/* SPDX-License-Identifier: Apache-2.0
 *
 * The set of meters of a machine: opens those that work, joins their zones into one table, reads
 * them once per tick. A meter that fails loses its own zones only, is tried again with a growing
 * delay (1 s to 60 s), and comes back by itself; new hardware is looked for every 60 s.
 */
#pragma once

#include "meter/meter.h"

enum jk_meter_state {
        JK_METER_WORKING,
        JK_METER_ABSENT, /* this machine has none */
        JK_METER_FAILED, /* it has, but it cannot be read: message and remedy in `error` */
        JK_METER_UNUSED, /* it works, but all its zones are read by a better meter, or not asked for
                          */
        JK_METER_STATE_MAX,
};

struct jk_meter_status {
        const struct jk_meter_ops *ops;
        enum jk_meter_state state;
        size_t n_zones;    /* in use */
        uint64_t failures; /* readings that failed, since start */
        struct jk_meter_lag lag;
        struct jk_error error; /* why it is not working, or why zones are left out */
        const char *note;      /* what it says of its zones, or NULL; valid until it is read */
};

/* What is to be said of it: why it does not work, or what it says of its zones. */
static inline const char *
jk_meter_status_text(const struct jk_meter_status *status)
{
        return status->error.message[0] || !status->note ? status->error.message : status->note;
}

struct jk_meters;

/* Every meter there is, NULL-terminated, in order of preference. */
extern const struct jk_meter_ops *const jk_meter_list[];

/* Open the meters named in `names` (comma-separated: "powercap,battery"; NULL or "auto": all, and
 * the estimate only where nothing measures the CPU; "none": no meter). -EINVAL for an unknown name,
 * with the names that there are.
 * No meter at all is not an error: the machine then has no zones. */
int jk_meters_open(const struct jk_meter_env *env, const char *names, struct jk_meters **ret_meters,
                   struct jk_error *err);
/* The same with a list other than jk_meter_list (which must outlive the set). */
int jk_meters_open_list(const struct jk_meter_ops *const *list, const struct jk_meter_env *env,
                        const char *names, struct jk_meters **ret_meters, struct jk_error *err);

void jk_meters_close(struct jk_meters *meters);

/* How often they are read from now on. What a meter offers may depend on it: the next reading
 * looks.
 */
void jk_meters_set_interval(struct jk_meters *meters, int64_t interval_ns);

/* Fill sample->zones and sample->readings. Never fails: what cannot be read is not seen. */
void jk_meters_read(struct jk_meters *meters, struct jk_sample *sample);

/* The same for meters that estimate, and those that look at all others, once the sample has its
 * tasks: to be called in each tick after jk_meters_read(). */
void jk_meters_estimate(struct jk_meters *meters, struct jk_sample *sample);

const struct jk_zone_table *jk_meters_zones(const struct jk_meters *meters);

/* One status per row of jk_meter_list, and their number. */
size_t jk_meters_status(const struct jk_meters *meters, const struct jk_meter_status **ret_status);

/* Seconds after which the fastest counter may wrap twice unseen, at its maximal power: the interval
 * must stay below it. Infinity if nothing wraps. */
double jk_meters_horizon_s(const struct jk_meters *meters);
