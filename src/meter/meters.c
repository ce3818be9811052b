/* SPDX-License-Identifier: Apache-2.0
 *
 * The set of meters: see meters.h. Everything that changes which meter reads what (opening, coming
 * back, new hardware, a verdict) happens at the end of a tick, after the readings of the tick are
 * in, and a meter that is opened then takes its baselines in the same tick: so a zone that changes
 * hands loses nothing and is counted once.
 */
#include "meter/meters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "base/units.h"
#include "meter/set.h"
#include "meter/slow.h"

#define SAME_WARNING_NS (3600 * JK_NS_PER_S)

const struct jk_meter_ops *const jk_meter_list[] = {
        &jk_meter_perf,    &jk_meter_powercap, &jk_meter_wall, &jk_meter_hwmon,
        &jk_meter_battery, &jk_meter_estimate, NULL,
};

/* ---- opening ---- */

/* A meter none of whose zones are needed is closed, and looked at again with new hardware. */
static void
settle_slot(struct jk_meters *meters, size_t s)
{
        struct jk_meters_slot *slot = &meters->slots[s];
        struct jk_meter_status *status = &meters->status[s];

        if (!slot->meter)
                return;

        if (status->n_zones == 0 && slot->ops->estimates) {
                status->state = JK_METER_UNUSED;
                if (!status->error.message[0])
                        jk_fail(&status->error, 0, "its zones are read by a better meter");
                return;
        }
        if (status->n_zones == 0 && !jk_meters_on_trial(meters, s)) {
                jk_meters_close_slot(meters, s);
                slot->delay_ns = 0;
                jk_meters_wait(slot);
                status->state = JK_METER_UNUSED;
                if (!status->error.message[0])
                        jk_fail(&status->error, 0, "its zones are read by a better meter");
                return;
        }

        status->state = JK_METER_WORKING;
}

static void
warn_of_horizon(struct jk_meters *meters)
{
        double horizon_s = jk_meters_horizon_s(meters);
        double interval_s = (double)meters->env.interval_ns / 1e9;

        if (!meters->warned && interval_s > horizon_s)
                jk_log_warning("meters: a counter may wrap unseen in the interval of %g s; what it "
                               "counts is not booked until the interval is below %.1f s",
                               interval_s, horizon_s);
        meters->warned = interval_s > horizon_s;
}

static void
claim_and_settle(struct jk_meters *meters)
{
        jk_meters_claim(meters);
        for (size_t s = 0; s < meters->n_slots; s++)
                settle_slot(meters, s);
        warn_of_horizon(meters);
}

/* ---- which are wanted ---- */

static int
find_slot(const struct jk_meters *meters, const char *name, size_t length)
{
        for (size_t s = 0; s < meters->n_slots; s++)
                if (strlen(meters->slots[s].ops->name) == length &&
                    strncmp(meters->slots[s].ops->name, name, length) == 0)
                        return (int)s;

        return -1;
}

static int
fail_unknown(const struct jk_meters *meters, const char *name, size_t length, struct jk_error *err)
{
        jk_autotext struct jk_text known = { 0 };

        for (size_t s = 0; s < meters->n_slots; s++)
                jk_text_printf(&known, "%s, ", meters->slots[s].ops->name);

        return jk_fail(err, EINVAL, "there is no meter '%.*s'; there are %sauto and none",
                       (int)length, name, known.data ? known.data : "");
}

static int
choose(struct jk_meters *meters, const char *names, struct jk_error *err)
{
        if (!names || strcmp(names, "auto") == 0) {
                meters->automatic = true;
                for (size_t s = 0; s < meters->n_slots; s++)
                        meters->slots[s].wanted = true;
                return 0;
        }
        if (strcmp(names, "none") == 0)
                return 0;

        for (const char *name = names;;) {
                size_t length = strcspn(name, ",");
                int s = find_slot(meters, name, length);

                if (s < 0)
                        return fail_unknown(meters, name, length, err);
                meters->slots[s].wanted = true;
                if (!name[length])
                        return 0;
                name += length + 1;
        }
}

static void
open_wanted(struct jk_meters *meters)
{
        for (size_t s = 0; s < meters->n_slots; s++) {
                if (meters->slots[s].wanted) {
                        jk_meters_open_slot(meters, s);
                        continue;
                }
                meters->status[s].state = JK_METER_UNUSED;
                jk_fail(&meters->status[s].error, 0, "not asked for");
        }
        claim_and_settle(meters);
}

int
jk_meters_open_list(const struct jk_meter_ops *const *list, const struct jk_meter_env *env,
                    const char *names, struct jk_meters **ret_meters, struct jk_error *err)
{
        struct jk_meters *meters = calloc(1, sizeof *meters);
        int r;

        if (!meters)
                return jk_fail(err, ENOMEM, "meters: out of memory");

        meters->env = *env;
        if (env->wall) {
                meters->wall = *env->wall;
                meters->env.wall = &meters->wall;
        }
        while (list[meters->n_slots])
                meters->n_slots++;
        meters->slots = calloc(meters->n_slots + 1, sizeof *meters->slots);
        meters->status = calloc(meters->n_slots + 1, sizeof *meters->status);
        if (!meters->slots || !meters->status) {
                jk_meters_close(meters);
                return jk_fail(err, ENOMEM, "meters: out of memory");
        }
        for (size_t s = 0; s < meters->n_slots; s++)
                meters->slots[s].ops = meters->status[s].ops = list[s];
        for (size_t s = 0; s < meters->n_slots; s++)
                meters->status[s].lag = (struct jk_meter_lag){ NAN, NAN };

        r = choose(meters, names, err);
        if (r < 0) {
                jk_meters_close(meters);
                return r;
        }

        open_wanted(meters);
        *ret_meters = meters;
        return 0;
}

int
jk_meters_open(const struct jk_meter_env *env, const char *names, struct jk_meters **ret_meters,
               struct jk_error *err)
{
        return jk_meters_open_list(jk_meter_list, env, names, ret_meters, err);
}

static void
free_slot(struct jk_meters *meters, size_t s)
{
        jk_meters_close_slot(meters, s);
        jk_slow_free(meters->slots[s].slow);
}

void
jk_meters_close(struct jk_meters *meters)
{
        if (!meters)
                return;

        for (size_t s = 0; meters->slots && s < meters->n_slots; s++)
                free_slot(meters, s);
        free(meters->slots);
        free(meters->status);
        free(meters);
}

void
jk_meters_set_interval(struct jk_meters *meters, int64_t interval_ns)
{
        meters->env.interval_ns = interval_ns;
        meters->rescan_ns = 1; /* long past: at the next reading */
        warn_of_horizon(meters);
}

/* ---- reading ---- */

static void
prepare_scratch(struct jk_meters *meters, const struct jk_sample *sample)
{
        meters->scratch = *sample; /* its arrays are borrowed, and only looked at */
        memset(meters->scratch.readings, 0, sizeof meters->scratch.readings);
}

static bool
saw_anything(const struct jk_meters *meters, size_t s, const struct jk_sample *sample)
{
        for (size_t t = 0; t < meters->table.count; t++)
                if (meters->owner[t] == (int)s && sample->readings[t].flags)
                        return true;

        return false;
}

/* Its zones are free for another meter. Where two prove each other, the other one stands in. */
static void
fail_slot(struct jk_meters *meters, size_t s)
{
        struct jk_meters_slot *slot = &meters->slots[s];

        if (slot->delay_ns == 0)
                jk_log_warning("%s; it will be tried again", meters->status[s].error.message);
        jk_meters_close_slot(meters, s);
        meters->status[s].state = JK_METER_FAILED;
        jk_meters_set_back(slot);

        for (size_t o = 0; o < meters->n_slots; o++)
                if (slot->ops->proven_by == meters->slots[o].ops ||
                    meters->slots[o].ops->proven_by == slot->ops)
                        meters->slots[o].wait_ns = meters->slots[o].retry_ns = 0;
}

/* What fails now and then is told once an hour. */
static void
warn_of_ailing(struct jk_meters_slot *slot, const struct jk_error *err, int64_t now_ns)
{
        if (slot->told_ns != 0 && now_ns - slot->told_ns < SAME_WARNING_NS &&
            strcmp(slot->told.message, err->message) == 0)
                return;

        jk_log_warning("%s", err->message);
        slot->told = *err;
        slot->told_ns = now_ns;
}

/* True if the meter had to be given up. */
static bool
note_result(struct jk_meters *meters, size_t s, int r, const struct jk_error *err,
            const struct jk_sample *sample)
{
        struct jk_meters_slot *slot = &meters->slots[s];
        struct jk_meter_status *status = &meters->status[s];

        if (r >= 0) {
                if (slot->ailing)
                        status->error.message[0] = '\0';
                if (slot->delay_ns > 0)
                        jk_log_notice("%s: works again", slot->ops->name);
                slot->ailing = false;
                slot->delay_ns = 0;
                return false;
        }

        status->failures++;
        status->error = *err;
        if (r == -ENODEV || r == -ETIMEDOUT || !saw_anything(meters, s, sample)) {
                fail_slot(meters, s);
                return true;
        }

        if (!slot->ailing)
                warn_of_ailing(slot, err, sample->time.monotonic_ns);
        slot->ailing = true;
        return false;
}

/* A meter on trial reads into the scratch sample; of that, what it owns already is used. */
static int
read_on_trial(struct jk_meters *meters, size_t s, struct jk_sample *sample, struct jk_error *err)
{
        int r;

        prepare_scratch(meters, sample);
        r = jk_meters_read_slot(meters, s, &meters->scratch, err);

        for (size_t t = 0; t < meters->table.count; t++)
                if (meters->owner[t] == (int)s)
                        sample->readings[t] = meters->scratch.readings[t];

        return r;
}

/* What a meter says of itself may change as it learns. */
static void
note_zones(struct jk_meters *meters, size_t s)
{
        struct jk_meters_slot *slot = &meters->slots[s];
        struct jk_meter_zone *zones;
        size_t n = jk_meters_zones_of(meters, s, &zones);

        meters->status[s].lag = (struct jk_meter_lag){ NAN, NAN };
        if (slot->meter && slot->ops->lag)
                slot->ops->lag(slot->meter, &meters->status[s].lag);

        for (size_t z = 0; z < n; z++)
                if (zones[z].index >= 0 && meters->owner[zones[z].index] == (int)s)
                        meters->table.zones[zones[z].index].uncertainty_pct =
                                zones[z].zone.uncertainty_pct;
}

/* Meters that need no proof are read first, so that a trial has both sides; and those that look at
 * what the others read, at the end, when there are the estimates as well. */
enum round { PLAIN, PROVEN, LAST };

static enum round
round_of(const struct jk_meter_ops *ops)
{
        return ops->last ? LAST : ops->proven_by ? PROVEN : PLAIN;
}

/* True if zones must be claimed anew. */
static bool
read_slots(struct jk_meters *meters, struct jk_sample *sample, enum round round)
{
        bool changed = false;

        for (size_t s = 0; s < meters->n_slots; s++) {
                struct jk_meters_slot *slot = &meters->slots[s];
                struct jk_error err = { 0 };
                bool trial;
                int r;

                if (!slot->meter || slot->ops->estimates || round_of(slot->ops) != round)
                        continue;
                if (slot->fresh) { /* opened in this tick: its baselines */
                        prepare_scratch(meters, sample);
                        jk_meters_read_slot(meters, s, &meters->scratch, &err);
                        continue;
                }

                trial = jk_meters_on_trial(meters, s);
                r = trial ? read_on_trial(meters, s, sample, &err)
                          : jk_meters_read_slot(meters, s, sample, &err);
                if (trial)
                        changed |= jk_meters_judge(meters, s, &meters->scratch, sample);
                changed |= note_result(meters, s, r, &err, sample);
                note_zones(meters, s);
        }

        return changed;
}

/* What was opened in this tick takes its baselines in it; a failure shows in the next one, but for
 * one that does not answer: true, and zones must be claimed anew. */
static bool
read_baselines(struct jk_meters *meters, const struct jk_sample *sample)
{
        bool changed = false;

        for (size_t s = 0; s < meters->n_slots; s++) {
                struct jk_meters_slot *slot = &meters->slots[s];

                if (slot->ops->estimates || slot->ops->last)
                        continue; /* they have their turn after the tasks */
                if (slot->meter && slot->fresh) {
                        struct jk_error err = { 0 };

                        prepare_scratch(meters, sample);
                        if (jk_meters_read_slot(meters, s, &meters->scratch, &err) == -ETIMEDOUT)
                                changed |= note_result(meters, s, -ETIMEDOUT, &err, sample);
                }
                slot->fresh = false;
        }

        return changed;
}

void
jk_meters_read(struct jk_meters *meters, struct jk_sample *sample)
{
        int64_t now_ns = sample->time.monotonic_ns;
        bool changed;

        for (size_t s = 0; s < meters->n_slots; s++)
                meters->slots[s].fresh = false;
        memcpy(meters->owner_before, meters->owner, sizeof meters->owner_before);
        sample->zones = &meters->table;

        changed = read_slots(meters, sample, PLAIN);
        changed |= read_slots(meters, sample, PROVEN);
        changed |= jk_meters_retry(meters, now_ns);
        changed |= jk_meters_rescan(meters, now_ns);
        if (!changed)
                return;

        claim_and_settle(meters);
        if (read_baselines(meters, sample))
                claim_and_settle(meters);
}

/* Whether the slot's zone was its own when the tick began; its place in the table. */
static bool
was_its_own(const struct jk_meters *meters, size_t s, const struct jk_meter_zone *zone, int *ret_t)
{
        *ret_t = jk_zone_find(&meters->table, zone->zone.name);
        return *ret_t >= 0 && meters->owner_before[*ret_t] == (int)s;
}

/* Zones that another meter has by now, it owes the sample for this tick still. */
static void
lend_zones(struct jk_meters *meters, size_t s)
{
        struct jk_meter_zone *zones;
        size_t n = jk_meters_zones_of(meters, s, &zones);
        int t;

        for (size_t z = 0; z < n; z++)
                if (was_its_own(meters, s, &zones[z], &t))
                        zones[z].index = t;
}

/* Into the sample goes what was its own when the tick began: of other zones it has taken a
 * baseline, and another meter may have read them. Error bars and idle power are what is known by
 * now. */
static void
take_estimates(struct jk_meters *meters, size_t s, struct jk_sample *sample)
{
        struct jk_meter_zone *zones;
        size_t n = jk_meters_zones_of(meters, s, &zones);
        int t;

        for (size_t z = 0; z < n; z++) {
                if (was_its_own(meters, s, &zones[z], &t))
                        sample->readings[t] = meters->scratch.readings[t];
                if (t >= 0 && meters->owner[t] == (int)s) {
                        meters->table.zones[t].uncertainty_pct = zones[z].zone.uncertainty_pct;
                        meters->table.zones[t].idle_w = zones[z].zone.idle_w;
                } else {
                        zones[z].index = -1;
                }
        }
}

/* True if it failed, and zones must be claimed anew. */
static bool
estimate_slot(struct jk_meters *meters, size_t s, struct jk_sample *sample)
{
        struct jk_meters_slot *slot = &meters->slots[s];
        struct jk_error err = { 0 };
        bool failed;
        int r;

        prepare_scratch(meters, sample);
        lend_zones(meters, s);
        r = jk_meters_read_slot(meters, s, &meters->scratch, &err);
        take_estimates(meters, s, sample);

        failed = note_result(meters, s, r, &err, sample);
        slot->fresh = false;
        return failed;
}

static void
learn_slot(struct jk_meters *meters, size_t s, const struct jk_sample *sample)
{
        struct jk_meters_slot *slot = &meters->slots[s];

        if (slot->meter && slot->ops->learn)
                slot->ops->learn(slot->meter, sample);
        meters->status[s].note =
                slot->meter && slot->ops->note ? slot->ops->note(slot->meter) : NULL;
}

void
jk_meters_estimate(struct jk_meters *meters, struct jk_sample *sample)
{
        bool changed = false;

        for (size_t s = 0; s < meters->n_slots; s++)
                if (meters->slots[s].meter && meters->slots[s].ops->estimates)
                        changed |= estimate_slot(meters, s, sample);
        changed |= read_slots(meters, sample, LAST);
        for (size_t s = 0; s < meters->n_slots; s++)
                learn_slot(meters, s, sample);
        if (changed)
                claim_and_settle(meters);
}

/* ---- what there is ---- */

const struct jk_zone_table *
jk_meters_zones(const struct jk_meters *meters)
{
        return &meters->table;
}

size_t
jk_meters_status(const struct jk_meters *meters, const struct jk_meter_status **ret_status)
{
        *ret_status = meters->status;
        return meters->n_slots;
}

double
jk_meters_horizon_s(const struct jk_meters *meters)
{
        double horizon_s = INFINITY;

        for (size_t t = 0; t < meters->table.count; t++) {
                const struct jk_zone *zone = &meters->table.zones[t];

                if (meters->owner[t] < 0 || zone->range_uj == 0 || !(zone->max_w > 0))
                        continue;
                horizon_s =
                        fmin(horizon_s, jk_counter_horizon_s((double)zone->range_uj, zone->max_w));
        }

        return horizon_s;
}
