/* SPDX-License-Identifier: Apache-2.0
 *
 * PowerAPI's SmartWatts formula, version 2.4.1, exactly as published: HWPC reports in, estimates of
 * power out. It is here for its users and to compare with; it does not balance as the ledger does.
 * docs/smartwatts.md tells the algorithm and what is wrong with it.
 *
 * Where the program ends because of what it reads, this says what is wrong and goes on: below the
 * base clock, without the meter's event, without MSRs, and when the set of core events changes (it
 * then learns anew).
 */
#pragma once

#include "base/error.h"
#include "model/smartwatts-tick.h"

enum { JK_SMARTWATTS_SOCKETS_MAX = 256 }; /* of all sensors */

struct jk_smartwatts_options {
        struct jk_smartwatts_learning learning[JK_SMARTWATTS_SCOPE_MAX];
        const char *events[JK_SMARTWATTS_SCOPE_MAX]; /* the meter's; NULL: not that scope */
        uint64_t base_frequency_mhz;
        uint64_t period_ms; /* of the sensor, as it ought to be */
};

/* The program's. */
extern const struct jk_smartwatts_options jk_smartwatts_defaults;

/* A report of power, valid during the call that hands it out. */
struct jk_smartwatts_power {
        int64_t timestamp_ms;
        const char *sensor;
        const char *target; /* "rapl": what was measured; "global": what the model makes of it */
        uint32_t socket;
        enum jk_smartwatts_scope scope;
        double power_w;
        double ratio;        /* of the dynamic power of all targets */
        const char *formula; /* the meter's event, or the model: layer and how often it learned */
};

/* What keeps reports of power from being made. */
enum jk_smartwatts_problem {
        JK_SMARTWATTS_NO_ALL,         /* a time without a report of the machine */
        JK_SMARTWATTS_NO_ENERGY,      /* the meter's event is not there */
        JK_SMARTWATTS_NO_FREQUENCY,   /* APERF and MPERF are not there, or MPERF is 0 */
        JK_SMARTWATTS_LOW_FREQUENCY,  /* below the base clock, which has no layer */
        JK_SMARTWATTS_NO_EVENTS,      /* a target without core events */
        JK_SMARTWATTS_EVENTS_CHANGED, /* other core events than before: learning anew */
        JK_SMARTWATTS_TOO_MANY,       /* sockets, targets or events */
        JK_SMARTWATTS_PROBLEM_MAX,
};

struct jk_smartwatts_sink {
        void (*power)(void *data, const struct jk_smartwatts_power *power);
        void (*complain)(void *data, enum jk_smartwatts_problem problem, const char *message);
        void *data;
};

const char *jk_smartwatts_problem_text(enum jk_smartwatts_problem problem);
const char *jk_smartwatts_scope_name(enum jk_smartwatts_scope scope);

struct jk_smartwatts_formula;

/* 0; -EINVAL with a message if the options cannot be; -ENOMEM. Options (but not what they point to)
 * and sink are copied; the names, which may grow, must outlive the formula. */
int jk_smartwatts_open(const struct jk_smartwatts_options *options, struct jk_hwpc_names *names,
                       const struct jk_smartwatts_sink *sink,
                       struct jk_smartwatts_formula **ret_formula, struct jk_error *err);
void jk_smartwatts_close(struct jk_smartwatts_formula *formula);

/* Take a report, and make what power reports are due: those of the oldest time, once there are more
 * than five: 0 or -ENOMEM. */
int jk_smartwatts_take(struct jk_smartwatts_formula *formula, const struct jk_hwpc_report *report);

/* Make the power reports of the times that are left, which the program never does. */
int jk_smartwatts_flush(struct jk_smartwatts_formula *formula);
