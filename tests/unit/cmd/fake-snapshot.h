/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshots made by hand: one zone that counts and one inside it, accounts as a test wants them.
 */
#pragma once

#include <math.h>
#include <string.h>

#include "base/array.h"
#include "ledger/snapshot.h"

#define FAKE_ZONES 2

static inline uint32_t
fake_string(struct jk_snapshot *snapshot, const char *string)
{
        size_t length = strlen(string) + 1;
        uint32_t offset = (uint32_t)snapshot->strings_length;

        if (jk_array_grow(&snapshot->strings, &snapshot->strings_capacity,
                          snapshot->strings_length + length) < 0)
                abort();
        memcpy(snapshot->strings + offset, string, length);
        snapshot->strings_length += length;
        return offset;
}

static inline struct jk_snapshot *
fake_snapshot(struct jk_shelf *shelf, uint64_t sequence)
{
        struct jk_snapshot *snapshot = jk_shelf_blank(shelf);

        if (!snapshot || jk_array_grow(&snapshot->zones, &snapshot->zones_capacity, FAKE_ZONES) < 0)
                abort();
        snapshot->sequence = sequence;
        snapshot->time.monotonic_ns = (int64_t)(sequence + 1) * JK_NS_PER_S;
        snapshot->elapsed_ns = JK_NS_PER_S;
        snapshot->n_zones = FAKE_ZONES;
        snapshot->machine_w = 0;
        for (int z = 0; z < FAKE_ZONES; z++) {
                snapshot->zones[z] = (struct jk_zone_entry){
                        .zone = { .name = "package-0",
                                  .parent = z - 1,
                                  .limit_w = NAN,
                                  .max_w = NAN },
                        .seen = true,
                        .counted = z == 0,
                };
                snapshot->zones[z].idle.power_w = NAN;
        }
        memcpy(snapshot->zones[1].zone.name, "core-0", sizeof "core-0");
        fake_string(snapshot, "");
        return snapshot;
}

/* Book dynamic energy to an account; the core zone gets half of it. The power is that of energy_uj
 * used in the tick of one second, of which tick_uj is this tick's. */
static inline struct jk_entry *
fake_account(struct jk_snapshot *snapshot, enum jk_dimension dimension, const char *name,
             int64_t energy_uj, int64_t tick_uj)
{
        struct jk_entry *entry;

        if (jk_array_grow(&snapshot->entries[dimension], &snapshot->entries_capacity[dimension],
                          snapshot->n_entries[dimension] + 1) < 0 ||
            jk_array_grow(&snapshot->energy, &snapshot->energy_capacity,
                          snapshot->energy_length + 3 * FAKE_ZONES) < 0)
                abort();

        entry = &snapshot->entries[dimension][snapshot->n_entries[dimension]++];
        *entry = (struct jk_entry){ .dimension = dimension,
                                    .name = fake_string(snapshot, name),
                                    .watts = (double)tick_uj / 1e6,
                                    .uncertainty_pct = 5,
                                    .energy = snapshot->energy_length };
        memset(snapshot->energy + entry->energy, 0, 3 * FAKE_ZONES * sizeof(int64_t));
        snapshot->energy[entry->energy + FAKE_ZONES] = energy_uj;
        snapshot->energy[entry->energy + FAKE_ZONES + 1] = energy_uj / 2;
        snapshot->energy_length += 3 * FAKE_ZONES;

        if (dimension == JK_DIMENSION_TASK || dimension == JK_DIMENSION_MACHINE) {
                snapshot->zones[0].measured_uj += energy_uj;
                snapshot->zones[1].measured_uj += energy_uj / 2;
                snapshot->machine_w += entry->watts;
        }
        return entry;
}

static inline struct jk_entry *
fake_task(struct jk_snapshot *snapshot, pid_t pid, const char *name, int64_t energy_uj,
          int64_t tick_uj)
{
        struct jk_entry *entry =
                fake_account(snapshot, JK_DIMENSION_TASK, name, energy_uj, tick_uj);

        entry->pid = pid;
        entry->start_ns = (uint64_t)pid * 1000;
        return entry;
}
