/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper stat: what a command cost. It needs no running agent: an engine of its own ticks
 * while the command runs, from just before it starts to just after it ends.
 */
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/root.h"
#include "cmd/command.h"
#include "cmd/stat.h"
#include "config/config.h"

#define REPEAT_MAX 10000
#define SETTLE_US  20000

struct stat_options {
        struct jk_engine_options engine;
        int64_t repeat;
        bool json;
        const char *output;
};

static const struct jk_option options[] = {
        { 'r', "repeat", "N", "run it N times; print mean and standard error" },
        { 'j', "json", NULL, "print JSON" },
        { 'o', "output", "FILE", "print to FILE instead of standard error; - is standard output" },
        { 'i', "interval", "TIME",
          "time between samples while it runs: 10ms to 60s (default 100ms)" },
        { 'm', "meter", "LIST", "use these meters only" },
        { 'a', "activity", "NAME", "see tasks by bpf or proc (default auto)" },
        { 0, "root", "DIR", "read sysfs and procfs below DIR" },
};

static int
set_interval(struct stat_options *given, const char *value)
{
        struct jk_error err = { "" };
        int64_t interval_ns;

        if (jk_config_parse_duration(value, &interval_ns, &err) < 0)
                return jk_usage_error(&jk_command_stat, "--interval %s: %s", value, err.message);
        if (interval_ns < JK_INTERVAL_MIN_NS || interval_ns > JK_INTERVAL_MAX_NS)
                return jk_usage_error(&jk_command_stat, "--interval %s: give 10ms to 60s", value);

        given->engine.interval_ns = interval_ns;
        return 0;
}

static int
set_option(const struct jk_option *option, const char *value, void *data)
{
        struct stat_options *given = data;

        switch (option->letter) {
        case 'r':
                if (jk_parse_i64(value, &given->repeat) == 0 && given->repeat >= 1 &&
                    given->repeat <= REPEAT_MAX)
                        return 0;
                return jk_usage_error(&jk_command_stat, "--repeat %s: give a number from 1 to %d",
                                      value, REPEAT_MAX);
        case 'j':
                given->json = true;
                return 0;
        case 'o':
                given->output = value;
                return 0;
        case 'i':
                return set_interval(given, value);
        case 'm':
                given->engine.meters = value;
                return 0;
        case 'a':
                given->engine.activity = value;
                return 0;
        default:
                given->engine.root = value;
                return 0;
        }
}

/* ---- one run ---- */

/* Signals meant for us go to the command. What the terminal sends (the kernel, to the whole
 * foreground group) the command has got already. True if one came that asks to end. */
static bool
pass_signals(int signal_fd, int pid_fd)
{
        struct signalfd_siginfo info;
        bool end = false;

        while (read(signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
                end |= info.ssi_signo != SIGUSR1 && info.ssi_signo != SIGUSR2;
                if (pid_fd >= 0 && info.ssi_code != SI_KERNEL)
                        syscall(SYS_pidfd_send_signal, pid_fd, (int)info.ssi_signo, NULL, 0);
        }

        return end;
}

/* Tick until the command has ended. A tick that fails for want of memory is made up for by the
 * next.
 */
static void
watch(struct jk_engine *engine, struct jk_stat_child *child, int signal_fd, int64_t interval_ns,
      bool *interrupted)
{
        struct pollfd fds[] = {
                { .fd = child->pid_fd, .events = POLLIN },
                { .fd = signal_fd, .events = POLLIN },
        };
        int64_t due_ns = jk_monotonic_ns() + interval_ns;

        for (;;) {
                int64_t left_ns = due_ns - jk_monotonic_ns();
                struct timespec timeout = {
                        .tv_sec = left_ns > 0 ? left_ns / JK_NS_PER_S : 0,
                        .tv_nsec = left_ns > 0 ? left_ns % JK_NS_PER_S : 0,
                };
                int n = ppoll(fds, JK_COUNT(fds), &timeout, NULL);

                if (n > 0 && fds[1].revents)
                        *interrupted |= pass_signals(signal_fd, child->pid_fd);
                if (n > 0 && fds[0].revents)
                        return;
                if (n == 0) {
                        jk_engine_tick(engine, NULL);
                        jk_stat_child_reap_ended(child);
                        due_ns = jk_monotonic_ns() + interval_ns;
                }
        }
}

/* End a command that did not begin. */
static void
abandon(struct jk_stat_child *child)
{
        int64_t unused;

        jk_stat_child_reap(child, &unused);
        jk_stat_cgroup_remove(&child->cgroup);
}

static int
exec_failure(struct jk_stat_child *child, const char *name, int failure)
{
        abandon(child);
        fprintf(stderr, "joulekeeper stat: %s: %s\n", name, strerror(failure));
        return failure == ENOENT ? 127 : 126;
}

static int
take_base(struct jk_engine *engine, struct jk_stat_base *ret_base, struct jk_error *err)
{
        struct jk_snapshot *snapshot;
        int r = jk_engine_tick(engine, err);

        if (r < 0)
                return r;

        snapshot = jk_shelf_take(jk_engine_shelf(engine));
        jk_stat_base_take(snapshot, ret_base);
        jk_shelf_put_back(jk_engine_shelf(engine), snapshot);
        return 0;
}

static int
conclude(struct jk_engine *engine, struct jk_stat_child *child, const struct jk_stat_base *base,
         int64_t elapsed_ns, struct jk_stat_result *ret_result, struct jk_error *err)
{
        struct jk_snapshot *snapshot;
        struct jk_stat_result result;
        size_t still_running;
        int64_t cpu_ns;
        int status, r;

        status = jk_stat_child_reap(child, &cpu_ns);
        r = jk_engine_tick(engine, err);
        if (r == 0) {
                snapshot = jk_shelf_take(jk_engine_shelf(engine));
                r = jk_stat_account(base, snapshot, child->cgroup.path, cpu_ns, elapsed_ns,
                                    &result);
                jk_shelf_put_back(jk_engine_shelf(engine), snapshot);
                if (r < 0)
                        jk_fail(err, r, "out of memory");
        }

        still_running = jk_stat_cgroup_remove(&child->cgroup);
        if (r < 0)
                return r;

        result.wait_status = status;
        result.still_running = still_running;
        *ret_result = result;
        return 0;
}

/* One repetition: 0, or the exit status to leave with. */
static int
run_once(struct jk_engine *engine, const struct stat_options *given, char *argv[], int signal_fd,
         struct jk_stat_result *ret_result, struct jk_error *no_cgroup)
{
        bool interrupted = false;
        struct jk_snapshot *snapshot = jk_shelf_take(jk_engine_shelf(engine));
        struct jk_stat_child child;
        struct jk_stat_base base;
        struct jk_error err = { "" };
        int64_t started_ns;
        int r;

        r = jk_stat_child_start(&child, jk_engine_cgroups(engine),
                                given->engine.root ? given->engine.root : "",
                                jk_stat_own_cgroup(snapshot), argv, &err);
        jk_shelf_put_back(jk_engine_shelf(engine), snapshot);
        if (r == 0) {
                r = take_base(engine, &base, &err);
                if (r < 0)
                        abandon(&child);
        }
        if (r < 0) {
                fprintf(stderr, "joulekeeper stat: %s\n", err.message);
                return JK_EXIT_FAILURE;
        }

        *no_cgroup = child.cgroup.missing;
        started_ns = jk_monotonic_ns();
        r = jk_stat_child_go(&child);
        if (r > 0)
                return exec_failure(&child, argv[0], r);

        watch(engine, &child, signal_fd, given->engine.interval_ns, &interrupted);
        r = conclude(engine, &child, &base, jk_monotonic_ns() - started_ns, ret_result, &err);
        if (r < 0) {
                fprintf(stderr, "joulekeeper stat: %s\n", err.message);
                return JK_EXIT_FAILURE;
        }

        ret_result->interrupted = interrupted || WIFSIGNALED(ret_result->wait_status);
        return 0;
}

/* ---- all of them ---- */

static int
open_signals(void)
{
        sigset_t passed;

        sigemptyset(&passed);
        sigaddset(&passed, SIGINT);
        sigaddset(&passed, SIGQUIT);
        sigaddset(&passed, SIGTERM);
        sigaddset(&passed, SIGHUP);
        sigaddset(&passed, SIGUSR1);
        sigaddset(&passed, SIGUSR2);
        sigprocmask(SIG_BLOCK, &passed, NULL);
        /* Whoever started us may ignore it, and then nothing could be waited for. */
        signal(SIGCHLD, SIG_DFL);
        return signalfd(-1, &passed, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int
complain_output(const struct stat_options *given)
{
        fprintf(stderr, "joulekeeper stat: cannot write %s: %m\n", given->output);
        return -1;
}

/* Before the command runs: hours of work are not lost to a wrong path. */
static int
open_output(const struct stat_options *given, FILE **ret_out)
{
        FILE *out = stderr;

        if (given->output && strcmp(given->output, "-") == 0)
                out = stdout;
        else if (given->output)
                out = fopen(given->output, "we");
        if (!out)
                return complain_output(given);

        *ret_out = out;
        return 0;
}

static int
print_report(const struct stat_options *given, FILE *out, const struct jk_stat_report *report)
{
        int r = 0;

        if (given->json)
                r = jk_stat_print_json(out, report);
        else
                jk_stat_print_table(out, report);

        /* Standard error that is closed or full is no reason to hide the command's status. */
        if (!given->output)
                return 0;

        return r < 0 || fflush(out) != 0 || ferror(out) ? complain_output(given) : 0;
}

/* The streams that were there before us stay open. */
static void
close_output(FILE **out)
{
        if (*out && *out != stdout && *out != stderr)
                fclose(*out);
}

/* As a shell tells it. */
static int
exit_status(int wait_status)
{
        return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static int
run_all(struct jk_engine *engine, const struct stat_options *given, char *argv[])
{
        jk_autofree struct jk_stat_result *results = calloc((size_t)given->repeat, sizeof *results);
        jk_autoclose int signal_fd = open_signals();
        struct jk_stat_report report = { .argv = argv, .results = results };
        __attribute__((cleanup(close_output))) FILE *out = NULL;
        struct jk_error no_cgroup = { "" };
        struct jk_snapshot *last;
        size_t n_runs = 0;
        int status = 0;

        if (!results || signal_fd < 0) {
                fprintf(stderr, "joulekeeper stat: %m\n");
                return JK_EXIT_FAILURE;
        }

        if (open_output(given, &out) < 0)
                return JK_EXIT_FAILURE;

        for (size_t i = 0; i < (size_t)given->repeat && status == 0; i++) {
                status = run_once(engine, given, argv, signal_fd, &results[i], &no_cgroup);
                if (status != 0)
                        return status;
                n_runs++;
                /* A command that was interrupted is not started again, however it took it. */
                if (results[i].interrupted || pass_signals(signal_fd, -1))
                        break;
        }

        /* Half a run tells nothing of a whole one: it is shown only where there is no other. */
        report.left_out = n_runs > 1 && results[n_runs - 1].interrupted;
        report.n_results = n_runs - report.left_out;

        last = jk_shelf_take(jk_engine_shelf(engine));
        report.status = &last->status;
        report.no_cgroup = no_cgroup.message;
        if (print_report(given, out, &report) < 0)
                status = JK_EXIT_FAILURE;
        jk_shelf_put_back(jk_engine_shelf(engine), last);

        if (status == 0)
                status = exit_status(results[n_runs - 1].wait_status);
        for (size_t i = 0; i < n_runs; i++)
                free(results[i].zones);
        return status;
}

/* Baselines, and a first reading of every meter: some take the time of a clock tick. */
static int
settle(struct jk_engine *engine, struct jk_error *err)
{
        int r = jk_engine_tick(engine, err);

        if (r < 0)
                return r;

        usleep(SETTLE_US);
        return jk_engine_tick(engine, err);
}

static int
stat_main(const struct jk_command *command, int argc, char *argv[])
{
        struct stat_options given = { .engine = JK_ENGINE_DEFAULTS, .repeat = 1 };
        struct jk_engine *engine;
        struct jk_error err = { "" };
        int first, r;

        given.engine.interval_ns = 100 * JK_NS_PER_MS;
        jk_log_set_level(JK_LOG_ERROR); /* what is missing is said under the table */

        first = jk_options_parse(command, options, JK_COUNT(options), argc, argv, set_option,
                                 &given);
        if (first < 0)
                return -1 - first;
        if (first == argc)
                return jk_usage_error(command, "give the command to run: joulekeeper stat -- make");

        r = jk_engine_open(&given.engine, &engine, &err);
        if (r == 0)
                r = settle(engine, &err);
        if (r < 0) {
                fprintf(stderr, "joulekeeper stat: %s\n", err.message);
                return JK_EXIT_FAILURE;
        }

        r = run_all(engine, &given, argv + first);
        jk_engine_close(engine);
        return r;
}

const struct jk_command jk_command_stat = {
        .name = "stat",
        .arguments = "[OPTION…] [--] COMMAND [ARGUMENT…]",
        .summary = "run a command and say what energy it used",
        .main = stat_main,
};
