/* SPDX-License-Identifier: Apache-2.0
 *
 * The zone tree: see zone.h.
 */
#include "sample/zone.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/array.h"

static const char *const kind_names[JK_ZONE_KIND_MAX] = {
        [JK_ZONE_PACKAGE] = "package", [JK_ZONE_CORE] = "core",       [JK_ZONE_UNCORE] = "uncore",
        [JK_ZONE_DRAM] = "dram",       [JK_ZONE_PSYS] = "psys",       [JK_ZONE_GPU] = "gpu",
        [JK_ZONE_DISK] = "disk",       [JK_ZONE_NETWORK] = "network", [JK_ZONE_BATTERY] = "battery",
        [JK_ZONE_WALL] = "wall",       [JK_ZONE_OTHER] = "other",
};

static const char *const provenance_names[JK_PROVENANCE_MAX] = {
        [JK_MEASURED] = "measured",
        [JK_MODELLED] = "modelled",
        [JK_REPLAYED] = "replayed",
};

/* Which kinds can lie around a zone of each kind, nearest first. */
static const struct {
        enum jk_zone_kind around[5];
        size_t count;
        bool same_package; /* the nearest must be of the same package and die */
} nesting[JK_ZONE_KIND_MAX] = {
        [JK_ZONE_CORE] = { { JK_ZONE_PACKAGE, JK_ZONE_PSYS, JK_ZONE_BATTERY, JK_ZONE_WALL },
                           4,
                           true },
        [JK_ZONE_UNCORE] = { { JK_ZONE_PACKAGE, JK_ZONE_PSYS, JK_ZONE_BATTERY, JK_ZONE_WALL },
                             4,
                             true },
        [JK_ZONE_PACKAGE] = { { JK_ZONE_PSYS, JK_ZONE_BATTERY, JK_ZONE_WALL }, 3, false },
        [JK_ZONE_DRAM] = { { JK_ZONE_PSYS, JK_ZONE_BATTERY, JK_ZONE_WALL }, 3, false },
        [JK_ZONE_PSYS] = { { JK_ZONE_BATTERY, JK_ZONE_WALL }, 2, false },
        [JK_ZONE_GPU] = { { JK_ZONE_BATTERY, JK_ZONE_WALL }, 2, false },
        [JK_ZONE_DISK] = { { JK_ZONE_BATTERY, JK_ZONE_WALL }, 2, false },
        [JK_ZONE_NETWORK] = { { JK_ZONE_BATTERY, JK_ZONE_WALL }, 2, false },
        [JK_ZONE_BATTERY] = { { JK_ZONE_WALL }, 1, false },
        [JK_ZONE_OTHER] = { { JK_ZONE_BATTERY, JK_ZONE_WALL, JK_ZONE_PSYS, JK_ZONE_PACKAGE,
                              JK_ZONE_OTHER },
                            5,
                            false },
};

/* Of the kind of a rail, but it lies where a disk does. */
#define REST_NESTS_AS JK_ZONE_DISK

const char *
jk_zone_kind_name(enum jk_zone_kind kind)
{
        return kind >= 0 && kind < JK_ZONE_KIND_MAX ? kind_names[kind] : "invalid";
}

enum jk_zone_kind
jk_zone_kind_find(const char *name)
{
        for (int kind = 0; kind < JK_ZONE_KIND_MAX; kind++)
                if (strcmp(kind_names[kind], name) == 0)
                        return (enum jk_zone_kind)kind;

        return JK_ZONE_KIND_INVALID;
}

const char *
jk_provenance_name(enum jk_provenance provenance)
{
        return provenance < JK_PROVENANCE_MAX ? provenance_names[provenance] : "invalid";
}

int
jk_zone_find(const struct jk_zone_table *table, const char *name)
{
        for (size_t i = 0; i < table->count; i++)
                if (strcmp(table->zones[i].name, name) == 0)
                        return (int)i;

        return -1;
}

static bool
same_number(double a, double b)
{
        return isnan(a) ? isnan(b) : a == b;
}

bool
jk_zone_same(const struct jk_zone *a, const struct jk_zone *b)
{
        return strcmp(a->name, b->name) == 0 && strcmp(a->source, b->source) == 0 &&
               strcmp(a->path, b->path) == 0 && a->kind == b->kind &&
               a->provenance == b->provenance && a->parent == b->parent &&
               a->package == b->package && a->die == b->die && a->range_uj == b->range_uj &&
               a->filtered == b->filtered && same_number(a->uncertainty_pct, b->uncertainty_pct) &&
               same_number(a->idle_w, b->idle_w) && same_number(a->limit_w, b->limit_w) &&
               same_number(a->max_w, b->max_w);
}

bool
jk_zone_is_rest(const struct jk_zone *zone)
{
        return zone->kind == JK_ZONE_OTHER && strcmp(zone->name, JK_ZONE_REST_NAME) == 0;
}

int
jk_zone_add(struct jk_zone_table *table, const struct jk_zone *zone)
{
        if (table->count == JK_ZONES_MAX)
                return -ENOSPC;
        if (jk_zone_find(table, zone->name) >= 0)
                return -EEXIST;

        table->zones[table->count] = *zone;
        return (int)table->count++;
}

static int
find_around(const struct jk_zone_table *table, size_t inner, enum jk_zone_kind kind,
            bool same_package)
{
        const struct jk_zone *zone = &table->zones[inner];

        for (size_t i = 0; i < table->count; i++) {
                if (i == inner || table->zones[i].kind != kind)
                        continue;
                if (kind == JK_ZONE_OTHER && i > inner)
                        break; /* the first of them has none around it */
                if (jk_zone_is_rest(&table->zones[i]))
                        continue;
                if (kind == JK_ZONE_PACKAGE && same_package &&
                    (table->zones[i].package != zone->package || table->zones[i].die != zone->die))
                        continue;
                return (int)i;
        }

        return -1;
}

void
jk_zone_link(struct jk_zone_table *table)
{
        for (size_t i = 0; i < table->count; i++) {
                struct jk_zone *zone = &table->zones[i];
                enum jk_zone_kind as = jk_zone_is_rest(zone) ? REST_NESTS_AS : zone->kind;

                zone->parent = -1;
                for (size_t k = 0; k < nesting[as].count && zone->parent < 0; k++)
                        zone->parent = find_around(table, i, nesting[as].around[k],
                                                   nesting[as].same_package);
        }
}

/* Something was seen that may feed, or contain, what a rail does. The zone around the rail alone
 * does not tell: it may be wall, which is not seen just now, when the package is. */
static bool
rail_may_overlap(const struct jk_zone_table *table, const bool *seen)
{
        for (size_t i = 0; i < table->count; i++) {
                enum jk_zone_kind kind = table->zones[i].kind;

                if (seen[i] &&
                    (kind == JK_ZONE_BATTERY || kind == JK_ZONE_WALL || kind == JK_ZONE_PSYS ||
                     kind == JK_ZONE_PACKAGE || jk_zone_is_rest(&table->zones[i])))
                        return true;
        }

        return false;
}

bool
jk_zone_counts(const struct jk_zone_table *table, const bool *seen, size_t i)
{
        const struct jk_zone *zone = &table->zones[i];

        if (!seen[i])
                return false;
        if (zone->kind == JK_ZONE_OTHER && !jk_zone_is_rest(zone) && rail_may_overlap(table, seen))
                return false;

        /* The tree is a few levels deep; the bound keeps a malformed one from looping. */
        for (int up = table->zones[i].parent, depth = 0; up >= 0 && depth < JK_ZONES_MAX; depth++) {
                if (seen[up])
                        return false;
                up = table->zones[up].parent;
        }

        return true;
}
