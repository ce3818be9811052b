/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of metrics and what each row emits: see metrics.h. Rules that hold for all: a counter
 * only rises; no two samples of a family have the same labels, whatever names others give to their
 * cgroups; what was not seen is left out, and is never 0.
 */
#include "serve/metrics.h"

#include <math.h>

#include "base/array.h"
#include "serve/metrics-rows.h"

/* ---- the machine ---- */

static void
machine_joules(struct jk_exposition *out)
{
        jk_sample_joules(out, out->snapshot->machine_uj);
}

static void
machine_watts(struct jk_exposition *out)
{
        if (isfinite(out->snapshot->machine_w))
                jk_sample_double(out, out->snapshot->machine_w);
}

static void
machine_account_joules(struct jk_exposition *out)
{
        const struct jk_snapshot *snapshot = out->snapshot;

        for (size_t i = 0; i < snapshot->n_entries[JK_DIMENSION_MACHINE]; i++) {
                const struct jk_entry *entry = &snapshot->entries[JK_DIMENSION_MACHINE][i];

                jk_labels_clear(out);
                jk_label(out, "account", jk_snapshot_string(snapshot, entry->name));
                for (size_t z = 0; z < snapshot->n_zones; z++)
                        jk_sample_zone_joules(out, z, JK_MODE_NONE,
                                              jk_entry_idle_uj(snapshot, entry)[z] +
                                                      jk_entry_dynamic_uj(snapshot, entry)[z]);
        }
}

static void
machine_account_watts(struct jk_exposition *out)
{
        const struct jk_snapshot *snapshot = out->snapshot;

        for (size_t i = 0; i < snapshot->n_entries[JK_DIMENSION_MACHINE]; i++) {
                const struct jk_entry *entry = &snapshot->entries[JK_DIMENSION_MACHINE][i];

                if (!isfinite(entry->watts))
                        continue;
                jk_labels_clear(out);
                jk_label(out, "account", jk_snapshot_string(snapshot, entry->name));
                jk_sample_double(out, entry->watts);
        }
}

/* ---- zones ---- */

static void
zone_label(struct jk_exposition *out, const struct jk_zone_entry *zone)
{
        jk_labels_clear(out);
        jk_label(out, "zone", zone->zone.name);
}

static void
zone_joules(struct jk_exposition *out)
{
        const struct jk_snapshot *snapshot = out->snapshot;

        for (size_t z = 0; z < snapshot->n_zones; z++) {
                zone_label(out, &snapshot->zones[z]);
                jk_label(out, "provenance", jk_provenance_name(snapshot->zones[z].zone.provenance));
                jk_sample_joules(out, snapshot->zones[z].measured_uj);
        }
}

static void
zone_info(struct jk_exposition *out)
{
        const struct jk_snapshot *snapshot = out->snapshot;

        for (size_t z = 0; z < snapshot->n_zones; z++) {
                const struct jk_zone *zone = &snapshot->zones[z].zone;
                bool inside = zone->parent >= 0 && (size_t)zone->parent < snapshot->n_zones;

                zone_label(out, &snapshot->zones[z]);
                jk_label(out, "kind", jk_zone_kind_name(zone->kind));
                jk_label(out, "parent", inside ? snapshot->zones[zone->parent].zone.name : "");
                jk_label(out, "source", zone->source);
                jk_label(out, "provenance", jk_provenance_name(zone->provenance));
                jk_sample_u64(out, 1);
        }
}

static double
watts_of(const struct jk_zone_entry *zone)
{
        return zone->seen ? zone->watts : NAN;
}

static double
idle_of(const struct jk_zone_entry *zone)
{
        return zone->idle.power_w;
}

static double
idle_error_of(const struct jk_zone_entry *zone)
{
        return isfinite(zone->idle.power_w) ? zone->idle.error_w : NAN;
}

static double
expected_of(const struct jk_zone_entry *zone)
{
        return zone->expected.power_w;
}

static double
expected_error_of(const struct jk_zone_entry *zone)
{
        return zone->expected.error_pct / 100;
}

static double
limit_of(const struct jk_zone_entry *zone)
{
        return zone->zone.limit_w;
}

static double
uncertainty_of(const struct jk_zone_entry *zone)
{
        return zone->zone.uncertainty_pct / 100;
}

static double
share_uncertainty_of(const struct jk_zone_entry *zone)
{
        return zone->uncertainty_pct / 100;
}

static void
zone_seen(struct jk_exposition *out)
{
        for (size_t z = 0; z < out->snapshot->n_zones; z++) {
                zone_label(out, &out->snapshot->zones[z]);
                jk_sample_u64(out, out->snapshot->zones[z].seen);
        }
}

static void
zone_counted(struct jk_exposition *out)
{
        for (size_t z = 0; z < out->snapshot->n_zones; z++) {
                zone_label(out, &out->snapshot->zones[z]);
                jk_sample_u64(out, out->snapshot->zones[z].counted);
        }
}

static void
zone_filtered(struct jk_exposition *out)
{
        for (size_t z = 0; z < out->snapshot->n_zones; z++) {
                zone_label(out, &out->snapshot->zones[z]);
                jk_sample_u64(out, out->snapshot->zones[z].zone.filtered);
        }
}

static void
zone_refused(struct jk_exposition *out)
{
        for (size_t z = 0; z < out->snapshot->n_zones; z++) {
                zone_label(out, &out->snapshot->zones[z]);
                jk_sample_u64(out, out->snapshot->zones[z].refused);
        }
}

static void
zone_gaps(struct jk_exposition *out)
{
        for (size_t z = 0; z < out->snapshot->n_zones; z++) {
                zone_label(out, &out->snapshot->zones[z]);
                jk_sample_u64(out, out->snapshot->zones[z].gaps);
        }
}

static void
zone_imbalance(struct jk_exposition *out)
{
        for (size_t z = 0; z < out->snapshot->n_zones; z++)
                for (int d = 0; d < JK_DIMENSION_MACHINE; d++) {
                        const struct jk_zone_entry *zone = &out->snapshot->zones[z];

                        zone_label(out, zone);
                        jk_label(out, "dimension", jk_dimension_name((enum jk_dimension)d));
                        jk_sample_joules(out, zone->measured_uj - zone->booked_uj[d]);
                }
}

/* ---- the table ---- */

/* In the order in which they are shown and documented. Names never change once released. */
const struct jk_metric jk_metrics[] = {
        { "joulekeeper_machine_joules", JK_METRIC_COUNTER, "joules", "",
          "Energy of the whole machine since the agent started, over disjoint zones.",
          machine_joules },
        { "joulekeeper_machine_watts", JK_METRIC_GAUGE, "watts", "",
          "Power of the whole machine in the last tick, over disjoint zones.", machine_watts },
        { "joulekeeper_machine_account_joules", JK_METRIC_COUNTER, "joules", "account, zone",
          "Energy that no process used: idle, kernel-irq, kernel-softirq, kernel-threads, "
          "unattributed.",
          machine_account_joules },
        { "joulekeeper_machine_account_watts", JK_METRIC_GAUGE, "watts", "account",
          "Power of the machine's own accounts in the last tick, over disjoint zones.",
          machine_account_watts },

        { "joulekeeper_zone_joules", JK_METRIC_COUNTER, "joules", "zone, provenance",
          "Energy of a zone since the agent started. Zones may lie inside each other.",
          zone_joules },
        { "joulekeeper_zone_watts", JK_METRIC_GAUGE, "watts", "zone",
          "Power of a zone over its last reading; absent where it was not read.",
          .of_zone = watts_of },
        { "joulekeeper_zone_idle_watts", JK_METRIC_GAUGE, "watts", "zone",
          "Power of a zone when nothing runs, as learned or known.", .of_zone = idle_of },
        { "joulekeeper_zone_idle_error_watts", JK_METRIC_GAUGE, "watts", "zone",
          "One standard deviation of the idle power.", .of_zone = idle_error_of },
        { "joulekeeper_zone_expected_watts", JK_METRIC_GAUGE, "watts", "zone",
          "Power that the model expected of the tick's activity, before it saw the meter.",
          .of_zone = expected_of },
        { "joulekeeper_zone_expected_error_ratio", JK_METRIC_GAUGE, "ratio", "zone",
          "Mean distance of late between expected and measured power, as a part of measured.",
          .of_zone = expected_error_of },
        { "joulekeeper_zone_limit_watts", JK_METRIC_GAUGE, "watts", "zone",
          "Power limit in force, where the zone has one.", .of_zone = limit_of },
        { "joulekeeper_zone_uncertainty_ratio", JK_METRIC_GAUGE, "ratio", "zone",
          "One standard deviation of a zone's energy.", .of_zone = uncertainty_of },
        { "joulekeeper_zone_share_uncertainty_ratio", JK_METRIC_GAUGE, "ratio", "zone",
          "One standard deviation of an account's share of a zone, the meter's error included.",
          .of_zone = share_uncertainty_of },
        { "joulekeeper_zone_seen", JK_METRIC_GAUGE, NULL, "zone",
          "1 if the zone was read in the last tick, else 0.", zone_seen },
        { "joulekeeper_zone_counted", JK_METRIC_GAUGE, NULL, "zone",
          "1 if the zone counts towards the machine's total: nothing around it was read.",
          zone_counted },
        { "joulekeeper_zone_filtered", JK_METRIC_GAUGE, NULL, "zone",
          "1 if the processor adds noise to the counter, as with SGX on: see docs/sensors.md.",
          zone_filtered },
        { "joulekeeper_zone_refused_readings", JK_METRIC_COUNTER, NULL, "zone",
          "Readings dropped as implausible.", zone_refused },
        { "joulekeeper_zone_gaps", JK_METRIC_COUNTER, NULL, "zone",
          "Readings that cover more than their tick; what is older went to unattributed.",
          zone_gaps },
        { "joulekeeper_zone_imbalance_joules", JK_METRIC_GAUGE, "joules", "zone, dimension",
          "Measured less booked energy along a dimension. Anything but 0 is a bug.",
          zone_imbalance },
        { "joulekeeper_zone", JK_METRIC_INFO, NULL, "zone, kind, parent, source, provenance",
          "What a zone is, the zone around it, and which meter reads it.", zone_info },

        { "joulekeeper_cgroup_joules", JK_METRIC_COUNTER, "joules", "cgroup, zone, mode",
          "Energy of a cgroup's own tasks, without what vanished cgroups below left to it.",
          jk_emit_cgroup_joules },
        { "joulekeeper_cgroup_watts", JK_METRIC_GAUGE, "watts", "cgroup",
          "Power of a cgroup's own tasks in the last tick, over disjoint zones.",
          jk_emit_cgroup_watts },
        { "joulekeeper_cgroup_sgx_epc_bytes", JK_METRIC_GAUGE, "bytes", "cgroup",
          "Enclave memory of a cgroup and those below it; absent where there is none, or it is not "
          "counted.",
          jk_emit_cgroup_epc },
        { "joulekeeper_process_joules", JK_METRIC_COUNTER, "joules",
          "pid, start_ns, comm, cgroup, zone, mode", "Energy of a process since it was first seen.",
          jk_emit_process_joules },
        { "joulekeeper_process_watts", JK_METRIC_GAUGE, "watts", "pid, start_ns, comm, cgroup",
          "Power of a process in the last tick, over disjoint zones.", jk_emit_process_watts },
        { "joulekeeper_process_cpu_seconds", JK_METRIC_COUNTER, "seconds",
          "pid, start_ns, comm, cgroup", "CPU time of a process since it was first seen.",
          jk_emit_process_cpu_seconds },
        { "joulekeeper_process_enclave", JK_METRIC_GAUGE, NULL, "pid, start_ns, comm, cgroup",
          "1 for a process that holds an SGX enclave; others have none.", jk_emit_process_enclave },
        { "joulekeeper_user_joules", JK_METRIC_COUNTER, "joules", "uid, user, zone, mode",
          "Energy of a user's tasks, the ended ones included.", jk_emit_user_joules },
        { "joulekeeper_user_watts", JK_METRIC_GAUGE, "watts", "uid, user",
          "Power of a user's tasks in the last tick, over disjoint zones.", jk_emit_user_watts },
        { "joulekeeper_user_cpu_seconds", JK_METRIC_COUNTER, "seconds", "uid, user",
          "CPU time of a user's tasks, the ended ones included.", jk_emit_user_cpu_seconds },
        { "joulekeeper_ended_joules", JK_METRIC_COUNTER, "joules", "dimension, zone",
          "Energy of ended tasks, and of vanished cgroups, that are no longer listed.",
          jk_emit_ended_joules },
        { "joulekeeper_accounts", JK_METRIC_GAUGE, NULL, "dimension",
          "Accounts that are open or ended lately.", jk_emit_accounts },
        { "joulekeeper_accounts_left_out", JK_METRIC_GAUGE, NULL, "dimension",
          "Accounts that the configured bounds keep out of this page.", jk_emit_accounts_left_out },

        { "joulekeeper_ticks", JK_METRIC_COUNTER, NULL, "", "Ticks since the agent started.",
          jk_emit_ticks },
        { "joulekeeper_late_ticks", JK_METRIC_COUNTER, NULL, "", "Ticks that began late.",
          jk_emit_late_ticks },
        { "joulekeeper_missed_ticks", JK_METRIC_COUNTER, NULL, "",
          "Ticks that did not take place; the next one covers their time.", jk_emit_missed_ticks },
        { "joulekeeper_lost_events", JK_METRIC_COUNTER, NULL, "",
          "Exits of tasks and the like that a full buffer cost.", jk_emit_lost_events },
        { "joulekeeper_tick_phase_cpu_seconds", JK_METRIC_GAUGE, "seconds", "phase",
          "CPU time of each phase of the last tick.", jk_emit_tick_phases },
        { "joulekeeper_tick_interval_seconds", JK_METRIC_GAUGE, "seconds", "",
          "Time from tick to tick, as configured.", jk_emit_interval },
        { "joulekeeper_last_tick_timestamp_seconds", JK_METRIC_GAUGE, "seconds", "",
          "When the last tick ended, since 1970.", jk_emit_last_tick },
        { "joulekeeper_start_timestamp_seconds", JK_METRIC_GAUGE, "seconds", "",
          "When the agent started, since 1970.", jk_emit_start },
        { "joulekeeper_self_cpu_seconds", JK_METRIC_COUNTER, "seconds", "",
          "CPU time of the agent itself, all threads.", jk_emit_self_cpu },
        { "joulekeeper_self_resident_bytes", JK_METRIC_GAUGE, "bytes", "",
          "Resident memory of the agent itself.", jk_emit_self_resident },
        { "joulekeeper_meter_working", JK_METRIC_GAUGE, NULL, "meter",
          "1 if the meter works, 0 if it fails; absent meters are left out.",
          jk_emit_meter_working },
        { "joulekeeper_meter_failures", JK_METRIC_COUNTER, NULL, "meter",
          "Readings of a meter that failed.", jk_emit_meter_failures },
        { "joulekeeper_meter_offset_seconds", JK_METRIC_GAUGE, "seconds", "meter",
          "How long after the fact the readings of a meter outside come, once that is known.",
          jk_emit_meter_offset },
        { "joulekeeper_http_request_duration_seconds", JK_METRIC_SUMMARY, "seconds", "path",
          "Time taken to answer requests, without sending.", jk_emit_http_durations,
          .always = true },
        { "joulekeeper_http_replies", JK_METRIC_COUNTER, NULL, "path, code",
          "Replies by the hundreds of their status.", jk_emit_http_replies, .always = true },
        { "joulekeeper_http_cut_connections", JK_METRIC_COUNTER, NULL, "",
          "Connections closed because the client was too slow.", jk_emit_http_cut, .always = true },
        { "joulekeeper_http_connections", JK_METRIC_GAUGE, NULL, "", "Connections open now.",
          jk_emit_http_connections, .always = true },
        { "joulekeeper_agent", JK_METRIC_INFO, NULL, "activity, model, cgroups",
          "How tasks are seen, how energy is divided, and by which cgroup hierarchy.",
          jk_emit_agent },
        { "joulekeeper_build", JK_METRIC_INFO, NULL, "version", "The program's version.",
          jk_emit_build, .always = true },
};

const size_t jk_metrics_count = JK_COUNT(jk_metrics);
