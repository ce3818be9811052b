/* SPDX-License-Identifier: Apache-2.0
 *
 * An example of a model as a shared object: dynamic energy is divided by instructions, or by CPU
 * time where they are not counted, and idle power is what it was told. Build it with `make`, which
 * needs nothing but the installed headers, and try it on a recording:
 *
 *     joulekeeper replay --model plugin:$PWD/instructions.so:12.5 recording.jkr
 *
 * All that a model may return is in model/model.h, all that it sees in sample/sample.h.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <model/plugin.h>

struct jk_model {
        double idle_w;
        bool has_instructions; /* in this tick */
};

/* The argument is what follows the file and a colon; there is one, since ops.argument says so. */
static int
instructions_open(const char *argument, struct jk_model **ret_model, struct jk_error *err)
{
        struct jk_model *model;
        char *end;
        double idle_w = strtod(argument, &end);

        if (*end != '\0' || !isfinite(idle_w) || idle_w < 0) {
                snprintf(err->message, sizeof err->message,
                         "instructions: '%s' is no power; give watts, as in 12.5", argument);
                return -EINVAL;
        }

        model = calloc(1, sizeof *model);
        if (!model) {
                snprintf(err->message, sizeof err->message, "instructions: out of memory");
                return -ENOMEM;
        }
        model->idle_w = idle_w;
        *ret_model = model;
        return 0;
}

/* Once per tick, before its zones are split. What was not seen is marked so, and is never 0: look
 * at task_fields before a field is used. */
static void
instructions_observe(struct jk_model *model, const struct jk_sample *sample)
{
        model->has_instructions = sample->task_fields & JK_TASK_INSTRUCTIONS;
}

/* Every field of the split has to be set. Weights are of any unit; the ledger divides. */
static void
instructions_split(struct jk_model *model, const struct jk_sample *sample, size_t zone,
                   struct jk_split *split)
{
        split->idle_uj = model->idle_w * (double)sample->readings[zone].elapsed_ns / 1e3;
        split->irq_weight = 0;
        split->softirq_weight = 0;
        split->uncertainty_pct = 20;
        split->blind = false;
        for (size_t i = 0; i < sample->n_tasks; i++) {
                const struct jk_task_record *task = &sample->tasks[i];

                split->task_weights[i] =
                        (double)(model->has_instructions ? task->instructions : task->cpu_ns);
        }
}

static struct jk_idle_estimate
instructions_idle(const struct jk_model *model, size_t zone)
{
        (void)zone;
        return (struct jk_idle_estimate){ .power_w = model->idle_w, .error_w = model->idle_w / 10 };
}

static void
instructions_close(struct jk_model *model)
{
        free(model);
}

static const struct jk_model_ops instructions = {
        .name = "instructions",
        .summary = "dynamic energy by instructions, idle power as it was told",
        .argument = "IDLE_WATTS",
        .open = instructions_open,
        .observe = instructions_observe,
        .split = instructions_split,
        .idle = instructions_idle,
        .close = instructions_close,
};

JK_PLUGIN(instructions);
