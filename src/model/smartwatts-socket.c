/* SPDX-License-Identifier: Apache-2.0
 *
 * One socket under the SmartWatts formula: see smartwatts-socket.h. Times wait in a queue, since
 * the reports of one come one by one; the oldest is made when there are more than five.
 */
#include "model/smartwatts-socket.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is being made: of one scope, socket and time. */
struct estimate {
        const struct jk_smartwatts_context *context;
        struct jk_smartwatts_socket *socket;
        const struct jk_smartwatts_tick *tick;
        enum jk_smartwatts_scope scope;
        const struct jk_smartwatts_layer *layer;
        char formula_name[48];
};

static void __attribute__((format(printf, 5, 6), cold))
complain(const struct jk_smartwatts_context *context, const struct jk_smartwatts_socket *socket,
         int64_t timestamp_ms, enum jk_smartwatts_problem problem, const char *format, ...)
{
        char message[512];
        va_list arguments;
        int n;

        n = snprintf(message, sizeof message,
                     "%lld: sensor %.100s, socket %u: ", (long long)timestamp_ms, socket->sensor,
                     socket->number);
        va_start(arguments, format);
        vsnprintf(message + n, sizeof message - (size_t)n, format, arguments);
        va_end(arguments);
        context->sink.complain(context->sink.data, problem, message);
}

/* ---- estimating ---- */

static void
emit(const struct estimate *e, const char *target, double power_w, double ratio,
     const char *formula_name)
{
        const struct jk_smartwatts_power power = {
                .timestamp_ms = e->tick->timestamp_ms,
                .sensor = e->socket->sensor,
                .target = target,
                .socket = e->socket->number,
                .scope = e->scope,
                .power_w = power_w,
                .ratio = ratio,
                .formula = formula_name,
        };

        e->context->sink.power(e->context->sink.data, &power);
}

/* The counts of a target, or of all, as the model wants them: by name of event. */
static void
gather(const struct estimate *e, const uint64_t *counts, double *ret_features)
{
        const struct jk_smartwatts_events *events = &e->socket->events;
        size_t n = 0;

        for (size_t i = 0; i < events->n; i++)
                if (e->socket->features & UINT64_C(1) << events->by_name[i])
                        ret_features[n++] = (double)counts[events->by_name[i]];
}

static void
target_counts(const struct estimate *e, const struct jk_smartwatts_target *target,
              uint64_t *ret_counts)
{
        for (size_t i = 0; i < e->socket->events.n; i++)
                ret_counts[i] = jk_smartwatts_tick_count(e->tick, target, i);
}

static void
emit_target(const struct estimate *e, const struct jk_smartwatts_target *target, double global_w)
{
        double intercept_w = jk_smartwatts_layer_intercept_w(e->layer), dynamic_w, ratio;
        double features[JK_SMARTWATTS_FEATURES_MAX] = { 0 };
        uint64_t counts[JK_SMARTWATTS_FEATURES_MAX];

        target_counts(e, target, counts);
        gather(e, counts, features);
        dynamic_w = jk_smartwatts_layer_power_w(e->layer, features) - intercept_w;
        global_w -= intercept_w;
        ratio = global_w > 0 && dynamic_w > 0 ? dynamic_w / global_w : 0;
        emit(e, e->tick->names.data + target->name, ratio > 0 ? dynamic_w + ratio * intercept_w : 0,
             ratio, e->formula_name);
}

static void
emit_targets(struct estimate *e, const double *features)
{
        double global_w = jk_smartwatts_layer_power_w(e->layer, features);

        snprintf(e->formula_name, sizeof e->formula_name, "smartwatts-%lluMHz-%u",
                 (unsigned long long)jk_smartwatts_layer_mhz(e->layer),
                 jk_smartwatts_layer_id(e->layer));
        emit(e, "global", global_w, 1, e->formula_name);
        for (size_t i = 0; i < e->tick->n_targets; i++)
                emit_target(e, &e->tick->targets[i], global_w);
}

/* The layer of the frequency that the CPUs ran at: 0, -ENODATA having said why there is none, or
 * -ENOMEM. */
static int
find_layer(const struct estimate *e, struct jk_smartwatts_layer **ret_layer)
{
        const struct jk_smartwatts_options *options = &e->context->options;
        uint64_t clock_mhz = options->learning[e->scope].base_clock_mhz;
        uint64_t base_mhz = options->base_frequency_mhz / clock_mhz * clock_mhz;
        double frequency_mhz;
        int r;

        if (!e->tick->has_msr || e->tick->mperf == 0) {
                complain(e->context, e->socket, e->tick->timestamp_ms, JK_SMARTWATTS_NO_FREQUENCY,
                         "%s: no frequency, as MPERF %s", jk_smartwatts_scope_name(e->scope),
                         e->tick->has_msr ? "is 0" : "is not there");
                return -ENODATA;
        }
        frequency_mhz = (double)base_mhz * e->tick->aperf / e->tick->mperf;
        r = jk_smartwatts_model_layer(e->socket->models[e->scope], frequency_mhz, ret_layer);
        if (r != -ERANGE)
                return r;
        complain(e->context, e->socket, e->tick->timestamp_ms, JK_SMARTWATTS_LOW_FREQUENCY,
                 "%s: %.0f MHz is below the base clock; is --cpu-base-freq that of this CPU?",
                 jk_smartwatts_scope_name(e->scope), frequency_mhz);
        return -ENODATA;
}

static int
estimate_scope(struct estimate *e, const uint64_t *totals)
{
        const char *event = e->context->options.events[e->scope];
        double features[JK_SMARTWATTS_FEATURES_MAX] = { 0 }, power_w;
        struct jk_smartwatts_layer *layer;
        int r;

        if (!event)
                return 0;
        if (!e->tick->has_energy[e->scope]) {
                complain(e->context, e->socket, e->tick->timestamp_ms, JK_SMARTWATTS_NO_ENERGY,
                         "%s: there is no %s in group rapl of target all",
                         jk_smartwatts_scope_name(e->scope), event);
                return 0;
        }
        power_w = ldexp((double)e->tick->energy[e->scope], -32) /
                  ((double)e->context->options.period_ms / 1000);
        emit(e, "rapl", power_w, 1, event);

        r = find_layer(e, &layer);
        if (r < 0)
                return r == -ENODATA ? 0 : r;
        e->layer = layer;
        gather(e, totals, features);
        if (jk_smartwatts_layer_id(layer) > 0)
                emit_targets(e, features);
        jk_smartwatts_layer_observe(e->socket->models[e->scope], layer, features, power_w);
        return 0;
}

/* ---- times ---- */

static void
close_models(struct jk_smartwatts_socket *socket)
{
        for (int scope = 0; scope < JK_SMARTWATTS_SCOPE_MAX; scope++) {
                jk_smartwatts_model_close(socket->models[scope]);
                socket->models[scope] = NULL;
        }
        socket->features = 0;
}

/* Models of these features, new ones if they were others before. */
static int
prepare_models(const struct jk_smartwatts_context *context, struct jk_smartwatts_socket *socket,
               const struct jk_smartwatts_tick *tick, uint64_t features)
{
        int r = 0;

        if (socket->features == features)
                return 0;
        if (socket->features)
                complain(context, socket, tick->timestamp_ms, JK_SMARTWATTS_EVENTS_CHANGED,
                         "the core events are not the same as before: learning anew");
        close_models(socket);
        for (int scope = 0; scope < JK_SMARTWATTS_SCOPE_MAX && r == 0; scope++)
                r = jk_smartwatts_model_open(&context->options.learning[scope],
                                             (size_t)__builtin_popcountll(features),
                                             &socket->models[scope]);
        if (r < 0)
                close_models(socket);
        else
                socket->features = features;
        return r;
}

static int
process(const struct jk_smartwatts_context *context, struct jk_smartwatts_socket *socket,
        const struct jk_smartwatts_tick *tick)
{
        uint64_t totals[JK_SMARTWATTS_FEATURES_MAX] = { 0 }, seen = 0;
        int r;

        if (!tick->has_all)
                complain(context, socket, tick->timestamp_ms, JK_SMARTWATTS_NO_ALL,
                         "there is no report of target all");
        if (!tick->has_all || tick->n_targets == 0)
                return 0;
        for (size_t i = 0; i < tick->n_targets; i++) {
                seen |= tick->targets[i].seen;
                for (size_t event = 0; event < socket->events.n; event++)
                        totals[event] = jk_smartwatts_add(
                                totals[event],
                                jk_smartwatts_tick_count(tick, &tick->targets[i], event));
        }
        r = prepare_models(context, socket, tick, seen);
        for (int scope = 0; scope < JK_SMARTWATTS_SCOPE_MAX && r == 0; scope++) {
                struct estimate estimate = { context, socket, tick,
                                             (enum jk_smartwatts_scope)scope };

                r = estimate_scope(&estimate, totals);
        }
        return r;
}

/* The oldest is made, and its memory is used again. */
static int
process_oldest(const struct jk_smartwatts_context *context, struct jk_smartwatts_socket *socket)
{
        struct jk_smartwatts_tick oldest = socket->ticks[0];
        int r = process(context, socket, &oldest);

        memmove(socket->ticks, socket->ticks + 1, JK_SMARTWATTS_TICKS_MAX * sizeof *socket->ticks);
        socket->ticks[JK_SMARTWATTS_TICKS_MAX] = oldest;
        socket->n_ticks--;
        return r;
}

static struct jk_smartwatts_tick *
find_tick(struct jk_smartwatts_socket *socket, int64_t timestamp_ms)
{
        struct jk_smartwatts_tick *tick;

        for (size_t i = 0; i < socket->n_ticks; i++)
                if (socket->ticks[i].timestamp_ms == timestamp_ms)
                        return &socket->ticks[i];
        tick = &socket->ticks[socket->n_ticks++];
        jk_smartwatts_tick_begin(tick, timestamp_ms);
        return tick;
}

int
jk_smartwatts_socket_take(const struct jk_smartwatts_context *context,
                          struct jk_smartwatts_socket *socket, const struct jk_hwpc_report *report)
{
        struct jk_smartwatts_tick *tick = find_tick(socket, report->timestamp_ms);
        int r = jk_smartwatts_tick_take(tick, &socket->events, &context->names, report,
                                        socket->number);

        if (r == -ENODATA)
                complain(context, socket, report->timestamp_ms, JK_SMARTWATTS_NO_EVENTS,
                         "target %.200s has no core events", report->target.data);
        else if (r == -ENOSPC)
                complain(context, socket, report->timestamp_ms, JK_SMARTWATTS_TOO_MANY,
                         "target %.200s is left out: %d targets and %d core events are the most",
                         report->target.data, JK_SMARTWATTS_TARGETS_MAX,
                         JK_SMARTWATTS_FEATURES_MAX);
        else if (r < 0)
                return r;
        return socket->n_ticks > JK_SMARTWATTS_TICKS_MAX ? process_oldest(context, socket) : 0;
}

int
jk_smartwatts_socket_flush(const struct jk_smartwatts_context *context,
                           struct jk_smartwatts_socket *socket)
{
        int r = 0;

        while (socket->n_ticks > 0 && r == 0)
                r = process_oldest(context, socket);
        return r;
}

struct jk_smartwatts_socket *
jk_smartwatts_socket_new(const char *sensor, uint32_t number)
{
        struct jk_smartwatts_socket *socket = calloc(1, sizeof *socket);

        if (!socket)
                return NULL;
        socket->number = number;
        socket->sensor = strdup(sensor);
        if (socket->sensor)
                return socket;
        free(socket);
        return NULL;
}

void
jk_smartwatts_socket_free(struct jk_smartwatts_socket *socket)
{
        close_models(socket);
        for (size_t i = 0; i <= JK_SMARTWATTS_TICKS_MAX; i++)
                jk_smartwatts_tick_free(&socket->ticks[i]);
        free(socket->sensor);
        free(socket);
}
