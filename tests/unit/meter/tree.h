/* SPDX-License-Identifier: Apache-2.0
 *
 * A sysfs tree in a temporary directory, written by the test that reads it, and samples whose clock
 * the test winds.
 */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/root.h"
#include "sample/sample.h"

struct tree {
        char path[64];
        struct jk_root root;
};

static inline void
tree_make(struct tree *tree)
{
        snprintf(tree->path, sizeof tree->path, "/tmp/jk-test-XXXXXX");
        assert_non_null(mkdtemp(tree->path));
        assert_int_equal(chmod(tree->path, 0755), 0);
        assert_int_equal(jk_root_open(tree->path, &tree->root, NULL), 0);
}

static inline int
tree_remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
        (void)status;
        (void)type;
        (void)walk;
        return remove(path);
}

static inline void
tree_remove(struct tree *tree)
{
        jk_root_close(&tree->root);
        assert_int_equal(nftw(tree->path, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Write in place, as sysfs does: descriptors that are open see it. */
__attribute__((format(printf, 3, 4))) static inline void
tree_write(const struct tree *tree, const char *path, const char *format, ...)
{
        char full[512], text[4096];
        va_list arguments;
        int fd, n;

        snprintf(full, sizeof full, "%s/%s", tree->path, path);
        for (char *slash = full + strlen(tree->path) + 1; (slash = strchr(slash, '/')); slash++) {
                *slash = '\0';
                mkdir(full, 0755);
                *slash = '/';
        }

        va_start(arguments, format);
        n = vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        assert_in_range(n, 0, sizeof text - 1);
        fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, (size_t)n), n);
        close(fd);
}

/* Remove a directory of the tree with everything in it. */
static inline void
tree_delete(const struct tree *tree, const char *path)
{
        char full[512];

        snprintf(full, sizeof full, "%s/%s", tree->path, path);
        assert_int_equal(nftw(full, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

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
