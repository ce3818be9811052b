/* SPDX-License-Identifier: Apache-2.0
 *
 * What `top` and `ps` show: the accounts of one snapshot as rows, with what only two snapshots
 * tell (CPU in percent, average power where ticks were left out), filtered, sorted, or as the tree
 * of cgroups. The snapshot may come from this process's engine or from an agent: the view cannot
 * tell. Pure: no clock, no terminal.
 */
#pragma once

#include "base/map.h"
#include "base/text.h"
#include "ledger/snapshot.h"

enum jk_order {
        JK_ORDER_WATTS,
        JK_ORDER_ENERGY,
        JK_ORDER_CPU,
        JK_ORDER_NAME,
        JK_ORDER_PID,
        JK_ORDER_MAX,
        JK_ORDER_INVALID = -1,
};

const char *jk_order_name(enum jk_order order); /* "watts" */
enum jk_order jk_order_parse(const char *name); /* or JK_ORDER_INVALID */

struct jk_row {
        uint64_t key; /* stable from snapshot to snapshot */
        enum jk_dimension dimension;
        uint32_t flags;                   /* enum jk_entry_flags */
        const struct jk_entry *entry;     /* NULL: a cgroup without an account of its own */
        const char *name, *user, *cgroup; /* as others wrote them; "" if there is none */
        const char *path;                 /* in the tree: the whole path */
        double watts;
        double energy_uj;
        double cpu_pct;         /* of one CPU; NaN: not known, or not a thing that has CPU time */
        double uncertainty_pct; /* NaN: not known */
        enum jk_provenance provenance;
        /* in the tree only */
        unsigned int depth;
        bool parent, collapsed;
};

/* A zone as it is shown: watts averaged over the same span as those of the rows. */
struct jk_zone_view {
        const struct jk_zone_entry *entry;
        unsigned int depth; /* in the tree of zones */
        double watts;       /* NaN: not seen */
};

struct jk_view_options {
        enum jk_dimension dimension;
        enum jk_order order;
        bool reversed;
        bool tree;                      /* of cgroups; only with JK_DIMENSION_CGROUP */
        bool all;                       /* those that used nothing now, too */
        const char *filter;             /* substring of name, user, cgroup or pid; NULL: all */
        const struct jk_map *collapsed; /* keys of the tree's rows that are closed; NULL: none */
};

/* What an account had at the previous snapshot. */
struct jk_view_mark {
        uint64_t key;
        uint64_t cpu_ns;
        double energy_uj;
        double inherited_uj;
};

struct jk_view {
        struct jk_snapshot *snapshot; /* borrowed: the caller holds it while the view is in use */

        /* From jk_view_observe(): rows of all accounts, unsorted, by dimension. */
        struct jk_row *accounts[JK_DIMENSION_MAX];
        size_t n_accounts[JK_DIMENSION_MAX], accounts_capacity[JK_DIMENSION_MAX];
        struct jk_zone_view zones[JK_ZONES_MAX]; /* parents before their children */
        size_t n_zones;
        double machine_w;
        double machine_uncertainty_pct;  /* of its meters; NaN: not known */
        double machine_uj;               /* disjoint zones: what the rows of a dimension add to */
        double sums_w[JK_DIMENSION_MAX]; /* per dimension */
        double idle_w, kernel_w, unattributed_w; /* what the sum of MACHINE consists of */
        int64_t span_start_ns, span_end_ns;      /* monotonic: what the watts are an average of */

        /* From jk_view_arrange(): what to show, in order. */
        struct jk_row *rows;
        size_t n_rows, rows_capacity;
        double shown_w;
        size_t n_hidden; /* left out by the filter, or as they use nothing */

        /* private */
        bool counted[JK_ZONES_MAX];
        bool partial[JK_DIMENSION_MAX]; /* at the previous snapshot, accounts were left out */
        struct jk_map users;            /* uid -> index in accounts[USER] */
        struct jk_map previous;         /* key -> index in marks */
        struct jk_view_mark *marks;
        size_t n_marks, marks_capacity;
        uint64_t previous_sequence;
        int64_t previous_ns, started_ns;
        int64_t previous_measured_uj[JK_ZONES_MAX];
        size_t previous_zones;
        struct jk_text strings;
};

/* Zero-initialised is empty. */
void jk_view_free(struct jk_view *view);

/* Whether a snapshot shows another tick than the view does. */
bool jk_view_is_news(const struct jk_view *view, const struct jk_snapshot *snapshot);

/* Take over a snapshot; the one before it is the base of CPU percent. 0 or -ENOMEM. */
int jk_view_observe(struct jk_view *view, struct jk_snapshot *snapshot);

/* Choose and order rows. 0 or -ENOMEM. */
int jk_view_arrange(struct jk_view *view, const struct jk_view_options *options);

/* ---- shared by the files of the view ---- */

int jk_view_add_row(struct jk_view *view, const struct jk_row *row);
bool jk_row_matches(const struct jk_row *row, const char *filter);
void jk_rows_sort(struct jk_row *rows, size_t n, const struct jk_view_options *options);
int jk_rows_compare(const struct jk_row *a, const struct jk_row *b,
                    const struct jk_view_options *options);
int jk_view_arrange_tree(struct jk_view *view, const struct jk_view_options *options);
uint64_t jk_view_hash(uint64_t seed, const char *bytes, size_t length);
