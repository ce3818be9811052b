/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent: see agent.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/thread.h"
#include "cmd/agent-internal.h"
#include "cmd/agent-model.h"
#include "cmd/agent-training.h"
#include "cmd/notify.h"
#include "cmd/record-engine.h"
#include "config/rows.h"

#define MB 1000000U

/* How often a directory of models is looked at, for one that has changed. */
#define LOOK_NS (60 * JK_NS_PER_S)

/* ---- from the configuration to the options of those who use it ---- */

static struct jk_engine_options
engine_options(const struct jk_agent *agent)
{
        const struct jk_config *config = &agent->config;

        return (struct jk_engine_options){
                .root = config->root,
                .interval_ns = config->interval_ns,
                .meters = config->meters,
                .activity = config->activity,
                .model = config->model,
                .estimate_model = agent->fetched ? agent->fetched : config->estimate_model,
                .counters = config->counters,
                .events = config->events,
                .wall = agent->wall.ops ? &agent->wall : NULL,
                .ledger = { .ended_retention_ns = config->ended_retention_ns,
                            .ended_tasks_max = (size_t)config->ended_tasks_max },
        };
}

static struct jk_serve_options
serve_options(const struct jk_agent *agent)
{
        const struct jk_config *config = &agent->config;

        return (struct jk_serve_options){
                .listen = config->listen,
                .metrics_processes = config->metrics_processes,
                .metrics_cgroups = config->metrics_cgroups,
                .models = strcmp(config->models_directory, "off") == 0 ? NULL
                                                                       : config->models_directory,
                .intake = agent->intake,
        };
}

static void
apply_log_level(const struct jk_config *config)
{
        static const struct {
                const char *name;
                enum jk_log_level level;
        } rows[] = {
                { "error", JK_LOG_ERROR },   { "warning", JK_LOG_WARNING },
                { "notice", JK_LOG_NOTICE }, { "info", JK_LOG_INFO },
                { "debug", JK_LOG_DEBUG },
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                if (strcmp(rows[i].name, config->log_level) == 0)
                        jk_log_set_level(rows[i].level);
}

/* ---- open and close ---- */

static bool
has_terminal(void)
{
        jk_autoclose int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

        return fd >= 0;
}

/* nohup(1) starts us with SIGHUP ignored, so that we outlive the terminal. */
static bool
ignores_hangup(void)
{
        struct sigaction action;

        return sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static int
open_signals(struct jk_agent *agent, struct jk_error *err)
{
        sigset_t ours;

        sigemptyset(&ours);
        sigaddset(&ours, SIGTERM);
        sigaddset(&ours, SIGINT);
        sigaddset(&ours, SIGHUP);
        signal(SIGPIPE, SIG_IGN); /* a reader of the log or of HTTP that went away */

        agent->on_terminal = has_terminal() && !ignores_hangup();
        errno = pthread_sigmask(SIG_BLOCK, &ours, &agent->outside);
        if (errno)
                return jk_fail(err, errno, "signals: %m");

        agent->signal_fd = signalfd(-1, &ours, SFD_CLOEXEC);
        agent->stop_fd = eventfd(0, EFD_CLOEXEC);
        if (agent->signal_fd < 0 || agent->stop_fd < 0)
                return jk_fail(err, errno, "signals: %m");

        return 0;
}

/* Nothing that this program starts or runs needs more rights than it has. Capabilities stay as they
 * are: meters are opened again while running, and which ones that takes depends on the machine; the
 * service's unit bounds them. */
static void
give_up_new_privileges(void)
{
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                jk_log_warning("cannot set no_new_privs: %s", strerror(errno));
}

static int
open_recorder(struct jk_agent *agent, struct jk_error *err)
{
        const struct jk_config *config = &agent->config;
        struct jk_engine_options engine = engine_options(agent);
        struct jk_recording_place place = {
                .directory = config->record_directory,
                .file_bytes = (uint64_t)config->record_file_mb * MB,
                .file_age_ns = config->record_file_age_ns,
                .keep_bytes = (uint64_t)config->record_keep_mb * MB,
        };

        if (strcmp(config->record_directory, "off") == 0)
                return 0;
        return jk_record_engine(agent->engine, &engine, &place, NULL, &agent->recorder, err);
}

static int
open_server(struct jk_agent *agent, struct jk_error *err)
{
        struct jk_serve_options serve;
        int r = jk_agent_open_intake(&agent->config, &agent->intake, err);

        serve = serve_options(agent);
        if (r == 0)
                r = jk_serve_start(&serve, jk_engine_shelf(agent->engine), &agent->server, err);
        if (r == 0 && agent->intake)
                r = jk_agent_training_start(&agent->config, agent->intake, agent->server,
                                            &agent->training, err);
        return r;
}

static int
open_parts(struct jk_agent *agent, struct jk_error *err)
{
        struct jk_engine_options engine = engine_options(agent);
        int r;

        r = jk_engine_open(&engine, &agent->engine, err);
        if (r == 0)
                r = open_recorder(agent, err);
        if (r < 0)
                return r;

        if (strcmp(agent->config.listen, "off") != 0)
                r = open_server(agent, err);
        if (r < 0)
                return r;

        return jk_engine_tick(agent->engine, err); /* the baselines: from here on energy is ours */
}

int
jk_agent_open(const struct jk_settings *settings, struct jk_agent **ret_agent, struct jk_error *err)
{
        struct jk_agent *agent = calloc(1, sizeof *agent);
        int r;

        if (!agent)
                return jk_fail(err, ENOMEM, "out of memory");
        agent->settings = settings;
        agent->stop_fd = agent->signal_fd = -1;

        r = open_signals(agent, err);
        if (r == 0)
                r = jk_settings_read(settings, &agent->config, err);
        if (r == 0)
                r = jk_reference_configure(&agent->config, &agent->wall, err);
        if (r == 0) {
                apply_log_level(&agent->config);
                give_up_new_privileges();
                jk_agent_keep_memory_small();
                agent->fetched = jk_agent_fetch_model(&agent->config);
                r = open_parts(agent, err);
        }
        if (r < 0) {
                jk_agent_close(agent);
                return r;
        }

        *ret_agent = agent;
        return 0;
}

static void
stop_ticking(struct jk_agent *agent)
{
        uint64_t one = 1;

        if (!agent->ticking)
                return;

        while (write(agent->stop_fd, &one, sizeof one) < 0 && errno == EINTR)
                ;
        pthread_join(agent->thread, NULL);
        agent->ticking = false;
}

void
jk_agent_close(struct jk_agent *agent)
{
        struct jk_error err;

        /* Readers first: the server holds snapshots of the engine's shelf. */
        jk_agent_training_stop(agent->training);
        if (agent->server)
                jk_serve_stop(agent->server);
        jk_intake_close(agent->intake);
        stop_ticking(agent);
        if (agent->recorder && jk_recorder_close(agent->recorder, NULL, &err) < 0)
                jk_log_error("%s", err.message);
        if (agent->engine)
                jk_engine_close(agent->engine);

        jk_config_free(&agent->config);
        jk_cleanup_close(&agent->signal_fd);
        jk_cleanup_close(&agent->stop_fd);
        free(agent);
}

/* ---- SIGHUP ---- */

/* Take over what may change while running; say what may not. */
static void
take_over(struct jk_agent *agent, struct jk_config *fresh)
{
        char name[JK_CONFIG_NAME_SIZE];

        for (size_t i = 0; i < jk_config_n_rows; i++) {
                const struct jk_config_row *row = &jk_config_rows[i];

                if (jk_config_same(row, &agent->config, fresh))
                        continue;
                if (row->while_running)
                        jk_config_swap(row, &agent->config, fresh);
                else
                        jk_log_warning("%s changed, but stays as it is until the agent is "
                                       "restarted",
                                       jk_config_name(row, name));
        }
}

static void
reload(struct jk_agent *agent)
{
        jk_autoconfig struct jk_config fresh = { 0 };
        struct jk_engine_options engine;
        struct jk_serve_options serve;
        struct jk_error err;

        if (!agent->settings->file) {
                jk_log_notice("SIGHUP: there is no configuration file to read again; "
                              "start with --config FILE");
                return;
        }
        if (jk_settings_read(agent->settings, &fresh, &err) < 0) {
                jk_log_error("%s", err.message);
                jk_log_error("the configuration stays as it was");
                return;
        }

        take_over(agent, &fresh);
        engine = engine_options(agent);
        serve = serve_options(agent);
        apply_log_level(&agent->config);
        jk_engine_reconfigure(agent->engine, &engine);
        if (agent->recorder &&
            jk_record_reconfigured(agent->recorder, agent->engine, &engine, &err) < 0)
                jk_log_warning("recording goes on as if nothing had changed: %s", err.message);
        if (agent->server)
                jk_serve_reconfigure(agent->server, &serve);
        jk_log_notice("%s: read again", agent->settings->file);
}

/* ---- running ---- */

static void *
tick(void *data)
{
        struct jk_agent *agent = data;

        jk_thread_take_precedence();
        jk_engine_run(agent->engine, agent->stop_fd);
        return NULL;
}

/* Tell the watchdog that we live only while ticks come, or it would watch the wrong thread. */
static void
pet_watchdog(struct jk_agent *agent, int64_t watchdog_ns)
{
        struct jk_shelf *shelf = jk_engine_shelf(agent->engine);
        struct jk_snapshot *snapshot = jk_shelf_take(shelf);
        int64_t age_ns;

        if (!snapshot)
                return;

        age_ns = jk_monotonic_ns() - snapshot->time.monotonic_ns;
        jk_shelf_put_back(shelf, snapshot);
        if (age_ns < agent->config.interval_ns + watchdog_ns)
                jk_notify("WATCHDOG=1");
}

static void
notify_ready(const struct jk_agent *agent)
{
        jk_notify("READY=1\nSTATUS=Every %lld ms",
                  (long long)(agent->config.interval_ns / 1000000));
}

/* The signal that came, or 0 after the timeout. */
static int
wait_for_signal(struct jk_agent *agent, int timeout_ms)
{
        struct pollfd waiting = { .fd = agent->signal_fd, .events = POLLIN };
        struct signalfd_siginfo info;

        if (poll(&waiting, 1, timeout_ms) <= 0)
                return 0;
        if (read(agent->signal_fd, &info, sizeof info) != sizeof info)
                return 0;

        return (int)info.ssi_signo;
}

static bool
has_models(const struct jk_agent *agent)
{
        return agent->server && serve_options(agent).models;
}

/* What is due besides signals. */
static void
look_after(struct jk_agent *agent, int64_t watchdog_ns)
{
        int64_t now_ns = jk_monotonic_ns();

        if (watchdog_ns)
                pet_watchdog(agent, watchdog_ns);
        if (has_models(agent) && now_ns - agent->looked_ns >= LOOK_NS) {
                agent->looked_ns = now_ns;
                jk_agent_renew_models(agent->server, false);
        }
}

/* Until something is due; -1: never. */
static int
patience_ms(const struct jk_agent *agent, int64_t watchdog_ns)
{
        int64_t ns = watchdog_ns / 2;

        if (has_models(agent) && (ns == 0 || ns > LOOK_NS))
                ns = LOOK_NS;
        return ns == 0 ? -1 : (int)(ns / JK_NS_PER_MS);
}

/* Why the signal ends the agent, or NULL. The kernel says SIGHUP for a terminal that was closed,
 * too: an agent that took that for "read the configuration again" would go on unseen. */
static const char *
end_by(const struct jk_agent *agent, int signo)
{
        if (signo == SIGTERM)
                return "SIGTERM";
        if (signo == SIGINT)
                return "SIGINT";
        if (signo == SIGHUP && agent->on_terminal && !has_terminal())
                return "the terminal was closed";

        return NULL;
}

int
jk_agent_run(struct jk_agent *agent, struct jk_error *err)
{
        int64_t watchdog_ns = jk_notify_watchdog_ns();
        const char *reason = NULL;

        errno = pthread_create(&agent->thread, NULL, tick, agent);
        if (errno)
                return jk_fail(err, errno, "cannot start the thread that ticks: %m");
        agent->ticking = true;
        agent->looked_ns = jk_monotonic_ns();
        notify_ready(agent);
        jk_agent_forget_start();

        while (!reason) {
                int signo = wait_for_signal(agent, patience_ms(agent, watchdog_ns));

                reason = end_by(agent, signo);
                if (signo == SIGHUP && !reason) {
                        jk_notify_reloading();
                        reload(agent);
                        if (has_models(agent))
                                jk_agent_renew_models(agent->server, true);
                        notify_ready(agent);
                }
                look_after(agent, watchdog_ns);
        }

        jk_log_notice("%s: stopping", reason);
        jk_notify("STOPPING=1");
        /* From here on a second signal ends us at once. */
        pthread_sigmask(SIG_SETMASK, &agent->outside, NULL);
        return 0;
}
