/* SPDX-License-Identifier: Apache-2.0
 *
 * References: what outside of the machine knows its power: a plug, a PDU, a BMC, a server of
 * metrics, any program. A source is one file with one constant table of operations, listed in
 * sources.c; it may wait for a network or a program, so a thread of its own reads it (feed.h), and
 * the meter `wall` takes from that what has come.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "config/config.h"

/* Longer texts are refused where the configuration is read. */
#define JK_REFERENCE_TEXT_MAX 512

enum jk_reference_unit {
        JK_REFERENCE_W,
        JK_REFERENCE_MW, /* milliwatts */
        JK_REFERENCE_KW,
        JK_REFERENCE_J, /* from here on: a counter of energy, which only rises */
        JK_REFERENCE_WH,
        JK_REFERENCE_KWH,
        JK_REFERENCE_UNIT_MAX,
};

struct jk_reference_ops;

/* What the configuration says (its section `wall`), copied as it is. Texts that are not given are
 * empty. */
struct jk_reference_config {
        const struct jk_reference_ops *ops; /* NULL: there is no reference */
        char command[JK_REFERENCE_TEXT_MAX];
        char url[JK_REFERENCE_TEXT_MAX];
        char topic[JK_REFERENCE_TEXT_MAX];
        char device[JK_REFERENCE_TEXT_MAX];
        char query[JK_REFERENCE_TEXT_MAX];
        char path[JK_REFERENCE_TEXT_MAX];
        char credentials[JK_REFERENCE_TEXT_MAX]; /* name of the file that holds them */
        char certificate[JK_REFERENCE_TEXT_MAX]; /* name of the file with whom to trust */
        enum jk_reference_unit unit;
        int64_t interval_ns; /* how often to ask a source that has to be asked */
        bool offset_given;   /* else it is found by correlation */
        int64_t offset_ns;   /* how long after the fact a value comes */
};

/* What a source said. */
struct jk_reference_value {
        double value;        /* in the configuration's unit, finite */
        int64_t realtime_ns; /* of what time it is, by the source; 0: it does not say */
};

struct jk_reference;

struct jk_reference_ops {
        const char *name;       /* as in wall.source */
        const char *summary;    /* one line */
        const char *needs[2];   /* options without which it cannot be: "wall-url" */
        double uncertainty_pct; /* assumed; docs/wall.md says why */
        bool watts_only;        /* it says itself what it measures: wall.unit is not its business */
        bool streams;           /* read() waits for a value; else it is called once an interval */

        /* What else has to hold of the configuration (NULL: nothing): 0 or -EINVAL, with a message
         * that begins with the key. */
        int (*check)(const struct jk_reference_config *config, struct jk_error *err);

        /* Prepare; called on the thread that reads, as is all below. */
        int (*open)(const struct jk_reference_config *config, struct jk_reference **ret_reference,
                    struct jk_error *err);

        /* The next value. -ECANCELED soon after stop_fd becomes readable; -EAGAIN: what came is
         * refused, and it goes on; after any other negative errno it is closed, and opened again
         * later. */
        int (*read)(struct jk_reference *reference, int stop_fd,
                    struct jk_reference_value *ret_value, struct jk_error *err);

        void (*close)(struct jk_reference *reference);
};

/* NULL-terminated. */
extern const struct jk_reference_ops *const jk_reference_list[];

const struct jk_reference_ops *jk_reference_find(const char *name); /* or NULL */

/* From the configuration. -EINVAL where something is missing that the source needs, or where what
 * is given does not fit it; the message names the key. */
int jk_reference_configure(const struct jk_config *config, struct jk_reference_config *ret_config,
                           struct jk_error *err);

/* Whether the unit is one of energy, and how many watts or joules it is. */
bool jk_reference_counts_energy(enum jk_reference_unit unit);
double jk_reference_scale(enum jk_reference_unit unit);

extern const struct jk_reference_ops jk_reference_program;
extern const struct jk_reference_ops jk_reference_http;
extern const struct jk_reference_ops jk_reference_prometheus;
extern const struct jk_reference_ops jk_reference_redfish;
extern const struct jk_reference_ops jk_reference_kwollect;
extern const struct jk_reference_ops jk_reference_ipmi;
extern const struct jk_reference_ops jk_reference_mqtt;
