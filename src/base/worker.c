/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker: see worker.h.
 */
#include "base/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

#define STACK_BYTES (256 * 1024) /* of which only what is touched counts */

struct jk_worker {
        pthread_t thread;
        bool started;

        pthread_mutex_t lock;
        pthread_cond_t changed;
        void (*job)(void *data); /* to be done, or being done; NULL: idle */
        void *data;
        bool stop;
        void (*leave)(void *data); /* its owner is gone: it frees itself */
};

struct jk_worker *
jk_worker_new(void)
{
        struct jk_worker *worker = calloc(1, sizeof *worker);
        pthread_condattr_t attributes;

        if (!worker)
                return NULL;

        pthread_mutex_init(&worker->lock, NULL);
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&worker->changed, &attributes);
        pthread_condattr_destroy(&attributes);
        return worker;
}

static void
destroy(struct jk_worker *worker)
{
        pthread_cond_destroy(&worker->changed);
        pthread_mutex_destroy(&worker->lock);
        free(worker);
}

static void *
work(void *argument)
{
        struct jk_worker *worker = argument;
        void (*leave)(void *data) = NULL;
        void *data = NULL;

        pthread_mutex_lock(&worker->lock);
        while (!leave) {
                while (!worker->job && !worker->stop)
                        pthread_cond_wait(&worker->changed, &worker->lock);
                if (!worker->job)
                        break;

                data = worker->data;
                pthread_mutex_unlock(&worker->lock);
                worker->job(data);
                pthread_mutex_lock(&worker->lock);

                worker->job = NULL;
                leave = worker->leave;
                pthread_cond_broadcast(&worker->changed);
        }
        pthread_mutex_unlock(&worker->lock);

        if (leave) {
                leave(data);
                destroy(worker);
        }
        return NULL;
}

static int
start(struct jk_worker *worker)
{
        pthread_attr_t attributes;
        sigset_t all, before;
        int r;

        if (worker->started)
                return 0;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, STACK_BYTES);
        r = pthread_create(&worker->thread, &attributes, work, worker);
        pthread_attr_destroy(&attributes);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        worker->started = r == 0;
        return -r;
}

bool
jk_worker_free(struct jk_worker *worker, void (*leave)(void *data))
{
        bool busy;

        if (!worker)
                return false;

        pthread_mutex_lock(&worker->lock);
        busy = worker->job;
        worker->stop = true;
        if (busy) {
                worker->leave = leave;
                pthread_detach(worker->thread);
        }
        pthread_cond_broadcast(&worker->changed);
        pthread_mutex_unlock(&worker->lock);

        /* Its thread may have freed it by now. */
        if (busy)
                return true;
        if (worker->started)
                pthread_join(worker->thread, NULL);
        destroy(worker);
        return false;
}

static struct timespec
moment(int64_t monotonic_ns)
{
        return (struct timespec){
                .tv_sec = monotonic_ns / JK_NS_PER_S,
                .tv_nsec = monotonic_ns % JK_NS_PER_S,
        };
}

int
jk_worker_run(struct jk_worker *worker, void (*job)(void *data), void *data, int64_t patience_ns)
{
        struct timespec until = moment(jk_monotonic_ns() + patience_ns);
        int r = start(worker);

        if (r < 0)
                return r;

        pthread_mutex_lock(&worker->lock);
        if (worker->job) {
                pthread_mutex_unlock(&worker->lock);
                return -EBUSY;
        }

        worker->job = job;
        worker->data = data;
        pthread_cond_broadcast(&worker->changed);
        while (worker->job && r == 0)
                r = -pthread_cond_timedwait(&worker->changed, &worker->lock, &until);
        if (!worker->job)
                r = 0;
        pthread_mutex_unlock(&worker->lock);
        return r;
}

bool
jk_worker_is_busy(struct jk_worker *worker)
{
        bool busy;

        pthread_mutex_lock(&worker->lock);
        busy = worker->job;
        pthread_mutex_unlock(&worker->lock);
        return busy;
}
