/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroups: which hierarchy of the machine the books are kept in, and the path of each id. On v2 it
 * is the unified one; on v1 it is cpuacct; on hybrid hosts the unified one if a manager keeps it
 * (pid 1 is not in its root), else cpuacct. Ids exist per hierarchy: a kernfs inode number, as
 * stat(2) of the directory gives it and BPF sees it.
 */
#pragma once

#include "base/error.h"
#include "base/root.h"
#include "sample/sample.h"

enum jk_cgroup_mode {
        JK_CGROUP_NONE,    /* no cgroup file system: one group, "/" */
        JK_CGROUP_UNIFIED, /* v2 */
        JK_CGROUP_V1,      /* cpuacct */
        JK_CGROUP_MODE_MAX,
};

struct jk_cgroups;

/* Decide the hierarchy and read the tree. Works without one (mode NONE). */
int jk_cgroups_open(const struct jk_root *root, struct jk_cgroups **ret_cgroups,
                    struct jk_error *err);
void jk_cgroups_close(struct jk_cgroups *cgroups);

enum jk_cgroup_mode jk_cgroups_mode(const struct jk_cgroups *cgroups);
const char *jk_cgroups_describe(const struct jk_cgroups *cgroups); /* "v2", "v1 (cpuacct)", … */

/* Where the hierarchy is mounted, relative to the root: "sys/fs/cgroup/cpuacct"; NULL without one.
 */
const char *jk_cgroups_mount(const struct jk_cgroups *cgroups);

/* Path of an id ("/" is the root), or NULL if it is unknown even after a look at the tree. Valid
 * until the cgroup vanishes. */
const char *jk_cgroups_path(struct jk_cgroups *cgroups, uint64_t id);

/* Id of a path below the mount ("/system.slice"): 0 and ret_id, or a negative errno. */
int jk_cgroups_id(struct jk_cgroups *cgroups, const char *path, uint64_t *ret_id);

/* Id of a path as /proc/PID/cgroup writes it, which is relative to our cgroup namespace and not to
 * the mount. */
int jk_cgroups_id_of_process(struct jk_cgroups *cgroups, const char *path, uint64_t *ret_id);

/* Open a file of a group for reading ("cpu.stat"), however long the path: a descriptor or a
 * negative errno. */
int jk_cgroups_open_file(const struct jk_cgroups *cgroups, const char *path, const char *file);

/* The groups that are known, by slot; a group keeps its slot until it has vanished. */
struct jk_cgroup {
        uint64_t id;
        const char *path; /* NULL: not known */
        size_t parent;    /* its parent's slot, or SIZE_MAX */
        bool gone;        /* removed, and not yet published as vanished */
};

size_t jk_cgroups_slots(const struct jk_cgroups *cgroups);

/* The slot of an id, or SIZE_MAX if it is not in the table. */
size_t jk_cgroups_slot(const struct jk_cgroups *cgroups, uint64_t id);

/* False where the slot is empty. */
bool jk_cgroups_at(const struct jk_cgroups *cgroups, size_t slot, struct jk_cgroup *ret_group);

/* A collector saw one being made or removed (BPF tracepoints; path NULL: to be found out); without
 * that, jk_cgroups_scan() finds both by a look at the tree: one stat(2) a group, and a directory is
 * read only where its number of children changed or one is missing. It limits itself to a twentieth
 * of a CPU, so it may be called every tick. */
void jk_cgroups_created(struct jk_cgroups *cgroups, uint64_t id, const char *path);
void jk_cgroups_removed(struct jk_cgroups *cgroups, uint64_t id);
int jk_cgroups_scan(struct jk_cgroups *cgroups);

/* Hand what appeared and vanished since the last call to the sample, appeared first, and make sure
 * that every cgroup of a task in the sample has appeared: one whose path cannot be found any more
 * gets "/unknown-ID". A group that appears again under the same id has another path now (v1 can
 * rename; or it was unknown at first). Call it after the collector. */
int jk_cgroups_publish(struct jk_cgroups *cgroups, struct jk_sample *sample);
