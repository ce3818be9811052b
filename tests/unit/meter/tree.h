/* SPDX-License-Identifier: Apache-2.0
 *
 * Powercap zones in a tree made by the test that reads it, and samples whose clock the test winds.
 */
#pragma once

#include "tests/unit/tree.h"

#include "sample/sample.h"

/* A powercap zone: its directory below sys/class/powercap, name, counter and range. */
static inline void
tree_zone(const struct tree *tree, const char *id, const char *name, uint64_t energy_uj,
          uint64_t range_uj)
{
        char path[256];

        snprintf(path, sizeof path, "sys/class/powercap/%s/name", id);
        tree_write(tree, path, "%s\n", name);
        snprintf(path, sizeof path, "sys/class/powercap/%s/energy_uj", id);
        tree_write(tree, path, "%llu\n", (unsigned long long)energy_uj);
        snprintf(path, sizeof path, "sys/class/powercap/%s/max_energy_range_uj", id);
        if (range_uj)
                tree_write(tree, path, "%llu\n", (unsigned long long)range_uj);
}

static inline void
tree_energy(const struct tree *tree, const char *id, uint64_t energy_uj)
{
        char path[256];

        snprintf(path, sizeof path, "sys/class/powercap/%s/energy_uj", id);
        tree_write(tree, path, "%llu\n", (unsigned long long)energy_uj);
}

/* The next tick, awake_ns later by the monotonic clock and asleep_ns more by the boottime clock. */
static inline void
tick(struct jk_sample *sample, int64_t awake_ns, int64_t asleep_ns)
{
        struct jk_instant now = sample->time;

        if (now.monotonic_ns == 0)
                now.monotonic_ns = now.boottime_ns = now.realtime_ns = 1000 * JK_NS_PER_S;
        now.monotonic_ns += awake_ns;
        now.boottime_ns += awake_ns + asleep_ns;
        now.realtime_ns += awake_ns + asleep_ns;
        jk_sample_begin(sample, &now);
}
