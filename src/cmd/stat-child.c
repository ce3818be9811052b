/* SPDX-License-Identifier: Apache-2.0
 *
 * The command of `stat`: forked, put into a cgroup of its own (stat-cgroup.c), held until the
 * baseline is taken.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/stat.h"

/* The child's side. It must be as the shell would have started it: default signals, no mask. */
static void __attribute__((noreturn)) become_command(int go_fd, int failed_fd, char *argv[])
{
        sigset_t none;
        char byte;
        int failure;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);

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

        *child = (struct jk_stat_child){
                .cgroup = JK_STAT_NO_CGROUP,
                .cpu_before_ns = reaped_cpu_ns(),
        };
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
        if (child->pid == 0) {
                close(go[1]); /* or it would wait for itself */
                become_command(go[0], failed[1], argv);
        }

        close(go[0]);
        close(failed[1]);
        child->go_fd = go[1];
        child->failed_fd = failed[0];
        if (child->pid < 0) {
                int r = jk_fail(err, errno, "cannot fork: %m");

                close(go[1]);
                close(failed[0]);
                return r;
        }

        child->pid_fd = (int)syscall(SYS_pidfd_open, child->pid, 0);
        if (child->pid_fd < 0) {
                int r = jk_fail(err, errno, "pidfd_open: %m; this needs Linux 5.3 or later");
                int64_t unused;

                jk_stat_child_reap(child, &unused);
                return r;
        }

        jk_stat_cgroup_make(&child->cgroup, root, jk_cgroups_mount(cgroups), own_cgroup,
                            child->pid);
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
        close(child->go_fd); /* one that still waits for it ends */
        while (!child->reaped) {
                if (waitpid(child->pid, &child->status, 0) < 0 && errno == EINTR)
                        continue;
                child->reaped = true;
        }
        jk_stat_child_reap_ended(child);

        *ret_cpu_ns = reaped_cpu_ns() - child->cpu_before_ns;
        close(child->failed_fd);
        if (child->pid_fd >= 0)
                close(child->pid_fd);
        return child->status;
}
