/* SPDX-License-Identifier: Apache-2.0
 *
 * The source `program`: a command of the shell that goes on printing what it measures, a line each
 * (line.h). It runs as this program's user, but without the capabilities that its service gives it,
 * nor its precedence, nor its shelter from the OOM killer; and it ends with the thread that reads
 * it.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "reference/line.h"

#define LINE_MAX_BYTES 256
#define RUBBISH_MAX    10    /* so many lines in a row that say nothing: it is begun anew */
#define SILENCE_FACTOR 20    /* intervals without a line, or */
#define SILENCE_MIN_MS 60000 /* a minute: it hangs, and is begun anew */
#define GOODBYE_MS     300   /* between SIGTERM and SIGKILL */

struct jk_reference {
        pid_t pid; /* and process group */
        int fd;    /* what it prints */
        int silence_ms;
        char buffer[LINE_MAX_BYTES];
        size_t length;
        bool skipping; /* the rest of a line that was too long */
        int rubbish;
};

/* ---- the child ---- */

/* Between fork() and exec() in a program with threads: only what is safe in a signal handler. */
static void
become(const char *command, int out, pid_t parent)
{
        static const char zero[] = "0";
        int in = open("/dev/null", O_RDONLY);
        int score = open("/proc/self/oom_score_adj", O_WRONLY);
        sigset_t none;

        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* the service's are not for it */
        if (getppid() != parent)
                _exit(127);
        setpriority(PRIO_PROCESS, 0, 0);
        /* If it cannot be written, the program keeps ours: there is nothing else to do. */
        (void)!(score >= 0 && write(score, zero, sizeof zero - 1) > 0);
        signal(SIGPIPE, SIG_DFL);
        signal(SIGHUP, SIG_DFL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);

        if (in < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
                _exit(127);
        close_range(STDERR_FILENO + 1, ~0U, 0);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
}

static int
start(struct jk_reference *program, const char *command, struct jk_error *err)
{
        pid_t self = getpid();
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return jk_fail(err, errno, "wall: program: cannot make a pipe: %m");
        fcntl(ends[0], F_SETFL, O_NONBLOCK);

        program->pid = fork();
        if (program->pid == 0)
                become(command, ends[1], self);
        close(ends[1]);
        if (program->pid < 0) {
                close(ends[0]);
                return jk_fail(err, errno, "wall: program: cannot be started: %m");
        }

        setpgid(program->pid, program->pid); /* whoever comes first */
        program->fd = ends[0];
        return 0;
}

static int
program_open(const struct jk_reference_config *config, struct jk_reference **ret_reference,
             struct jk_error *err)
{
        jk_autofree struct jk_reference *program = calloc(1, sizeof *program);
        int r;

        if (!program)
                return jk_fail(err, ENOMEM, "wall: program: out of memory");

        program->silence_ms = (int)(config->interval_ns / JK_NS_PER_MS * SILENCE_FACTOR);
        if (program->silence_ms < SILENCE_MIN_MS)
                program->silence_ms = SILENCE_MIN_MS;
        r = start(program, config->command, err);
        if (r < 0)
                return r;

        *ret_reference = jk_steal(program);
        return 0;
}

static void
program_close(struct jk_reference *program)
{
        int ms = 0;

        kill(-program->pid, SIGTERM);
        while (waitpid(program->pid, NULL, WNOHANG) == 0 && ms++ < GOODBYE_MS)
                usleep(1000);
        kill(-program->pid, SIGKILL); /* and what it started */
        if (ms > GOODBYE_MS)
                waitpid(program->pid, NULL, 0);
        close(program->fd);
        free(program);
}

/* ---- lines ---- */

/* How it ended, once its output has: "exit status 127". It is left for program_close() to reap. */
static int
fail_ended(const struct jk_reference *program, struct jk_error *err)
{
        siginfo_t info = { 0 };

        for (int ms = 0; ms < GOODBYE_MS && info.si_pid == 0; ms++) {
                if (ms > 0)
                        usleep(1000);
                if (waitid(P_PID, (id_t)program->pid, &info, WEXITED | WNOWAIT | WNOHANG) < 0)
                        break;
        }
        if (info.si_pid == 0)
                return jk_fail(err, EPIPE,
                               "wall: program: it closed its output; it will be started again");

        return jk_fail(err, EPIPE, "wall: program: it ended with %s %d; it will be started again",
                       info.si_code == CLD_EXITED ? "exit status" : "signal", info.si_status);
}

/* 1 with a line in *ret_line, valid until the next call; 0: more must be read first. */
static int
next_line(struct jk_reference *program, char ret_line[static LINE_MAX_BYTES])
{
        char *end = memchr(program->buffer, '\n', program->length);
        size_t length;

        if (!end) {
                if (program->length == sizeof program->buffer) {
                        program->skipping = true;
                        program->length = 0;
                }
                return 0;
        }

        length = (size_t)(end - program->buffer);
        memcpy(ret_line, program->buffer, length);
        ret_line[length] = '\0';
        if (memchr(ret_line, '\0', length) || program->skipping)
                memcpy(ret_line, "?", sizeof "?");
        program->skipping = false;
        program->length -= length + 1;
        memmove(program->buffer, end + 1, program->length);
        return 1;
}

/* Wait for more, and read it. */
static int
read_more(struct jk_reference *program, int stop_fd, struct jk_error *err)
{
        struct pollfd fds[] = {
                { .fd = stop_fd, .events = POLLIN },
                { .fd = program->fd, .events = POLLIN },
        };
        ssize_t n;
        int r = poll(fds, 2, program->silence_ms);

        if (r < 0)
                return errno == EINTR ? 0 : -errno;
        if (fds[0].revents)
                return -ECANCELED;
        if (r == 0)
                return jk_fail(err, ETIMEDOUT,
                               "wall: program: it has printed nothing for %d s; it will be "
                               "started again",
                               program->silence_ms / 1000);

        n = read(program->fd, program->buffer + program->length,
                 sizeof program->buffer - program->length);
        if (n == 0)
                return fail_ended(program, err);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
                return jk_fail(err, errno, "wall: program: cannot be read: %m");

        program->length += n > 0 ? (size_t)n : 0;
        return 0;
}

static int
program_read(struct jk_reference *program, int stop_fd, struct jk_reference_value *ret_value,
             struct jk_error *err)
{
        char line[LINE_MAX_BYTES];

        for (;;) {
                int r;

                if (!next_line(program, line)) {
                        r = read_more(program, stop_fd, err);
                        if (r < 0)
                                return r;
                        continue;
                }

                r = jk_reference_line(line, ret_value, err);
                if (r == 0) {
                        program->rubbish = 0;
                        return 0;
                }
                if (++program->rubbish >= RUBBISH_MAX) {
                        jk_error_prefix(err, "wall: program: ");
                        return r;
                }
        }
}

const struct jk_reference_ops jk_reference_program = {
        .name = "program",
        .summary = "a command that goes on printing watts, a line each",
        .needs = { "wall-command" },
        .uncertainty_pct = 3,
        .streams = true,
        .open = program_open,
        .read = program_read,
        .close = program_close,
};
