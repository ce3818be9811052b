/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding RAPL's zones in a powercap tree, each energy once. What is told apart here:
 *   - intel-rapl:1 may be package-0, and zones count in hexadecimal (intel-rapl:a): only the file
 *     `name` says what a zone is;
 *   - intel-rapl-mmio is a second way to the same registers: used only where the first lacks a
 * zone;
 *   - package-0-die-0 and package-0-die-1 may be one counter shown twice (AMD Zen 1 and 2), or two;
 *   - psys may exist once per package, and counts on one of them only;
 *   - AMD's `core` is the counter of one core, so it says nothing about the package's cores.
 */
#include "meter/powercap-scan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "meter/filtering.h"
#include "meter/powercap-list.h"
#include "meter/rapl.h"

/* package, short term, peak, and room */
#define CONSTRAINTS_MAX 6

static void
free_scan(struct jk_powercap_list *scan)
{
        for (size_t i = 0; i < scan->n; i++) {
                jk_cleanup_close(&scan->items[i].fd);
                jk_cleanup_close(&scan->items[i].mirror_fd);
        }
        free(scan->items);
}

/* ---- counters ---- */

static void
open_counter(struct jk_powercap_list *scan, struct jk_powercap_candidate *item)
{
        char path[160];
        uint64_t unused;
        int r;

        snprintf(path, sizeof path, "%s/energy_uj", item->path);
        item->fd = jk_root_open_file(scan->root, path);
        r = item->fd < 0 ? item->fd : jk_fd_read_u64(item->fd, &unused);
        if (r >= 0)
                return;

        item->dropped = true;
        scan->failed = r;
        if (r == -EACCES || r == -EPERM)
                jk_fail(scan->err, r,
                        "powercap: %s: permission denied; run as root or grant "
                        "CAP_DAC_READ_SEARCH",
                        path);
        else
                jk_fail(scan->err, r, "powercap: %s: cannot be read: %m", path);
}

static uint64_t
value_of(const struct jk_powercap_candidate *item)
{
        uint64_t value = 0;

        jk_fd_read_u64(item->fd, &value);
        return value;
}

/* Whether b shows the counter that a shows: a's value before and after encloses b's. */
static bool
is_mirror(const struct jk_powercap_candidate *a, const struct jk_powercap_candidate *b)
{
        uint64_t before = value_of(a), between = value_of(b), after = value_of(a);

        return before <= between && between <= after;
}

static void
drop_mirror(struct jk_powercap_list *scan, struct jk_powercap_candidate *kept,
            struct jk_powercap_candidate *mirror)
{
        kept->mirror_fd = jk_steal_fd(&mirror->fd);
        mirror->dropped = true;
        for (size_t i = 0; i < scan->n; i++)
                if (scan->items[i].top == (int)(mirror - scan->items))
                        scan->items[i].dropped = true;
}

static bool
is_package(const struct jk_powercap_candidate *item, int package)
{
        return !item->dropped && item->kind == JK_ZONE_PACKAGE && item->package == package;
}

/* Dies that mirror another are dropped; if that leaves one, it is the package. */
static void
merge_dies(struct jk_powercap_list *scan, struct jk_powercap_candidate *first)
{
        bool alone = true;

        for (size_t i = 0; i < scan->n; i++) {
                struct jk_powercap_candidate *other = &scan->items[i];

                if (other == first || other->mmio != first->mmio ||
                    !is_package(other, first->package))
                        continue;
                if (first->mirror_fd < 0 && is_mirror(first, other))
                        drop_mirror(scan, first, other);
                else if (first->mirror_fd >= 0 && is_mirror(first, other))
                        other->dropped = true;
                else
                        alone = false;
        }
        if (!alone)
                return;

        first->die = -1;
        for (size_t i = 0; i < scan->n; i++)
                if (scan->items[i].top == (int)(first - scan->items))
                        scan->items[i].die = -1;
}

static bool
is_same_energy(const struct jk_powercap_candidate *a, const struct jk_powercap_candidate *b)
{
        return a->kind == b->kind && a->package == b->package && a->die == b->die;
}

/* Of two that are the same, keep the one by MSR, else the first; of psys, one that counts. */
static bool
is_better(const struct jk_powercap_candidate *a, const struct jk_powercap_candidate *b)
{
        if (a->kind == JK_ZONE_PSYS && (value_of(a) > 0) != (value_of(b) > 0))
                return value_of(a) > 0;
        if (a->mmio != b->mmio)
                return !a->mmio;

        return a < b;
}

static void
drop_duplicates(struct jk_powercap_list *scan)
{
        for (size_t i = 0; i < scan->n; i++)
                for (size_t k = 0; k < scan->n && !scan->items[i].dropped; k++) {
                        struct jk_powercap_candidate *a = &scan->items[i], *b = &scan->items[k];

                        if (i != k && !b->dropped && is_same_energy(a, b) && is_better(a, b))
                                b->dropped = true;
                }
}

/* ---- limits ---- */

/* In watts; NaN if it is not stated. */
static double
read_watts(const struct jk_powercap_list *scan, const struct jk_powercap_candidate *item,
           int constraint, const char *what)
{
        char path[160];
        uint64_t value_uw;

        snprintf(path, sizeof path, "%s/constraint_%d_%s_uw", item->path, constraint, what);
        if (jk_root_read_u64(scan->root, path, &value_uw) < 0 || value_uw == 0)
                return NAN;

        return (double)value_uw / 1e6;
}

/* What is inside the package draws no more than it; memory stands beside it. */
static double
stated_power(const struct jk_powercap_list *scan, const struct jk_powercap_candidate *item)
{
        double stated_w = NAN;

        if (item->top >= 0 && item->kind != JK_ZONE_DRAM)
                item = &scan->items[item->top];
        for (int c = 0; c < CONSTRAINTS_MAX; c++) {
                stated_w = fmax(stated_w, read_watts(scan, item, c, "power_limit"));
                stated_w = fmax(stated_w, read_watts(scan, item, c, "max_power"));
        }

        return stated_w;
}

static double
limit_in_force(const struct jk_powercap_list *scan, const struct jk_powercap_candidate *item)
{
        char path[160];
        uint64_t enabled;

        snprintf(path, sizeof path, "%s/enabled", item->path);
        if (jk_root_read_u64(scan->root, path, &enabled) == 0 && !enabled)
                return NAN;

        return read_watts(scan, item, 0, "power_limit");
}

/* ---- the result ---- */

static void
complete_zone(const struct jk_powercap_list *scan, const struct jk_powercap_candidate *item,
              struct jk_zone *ret_zone)
{
        char path[160];
        uint64_t range_uj;

        jk_rapl_zone(ret_zone, "powercap", item->kind, item->package, item->die,
                     stated_power(scan, item));
        snprintf(ret_zone->path, sizeof ret_zone->path, "%s/energy_uj", item->path);
        ret_zone->limit_w = limit_in_force(scan, item);
        if (scan->filtered)
                jk_rapl_filter(ret_zone);

        /* Unreadable: the range is not known, and a counter that goes back is a new baseline. */
        snprintf(path, sizeof path, "%s/max_energy_range_uj", item->path);
        if (jk_root_read_u64(scan->root, path, &range_uj) == 0)
                ret_zone->range_uj = range_uj;
}

static int
hand_over(struct jk_powercap_list *scan, struct jk_powercap_zone **ret_zones, size_t *ret_n)
{
        struct jk_powercap_zone *zones = calloc(scan->n + 1, sizeof *zones);
        size_t n = 0;

        if (!zones)
                return jk_fail(scan->err, ENOMEM, "powercap: out of memory");

        for (size_t i = 0; i < scan->n; i++) {
                struct jk_powercap_candidate *item = &scan->items[i];

                if (item->dropped)
                        continue;
                complete_zone(scan, item, &zones[n].zone);
                zones[n].fd = jk_steal_fd(&item->fd);
                zones[n].twin_fd = jk_steal_fd(&item->mirror_fd);
                n++;
        }

        *ret_zones = zones;
        *ret_n = n;
        return 0;
}

/* Why there is nothing to read. */
static int
explain(const struct jk_powercap_list *scan, int listed)
{
        if (listed < 0 || scan->n_listed == 0)
                return jk_fail(scan->err, ENODEV,
                               "powercap: no RAPL zone in " JK_POWERCAP_DIR
                               "; the kernel module intel_rapl_msr makes them, on machines that "
                               "are not virtual");
        if (!jk_root_exists(scan->root, scan->items[0].path))
                return jk_fail(scan->err, ENOENT,
                               "powercap: %s leads nowhere: a container hides "
                               "sys/devices/virtual/powercap; run it privileged, or mount it",
                               scan->items[0].path);
        if (scan->failed)
                return scan->failed; /* with its message */

        return jk_fail(scan->err, ENODEV,
                       "powercap: the zones in " JK_POWERCAP_DIR " are none of RAPL's");
}

static bool
has_zones(const struct jk_powercap_list *scan)
{
        for (size_t i = 0; i < scan->n; i++)
                if (!scan->items[i].dropped)
                        return true;

        return false;
}

static void
find_counters(struct jk_powercap_list *scan)
{
        jk_powercap_name(scan);
        for (size_t i = 0; i < scan->n; i++)
                if (!scan->items[i].dropped)
                        open_counter(scan, &scan->items[i]);
        for (size_t i = 0; i < scan->n; i++)
                if (!scan->items[i].dropped && scan->items[i].kind == JK_ZONE_PACKAGE &&
                    scan->items[i].die >= 0)
                        merge_dies(scan, &scan->items[i]);
        drop_duplicates(scan);
}

int
jk_powercap_scan(const struct jk_root *root, struct jk_powercap_zone **ret_zones, size_t *ret_n,
                 struct jk_error *err)
{
        __attribute__((cleanup(free_scan))) struct jk_powercap_list scan = { .root = root,
                                                                             .err = err };
        int r;

        r = jk_powercap_list(&scan);
        if (r == -ENOMEM)
                return jk_fail(err, ENOMEM, "powercap: out of memory");

        scan.amd = jk_rapl_is_amd(root);
        scan.filtered = jk_filtering_is_on(jk_filtering_find(root));
        find_counters(&scan);
        return has_zones(&scan) ? hand_over(&scan, ret_zones, ret_n) : explain(&scan, r);
}

void
jk_powercap_free(struct jk_powercap_zone *zones, size_t n)
{
        for (size_t z = 0; z < n; z++) {
                jk_cleanup_close(&zones[z].fd);
                jk_cleanup_close(&zones[z].twin_fd);
        }
        free(zones);
}
