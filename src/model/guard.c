/* SPDX-License-Identifier: Apache-2.0
 *
 * Standing in for models that others made: see guard.h.
 */
#include "model/guard.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define SAY_EVERY_NS (60 * JK_NS_PER_S)

int
jk_guard_open(struct jk_guard *guard, const char *name, struct jk_error *err)
{
        *guard = (struct jk_guard){ .name = name };

        return jk_model_share.open(NULL, &guard->share, err);
}

void
jk_guard_close(struct jk_guard *guard)
{
        jk_model_share.close(guard->share);
        guard->share = NULL;
}

static void
say(struct jk_guard *guard, const struct jk_sample *sample)
{
        int64_t now_ns = sample->time.monotonic_ns;

        /* A clock that went back is another boot's, in a recording. */
        if (guard->n_unsaid == 0 || (guard->said_ns > 0 && now_ns >= guard->said_ns &&
                                     now_ns - guard->said_ns < SAY_EVERY_NS))
                return;

        jk_log_warning("model %s: %s; divided by CPU time instead, as `share` does (%llu ticks "
                       "since this was said last, %llu in all)",
                       guard->name, guard->why.message, (unsigned long long)guard->n_unsaid,
                       (unsigned long long)guard->n_faulty);
        guard->said_ns = now_ns;
        guard->n_unsaid = 0;
}

void
jk_guard_observe(struct jk_guard *guard, const struct jk_sample *sample)
{
        say(guard, sample); /* what came after the last time it was said */
        guard->is_faulty = false;
        jk_model_share.observe(guard->share, sample);
}

void
jk_guard_fault(struct jk_guard *guard, const struct jk_sample *sample, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(guard->why.message, sizeof guard->why.message, format, arguments);
        va_end(arguments);

        if (!guard->is_faulty) {
                guard->n_faulty++;
                guard->n_unsaid++;
        }
        guard->is_faulty = true;
        say(guard, sample);
}

void
jk_guard_divide(struct jk_guard *guard, const struct jk_sample *sample, size_t zone,
                struct jk_split *split)
{
        jk_model_share.split(guard->share, sample, zone, split);
}

/* ---- what is fit to be booked ---- */

static bool
is_amount(double value)
{
        return isfinite(value) && value >= 0;
}

static int
check_weights(const struct jk_sample *sample, const struct jk_split *split, struct jk_error *err)
{
        double sum = split->irq_weight + split->softirq_weight;

        for (size_t i = 0; i < sample->n_tasks; i++) {
                if (!is_amount(split->task_weights[i]))
                        return jk_fail(err, EBADMSG, "the weight of task %zu (pid %d) is %g", i,
                                       (int)sample->tasks[i].pid, split->task_weights[i]);
                sum += split->task_weights[i];
        }
        if (!isfinite(sum))
                return jk_fail(err, EBADMSG, "the sum of its weights is too large for a number");

        return 0;
}

int
jk_split_check(const struct jk_sample *sample, const struct jk_split *split, struct jk_error *err)
{
        const struct {
                const char *name;
                double value;
        } rows[] = {
                { "idle energy", split->idle_uj },
                { "weight of interrupts", split->irq_weight },
                { "weight of soft interrupts", split->softirq_weight },
                { "uncertainty", split->uncertainty_pct },
        };

        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
                if (!is_amount(rows[i].value))
                        return jk_fail(err, EBADMSG, "its %s is %g", rows[i].name, rows[i].value);

        return check_weights(sample, split, err);
}

struct jk_idle_estimate
jk_guard_idle(const struct jk_guard *guard, size_t zone, struct jk_idle_estimate idle)
{
        if (is_amount(idle.power_w) && idle.error_w >= 0)
                return idle;

        return jk_model_share.idle(guard->share, zone);
}

struct jk_expectation
jk_guard_expectation(struct jk_expectation expectation)
{
        if (!is_amount(expectation.power_w))
                return JK_NO_EXPECTATION;
        if (!is_amount(expectation.error_pct))
                expectation.error_pct = NAN;

        return expectation;
}
