/* SPDX-License-Identifier: Apache-2.0
 *
 * Which meter's zone is used. Several meters may offer the same energy: RAPL by perf and by
 * powercap, a package by powercap and by hwmon, an estimate of what is measured anyway. Each zone
 * has one owner; what is measured goes before what is modelled, a meter earlier in the list before
 * a later one, and a meter that needs proof gets its zones when it has it.
 */
#include <math.h>
#include <string.h>

#include "meter/set.h"

size_t
jk_meters_zones_of(const struct jk_meters *meters, size_t s, struct jk_meter_zone **ret_zones)
{
        const struct jk_meters_slot *slot = &meters->slots[s];

        *ret_zones = NULL;
        return slot->meter ? slot->ops->zones(slot->meter, ret_zones) : 0;
}

static bool
is_cpu(enum jk_zone_kind kind)
{
        return kind == JK_ZONE_PACKAGE || kind == JK_ZONE_CORE || kind == JK_ZONE_PSYS;
}

/* Of these a machine has one per package, whatever a meter calls it. */
static bool
is_one_per_package(enum jk_zone_kind kind)
{
        return is_cpu(kind) || kind == JK_ZONE_UNCORE || kind == JK_ZONE_DRAM;
}

static bool
cpu_is_measured(const struct jk_meters *meters)
{
        for (size_t s = 0; s < meters->n_slots; s++) {
                struct jk_meter_zone *zones;
                size_t n = jk_meters_zones_of(meters, s, &zones);

                for (size_t z = 0; z < n; z++)
                        if (zones[z].zone.provenance == JK_MEASURED && is_cpu(zones[z].zone.kind))
                                return true;
        }

        return false;
}

/* Whether another meter owns the same energy under another name: package-0, package-0-die-0. */
static bool
is_covered(const struct jk_meters *meters, size_t s, const struct jk_zone *zone)
{
        for (size_t t = 0; t < meters->table.count; t++) {
                const struct jk_zone *other = &meters->table.zones[t];

                if (meters->owner[t] >= 0 && meters->owner[t] != (int)s &&
                    other->kind == zone->kind && other->package == zone->package &&
                    strcmp(other->name, zone->name) != 0)
                        return is_one_per_package(zone->kind);
        }

        return false;
}

/* Put the zone into the table, or over the row of its name: its index, or -ENOSPC. */
static int
enter(struct jk_zone_table *table, const struct jk_zone *zone)
{
        int t = jk_zone_find(table, zone->name);
        double known_limit_w;

        if (t < 0)
                return jk_zone_add(table, zone);

        /* perf does not know the limits that powercap told before it. */
        known_limit_w = table->zones[t].limit_w;
        table->zones[t] = *zone;
        if (isnan(zone->limit_w))
                table->zones[t].limit_w = known_limit_w;
        return t;
}

static void
own(struct jk_meters *meters, size_t s, struct jk_meter_zone *zone)
{
        int t = enter(&meters->table, &zone->zone);

        if (t < 0) {
                jk_fail(&meters->status[s].error, -t, "%s: left out, there are more than %d zones",
                        zone->zone.name, JK_ZONES_MAX);
                return;
        }
        zone->index = t;
        meters->owner[t] = (int)s;
}

/* The owner of the zone of that name, or -1. */
static int
owner_of(const struct jk_meters *meters, const struct jk_zone *zone)
{
        int t = jk_zone_find(&meters->table, zone->name);

        return t < 0 ? -1 : meters->owner[t];
}

static void
disown(struct jk_meters *meters, size_t s, int index)
{
        struct jk_meter_zone *zones;
        size_t n = jk_meters_zones_of(meters, s, &zones);

        for (size_t z = 0; z < n; z++)
                if (zones[z].index == index)
                        zones[z].index = -1;
}

/* First round: everything that needs no proof, in the order of the list. */
static void
claim_plain(struct jk_meters *meters, size_t s, bool measured)
{
        struct jk_meter_zone *zones;
        size_t n = jk_meters_zones_of(meters, s, &zones);

        for (size_t z = 0; z < n; z++) {
                const struct jk_zone *zone = &zones[z].zone;

                if (meters->automatic && measured && zone->provenance == JK_MODELLED &&
                    is_one_per_package(zone->kind))
                        continue;
                if (owner_of(meters, zone) < 0 && !is_covered(meters, s, zone))
                        own(meters, s, &zones[z]);
        }
}

/* Second round: a meter that needs proof owns what it has proven, and what its prover lacks; the
 * rest it reads on trial. */
static void
claim_proven(struct jk_meters *meters, size_t s)
{
        struct jk_meter_zone *zones;
        size_t n = jk_meters_zones_of(meters, s, &zones);

        for (size_t z = 0; z < n; z++) {
                int owner = owner_of(meters, &zones[z].zone);
                int t = jk_zone_find(&meters->table, zones[z].zone.name);

                if (is_covered(meters, s, &zones[z].zone) ||
                    (t >= 0 && meters->trials[t].verdict == JK_TRIAL_FAILED))
                        continue;
                if (owner >= 0 && meters->slots[owner].ops == meters->slots[s].ops->proven_by) {
                        if (meters->trials[t].verdict == JK_TRIAL_OPEN)
                                zones[z].index = t;
                        if (meters->trials[t].verdict != JK_TRIAL_AGREED)
                                continue;
                }
                if (owner >= 0)
                        disown(meters, (size_t)owner, t);
                own(meters, s, &zones[z]);
        }
}

void
jk_meters_claim(struct jk_meters *meters)
{
        bool measured = cpu_is_measured(meters);

        for (size_t t = 0; t < JK_ZONES_MAX; t++)
                meters->owner[t] = -1;
        for (size_t s = 0; s < meters->n_slots; s++) {
                struct jk_meter_zone *zones;
                size_t n = jk_meters_zones_of(meters, s, &zones);

                for (size_t z = 0; z < n; z++)
                        zones[z].index = -1;
                meters->status[s].n_zones = 0;
        }

        for (size_t s = 0; s < meters->n_slots; s++)
                if (!meters->slots[s].ops->proven_by)
                        claim_plain(meters, s, measured);
        for (size_t s = 0; s < meters->n_slots; s++)
                if (meters->slots[s].ops->proven_by)
                        claim_proven(meters, s);

        for (size_t t = 0; t < meters->table.count; t++)
                if (meters->owner[t] >= 0)
                        meters->status[meters->owner[t]].n_zones++;
        jk_zone_link(&meters->table);
}
