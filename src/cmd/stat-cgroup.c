/* SPDX-License-Identifier: Apache-2.0
 *
 * The cgroup that `stat` makes for its command: joulekeeper-stat-PID below our own, so that limits
 * that hold for us hold for the command too. It is removed again, also where the kernel takes its
 * time; what a killed stat has left, a later one removes.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/root.h"
#include "cmd/stat.h"

#define PREFIX "joulekeeper-stat-"

/* A process that was reaped stays in its cgroup until the last switch away from it, some
 * milliseconds on a busy machine. 1, 2, 4 … ms: half a second in all. */
#define WAIT_FIRST_US 1000
#define WAIT_LAST_US  256000

/* What forks while it is being moved leaves another process behind: try at once, so often. */
#define MOVES_MAX 10

static const char *
below_mount(const char *path)
{
        while (*path == '/')
                path++;

        return *path ? path : ".";
}

static int
write_pid(int mount_fd, const char *cgroup, pid_t pid)
{
        jk_autoclose int fd = -1;
        char path[PATH_MAX + 16], number[16];
        int n;

        snprintf(path, sizeof path, "%s/cgroup.procs", below_mount(cgroup));
        fd = openat(mount_fd, path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        n = snprintf(number, sizeof number, "%d", (int)pid);
        return write(fd, number, (size_t)n) < 0 ? -errno : 0;
}

/* ---- removing ---- */

static size_t
move_back(const struct jk_stat_cgroup *cgroup)
{
        jk_autofclose FILE *procs = NULL;
        char path[PATH_MAX + 16];
        size_t moved = 0;
        int fd, pid;

        snprintf(path, sizeof path, "%s/cgroup.procs", below_mount(cgroup->path));
        fd = openat(cgroup->mount_fd, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return 0;

        procs = fdopen(fd, "r");
        if (!procs) {
                close(fd);
                return 0;
        }
        while (fscanf(procs, "%d", &pid) == 1)
                moved += write_pid(cgroup->mount_fd, cgroup->parent, pid) == 0;

        return moved;
}

/* Move out what still runs there, and wait for what has ended: how many processes were moved. */
static size_t
empty_and_remove(const struct jk_stat_cgroup *cgroup)
{
        useconds_t wait_us = WAIT_FIRST_US;
        size_t moved = 0;
        int moves = 0;

        while (unlinkat(cgroup->mount_fd, below_mount(cgroup->path), AT_REMOVEDIR) < 0 &&
               errno == EBUSY) {
                size_t n = move_back(cgroup);

                moved += n;
                if (n > 0 && ++moves < MOVES_MAX)
                        continue;
                if (wait_us > WAIT_LAST_US)
                        break; /* the next stat will find it empty */
                usleep(wait_us);
                wait_us *= 2;
        }

        return moved;
}

/* Whether a name is one of ours, and of a process that is no more. */
static bool
is_left_over(const char *name)
{
        int64_t pid;

        if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 ||
            !isdigit((unsigned char)name[strlen(PREFIX)]) ||
            jk_parse_i64(name + strlen(PREFIX), &pid) < 0 || pid < 1 || pid > INT32_MAX)
                return false;

        return kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

/* A stat that was killed could not remove its cgroup. The kernel refuses to remove one in which
 * something still runs, so it need not be asked. */
static void
sweep(const struct jk_stat_cgroup *cgroup)
{
        int fd = openat(cgroup->mount_fd, below_mount(cgroup->parent),
                        O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct dirent *entry;
        DIR *directory;

        if (fd < 0)
                return;
        directory = fdopendir(fd);
        if (!directory) {
                close(fd);
                return;
        }

        while ((entry = readdir(directory)))
                if (is_left_over(entry->d_name))
                        unlinkat(fd, entry->d_name, AT_REMOVEDIR);
        closedir(directory);
}

/* ---- making ---- */

static int
open_mount(struct jk_stat_cgroup *cgroup, const char *root, const char *mount,
           const char *own_cgroup)
{
        char path[PATH_MAX + 16];

        if (!mount || !own_cgroup)
                return jk_fail(&cgroup->missing, ENOTSUP, "no cgroup hierarchy is mounted");
        if (strlen(own_cgroup) >= sizeof cgroup->parent)
                return jk_fail(&cgroup->missing, ENAMETOOLONG, "cgroup %s: %m", own_cgroup);

        snprintf(path, sizeof path, "%s/%s", root, mount);
        cgroup->mount_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (cgroup->mount_fd < 0)
                return jk_fail(&cgroup->missing, errno, "%s: %m", path);

        memcpy(cgroup->parent, own_cgroup, strlen(own_cgroup) + 1);
        return 0;
}

/* One of that name is of a stat that was killed, and whose process' number has come again. */
static int
make_directory(const struct jk_stat_cgroup *cgroup)
{
        if (mkdirat(cgroup->mount_fd, below_mount(cgroup->path), 0755) == 0)
                return 0;
        if (errno != EEXIST)
                return -errno;

        empty_and_remove(cgroup);
        return mkdirat(cgroup->mount_fd, below_mount(cgroup->path), 0755) < 0 ? -errno : 0;
}

/* On failure nothing is left, and cgroup->missing says why. */
static int
make_and_enter(struct jk_stat_cgroup *cgroup, pid_t pid)
{
        int r = snprintf(cgroup->path, sizeof cgroup->path, "%s/" PREFIX "%d",
                         strcmp(cgroup->parent, "/") == 0 ? "" : cgroup->parent, (int)pid);

        if ((size_t)r >= sizeof cgroup->path)
                return jk_fail(&cgroup->missing, ENAMETOOLONG, "cgroup %s: %m", cgroup->parent);

        r = make_directory(cgroup);
        if (r < 0)
                return jk_fail(&cgroup->missing, r, "cannot make the cgroup %s: %m", cgroup->path);

        r = write_pid(cgroup->mount_fd, cgroup->path, pid);
        if (r < 0) {
                unlinkat(cgroup->mount_fd, below_mount(cgroup->path), AT_REMOVEDIR);
                return jk_fail(&cgroup->missing, r, "cannot move a process into the cgroup %s: %m",
                               cgroup->path);
        }

        return 0;
}

void
jk_stat_cgroup_make(struct jk_stat_cgroup *cgroup, const char *root, const char *mount,
                    const char *own_cgroup, pid_t pid)
{
        *cgroup = (struct jk_stat_cgroup)JK_STAT_NO_CGROUP;
        if (open_mount(cgroup, root, mount, own_cgroup) < 0)
                return;

        sweep(cgroup);
        if (make_and_enter(cgroup, pid) < 0)
                cgroup->path[0] = '\0';
}

size_t
jk_stat_cgroup_remove(struct jk_stat_cgroup *cgroup)
{
        size_t moved = cgroup->path[0] ? empty_and_remove(cgroup) : 0;

        jk_cleanup_close(&cgroup->mount_fd);
        return moved;
}
