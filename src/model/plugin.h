/* SPDX-License-Identifier: Apache-2.0
 *
 * A model of your own as a shared object: `model: plugin:/path/to/it.so`, or
 * `plugin:/path/to/it.so:ARGUMENT`. It is compiled against the installed headers, of which this is
 * the one to include, and says JK_PLUGIN(ops) once, with its table of operations (model.h):
 *
 *     #include <model/plugin.h>
 *
 *     static const struct jk_model_ops ops = { .name = "mine", … };
 *     JK_PLUGIN(ops);
 *
 * It runs in the agent's process and in its tick, with all of its rights. So it must not block, and
 * where it crashes the agent does. It calls no function of the agent's: these are not there for it.
 * What its split() and the others return is checked before it is booked.
 */
#pragma once

#include <stdint.h>

#include "model/model.h"

/* Raised when a structure means something else than before though its size is the same. */
#define JK_PLUGIN_ABI    1
#define JK_PLUGIN_SYMBOL "joulekeeper_model"

/* What it was compiled against. A program with others refuses it. */
struct jk_plugin {
        uint32_t abi;
        uint32_t ops_size;
        uint32_t sample_size;
        uint32_t task_size;
        uint32_t zone_size;
        uint32_t cpu_size;
        uint32_t event_size;
        uint32_t split_size;
        const struct jk_model_ops *ops;
};

/* clang-format off */
#define JK_PLUGIN_OF(operations)                                                                   \
        {                                                                                          \
                .abi = JK_PLUGIN_ABI,                                                              \
                .ops_size = sizeof(struct jk_model_ops),                                           \
                .sample_size = sizeof(struct jk_sample),                                           \
                .task_size = sizeof(struct jk_task_record),                                        \
                .zone_size = sizeof(struct jk_zone),                                               \
                .cpu_size = sizeof(struct jk_cpu_reading),                                         \
                .event_size = sizeof(struct jk_event),                                             \
                .split_size = sizeof(struct jk_split),                                             \
                .ops = (operations),                                                               \
        }
/* clang-format on */

#define JK_PLUGIN(table)                                                                           \
        extern const struct jk_plugin joulekeeper_model;                                           \
        const struct jk_plugin joulekeeper_model __attribute__((visibility("default"))) =          \
                JK_PLUGIN_OF(&(table))

/* How often each event was counted of a task since the previous tick, by event index; NULL: there
 * are no events. */
static inline const uint64_t *
jk_plugin_task_events(const struct jk_sample *sample, size_t task)
{
        if (!sample->events || sample->events->count == 0)
                return NULL;

        return sample->task_events + task * sample->events->count;
}
