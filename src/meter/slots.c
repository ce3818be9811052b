/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening meters, and opening them again: one that fails is left alone for 1 s, then for twice as
 * long each time up to a minute; one that was never there, and new zones of those that work, are
 * looked for once a minute.
 */
#include <math.h>
#include <string.h>

#include "meter/set.h"
#include "meter/slow.h"

#define RETRY_FIRST_NS JK_NS_PER_S
#define RETRY_MAX_NS   (60 * JK_NS_PER_S)
#define RESCAN_NS      (60 * JK_NS_PER_S)

void
jk_meters_close_slot(struct jk_meters *meters, size_t s)
{
        struct jk_meters_slot *slot = &meters->slots[s];

        if (slot->meter)
                slot->ops->close(slot->meter);
        slot->meter = NULL;
}

static int
open_meter(const struct jk_meters *meters, struct jk_meters_slot *slot, struct jk_meter **ret_meter,
           struct jk_error *err)
{
        return slot->ops->slow ? jk_slow_open(&slot->slow, slot->ops, &meters->env, ret_meter, err)
                               : slot->ops->open(&meters->env, ret_meter, err);
}

int
jk_meters_read_slot(struct jk_meters *meters, size_t s, struct jk_sample *sample,
                    struct jk_error *err)
{
        struct jk_meters_slot *slot = &meters->slots[s];
        int r;

        if (!slot->ops->slow)
                return slot->ops->read(slot->meter, sample, err);

        r = jk_slow_read(slot->slow, slot->meter, sample, err);
        if (r == -ETIMEDOUT)
                slot->meter = NULL;
        return r;
}

/* Not open, or no longer: try again after a while (see jk_meters_retry()). */
void
jk_meters_set_back(struct jk_meters_slot *slot)
{
        if (slot->delay_ns == 0)
                slot->delay_ns = RETRY_FIRST_NS;
        else if (slot->delay_ns < RETRY_MAX_NS / 2)
                slot->delay_ns *= 2;
        else
                slot->delay_ns = RETRY_MAX_NS;
        slot->wait_ns = slot->delay_ns;
        slot->retry_ns = 0;
}

void
jk_meters_wait(struct jk_meters_slot *slot)
{
        slot->wait_ns = RESCAN_NS;
        slot->retry_ns = 0;
}

/* A meter that was never there is looked for with new hardware only; one that failed, sooner. */
void
jk_meters_open_slot(struct jk_meters *meters, size_t s)
{
        struct jk_meters_slot *slot = &meters->slots[s];
        struct jk_meter_status *status = &meters->status[s];
        struct jk_error err = { 0 };
        int r;

        r = open_meter(meters, slot, &slot->meter, &err);
        if (r == 0) {
                slot->fresh = true;
                slot->ailing = false;
                if (err.message[0] || status->state == JK_METER_ABSENT ||
                    status->state == JK_METER_FAILED)
                        status->error = err;
                return;
        }

        slot->meter = NULL;
        status->error = err;
        status->state = r == -ENODEV ? JK_METER_ABSENT : JK_METER_FAILED;
        if (r == -ENODEV && slot->delay_ns == 0)
                jk_meters_wait(slot);
        else
                jk_meters_set_back(slot);
}

/* ---- coming back, and new hardware ---- */

bool
jk_meters_retry(struct jk_meters *meters, int64_t now_ns)
{
        bool opened = false;

        for (size_t s = 0; s < meters->n_slots; s++) {
                struct jk_meters_slot *slot = &meters->slots[s];

                if (slot->meter || !slot->wanted)
                        continue;
                if (slot->retry_ns == 0)
                        slot->retry_ns = now_ns + slot->wait_ns;
                if (now_ns < slot->retry_ns)
                        continue;
                jk_meters_open_slot(meters, s);
                opened |= slot->meter != NULL;
                slot->retry_ns = now_ns + slot->wait_ns;
        }

        return opened;
}

static bool
offer_the_same(const struct jk_meter_zone *a, size_t n_a, const struct jk_meter_zone *b, size_t n_b)
{
        if (n_a != n_b)
                return false;
        for (size_t z = 0; z < n_a; z++)
                if (strcmp(a[z].zone.name, b[z].zone.name) != 0)
                        return false;

        return true;
}

/* Limits may have been set since. */
static void
refresh_limits(struct jk_meters *meters, struct jk_meter_zone *zones,
               const struct jk_meter_zone *found, size_t n)
{
        for (size_t z = 0; z < n; z++) {
                zones[z].zone.limit_w = found[z].zone.limit_w;
                zones[z].zone.max_w = found[z].zone.max_w;
                if (zones[z].index < 0)
                        continue;
                if (!isnan(zones[z].zone.limit_w))
                        meters->table.zones[zones[z].index].limit_w = zones[z].zone.limit_w;
                meters->table.zones[zones[z].index].max_w = zones[z].zone.max_w;
        }
}

/* Open the meter a second time: if it finds other zones than before, that one is used from now. */
static bool
rescan_slot(struct jk_meters *meters, size_t s)
{
        struct jk_meters_slot *slot = &meters->slots[s];
        struct jk_meter *again = NULL;
        struct jk_meter_zone *zones, *found;
        size_t n, n_found;

        if (!slot->meter || slot->fresh || open_meter(meters, slot, &again, NULL) < 0)
                return false;

        n = slot->ops->zones(slot->meter, &zones);
        n_found = slot->ops->zones(again, &found);
        if (offer_the_same(zones, n, found, n_found)) {
                refresh_limits(meters, zones, found, n);
                slot->ops->close(again);
                return false;
        }

        slot->ops->close(slot->meter);
        slot->meter = again;
        slot->fresh = true;
        return true;
}

bool
jk_meters_rescan(struct jk_meters *meters, int64_t now_ns)
{
        bool changed = false;

        if (meters->rescan_ns == 0)
                meters->rescan_ns = now_ns + RESCAN_NS;
        if (now_ns < meters->rescan_ns)
                return false;

        meters->rescan_ns = now_ns + RESCAN_NS;
        for (size_t s = 0; s < meters->n_slots; s++)
                changed |= rescan_slot(meters, s);

        return changed;
}
