/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshots made by hand, for tests of what shows them: zones, accounts of any name, energies that
 * balance. Zones come first, then accounts, then fake_balance().
 */
#pragma once

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "ledger/snapshot.h"
#include "sample/sample.h"

#define FAKE_TICK_NS JK_NS_PER_S

static inline uint32_t
fake_string(struct jk_snapshot *s, const char *string)
{
        size_t length = strlen(string) + 1;
        uint32_t offset = (uint32_t)s->strings_length;

        if (jk_array_grow(&s->strings, &s->strings_capacity, s->strings_length + length) < 0)
                abort();
        memcpy(s->strings + offset, string, length);
        s->strings_length += length;
        return offset;
}

/* A blank one of the shelf, with a status as after 7 ticks. */
static inline struct jk_snapshot *
fake_begin(struct jk_shelf *shelf)
{
        struct jk_snapshot *s = jk_shelf_blank(shelf);

        if (!s)
                abort();
        fake_string(s, "");
        s->sequence = 7;
        s->time = jk_now();
        s->elapsed_ns = FAKE_TICK_NS;
        s->task_fields = JK_TASK_CPU | JK_TASK_IO | JK_TASK_RESIDENT | JK_TASK_THREADS;
        s->machine_w = 42.5;
        s->machine_uj = 123456789;
        s->machine_provenance = JK_MEASURED;
        s->status = (struct jk_status){
                .model = "share",
                .activity = "bpf",
                .activity_detail = "a task iterator",
                .cgroups = "v2",
                .meters = { { .name = "powercap",
                              .state = "working",
                              .n_zones = 2,
                              .offset_s = NAN },
                            { .name = "battery",
                              .state = "absent",
                              .message = "none <here>",
                              .offset_s = NAN },
                            { .name = "hwmon",
                              .state = "failed",
                              .failures = 3,
                              .offset_s = NAN } },
                .n_meters = 3,
                .interval_ns = FAKE_TICK_NS,
                .started_realtime_ns = 1700000000123456789,
                .ticks = 8,
                .late_ticks = 1,
                .collect_ns = 1234567,
                .self_cpu_ns = 5000000001,
                .self_resident_bytes = 9 << 20,
        };
        return s;
}

static inline struct jk_zone_entry *
fake_zone(struct jk_snapshot *s, const char *name, int parent)
{
        struct jk_zone_entry *zone;

        if (jk_array_grow(&s->zones, &s->zones_capacity, s->n_zones + 1) < 0)
                abort();
        zone = &s->zones[s->n_zones++];
        *zone = (struct jk_zone_entry){
                .zone = { .source = "powercap",
                          .path = "sys/class/powercap",
                          .kind = JK_ZONE_PACKAGE,
                          .provenance = JK_MEASURED,
                          .parent = parent,
                          .package = 0,
                          .uncertainty_pct = 2.5,
                          .range_uj = 262143328850,
                          .idle_w = NAN,
                          .limit_w = NAN,
                          .max_w = NAN },
                .seen = true,
                .counted = parent < 0,
                .flags = JK_READING_SEEN,
                .watts = 20,
                .idle = { 8, 0.5 },
                .uncertainty_pct = 5,
        };
        snprintf(zone->zone.name, sizeof zone->zone.name, "%s", name);
        return zone;
}

/* An account with so many microjoules of dynamic energy in each zone (idle for machine:idle). The
 * pointer is valid until the next one. */
static inline struct jk_entry *
fake_entry(struct jk_snapshot *s, enum jk_dimension dimension, const char *name, int64_t energy_uj)
{
        size_t n = s->n_entries[dimension], row = s->energy_length;
        bool idle = dimension == JK_DIMENSION_MACHINE && strcmp(name, "idle") == 0;
        struct jk_entry *entry;

        if (jk_array_grow(&s->entries[dimension], &s->entries_capacity[dimension], n + 1) < 0 ||
            jk_array_grow(&s->energy, &s->energy_capacity, row + 3 * s->n_zones) < 0)
                abort();
        if (s->n_zones > 0)
                memset(s->energy + row, 0, 3 * s->n_zones * sizeof *s->energy);
        for (size_t z = 0; z < s->n_zones; z++)
                s->energy[row + (idle ? 0 : s->n_zones) + z] = energy_uj;
        s->energy_length += 3 * s->n_zones;

        entry = &s->entries[dimension][n];
        *entry = (struct jk_entry){
                .dimension = dimension,
                .name = fake_string(s, name),
                .watts = (double)energy_uj * 1e-6,
                .uncertainty_pct = 3.1,
                .energy = row,
        };
        s->n_entries[dimension]++;
        return entry;
}

static inline void
fake_inherit(struct jk_snapshot *s, const struct jk_entry *entry, int64_t inherited_uj)
{
        for (size_t z = 0; z < s->n_zones; z++) {
                s->energy[entry->energy + s->n_zones + z] += inherited_uj;
                s->energy[entry->energy + 2 * s->n_zones + z] += inherited_uj;
        }
}

static inline struct jk_entry *
fake_task(struct jk_snapshot *s, pid_t pid, const char *comm, const char *cgroup, int64_t energy_uj)
{
        uint32_t path = fake_string(s, cgroup);
        struct jk_entry *entry = fake_entry(s, JK_DIMENSION_TASK, comm, energy_uj);

        entry->pid = pid;
        entry->ppid = 1;
        entry->start_ns = (uint64_t)pid * 1000003;
        entry->uid = 1000;
        entry->cgroup = path;
        entry->cpu_ns = (uint64_t)energy_uj * 7;
        entry->resident_bytes = 4096 * (uint64_t)pid;
        entry->threads = 1;
        return entry;
}

/* What was measured is what is booked along each dimension. */
static inline void
fake_balance(struct jk_snapshot *s)
{
        for (size_t z = 0; z < s->n_zones; z++) {
                int64_t sums[JK_DIMENSION_MAX] = { 0 };

                for (int d = 0; d < JK_DIMENSION_MAX; d++)
                        for (size_t i = 0; i < s->n_entries[d]; i++) {
                                const struct jk_entry *entry = &s->entries[d][i];

                                sums[d] += jk_entry_idle_uj(s, entry)[z] +
                                           jk_entry_dynamic_uj(s, entry)[z];
                        }
                for (int d = 0; d < JK_DIMENSION_MACHINE; d++)
                        s->zones[z].booked_uj[d] = sums[d] + sums[JK_DIMENSION_MACHINE];
                s->zones[z].measured_uj = s->zones[z].booked_uj[JK_DIMENSION_TASK];
        }
}

static inline void
fake_machine_accounts(struct jk_snapshot *s)
{
        for (int i = 0; i < JK_MACHINE_ACCOUNT_MAX; i++)
                fake_entry(s, JK_DIMENSION_MACHINE,
                           jk_machine_account_name((enum jk_machine_account)i),
                           i == JK_MACHINE_IDLE ? 1000003 : i);
}

/* A machine of so many zones (the second inside the first) and tasks, in 100 cgroups, of one user,
 * whose books balance. */
static inline struct jk_snapshot *
fake_machine(struct jk_shelf *shelf, size_t n_zones, int n_tasks)
{
        struct jk_snapshot *s = fake_begin(shelf);
        int64_t sums[100] = { 0 }, sum = 0;

        for (size_t z = 0; z < n_zones; z++) {
                char name[16];

                snprintf(name, sizeof name, z == 1 ? "core-%zu" : "package-%zu", z == 1 ? 0 : z);
                fake_zone(s, name, z == 1 ? 0 : -1);
        }
        fake_machine_accounts(s);
        fake_task(s, 0, "ended", "", 77)->flags = JK_ENTRY_REST;
        sums[0] = sum = 77;
        for (int i = 0; i < n_tasks; i++) {
                char comm[32], cgroup[64];
                int64_t energy_uj = 1000 + (int64_t)i * 7919 % 100003;

                snprintf(comm, sizeof comm, "worker-%d", i);
                snprintf(cgroup, sizeof cgroup, "/system.slice/service-%d.service", i % 100);
                fake_task(s, 1000 + i, comm, cgroup, energy_uj);
                sums[i % 100] += energy_uj;
                sum += energy_uj;
        }
        for (int i = 0; i < 100; i++) {
                char cgroup[64];

                snprintf(cgroup, sizeof cgroup, "/system.slice/service-%d.service", i);
                fake_entry(s, JK_DIMENSION_CGROUP, cgroup, sums[i])->cgroup_id = (uint64_t)i + 1;
        }
        fake_entry(s, JK_DIMENSION_USER, "alice", sum)->uid = 1000;
        fake_balance(s);
        return s;
}
