/* SPDX-License-Identifier: Apache-2.0
 *
 * Models: a model decides, for one zone and tick, which part of the energy is idle and how the rest
 * is weighted among the tasks. It is a pure function of the samples it has seen: no clock, no file.
 * A model is one file with one constant table of operations, listed in models.c. It only weighs:
 * the ledger divides, so no model can book more or less than was measured.
 */
#pragma once

#include <math.h>
#include <stdbool.h>

#include "base/error.h"
#include "sample/sample.h"

struct jk_model;

/* What a zone draws when nothing runs, as far as it is known. */
struct jk_idle_estimate {
        double power_w; /* NaN until the first reading */
        double error_w; /* one standard deviation */
};

/* What a tick's activity leads a model to expect of a zone. */
struct jk_expectation {
        double power_w;   /* NaN: nothing is known yet */
        double error_pct; /* mean distance of late from what was measured, in percent of that; NaN
                           */
};

#define JK_NO_EXPECTATION ((struct jk_expectation){ .power_w = NAN, .error_pct = NAN })

struct jk_split {
        double idle_uj;    /* this tick's idle energy; the ledger clamps it to what there is */
        double irq_weight; /* weights: any unit, the same for all; ≥ 0 */
        double softirq_weight;
        double *task_weights;   /* [sample->n_tasks], the caller's, all set by split() */
        double uncertainty_pct; /* one standard deviation of a task's share, the meter's included */
        bool blind; /* the model cannot tell who used this zone: its dynamic part is unattributed */
};

struct jk_model_ops {
        const char *name; /* "share" */
        const char *summary;
        const char *argument; /* what it needs to be told, for people: "FILE"; NULL: nothing */

        /* argument: not empty, or NULL where the model takes none. What it names is read here, and
         * not again. */
        int (*open)(const char *argument, struct jk_model **ret_model, struct jk_error *err);

        /* Called once per tick before the zones are split: learn from the sample. */
        void (*observe)(struct jk_model *model, const struct jk_sample *sample);

        /* Split zone `zone` of the sample; its reading is SEEN. Allocates nothing in steady state.
         */
        void (*split)(struct jk_model *model, const struct jk_sample *sample, size_t zone,
                      struct jk_split *ret_split);

        struct jk_idle_estimate (*idle)(const struct jk_model *model, size_t zone);

        /* By what it had learned before the tick at hand. NULL: this model never expects anything.
         */
        struct jk_expectation (*expect)(const struct jk_model *model, size_t zone);

        void (*close)(struct jk_model *model);
};

extern const struct jk_model_ops jk_model_adaptive;
extern const struct jk_model_ops jk_model_curve;
extern const struct jk_model_ops jk_model_events;
extern const struct jk_model_ops jk_model_plugin;
extern const struct jk_model_ops jk_model_program;
extern const struct jk_model_ops jk_model_share;
extern const struct jk_model_ops jk_model_smartwatts;

/* Every model there is, NULL-terminated. */
extern const struct jk_model_ops *const jk_model_list[];

/* ---- choosing ---- */

/* How people choose: NAME[:ARGUMENT] for all zones, then others for some of them, as in
 * "adaptive,dram=share,gpu-0=events:/etc/weights.json". A zone is told by its name or by its kind;
 * the name goes before the kind. Without a first part that is for all zones it is "auto", as NULL
 * is. Arguments have no commas. */

/* Whether there are such models, with and without arguments as they ought to be: 0, or -EINVAL with
 * a message that begins with the part that is wrong. Opens nothing. */
int jk_model_check(const char *spec, struct jk_error *err);

/* Whether a model is told something from outside: what a recording says must not be opened so. */
bool jk_model_has_argument(const char *spec);

/* Open what was chosen: as one model, which has the name of the first. */
int jk_model_open(const char *spec, const struct jk_model_ops **ret_ops,
                  struct jk_model **ret_model, struct jk_error *err);

/* The spec for people: "auto" and NULL say which model that is. */
const char *jk_model_label(const char *spec);

/* Cut the first spec off a list of them; NULL: there is none. What follows a comma and is for a
 * zone belongs to the spec before it. */
char *jk_model_next(char **list);

/* One part of a spec. */
struct jk_model_choice {
        char zone[JK_ZONE_NAME_SIZE]; /* a zone's name or a kind; empty: all zones */
        const struct jk_model_ops *ops;
        const char *argument; /* in the spec, up to length; NULL: none */
        size_t length;
};

/* Take the next part off *rest: 1; 0 at the end; -EINVAL with a message. */
int jk_model_take(const char **rest, struct jk_model_choice *ret_choice, struct jk_error *err);

/* Several, each for its zones (by-zone.c). The argument is a spec. */
extern const struct jk_model_ops jk_model_by_zone;
