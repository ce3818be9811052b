/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of cgroups, shared by its parts: cgroup.c (the table and what others ask of it),
 * cgroup-tree.c (directories and the scan), cgroup-names.c (id <-> path), cgroup-publish.c (what
 * the sample gets).
 */
#pragma once

#include <limits.h>
#include <sys/stat.h>

#include "base/map.h"
#include "workload/cgroup-mounts.h"
#include "workload/cgroup.h"

#define GROUP_NONE UINT32_MAX

/* Deeper groups are not looked at, so that whoever may make cgroups cannot make the tick expensive
 * by their depth. Their CPU time is inside their ancestors'. */
#define GROUP_DEPTH_MAX 128

enum group_flags {
        GROUP_USED = 1 << 0,      /* the slot holds a group */
        GROUP_ANNOUNCED = 1 << 1, /* it was published as appeared, under this path */
        GROUP_GONE = 1 << 2,      /* its directory was removed */
        GROUP_NAMELESS = 1 << 3,  /* its path could not be found */
        GROUP_OVER = 1 << 4,      /* it was published as vanished */
};

struct group {
        uint64_t id;
        char *path;       /* owned; NULL with NAMELESS */
        uint64_t links;   /* of the directory, when its children were last read; 0: never */
        uint64_t used_in; /* number of the last publication that had tasks of it */
        uint32_t parent;  /* slot, or GROUP_NONE */
        uint32_t flags;
};

struct jk_cgroups {
        struct jk_cgroup_choice choice;
        char description[64];
        int mount_fd;      /* O_DIRECTORY; -1 in mode NONE */
        char *mount_point; /* of mount_fd, as /proc/self/fd names it; NULL: no handles */
        char *our_root;    /* path of our cgroup namespace's root below the mount, where it is not
                            * "/" and is known */

        struct group *groups;
        size_t n_groups, groups_capacity;
        uint32_t *free_slots;
        size_t n_free_slots, free_slots_capacity;
        struct jk_map slot_of;      /* id -> slot */
        struct jk_map slot_by_path; /* hash of a path -> slot of the latest group there */

        uint32_t *unread; /* slots whose directories are to be read: scan's worklist */
        size_t n_unread, unread_capacity;
        int64_t next_scan_ns;        /* no scan before this (monotonic): it took long */
        int64_t next_lookup_scan_ns; /* a scan for an unknown id: not before this */
        uint64_t publications;
        bool scan_owed;       /* what a collector tells may not be all */
        uint64_t lost_events; /* of the collector, when it was last said to be so */
        size_t n_unannounced; /* groups that the next publication has to look for */
};

/* ---- cgroup.c ---- */

struct group *jk_group_find(struct jk_cgroups *cgroups, uint64_t id);

/* The slot of the latest group at a path, also of one that is gone, or GROUP_NONE. */
uint32_t jk_group_slot_by_path(const struct jk_cgroups *cgroups, const char *path);

/* The slot of a new group; path is copied (NULL: nameless). 0 or -ENOMEM. */
int jk_group_add(struct jk_cgroups *cgroups, uint64_t id, const char *path, uint32_t parent,
                 uint32_t *ret_slot);

/* It lies at this path now: announced again if that is another one. 0 or -ENOMEM. */
int jk_group_rename(struct jk_cgroups *cgroups, struct group *group, const char *path,
                    uint32_t parent);

void jk_group_set_gone(struct group *group, bool gone);

/* Empty the slots of those that are OVER. */
void jk_group_forget_over(struct jk_cgroups *cgroups);

/* ---- cgroup-names.c ---- */

/* The group of an id, looked for on the machine if the table does not know it or not its path. NULL
 * if there is none. */
struct group *jk_group_look_up(struct jk_cgroups *cgroups, uint64_t id);

/* ---- cgroup-tree.c ---- */

/* stat(2) and open(2) of "/a/b" below the mount, of any length. 0 or a descriptor, or -errno. */
int jk_group_stat(const struct jk_cgroups *cgroups, const char *path, struct stat *ret_stat);
int jk_group_open(const struct jk_cgroups *cgroups, const char *path, int flags);

/* Find an id's path by its kernfs handle, without looking at the tree: 0 and an allocated path,
 * -EOPNOTSUPP if handles do not work here, -ENOENT if there is no such group. */
int jk_group_path_by_handle(struct jk_cgroups *cgroups, uint64_t id, char **ret_path);

/* Add a group at a path, and its ancestors where they are missing. 0, -ENOMEM, -ENAMETOOLONG. */
int jk_group_add_path(struct jk_cgroups *cgroups, uint64_t id, const char *path,
                      uint32_t *ret_slot);
