/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree of cgroups on disk: paths longer than PATH_MAX, an id's path by its file handle, and the
 * scan. The scan relies on kernfs giving a directory 2 + (number of subdirectories) links: as long
 * as a directory has as many links as before and every child that is known is still there, it has
 * no new children and need not be read.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "workload/cgroup-internal.h"

#define SCAN_CHEAP_NS (2 * JK_NS_PER_MS) /* a scan below this needs no rest */
#define SCAN_DUTY     20                 /* else it rests so many times as long as it took */

#define FILEID_KERNFS 0xfe /* include/linux/exportfs.h: the handle is the 64-bit id */

/* ---- paths ---- */

/* Length of the longest head of a path that open(2) takes and that ends before a slash. */
static size_t
head_length(const char *path)
{
        size_t length = PATH_MAX - 1;

        while (length > 0 && path[length] != '/')
                length--;
        return length;
}

static const char *
relative(const char *path)
{
        while (*path == '/')
                path++;
        return *path ? path : ".";
}

/* Go down a path that is too long for one call: a descriptor of the directory that the rest of it,
 * short enough, is relative to. */
static int
descend(const struct jk_cgroups *cgroups, const char **path)
{
        jk_autoclose int at = -1;

        *path = relative(*path);
        while (strlen(*path) >= PATH_MAX) {
                char head[PATH_MAX];
                size_t length = head_length(*path);
                int next;

                if (length == 0)
                        return -ENAMETOOLONG;
                memcpy(head, *path, length);
                head[length] = '\0';

                next = openat(at < 0 ? cgroups->mount_fd : at, head,
                              O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (next < 0)
                        return -errno;
                if (at >= 0)
                        close(at);
                at = next;
                *path = relative(*path + length);
        }

        return at < 0 ? cgroups->mount_fd : jk_steal_fd(&at);
}

static void
ascend(const struct jk_cgroups *cgroups, int fd)
{
        if (fd != cgroups->mount_fd)
                close(fd);
}

int
jk_group_stat(const struct jk_cgroups *cgroups, const char *path, struct stat *ret_stat)
{
        int at = descend(cgroups, &path);
        int r;

        if (at < 0)
                return at;

        r = fstatat(at, path, ret_stat, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
        ascend(cgroups, at);
        return r;
}

int
jk_group_open(const struct jk_cgroups *cgroups, const char *path, int flags)
{
        int at = descend(cgroups, &path);
        int fd;

        if (at < 0)
                return at;

        fd = openat(at, path, flags | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                fd = -errno;
        ascend(cgroups, at);
        return fd;
}

/* ---- an id's path ---- */

static int
path_of_fd(const struct jk_cgroups *cgroups, int fd, char *path, size_t size)
{
        size_t length = strlen(cgroups->mount_point);
        char link[64];
        ssize_t n;

        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        n = readlink(link, path, size);
        if (n < 0)
                return -errno;
        if ((size_t)n >= size)
                return -ENAMETOOLONG;

        path[n] = '\0';
        if (strncmp(path, cgroups->mount_point, length) != 0)
                return -ENOENT; /* not below our mount */

        memmove(path, path + length, (size_t)n - length + 1);
        if (path[0] == '\0')
                memcpy(path, "/", sizeof "/");
        return path[0] == '/' ? 0 : -ENOENT;
}

int
jk_group_path_by_handle(struct jk_cgroups *cgroups, uint64_t id, char **ret_path)
{
        union {
                struct file_handle header;
                char bytes[sizeof(struct file_handle) + sizeof id];
        } handle = { .header = { .handle_bytes = sizeof id, .handle_type = FILEID_KERNFS } };
        jk_autoclose int fd = -1;
        char path[PATH_MAX];
        struct stat found;
        int r;

        if (!cgroups->mount_point)
                return -EOPNOTSUPP;

        memcpy(handle.bytes + sizeof(struct file_handle), &id, sizeof id);
        fd = open_by_handle_at(cgroups->mount_fd, &handle.header, O_PATH | O_CLOEXEC);
        if (fd < 0 && errno == ESTALE)
                return -ENOENT;
        if (fd < 0)
                return -EOPNOTSUPP;

        r = path_of_fd(cgroups, fd, path, sizeof path);
        if (r < 0)
                return r;

        /* A group removed meanwhile is called "x (deleted)", which is a name as good as any. */
        if (jk_group_stat(cgroups, path, &found) < 0 || found.st_ino != id)
                return -ENOENT;

        *ret_path = strdup(path);
        return *ret_path ? 0 : -ENOMEM;
}

/* ---- adding ---- */

static size_t
depth_of(const char *path)
{
        size_t depth = 0;

        for (; *path; path++)
                depth += *path == '/' && path[1];
        return depth;
}

/* The slot of a path's parent: by its id, as it may have to be added first; if it is gone already,
 * by its name. */
static int
parent_of(struct jk_cgroups *cgroups, const char *path, uint32_t *ret_parent)
{
        const char *slash = strrchr(path, '/');
        jk_autofree char *parent = NULL;
        struct group *known;
        struct stat found;

        *ret_parent = GROUP_NONE;
        if (!slash || !slash[1])
                return 0; /* the root */

        parent = slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
        if (!parent)
                return -ENOMEM;
        if (jk_group_stat(cgroups, parent, &found) < 0) {
                *ret_parent = jk_group_slot_by_path(cgroups, parent);
                return 0;
        }

        known = jk_group_find(cgroups, found.st_ino);
        if (known && known->path) {
                *ret_parent = (uint32_t)(known - cgroups->groups);
                return 0;
        }
        return jk_group_add_path(cgroups, found.st_ino, parent, ret_parent);
}

int
jk_group_add_path(struct jk_cgroups *cgroups, uint64_t id, const char *path, uint32_t *ret_slot)
{
        struct group *known;
        uint32_t parent;
        int r;

        if (depth_of(path) > GROUP_DEPTH_MAX)
                return -ENAMETOOLONG;

        r = parent_of(cgroups, path, &parent);
        if (r < 0)
                return r;

        known = jk_group_find(cgroups, id);
        if (!known)
                return jk_group_add(cgroups, id, path, parent, ret_slot);

        *ret_slot = (uint32_t)(known - cgroups->groups);
        return jk_group_rename(cgroups, known, path, parent);
}

/* ---- the scan ---- */

static int
set_unread(struct jk_cgroups *cgroups, uint32_t slot)
{
        int r = jk_array_grow(&cgroups->unread, &cgroups->unread_capacity, cgroups->n_unread + 1);

        if (r < 0)
                return r;

        cgroups->unread[cgroups->n_unread++] = slot;
        return 0;
}

/* Is it still there, with as many children? If not, forget how many links there were: that marks a
 * directory to be read. File systems that do not count (one link) are read every time. */
static void
check(struct jk_cgroups *cgroups, struct group *group)
{
        struct stat found;

        if (jk_group_stat(cgroups, group->path, &found) < 0 || found.st_ino != group->id) {
                jk_group_set_gone(group, true);
                if (group->parent != GROUP_NONE)
                        cgroups->groups[group->parent].links = 0;
                return;
        }

        jk_group_set_gone(group, false);
        if (found.st_nlink < 2 || found.st_nlink != group->links)
                group->links = 0;
}

static int
collect_unread(struct jk_cgroups *cgroups)
{
        cgroups->n_unread = 0;
        for (size_t i = 0; i < cgroups->n_groups; i++) {
                struct group *group = &cgroups->groups[i];
                int r;

                if (!(group->flags & GROUP_USED) || !group->path || group->links != 0 ||
                    (group->flags & GROUP_GONE))
                        continue;
                r = set_unread(cgroups, (uint32_t)i);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int
found_child(struct jk_cgroups *cgroups, uint32_t parent, const char *name, uint64_t id)
{
        const char *above = cgroups->groups[parent].path;
        struct group *known = jk_group_find(cgroups, id);
        jk_autofree char *path = NULL;
        bool same;
        uint32_t slot;
        int r;

        if (asprintf(&path, "%s/%s", above[1] ? above : "", name) < 0) {
                path = NULL; /* undefined on failure */
                return -ENOMEM;
        }

        same = known && known->path && strcmp(known->path, path) == 0;
        if (same && !(known->flags & GROUP_GONE))
                return 0;

        if (known) {
                slot = (uint32_t)(known - cgroups->groups);
                r = jk_group_rename(cgroups, known, path, parent);
        } else {
                r = jk_group_add(cgroups, id, path, parent, &slot);
        }
        return r < 0 ? r : set_unread(cgroups, slot);
}

static int
read_children(struct jk_cgroups *cgroups, uint32_t slot)
{
        jk_autoclosedir DIR *directory = NULL;
        struct dirent *entry;
        struct stat found;
        int fd, r = 0;

        if (depth_of(cgroups->groups[slot].path) >= GROUP_DEPTH_MAX)
                return 0;

        fd = jk_group_open(cgroups, cgroups->groups[slot].path, O_RDONLY | O_DIRECTORY);
        if (fd < 0)
                return 0; /* it went, or may not be read: what is below stays unknown */
        directory = fdopendir(fd);
        if (!directory) {
                close(fd);
                return -ENOMEM;
        }

        /* The links as they were before reading: a child that comes now makes them differ. */
        if (fstat(fd, &found) < 0 || found.st_ino != cgroups->groups[slot].id)
                return 0;
        cgroups->groups[slot].links = found.st_nlink;

        while (r == 0 && (entry = readdir(directory))) {
                if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
                        continue;
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                if (fstatat(fd, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
                    S_ISDIR(found.st_mode))
                        r = found_child(cgroups, slot, entry->d_name, found.st_ino);
        }
        return r;
}

static int
scan(struct jk_cgroups *cgroups)
{
        int r;

        for (size_t i = 0; i < cgroups->n_groups; i++)
                if (cgroups->groups[i].path)
                        check(cgroups, &cgroups->groups[i]);
        r = collect_unread(cgroups);

        while (r == 0 && cgroups->n_unread > 0)
                r = read_children(cgroups, cgroups->unread[--cgroups->n_unread]);
        return r;
}

int
jk_cgroups_scan(struct jk_cgroups *cgroups)
{
        int64_t start = jk_thread_cpu_ns(), took;
        int r;

        if (cgroups->mount_fd < 0 || jk_monotonic_ns() < cgroups->next_scan_ns)
                return 0;

        r = scan(cgroups);
        took = jk_thread_cpu_ns() - start;
        if (took > SCAN_CHEAP_NS)
                cgroups->next_scan_ns = jk_monotonic_ns() + SCAN_DUTY * took;
        return r;
}
