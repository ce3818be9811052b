/* SPDX-License-Identifier: Apache-2.0
 *
 * The grid of ticks: every interval from the first on, without drift. A tick that comes late keeps
 * the grid; grid points that passed meanwhile are counted as missed, and their time is in the next
 * tick's Δt, because Δt is always measured.
 */
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/engine-internal.h"

#define LATE_FRACTION   10 /* later than a tenth of the interval is late */
#define FIRST_WITHIN_NS JK_NS_PER_S

int
jk_engine_open_timing(struct jk_engine *engine, struct jk_error *err)
{
        engine->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (engine->wake_fd < 0)
                return jk_fail(err, errno, "engine: eventfd: %m");

        return 0;
}

static struct jk_engine_changes
read_wanted(struct jk_engine *engine)
{
        struct jk_engine_changes wanted;

        pthread_mutex_lock(&engine->lock);
        wanted = engine->wanted;
        pthread_mutex_unlock(&engine->lock);

        return wanted;
}

void
jk_engine_take_over(struct jk_engine *engine)
{
        struct jk_engine_changes wanted = read_wanted(engine);

        if (wanted.interval_ns != engine->current.interval_ns)
                jk_meters_set_interval(engine->meters, wanted.interval_ns);
        engine->current.interval_ns = wanted.interval_ns;
        if (wanted.ledger.ended_retention_ns == engine->current.ledger.ended_retention_ns &&
            wanted.ledger.ended_tasks_max == engine->current.ledger.ended_tasks_max)
                return;

        /* It is tried again in the next tick. */
        if (jk_ledger_reconfigure(engine->ledger, &wanted.ledger) == 0)
                engine->current.ledger = wanted.ledger;
}

void
jk_engine_reconfigure(struct jk_engine *engine, const struct jk_engine_options *options)
{
        pthread_mutex_lock(&engine->lock);
        engine->wanted.interval_ns = options->interval_ns;
        engine->wanted.ledger = options->ledger;
        pthread_mutex_unlock(&engine->lock);

        /* It can only fail when the counter is full, and then it is awake already. */
        if (eventfd_write(engine->wake_fd, 1) < 0)
                return;
}

enum wait_result { WAIT_TICK, WAIT_STOP, WAIT_RECONFIGURED };

static enum wait_result
wait_until(struct jk_engine *engine, int64_t due_ns, int stop_fd)
{
        struct pollfd fds[] = {
                { .fd = stop_fd, .events = POLLIN },
                { .fd = engine->wake_fd, .events = POLLIN },
        };

        for (;;) {
                int64_t left_ns = due_ns - jk_monotonic_ns();
                struct timespec timeout = {
                        .tv_sec = left_ns > 0 ? left_ns / JK_NS_PER_S : 0,
                        .tv_nsec = left_ns > 0 ? left_ns % JK_NS_PER_S : 0,
                };
                int n = ppoll(fds, 2, &timeout, NULL);

                if (n > 0 && fds[0].revents)
                        return WAIT_STOP;
                if (n > 0 && fds[1].revents) {
                        eventfd_t unused;

                        if (eventfd_read(engine->wake_fd, &unused) == 0)
                                return WAIT_RECONFIGURED;
                }
                if (n == 0 && due_ns <= jk_monotonic_ns())
                        return WAIT_TICK;
        }
}

static int64_t
earlier(int64_t a_ns, int64_t b_ns)
{
        return a_ns < b_ns ? a_ns : b_ns;
}

/* The next point of the grid after a tick that was due at due_ns. */
static int64_t
next_due(struct jk_engine *engine, int64_t due_ns, int64_t interval_ns)
{
        int64_t behind_ns = jk_monotonic_ns() - due_ns;
        int64_t missed = behind_ns / interval_ns;

        engine->missed_ticks += (uint64_t)missed;
        return due_ns + (missed + 1) * interval_ns;
}

/* Where the baselines are taken already, the first tick does not follow at once: over a few
 * milliseconds the steps in which counters move would show as a spike. With a long interval it
 * still comes soon, as the agent is ready only then. */
static int64_t
first_due(const struct jk_engine *engine, int64_t interval_ns)
{
        int64_t now_ns = jk_monotonic_ns();

        if (engine->ticks == 0)
                return now_ns;

        return now_ns + (interval_ns < FIRST_WITHIN_NS ? interval_ns : FIRST_WITHIN_NS);
}

void
jk_engine_run(struct jk_engine *engine, int stop_fd)
{
        int64_t interval_ns = read_wanted(engine).interval_ns;
        int64_t due_ns = first_due(engine, interval_ns);
        struct jk_error why = { "" };

        for (;;) {
                enum wait_result result = wait_until(engine, due_ns, stop_fd);

                if (result == WAIT_STOP)
                        return;
                if (result == WAIT_RECONFIGURED) {
                        /* Never later than it was due: reconfiguring again and again must not
                         * keep the tick from coming. */
                        interval_ns = read_wanted(engine).interval_ns;
                        due_ns = earlier(due_ns, jk_monotonic_ns() + interval_ns);
                        continue;
                }

                if (jk_monotonic_ns() - due_ns > interval_ns / LATE_FRACTION)
                        engine->late_ticks++;
                if (jk_engine_tick(engine, &why) < 0)
                        jk_log_error("%s", why.message);
                due_ns = next_due(engine, due_ns, interval_ns);
        }
}
