/* SPDX-License-Identifier: Apache-2.0
 *
 * Training by recordings that others send: see agent-training.h. Checking comes first and at once,
 * as senders wait for it; training rests nine times the CPU time that it took, so that it takes at
 * most a tenth of one CPU, however many send.
 */
#include "cmd/agent-training.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/agent-model.h"
#include "cmd/lessons.h"
#include "reference/web.h"

#define MB 1000000U

#define PATIENCE_NS (1800 * JK_NS_PER_S) /* for a process that does not end */
#define LOOK_NS     (200 * JK_NS_PER_MS) /* how soon it is seen that the agent ends */
#define REST        9
#define LINE_MAX    4096
#define DYING_MS    5000 /* between the end of its output and its own, as it has no precedence */

enum ending {
        ENDED_WELL,
        ENDED_BY_FAULT,   /* of its own, or by its CPU time: what it read may be why */
        ENDED_OTHERWISE,  /* the machine may be why */
        ENDED_WITH_AGENT, /* it was stopped */
};

struct jk_agent_training {
        const struct jk_config *config;
        struct jk_intake *intake;
        struct jk_server *server;
        int stop_fd;
        pthread_t thread;

        /* the thread's own */
        char checking[JK_INTAKE_ID_SIZE]; /* the recording that is looked at; "": none */
        char lesson[JK_LESSON_NAME_MAX];  /* the model that is trained; "": none */
        bool due;                         /* models may have to be trained */
        bool trained;                     /* one was */
        bool unchecked;                   /* some are left to be checked */
        bool put_off;                     /* … which the machine did not let be checked */
        struct jk_delay checks, runs;     /* until they are tried again; runs: of training */
        struct jk_lessons lessons;
        int64_t rest_until_ns;
};

/* ---- the intake ---- */

/* Where models come to: made, as the directory of recordings is. */
static int
make_directory(const char *path, struct jk_error *err)
{
        if (strcmp(path, "off") == 0 || mkdir(path, 0755) == 0 || errno == EEXIST)
                return 0;

        return jk_fail(err, errno, "models.directory: %s: it cannot be made: %m", path);
}

int
jk_agent_open_intake(const struct jk_config *config, struct jk_intake **ret_intake,
                     struct jk_error *err)
{
        char token[JK_CREDENTIALS_MAX] = "";
        const struct jk_intake_options options = {
                .directory = config->models_accept,
                .token = token,
                .recording_bytes_max = (uint64_t)config->models_accept_mb * MB,
                .bytes_max = (uint64_t)config->models_accept_total_mb * MB,
                .recordings_max = (size_t)config->models_accept_recordings,
        };
        int r = 0;

        *ret_intake = NULL;
        if (strcmp(config->models_accept, "off") == 0)
                return 0;
        if (*config->models_token)
                r = jk_credentials_read(config->models_token, token, err);
        else
                jk_log_warning("models.accept: nobody may send recordings, as models.token names "
                               "no file with a token");
        if (r == 0)
                r = make_directory(config->models_directory, err);
        if (r == 0)
                r = jk_intake_open(&options, ret_intake, err);
        explicit_bzero(token, sizeof token);
        return r;
}

/* ---- models ---- */

/* It is left out of training for a while, so that the others get their turn. */
static void
put_off(struct jk_agent_training *training, const char *name, size_t length)
{
        if (jk_lessons_put_off(&training->lessons, name, length, jk_monotonic_ns()))
                training->due = true;
}

/* A line about one that went well begins with its name and a colon. */
static void
forget_lesson(struct jk_agent_training *training, const char *line)
{
        jk_lessons_forget(&training->lessons, line, strcspn(line, ":"));
        training->lesson[0] = '\0';
}

/* ---- what the process says ---- */

static void
tell_taken(struct jk_agent_training *training, const char *line)
{
        struct jk_intake_result result = { .state = JK_INTAKE_TAKEN };
        unsigned long long ticks;
        char whole[6];

        if (sscanf(line, "%32s %64s %llu %5s", result.id, result.sha256, &ticks, whole) != 4)
                return;

        result.ticks = ticks;
        result.cut = strcmp(whole, "cut") == 0;
        jk_intake_tell(training->intake, &result);
        jk_log_info("models.accept: took a recording of %llu ticks%s", ticks,
                    result.cut ? ", which ends within one" : "");
        training->checking[0] = '\0';
        training->due = true;
}

static void
refuse(struct jk_agent_training *training, const char *id, const char *reason)
{
        struct jk_intake_result result = { .state = JK_INTAKE_REFUSED };

        snprintf(result.id, sizeof result.id, "%s", id);
        snprintf(result.reason, sizeof result.reason, "%s", reason);
        jk_intake_tell(training->intake, &result);
        jk_log_info("models.accept: refused a recording: %s", result.reason);
        training->checking[0] = '\0';
}

static void
tell_refused(struct jk_agent_training *training, const char *line)
{
        char id[JK_INTAKE_ID_SIZE];

        if (sscanf(line, "%32s", id) == 1 && line[strlen(id)] == ' ')
                refuse(training, id, line + strlen(id) + 1);
}

static void
tell_checking(struct jk_agent_training *training, const char *line)
{
        snprintf(training->checking, sizeof training->checking, "%s", line);
}

/* The machine did not let it be checked. */
static void
tell_later(struct jk_agent_training *training, const char *line)
{
        jk_log_warning("models.accept: a recording is checked later: %s",
                       line + strcspn(line, " "));
        training->checking[0] = '\0';
        training->put_off = true;
}

static void
tell_training(struct jk_agent_training *training, const char *line)
{
        snprintf(training->lesson, sizeof training->lesson, "%s", line);
}

/* The machine did not let it be trained. */
static void
tell_failed(struct jk_agent_training *training, const char *line)
{
        jk_log_warning("models: not trained yet: %s", line);
        put_off(training, line, strcspn(line, ":"));
        training->lesson[0] = '\0';
}

static void
tell_trained(struct jk_agent_training *training, const char *line)
{
        training->trained = true;
        forget_lesson(training, line);
        jk_log_notice("models: trained %s", line);
}

/* There is one by just these recordings. */
static void
tell_known(struct jk_agent_training *training, const char *line)
{
        forget_lesson(training, line);
}

static void
tell_left(struct jk_agent_training *training, const char *line)
{
        forget_lesson(training, line);
        jk_log_warning("models: not trained: %s", line);
}

static void
take_line(struct jk_agent_training *training, const char *line)
{
        static const struct {
                const char *begins;
                void (*tell)(struct jk_agent_training *training, const char *line);
        } rows[] = {
                { "checking ", tell_checking }, { "taken ", tell_taken },
                { "refused ", tell_refused },   { "later ", tell_later },
                { "training ", tell_training }, { "trained ", tell_trained },
                { "left ", tell_left },         { "failed ", tell_failed },
                { "known ", tell_known },
        };

        for (size_t i = 0; i < JK_COUNT(rows); i++)
                if (strncmp(line, rows[i].begins, strlen(rows[i].begins)) == 0)
                        rows[i].tell(training, line + strlen(rows[i].begins));
}

/* ---- the process ---- */

static bool
waits_to_stop(const struct jk_agent_training *training)
{
        struct pollfd fd = { .fd = training->stop_fd, .events = POLLIN };

        return poll(&fd, 1, 0) > 0;
}

/* Listen to it until it ends: 0; or -ECANCELED: the agent does; or how else it ended. */
static int
hear_out(struct jk_agent_training *training, struct jk_child *child, struct jk_error *err)
{
        int64_t until_ns = jk_monotonic_ns() + PATIENCE_NS;
        size_t length;
        char *line;

        for (;;) {
                int r = jk_child_receive(child, jk_monotonic_ns() + LOOK_NS, &line, &length, err);

                if (r > 0)
                        take_line(training, line);
                else if (waits_to_stop(training))
                        return -ECANCELED;
                else if (r < 0)
                        return r;
                else if (jk_monotonic_ns() > until_ns)
                        return jk_fail(err, ETIMEDOUT, "it does not end");
        }
}

/* A signal that others send says nothing of what it read. */
static enum ending
find_ending(const struct jk_child *child)
{
        static const int faults[] = { SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGXCPU };
        struct pollfd fd = { .fd = child->pid_fd, .events = POLLIN };
        siginfo_t how = { 0 };

        poll(&fd, 1, DYING_MS);
        if (waitid(P_PID, (id_t)child->pid, &how, WEXITED | WNOHANG | WNOWAIT) < 0 ||
            how.si_pid == 0)
                return ENDED_OTHERWISE;
        if (how.si_code == CLD_EXITED)
                return how.si_status == 0 ? ENDED_WELL : ENDED_OTHERWISE;
        for (size_t i = 0; i < JK_COUNT(faults); i++)
                if (how.si_status == faults[i])
                        return ENDED_BY_FAULT;
        return ENDED_OTHERWISE;
}

/* No other is started while it may still write. */
static void
reap(const struct jk_agent_training *training, struct jk_child *child)
{
        const struct timespec pause = { .tv_nsec = LOOK_NS };

        while (!jk_child_stop(child) && !waits_to_stop(training))
                nanosleep(&pause, NULL);
        jk_child_close(child);
}

static enum ending
run(struct jk_agent_training *training, const char *const argv[])
{
        struct jk_child child = JK_CHILD_NONE(LINE_MAX);
        enum ending ending = ENDED_OTHERWISE;
        struct jk_error err = { "" };
        int r;

        training->checking[0] = training->lesson[0] = '\0';
        training->unchecked = training->put_off = false;
        r = jk_child_start(&child, argv, &err);
        if (r == 0)
                r = hear_out(training, &child, &err);
        if (r == -EPIPE)
                ending = find_ending(&child);
        else if (r == -ECANCELED)
                ending = ENDED_WITH_AGENT;
        reap(training, &child);

        if (ending == ENDED_BY_FAULT || ending == ENDED_OTHERWISE)
                jk_log_warning("models.accept: checking or training failed, and is tried again: "
                               "%s%s%s",
                               training->lesson, *training->lesson ? ": " : "", err.message);
        return ending == ENDED_WELL && training->put_off ? ENDED_OTHERWISE : ending;
}

/* ---- checking ---- */

/* only: the one that is; "": all. */
static enum ending
run_check(struct jk_agent_training *training, const char *only)
{
        const char *const argv[] = {
                "/proc/self/exe",
                "model",
                "learn",
                "--background",
                "--check",
                "--recordings",
                training->config->models_accept,
                *only ? "--only" : NULL,
                only,
                NULL,
        };

        return run(training, argv);
}

static void
remove_culprit(struct jk_agent_training *training, const char *id)
{
        jk_autotext struct jk_text path = { 0 };

        jk_text_printf(&path, "%s/" JK_INTAKE_INCOMING "/%s" JK_INTAKE_SUFFIX,
                       training->config->models_accept, id);
        if (!path.failed)
                unlink(path.data);
        refuse(training, id, "checking it failed twice, by a fault or for more than ten minutes");
}

/* The one that was being checked at a fault is tried alone, with a budget of its own; it goes only
 * if it fails again. Whatever else happens, it stays, and is tried later. */
static void
conclude(struct jk_agent_training *training, enum ending ending)
{
        char suspect[JK_INTAKE_ID_SIZE];

        snprintf(suspect, sizeof suspect, "%s", training->checking);
        if (ending == ENDED_BY_FAULT && strspn(suspect, "0123456789abcdef") == sizeof suspect - 1) {
                ending = run_check(training, suspect);
                if (ending == ENDED_BY_FAULT && strcmp(training->checking, suspect) == 0) {
                        remove_culprit(training, suspect);
                        ending = ENDED_WELL;
                }
                training->unchecked = ending == ENDED_WELL; /* those after it */
        }

        if (ending == ENDED_WELL)
                training->checks = (struct jk_delay){ 0 };
        else if (ending != ENDED_WITH_AGENT)
                jk_delay_more(&training->checks, jk_monotonic_ns());
}

static void
check(struct jk_agent_training *training)
{
        conclude(training, run_check(training, ""));
}

/* ---- training ---- */

static bool
trains(const struct jk_agent_training *training)
{
        return strcmp(training->config->models_directory, "off") != 0;
}

/* CPU time of processes that were waited for. */
static int64_t
spent_ns(void)
{
        struct rusage usage;

        if (getrusage(RUSAGE_CHILDREN, &usage) < 0)
                return 0;
        return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * JK_NS_PER_S +
               (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

/* What was not put off then, and has not failed again, is good, or there is nothing to train it by
 * any more. */
static void
end_well(struct jk_agent_training *training, int64_t begin_ns)
{
        training->runs = (struct jk_delay){ 0 };
        jk_lessons_forget_due(&training->lessons, begin_ns);
}

/* It failed before or between models. */
static void
train_later(struct jk_agent_training *training, enum ending ending)
{
        jk_delay_more(&training->runs, jk_monotonic_ns());
        if (training->rest_until_ns < training->runs.until_ns)
                training->rest_until_ns = training->runs.until_ns;
        training->due = true;
        conclude(training, ending);
}

static void
train(struct jk_agent_training *training)
{
        jk_autotext struct jk_text skip = { 0 };
        const char *const argv[] = {
                "/proc/self/exe",
                "model",
                "learn",
                "--background",
                "--recordings",
                training->config->models_accept,
                "--output",
                training->config->models_directory,
                "--skip",
                jk_lessons_list(&training->lessons, jk_monotonic_ns(), &skip),
                NULL,
        };
        int64_t before_ns = spent_ns();
        int64_t begin_ns = jk_monotonic_ns();
        enum ending ending;

        training->due = training->trained = false;
        ending = run(training, argv);
        training->rest_until_ns = jk_monotonic_ns() + REST * (spent_ns() - before_ns);
        if (training->lesson[0] && ending != ENDED_WITH_AGENT)
                put_off(training, training->lesson, strlen(training->lesson));
        else if (ending == ENDED_WELL)
                end_well(training, begin_ns);
        else
                train_later(training, ending);
        if (training->trained && training->server)
                jk_agent_renew_models(training->server, true);
}

/* ---- the thread ---- */

static void
see_what_is_due(struct jk_agent_training *training)
{
        if (jk_lessons_next_ns(&training->lessons) <= jk_monotonic_ns())
                training->due = true;
}

/* Monotonic; INT64_MAX: not until something comes. */
static int64_t
next_work_ns(const struct jk_agent_training *training)
{
        int64_t at_ns = INT64_MAX;

        if (training->unchecked)
                return 0;
        if (trains(training))
                at_ns = training->due ? 0 : jk_lessons_next_ns(&training->lessons);
        if (at_ns < training->rest_until_ns)
                at_ns = training->rest_until_ns;
        if (training->checks.failures > 0 && training->checks.until_ns < at_ns)
                at_ns = training->checks.until_ns;
        return at_ns;
}

/* Until something has come or is to be tried again, training is due and has rested, or the agent
 * ends (false). */
static bool
wait_for_work(struct jk_agent_training *training)
{
        struct pollfd fds[] = {
                { .fd = training->stop_fd, .events = POLLIN },
                { .fd = jk_intake_arrival_fd(training->intake), .events = POLLIN },
        };
        int64_t at_ns = next_work_ns(training), left_ns = at_ns - jk_monotonic_ns();
        int timeout_ms = -1;
        eventfd_t n;

        if (at_ns < INT64_MAX)
                timeout_ms = left_ns > 0 ? (int)(left_ns / JK_NS_PER_MS + 1) : 0;
        poll(fds, JK_COUNT(fds), timeout_ms);
        if (fds[1].revents & POLLIN)
                eventfd_read(fds[1].fd, &n);
        return !(fds[0].revents & POLLIN);
}

static void *
work(void *data)
{
        struct jk_agent_training *training = data;

        do {
                check(training);
                see_what_is_due(training);
                if (training->due && trains(training) &&
                    jk_monotonic_ns() >= training->rest_until_ns)
                        train(training);
        } while (wait_for_work(training));
        return NULL;
}

static int
start_thread(struct jk_agent_training *training, struct jk_error *err)
{
        sigset_t all, before;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&training->thread, NULL, work, training);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return jk_fail(err, r, "models.accept: cannot start a thread: %s", strerror(r));

        pthread_setname_np(training->thread, "jk-training");
        return 0;
}

static void
free_training(struct jk_agent_training *training)
{
        jk_cleanup_close(&training->stop_fd);
        free(training);
}

int
jk_agent_training_start(const struct jk_config *config, struct jk_intake *intake,
                        struct jk_server *server, struct jk_agent_training **ret_training,
                        struct jk_error *err)
{
        struct jk_agent_training *training = calloc(1, sizeof *training);
        int r = 0;

        if (!training)
                return jk_fail(err, ENOMEM, "models.accept: out of memory");

        *training = (struct jk_agent_training){
                .config = config,
                .intake = intake,
                .server = server,
                .due = true, /* what came before the agent was started */
                .stop_fd = eventfd(0, EFD_CLOEXEC),
        };
        if (training->stop_fd < 0)
                r = jk_fail(err, errno, "models.accept: eventfd: %m");
        if (r == 0 && !trains(training))
                jk_log_warning("models.accept: recordings are kept, and no model is trained, as "
                               "models.directory is off");
        if (r == 0)
                r = start_thread(training, err);
        if (r < 0) {
                free_training(training);
                return r;
        }

        *ret_training = training;
        return 0;
}

void
jk_agent_training_stop(struct jk_agent_training *training)
{
        if (!training)
                return;

        eventfd_write(training->stop_fd, 1);
        pthread_join(training->thread, NULL);
        free_training(training);
}
