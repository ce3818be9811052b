/* SPDX-License-Identifier: Apache-2.0
 *
 * What models need of a tick and the sample does not say by itself: how busy the machine was, how
 * much CPU time went to interrupts, and what each zone draws when nothing runs (idle.h).
 */
#pragma once

#include "model/idle.h"
#include "model/model.h"

struct jk_load {
        double utilisation; /* busy CPU time / elapsed CPU time; NaN if CPUs were not seen */
        double irq_ns;
        double softirq_ns;
        double task_ns;   /* CPU time of all tasks */
        double task_part; /* of a task's CPU time that is its own, not an interrupt's: 0 … 1 */
};

struct jk_load jk_load_of(const struct jk_sample *sample);

/* What the counts of all tasks are to be multiplied by to be those of the machine: interrupts are
 * known by their time only, and are taken to count as tasks do in that time. */
double jk_load_with_interrupts(const struct jk_load *load);

/* The event that tells CPU time on the package (JK_EVENT_CPU_TIME), or -1: it is not told apart, or
 * package is -1. Once a tick. */
int jk_load_find_time(const struct jk_sample *sample, int package);

/* What part of a task's CPU time in the tick that event tells, 0 … 1; 1 where it is -1. */
double jk_load_part(const struct jk_sample *sample, size_t task, int event);

/* What a second of CPU time beside another busy thread of the core is taken to cost, as a part of
 * one on a core of one's own, where nothing is learned: a core whose two threads are busy is taken
 * to draw 1.2 times what it draws with one. Assumed, see docs/models.md. */
#define JK_SHARED_WORTH 0.6

/* The event that tells time on shared cores (JK_EVENT_SHARED_TIME), or -1; once a tick. */
int jk_load_find_shared(const struct jk_sample *sample);

/* What a task's CPU time in the tick is worth, of as much on cores of its own: 1 where that is not
 * told, event being -1. */
double jk_load_worth(const struct jk_sample *sample, size_t task, int event);

/* Idle power of every zone that was ever seen; zeroed is empty. */
struct jk_idles {
        struct jk_idle *zones[JK_ZONES_MAX];
};

void jk_idles_free(struct jk_idles *idles);

/* Learn from a tick: zones whose idle power is known (zone.idle_w) are left out, as are readings
 * that began before the tick and ticks in which the machine slept. */
void jk_idles_observe(struct jk_idles *idles, const struct jk_sample *sample, double utilisation);

struct jk_idle_estimate jk_idles_estimate(const struct jk_idles *idles, size_t zone);

/* The idle part of a zone's reading, and one standard deviation of it (infinite while nothing is
 * known): what the zone itself knows, or what was learned. */
void jk_idles_split(const struct jk_idles *idles, const struct jk_sample *sample, size_t zone,
                    double *ret_idle_uj, double *ret_error_uj);

/* Whether CPU time and the CPUs' counters say nothing about such a zone. */
bool jk_zone_beyond_cpu(enum jk_zone_kind kind);

/* Whether a model that learns has something to learn from a zone's reading: it was read, it began
 * with the tick, and it is of the CPUs. From an estimate there is nothing to learn: it follows from
 * CPU time, and would teach that nothing else matters. */
bool jk_load_teaches(const struct jk_sample *sample, size_t zone);

/* Take how far off an expectation was, in percent of what was measured (> 0), into the mean of late
 * that is published; NaN: there is none yet. */
void jk_error_follow(double *error_pct, double expected_w, double measured_w);

/* A split that gives nobody anything. */
void jk_split_to_nobody(const struct jk_sample *sample, struct jk_split *split);

/* One standard deviation of a task's share in percent: the meter's error, the model's, and what the
 * idle part leaves open as a part of what is divided. */
double jk_split_uncertainty(const struct jk_zone *zone, double energy_uj, double idle_uj,
                            double idle_error_uj, double model_pct);
