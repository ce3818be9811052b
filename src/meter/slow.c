/* SPDX-License-Identifier: Apache-2.0
 *
 * Slow meters: see slow.h. What a call needs is kept together and is the thread's while it runs, as
 * it may outlive everything else.
 */
#include "meter/slow.h"

#include <stdlib.h>
#include <string.h>

#include "base/worker.h"

/* A sensor on a bus takes some milliseconds, an embedded controller some tens of them. */
#define PATIENCE_NS (100 * JK_NS_PER_MS)

struct call {
        const struct jk_meter_ops *ops;
        struct jk_root root; /* the caller's may be closed by then */
        struct jk_meter_env env;
        struct jk_meter *meter;
        struct jk_sample sample; /* the time, and readings; its arrays are empty */
        struct jk_error err;
        int result;
};

struct jk_slow {
        struct jk_worker *worker;
        struct call *call;
        bool hung; /* the last call was not waited for: its meter has to be closed */
};

/* What it holds, nobody else has any more. */
static void
close_meter(struct call *call)
{
        if (call->meter)
                call->ops->close(call->meter);
        call->meter = NULL;
}

static void
free_call(void *data)
{
        struct call *call = data;

        if (!call)
                return;
        close_meter(call);
        jk_root_close(&call->root);
        free(call);
}

void
jk_slow_free(struct jk_slow *slow)
{
        if (!slow)
                return;
        if (!jk_worker_free(slow->worker, free_call))
                free_call(slow->call);
        free(slow);
}

static struct jk_slow *
new_slow(const struct jk_meter_ops *ops, const struct jk_meter_env *env)
{
        struct jk_slow *slow = calloc(1, sizeof *slow);

        if (!slow)
                return NULL;

        slow->worker = jk_worker_new();
        slow->call = calloc(1, sizeof *slow->call);
        if (slow->call)
                slow->call->root = (struct jk_root)JK_ROOT_CLOSED;
        if (!slow->worker || !slow->call ||
            jk_root_open(env->root->path, &slow->call->root, NULL) < 0) {
                jk_slow_free(slow);
                return NULL;
        }

        slow->call->ops = ops;
        return slow;
}

/* Whether the last call has come back; if it was given up, what it left is closed. */
static bool
is_back(struct jk_slow *slow)
{
        if (!slow->hung)
                return true;
        if (jk_worker_is_busy(slow->worker))
                return false;

        close_meter(slow->call);
        slow->hung = false;
        return true;
}

static int
run(struct jk_slow *slow, void (*job)(void *data), struct jk_error *err)
{
        struct call *call = slow->call;
        int r;

        call->err.message[0] = '\0';
        r = jk_worker_run(slow->worker, job, call, PATIENCE_NS);
        if (r == -ETIMEDOUT) {
                slow->hung = true;
                return jk_fail(err, ETIMEDOUT, "%s: a sensor did not answer within %lld ms",
                               call->ops->name, (long long)(PATIENCE_NS / JK_NS_PER_MS));
        }
        if (r < 0)
                return jk_fail(err, r, "%s: cannot start a thread: %s", call->ops->name,
                               strerror(-r));

        if (err)
                *err = call->err;
        return call->result;
}

static int
fail_still_hung(const struct jk_slow *slow, struct jk_error *err)
{
        return jk_fail(err, EBUSY,
                       "%s: a sensor still does not answer; unload its driver, or leave "
                       "this meter out by --meter",
                       slow->call->ops->name);
}

/* ---- opening ---- */

static void
open_meter(void *data)
{
        struct call *call = data;

        call->meter = NULL;
        call->result = call->ops->open(&call->env, &call->meter, &call->err);
        if (call->result < 0)
                call->meter = NULL;
}

int
jk_slow_open(struct jk_slow **slow, const struct jk_meter_ops *ops, const struct jk_meter_env *env,
             struct jk_meter **ret_meter, struct jk_error *err)
{
        struct call *call;
        int r;

        if (!*slow)
                *slow = new_slow(ops, env);
        if (!*slow)
                return jk_fail(err, ENOMEM, "%s: out of memory", ops->name);
        if (!is_back(*slow))
                return fail_still_hung(*slow, err);

        call = (*slow)->call;
        call->env = *env;
        call->env.root = &call->root;
        r = run(*slow, open_meter, err);
        if (r < 0)
                return r;

        *ret_meter = call->meter;
        call->meter = NULL;
        return r;
}

/* ---- reading ---- */

static void
read_meter(void *data)
{
        struct call *call = data;

        call->result = call->ops->read(call->meter, &call->sample, &call->err);
}

static void
copy_readings(struct call *call, struct jk_meter *meter, struct jk_sample *sample)
{
        struct jk_meter_zone *zones;
        size_t n = call->ops->zones(meter, &zones);

        for (size_t z = 0; z < n; z++)
                if (zones[z].index >= 0)
                        sample->readings[zones[z].index] = call->sample.readings[zones[z].index];
}

int
jk_slow_read(struct jk_slow *slow, struct jk_meter *meter, struct jk_sample *sample,
             struct jk_error *err)
{
        struct call *call = slow->call;
        int r;

        if (!is_back(slow))
                return fail_still_hung(slow, err);

        call->meter = meter;
        call->sample = (struct jk_sample){
                .sequence = sample->sequence,
                .time = sample->time,
                .elapsed_ns = sample->elapsed_ns,
                .suspended_ns = sample->suspended_ns,
                .flags = sample->flags,
        };
        r = run(slow, read_meter, err);
        if (slow->hung)
                return r; /* the meter stays with the call */

        call->meter = NULL;
        copy_readings(call, meter, sample);
        return r;
}
