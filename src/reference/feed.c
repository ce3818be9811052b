/* SPDX-License-Identifier: Apache-2.0
 *
 * The feed: see feed.h. It runs as one long job of a worker, so that a source that never lets go
 * (a resolver, a disk that a program waits for) is left behind with what it uses.
 */
#include "reference/feed.h"

#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/worker.h"

#define RETRY_FIRST_NS JK_NS_PER_S
#define RETRY_MAX_NS   (60 * JK_NS_PER_S)

/* A source that streams may say so much a second, and so much at once beyond that. */
#define RATE_MAX  1000
#define BURST_MAX 10000

/* A program is given time to end before this one does. */
#define PATIENCE_MS 500

struct jk_feed {
        struct jk_worker *worker;
        struct jk_reference_config config;
        int stop_fd; /* eventfd: readable once it is to end */

        pthread_mutex_t lock; /* of all below */
        struct jk_feed_value values[JK_FEED_VALUES];
        size_t first, count;
        int trouble; /* 0, or a negative errno that `error` tells of */
        struct jk_error error;
        size_t n_refused; /* since it was last asked for */
        struct jk_error refusal;
};

static void
free_feed(void *data)
{
        struct jk_feed *feed = data;

        jk_cleanup_close(&feed->stop_fd);
        pthread_mutex_destroy(&feed->lock);
        free(feed);
}

/* ---- its thread ---- */

/* True if it is to end. */
static bool
wait_for_stop(struct jk_feed *feed, int64_t ns)
{
        struct pollfd fd = { .fd = feed->stop_fd, .events = POLLIN };
        struct timespec timeout = { .tv_sec = ns / JK_NS_PER_S, .tv_nsec = ns % JK_NS_PER_S };

        return ppoll(&fd, 1, &timeout, NULL) > 0;
}

static void
keep(struct jk_feed *feed, const struct jk_reference_value *said)
{
        struct jk_instant now = jk_now();

        pthread_mutex_lock(&feed->lock);
        if (feed->count == JK_FEED_VALUES)
                feed->first = (feed->first + 1) % JK_FEED_VALUES;
        else
                feed->count++;
        feed->values[(feed->first + feed->count - 1) % JK_FEED_VALUES] = (struct jk_feed_value){
                .said = *said,
                .monotonic_ns = now.monotonic_ns,
                .realtime_ns = now.realtime_ns,
        };
        feed->trouble = 0;
        pthread_mutex_unlock(&feed->lock);
}

static void
note_trouble(struct jk_feed *feed, int r, const struct jk_error *err)
{
        pthread_mutex_lock(&feed->lock);
        feed->trouble = r;
        feed->error = *err;
        pthread_mutex_unlock(&feed->lock);
}

/* Something came that is refused, and the source goes on. */
static void
note_refusal(struct jk_feed *feed, const struct jk_error *err)
{
        pthread_mutex_lock(&feed->lock);
        feed->n_refused++;
        feed->refusal = *err;
        pthread_mutex_unlock(&feed->lock);
}

/* One more, refused or not. */
static int
read_value(struct jk_feed *feed, struct jk_reference *reference, bool *ret_any,
           struct jk_error *err)
{
        const struct jk_reference_ops *ops = feed->config.ops;
        struct jk_reference_value value = { 0 };
        int r = ops->read(reference, feed->stop_fd, &value, err);

        if (r == -EAGAIN) {
                note_refusal(feed, err);
                return 0;
        }
        if (r < 0)
                return r;
        if (!isfinite(value.value))
                return jk_fail(err, EBADMSG, "wall: %s: what it says is no finite number",
                               ops->name);

        keep(feed, &value);
        *ret_any = true;
        return 0;
}

/* How much a source that streams may say yet. */
struct allowance {
        int64_t filled_ns; /* up to when what a time brings is in it */
        int64_t left_ns;   /* of RATE_MAX a second */
};

/* A flood would take a CPU of its own. */
static int
spend(struct jk_feed *feed, struct allowance *allowance, struct jk_error *err)
{
        static const int64_t price_ns = JK_NS_PER_S / RATE_MAX, most_ns = BURST_MAX * price_ns;
        int64_t now_ns = jk_monotonic_ns();

        if (wait_for_stop(feed, 0))
                return -ECANCELED;

        allowance->left_ns += now_ns - allowance->filled_ns;
        allowance->filled_ns = now_ns;
        if (allowance->left_ns > most_ns)
                allowance->left_ns = most_ns;
        allowance->left_ns -= price_ns;
        if (allowance->left_ns >= 0)
                return 0;
        return jk_fail(err, EOVERFLOW,
                       "wall: %s: it says more than %d values a second; have it say one a second",
                       feed->config.ops->name, RATE_MAX);
}

/* Until it fails, or is to end: -ECANCELED. True in *ret_any if a value came. */
static int
read_values(struct jk_feed *feed, struct jk_reference *reference, bool *ret_any,
            struct jk_error *err)
{
        int64_t due_ns = jk_monotonic_ns();
        struct allowance allowance = { .filled_ns = due_ns, .left_ns = INT64_MAX / 2 };

        for (;;) {
                int r = read_value(feed, reference, ret_any, err);
                int64_t now_ns;

                if (r == 0 && feed->config.ops->streams)
                        r = spend(feed, &allowance, err);
                if (r < 0)
                        return r;
                if (feed->config.ops->streams)
                        continue;
                now_ns = jk_monotonic_ns();
                due_ns += feed->config.interval_ns;
                if (due_ns < now_ns) /* it took longer: no burst of questions afterwards */
                        due_ns = now_ns;
                if (wait_for_stop(feed, due_ns - now_ns))
                        return -ECANCELED;
        }
}

static void
run(void *data)
{
        struct jk_feed *feed = data;
        const struct jk_reference_ops *ops = feed->config.ops;
        int64_t delay_ns = 0;

        /* Its starter takes precedence; waiting for a meter need not. */
        setpriority(PRIO_PROCESS, (id_t)gettid(), 0);
        do {
                struct jk_reference *reference = NULL;
                struct jk_error err = { "" };
                bool any = false;
                int r = ops->open(&feed->config, &reference, &err);

                if (r == 0) {
                        r = read_values(feed, reference, &any, &err);
                        ops->close(reference);
                }
                if (r == -ECANCELED)
                        return;
                note_trouble(feed, r, &err);

                if (r == -EOVERFLOW)
                        any = false; /* it does so again, likely */
                delay_ns = any || delay_ns == 0 ? RETRY_FIRST_NS : 2 * delay_ns;
                if (delay_ns > RETRY_MAX_NS)
                        delay_ns = RETRY_MAX_NS;
        } while (!wait_for_stop(feed, delay_ns));
}

/* ---- for others ---- */

int
jk_feed_start(const struct jk_reference_config *config, struct jk_feed **ret_feed,
              struct jk_error *err)
{
        struct jk_feed *feed = calloc(1, sizeof *feed);
        int r;

        if (!feed)
                return jk_fail(err, ENOMEM, "wall: out of memory");

        feed->config = *config;
        pthread_mutex_init(&feed->lock, NULL);
        feed->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = feed->stop_fd < 0 ? -errno : 0;
        feed->worker = jk_worker_new();
        if (!feed->worker)
                r = -ENOMEM;
        if (r == 0)
                r = jk_worker_run(feed->worker, run, feed, 0);
        if (r < 0 && r != -ETIMEDOUT) {
                jk_worker_free(feed->worker, free_feed);
                free_feed(feed);
                return jk_fail(err, r, "wall: cannot start a thread: %s", strerror(-r));
        }

        *ret_feed = feed;
        return 0;
}

void
jk_feed_stop(struct jk_feed *feed)
{
        uint64_t one = 1;

        if (!feed)
                return;

        if (write(feed->stop_fd, &one, sizeof one) < 0)
                return; /* cannot be: the counter is far from full */
        for (int ms = 0; ms < PATIENCE_MS && jk_worker_is_busy(feed->worker); ms++)
                usleep(1000);
        if (!jk_worker_free(feed->worker, free_feed))
                free_feed(feed);
}

size_t
jk_feed_take(struct jk_feed *feed, struct jk_feed_value ret_values[static JK_FEED_VALUES])
{
        size_t n;

        pthread_mutex_lock(&feed->lock);
        n = feed->count;
        for (size_t i = 0; i < n; i++)
                ret_values[i] = feed->values[(feed->first + i) % JK_FEED_VALUES];
        feed->count = 0;
        pthread_mutex_unlock(&feed->lock);
        return n;
}

int
jk_feed_trouble(struct jk_feed *feed, struct jk_error *err)
{
        int r;

        pthread_mutex_lock(&feed->lock);
        r = feed->trouble;
        if (r < 0 && err)
                *err = feed->error;
        pthread_mutex_unlock(&feed->lock);
        return r;
}

size_t
jk_feed_refused(struct jk_feed *feed, struct jk_error *err)
{
        size_t n;

        pthread_mutex_lock(&feed->lock);
        n = feed->n_refused;
        feed->n_refused = 0;
        if (n > 0 && err)
                *err = feed->refusal;
        pthread_mutex_unlock(&feed->lock);
        return n;
}
