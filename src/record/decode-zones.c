/* SPDX-License-Identifier: Apache-2.0
 *
 * The zones of a recording: see decoder.h.
 */
#include <math.h>
#include <string.h>

#include "record/decoder.h"

static enum jk_zone_kind
find_kind(const char *name)
{
        for (enum jk_zone_kind kind = 0; kind < JK_ZONE_KIND_MAX; kind++)
                if (strcmp(name, jk_zone_kind_name(kind)) == 0)
                        return kind;
        return JK_ZONE_KIND_INVALID;
}

/* What was measured then is read from a recording now; what was modelled stays so. */
static enum jk_provenance
find_provenance(const char *name)
{
        return strcmp(name, jk_provenance_name(JK_MODELLED)) == 0 ? JK_MODELLED : JK_REPLAYED;
}

/* Watts or percent: a number that is not negative, or NaN where that may be. */
static double
get_quantity(struct jk_wire *in, bool may_be_unknown)
{
        double value = jk_wire_get_double(in);

        if (isnan(value) ? !may_be_unknown : !(value >= 0 && value < (double)JK_RECORDED_MAX))
                jk_wire_fail(in, "has a zone with an absurd number");
        return value;
}

static void
get_zone(struct jk_wire *in, struct jk_zone *zone)
{
        char kind[16], provenance[16];

        jk_decode_string(in, zone->name, sizeof zone->name);
        jk_decode_string(in, zone->source, sizeof zone->source);
        jk_decode_string(in, zone->path, sizeof zone->path);
        jk_decode_string(in, kind, sizeof kind);
        jk_decode_string(in, provenance, sizeof provenance);
        zone->kind = find_kind(kind);
        zone->provenance = find_provenance(provenance);
        zone->parent = (int)(jk_wire_get_max(in, 2 * JK_ZONES_MAX, "has a zone in no zone"));
        zone->package = (int)jk_wire_get_max(in, 1U << 17, "has a zone with an absurd package");
        zone->die = (int)jk_wire_get_max(in, 1U << 17, "has a zone with an absurd die");
        zone->parent = (int)jk_wire_unfold((uint64_t)zone->parent);
        zone->package = (int)jk_wire_unfold((uint64_t)zone->package);
        zone->die = (int)jk_wire_unfold((uint64_t)zone->die);
        zone->range_uj = jk_wire_get(in);
        zone->filtered = jk_wire_get_max(in, 1, "has a zone with unknown flags");
        zone->uncertainty_pct = get_quantity(in, false);
        zone->idle_w = get_quantity(in, true);
        zone->limit_w = get_quantity(in, true);
        zone->max_w = get_quantity(in, true);
        if (zone->name[0] == '\0' || zone->kind == JK_ZONE_KIND_INVALID)
                jk_wire_fail(in, "has a zone without a name or of an unknown kind");
        if (zone->parent < -1 || zone->package < -1 || zone->die < -1)
                jk_wire_fail(in, "has a zone with a negative number");
}

void
jk_decode_zone(struct jk_decoder *decoder, struct jk_wire *in)
{
        struct jk_zone_table *zones = &decoder->zones;
        size_t index = jk_wire_get_max(in, JK_ZONES_MAX - 1, "has too many zones");
        struct jk_zone zone = { 0 };
        int same;

        get_zone(in, &zone);
        if (index > zones->count)
                jk_wire_fail(in, "leaves a zone out");
        same = jk_zone_find(zones, zone.name);
        if (same >= 0 && (size_t)same != index)
                jk_wire_fail(in, "has two zones of one name");
        if (in->fault)
                return;
        decoder->zones_checked = false;
        zones->zones[index] = zone;
        if (index == zones->count)
                zones->count++;
}

/* Parents are followed upwards: they have to be there, and end at the top. */
void
jk_decode_check_zones(struct jk_decoder *decoder, struct jk_wire *in)
{
        const struct jk_zone_table *zones = &decoder->zones;

        for (size_t i = 0; i < zones->count && !decoder->zones_checked; i++) {
                int parent = zones->zones[i].parent;
                size_t steps = 0;

                while (parent >= 0 && (size_t)parent < zones->count && steps++ < zones->count)
                        parent = zones->zones[parent].parent;
                if (parent != -1)
                        jk_wire_fail(in, "follows zones that lie in no zone, or in themselves");
        }
        decoder->zones_checked = true;
}
