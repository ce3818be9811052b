/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of cgroups share: a tree that stands in for this machine's, the table of its
 * groups, and what was published of them.
 */
#pragma once

#include "tests/unit/test.h"

#include "tests/unit/tree.h"
#include "workload/cgroup.h"

#define V2 "30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define OTHERS                                                                                     \
        "22 28 0:21 / /proc rw,relatime - proc proc rw\n"                                          \
        "33 25 0:29 / /sys/fs/cgroup/memory rw shared:7 - cgroup cgroup rw,memory\n"               \
        "27 1 254:0 / / rw - ext4 /dev/vda rw\n"

static struct tree tree;
static struct jk_cgroups *cgroups;
static struct jk_sample sample;
static struct jk_error err;

static inline int
set_up(void **state)
{
        (void)state;
        tree_make(&tree);
        cgroups = NULL;
        jk_sample_init(&sample);
        return 0;
}

static inline int
tear_down(void **state)
{
        (void)state;
        jk_cgroups_close(cgroups);
        jk_sample_free(&sample);
        tree_destroy(&tree);
        return 0;
}

static inline void
open_cgroups(void)
{
        assert_int_equal(jk_cgroups_open(&tree.root, &cgroups, &err), 0);
}

static inline void
make_v2(void)
{
        tree_write(&tree, "proc/self/mountinfo", OTHERS V2);
        tree_write(&tree, "sys/fs/cgroup/cgroup.controllers", "cpu io memory\n");
}

static inline void
publish(void)
{
        struct jk_instant now = jk_now();

        jk_sample_begin(&sample, &now);
        assert_int_equal(jk_cgroups_scan(cgroups), 0);
        assert_int_equal(jk_cgroups_publish(cgroups, &sample), 0);
}

static inline bool
was_published(enum jk_cgroup_event_kind kind, const char *path)
{
        for (size_t i = 0; i < sample.n_cgroups; i++)
                if (sample.cgroups[i].kind == kind &&
                    strcmp(jk_sample_cgroup_path(&sample, &sample.cgroups[i]), path) == 0)
                        return true;
        return false;
}

static inline uint64_t
id_of(const char *path)
{
        uint64_t id = 0;

        assert_int_equal(jk_cgroups_id(cgroups, path, &id), 0);
        return id;
}

#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
