/* SPDX-License-Identifier: Apache-2.0
 *
 * The command of `stat`: forked, put into a cgroup of its own, held until the baseline is taken.
 * The cgroup is a child of our own, so that limits that hold for us hold for the command too.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "cmd/stat.h"

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

/* A cgroup for the command, or child->no_cgroup says why there is none. */
static void
make_cgroup(struct jk_stat_child *child, struct jk_cgroups *cgroups, const char *root,
            const char *own_cgroup)
{
        const char *mount = jk_cgroups_mount(cgroups);
        char path[PATH_MAX + 16];
        int r;

        if (!mount || !own_cgroup) {
                jk_fail(&child->no_cgroup, ENOTSUP, "no cgroup hierarchy is mounted");
                return;
        }

        snprintf(path, sizeof path, "%s/%s", root, mount);
        child->mount_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (child->mount_fd < 0) {
                jk_fail(&child->no_cgroup, errno, "%s: %m", path);
                return;
        }

        snprintf(child->parent, sizeof child->parent, "%s", own_cgroup);
        r = snprintf(child->cgroup, sizeof child->cgroup, "%s/joulekeeper-stat-%d",
                     strcmp(own_cgroup, "/") == 0 ? "" : own_cgroup, (int)child->pid);
        if ((size_t)r >= sizeof child->cgroup) {
                jk_fail(&child->no_cgroup, ENAMETOOLONG, "cgroup %s: %m", own_cgroup);
                child->cgroup[0] = '\0';
                return;
        }

        if (mkdirat(child->mount_fd, below_mount(child->cgroup), 0755) < 0) {
                jk_fail(&child->no_cgroup, errno, "cannot make the cgroup %s: %m", child->cgroup);
                child->cgroup[0] = '\0';
                return;
        }

        r = write_pid(child->mount_fd, child->cgroup, child->pid);
        if (r < 0) {
                unlinkat(child->mount_fd, below_mount(child->cgroup), AT_REMOVEDIR);
                jk_fail(&child->no_cgroup, r, "cannot move a process into the cgroup %s: %m",
                        child->cgroup);
                child->cgroup[0] = '\0';
        }
}

/* The child's side. It must be as the shell would have started it: default signals, no mask. */
static void __attribute__((noreturn)) become_command(int go_fd, int failed_fd, char *argv[])
{
        sigset_t none;
        char byte;
        int failure;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);

        if (read(go_fd, &byte, 1) != 1)
                _exit(127); /* the parent died before it said go */

        execvp(argv[0], argv);
        failure = errno;
        if (write(failed_fd, &failure, sizeof failure) < 0)
                _exit(126);
        _exit(failure == ENOENT ? 127 : 126);
}

/* CPU time of all children that were reaped. */
static int64_t
reaped_cpu_ns(void)
{
        struct rusage usage;

        getrusage(RUSAGE_CHILDREN, &usage);
        return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * JK_NS_PER_S +
               (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * JK_NS_PER_US;
}

int
jk_stat_child_start(struct jk_stat_child *child, struct jk_cgroups *cgroups, const char *root,
                    const char *own_cgroup, char *argv[], struct jk_error *err)
{
        int go[2], failed[2];

        *child = (struct jk_stat_child){ .mount_fd = -1, .cpu_before_ns = reaped_cpu_ns() };
        if (pipe2(go, O_CLOEXEC) < 0)
                return jk_fail(err, errno, "pipe: %m");
        if (pipe2(failed, O_CLOEXEC) < 0) {
                int r = jk_fail(err, errno, "pipe: %m");

                close(go[0]);
                close(go[1]);
                return r;
        }

        /* Orphans of the command come to us, so that their CPU time is not lost with them. */
        prctl(PR_SET_CHILD_SUBREAPER, 1);

        child->pid = fork();
        if (child->pid == 0)
                become_command(go[0], failed[1], argv);

        close(go[0]);
        close(failed[1]);
        child->go_fd = go[1];
        child->failed_fd = failed[0];
        if (child->pid < 0)
                return jk_fail(err, errno, "cannot fork: %m");

        child->pid_fd = (int)syscall(SYS_pidfd_open, child->pid, 0);
        if (child->pid_fd < 0)
                return jk_fail(err, errno, "pidfd_open: %m; this needs Linux 5.3 or later");

        make_cgroup(child, cgroups, root, own_cgroup);
        return 0;
}

int
jk_stat_child_go(struct jk_stat_child *child)
{
        int failure = 0;

        if (write(child->go_fd, "g", 1) < 0)
                return errno;
        if (read(child->failed_fd, &failure, sizeof failure) != (ssize_t)sizeof failure)
                return 0;

        return failure;
}

void
jk_stat_child_reap_ended(struct jk_stat_child *child)
{
        int status;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                if (pid == child->pid) {
                        child->status = status;
                        child->reaped = true;
                }
}

int
jk_stat_child_reap(struct jk_stat_child *child, int64_t *ret_cpu_ns)
{
        while (!child->reaped) {
                if (waitpid(child->pid, &child->status, 0) < 0 && errno == EINTR)
                        continue;
                child->reaped = true;
        }
        jk_stat_child_reap_ended(child);

        *ret_cpu_ns = reaped_cpu_ns() - child->cpu_before_ns;
        close(child->go_fd);
        close(child->failed_fd);
        close(child->pid_fd);
        return child->status;
}

static size_t
move_back(struct jk_stat_child *child)
{
        jk_autofclose FILE *procs = NULL;
        char path[PATH_MAX + 16];
        size_t moved = 0;
        int fd, pid;

        snprintf(path, sizeof path, "%s/cgroup.procs", below_mount(child->cgroup));
        fd = openat(child->mount_fd, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return 0;

        procs = fdopen(fd, "r");
        if (!procs) {
                close(fd);
                return 0;
        }
        while (fscanf(procs, "%d", &pid) == 1)
                moved += write_pid(child->mount_fd, child->parent, pid) == 0;

        return moved;
}

size_t
jk_stat_child_clean_up(struct jk_stat_child *child)
{
        size_t moved = 0;

        if (child->cgroup[0]) {
                /* What forks while it is being moved leaves another process behind. */
                for (int try = 0; try < 10; try++) {
                        if (unlinkat(child->mount_fd, below_mount(child->cgroup), AT_REMOVEDIR) ==
                                    0 ||
                            errno != EBUSY)
                                break;
                        moved += move_back(child);
                }
        }
        jk_cleanup_close(&child->mount_fd);
        return moved;
}
