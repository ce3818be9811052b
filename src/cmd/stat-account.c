/* SPDX-License-Identifier: Apache-2.0
 *
 * The command's energy, found in the books: see stat.h.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/stat.h"

/* How much either end of a run may be off. Counters of energy are updated about once in a
 * millisecond, at a time of their own (RAPL's time unit is 1/1024 s); an estimate sees CPU time in
 * ticks of 10 ms. */
static const double period_s[JK_PROVENANCE_MAX] = {
        [JK_MEASURED] = 1e-3,
        [JK_MODELLED] = 10e-3,
};

static int64_t
machine_row(const struct jk_snapshot *snapshot, enum jk_machine_account account, size_t zone)
{
        const struct jk_entry *entry = &snapshot->entries[JK_DIMENSION_MACHINE][account];

        return jk_entry_idle_uj(snapshot, entry)[zone] + jk_entry_dynamic_uj(snapshot, entry)[zone];
}

/* CPU time of everything that runs: users' tasks and kernel threads. */
static uint64_t
busy_ns(const struct jk_snapshot *snapshot)
{
        uint64_t sum = snapshot->entries[JK_DIMENSION_MACHINE][JK_MACHINE_KERNEL_THREADS].cpu_ns;

        for (size_t i = 0; i < snapshot->n_entries[JK_DIMENSION_USER]; i++)
                sum += snapshot->entries[JK_DIMENSION_USER][i].cpu_ns;

        return sum;
}

void
jk_stat_base_take(const struct jk_snapshot *snapshot, struct jk_stat_base *ret_base)
{
        memset(ret_base, 0, sizeof *ret_base);
        ret_base->n_zones = snapshot->n_zones;
        ret_base->machine_uj = snapshot->machine_uj;
        ret_base->busy_ns = busy_ns(snapshot);
        for (size_t z = 0; z < snapshot->n_zones; z++) {
                ret_base->measured_uj[z] = snapshot->zones[z].measured_uj;
                ret_base->idle_uj[z] = machine_row(snapshot, JK_MACHINE_IDLE, z);
                ret_base->unattributed_uj[z] = machine_row(snapshot, JK_MACHINE_UNATTRIBUTED, z);
        }
}

static bool
is_below(const char *path, const char *cgroup)
{
        size_t length = strlen(cgroup);

        return strncmp(path, cgroup, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* What was booked to the cgroup and below, per zone, and its CPU time. */
static void
sum_cgroup(const struct jk_snapshot *snapshot, const char *cgroup, int64_t *energy_uj,
           uint64_t *ret_cpu_ns)
{
        *ret_cpu_ns = 0;
        for (size_t i = 0; i < snapshot->n_entries[JK_DIMENSION_CGROUP]; i++) {
                const struct jk_entry *entry = &snapshot->entries[JK_DIMENSION_CGROUP][i];

                if (!is_below(jk_snapshot_string(snapshot, entry->name), cgroup))
                        continue;
                *ret_cpu_ns += entry->cpu_ns;
                for (size_t z = 0; z < snapshot->n_zones; z++)
                        energy_uj[z] += jk_entry_idle_uj(snapshot, entry)[z] +
                                        jk_entry_dynamic_uj(snapshot, entry)[z];
        }
}

/* Without a cgroup: dynamic energy by CPU time over the whole run, which is what the processes that
 * were waited for used, short-lived ones included. */
static void
divide_by_cpu_time(const struct jk_stat_base *base, const struct jk_snapshot *snapshot,
                   int64_t cpu_ns, int64_t *energy_uj)
{
        double all_ns = (double)(busy_ns(snapshot) - base->busy_ns);
        double part = cpu_ns > 0 ? fmin((double)cpu_ns / fmax(all_ns, (double)cpu_ns), 1) : 0;

        for (size_t z = 0; z < snapshot->n_zones; z++) {
                int64_t measured = snapshot->zones[z].measured_uj - base->measured_uj[z];
                int64_t idle = machine_row(snapshot, JK_MACHINE_IDLE, z) - base->idle_uj[z];
                int64_t lost = machine_row(snapshot, JK_MACHINE_UNATTRIBUTED, z) -
                               base->unattributed_uj[z];

                energy_uj[z] = llround(part * (double)(measured - idle - lost));
        }
}

/* Whether the zone stands for itself in sums over the run. */
static bool
is_outermost(const struct jk_stat_base *base, const struct jk_snapshot *snapshot, size_t zone)
{
        int parent = snapshot->zones[zone].zone.parent;

        return parent < 0 || snapshot->zones[parent].measured_uj == base->measured_uj[parent];
}

static void
add_zone(const struct jk_stat_base *base, const struct jk_snapshot *snapshot, size_t z,
         int64_t energy_uj, struct jk_stat_result *result)
{
        const struct jk_zone_entry *entry = &snapshot->zones[z];
        struct jk_stat_zone *zone = &result->zones[z];
        double resolution_pct = 0;

        if (result->elapsed_s > 0)
                resolution_pct = 100 * period_s[entry->zone.provenance] / result->elapsed_s;

        memcpy(zone->name, entry->zone.name, sizeof zone->name);
        zone->provenance = entry->zone.provenance;
        zone->counted = is_outermost(base, snapshot, z);
        zone->command_j = (double)energy_uj / 1e6;
        zone->machine_j = (double)(entry->measured_uj - base->measured_uj[z]) / 1e6;
        zone->idle_j = (double)(machine_row(snapshot, JK_MACHINE_IDLE, z) - base->idle_uj[z]) / 1e6;
        zone->uncertainty_pct = zone->machine_j > 0
                                        ? fmin(hypot(entry->uncertainty_pct, resolution_pct), 100)
                                        : NAN; /* it was not seen at all */

        if (!zone->counted)
                return;
        result->command_j += zone->command_j;
        result->machine_j += zone->machine_j;
        result->idle_j += zone->idle_j;
        if (zone->command_j > 0)
                result->uncertainty_pct += zone->command_j * zone->uncertainty_pct;
}

int
jk_stat_account(const struct jk_stat_base *base, const struct jk_snapshot *snapshot,
                const char *cgroup, int64_t reaped_cpu_ns, int64_t elapsed_ns,
                struct jk_stat_result *ret_result)
{
        int64_t energy_uj[JK_ZONES_MAX] = { 0 };
        struct jk_stat_result result = { 0 };
        uint64_t cpu_ns = (uint64_t)reaped_cpu_ns;

        result.zones = calloc(snapshot->n_zones + 1, sizeof *result.zones);
        if (!result.zones)
                return -ENOMEM;

        if (cgroup[0])
                sum_cgroup(snapshot, cgroup, energy_uj, &cpu_ns);
        else
                divide_by_cpu_time(base, snapshot, reaped_cpu_ns, energy_uj);

        result.elapsed_s = (double)elapsed_ns / 1e9;
        result.cpu_s = (double)cpu_ns / 1e9;
        result.n_zones = snapshot->n_zones;
        for (size_t z = 0; z < snapshot->n_zones; z++)
                add_zone(base, snapshot, z, energy_uj[z], &result);
        result.uncertainty_pct =
                result.command_j > 0 ? result.uncertainty_pct / result.command_j : NAN;

        *ret_result = result;
        return 0;
}

const char *
jk_stat_own_cgroup(const struct jk_snapshot *snapshot)
{
        for (size_t i = 0; i < snapshot->n_entries[JK_DIMENSION_TASK]; i++) {
                const struct jk_entry *entry = &snapshot->entries[JK_DIMENSION_TASK][i];

                if (entry->flags & JK_ENTRY_SELF)
                        return jk_snapshot_string(snapshot, entry->cgroup);
        }

        return NULL;
}
