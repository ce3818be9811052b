/* SPDX-License-Identifier: Apache-2.0
 *
 * Curves: what a zone without a meter draws, by what a machine shows of itself. Power is a polygon
 * over utilisation plus weights times rates (busy CPUs, cycles, misses …). A curve is learned from
 * recordings (fit.h) and kept in a model file; here it is only evaluated. Pure: it sees samples, no
 * file and no clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "sample/sample.h"

#define JK_CURVE_LEVELS    11 /* utilisation 0, 10 … 100 % */
#define JK_CURVE_TERMS_MAX 48

struct jk_curve_term {
        char name[JK_EVENT_NAME_SIZE]; /* of jk_curve_rates, else a counted event */
        double weight;                 /* W per unit of the rate */
        double most;                   /* that the rate was when it was learned; NaN: unknown */
};

struct jk_curve {
        char name[80];                    /* for people: the file's */
        enum jk_zone_kind kind;           /* of the zone that it tells of; all packages together */
        double cpus;                      /* hardware threads that it was learned on */
        double levels_w[JK_CURVE_LEVELS]; /* for all those CPUs; the first is idle power */
        struct jk_curve_term terms[JK_CURVE_TERMS_MAX];
        size_t n_terms;
        double busiest;   /* utilisation when it was learned, 0 … 1; NaN: unknown */
        double error_pct; /* one standard deviation, where it was learned */
};

/* Rates that have names of their own. */
enum jk_curve_rate {
        JK_CURVE_CPU,      /* busy CPUs, interrupts included */
        JK_CURVE_CPU_GHZ,  /* busy CPUs × GHz */
        JK_CURVE_CPU_GHZ3, /* busy CPUs × GHz³: voltage rises with frequency */
        JK_CURVE_RECENT,   /* busy CPUs, as a running mean of half a minute */
        JK_CURVE_CYCLES,   /* per second, as those that follow */
        JK_CURVE_INSTRUCTIONS,
        JK_CURVE_LLC_MISSES,
        JK_CURVE_LEARNED,                        /* those below are only for what others fitted */
        JK_CURVE_UTILISATION = JK_CURVE_LEARNED, /* 0 … 1 */
        JK_CURVE_MHZ,                            /* mean of the CPUs by how busy they are */
        JK_CURVE_RATE_MAX,
};
extern const char *const jk_curve_rates[JK_CURVE_RATE_MAX];

/* What a tick shows. Zeroed before the first. */
struct jk_curve_view {
        double rates[JK_CURVE_RATE_MAX];    /* NaN: not seen */
        double events[JK_EVENTS_MAX];       /* per second, by event index */
        const struct jk_event_table *table; /* of the events, or NULL */
        double cpus;                        /* that are online */
        double utilisation;                 /* 0 … 1; NaN: not known */
        bool started;
};

/* Take in a tick. False: nothing can be said of it (the first one, no time, CPUs not seen). */
bool jk_curve_observe(struct jk_curve_view *view, const struct jk_sample *sample);

/* A rate of that name in the tick, or NaN if it is not seen. */
double jk_curve_rate(const struct jk_curve_view *view, const char *name);

/* The first term of the curve that the tick does not show, or NULL: then there is a power. */
const char *jk_curve_missing(const struct jk_curve *curve, const struct jk_curve_view *view);

struct jk_curve_power {
        double power_w, idle_w; /* for the CPUs that there are */
        double beyond; /* by what part the tick is outside of what was learned; 0: it is inside */
};

/* Power in the tick; NaN if a term is missing. */
struct jk_curve_power jk_curve_power(const struct jk_curve *curve,
                                     const struct jk_curve_view *view);

/* Error bar of a power that lies beyond what was learned: as wide as the way out is long. */
double jk_curve_error_pct(const struct jk_curve *curve, double beyond);
