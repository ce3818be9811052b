/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of accounts: see rank.h.
 */
#include "serve/rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

const char *const jk_sort_names[] = {
        [JK_SORT_WATTS] = "watts",       [JK_SORT_ENERGY] = "energy",
        [JK_SORT_CPU] = "cpu",           [JK_SORT_NAME] = "name",
        [JK_SORT_PID] = "pid",           [JK_SORT_START] = "start",
        [JK_SORT_RESIDENT] = "resident", [JK_SORT_IO] = "io",
        [JK_SORT_THREADS] = "threads",   [JK_SORT_MAX] = NULL,
};

enum jk_sort
jk_sort_parse(const char *name)
{
        for (int i = 0; i < JK_SORT_MAX; i++)
                if (strcmp(name, jk_sort_names[i]) == 0)
                        return (enum jk_sort)i;

        return JK_SORT_INVALID;
}

void
jk_rank_free(struct jk_rank *rank)
{
        free(rank->items);
        *rank = (struct jk_rank){ 0 };
}

/* ---- keys ---- */

/* Whether no zone around this one was ever read: the sum over such zones counts nothing twice, and
 * unlike `counted` it does not change from tick to tick. */
static bool
is_disjoint(const struct jk_snapshot *snapshot, size_t zone)
{
        int up = snapshot->zones[zone].zone.parent;

        for (int depth = 0; up >= 0 && (size_t)up < snapshot->n_zones && depth < JK_ZONES_MAX;
             depth++) {
                if (snapshot->zones[up].measured_uj > 0)
                        return false;
                up = snapshot->zones[up].zone.parent;
        }

        return true;
}

int64_t
jk_entry_own_uj(const struct jk_snapshot *snapshot, const struct jk_entry *entry)
{
        const int64_t *idle = jk_entry_idle_uj(snapshot, entry);
        const int64_t *dynamic = jk_entry_dynamic_uj(snapshot, entry);
        const int64_t *inherited = jk_entry_inherited_uj(snapshot, entry);
        int64_t sum = 0;

        for (size_t z = 0; z < snapshot->n_zones; z++)
                if (is_disjoint(snapshot, z))
                        sum += idle[z] + dynamic[z] - inherited[z];

        return sum;
}

int64_t
jk_entry_total_uj(const struct jk_snapshot *snapshot, const struct jk_entry *entry)
{
        const int64_t *idle = jk_entry_idle_uj(snapshot, entry);
        const int64_t *dynamic = jk_entry_dynamic_uj(snapshot, entry);
        int64_t sum = 0;

        for (size_t z = 0; z < snapshot->n_zones; z++)
                if (is_disjoint(snapshot, z))
                        sum += idle[z] + dynamic[z];

        return sum;
}

static double
key_of(const struct jk_snapshot *snapshot, const struct jk_entry *entry, enum jk_sort sort)
{
        switch (sort) {
        case JK_SORT_WATTS:
                return isnan(entry->watts) ? -INFINITY : entry->watts;
        case JK_SORT_ENERGY:
                return (double)jk_entry_total_uj(snapshot, entry);
        case JK_SORT_CPU:
                return (double)entry->cpu_ns;
        case JK_SORT_PID:
                return -(double)entry->pid;
        case JK_SORT_START:
                return (double)entry->start_ns;
        case JK_SORT_RESIDENT:
                return (double)entry->resident_bytes;
        case JK_SORT_IO:
                return (double)entry->read_bytes + (double)entry->write_bytes;
        case JK_SORT_THREADS:
                return (double)entry->threads;
        default:
                return 0;
        }
}

/* ---- order ---- */

static int
compare_keys(const void *a, const void *b)
{
        const struct jk_rank_item *x = a, *y = b;

        if (x->key != y->key)
                return x->key > y->key ? -1 : 1;

        return x->index < y->index ? -1 : x->index > y->index;
}

struct naming {
        const struct jk_snapshot *snapshot;
        const struct jk_entry *entries;
};

static int
compare_names(const void *a, const void *b, void *data)
{
        const struct jk_rank_item *x = a, *y = b;
        const struct naming *naming = data;
        int order = strcmp(jk_snapshot_string(naming->snapshot, naming->entries[x->index].name),
                           jk_snapshot_string(naming->snapshot, naming->entries[y->index].name));

        return order != 0 ? order : compare_keys(a, b);
}

/* Restore the heap below item i: the last in order is at the top. */
static void
sift_down(struct jk_rank_item *heap, size_t n, size_t i)
{
        for (size_t child; (child = 2 * i + 1) < n; i = child) {
                struct jk_rank_item moved = heap[i];

                if (child + 1 < n && compare_keys(&heap[child], &heap[child + 1]) < 0)
                        child++;
                if (compare_keys(&moved, &heap[child]) >= 0)
                        return;
                heap[i] = heap[child];
                heap[child] = moved;
        }
}

/* Keep the first `top` items, in order. A heap of that size: n log(top), whatever the data. */
static void
keep_top(struct jk_rank *rank, size_t top)
{
        if (top < rank->n) {
                for (size_t i = top / 2; i-- > 0;)
                        sift_down(rank->items, top, i);
                for (size_t i = top; top > 0 && i < rank->n; i++) {
                        if (compare_keys(&rank->items[i], &rank->items[0]) >= 0)
                                continue;
                        rank->items[0] = rank->items[i];
                        sift_down(rank->items, top, 0);
                }
                rank->n = top;
        }

        if (rank->n > 0) /* qsort() takes no NULL, not even of nothing */
                qsort(rank->items, rank->n, sizeof *rank->items, compare_keys);
}

int
jk_rank_sorted(struct jk_rank *rank, const struct jk_snapshot *snapshot,
               enum jk_dimension dimension, enum jk_sort sort, size_t top)
{
        const struct jk_entry *entries = snapshot->entries[dimension];
        size_t n = snapshot->n_entries[dimension];
        int r = jk_array_grow(&rank->items, &rank->capacity, n);

        if (r < 0)
                return r;

        for (size_t i = 0; i < n; i++)
                rank->items[i] = (struct jk_rank_item){
                        .key = key_of(snapshot, &entries[i], sort),
                        .index = (uint32_t)i,
                };
        rank->n = n;

        if (sort != JK_SORT_NAME) {
                keep_top(rank, top);
                return 0;
        }

        if (n > 0)
                qsort_r(rank->items, n, sizeof *rank->items, compare_names,
                        &(struct naming){ snapshot, entries });
        rank->n = top < n ? top : n;
        return 0;
}

/* ---- what is shown as metrics ---- */

/* Fill with the living or the ended accounts. What is no account of its own is left out: the sum of
 * the rest, and the time of a cgroup's processes that nobody saw. */
static void
collect(struct jk_rank *rank, const struct jk_snapshot *snapshot, enum jk_dimension dimension,
        bool ended)
{
        const struct jk_entry *entries = snapshot->entries[dimension];

        rank->n = 0;
        for (size_t i = 0; i < snapshot->n_entries[dimension]; i++) {
                if (entries[i].flags & (JK_ENTRY_REST | JK_ENTRY_UNSEEN) ||
                    !!(entries[i].flags & JK_ENTRY_ENDED) != ended)
                        continue;
                rank->items[rank->n++] = (struct jk_rank_item){
                        .key = (double)jk_entry_own_uj(snapshot, &entries[i]),
                        .index = (uint32_t)i,
                };
        }
}

int
jk_rank_shown(struct jk_rank *rank, const struct jk_snapshot *snapshot, enum jk_dimension dimension,
              int64_t top)
{
        size_t n = snapshot->n_entries[dimension], limit = top < 0 ? n : (size_t)top;
        struct jk_rank ended;
        double least;
        int r = jk_array_grow(&rank->items, &rank->capacity, n);

        if (r < 0)
                return r;

        rank->n = 0;
        if (top == 0 || n == 0)
                return 0;

        collect(rank, snapshot, dimension, false);
        least = -INFINITY;
        if (limit <= rank->n) {
                keep_top(rank, limit);
                least = rank->n > 0 ? rank->items[rank->n - 1].key : least;
        }

        /* The ended ones go behind the living; both together are never more than n. */
        ended = (struct jk_rank){ .items = rank->items + rank->n };
        collect(&ended, snapshot, dimension, true);
        if (limit < ended.n)
                keep_top(&ended, limit);
        for (size_t i = 0; i < ended.n; i++)
                if (ended.items[i].key >= least)
                        rank->items[rank->n++] = ended.items[i];

        return 0;
}
