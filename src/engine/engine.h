/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine: the tick. Owns meters, collectors, naming, model and ledger; each tick samples, books
 * and publishes a snapshot. One thread drives it; readers use the shelf.
 */
#pragma once

#include "activity/activity.h"
#include "base/error.h"
#include "ledger/ledger.h"
#include "ledger/snapshot.h"
#include "meter/meters.h"

struct jk_engine_options {
        const char *root;           /* sysfs and procfs below it; NULL: "/" */
        int64_t interval_ns;        /* 10 ms to 60 s */
        const char *meters;         /* as jk_meters_open() takes it; NULL: auto */
        const char *activity;       /* "auto", "bpf", "proc"; NULL: auto */
        const char *model;          /* as jk_model_open() takes it; NULL: auto */
        const char *estimate_model; /* model files, comma-separated; NULL or "auto": none */
        bool counters;              /* use hardware counters where there are any */
        const char *events;         /* what to count: names, comma-separated, or a model file's
                                     * full path; NULL or "auto": the usual three */
        struct jk_ledger_options ledger;
        const struct jk_reference_config *wall; /* a meter outside; NULL: none */
};

#define JK_ENGINE_DEFAULTS                                                                         \
        {                                                                                          \
                .interval_ns = JK_NS_PER_S, .counters = true, .ledger = JK_LEDGER_DEFAULTS,        \
        }

#define JK_INTERVAL_MIN_NS (10 * JK_NS_PER_MS)
#define JK_INTERVAL_MAX_NS (60 * JK_NS_PER_S)

struct jk_engine;

/* Options and the strings in them are copied. Fails only where nothing could ever work (bad root,
 * unknown meter or model, `activity` named and not to be had); what is merely missing on this
 * machine is in the snapshot's status. */
int jk_engine_open(const struct jk_engine_options *options, struct jk_engine **ret_engine,
                   struct jk_error *err);
void jk_engine_close(struct jk_engine *engine);

/* One tick, now: sample, book, publish. The first sets baselines. -ENOMEM is the only failure;
 * the next tick books what this one could not. */
int jk_engine_tick(struct jk_engine *engine, struct jk_error *err);

/* Tick every interval on the calling thread, without drift (a tick that comes late keeps the grid;
 * ticks that were missed are counted, and their time is in the next Δt), until stop_fd becomes
 * readable. */
void jk_engine_run(struct jk_engine *engine, int stop_fd);

/* Take over what of the options may change while running: interval_ns and ledger. Thread-safe;
 * takes effect at the next tick. */
void jk_engine_reconfigure(struct jk_engine *engine, const struct jk_engine_options *options);

/* Who is to have every sample that was booked, such as a recorder: called on the thread that ticks,
 * and must not wait. user_name: as jk_ledger_publish() takes it. */
struct jk_engine_sink {
        void (*take)(void *data, const struct jk_sample *sample,
                     const char *(*user_name)(void *data, uid_t uid), void *user_data);
        void *data;
};

/* Before the first tick, so that no cgroup that appeared is missed. One at most; copied. */
void jk_engine_set_sink(struct jk_engine *engine, const struct jk_engine_sink *sink);

struct jk_shelf *jk_engine_shelf(struct jk_engine *engine);

/* The model that books, as jk_model_label() says it, and the collector ("none" where tasks are not
 * seen). */
const char *jk_engine_model(const struct jk_engine *engine);
const char *jk_engine_activity(const struct jk_engine *engine);

/* For commands that print what there is, from the thread that ticks. */
const struct jk_meters *jk_engine_meters(const struct jk_engine *engine);
const struct jk_sample *jk_engine_sample(const struct jk_engine *engine);
struct jk_cgroups *jk_engine_cgroups(struct jk_engine *engine);
