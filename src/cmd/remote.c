/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshots of a running agent: see remote.h. The agent may be of another version, or not an agent
 * at all: nothing is taken for granted but that JSON is JSON.
 */
#include "cmd/remote.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "activity/activity.h"
#include "base/array.h"

#define TRIES_MAX   4               /* to get all replies out of one tick */
#define INTEGER_MAX (INT64_MAX / 2) /* until the year 2116 in ns, 4.6 TJ in uJ */

static void
free_json(json_t **json)
{
        json_decref(*json);
}

#define auto_json __attribute__((cleanup(free_json)))

/* ---- values ---- */

static double
real_of(const json_t *object, const char *key)
{
        const json_t *value = json_object_get(object, key);

        return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Times are exact integers or seconds with a fraction; a negative number is no number here. */
static uint64_t
count_of(const json_t *object, const char *key)
{
        const json_t *value = json_object_get(object, key);

        if (json_is_integer(value) && json_integer_value(value) > 0)
                return (uint64_t)json_integer_value(value);
        return 0;
}

/* Bounded so that the difference of any two is a number: views subtract times and energies. */
static int64_t
integer_of(const json_t *object, const char *key, int64_t otherwise)
{
        const json_t *value = json_object_get(object, key);
        int64_t number = json_is_integer(value) ? json_integer_value(value) : otherwise;

        return number > INTEGER_MAX ? INTEGER_MAX : number < -INTEGER_MAX ? -INTEGER_MAX : number;
}

static const char *
string_of(const json_t *object, const char *key)
{
        const char *value = json_string_value(json_object_get(object, key));

        return value ? value : "";
}

static bool
is_set(const json_t *object, const char *key)
{
        return json_is_true(json_object_get(object, key));
}

static enum jk_provenance
provenance_of(const json_t *object)
{
        const char *name = string_of(object, "provenance");

        for (int i = 0; i < JK_PROVENANCE_MAX; i++)
                if (strcmp(name, jk_provenance_name((enum jk_provenance)i)) == 0)
                        return (enum jk_provenance)i;

        return JK_MODELLED; /* of what is not known, believe the least */
}

/* ---- replies ---- */

static int
parse_reply(const struct jk_text *reply, const char *what, json_t **ret_json, struct jk_error *err)
{
        json_error_t error;
        json_t *json = json_loadb(reply->data ? reply->data : "", reply->length, 0, &error);

        if (!json)
                return jk_fail(err, EPROTO, "its reply for %s is no JSON: %s", what, error.text);
        if (!json_is_object(json)) {
                json_decref(json);
                return jk_fail(err, EPROTO, "its reply for %s is no object", what);
        }

        *ret_json = json;
        return 0;
}

/* ---- status ---- */

static const char *
static_name(const char *name)
{
        for (size_t i = 0; jk_collector_list[i]; i++)
                if (strcmp(jk_collector_list[i]->name, name) == 0)
                        return jk_collector_list[i]->name;

        return strcmp(name, "none") == 0 ? "none" : "unknown";
}

static int
read_status(struct jk_snapshot *snapshot, const json_t *json, struct jk_error *err)
{
        const json_t *machine = json_object_get(json, "machine");
        const json_t *activity = json_object_get(json, "activity");
        struct jk_status *status = &snapshot->status;

        if (!json_is_object(machine) || !json_is_integer(json_object_get(json, "sequence")))
                return jk_fail(err, EPROTO,
                               "its status has no machine; is it joulekeeper that listens there?");

        memset(status, 0, sizeof *status);
        snprintf(status->model, sizeof status->model, "%s", string_of(json, "model"));
        status->activity = static_name(string_of(activity, "source"));
        snprintf(status->activity_detail, sizeof status->activity_detail, "%s",
                 string_of(activity, "detail"));
        snprintf(status->activity_missing, sizeof status->activity_missing, "%s",
                 string_of(activity, "missing"));
        status->interval_ns = integer_of(json, "interval_ns", JK_NS_PER_S);
        status->started_realtime_ns = integer_of(json, "started_ns", 0);

        snapshot->sequence = count_of(json, "sequence");
        snapshot->elapsed_ns = integer_of(json, "elapsed_ns", 0);
        snapshot->time.realtime_ns = integer_of(json, "time_ns", 0);
        snapshot->time.monotonic_ns = integer_of(json, "monotonic_ns", snapshot->time.realtime_ns);
        snapshot->machine_w = real_of(machine, "watts");
        snapshot->machine_uj = integer_of(machine, "measured_uj", 0);
        snapshot->machine_provenance = provenance_of(machine);
        if (!isfinite(snapshot->machine_w))
                snapshot->machine_w = 0;
        return 0;
}

/* ---- zones ---- */

static void
read_zone(const json_t *json, struct jk_zone_entry *entry)
{
        *entry = (struct jk_zone_entry){
                .zone = { .provenance = provenance_of(json),
                          .parent = -1,
                          .package = (int)integer_of(json, "package", -1),
                          .filtered = is_set(json, "filtered"),
                          .uncertainty_pct = real_of(json, "uncertainty_pct"),
                          .range_uj = count_of(json, "range_uj"),
                          .idle_w = NAN,
                          .limit_w = real_of(json, "limit_watts"),
                          .max_w = real_of(json, "max_watts") },
                .seen = is_set(json, "seen"),
                .counted = is_set(json, "counted"),
                .watts = real_of(json, "watts"),
                .measured_uj = integer_of(json, "measured_uj", 0),
                .idle = { .power_w = real_of(json, "idle_watts"),
                          .error_w = real_of(json, "idle_error_watts") },
                .expected = { .power_w = real_of(json, "expected_watts"),
                              .error_pct = real_of(json, "expected_error_pct") },
                .uncertainty_pct = real_of(json, "share_uncertainty_pct"),
                .refused = count_of(json, "refused"),
                .gaps = count_of(json, "gaps"),
        };
        snprintf(entry->zone.name, sizeof entry->zone.name, "%s", string_of(json, "zone"));
        snprintf(entry->zone.source, sizeof entry->zone.source, "%s", string_of(json, "source"));
        snprintf(entry->zone.path, sizeof entry->zone.path, "%s", string_of(json, "path"));
}

static int
index_of_zone(const struct jk_snapshot *snapshot, const char *name)
{
        for (size_t i = 0; *name && i < snapshot->n_zones; i++)
                if (strcmp(snapshot->zones[i].zone.name, name) == 0)
                        return (int)i;

        return -1;
}

static int
read_zones(struct jk_snapshot *snapshot, const json_t *json, struct jk_error *err)
{
        const json_t *zones = json_object_get(json, "zones");
        size_t n = json_array_size(zones);
        int r;

        if (!json_is_array(zones) || n > JK_ZONES_MAX)
                return jk_fail(err, EPROTO, "its zones are no list of at most %d", JK_ZONES_MAX);

        r = jk_array_grow(&snapshot->zones, &snapshot->zones_capacity, n);
        if (r < 0)
                return r;

        for (size_t i = 0; i < n; i++)
                read_zone(json_array_get(zones, i), &snapshot->zones[i]);
        snapshot->n_zones = n;
        for (size_t i = 0; i < n; i++)
                snapshot->zones[i].zone.parent =
                        index_of_zone(snapshot, string_of(json_array_get(zones, i), "parent"));
        return 0;
}

/* ---- accounts ---- */

static int
read_energy(struct jk_snapshot *snapshot, const json_t *json, uint32_t *ret_row)
{
        const json_t *zones = json_object_get(json, "zones");
        const json_t *inherited = json_object_get(json, "inherited");
        size_t n = snapshot->n_zones;
        int64_t *row;
        int r = jk_array_grow(&snapshot->energy, &snapshot->energy_capacity,
                              snapshot->energy_length + 3 * n);

        if (r < 0)
                return r;

        row = snapshot->energy + snapshot->energy_length;
        for (size_t z = 0; z < n; z++) {
                const char *name = snapshot->zones[z].zone.name;
                const json_t *pair = json_object_get(zones, name);

                row[z] = integer_of(pair, "idle_uj", 0);
                row[n + z] = integer_of(pair, "dynamic_uj", 0);
                row[2 * n + z] = integer_of(json_object_get(inherited, name), "uj", 0);
        }
        *ret_row = (uint32_t)snapshot->energy_length;
        snapshot->energy_length += 3 * n;
        return 0;
}

static uint32_t
flags_of(const json_t *json)
{
        return (is_set(json, "ended") ? JK_ENTRY_ENDED : 0) |
               (is_set(json, "self") ? JK_ENTRY_SELF : 0) |
               (is_set(json, "rest") ? JK_ENTRY_REST : 0) |
               (is_set(json, "unseen") ? JK_ENTRY_UNSEEN : 0) |
               (is_set(json, "enclave") ? JK_ENTRY_ENCLAVE : 0);
}

static int
read_account(struct jk_snapshot *snapshot, enum jk_dimension dimension, const json_t *json,
             struct jk_entry *entry)
{
        double cpu_s = real_of(json, "cpu_seconds");
        int r;

        *entry = (struct jk_entry){
                .dimension = dimension,
                .flags = flags_of(json),
                .pid = (pid_t)integer_of(json, "pid", 0),
                .ppid = (pid_t)integer_of(json, "ppid", 0),
                .start_ns = count_of(json, "start_ns"),
                .uid = (uid_t)integer_of(json, "uid", JK_UID_UNKNOWN),
                .cgroup_id = count_of(json, "cgroup_id"),
                .watts = real_of(json, "watts"),
                .uncertainty_pct = real_of(json, "uncertainty_pct"),
                .provenance = provenance_of(json),
                .cpu_ns = cpu_s > 0 && cpu_s < 9e9 ? (uint64_t)llround(cpu_s * 1e9) : 0,
                .cycles = count_of(json, "cycles"),
                .instructions = count_of(json, "instructions"),
                .llc_misses = count_of(json, "llc_misses"),
                .read_bytes = count_of(json, "read_bytes"),
                .write_bytes = count_of(json, "write_bytes"),
                .minor_faults = count_of(json, "minor_faults"),
                .major_faults = count_of(json, "major_faults"),
                .epc_bytes = count_of(json, "sgx_epc_bytes"),
                .resident_bytes = count_of(json, "resident_bytes"),
                .threads = (uint32_t)count_of(json, "threads"),
        };
        r = jk_snapshot_add_string(snapshot, string_of(json, "name"), &entry->name);
        if (r == 0)
                r = jk_snapshot_add_string(snapshot, string_of(json, "cgroup"), &entry->cgroup);
        if (r == 0)
                r = read_energy(snapshot, json, &entry->energy);
        return r;
}

/* What the listed accounts leave of the machine's power: the agent tells the energy of what it left
 * out, but not the power. */
static double
rest_of_watts(const struct jk_snapshot *snapshot, enum jk_dimension dimension, size_t n_listed)
{
        double left_w = snapshot->machine_w;

        for (size_t i = 0; i < n_listed; i++)
                if (isfinite(snapshot->entries[dimension][i].watts))
                        left_w -= snapshot->entries[dimension][i].watts;
        for (size_t i = 0; i < snapshot->n_entries[JK_DIMENSION_MACHINE]; i++)
                if (isfinite(snapshot->entries[JK_DIMENSION_MACHINE][i].watts))
                        left_w -= snapshot->entries[JK_DIMENSION_MACHINE][i].watts;

        return left_w > 0 ? left_w : 0;
}

static int
read_left_out(struct jk_snapshot *snapshot, enum jk_dimension dimension, const json_t *json,
              size_t n_listed, struct jk_entry *entry)
{
        char name[48];
        int r;

        *entry = (struct jk_entry){
                .dimension = dimension,
                .flags = JK_ENTRY_OTHERS,
                .uid = JK_UID_UNKNOWN,
                .watts = rest_of_watts(snapshot, dimension, n_listed),
                .uncertainty_pct = NAN,
                .provenance = snapshot->machine_provenance,
        };
        snprintf(name, sizeof name, "%llu others", (unsigned long long)count_of(json, "count"));
        r = jk_snapshot_add_string(snapshot, name, &entry->name);
        if (r == 0)
                r = jk_snapshot_add_string(snapshot, "", &entry->cgroup);
        if (r == 0)
                r = read_energy(snapshot, json, &entry->energy);
        return r;
}

static int
read_accounts(struct jk_snapshot *snapshot, enum jk_dimension dimension, const json_t *json,
              struct jk_error *err)
{
        const json_t *accounts = json_object_get(json, "accounts");
        const json_t *left_out = json_object_get(json, "left_out");
        size_t n = json_array_size(accounts);
        bool rest = count_of(left_out, "count") > 0;
        struct jk_entry *entries;
        int r;

        if (!json_is_array(accounts))
                return jk_fail(err, EPROTO, "its accounts are no list");

        r = jk_array_grow(&snapshot->entries[dimension], &snapshot->entries_capacity[dimension],
                          n + rest);
        entries = snapshot->entries[dimension];
        for (size_t i = 0; r == 0 && i < n; i++)
                r = read_account(snapshot, dimension, json_array_get(accounts, i), &entries[i]);
        if (r == 0 && rest)
                r = read_left_out(snapshot, dimension, left_out, n, &entries[n]);
        if (r == 0)
                snapshot->n_entries[dimension] = n + rest;
        return r;
}

/* ---- the whole ---- */

void
jk_remote_replies_free(struct jk_remote_replies *replies)
{
        jk_text_free(&replies->status);
        jk_text_free(&replies->zones);
        for (int i = 0; i < JK_DIMENSION_MAX; i++)
                jk_text_free(&replies->accounts[i]);
}

static int
parse_accounts(const struct jk_remote_replies *replies, enum jk_dimension dimension,
               struct jk_snapshot *snapshot, bool *same, struct jk_error *err)
{
        auto_json json_t *json = NULL;
        int r = parse_reply(&replies->accounts[dimension], "accounts", &json, err);

        if (r < 0)
                return r;

        *same &= count_of(json, "sequence") == snapshot->sequence;
        return read_accounts(snapshot, dimension, json, err);
}

int
jk_remote_parse(const struct jk_remote_replies *replies, struct jk_snapshot *snapshot,
                bool *ret_same, struct jk_error *err)
{
        auto_json json_t *status = NULL, *zones = NULL;
        bool same;
        int r = parse_reply(&replies->status, "status", &status, err);

        if (r == 0)
                r = parse_reply(&replies->zones, "zones", &zones, err);
        if (r == 0)
                r = read_status(snapshot, status, err);
        if (r == 0)
                r = read_zones(snapshot, zones, err);
        if (r < 0)
                return r;

        /* The machine's own first: what they leave is the others'. */
        same = count_of(zones, "sequence") == snapshot->sequence;
        for (int d = JK_DIMENSION_MAX - 1; r == 0 && d >= 0; d--)
                r = parse_accounts(replies, (enum jk_dimension)d, snapshot, &same, err);
        if (r == 0)
                *ret_same = same;
        return r;
}

static int
fetch(struct jk_client *client, const char *path, struct jk_text *reply, struct jk_error *err)
{
        jk_text_clear(reply);
        return jk_client_get(client, path, reply, err);
}

static int
fetch_accounts(struct jk_client *client, enum jk_dimension dimension, size_t wanted,
               struct jk_text *reply, struct jk_error *err)
{
        char path[96], top[24] = "all";

        if (wanted != SIZE_MAX)
                snprintf(top, sizeof top, "%zu", wanted);
        snprintf(path, sizeof path, "/api/v1/accounts?dimension=%s&sort=watts&top=%s",
                 jk_dimension_name(dimension), top);
        return fetch(client, path, reply, err);
}

static int
fetch_all(struct jk_client *client, const struct jk_remote_wanted *wanted,
          struct jk_remote_replies *replies, struct jk_error *err)
{
        int r = fetch(client, "/api/v1/status", &replies->status, err);

        if (r == 0)
                r = fetch(client, "/api/v1/zones", &replies->zones, err);
        for (int d = 0; r == 0 && d < JK_DIMENSION_MAX; d++)
                r = fetch_accounts(client, (enum jk_dimension)d, wanted->accounts[d],
                                   &replies->accounts[d], err);
        return r;
}

int
jk_remote_read(struct jk_client *client, const struct jk_remote_wanted *wanted,
               struct jk_remote_replies *replies, struct jk_shelf *shelf, struct jk_error *err)
{
        bool same = false;

        /* A tick may come between two replies; where ticks are faster than replies, take those. */
        for (int i = 0; i < TRIES_MAX && !same; i++) {
                struct jk_snapshot *snapshot;
                int r = fetch_all(client, wanted, replies, err);

                if (r < 0)
                        return r;

                snapshot = jk_shelf_blank(shelf);
                if (!snapshot)
                        return jk_fail(err, ENOMEM, "out of memory");

                r = jk_remote_parse(replies, snapshot, &same, err);
                if (r == 0 && (same || i + 1 == TRIES_MAX)) {
                        jk_shelf_publish(shelf, snapshot);
                        continue;
                }
                jk_shelf_discard(shelf, snapshot);
                if (r < 0) {
                        jk_error_prefix(err, "agent %s: ", jk_client_address(client));
                        return r;
                }
        }
        return 0;
}
