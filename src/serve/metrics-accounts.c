/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics of accounts. What a vanished cgroup used is left to its parent in the books, where it
 * would look like a sudden use; so each cgroup shows its own energy only, and what vanished ones
 * and ended tasks used is a counter of its own. All of them only rise.
 */
#include <math.h>

#include "sample/sample.h"
#include "serve/metrics-rows.h"
#include "serve/metrics.h"

/* Idle energy belongs to the machine under most models: an account that has none has no series for
 * it, which halves the page. */
static void
account_joules(struct jk_exposition *out, const struct jk_entry *entry)
{
        const int64_t *idle = jk_entry_idle_uj(out->snapshot, entry);
        const int64_t *dynamic = jk_entry_dynamic_uj(out->snapshot, entry);
        const int64_t *inherited = jk_entry_inherited_uj(out->snapshot, entry);

        for (size_t z = 0; z < out->snapshot->n_zones; z++) {
                if (idle[z] > 0)
                        jk_sample_zone_joules(out, z, JK_MODE_IDLE, idle[z]);
                jk_sample_zone_joules(out, z, JK_MODE_DYNAMIC, dynamic[z] - inherited[z]);
        }
}

static void
account_watts(struct jk_exposition *out, const struct jk_entry *entry)
{
        if (isfinite(entry->watts))
                jk_sample_double(out, entry->watts);
}

static void
account_cpu_seconds(struct jk_exposition *out, const struct jk_entry *entry)
{
        jk_sample_seconds(out, (int64_t)entry->cpu_ns);
}

typedef void emit_account(struct jk_exposition *out, const struct jk_entry *entry);

/* ---- cgroups ---- */

static uint64_t
hash_labels(const struct jk_text *labels)
{
        uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

        for (size_t i = 0; i < labels->length; i++)
                hash = (hash ^ (unsigned char)labels->data[i]) * UINT64_C(0x100000001b3);

        return hash;
}

/* Names that differ only in bytes that are no UTF-8 look the same here, and Prometheus refuses a
 * page in which two series are the same: the second one is told apart by its id. */
static void
label_cgroup(struct jk_exposition *out, const struct jk_entry *entry)
{
        struct jk_map *shown = &out->request->scratch->shown_cgroups;
        uint64_t hash;

        jk_labels_clear(out);
        jk_label(out, "cgroup", jk_snapshot_string(out->snapshot, entry->name));

        hash = hash_labels(out->labels);
        if (jk_map_get(shown, hash, NULL))
                jk_label_u64(out, "cgroup_id", entry->cgroup_id);
        else if (jk_map_put(shown, hash, 0) < 0)
                out->text->failed = true;
}

static void
each_cgroup(struct jk_exposition *out, emit_account *emit)
{
        const struct jk_rank *rank = &out->request->scratch->cgroups;

        jk_map_clear(&out->request->scratch->shown_cgroups);
        for (size_t i = 0; i < rank->n; i++) {
                const struct jk_entry *entry =
                        &out->snapshot->entries[JK_DIMENSION_CGROUP][rank->items[i].index];

                label_cgroup(out, entry);
                emit(out, entry);
        }
}

void
jk_emit_cgroup_joules(struct jk_exposition *out)
{
        each_cgroup(out, account_joules);
}

void
jk_emit_cgroup_watts(struct jk_exposition *out)
{
        each_cgroup(out, account_watts);
}

static void
account_epc(struct jk_exposition *out, const struct jk_entry *entry)
{
        if (entry->epc_bytes > 0)
                jk_sample_u64(out, entry->epc_bytes);
}

void
jk_emit_cgroup_epc(struct jk_exposition *out)
{
        each_cgroup(out, account_epc);
}

/* ---- processes ---- */

/* Pid and start time make it unique; the command line is not shown, as it may hold secrets. */
static void
label_process(struct jk_exposition *out, const struct jk_entry *entry)
{
        jk_labels_clear(out);
        jk_label_u64(out, "pid", (uint64_t)entry->pid);
        jk_label_u64(out, "start_ns", entry->start_ns);
        jk_label(out, "comm", jk_snapshot_string(out->snapshot, entry->name));
        jk_label(out, "cgroup", jk_snapshot_string(out->snapshot, entry->cgroup));
}

/* Every family has the same labels, which are most of the text: they are made once, and copied from
 * where they stand. */
static void
each_process(struct jk_exposition *out, emit_account *emit)
{
        const struct jk_rank *rank = &out->request->scratch->processes;
        struct jk_labels_place *places = out->request->scratch->process_labels;

        for (size_t i = 0; i < rank->n; i++) {
                const struct jk_entry *entry =
                        &out->snapshot->entries[JK_DIMENSION_TASK][rank->items[i].index];

                if (places[i].length > 0)
                        jk_labels_again(out, places[i]);
                else
                        label_process(out, entry);
                emit(out, entry);
                places[i] = out->place;
        }
}

void
jk_emit_process_joules(struct jk_exposition *out)
{
        each_process(out, account_joules);
}

void
jk_emit_process_watts(struct jk_exposition *out)
{
        each_process(out, account_watts);
}

void
jk_emit_process_cpu_seconds(struct jk_exposition *out)
{
        each_process(out, account_cpu_seconds);
}

/* Only of those that hold one: a series for each process would tell nothing. */
static void
account_enclave(struct jk_exposition *out, const struct jk_entry *entry)
{
        if (entry->flags & JK_ENTRY_ENCLAVE)
                jk_sample_u64(out, 1);
}

void
jk_emit_process_enclave(struct jk_exposition *out)
{
        each_process(out, account_enclave);
}

/* ---- users ---- */

static void
each_user(struct jk_exposition *out, emit_account *emit)
{
        const struct jk_snapshot *snapshot = out->snapshot;

        for (size_t i = 0; i < snapshot->n_entries[JK_DIMENSION_USER]; i++) {
                const struct jk_entry *entry = &snapshot->entries[JK_DIMENSION_USER][i];

                jk_labels_clear(out);
                if (entry->uid == JK_UID_UNKNOWN)
                        jk_label(out, "uid", "unknown");
                else
                        jk_label_u64(out, "uid", entry->uid);
                jk_label(out, "user", jk_snapshot_string(snapshot, entry->name));
                emit(out, entry);
        }
}

void
jk_emit_user_joules(struct jk_exposition *out)
{
        each_user(out, account_joules);
}

void
jk_emit_user_watts(struct jk_exposition *out)
{
        each_user(out, account_watts);
}

void
jk_emit_user_cpu_seconds(struct jk_exposition *out)
{
        each_user(out, account_cpu_seconds);
}

/* ---- what is no longer listed ---- */

/* Not shown as a process: the sum of those that ended, and what a cgroup's processes used that came
 * and went unseen. They have ended too. */
static bool
is_no_process(const struct jk_entry *entry)
{
        return entry->flags & (JK_ENTRY_REST | JK_ENTRY_UNSEEN);
}

static int64_t
ended_tasks_uj(const struct jk_snapshot *snapshot, size_t zone)
{
        int64_t sum = 0;

        for (size_t i = 0; i < snapshot->n_entries[JK_DIMENSION_TASK]; i++) {
                const struct jk_entry *entry = &snapshot->entries[JK_DIMENSION_TASK][i];

                if (is_no_process(entry))
                        sum += jk_entry_idle_uj(snapshot, entry)[zone] +
                               jk_entry_dynamic_uj(snapshot, entry)[zone];
        }

        return sum;
}

static int64_t
vanished_cgroups_uj(const struct jk_snapshot *snapshot, size_t zone)
{
        int64_t sum = 0;

        for (size_t i = 0; i < snapshot->n_entries[JK_DIMENSION_CGROUP]; i++)
                sum += jk_entry_inherited_uj(snapshot,
                                             &snapshot->entries[JK_DIMENSION_CGROUP][i])[zone];

        return sum;
}

void
jk_emit_ended_joules(struct jk_exposition *out)
{
        const struct {
                enum jk_dimension dimension;
                int64_t (*sum)(const struct jk_snapshot *snapshot, size_t zone);
        } rows[] = {
                { JK_DIMENSION_TASK, ended_tasks_uj },
                { JK_DIMENSION_CGROUP, vanished_cgroups_uj },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                jk_labels_clear(out);
                jk_label(out, "dimension", jk_dimension_name(rows[i].dimension));
                for (size_t z = 0; z < out->snapshot->n_zones; z++)
                        jk_sample_zone_joules(out, z, JK_MODE_NONE, rows[i].sum(out->snapshot, z));
        }
}

/* ---- how many ---- */

void
jk_emit_accounts(struct jk_exposition *out)
{
        for (int d = 0; d < JK_DIMENSION_MACHINE; d++) {
                jk_labels_clear(out);
                jk_label(out, "dimension", jk_dimension_name((enum jk_dimension)d));
                jk_sample_u64(out, out->snapshot->n_entries[d]);
        }
}

static size_t
count_no_processes(const struct jk_snapshot *snapshot)
{
        size_t n = 0;

        for (size_t i = 0; i < snapshot->n_entries[JK_DIMENSION_TASK]; i++)
                n += is_no_process(&snapshot->entries[JK_DIMENSION_TASK][i]);

        return n;
}

void
jk_emit_accounts_left_out(struct jk_exposition *out)
{
        const struct jk_serve_scratch *scratch = out->request->scratch;

        jk_labels_clear(out);
        jk_label(out, "dimension", "task");
        jk_sample_u64(out, out->snapshot->n_entries[JK_DIMENSION_TASK] -
                                   count_no_processes(out->snapshot) - scratch->processes.n);
        jk_labels_clear(out);
        jk_label(out, "dimension", "cgroup");
        jk_sample_u64(out, out->snapshot->n_entries[JK_DIMENSION_CGROUP] - scratch->cgroups.n);
}
