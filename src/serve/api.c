/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/v1/status, /zones and /balance: the snapshot in JSON. Energies are whole microjoules, powers
 * watts; what was not seen is null.
 */
#include "serve/api.h"

#include <math.h>

#include "base/array.h"
#include "sample/sample.h"

bool
jk_api_begin(const struct jk_request *request, struct jk_reply *reply, struct jk_json *ret_json)
{
        struct jk_query_error error;

        if (jk_query_parse(request->query, NULL, 0, NULL, &error) < 0) {
                jk_problem_query(reply, &error);
                return false;
        }

        *ret_json = jk_api_open(request, reply);
        return true;
}

void
jk_api_envelope(struct jk_json *json, const struct jk_snapshot *snapshot)
{
        jk_json_open_object(json, NULL);
        jk_json_u64(json, "sequence", snapshot->sequence);
        jk_json_i64(json, "time_ns", snapshot->time.realtime_ns);
        jk_json_i64(json, "monotonic_ns", snapshot->time.monotonic_ns);
        jk_json_i64(json, "elapsed_ns", snapshot->elapsed_ns);
}

struct jk_json
jk_api_open(const struct jk_request *request, struct jk_reply *reply)
{
        struct jk_json json = { .text = reply->body };

        reply->type = "application/json";
        jk_api_envelope(&json, request->snapshot);
        return json;
}

void
jk_api_close(struct jk_json *json)
{
        jk_json_close_object(json);
        jk_text_char(json->text, '\n');
}

/* ---- zones ---- */

static void
write_flags(struct jk_json *json, uint32_t flags)
{
        static const struct {
                uint32_t flag;
                const char *name;
        } rows[] = {
                { JK_READING_SEEN, "seen" },       { JK_READING_WRAPPED, "wrapped" },
                { JK_READING_REBASED, "rebased" }, { JK_READING_REFUSED, "refused" },
                { JK_READING_FROZEN, "frozen" },
        };

        jk_json_open_array(json, "flags");
        for (size_t i = 0; i < JK_COUNT(rows); i++)
                if (flags & rows[i].flag)
                        jk_json_string(json, NULL, rows[i].name);
        jk_json_close_array(json);
}

static void
write_zone_identity(struct jk_json *json, const struct jk_snapshot *snapshot,
                    const struct jk_zone *zone)
{
        jk_json_string(json, "zone", zone->name);
        jk_json_string(json, "kind", jk_zone_kind_name(zone->kind));
        if (zone->parent >= 0 && (size_t)zone->parent < snapshot->n_zones)
                jk_json_string(json, "parent", snapshot->zones[zone->parent].zone.name);
        else
                jk_json_null(json, "parent");
        if (zone->package >= 0)
                jk_json_i64(json, "package", zone->package);
        else
                jk_json_null(json, "package");
        jk_json_string(json, "source", zone->source);
        jk_json_string(json, "path", zone->path);
        jk_json_string(json, "provenance", jk_provenance_name(zone->provenance));
        jk_json_bool(json, "filtered", zone->filtered);
        jk_json_double(json, "uncertainty_pct", zone->uncertainty_pct);
}

void
jk_api_zone(struct jk_json *json, const struct jk_snapshot *snapshot,
            const struct jk_zone_entry *entry)
{
        jk_json_open_object(json, NULL);
        write_zone_identity(json, snapshot, &entry->zone);
        jk_json_double(json, "share_uncertainty_pct", entry->uncertainty_pct);
        jk_json_double(json, "watts", entry->seen ? entry->watts : NAN);
        jk_json_i64(json, "measured_uj", entry->measured_uj);
        jk_json_double(json, "idle_watts", entry->idle.power_w);
        jk_json_double(json, "idle_error_watts", entry->idle.error_w);
        jk_json_double(json, "expected_watts", entry->expected.power_w);
        jk_json_double(json, "expected_error_pct", entry->expected.error_pct);
        jk_json_double(json, "limit_watts", entry->zone.limit_w);
        jk_json_double(json, "max_watts", entry->zone.max_w);
        if (entry->zone.range_uj > 0)
                jk_json_u64(json, "range_uj", entry->zone.range_uj);
        else
                jk_json_null(json, "range_uj");
        jk_json_bool(json, "seen", entry->seen);
        jk_json_bool(json, "counted", entry->counted);
        write_flags(json, entry->flags);
        jk_json_u64(json, "refused", entry->refused);
        jk_json_u64(json, "gaps", entry->gaps);
        jk_json_close_object(json);
}

void
jk_render_zones(const struct jk_request *request, struct jk_reply *reply)
{
        const struct jk_snapshot *snapshot = request->snapshot;
        struct jk_json json;

        if (!jk_api_begin(request, reply, &json))
                return;

        jk_json_open_array(&json, "zones");
        for (size_t i = 0; i < snapshot->n_zones; i++)
                jk_api_zone(&json, snapshot, &snapshot->zones[i]);
        jk_json_close_array(&json);
        jk_api_close(&json);
}

/* ---- balance ---- */

static bool
is_balanced(const struct jk_zone_entry *zone)
{
        for (int d = 0; d < JK_DIMENSION_MACHINE; d++)
                if (zone->booked_uj[d] != zone->measured_uj)
                        return false;

        return true;
}

static void
write_balance(struct jk_json *json, const struct jk_zone_entry *zone)
{
        jk_json_open_object(json, NULL);
        jk_json_string(json, "zone", zone->zone.name);
        jk_json_string(json, "provenance", jk_provenance_name(zone->zone.provenance));
        jk_json_i64(json, "measured_uj", zone->measured_uj);
        jk_json_open_object(json, "booked_uj");
        for (int d = 0; d < JK_DIMENSION_MACHINE; d++)
                jk_json_i64(json, jk_dimension_name((enum jk_dimension)d), zone->booked_uj[d]);
        jk_json_close_object(json);
        jk_json_bool(json, "balanced", is_balanced(zone));
        jk_json_close_object(json);
}

void
jk_render_balance(const struct jk_request *request, struct jk_reply *reply)
{
        const struct jk_snapshot *snapshot = request->snapshot;
        struct jk_json json;
        bool balanced = true;

        if (!jk_api_begin(request, reply, &json))
                return;

        jk_json_open_array(&json, "zones");
        for (size_t i = 0; i < snapshot->n_zones; i++) {
                write_balance(&json, &snapshot->zones[i]);
                balanced = balanced && is_balanced(&snapshot->zones[i]);
        }
        jk_json_close_array(&json);
        jk_json_bool(&json, "balanced", balanced);
        jk_api_close(&json);
}

/* ---- status ---- */

static void
write_meters(struct jk_json *json, const struct jk_status *status)
{
        jk_json_open_array(json, "meters");
        for (size_t i = 0; i < status->n_meters; i++) {
                const struct jk_meter_report *meter = &status->meters[i];

                jk_json_open_object(json, NULL);
                jk_json_string(json, "name", meter->name);
                jk_json_string(json, "state", meter->state);
                jk_json_u64(json, "zones", meter->n_zones);
                jk_json_u64(json, "failures", meter->failures);
                jk_json_double(json, "offset_seconds", meter->offset_s);
                jk_json_double(json, "offset_error_seconds", meter->offset_error_s);
                jk_json_string(json, "message", meter->message);
                jk_json_close_object(json);
        }
        jk_json_close_array(json);
}

static void
write_activity(struct jk_json *json, const struct jk_status *status)
{
        jk_json_open_object(json, "activity");
        jk_json_string(json, "source", status->activity ? status->activity : "none");
        jk_json_string(json, "detail", status->activity_detail);
        jk_json_string(json, "missing", status->activity_missing);
        jk_json_close_object(json);
}

static void
write_ticks(struct jk_json *json, const struct jk_status *status)
{
        jk_json_open_object(json, "ticks");
        jk_json_u64(json, "total", status->ticks);
        jk_json_u64(json, "late", status->late_ticks);
        jk_json_u64(json, "missed", status->missed_ticks);
        jk_json_u64(json, "lost_events", status->lost_events);
        jk_json_i64(json, "collect_ns", status->collect_ns);
        jk_json_i64(json, "attribute_ns", status->attribute_ns);
        jk_json_i64(json, "publish_ns", status->publish_ns);
        jk_json_close_object(json);
}

static void
write_machine(struct jk_json *json, const struct jk_snapshot *snapshot)
{
        jk_json_open_object(json, "machine");
        jk_json_double(json, "watts", snapshot->machine_w);
        jk_json_i64(json, "measured_uj", snapshot->machine_uj);
        jk_json_string(json, "provenance", jk_provenance_name(snapshot->machine_provenance));
        jk_json_close_object(json);
}

static void
write_listed(struct jk_json *json, const struct jk_snapshot *snapshot)
{
        jk_json_open_object(json, "accounts");
        for (int d = 0; d < JK_DIMENSION_MAX; d++)
                jk_json_u64(json, jk_dimension_name((enum jk_dimension)d), snapshot->n_entries[d]);
        jk_json_close_object(json);
}

void
jk_render_status(const struct jk_request *request, struct jk_reply *reply)
{
        const struct jk_snapshot *snapshot = request->snapshot;
        const struct jk_status *status = &snapshot->status;
        struct jk_json json;

        if (!jk_api_begin(request, reply, &json))
                return;

        jk_json_string(&json, "version", JK_VERSION);
        write_machine(&json, snapshot);
        jk_json_string(&json, "model", status->model);
        write_activity(&json, status);
        jk_json_string(&json, "cgroups", status->cgroups);
        write_meters(&json, status);
        jk_json_i64(&json, "interval_ns", status->interval_ns);
        jk_json_i64(&json, "started_ns", status->started_realtime_ns);
        write_ticks(&json, status);
        write_listed(&json, snapshot);
        jk_json_open_object(&json, "self");
        jk_json_seconds(&json, "cpu_seconds", status->self_cpu_ns);
        jk_json_u64(&json, "resident_bytes", status->self_resident_bytes);
        jk_json_close_object(&json);
        jk_api_close(&json);
}
