/* SPDX-License-Identifier: Apache-2.0
 *
 * Features: what a tick's activity looks like to a model that learns. Rates are additive: the
 * machine's is the sum of its tasks' (busy CPUs, cycles, instructions, misses, counted events, per
 * second). Where the voltage is seen they are multiplied by its square, as switching energy is.
 * Coordinates are the rates and what bends power without being additive: how fast, how many
 * instructions per cycle, how warm, and how busy the machine has been of late.
 */
#pragma once

#include <stdbool.h>

#include "sample/sample.h"

#define JK_RATES_COUNTED_MAX                                                                       \
        24 /* four fields, and each of them on four packages; events as well                       \
            */
#define JK_RATES_MAX       (JK_RATES_COUNTED_MAX + 10) /* two of them as core time as well */
#define JK_COORDINATES_MAX (JK_RATES_MAX + 7)

struct jk_rate {
        enum jk_task_field field; /* 0: it is an event … */
        size_t column;            /* … with this index; else the offset in the task's record */
        int package;              /* counted there only, or -1 */
        bool is_split;            /* by package, as CPU time is, … */
        size_t time;              /* … which the event with this index tells */
        bool of_cores;            /* what was done beside another busy thread of the core is half */
};

/* CPU time and cycles can stand among the rates twice: as they are (thread time), and as the part
 * that falls to the task where a core is divided evenly among its busy threads (core time). With
 * one weight for each, neither below 0, work on a shared core costs from half to all of what it
 * costs on one of its own: as much as there is to learn of hardware threads. */
struct jk_features {
        bool wants_cores; /* set by the owner: core time is wanted, where it is known … */
        bool has_cores;   /* … and it stands among the rates: */
        int shared;       /* index of the event that tells it, or -1 */

        size_t n_rates, n_counted; /* of them, those before core time */
        struct jk_rate rates[JK_RATES_MAX];
        uint8_t cores[JK_RATES_MAX]; /* by rate: the index of its core time, or 0 */

        /* Coordinates: the rates come first. Importance is how much a coordinate's spread (one
         * standard deviation) counts in the distance of two ticks. */
        size_t n;
        double values[JK_COORDINATES_MAX]; /* of the tick */
        double importance[JK_COORDINATES_MAX];

        /* what the set was made of */
        uint32_t task_fields;
        struct jk_event_table events;
        unsigned states; /* which of frequency, temperature, voltage are seen */

        uint32_t seen_fields; /* of task_fields, in the tick */
        unsigned seen_states; /* of states, since the set was made */
        unsigned n_less;      /* ticks in a row in which something of the set was not seen */
        bool is_new;          /* the set was made anew, and nobody was told yet */

        double most[JK_RATES_MAX]; /* that a rate was believed to be */
        double voltage2;           /* of the tick: the mean voltage squared, or 1 */
        double recent;             /* the leading rate, as a running mean */
        bool started;
};

enum jk_features_change {
        JK_FEATURES_SAME,
        JK_FEATURES_OTHER,
        JK_FEATURES_LESS,
        JK_FEATURES_DOUBTFUL,
};

/* Take in a tick. OTHER: what is seen has changed, and values have other meanings than before.
 * LESS: some counts are not there, which may be so for this tick only, and the values are those of
 * the tick before; after a minute of such ticks it is OTHER. A frequency, temperature or voltage
 * that is not there is taken for what it was, as long. DOUBTFUL: a rate is so far above all before
 * it that it may be a counter's fault: nothing to learn from. Needs sample.elapsed_ns > 0 and
 * JK_SAMPLE_TASKS. */
enum jk_features_change jk_features_observe(struct jk_features *features,
                                            const struct jk_sample *sample);

/* Index of the rate that tells most by itself of what the tick has, on the whole machine (-1) or on
 * one package: cycles, else CPU time. */
size_t jk_features_leading(const struct jk_features *features, int package);

/* Index of the rate of that field there, or n_rates: also if the tick does not have it. What is not
 * known per package is that of the machine. */
size_t jk_features_find(const struct jk_features *features, enum jk_task_field field, int package);

/* Index of the core time that belongs to a rate, or n_rates. */
size_t jk_features_cores(const struct jk_features *features, size_t rate);

/* Whether a rate may explain the energy of a zone of that package (-1: of more than one): it is
 * counted there, or not known any nearer. */
bool jk_features_suit(const struct jk_features *features, size_t rate, int package);

/* Σ weights[rate] × the task's own count in the tick (not per second); what is not there is 0. */
double jk_features_weigh(const struct jk_features *features, const struct jk_sample *sample,
                         size_t task, const double weights[JK_RATES_MAX]);
