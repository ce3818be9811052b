/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of cgroups: see cgroup.h. A group enters it when a task of it is seen, when a collector
 * tells of it or when a scan finds it, and leaves it after it was published as vanished.
 */
#include "workload/cgroup.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "workload/cgroup-internal.h"

/* ---- the table ---- */

struct group *
jk_group_find(struct jk_cgroups *cgroups, uint64_t id)
{
        uint32_t slot;

        return jk_map_get(&cgroups->slot_of, id, &slot) ? &cgroups->groups[slot] : NULL;
}

/* FNV-1a. Whoever makes two paths collide only hides one of his own groups from a search by path.
 */
static uint64_t
hash_of(const char *path)
{
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (; *path; path++)
                hash = (hash ^ (unsigned char)*path) * UINT64_C(0x100000001b3);
        return hash;
}

uint32_t
jk_group_slot_by_path(const struct jk_cgroups *cgroups, const char *path)
{
        uint32_t slot;

        if (!jk_map_get(&cgroups->slot_by_path, hash_of(path), &slot) ||
            strcmp(cgroups->groups[slot].path, path) != 0)
                return GROUP_NONE;
        return slot;
}

static void
forget_path(struct jk_cgroups *cgroups, uint32_t slot)
{
        char *path = cgroups->groups[slot].path;

        if (path && jk_group_slot_by_path(cgroups, path) == slot)
                jk_map_remove(&cgroups->slot_by_path, hash_of(path));
        free(path);
}

static int
take_slot(struct jk_cgroups *cgroups, uint32_t *ret_slot)
{
        int r;

        if (cgroups->n_free_slots > 0) {
                *ret_slot = cgroups->free_slots[--cgroups->n_free_slots];
                return 0;
        }

        r = jk_array_grow(&cgroups->groups, &cgroups->groups_capacity, cgroups->n_groups + 1);
        if (r < 0)
                return r;
        /* Room to give every slot back, so that giving back cannot fail. */
        r = jk_array_grow(&cgroups->free_slots, &cgroups->free_slots_capacity,
                          cgroups->n_groups + 1);
        if (r < 0)
                return r;

        *ret_slot = (uint32_t)cgroups->n_groups++;
        return 0;
}

int
jk_group_add(struct jk_cgroups *cgroups, uint64_t id, const char *path, uint32_t parent,
             uint32_t *ret_slot)
{
        jk_autofree char *copy = path ? strdup(path) : NULL;
        uint32_t slot;
        int r;

        if (path && !copy)
                return -ENOMEM;
        r = take_slot(cgroups, &slot);
        if (r < 0)
                return r;
        r = jk_map_put(&cgroups->slot_of, id, slot);
        if (r == 0 && path)
                r = jk_map_put(&cgroups->slot_by_path, hash_of(path), slot);
        if (r < 0) {
                jk_map_remove(&cgroups->slot_of, id);
                cgroups->free_slots[cgroups->n_free_slots++] = slot;
                return r;
        }

        cgroups->groups[slot] = (struct group){
                .id = id,
                .path = jk_steal(copy),
                .parent = parent,
                .flags = GROUP_USED | (path ? 0 : GROUP_NAMELESS),
        };
        cgroups->n_unannounced++;
        *ret_slot = slot;
        return 0;
}

int
jk_group_rename(struct jk_cgroups *cgroups, struct group *group, const char *path, uint32_t parent)
{
        uint32_t slot = (uint32_t)(group - cgroups->groups);

        group->parent = parent;
        jk_group_set_gone(group, false);
        if (!group->path || strcmp(group->path, path) != 0) {
                char *copy = strdup(path);

                if (!copy)
                        return -ENOMEM;
                if (jk_map_put(&cgroups->slot_by_path, hash_of(path), slot) < 0) {
                        free(copy);
                        return -ENOMEM;
                }
                forget_path(cgroups, slot);
                group->path = copy;
                group->links = 0;
                cgroups->n_unannounced += (group->flags & GROUP_ANNOUNCED) != 0;
                group->flags &= ~(uint32_t)(GROUP_ANNOUNCED | GROUP_NAMELESS);
        }

        return 0;
}

void
jk_group_set_gone(struct group *group, bool gone)
{
        if (gone)
                group->flags |= GROUP_GONE;
        else
                group->flags &= ~(uint32_t)GROUP_GONE;
}

static void
forget(struct jk_cgroups *cgroups, uint32_t slot)
{
        struct group *group = &cgroups->groups[slot];

        cgroups->n_unannounced -= !(group->flags & GROUP_ANNOUNCED);
        jk_map_remove(&cgroups->slot_of, group->id);
        forget_path(cgroups, slot);
        *group = (struct group){ .parent = GROUP_NONE };
        cgroups->free_slots[cgroups->n_free_slots++] = slot;
}

/* One pass for all: thousands may go at once. */
void
jk_group_forget_over(struct jk_cgroups *cgroups)
{
        for (size_t i = 0; i < cgroups->n_groups; i++) {
                struct group *group = &cgroups->groups[i];

                if (group->parent != GROUP_NONE &&
                    (cgroups->groups[group->parent].flags & GROUP_OVER))
                        group->parent = GROUP_NONE;
        }
        for (size_t i = 0; i < cgroups->n_groups; i++)
                if (cgroups->groups[i].flags & GROUP_OVER)
                        forget(cgroups, (uint32_t)i);
}

/* ---- opening ---- */

static const char *
read_link(int fd, char *buffer, size_t size)
{
        char link[64];
        ssize_t n;

        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        n = readlink(link, buffer, size);
        if (n <= 0 || (size_t)n >= size)
                return NULL;

        buffer[n] = '\0';
        return strcmp(buffer, "/") == 0 ? "" : buffer;
}

/* Handles are asked of real cgroup file systems only: the id is part of the handle there. */
static int
prepare_handles(struct jk_cgroups *cgroups)
{
        char buffer[PATH_MAX];
        const char *point;
        struct statfs fs;

        if (fstatfs(cgroups->mount_fd, &fs) < 0 ||
            (fs.f_type != CGROUP_SUPER_MAGIC && fs.f_type != CGROUP2_SUPER_MAGIC))
                return 0;

        point = read_link(cgroups->mount_fd, buffer, sizeof buffer);
        if (!point)
                return 0;

        cgroups->mount_point = strdup(point);
        return cgroups->mount_point ? 0 : -ENOMEM;
}

static void
describe(struct jk_cgroups *cgroups)
{
        static const char *const names[JK_CGROUP_MODE_MAX] = {
                [JK_CGROUP_NONE] = "none",
                [JK_CGROUP_UNIFIED] = "v2",
                [JK_CGROUP_V1] = "v1 (cpuacct)",
        };

        snprintf(cgroups->description, sizeof cgroups->description, "%s%s",
                 names[cgroups->choice.mode], cgroups->choice.hybrid ? " of a hybrid host" : "");
}

/* Our cgroup namespace's root, as a path below a mount that shows more than the namespace: another
 * mount shows it as its own root, and both have the same ids. */
static int
find_our_root(struct jk_cgroups *cgroups)
{
        const char *path;
        struct stat found;

        if (!cgroups->choice.our_root || stat(cgroups->choice.our_root, &found) < 0)
                return 0;
        path = jk_cgroups_path(cgroups, found.st_ino);
        if (!path)
                return 0;

        cgroups->our_root = strdup(path);
        return cgroups->our_root ? 0 : -ENOMEM;
}

static int
open_tree(struct jk_cgroups *cgroups, const struct jk_root *root)
{
        struct stat found;
        uint32_t slot;
        int r;

        cgroups->mount_fd =
                openat(root->fd, cgroups->choice.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (cgroups->mount_fd < 0 || fstat(cgroups->mount_fd, &found) < 0)
                return -errno;

        r = prepare_handles(cgroups);
        if (r == 0)
                r = jk_group_add(cgroups, found.st_ino, "/", GROUP_NONE, &slot);
        if (r == 0)
                r = jk_cgroups_scan(cgroups);
        if (r == 0)
                r = find_our_root(cgroups);
        return r;
}

int
jk_cgroups_open(const struct jk_root *root, struct jk_cgroups **ret_cgroups, struct jk_error *err)
{
        struct jk_cgroups *cgroups = calloc(1, sizeof *cgroups);
        uint32_t slot;
        int r;

        if (!cgroups)
                return jk_fail(err, ENOMEM, "cgroups: out of memory");
        cgroups->mount_fd = -1;
        cgroups->scan_owed = true; /* what goes before a collector listens, it cannot tell */

        r = jk_cgroup_choose(root, &cgroups->choice);
        if (r == 0 && cgroups->choice.mode == JK_CGROUP_NONE)
                r = jk_group_add(cgroups, 0, "/", GROUP_NONE, &slot);
        else if (r == 0)
                r = open_tree(cgroups, root);
        if (r < 0) {
                r = jk_fail(err, r,
                            "cgroups: %s/%s: cannot read the tree: %m; run as root, or "
                            "mount it readable",
                            root->path,
                            cgroups->choice.path ? cgroups->choice.path : "sys/fs/cgroup");
                jk_cgroups_close(cgroups);
                return r;
        }

        describe(cgroups);
        *ret_cgroups = cgroups;
        return 0;
}

void
jk_cgroups_close(struct jk_cgroups *cgroups)
{
        if (!cgroups)
                return;

        for (size_t i = 0; i < cgroups->n_groups; i++)
                free(cgroups->groups[i].path);
        if (cgroups->mount_fd >= 0)
                close(cgroups->mount_fd);
        jk_cgroup_choice_free(&cgroups->choice);
        jk_map_free(&cgroups->slot_of);
        jk_map_free(&cgroups->slot_by_path);
        free(cgroups->groups);
        free(cgroups->free_slots);
        free(cgroups->unread);
        free(cgroups->mount_point);
        free(cgroups->our_root);
        free(cgroups);
}

enum jk_cgroup_mode
jk_cgroups_mode(const struct jk_cgroups *cgroups)
{
        return cgroups->choice.mode;
}

const char *
jk_cgroups_describe(const struct jk_cgroups *cgroups)
{
        return cgroups->description;
}

const char *
jk_cgroups_mount(const struct jk_cgroups *cgroups)
{
        return cgroups->choice.path;
}

size_t
jk_cgroups_slots(const struct jk_cgroups *cgroups)
{
        return cgroups->n_groups;
}

size_t
jk_cgroups_slot(const struct jk_cgroups *cgroups, uint64_t id)
{
        uint32_t slot;

        return jk_map_get(&cgroups->slot_of, id, &slot) ? slot : SIZE_MAX;
}

bool
jk_cgroups_at(const struct jk_cgroups *cgroups, size_t slot, struct jk_cgroup *ret_group)
{
        const struct group *group = &cgroups->groups[slot];

        if (!(group->flags & GROUP_USED))
                return false;

        *ret_group = (struct jk_cgroup){
                .id = group->id,
                .path = group->path,
                .parent = group->parent == GROUP_NONE ? SIZE_MAX : group->parent,
                .gone = group->flags & GROUP_GONE,
        };
        return true;
}
