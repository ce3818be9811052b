/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources of snapshots: see source.h. The two kinds differ in one function: how to refresh.
 */
#include "cmd/source.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/remote.h"

struct jk_source {
        int (*refresh)(struct jk_source *source, struct jk_error *err);
        struct jk_shelf *shelf;
        struct jk_engine_options options;

        struct jk_engine *engine; /* by itself */

        struct jk_client *client; /* or from an agent */
        struct jk_remote_replies replies;
        struct jk_shelf own_shelf;
        _Atomic size_t wanted[JK_DIMENSION_MAX];

        pthread_t thread;
        bool started;
        int stop_fd, news_fd;
        _Atomic int64_t interval_ns;

        pthread_mutex_t lock; /* of the report */
        struct jk_source_report report;
};

/* ---- the two kinds ---- */

static int
refresh_engine(struct jk_source *source, struct jk_error *err)
{
        int64_t interval_ns = atomic_load(&source->interval_ns);

        if (interval_ns != source->options.interval_ns) {
                source->options.interval_ns = interval_ns;
                jk_engine_reconfigure(source->engine, &source->options);
        }
        return jk_engine_tick(source->engine, err);
}

static int
refresh_agent(struct jk_source *source, struct jk_error *err)
{
        struct jk_remote_wanted wanted;

        for (int d = 0; d < JK_DIMENSION_MAX; d++)
                wanted.accounts[d] = atomic_load(&source->wanted[d]);
        return jk_remote_read(source->client, &wanted, &source->replies, &source->own_shelf, err);
}

static int
open_engine(struct jk_source *source, struct jk_error *err)
{
        int r = jk_engine_open(&source->options, &source->engine, err);

        if (r < 0)
                return r;

        source->refresh = refresh_engine;
        source->shelf = jk_engine_shelf(source->engine);
        return 0;
}

/* Only an agent that answers is one. */
static int
open_agent(struct jk_source *source, const char *address, struct jk_error *err)
{
        int r = jk_client_open(address, &source->client, err);

        if (r == 0)
                r = refresh_agent(source, err);
        if (r < 0) {
                jk_client_close(jk_steal(source->client));
                return r;
        }

        source->refresh = refresh_agent;
        source->shelf = &source->own_shelf;
        source->report.agent = true;
        snprintf(source->report.where, sizeof source->report.where, "%s", address);
        return 0;
}

/* Whoever says how to measure wants to measure. */
static bool
wants_engine(const struct jk_source *source, const char *agent)
{
        const struct jk_engine_options *options = &source->options;

        return agent ? strcmp(agent, "off") == 0
                     : options->root || options->meters || options->activity;
}

static int
open_either(struct jk_source *source, const char *agent, struct jk_error *err)
{
        struct jk_error why = { "" };
        int r;

        if (wants_engine(source, agent))
                return open_engine(source, err);

        r = open_agent(source, agent ? agent : JK_AGENT_ADDRESS, &why);
        if (r == 0)
                return 0;
        if (agent)
                return jk_fail(err, r, "%s", why.message);

        snprintf(source->report.message, sizeof source->report.message, "%s", why.message);
        return open_engine(source, err);
}

/* ---- opening and closing ---- */

int
jk_source_open(const struct jk_source_options *options, struct jk_source **ret_source,
               struct jk_error *err)
{
        struct jk_source *source = calloc(1, sizeof *source);
        int r;

        if (!source)
                return jk_fail(err, ENOMEM, "out of memory");

        source->options = options->engine;
        atomic_init(&source->interval_ns, options->engine.interval_ns);
        for (int d = 0; d < JK_DIMENSION_MAX; d++)
                atomic_init(&source->wanted[d], options->wanted > 0 ? options->wanted : SIZE_MAX);
        pthread_mutex_init(&source->lock, NULL);
        jk_shelf_init(&source->own_shelf);
        source->stop_fd = eventfd(0, EFD_CLOEXEC);
        source->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (source->stop_fd < 0 || source->news_fd < 0)
                r = jk_fail(err, errno, "eventfd: %m");
        else
                r = open_either(source, options->agent, err);
        if (r < 0) {
                jk_source_close(source);
                return r;
        }

        *ret_source = source;
        return 0;
}

static void
signal_event(int fd)
{
        uint64_t one = 1;

        /* An eventfd can only be full, and then it has been signalled already. */
        if (write(fd, &one, sizeof one) < 0)
                return;
}

void
jk_source_close(struct jk_source *source)
{
        if (!source)
                return;

        if (source->started) {
                if (source->client)
                        jk_client_cancel(source->client);
                signal_event(source->stop_fd);
                pthread_join(source->thread, NULL);
        }
        if (source->engine)
                jk_engine_close(source->engine);
        jk_client_close(source->client);
        jk_remote_replies_free(&source->replies);
        jk_shelf_destroy(&source->own_shelf);
        pthread_mutex_destroy(&source->lock);
        jk_cleanup_close(&source->stop_fd);
        jk_cleanup_close(&source->news_fd);
        free(source);
}

struct jk_shelf *
jk_source_shelf(struct jk_source *source)
{
        return source->shelf;
}

int
jk_source_fd(const struct jk_source *source)
{
        return source->news_fd;
}

void
jk_source_set_interval(struct jk_source *source, int64_t interval_ns)
{
        atomic_store(&source->interval_ns, interval_ns);
}

void
jk_source_set_wanted(struct jk_source *source, enum jk_dimension dimension, size_t wanted)
{
        atomic_store(&source->wanted[dimension], wanted);
}

void
jk_source_report(struct jk_source *source, struct jk_source_report *ret_report)
{
        pthread_mutex_lock(&source->lock);
        *ret_report = source->report;
        pthread_mutex_unlock(&source->lock);
}

/* ---- refreshing ---- */

int
jk_source_refresh(struct jk_source *source, struct jk_error *err)
{
        return source->refresh(source, err);
}

static void
refresh_and_report(struct jk_source *source)
{
        struct jk_error err = { "" };
        int r = source->refresh(source, &err);

        pthread_mutex_lock(&source->lock);
        if (r < 0 || source->report.failing)
                snprintf(source->report.message, sizeof source->report.message, "%s", err.message);
        source->report.failing = r < 0;
        pthread_mutex_unlock(&source->lock);

        signal_event(source->news_fd);
}

/* Wait for the next point of the grid, in steps, so that a shorter interval is felt soon. */
static bool
wait_until_next(struct jk_source *source, int64_t *next_ns)
{
        const int64_t step_ns = 100 * JK_NS_PER_MS;
        int64_t since_ns = *next_ns;
        struct pollfd stop = { .fd = source->stop_fd, .events = POLLIN };

        for (;;) {
                int64_t interval_ns = atomic_load(&source->interval_ns);
                int64_t left_ns = since_ns + interval_ns - jk_monotonic_ns();
                struct timespec timeout = { .tv_nsec = left_ns < step_ns ? left_ns : step_ns };

                if (left_ns <= 0) {
                        /* Late by whole intervals (the process was stopped): start a new grid. */
                        *next_ns =
                                -left_ns > interval_ns ? jk_monotonic_ns() : since_ns + interval_ns;
                        return true;
                }
                if (ppoll(&stop, 1, &timeout, NULL) > 0)
                        return false;
        }
}

static void *
run(void *data)
{
        struct jk_source *source = data;
        int64_t next_ns = jk_monotonic_ns();

        do
                refresh_and_report(source);
        while (wait_until_next(source, &next_ns));

        return NULL;
}

int
jk_source_start(struct jk_source *source, struct jk_error *err)
{
        sigset_t all, before;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&source->thread, NULL, run, source);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return jk_fail(err, r, "cannot start a thread: %m");

        source->started = true;
        return 0;
}
