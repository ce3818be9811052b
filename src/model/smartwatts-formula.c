/* SPDX-License-Identifier: Apache-2.0
 *
 * The SmartWatts formula: see smartwatts-formula.h. It hands each report to the sockets that the
 * report has rows of; each socket of each sensor estimates by itself.
 */
#include "model/smartwatts-formula.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "model/smartwatts-socket.h"

static const char *const scope_names[JK_SMARTWATTS_SCOPE_MAX] = {
        [JK_SMARTWATTS_CPU] = "cpu",
        [JK_SMARTWATTS_DRAM] = "dram",
};

#define LEARNING                                                                                   \
        {                                                                                          \
                .base_clock_mhz = 100, .min_samples = 10, .history_window = 60,                    \
                .error_window = 60, .error_threshold_w = 2, .tdp_w = 400                           \
        }

const struct jk_smartwatts_options jk_smartwatts_defaults = {
        .learning = { LEARNING, LEARNING },
        .events = { "RAPL_ENERGY_PKG", "RAPL_ENERGY_DRAM" },
        .base_frequency_mhz = 2100,
        .period_ms = 1000,
};

struct jk_smartwatts_formula {
        struct jk_smartwatts_context context;
        struct jk_smartwatts_socket **sockets;
        size_t n_sockets, sockets_capacity;
        bool is_full; /* and that was said */
};

const char *
jk_smartwatts_scope_name(enum jk_smartwatts_scope scope)
{
        return scope_names[scope];
}

const char *
jk_smartwatts_problem_text(enum jk_smartwatts_problem problem)
{
        static const char *const texts[JK_SMARTWATTS_PROBLEM_MAX] = {
                [JK_SMARTWATTS_NO_ALL] = "there was no report of target all",
                [JK_SMARTWATTS_NO_ENERGY] = "the event of the meter was not there",
                [JK_SMARTWATTS_NO_FREQUENCY] = "APERF and MPERF told no frequency",
                [JK_SMARTWATTS_LOW_FREQUENCY] = "the frequency was below the base clock",
                [JK_SMARTWATTS_NO_EVENTS] = "a target had no core events",
                [JK_SMARTWATTS_EVENTS_CHANGED] = "the core events changed",
                [JK_SMARTWATTS_TOO_MANY] = "there was too much of something",
        };

        return texts[problem];
}

/* ---- options ---- */

/* Names are given their numbers when they are first met, or now. */
static int
find_names(struct jk_smartwatts_formula *formula, struct jk_hwpc_names *names)
{
        struct jk_smartwatts_names *n = &formula->context.names;
        const struct {
                int *id;
                const char *name;
        } rows[] = {
                { &n->rapl, "rapl" },
                { &n->msr, "msr" },
                { &n->core, "core" },
                { &n->aperf, "APERF" },
                { &n->mperf, "MPERF" },
                { &n->time_enabled, "time_enabled" },
                { &n->time_running, "time_running" },
                { &n->meters[JK_SMARTWATTS_CPU],
                  formula->context.options.events[JK_SMARTWATTS_CPU] },
                { &n->meters[JK_SMARTWATTS_DRAM],
                  formula->context.options.events[JK_SMARTWATTS_DRAM] },
        };

        n->all = names;
        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                *rows[i].id = rows[i].name ? jk_hwpc_names_id(names, rows[i].name) : -ENOENT;
                if (rows[i].name && *rows[i].id < 0)
                        return *rows[i].id;
        }
        return 0;
}

static int
check_learning(const struct jk_smartwatts_learning *learning, struct jk_error *err)
{
        if (learning->base_clock_mhz == 0 || learning->base_clock_mhz > 1000000)
                return jk_fail(err, EINVAL, "the base clock has to be 1 to 1000000 MHz");
        if (learning->history_window == 0 || learning->history_window > JK_SMARTWATTS_WINDOW_MAX ||
            learning->error_window == 0 || learning->error_window > JK_SMARTWATTS_WINDOW_MAX)
                return jk_fail(err, EINVAL, "a window has to be 1 to %d samples",
                               JK_SMARTWATTS_WINDOW_MAX);
        if (learning->min_samples == 0 || learning->min_samples > learning->history_window)
                return jk_fail(err, EINVAL,
                               "the samples required have to be 1 to the history window (%llu)",
                               (unsigned long long)learning->history_window);
        if (!(learning->error_threshold_w >= 0) || !(learning->tdp_w > 0))
                return jk_fail(err, EINVAL, "the TDP has to be above 0 W, a threshold not below");
        return 0;
}

static int
check_options(const struct jk_smartwatts_options *options, struct jk_error *err)
{
        for (int scope = 0; scope < JK_SMARTWATTS_SCOPE_MAX; scope++) {
                int r = check_learning(&options->learning[scope], err);

                if (r < 0)
                        return r;
                if (options->base_frequency_mhz < options->learning[scope].base_clock_mhz)
                        return jk_fail(err, EINVAL, "the base frequency is below the base clock");
        }
        if (options->base_frequency_mhz > 1000000)
                return jk_fail(err, EINVAL, "the base frequency has to be 1000000 MHz at most");
        if (options->period_ms == 0 || options->period_ms > 86400000)
                return jk_fail(err, EINVAL, "the sensor's period has to be 1 ms to a day");
        return 0;
}

int
jk_smartwatts_open(const struct jk_smartwatts_options *options, struct jk_hwpc_names *names,
                   const struct jk_smartwatts_sink *sink,
                   struct jk_smartwatts_formula **ret_formula, struct jk_error *err)
{
        struct jk_smartwatts_formula *formula;
        int r = check_options(options, err);

        if (r < 0)
                return r;
        formula = calloc(1, sizeof *formula);
        if (!formula)
                return jk_fail(err, ENOMEM, "out of memory");
        formula->context.options = *options;
        formula->context.sink = *sink;
        r = find_names(formula, names);
        if (r < 0) {
                free(formula);
                return jk_fail(err, r, "the name of a meter's event is wrong: %s", strerror(-r));
        }
        *ret_formula = formula;
        return 0;
}

void
jk_smartwatts_close(struct jk_smartwatts_formula *formula)
{
        if (!formula)
                return;
        for (size_t i = 0; i < formula->n_sockets; i++)
                jk_smartwatts_socket_free(formula->sockets[i]);
        free(formula->sockets);
        free(formula);
}

/* ---- reports ---- */

static struct jk_smartwatts_socket *
find_socket(const struct jk_smartwatts_formula *formula, const char *sensor, uint32_t number)
{
        for (size_t i = 0; i < formula->n_sockets; i++) {
                struct jk_smartwatts_socket *socket = formula->sockets[i];

                if (socket->number == number && strcmp(socket->sensor, sensor) == 0)
                        return socket;
        }
        return NULL;
}

/* 0 with the socket, with NULL if there are too many; or -ENOMEM. */
static int
add_socket(struct jk_smartwatts_formula *formula, const char *sensor, uint32_t number,
           struct jk_smartwatts_socket **ret_socket)
{
        const struct jk_smartwatts_sink *sink = &formula->context.sink;
        struct jk_smartwatts_socket *socket;

        *ret_socket = NULL;
        if (formula->n_sockets == JK_SMARTWATTS_SOCKETS_MAX) {
                if (!formula->is_full)
                        sink->complain(
                                sink->data, JK_SMARTWATTS_TOO_MANY,
                                "more sensors and sockets than can be: the rest is left out");
                formula->is_full = true;
                return 0;
        }
        if (jk_array_grow(&formula->sockets, &formula->sockets_capacity, formula->n_sockets + 1) <
            0)
                return -ENOMEM;
        socket = jk_smartwatts_socket_new(sensor, number);
        if (!socket)
                return -ENOMEM;
        formula->sockets[formula->n_sockets++] = socket;
        *ret_socket = socket;
        return 0;
}

static int
take_socket(struct jk_smartwatts_formula *formula, const struct jk_hwpc_report *report,
            uint32_t number)
{
        struct jk_smartwatts_socket *socket = find_socket(formula, report->sensor.data, number);
        int r = socket ? 0 : add_socket(formula, report->sensor.data, number, &socket);

        return socket ? jk_smartwatts_socket_take(&formula->context, socket, report) : r;
}

int
jk_smartwatts_take(struct jk_smartwatts_formula *formula, const struct jk_hwpc_report *report)
{
        bool taken[JK_HWPC_SOCKET_MAX + 1] = { false };
        int r = 0;

        for (size_t i = 0; i < report->n_rows && r == 0; i++) {
                uint32_t number = report->rows[i].socket;

                if (taken[number])
                        continue;
                taken[number] = true;
                r = take_socket(formula, report, number);
        }
        return r;
}

int
jk_smartwatts_flush(struct jk_smartwatts_formula *formula)
{
        int r = 0;

        for (size_t i = 0; i < formula->n_sockets && r == 0; i++)
                r = jk_smartwatts_socket_flush(&formula->context, formula->sockets[i]);
        return r;
}
