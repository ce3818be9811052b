/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/v1/accounts: who used how much. Nothing is left out silently: what `top` cuts off is counted
 * and summed up, so that the sums over a reply and the machine's own accounts still equal the
 * meters.
 */
#include "serve/api-accounts.h"

#include <limits.h>
#include <string.h>

#include "base/array.h"
#include "base/root.h"
#include "sample/sample.h"
#include "serve/api.h"

/* The longest id is that of a cgroup. */
#define ID_SIZE (PATH_MAX + 32)

/* ---- the query ---- */

static int
set_dimension(const char *value, void *data)
{
        struct jk_accounts_query *query = data;

        query->dimension = jk_dimension_parse(value);
        return query->dimension == JK_DIMENSION_INVALID ? -EINVAL : 0;
}

static int
set_sort(const char *value, void *data)
{
        struct jk_accounts_query *query = data;

        query->sort = jk_sort_parse(value);
        return query->sort == JK_SORT_INVALID ? -EINVAL : 0;
}

static int
set_top(const char *value, void *data)
{
        struct jk_accounts_query *query = data;
        uint64_t top;

        if (strcmp(value, "all") == 0) {
                query->top = SIZE_MAX;
                return 0;
        }
        if (jk_parse_u64(value, &top) < 0)
                return -EINVAL;

        query->top = top;
        return 0;
}

static const char *const dimension_values[] = { "task", "cgroup", "user", "machine", NULL };

static const struct jk_parameter parameters[] = {
        { .name = "dimension", .values = dimension_values, .set = set_dimension },
        { .name = "sort", .values = jk_sort_names, .set = set_sort },
        { .name = "top", .range = "a whole number, or all", .set = set_top },
};

int
jk_accounts_query_parse(const char *query, struct jk_accounts_query *ret_query,
                        struct jk_query_error *ret_error)
{
        struct jk_accounts_query parsed = {
                .dimension = JK_DIMENSION_TASK,
                .sort = JK_SORT_WATTS,
                .top = SIZE_MAX,
        };
        int r = jk_query_parse(query, parameters, JK_COUNT(parameters), &parsed, ret_error);

        if (r < 0)
                return r;

        *ret_query = parsed;
        return 0;
}

/* ---- one account ---- */

static void
write_zone_pair(struct jk_json *json, const char *zone, int64_t idle_uj, int64_t dynamic_uj)
{
        jk_json_open_object_of(json, zone);
        jk_json_i64(json, "idle_uj", idle_uj);
        jk_json_i64(json, "dynamic_uj", dynamic_uj);
        jk_json_close_object(json);
}

static void
write_energy(struct jk_json *json, const struct jk_snapshot *snapshot, const struct jk_entry *entry)
{
        const int64_t *idle = jk_entry_idle_uj(snapshot, entry);
        const int64_t *dynamic = jk_entry_dynamic_uj(snapshot, entry);

        jk_json_open_object(json, "zones");
        for (size_t z = 0; z < snapshot->n_zones; z++)
                write_zone_pair(json, snapshot->zones[z].zone.name, idle[z], dynamic[z]);
        jk_json_close_object(json);
}

static void
write_text_or_null(struct jk_json *json, const char *key, bool there, const char *value)
{
        if (there)
                jk_json_string(json, key, value);
        else
                jk_json_null(json, key);
}

static void
write_u64_or_null(struct jk_json *json, const char *key, bool there, uint64_t value)
{
        if (there)
                jk_json_u64(json, key, value);
        else
                jk_json_null(json, key);
}

/* The sum of ended tasks is no process: it has no pid, no start and no cgroup. */
static void
write_task(struct jk_json *json, const struct jk_snapshot *snapshot, const struct jk_entry *entry)
{
        bool rest = entry->flags & JK_ENTRY_REST;
        bool process = !rest && !(entry->flags & JK_ENTRY_UNSEEN);

        write_u64_or_null(json, "pid", process, (uint64_t)entry->pid);
        write_u64_or_null(json, "ppid", process, (uint64_t)entry->ppid);
        write_u64_or_null(json, "start_ns", process, entry->start_ns);
        jk_json_string(json, "comm", jk_snapshot_string(snapshot, entry->name));
        write_u64_or_null(json, "uid", !rest && entry->uid != JK_UID_UNKNOWN, entry->uid);
        write_text_or_null(json, "cgroup", !rest,
                           rest ? "" : jk_snapshot_string(snapshot, entry->cgroup));
        jk_json_bool(json, "self", entry->flags & JK_ENTRY_SELF);
        jk_json_bool(json, "rest", rest);
        jk_json_bool(json, "unseen", entry->flags & JK_ENTRY_UNSEEN);
        jk_json_bool(json, "enclave", entry->flags & JK_ENTRY_ENCLAVE);
        write_u64_or_null(json, "resident_bytes",
                          process && snapshot->task_fields & JK_TASK_RESIDENT,
                          entry->resident_bytes);
        write_u64_or_null(json, "threads", process && snapshot->task_fields & JK_TASK_THREADS,
                          entry->threads);
}

static void
write_activity(struct jk_json *json, const struct jk_snapshot *snapshot,
               const struct jk_entry *entry)
{
        const struct {
                const char *key;
                uint32_t field;
                uint64_t value;
        } rows[] = {
                { "cycles", JK_TASK_CYCLES, entry->cycles },
                { "instructions", JK_TASK_INSTRUCTIONS, entry->instructions },
                { "llc_misses", JK_TASK_LLC_MISSES, entry->llc_misses },
                { "read_bytes", JK_TASK_IO, entry->read_bytes },
                { "write_bytes", JK_TASK_IO, entry->write_bytes },
                { "minor_faults", JK_TASK_FAULTS, entry->minor_faults },
                { "major_faults", JK_TASK_FAULTS, entry->major_faults },
        };

        jk_json_seconds(json, "cpu_seconds", (int64_t)entry->cpu_ns);
        for (size_t i = 0; i < JK_COUNT(rows); i++)
                write_u64_or_null(json, rows[i].key, snapshot->task_fields & rows[i].field,
                                  rows[i].value);
}

static bool
inherits(const struct jk_snapshot *snapshot, const struct jk_entry *entry)
{
        const int64_t *inherited = jk_entry_inherited_uj(snapshot, entry);

        for (size_t z = 0; z < snapshot->n_zones; z++)
                if (inherited[z] != 0)
                        return true;

        return false;
}

/* Of its energy, what vanished cgroups below it have left to it. */
static void
write_inherited(struct jk_json *json, const struct jk_snapshot *snapshot,
                const struct jk_entry *entry)
{
        const int64_t *inherited = jk_entry_inherited_uj(snapshot, entry);

        if (!inherits(snapshot, entry))
                return;

        jk_json_open_object(json, "inherited");
        for (size_t z = 0; z < snapshot->n_zones; z++) {
                jk_json_open_object_of(json, snapshot->zones[z].zone.name);
                jk_json_i64(json, "uj", inherited[z]);
                jk_json_close_object(json);
        }
        jk_json_close_object(json);
}

/* Cgroups that differ only in bytes that JSON cannot hold are different accounts. */
static void
write_id(struct jk_json *json, const struct jk_snapshot *snapshot, const struct jk_entry *entry)
{
        jk_autotext struct jk_text escaped = { 0 };
        char id[ID_SIZE];

        jk_entry_id(snapshot, entry, id, sizeof id);
        jk_text_escaped(&escaped, id);
        jk_json_string(json, "id", escaped.data ? escaped.data : "");
}

void
jk_api_account(struct jk_json *json, const struct jk_snapshot *snapshot,
               const struct jk_entry *entry)
{
        jk_json_open_object(json, NULL);
        write_id(json, snapshot, entry);
        jk_json_string(json, "dimension", jk_dimension_name(entry->dimension));
        jk_json_string(json, "name", jk_snapshot_string(snapshot, entry->name));
        if (entry->dimension == JK_DIMENSION_TASK)
                write_task(json, snapshot, entry);
        if (entry->dimension == JK_DIMENSION_CGROUP)
                jk_json_u64(json, "cgroup_id", entry->cgroup_id);
        if (entry->epc_bytes > 0)
                jk_json_u64(json, "sgx_epc_bytes", entry->epc_bytes);
        if (entry->dimension == JK_DIMENSION_USER)
                write_u64_or_null(json, "uid", entry->uid != JK_UID_UNKNOWN, entry->uid);
        write_energy(json, snapshot, entry);
        write_inherited(json, snapshot, entry);
        jk_json_double(json, "watts", entry->watts);
        jk_json_string(json, "provenance", jk_provenance_name(entry->provenance));
        jk_json_double(json, "uncertainty_pct", entry->uncertainty_pct);
        jk_json_bool(json, "ended", entry->flags & JK_ENTRY_ENDED);
        if (entry->dimension != JK_DIMENSION_MACHINE)
                write_activity(json, snapshot, entry);
        jk_json_close_object(json);
}

/* ---- the list ---- */

/* How many accounts `top` cut off, and their energy: all accounts less those that are listed. */
static void
write_left_out(struct jk_json *json, const struct jk_snapshot *snapshot,
               enum jk_dimension dimension, const struct jk_rank *listed)
{
        const struct jk_entry *entries = snapshot->entries[dimension];
        size_t n = snapshot->n_entries[dimension];

        jk_json_open_object(json, "left_out");
        jk_json_u64(json, "count", n - listed->n);
        jk_json_open_object(json, "zones");
        for (size_t z = 0; z < snapshot->n_zones; z++) {
                int64_t idle = 0, dynamic = 0;

                for (size_t i = 0; i < n; i++) {
                        idle += jk_entry_idle_uj(snapshot, &entries[i])[z];
                        dynamic += jk_entry_dynamic_uj(snapshot, &entries[i])[z];
                }
                for (size_t i = 0; i < listed->n; i++) {
                        const struct jk_entry *entry = &entries[listed->items[i].index];

                        idle -= jk_entry_idle_uj(snapshot, entry)[z];
                        dynamic -= jk_entry_dynamic_uj(snapshot, entry)[z];
                }
                write_zone_pair(json, snapshot->zones[z].zone.name, idle, dynamic);
        }
        jk_json_close_object(json);
        jk_json_close_object(json);
}

void
jk_render_accounts(const struct jk_request *request, struct jk_reply *reply)
{
        const struct jk_snapshot *snapshot = request->snapshot;
        struct jk_rank *rank = &request->scratch->processes;
        struct jk_accounts_query query;
        struct jk_query_error error;
        struct jk_json json;

        if (jk_accounts_query_parse(request->query, &query, &error) < 0) {
                jk_problem_query(reply, &error);
                return;
        }
        if (jk_rank_sorted(rank, snapshot, query.dimension, query.sort, query.top) < 0) {
                reply->body->failed = true;
                return;
        }

        json = jk_api_open(request, reply);
        jk_json_open_array(&json, "accounts");
        for (size_t i = 0; i < rank->n; i++)
                jk_api_account(&json, snapshot,
                               &snapshot->entries[query.dimension][rank->items[i].index]);
        jk_json_close_array(&json);
        write_left_out(&json, snapshot, query.dimension, rank);
        jk_api_close(&json);
}
