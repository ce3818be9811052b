/* SPDX-License-Identifier: Apache-2.0
 *
 * Event selection where a CPU cannot count all candidates at once (as SelfWatts does it): they are
 * tried in groups, each beside all that were chosen before, and an event is judged by how much
 * smaller it makes the error on the very rows that it was counted in, as no two groups see the same
 * load. What is chosen can so be counted together. How large a group may be is found by trying.
 * Pure: what counts is handed in.
 */
#pragma once

#include "base/error.h"
#include "model/select.h"

/* In one group. */
#define JK_TRIAL_EVENTS_MAX 16

struct jk_trial_rows {
        size_t n;
        const double *x; /* [n][1 + events]: CPU time, which is known without counting; the rates */
        const double *y; /* [n]: W */
};

struct jk_trial_ops {
        /* Count these candidates, and nothing else, for as long as a trial takes. Rows are valid
         * until the next call. 0; -ENOSPC: they cannot be counted together all of the time; any
         * other errno ends the selection, and has a message. */
        int (*measure)(void *data, const size_t *candidates, size_t n,
                       struct jk_trial_rows *ret_rows, struct jk_error *err);

        /* For people, or NULL: a round begins in which so many are tried beside those chosen. */
        void (*begin)(void *data, size_t round, size_t n_candidates);
        void *data;
};

struct jk_trials {
        size_t n;
        size_t chosen[JK_TRIAL_EVENTS_MAX]; /* candidates, in the order chosen … */
        struct jk_selection_error with[JK_TRIAL_EVENTS_MAX]; /* … the error with all up to it … */
        struct jk_selection_error without[JK_TRIAL_EVENTS_MAX]; /* … and without it, same rows */
        size_t width;    /* the most that were counted at once */
        size_t n_groups; /* that were counted */
};

/* Choose of n_candidates. rule->most is JK_TRIAL_EVENTS_MAX at most. 0, also if none is any good;
 * -ENOMEM; -EINVAL: too few rows for the rule; or what measure() returned. */
int jk_trials_run(const struct jk_trial_ops *ops, size_t n_candidates,
                  const struct jk_selection_rule *rule, struct jk_trials *ret_trials,
                  struct jk_error *err);
