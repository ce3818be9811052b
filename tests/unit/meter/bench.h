/* SPDX-License-Identifier: Apache-2.0
 *
 * A meter that is opened on a tree and read tick by tick, as the set does.
 */
#pragma once

#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "meter/meter.h"
#include "tests/unit/meter/tree.h"

/* One of the machines in tests/fixtures, only to be read. */
static inline void
tree_fixture(struct tree *tree, const char *name)
{
        char path[512];
        struct jk_error err;

        snprintf(path, sizeof path, "%s/tests/fixtures/%s", getenv("JK_SOURCE_ROOT"), name);
        if (jk_root_open(path, &tree->root, &err) < 0)
                fail_msg("%s", err.message);
}

/* A file that nobody can read, not even root: a directory answers EISDIR to every read. */
static inline void
tree_write_unreadable(const struct tree *tree, const char *path)
{
        char below[512];

        snprintf(below, sizeof below, "%s/x", path);
        tree_write(tree, below, "x");
}

struct bench {
        const struct jk_meter_ops *ops;
        struct jk_meter *meter;
        struct jk_meter_zone *zones;
        size_t n_zones;
        struct jk_sample sample;
        struct jk_instant now;
        struct jk_error err;
};

/* What opening it returned; with every zone in use. */
static inline int
bench_open(struct bench *bench, const struct tree *tree, const struct jk_meter_ops *ops)
{
        struct jk_meter_env env = { .root = &tree->root, .interval_ns = JK_NS_PER_S };
        int r;

        *bench = (struct bench){ .ops = ops, .now = { 1, 1, 1 } };
        r = ops->open(&env, &bench->meter, &bench->err);
        if (r < 0)
                return r;

        bench->n_zones = ops->zones(bench->meter, &bench->zones);
        for (size_t i = 0; i < bench->n_zones; i++)
                bench->zones[i].index = (int)i;
        return 0;
}

static inline void
bench_begin(struct bench *bench, int64_t elapsed_ns)
{
        bench->now.monotonic_ns += elapsed_ns;
        bench->now.boottime_ns += elapsed_ns;
        bench->now.realtime_ns += elapsed_ns;
        jk_sample_begin(&bench->sample, &bench->now);
        bench->err.message[0] = '\0';
}

/* What reading it returned, a second later. */
static inline int
bench_tick(struct bench *bench)
{
        bench_begin(bench, JK_NS_PER_S);
        return bench->ops->read(bench->meter, &bench->sample, &bench->err);
}

static inline const struct jk_meter_zone *
bench_zone(const struct bench *bench, const char *name)
{
        for (size_t i = 0; i < bench->n_zones; i++)
                if (strcmp(bench->zones[i].zone.name, name) == 0)
                        return &bench->zones[i];

        return NULL;
}

static inline const struct jk_zone_reading *
bench_reading(const struct bench *bench, const char *name)
{
        const struct jk_meter_zone *zone = bench_zone(bench, name);

        if (!zone)
                fail_msg("there is no zone %s", name);
        return &bench->sample.readings[zone->index];
}

/* Energy of the last second in microjoules, or -1 if it was not seen. */
static inline int64_t
bench_uj(const struct bench *bench, const char *name)
{
        const struct jk_zone_reading *reading = bench_reading(bench, name);

        return reading->flags & JK_READING_SEEN ? reading->energy_uj : -1;
}

static inline void
bench_close(struct bench *bench)
{
        if (bench->meter)
                bench->ops->close(bench->meter);
        jk_sample_free(&bench->sample);
}
