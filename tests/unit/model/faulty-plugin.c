/* SPDX-License-Identifier: Apache-2.0
 *
 * A plug-in by instructions, and with one of the faults that the tests compile into it: FAULT_….
 */
#include <stdio.h>
#include <stdlib.h>

#include "model/plugin.h"

struct jk_model {
        double scale;
};

static int
open_it(const char *argument, struct jk_model **ret_model, struct jk_error *err)
{
        (void)argument;
#ifdef FAULT_REFUSES
        (void)ret_model;
        snprintf(err->message, sizeof err->message, "it is not my day");
        return -EINVAL;
#elif defined FAULT_NOTHING
        (void)ret_model;
        (void)err;
        return 0;
#else
        (void)err;
        *ret_model = calloc(1, sizeof **ret_model);
        if (!*ret_model)
                return -ENOMEM;
        (*ret_model)->scale = 1;
        return 0;
#endif
}

static void
observe(struct jk_model *model, const struct jk_sample *sample)
{
        (void)model;
        (void)sample;
}

static void
split_it(struct jk_model *model, const struct jk_sample *sample, size_t zone,
         struct jk_split *split)
{
        (void)zone;
        split->idle_uj = 1e6;
        split->irq_weight = split->softirq_weight = 0;
        split->uncertainty_pct = 5;
        for (size_t i = 0; i < sample->n_tasks; i++)
                split->task_weights[i] = model->scale * (double)sample->tasks[i].instructions;

#ifdef FAULT_NAN
        split->task_weights[0] = NAN;
#elif defined FAULT_NEGATIVE
        split->task_weights[sample->n_tasks - 1] = -1;
#elif defined FAULT_INFINITE
        split->softirq_weight = INFINITY;
#elif defined FAULT_OVERFLOW
        split->task_weights[0] = split->task_weights[1] = 1.5e308;
#elif defined FAULT_UNSET
        split->task_weights = NULL; /* nor is what it pointed to ever read */
#elif defined FAULT_NO_IDLE
        split->idle_uj = -1;
#endif
}

static struct jk_idle_estimate
idle(const struct jk_model *model, size_t zone)
{
        (void)model;
        (void)zone;
#ifdef FAULT_NO_IDLE
        return (struct jk_idle_estimate){ .power_w = -5, .error_w = 0 };
#else
        return (struct jk_idle_estimate){ .power_w = 1, .error_w = 0.1 };
#endif
}

static struct jk_expectation
expect(const struct jk_model *model, size_t zone)
{
        (void)model;
        (void)zone;
#ifdef FAULT_INFINITE
        return (struct jk_expectation){ .power_w = INFINITY, .error_pct = -1 };
#else
        return (struct jk_expectation){ .power_w = 20, .error_pct = 2 };
#endif
}

static void
close_it(struct jk_model *model)
{
        free(model);
}

static const struct jk_model_ops ops = {
        .name = "faulty",
        .summary = "by instructions",
        .open = open_it,
        .observe = observe,
        .split = split_it,
        .idle = idle,
        .expect = expect,
#ifndef FAULT_NO_TABLE
        .close = close_it,
#endif
};

#if defined FAULT_ABI || defined FAULT_SIZE || defined FAULT_NO_TABLE
struct jk_plugin joulekeeper_model = JK_PLUGIN_OF(&ops);

static void __attribute__((constructor)) spoil(void)
{
#ifdef FAULT_ABI
        joulekeeper_model.abi = 77;
#elif defined FAULT_SIZE
        joulekeeper_model.task_size -= 8;
#else
        (void)close_it;
#endif
}
#elif defined FAULT_NO_SYMBOL
extern const struct jk_model_ops *const some_other_symbol;
const struct jk_model_ops *const some_other_symbol = &ops;
#else
JK_PLUGIN(ops);
#endif
