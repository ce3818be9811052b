/* SPDX-License-Identifier: Apache-2.0
 *
 * Zones: the energy domains of a machine, as a tree. wall ⊃ psys ⊃ package ⊃ {core, uncore}, and
 * dram beside package inside psys. Only disjoint zones are ever added up: the machine's energy in a
 * tick is the sum over the zones that were seen and have no seen zone around them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JK_ZONES_MAX      128 /* 8 sockets with 4 zones each, 16 GPUs, 32 disks, and room */
#define JK_ZONE_NAME_SIZE 48

enum jk_zone_kind {
        JK_ZONE_PACKAGE,
        JK_ZONE_CORE,
        JK_ZONE_UNCORE,
        JK_ZONE_DRAM,
        JK_ZONE_PSYS,
        JK_ZONE_GPU,
        JK_ZONE_DISK,
        JK_ZONE_NETWORK,
        JK_ZONE_BATTERY,
        JK_ZONE_WALL,
        JK_ZONE_OTHER, /* a rail or board sensor that no kind above fits */
        JK_ZONE_KIND_MAX,
        JK_ZONE_KIND_INVALID = -1,
};

enum jk_provenance {
        JK_MEASURED, /* a meter counted it */
        JK_MODELLED, /* estimated from activity */
        JK_REPLAYED, /* read from a recording */
        JK_PROVENANCE_MAX,
};

struct jk_zone {
        char name[JK_ZONE_NAME_SIZE]; /* unique: "package-0", "core-0", "dram-1", "disk-nvme0n1" */
        char source[16];              /* the meter's name: "powercap" */
        char path[160];               /* where it is read, for people: "sys/class/powercap/…" */
        enum jk_zone_kind kind;
        enum jk_provenance provenance;
        int parent;             /* index of the zone around it in the table, or -1 */
        int package;            /* physical package, or -1 */
        int die;                /* in the package; 0 where its dies are not read apart */
        bool filtered;          /* the processor adds noise to the counter (INTEL-SA-00389) */
        double uncertainty_pct; /* one standard deviation of its energy, in percent */
        uint64_t range_uj; /* the counter wraps after this; 0: it does not, or not in 64 bits */
        double idle_w;     /* known idle power (of a modelled zone), or NaN: it is learned */
        double limit_w;    /* power limit in force, or NaN */
        double max_w;      /* most that is plausible, or NaN: a delta above it is refused */
};

/* Indices are stable for the life of the table: a zone that vanishes keeps its place, and a zone
 * that comes later is appended. */
struct jk_zone_table {
        struct jk_zone zones[JK_ZONES_MAX];
        size_t count;
};

const char *jk_zone_kind_name(enum jk_zone_kind kind); /* "package" … "other" */
enum jk_zone_kind jk_zone_kind_find(const char *name); /* or JK_ZONE_KIND_INVALID */
const char *jk_provenance_name(enum jk_provenance provenance);

/* Index of the zone of that name, or -1. */
int jk_zone_find(const struct jk_zone_table *table, const char *name);

/* Whether both say the same. */
bool jk_zone_same(const struct jk_zone *a, const struct jk_zone *b);

/* Append a copy: its index, or -EEXIST (name taken), -ENOSPC (JK_ZONES_MAX reached). */
int jk_zone_add(struct jk_zone_table *table, const struct jk_zone *zone);

/* The zone of kind OTHER that is no rail but the rest: what the machine draws beyond all zones that
 * are measured inside of it, so that it overlaps none of them. */
#define JK_ZONE_REST_NAME "other"
bool jk_zone_is_rest(const struct jk_zone *zone);

/* Set every parent from kind and package: core and uncore lie in the package of the same number;
 * package and dram in psys, if there is one; everything that is inside the box in battery or wall.
 * GPUs and disks lie in wall and battery, but not in psys, and so does the rest. What another zone
 * of kind OTHER contains is not known (a board's rail may feed the package, or be fed beside it),
 * so it is never added to anything that may overlap it: it lies in battery, wall, psys or the first
 * package, whichever there is, else in the first zone of kind OTHER. */
void jk_zone_link(struct jk_zone_table *table);

/* Whether zone i counts towards the machine's total when only the zones with seen[] set were read:
 * it was seen, and nothing around it was, nor of a rail anything that may overlap it. */
bool jk_zone_counts(const struct jk_zone_table *table, const bool *seen, size_t i);
