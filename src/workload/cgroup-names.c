/* SPDX-License-Identifier: Apache-2.0
 *
 * From a cgroup's id to its path and back. An unknown id costs one system call (its kernfs handle);
 * only where handles are refused (they need CAP_DAC_READ_SEARCH) does it cost a scan, and that at
 * most once a second.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "workload/cgroup-internal.h"

/* ---- id -> path ---- */

static void
scan_for_unknown(struct jk_cgroups *cgroups)
{
        int64_t now = jk_monotonic_ns();

        if (now < cgroups->next_lookup_scan_ns)
                return;

        cgroups->next_lookup_scan_ns = now + JK_NS_PER_S;
        jk_cgroups_scan(cgroups);
}

struct group *
jk_group_look_up(struct jk_cgroups *cgroups, uint64_t id)
{
        struct group *group = jk_group_find(cgroups, id);
        jk_autofree char *path = NULL;
        uint32_t slot;
        int r;

        if (cgroups->mount_fd < 0 || (group && group->path))
                return group;

        r = jk_group_path_by_handle(cgroups, id, &path);
        if (r == 0)
                jk_group_add_path(cgroups, id, path, &slot);
        else if (r != -ENOENT)
                scan_for_unknown(cgroups);

        return jk_group_find(cgroups, id); /* anew: the table may have moved */
}

const char *
jk_cgroups_path(struct jk_cgroups *cgroups, uint64_t id)
{
        const struct group *group = jk_group_look_up(cgroups, id);

        return group ? group->path : NULL;
}

/* ---- path -> id ---- */

/* Whether a path goes up: below the mount, nothing does. */
static bool
goes_up(const char *path)
{
        for (const char *p = path; (p = strstr(p, "..")); p += 2)
                if ((p == path || p[-1] == '/') && (p[2] == '\0' || p[2] == '/'))
                        return true;

        return false;
}

int
jk_cgroups_id(struct jk_cgroups *cgroups, const char *path, uint64_t *ret_id)
{
        const struct group *known;
        struct stat found;
        uint32_t slot;
        int r;

        if (path[0] != '/' || goes_up(path))
                return -EINVAL;
        if (cgroups->mount_fd < 0) {
                *ret_id = 0;
                return strcmp(path, "/") == 0 ? 0 : -ENOENT;
        }

        r = jk_group_stat(cgroups, path, &found);
        if (r < 0)
                return r;
        if (!S_ISDIR(found.st_mode))
                return -ENOENT;

        known = jk_group_find(cgroups, found.st_ino);
        if (!known || !known->path) {
                r = jk_group_add_path(cgroups, found.st_ino, path, &slot);
                if (r < 0)
                        return r;
        }
        *ret_id = found.st_ino;
        return 0;
}

/* What follows a prefix that ends at a slash, or NULL: "/a/b" after "/a" is "/b". */
__attribute__((nonnull)) static const char *
after(const char *path, const char *prefix)
{
        size_t length = strlen(prefix);

        if (strcmp(prefix, "/") == 0)
                return path;
        if (strncmp(path, prefix, length) != 0)
                return NULL;
        if (path[length] == '\0')
                return "/";
        return path[length] == '/' ? path + length : NULL;
}

int
jk_cgroups_id_of_process(struct jk_cgroups *cgroups, const char *path, uint64_t *ret_id)
{
        jk_autofree char *below = NULL;
        const char *rest;

        if (cgroups->mount_fd < 0)
                return jk_cgroups_id(cgroups, "/", ret_id);

        rest = after(path, cgroups->choice.source);
        if (rest && !goes_up(rest))
                return jk_cgroups_id(cgroups, rest, ret_id);
        if (!cgroups->our_root || goes_up(path))
                return -ENOENT;

        if (asprintf(&below, "%s%s", cgroups->our_root, path[1] ? path : "") < 0) {
                below = NULL; /* undefined on failure */
                return -ENOMEM;
        }
        return jk_cgroups_id(cgroups, below, ret_id);
}

int
jk_cgroups_open_file(const struct jk_cgroups *cgroups, const char *path, const char *file)
{
        jk_autoclose int directory = -1;
        char whole[PATH_MAX];
        int fd, n;

        if (cgroups->mount_fd < 0)
                return -ENOENT;

        n = snprintf(whole, sizeof whole, ".%s/%s", path, file);
        if (n > 0 && (size_t)n < sizeof whole) {
                fd = openat(cgroups->mount_fd, whole, O_RDONLY | O_CLOEXEC | O_NOCTTY);
                return fd < 0 ? -errno : fd;
        }

        directory = jk_group_open(cgroups, path, O_PATH | O_DIRECTORY);
        if (directory < 0)
                return directory;

        fd = openat(directory, file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        return fd < 0 ? -errno : fd;
}

/* ---- what collectors tell ---- */

/* A path that a tracepoint gives is relative to the true root of the hierarchy, and cut at 1,023
 * bytes: it is taken where it leads to the id, or where the group is gone already and there is no
 * better one. */
void
jk_cgroups_created(struct jk_cgroups *cgroups, uint64_t id, const char *path)
{
        struct group *group = jk_group_find(cgroups, id);
        jk_autofree char *other = NULL;
        struct stat found;
        uint32_t slot;
        int r;

        if (cgroups->mount_fd < 0 || (group && group->path))
                return;

        if (!path || path[0] != '/' || jk_group_stat(cgroups, path, &found) < 0 ||
            found.st_ino != id) {
                r = jk_group_path_by_handle(cgroups, id, &other);
                if (r == 0)
                        path = other;
        }
        /* What does not succeed here is tried again when a task of the group is seen. */
        if (path && path[0] == '/' && jk_group_add_path(cgroups, id, path, &slot) < 0)
                return;
}

void
jk_cgroups_removed(struct jk_cgroups *cgroups, uint64_t id)
{
        struct group *group = jk_group_find(cgroups, id);

        if (group && group->path)
                jk_group_set_gone(group, true);
}
