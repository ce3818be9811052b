/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that speaks by lines: see child.h.
 */
#include "base/child.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define NOT_FOUND    127 /* exit statuses, as the shell's */
#define CANNOT_RUN   126
#define DYING_MS     100 /* between the end of its output and its own */
#define KILLED_MS    10  /* until one that was killed a moment ago can be started again */
#define CLOSE_MS     1000
#define READ_AT_ONCE ((size_t)64 * 1024)
#define FDS_MAX      65536 /* closed one by one, where they are not closed at once */

#ifndef SYS_close_range
#define SYS_close_range 436 /* Linux 5.9; on every architecture that this is for */
#endif

/* ---- start ---- */

/* A service may be sheltered from the kernel's search for memory; a program of the user's is not.
 * If that cannot be written, it stays as it is. */
static void
give_up_shelter(void)
{
        int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

        (void)!(fd >= 0 && write(fd, "0", 1) > 0);
}

/* Not all that a library opens goes with exec(), and what it is connected to is not the program's.
 */
static void
close_others(void)
{
        static const unsigned first = STDERR_FILENO + 1;
        struct rlimit limit;

        if (syscall(SYS_close_range, first, ~0U, 0) == 0)
                return;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > FDS_MAX)
                limit.rlim_cur = FDS_MAX;
        for (unsigned fd = first; fd < limit.rlim_cur; fd++)
                close((int)fd);
}

/* The child's side, up to its own program: only what is safe after fork() in a threaded process. */
static void __attribute__((noreturn))
become_program(pid_t parent, int in_fd, int out_fd, const char *const argv[])
{
        sigset_t none;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(CANNOT_RUN); /* it ended before that was set */

        setsid();
        setpriority(PRIO_PROCESS, 0, 0);
        give_up_shelter();
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        for (int number = 1; number < NSIG; number++)
                signal(number, SIG_DFL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);

        /* Where our own were closed, these two may be 0 and 1, and would go with exec(). */
        in_fd = fcntl(in_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        out_fd = fcntl(out_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (dup2(in_fd, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0)
                _exit(CANNOT_RUN);
        close_others();
        execvp(argv[0], (char *const *)argv); /* which it does not write to */
        _exit(errno == ENOENT ? NOT_FOUND : CANNOT_RUN);
}

struct ways {
        int in[2];  /* ours, its */
        int out[2]; /* ours, its */
};

static void
close_ways(struct ways *ways)
{
        for (int i = 0; i < 2; i++) {
                jk_cleanup_close(&ways->in[i]);
                jk_cleanup_close(&ways->out[i]);
        }
}

/* What it reads. */
static int
open_way_in(struct ways *ways, bool no_input, struct jk_error *err)
{
        if (no_input) {
                ways->in[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
                return ways->in[1] < 0 ? jk_fail(err, errno, "/dev/null: %m") : 0;
        }

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ways->in) < 0)
                return jk_fail(err, errno, "socketpair: %m");
        if (fcntl(ways->in[0], F_SETFL, O_NONBLOCK) < 0)
                return jk_fail(err, errno, "fcntl: %m");
        shutdown(ways->in[0], SHUT_RD);
        return 0;
}

static int
open_ways(struct ways *ways, bool no_input, struct jk_error *err)
{
        int r = open_way_in(ways, no_input, err);

        if (r < 0)
                return r;
        if (pipe2(ways->out, O_CLOEXEC) < 0)
                return jk_fail(err, errno, "pipe: %m");
        if (fcntl(ways->out[0], F_SETFL, O_NONBLOCK) < 0)
                return jk_fail(err, errno, "fcntl: %m");

        return 0;
}

static bool
stop_within(struct jk_child *child, int ms)
{
        struct pollfd fd = { .fd = child->pid_fd, .events = POLLIN };

        if (jk_child_stop(child))
                return true;

        poll(&fd, 1, ms);
        return jk_child_stop(child);
}

/* ---- those that were closed before they were gone ---- */

struct unreaped {
        struct unreaped *next;
        pid_t pid;
        int pid_fd;
};

/* Who closes one forgets it, and a process that is dying may take its time: in a call to a disk, or
 * for want of a CPU. A number stays its own until it is reaped, so it cannot be mistaken. */
static struct {
        pthread_mutex_t lock;
        struct unreaped *first;
} unreaped = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void
reap_earlier(void)
{
        pthread_mutex_lock(&unreaped.lock);
        for (struct unreaped **at = &unreaped.first, *one; (one = *at);) {
                if (waitpid(one->pid, NULL, WNOHANG) == 0) {
                        at = &one->next;
                        continue;
                }
                *at = one->next;
                jk_cleanup_close(&one->pid_fd);
                free(one);
        }
        pthread_mutex_unlock(&unreaped.lock);
}

/* Killed, and not gone yet: a later call reaps it. */
static void
leave_to_later(struct jk_child *child)
{
        struct unreaped *one = malloc(sizeof *one);

        if (one) {
                *one = (struct unreaped){ .pid = child->pid,
                                          .pid_fd = jk_steal_fd(&child->pid_fd) };
                pthread_mutex_lock(&unreaped.lock);
                one->next = unreaped.first;
                unreaped.first = one;
                pthread_mutex_unlock(&unreaped.lock);
        }
        jk_cleanup_close(&child->pid_fd);
        child->pid_fd = -1;
        child->pid = 0;
}

int
jk_child_start(struct jk_child *child, const char *const argv[], struct jk_error *err)
{
        __attribute__((cleanup(close_ways))) struct ways ways = { { -1, -1 }, { -1, -1 } };
        pid_t parent = getpid();
        int r;

        reap_earlier();
        if (!stop_within(child, KILLED_MS))
                return jk_fail(err, EBUSY, "the one before has not ended yet");

        r = open_ways(&ways, child->no_input, err);
        if (r < 0)
                return r;

        child->pid = fork();
        if (child->pid == 0)
                become_program(parent, ways.in[1], ways.out[1], argv);
        if (child->pid < 0) {
                child->pid = 0;
                return jk_fail(err, errno, "fork: %m");
        }

        child->pid_fd = (int)syscall(SYS_pidfd_open, child->pid, 0);
        child->in_fd = jk_steal_fd(&ways.in[0]);
        child->out_fd = jk_steal_fd(&ways.out[0]);
        child->stopped = false;
        jk_text_clear(&child->outgoing);
        child->sent = child->incoming_length = child->taken = child->looked = 0;
        return 0;
}

/* ---- talk ---- */

struct jk_text *
jk_child_outgoing(struct jk_child *child)
{
        if (child->sent == child->outgoing.length) {
                jk_text_clear(&child->outgoing);
                child->sent = 0;
        }
        return &child->outgoing;
}

void
jk_child_send(struct jk_child *child)
{
        jk_text_char(&child->outgoing, '\n');
}

/* How it ended, for people. Its output is closed a moment before it has ended; or it lives on. */
static int
tell_end(const struct jk_child *child, int64_t until_ns, struct jk_error *err)
{
        struct pollfd fd = { .fd = child->pid_fd, .events = POLLIN };
        int64_t left_ms = (until_ns - jk_monotonic_ns()) / JK_NS_PER_MS;
        siginfo_t how = { 0 };

        if (left_ms > 0)
                poll(&fd, 1, left_ms < DYING_MS ? (int)left_ms : DYING_MS);
        if (waitid(P_PID, (id_t)child->pid, &how, WEXITED | WNOHANG | WNOWAIT) < 0 ||
            how.si_pid == 0)
                return jk_fail(err, EPIPE, "it closed its output");
        if (how.si_code != CLD_EXITED)
                return jk_fail(err, EPIPE, "it was ended by signal %d", how.si_status);
        if (how.si_status == NOT_FOUND)
                return jk_fail(err, EPIPE,
                               "it was not found, or what it starts was not (exit "
                               "status 127); give its whole path");
        if (how.si_status == CANNOT_RUN)
                return jk_fail(err, EPIPE,
                               "it cannot be run (exit status 126); is it executable, "
                               "for the agent's user, too?");

        return jk_fail(err, EPIPE, "it ended with exit status %d", how.si_status);
}

/* As much as goes without waiting. That it reads no more is no failure: it may say why yet. */
static int
write_some(struct jk_child *child, struct jk_error *err)
{
        const struct jk_text *text = &child->outgoing;

        if (text->failed)
                return jk_fail(err, ENOMEM, "out of memory");
        while (child->sent < text->length) {
                ssize_t n = send(child->in_fd, text->data + child->sent, text->length - child->sent,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
                        child->sent = text->length;
                        return 0;
                }
                if (n < 0)
                        return errno == EAGAIN ? 0 : jk_fail(err, errno, "writing to it: %m");
                child->sent += (size_t)n;
        }
        return 0;
}

/* 1: something was read; 0: there is nothing now. */
static int
read_some(struct jk_child *child, int64_t until_ns, struct jk_error *err)
{
        ssize_t n;

        if (child->taken > 0) {
                memmove(child->incoming, child->incoming + child->taken,
                        child->incoming_length - child->taken);
                child->incoming_length -= child->taken;
                child->looked -= child->taken;
                child->taken = 0;
        }
        if (child->incoming_length > child->line_max)
                return jk_fail(err, EMSGSIZE, "it prints a line of more than %zu bytes",
                               child->line_max);
        if (jk_array_grow(&child->incoming, &child->incoming_capacity,
                          child->incoming_length + READ_AT_ONCE) < 0)
                return jk_fail(err, ENOMEM, "out of memory");

        n = read(child->out_fd, child->incoming + child->incoming_length, READ_AT_ONCE);
        if (n == 0)
                return tell_end(child, until_ns, err);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR
                               ? 0
                               : jk_fail(err, errno, "reading from it: %m");
        child->incoming_length += (size_t)n;
        return 1;
}

static bool
take_line(struct jk_child *child, char **ret_line, size_t *ret_length)
{
        char *newline = NULL;

        if (child->looked < child->incoming_length)
                newline = memchr(child->incoming + child->looked, '\n',
                                 child->incoming_length - child->looked);
        if (!newline) {
                child->looked = child->incoming_length;
                return false;
        }

        *newline = '\0';
        *ret_line = child->incoming + child->taken;
        *ret_length = (size_t)(newline - *ret_line);
        child->taken = child->looked = (size_t)(newline + 1 - child->incoming);
        return true;
}

/* Wait until it can be talked to. */
static void
wait_for(const struct jk_child *child, int64_t until_ns)
{
        int64_t left_ns = until_ns - jk_monotonic_ns();
        struct timespec patience = { .tv_sec = left_ns / JK_NS_PER_S,
                                     .tv_nsec = left_ns % JK_NS_PER_S };
        struct pollfd fds[] = {
                { .fd = child->out_fd, .events = POLLIN },
                { .fd = child->sent < child->outgoing.length ? child->in_fd : -1,
                  .events = POLLOUT },
        };

        if (left_ns > 0)
                ppoll(fds, JK_COUNT(fds), &patience, NULL);
}

int
jk_child_receive(struct jk_child *child, int64_t until_ns, char **ret_line, size_t *ret_length,
                 struct jk_error *err)
{
        for (;;) {
                int r;

                if (take_line(child, ret_line, ret_length))
                        return 1;
                r = write_some(child, err);
                if (r == 0)
                        r = read_some(child, until_ns, err);
                if (r < 0)
                        return r;
                if (r > 0)
                        continue;
                if (jk_monotonic_ns() >= until_ns)
                        return 0;
                wait_for(child, until_ns);
        }
}

/* ---- end ---- */

/* Its number is its own until it is reaped; whoever takes in orphans, as `stat` does, may have
 * reaped it. */
static void
kill_all(const struct jk_child *child)
{
        if (child->pid_fd >= 0 && syscall(SYS_pidfd_send_signal, child->pid_fd, 0, NULL, 0) < 0 &&
            errno == ESRCH)
                return;

        kill(-child->pid, SIGKILL);
        kill(child->pid, SIGKILL); /* it may not have its session yet */
}

void
jk_child_ask_to_end(struct jk_child *child, int ms)
{
        struct pollfd fd = { .fd = child->pid_fd, .events = POLLIN };

        if (child->pid == 0 || child->stopped)
                return;
        if (kill(-child->pid, SIGTERM) == 0 || kill(child->pid, SIGTERM) == 0)
                poll(&fd, 1, ms);
}

bool
jk_child_stop(struct jk_child *child)
{
        pid_t reaped;

        if (child->pid == 0)
                return true;

        if (!child->stopped)
                kill_all(child);
        child->stopped = true;
        jk_cleanup_close(&child->in_fd);
        jk_cleanup_close(&child->out_fd);
        child->in_fd = child->out_fd = -1;

        reaped = waitpid(child->pid, NULL, WNOHANG);
        if (reaped == 0)
                return false;

        jk_cleanup_close(&child->pid_fd); /* reaped, by us or by whoever reaps all */
        child->pid_fd = -1;
        child->pid = 0;
        return true;
}

void
jk_child_close(struct jk_child *child)
{
        reap_earlier();
        if (!stop_within(child, CLOSE_MS))
                leave_to_later(child);
        jk_text_free(&child->outgoing);
        free(child->incoming);
        child->incoming = NULL;
        child->incoming_length = child->incoming_capacity = 0;
}
