/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading one process: see proc-read.h.
 *
 * CPU time comes from the process' CPU clock where that can be asked. /proc/PID/stat has it in
 * ticks of 10 ms only; /proc/PID/schedstat and sched have nanoseconds, but of the leading thread,
 * and without the threads that ended; one file per living thread would cost a hundred times as
 * much. The clock is exact, counts all threads ever, and takes 0.5 µs where opening, reading and
 * closing stat takes 10, so a process that did nothing costs no file at all.
 */
#include "activity/proc-read.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define CPUCLOCK_SCHED 2 /* include/linux/posix-timers_types.h; pid_to_clockid in the kernel */

int
jk_proc_clock(pid_t pid, uint64_t *ret_ns)
{
        clockid_t clock = (clockid_t)(~(unsigned int)pid << 3 | CPUCLOCK_SCHED);
        struct timespec t;

        if (clock_gettime(clock, &t) < 0)
                return errno == EINVAL ? -ESRCH
                                       : -errno; /* the kernel says EINVAL for no process */

        *ret_ns = (uint64_t)t.tv_sec * (uint64_t)JK_NS_PER_S + (uint64_t)t.tv_nsec;
        return 0;
}

/* Our pid as this proc/ lists it, which is another one if it belongs to another pid namespace, and
 * 0 if it is no live proc file system. */
static pid_t
find_self(int fd)
{
        struct statfs fs;
        char text[32];
        ssize_t n;

        if (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
                return 0;
        n = readlinkat(fd, "self", text, sizeof text - 1);
        if (n < 0)
                return 0;

        text[n] = '\0';
        return (pid_t)strtol(text, NULL, 10);
}

/* Whether the kernel lets us read what is any process' own: all but those that may do more than we.
 * Pid 1 is often one of those, so reading its file would not tell. */
static bool
may_inspect(void)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

        return syscall(SYS_capget, &header, data) == 0 &&
               (data[0].effective & (1U << CAP_SYS_PTRACE));
}

int
jk_proc_open(const struct jk_root *root, struct jk_proc *ret_proc, struct jk_error *err)
{
        struct jk_proc proc = { .ns_per_tick = (uint64_t)JK_NS_PER_S / 100, .page_size = 4096 };
        long hz = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);
        uint64_t ns;

        proc.fd = openat(root->fd, "proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (proc.fd < 0)
                return jk_fail(err, errno, "%s/proc: %m; mount proc there, or give another --root",
                               root->path);

        if (hz > 0)
                proc.ns_per_tick = (uint64_t)JK_NS_PER_S / (uint64_t)hz;
        if (page > 0)
                proc.page_size = (uint64_t)page;
        proc.self = find_self(proc.fd);
        proc.clocks = proc.self == getpid() && jk_proc_clock(proc.self, &ns) == 0;
        proc.io = may_inspect() && jk_root_exists(root, "proc/self/io");
        *ret_proc = proc;
        return 0;
}

void
jk_proc_close(struct jk_proc *proc)
{
        if (proc->fd >= 0)
                close(proc->fd);
        proc->fd = -1;
}

/* Length of the text, NUL-terminated, or a negative errno. What does not fit is cut off: what is of
 * interest comes first. */
static ssize_t
read_file(const struct jk_proc *proc, pid_t pid, const char *file, char *buffer, size_t size)
{
        jk_autoclose int fd = -1;
        char path[64];
        ssize_t n;

        snprintf(path, sizeof path, "%d/%s", pid, file);
        fd = openat(proc->fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;
        n = read(fd, buffer, size - 1);
        if (n < 0)
                return -errno;

        buffer[n] = '\0';
        return n;
}

int
jk_proc_read_stat(const struct jk_proc *proc, pid_t pid, struct jk_proc_stat *ret_stat)
{
        char text[1024];
        ssize_t n = read_file(proc, pid, "stat", text, sizeof text);

        return n < 0 ? (int)n : jk_proc_stat_parse(text, (size_t)n, ret_stat);
}

int
jk_proc_read_io(const struct jk_proc *proc, pid_t pid, uint64_t *ret_read, uint64_t *ret_written)
{
        char text[512];
        ssize_t n = read_file(proc, pid, "io", text, sizeof text);

        return n < 0 ? (int)n : jk_proc_io_parse(text, ret_read, ret_written);
}

int
jk_proc_read_owner(const struct jk_proc *proc, pid_t pid, uid_t *ret_owner)
{
        struct stat found;
        char path[32];

        snprintf(path, sizeof path, "%d", pid);
        if (fstatat(proc->fd, path, &found, 0) < 0)
                return -errno;

        *ret_owner = found.st_uid;
        return 0;
}

int
jk_proc_read_uid(const struct jk_proc *proc, pid_t pid, uid_t *ret_uid)
{
        char text[2048];
        ssize_t n = read_file(proc, pid, "status", text, sizeof text);

        return n < 0 ? (int)n : jk_proc_uid_parse(text, ret_uid);
}

int
jk_proc_read_cgroup(const struct jk_proc *proc, pid_t pid, char *buffer, size_t size)
{
        ssize_t n = read_file(proc, pid, "cgroup", buffer, size);

        return n < 0 ? (int)n : 0;
}
