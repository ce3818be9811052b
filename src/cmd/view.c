/* SPDX-License-Identifier: Apache-2.0
 *
 * From snapshots to rows: see view.h. Which of them are shown, and in which order, is chosen in
 * view-order.c; the tree of cgroups is made in view-tree.c.
 */
#include "cmd/view.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* Many accounts in one: it has neither a CPU time nor a user of its own. */
#define JK_NOT_ONE (JK_ENTRY_REST | JK_ENTRY_OTHERS)

void
jk_view_free(struct jk_view *view)
{
        for (int i = 0; i < JK_DIMENSION_MAX; i++)
                free(view->accounts[i]);
        free(view->rows);
        free(view->marks);
        jk_text_free(&view->strings);
        jk_map_free(&view->users);
        jk_map_free(&view->previous);
        *view = (struct jk_view){ 0 };
}

/* FNV-1a, 64 bits. Two of 100,000 accounts share a key once in three billion snapshots, and the
 * worst of it is a wrong CPU percent. */
uint64_t
jk_view_hash(uint64_t seed, const char *bytes, size_t length)
{
        uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ seed;

        for (size_t i = 0; i < length; i++)
                /* The analyzer takes a struct's second byte for unset. */
                /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
                hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);

        return hash;
}

static uint64_t
key_of(const struct jk_snapshot *snapshot, const struct jk_entry *entry)
{
        const struct {
                uint64_t dimension, start_ns, id;
        } identity = {
                .dimension = (uint64_t)entry->dimension,
                .start_ns = entry->dimension == JK_DIMENSION_TASK ? entry->start_ns : 0,
                .id = entry->dimension == JK_DIMENSION_TASK   ? (uint64_t)entry->pid
                      : entry->dimension == JK_DIMENSION_USER ? (uint64_t)entry->uid
                                                              : entry->cgroup_id,
        };
        const char *name = jk_snapshot_string(snapshot, entry->name);
        uint64_t key = jk_view_hash(0, (const char *)&identity, sizeof identity);

        /* A task may change its name, and a rest or a cgroup read from an agent may have no id. */
        if (entry->dimension == JK_DIMENSION_TASK && !(entry->flags & JK_NOT_ONE))
                return key;
        return jk_view_hash(key, name, strlen(name));
}

/* ---- zones ---- */

/* Which zones add up to the machine's energy since the start: those that ever counted something and
 * lie in no zone that did. Unlike `counted`, this does not change with a reading that fails. */
static void
find_disjoint(struct jk_view *view)
{
        const struct jk_zone_entry *zones = view->snapshot->zones;
        size_t n = view->n_zones;

        for (size_t z = 0; z < n; z++) {
                bool inside = false;
                int around = zones[z].zone.parent;

                for (size_t steps = 0; around >= 0 && (size_t)around < n && steps < n; steps++) {
                        inside |= zones[around].measured_uj > 0;
                        around = zones[around].zone.parent;
                }
                view->counted[z] = zones[z].measured_uj > 0 && !inside;
        }
}

static void
list_zones_in(struct jk_view *view, int parent, unsigned int depth)
{
        const struct jk_snapshot *snapshot = view->snapshot;

        for (size_t z = 0; z < snapshot->n_zones && depth < 8; z++)
                if (snapshot->zones[z].zone.parent == parent && view->n_zones < JK_ZONES_MAX) {
                        view->zones[view->n_zones++] = (struct jk_zone_view){
                                .entry = &snapshot->zones[z],
                                .depth = depth,
                                .watts = snapshot->zones[z].seen ? snapshot->zones[z].watts : NAN,
                        };
                        list_zones_in(view, (int)z, depth + 1);
                }
}

/* Ticks lie between the two snapshots: show averages over all of them, not the last one's luck. */
static bool
spans_ticks(const struct jk_view *view)
{
        return view->previous_ns > 0 && view->snapshot->sequence > view->previous_sequence + 1 &&
               view->snapshot->time.monotonic_ns > view->previous_ns;
}

/* The meters' errors by what each counted, as if they had one cause: they do not cancel. */
static void
add_up_machine(struct jk_view *view)
{
        double error = 0;

        view->machine_uj = 0;
        for (size_t z = 0; z < view->n_zones; z++) {
                const struct jk_zone_entry *entry = &view->snapshot->zones[z];

                if (!view->counted[z])
                        continue;
                view->machine_uj += (double)entry->measured_uj;
                error += (double)entry->measured_uj * entry->zone.uncertainty_pct;
        }
        view->machine_uncertainty_pct = view->machine_uj > 0 ? error / view->machine_uj : NAN;
}

static void
observe_zones(struct jk_view *view)
{
        const struct jk_snapshot *snapshot = view->snapshot;
        double elapsed_s = (double)(snapshot->time.monotonic_ns - view->previous_ns) / 1e9;

        view->n_zones = snapshot->n_zones < JK_ZONES_MAX ? snapshot->n_zones : JK_ZONES_MAX;
        find_disjoint(view);
        add_up_machine(view);
        view->n_zones = 0;
        list_zones_in(view, -1, 0);
        view->machine_w = snapshot->machine_w;
        if (!spans_ticks(view))
                return;

        view->machine_w = 0;
        for (size_t i = 0; i < view->n_zones; i++) {
                size_t z = (size_t)(view->zones[i].entry - snapshot->zones);
                int64_t before_uj = z < view->previous_zones ? view->previous_measured_uj[z] : 0;
                double watts =
                        (double)(snapshot->zones[z].measured_uj - before_uj) / 1e6 / elapsed_s;

                if (view->zones[i].entry->seen)
                        view->zones[i].watts = watts;
                if (view->counted[z])
                        view->machine_w += watts;
        }
}

/* ---- accounts ---- */

static double
total_uj(const struct jk_view *view, const struct jk_entry *entry)
{
        const int64_t *idle = jk_entry_idle_uj(view->snapshot, entry);
        const int64_t *dynamic = jk_entry_dynamic_uj(view->snapshot, entry);
        double sum = 0;

        for (size_t z = 0; z < view->snapshot->n_zones && z < JK_ZONES_MAX; z++)
                if (view->counted[z])
                        sum += (double)idle[z] + (double)dynamic[z];

        return sum;
}

/* What vanished children left to a cgroup: its total, but not its doing. */
static double
inherited_uj(const struct jk_view *view, const struct jk_entry *entry)
{
        const int64_t *inherited = jk_entry_inherited_uj(view->snapshot, entry);
        double sum = 0;

        for (size_t z = 0; z < view->snapshot->n_zones && z < JK_ZONES_MAX; z++)
                if (view->counted[z])
                        sum += (double)inherited[z];

        return sum;
}

static const char *
user_of(const struct jk_view *view, const struct jk_entry *entry)
{
        uint32_t index;

        if (entry->dimension == JK_DIMENSION_USER)
                return jk_snapshot_string(view->snapshot, entry->name);
        if (entry->dimension != JK_DIMENSION_TASK || (entry->flags & JK_NOT_ONE) ||
            !jk_map_get(&view->users, entry->uid, &index))
                return "";

        return view->accounts[JK_DIMENSION_USER][index].name;
}

/* What changed since the previous snapshot. An account that was not there began in between, so all
 * that it has is new, unless it may have been among those that were left out. */
static void
observe_rates(const struct jk_view *view, struct jk_row *row)
{
        static const struct jk_view_mark nothing = { 0 };
        double elapsed_ns = (double)(view->snapshot->time.monotonic_ns - view->previous_ns);
        const struct jk_view_mark *mark = &nothing;
        double used_uj;
        uint32_t index;

        if (view->previous_ns == 0 || elapsed_ns <= 0 || row->flags & JK_ENTRY_OTHERS)
                return;
        if (jk_map_get(&view->previous, row->key, &index))
                mark = &view->marks[index];
        else if (view->partial[row->dimension])
                return;

        if (row->dimension != JK_DIMENSION_MACHINE && !(row->flags & JK_NOT_ONE))
                row->cpu_pct =
                        row->entry->cpu_ns >= mark->cpu_ns
                                ? 100 * (double)(row->entry->cpu_ns - mark->cpu_ns) / elapsed_ns
                                : 0;
        if (spans_ticks(view)) {
                used_uj = row->energy_uj - inherited_uj(view, row->entry) -
                          (mark->energy_uj - mark->inherited_uj);
                row->watts = fmax(used_uj, 0) * 1e3 / elapsed_ns;
        }
}

/* The rest takes over totals of tasks that ended long ago, and the others change from snapshot to
 * snapshot: over a span, their power is what all else leaves of the machine's. */
static void
average_rest(struct jk_view *view, enum jk_dimension dimension)
{
        double left_w = view->machine_w - view->sums_w[JK_DIMENSION_MACHINE];
        struct jk_row *rest = NULL;

        for (size_t i = 0; i < view->n_accounts[dimension]; i++) {
                struct jk_row *row = &view->accounts[dimension][i];

                if (row->flags & JK_NOT_ONE) {
                        rest = row; /* the others come last, and the rest is one of them then */
                        row->watts = 0;
                } else {
                        left_w -= row->watts;
                }
        }
        if (!rest)
                return;

        rest->watts = fmax(left_w, 0);
        view->sums_w[dimension] = 0;
        for (size_t i = 0; i < view->n_accounts[dimension]; i++)
                view->sums_w[dimension] += view->accounts[dimension][i].watts;
}

static void
group_machine(struct jk_view *view)
{
        view->idle_w = view->kernel_w = view->unattributed_w = 0;
        for (size_t i = 0; i < view->n_accounts[JK_DIMENSION_MACHINE]; i++) {
                const struct jk_row *row = &view->accounts[JK_DIMENSION_MACHINE][i];

                if (strcmp(row->name, jk_machine_account_name(JK_MACHINE_IDLE)) == 0)
                        view->idle_w += row->watts;
                else if (strncmp(row->name, "kernel", 6) == 0)
                        view->kernel_w += row->watts;
                else
                        view->unattributed_w += row->watts;
        }
}

static int
observe_accounts(struct jk_view *view, enum jk_dimension dimension)
{
        const struct jk_snapshot *snapshot = view->snapshot;
        size_t n = snapshot->n_entries[dimension];
        int r = jk_array_grow(&view->accounts[dimension], &view->accounts_capacity[dimension], n);

        if (r < 0)
                return r;

        view->sums_w[dimension] = 0;
        for (size_t i = 0; i < n; i++) {
                const struct jk_entry *entry = &snapshot->entries[dimension][i];
                struct jk_row *row = &view->accounts[dimension][i];

                *row = (struct jk_row){
                        .key = key_of(snapshot, entry),
                        .dimension = dimension,
                        .flags = entry->flags,
                        .entry = entry,
                        .name = jk_snapshot_string(snapshot, entry->name),
                        .user = user_of(view, entry),
                        .cgroup = dimension == JK_DIMENSION_TASK
                                          ? jk_snapshot_string(snapshot, entry->cgroup)
                                          : "",
                        .path = "",
                        .watts = isfinite(entry->watts) ? entry->watts : 0,
                        .energy_uj = total_uj(view, entry),
                        .cpu_pct = NAN,
                        .uncertainty_pct = entry->uncertainty_pct,
                        .provenance = entry->provenance,
                };
                observe_rates(view, row);
                view->sums_w[dimension] += row->watts;
        }
        view->n_accounts[dimension] = n;
        return 0;
}

static int
index_users(struct jk_view *view)
{
        int r = 0;

        jk_map_clear(&view->users);
        for (size_t i = 0; r == 0 && i < view->n_accounts[JK_DIMENSION_USER]; i++)
                r = jk_map_put(&view->users, view->accounts[JK_DIMENSION_USER][i].entry->uid,
                               (uint32_t)i);
        return r;
}

/* Keep what the next snapshot will be compared with. */
static int
remember(struct jk_view *view)
{
        const struct jk_snapshot *snapshot = view->snapshot;
        size_t total = 0, n = 0;
        int r;

        for (int d = 0; d < JK_DIMENSION_MAX; d++) {
                total += view->n_accounts[d];
                view->partial[d] = false;
        }
        r = jk_array_grow(&view->marks, &view->marks_capacity, total);
        jk_map_clear(&view->previous);

        for (int d = 0; r == 0 && d < JK_DIMENSION_MAX; d++)
                for (size_t i = 0; r == 0 && i < view->n_accounts[d]; i++) {
                        const struct jk_row *row = &view->accounts[d][i];

                        view->partial[d] |= (row->flags & JK_ENTRY_OTHERS) != 0;
                        view->marks[n] = (struct jk_view_mark){ .key = row->key,
                                                                .cpu_ns = row->entry->cpu_ns,
                                                                .energy_uj = row->energy_uj,
                                                                .inherited_uj = inherited_uj(
                                                                        view, row->entry) };
                        r = jk_map_put(&view->previous, row->key, (uint32_t)n++);
                }
        if (r < 0)
                return r;

        view->previous_sequence = snapshot->sequence;
        view->previous_ns = snapshot->time.monotonic_ns;
        view->previous_zones = snapshot->n_zones < JK_ZONES_MAX ? snapshot->n_zones : JK_ZONES_MAX;
        for (size_t z = 0; z < view->previous_zones; z++)
                view->previous_measured_uj[z] = snapshot->zones[z].measured_uj;
        return 0;
}

/* The agent was started anew: its sums begin at zero, and nothing can be compared. */
static void
forget_if_restarted(struct jk_view *view)
{
        const struct jk_snapshot *snapshot = view->snapshot;

        if (snapshot->sequence >= view->previous_sequence &&
            snapshot->status.started_realtime_ns == view->started_ns)
                return;

        jk_map_clear(&view->previous);
        view->previous_ns = 0;
        view->started_ns = snapshot->status.started_realtime_ns;
}

bool
jk_view_is_news(const struct jk_view *view, const struct jk_snapshot *snapshot)
{
        return !view->snapshot || snapshot->sequence != view->previous_sequence ||
               snapshot->status.started_realtime_ns != view->started_ns;
}

int
jk_view_observe(struct jk_view *view, struct jk_snapshot *snapshot)
{
        /* Users first: tasks name theirs. */
        static const enum jk_dimension order[] = { JK_DIMENSION_USER, JK_DIMENSION_TASK,
                                                   JK_DIMENSION_CGROUP, JK_DIMENSION_MACHINE };
        int r = 0;

        view->snapshot = snapshot;
        view->n_rows = 0;
        forget_if_restarted(view);
        view->span_end_ns = snapshot->time.monotonic_ns;
        view->span_start_ns =
                spans_ticks(view) ? view->previous_ns : view->span_end_ns - snapshot->elapsed_ns;

        observe_zones(view);
        for (size_t i = 0; r == 0 && i < JK_COUNT(order); i++) {
                r = observe_accounts(view, order[i]);
                if (r == 0 && order[i] == JK_DIMENSION_USER)
                        r = index_users(view);
        }

        if (r < 0)
                return r;

        for (int d = 0; d < JK_DIMENSION_MACHINE && spans_ticks(view); d++)
                average_rest(view, (enum jk_dimension)d);
        group_machine(view);
        return remember(view);
}
