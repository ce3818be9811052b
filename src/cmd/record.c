/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper record: samples to a file, while a command runs or until it is told to stop. It needs
 * no running agent; one that runs records by itself, if its configuration says so.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "cmd/command.h"
#include "cmd/interrupt.h"
#include "cmd/record-engine.h"
#include "cmd/stat.h"
#include "config/config.h"

#define DURATION_MAX_NS (366 * 24 * 3600 * JK_NS_PER_S)

struct record_options {
        struct jk_engine_options engine;
        const char *output, *from;
        int64_t duration_ns; /* 0: no end */
        struct jk_disguiser *disguiser;
};

static const struct jk_option options[] = {
        { 'o', "output", "FILE",
          "write to FILE, which must not be there yet; - is standard output" },
        { 'i', "interval", "TIME", "time between samples: 10ms to 60s (default 1s)" },
        { 'd', "duration", "TIME", "stop after so long" },
        { 0, "anonymise", NULL,
          "write numbered names instead of those of programs, users, cgroups and the machine" },
        { 0, "from", "FILE", "take the samples from a recording" },
        { 'm', "meter", "LIST", "use these meters only" },
        { 'a', "activity", "NAME", "see tasks by bpf or proc (default auto)" },
        { 'e', "events", "LIST", "count these events of each task; docs/events.md names them" },
        { 0, "root", "DIR", "read sysfs and procfs below DIR" },
};

/* ---- the command line ---- */

static int
set_duration(const struct jk_option *option, const char *value, int64_t min_ns, int64_t max_ns,
             int64_t *ret_ns)
{
        struct jk_error err = { "" };
        int64_t ns;

        if (jk_config_parse_duration(value, &ns, &err) < 0)
                return jk_usage_error(&jk_command_record, "--%s %s: %s", option->name, value,
                                      err.message);
        if (ns < min_ns || ns > max_ns)
                return jk_usage_error(&jk_command_record, "--%s %s: out of range", option->name,
                                      value);
        *ret_ns = ns;
        return 0;
}

static int
set_disguise(struct record_options *given)
{
        if (!given->disguiser)
                given->disguiser = jk_disguiser_new();
        if (given->disguiser)
                return 0;
        fprintf(stderr, "joulekeeper record: out of memory\n");
        return JK_EXIT_FAILURE;
}

static int
set_option(const struct jk_option *option, const char *value, void *data)
{
        struct record_options *given = data;

        switch (option->letter) {
        case 'o':
                given->output = value;
                return 0;
        case 'i':
                return set_duration(option, value, JK_INTERVAL_MIN_NS, JK_INTERVAL_MAX_NS,
                                    &given->engine.interval_ns);
        case 'd':
                return set_duration(option, value, 1, DURATION_MAX_NS, &given->duration_ns);
        case 'm':
                given->engine.meters = value;
                return 0;
        case 'a':
                given->engine.activity = value;
                return 0;
        case 'e':
                given->engine.events = value;
                return 0;
        default:
                break;
        }
        if (strcmp(option->name, "root") == 0)
                given->engine.root = value;
        else if (strcmp(option->name, "from") == 0)
                given->from = value;
        else
                return set_disguise(given);
        return 0;
}

/* ---- while it runs ---- */

struct recording {
        const struct record_options *given;
        struct jk_engine *engine;
        struct jk_recorder *recorder;
        int signal_fd;
        struct jk_stat_child child;
        bool has_child;
};

/* A signal ends the recording; with a command it is the command's, whose end is the recording's.
 * What the terminal sends it has got already. */
static bool
take_signal(struct recording *recording)
{
        struct signalfd_siginfo info;

        if (read(recording->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
                return false;
        if (!recording->has_child)
                return true;
        if (info.ssi_code != SI_KERNEL)
                syscall(SYS_pidfd_send_signal, recording->child.pid_fd, (int)info.ssi_signo, NULL,
                        0);
        return false;
}

static struct timespec
span(int64_t ns)
{
        return (struct timespec){
                .tv_sec = ns > 0 ? ns / JK_NS_PER_S : 0,
                .tv_nsec = ns > 0 ? ns % JK_NS_PER_S : 0,
        };
}

/* Whether there is no use in going on: who read the pipe has gone, or the disk is full. A command
 * runs to its end all the same. */
static bool
is_over(const struct recording *recording)
{
        struct jk_recorder_report report;

        jk_recorder_report(recording->recorder, &report);
        return report.over && !recording->has_child;
}

/* Tick until it is to end. A tick that fails for want of memory is made up for by the next. */
static void
record(struct recording *recording)
{
        int64_t interval_ns = recording->given->engine.interval_ns;
        int64_t due_ns = jk_monotonic_ns() + interval_ns, end_ns = INT64_MAX;
        struct pollfd fds[] = {
                { .fd = recording->signal_fd, .events = POLLIN },
                { .fd = recording->has_child ? recording->child.pid_fd : -1, .events = POLLIN },
        };

        if (recording->given->duration_ns)
                end_ns = jk_monotonic_ns() + recording->given->duration_ns;
        while (jk_monotonic_ns() < end_ns) {
                int64_t until_ns = due_ns < end_ns ? due_ns : end_ns;
                struct timespec timeout = span(until_ns - jk_monotonic_ns());
                int n = ppoll(fds, JK_COUNT(fds), &timeout, NULL);

                if (n > 0 && fds[0].revents && take_signal(recording))
                        break;
                if (n > 0 && fds[1].revents)
                        break;
                if (n == 0 && jk_monotonic_ns() >= due_ns) {
                        jk_engine_tick(recording->engine, NULL);
                        if (is_over(recording))
                                break;
                        if (recording->has_child)
                                jk_stat_child_reap_ended(&recording->child);
                        due_ns += interval_ns;
                        if (due_ns < jk_monotonic_ns())
                                due_ns = jk_monotonic_ns() + interval_ns;
                }
        }
}

/* As a shell tells it. */
static int
exit_status(int wait_status)
{
        return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static int
end_child(struct recording *recording)
{
        int64_t unused;
        int status;

        if (!recording->has_child)
                return JK_EXIT_OK;
        status = jk_stat_child_reap(&recording->child, &unused);
        jk_stat_cgroup_remove(&recording->child.cgroup);
        return exit_status(status);
}

static int
start_child(struct recording *recording, char *argv[], struct jk_error *err)
{
        const char *root = recording->given->engine.root;
        struct jk_shelf *shelf = jk_engine_shelf(recording->engine);
        struct jk_snapshot *snapshot = jk_shelf_take(shelf);
        int r = jk_stat_child_start(&recording->child, jk_engine_cgroups(recording->engine),
                                    root ? root : "", jk_stat_own_cgroup(snapshot), argv, err);

        jk_shelf_put_back(shelf, snapshot);
        if (r < 0)
                return r;
        recording->has_child = true;
        r = jk_stat_child_go(&recording->child);
        if (r == 0)
                return 0;
        end_child(recording);
        return jk_fail(err, r, "%s: %s", argv[0], strerror(r));
}

static int
open_recording(struct recording *recording, struct jk_error *err)
{
        const struct record_options *given = recording->given;
        struct jk_recording_place place = { .file = given->output };
        int r = jk_engine_open(&given->engine, &recording->engine, err);

        if (r == 0)
                r = jk_record_engine(recording->engine, &given->engine, &place, given->disguiser,
                                     &recording->recorder, err);
        if (r == 0)
                r = jk_engine_tick(recording->engine, err);
        return r;
}

static int
finish(struct recording *recording, struct jk_error *err)
{
        struct jk_recorder_report report;
        int r = jk_recorder_close(recording->recorder, &report, err);

        if (r == 0 && strcmp(recording->given->output, "-") != 0)
                fprintf(stderr, "joulekeeper record: %s: %llu ticks, %llu bytes\n",
                        recording->given->output, (unsigned long long)report.ticks,
                        (unsigned long long)report.bytes);
        return r;
}

static int
run(struct recording *recording, char *argv[], struct jk_error *err)
{
        int r = open_recording(recording, err), status = JK_EXIT_OK;

        if (r == 0 && argv[0])
                r = start_child(recording, argv, err);
        if (r == 0) {
                record(recording);
                status = end_child(recording);
                jk_engine_tick(recording->engine, NULL);
        }
        if (recording->recorder && r == 0)
                r = finish(recording, err);
        else if (recording->recorder)
                jk_recorder_abandon(recording->recorder);
        jk_engine_close(recording->engine);
        return r < 0 ? r : status;
}

/* The samples of another recording: 0 or a negative errno. */
static int
copy(const struct record_options *given, struct jk_reader *reader, struct jk_recorder *recorder,
     struct jk_error *err)
{
        struct jk_sample sample = { 0 };
        int r;

        while ((r = jk_reader_next(reader, &sample, err)) > 0) {
                jk_recorder_wait(recorder);
                jk_recorder_take(recorder, &sample, jk_reader_user, reader);
        }
        jk_sample_free(&sample);
        if (r == 0 && jk_reader_is_cut(reader))
                fprintf(stderr, "joulekeeper record: %s: it ends within a tick\n", given->from);
        return r;
}

static int
run_copy(struct recording *recording, struct jk_error *err)
{
        const struct record_options *given = recording->given;
        struct jk_recording_place place = { .file = given->output };
        struct jk_reader *reader;
        struct jk_about about;
        int r = jk_reader_open(given->from, &reader, err);

        if (r < 0)
                return r;
        about = *jk_reader_about(reader);
        r = jk_record_open(&place, &about, given->disguiser, &recording->recorder, err);
        if (r == 0) {
                struct jk_error unwritten = { "" };
                int written;

                r = copy(given, reader, recording->recorder, err);
                written = finish(recording, r < 0 ? &unwritten : err);
                r = r < 0 ? r : written;
        }
        jk_reader_close(reader);
        return r;
}

static int
record_main(const struct jk_command *command, int argc, char *argv[])
{
        struct record_options given = { .engine = JK_ENGINE_DEFAULTS };
        struct recording recording = { .given = &given };
        struct jk_error err = { "" };
        int first, r;

        first = jk_options_parse(command, options, JK_COUNT(options), argc, argv, set_option,
                                 &given);
        if (first < 0)
                return -1 - first;
        if (!given.output)
                return jk_usage_error(command, "say where to: --output FILE");
        if (given.from && argv[first])
                return jk_usage_error(command, "--from: there is no command to run");
        if (given.duration_ns && argv[first])
                return jk_usage_error(command,
                                      "--duration: a recording with a command ends when that does");

        if (given.from) {
                r = run_copy(&recording, &err);
        } else {
                signal(SIGPIPE, SIG_IGN);
                recording.signal_fd = jk_interrupt_open();
                r = recording.signal_fd < 0 ? jk_fail(&err, errno, "signals: %m")
                                            : run(&recording, argv + first, &err);
                jk_cleanup_close(&recording.signal_fd);
        }
        jk_disguiser_free(given.disguiser);
        if (r >= 0)
                return r;
        jk_say("record", err.message);
        return JK_EXIT_FAILURE;
}

const struct jk_command jk_command_record = {
        .name = "record",
        .arguments = "-o FILE [OPTION…] [-- COMMAND…]",
        .summary = "samples to a file for replay, while COMMAND runs or until stopped",
        .main = record_main,
        .details = "exit status:\n"
                   "  COMMAND's; without one 0\n"
                   "  1  could not record, or not all, and stderr says why",
};
