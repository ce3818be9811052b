/* SPDX-License-Identifier: Apache-2.0
 *
 * One socket of one sensor under the SmartWatts formula: the latest times, and a model per scope.
 */
#pragma once

#include "model/smartwatts-formula.h"

enum { JK_SMARTWATTS_TICKS_MAX = 5 }; /* that wait */

/* What all sockets have in common. */
struct jk_smartwatts_context {
        struct jk_smartwatts_options options;
        struct jk_smartwatts_sink sink;
        struct jk_smartwatts_names names;
};

struct jk_smartwatts_socket {
        char *sensor;
        uint32_t number;
        struct jk_smartwatts_events events;
        struct jk_smartwatts_tick ticks[JK_SMARTWATTS_TICKS_MAX + 1]; /* oldest first */
        size_t n_ticks;
        struct jk_smartwatts_model *models[JK_SMARTWATTS_SCOPE_MAX];
        uint64_t features; /* of the models: bits by index of event; 0: none yet */
};

/* NULL if memory ran out. */
struct jk_smartwatts_socket *jk_smartwatts_socket_new(const char *sensor, uint32_t number);
void jk_smartwatts_socket_free(struct jk_smartwatts_socket *socket);

/* Both: 0 or -ENOMEM. */
int jk_smartwatts_socket_take(const struct jk_smartwatts_context *context,
                              struct jk_smartwatts_socket *socket,
                              const struct jk_hwpc_report *report);
int jk_smartwatts_socket_flush(const struct jk_smartwatts_context *context,
                               struct jk_smartwatts_socket *socket);
