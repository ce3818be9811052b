/* SPDX-License-Identifier: Apache-2.0
 *
 * Event selection on this machine: candidates are counted in groups beside a zone's energy, under
 * loads of our own or the machine's, and those are chosen that explain it (model/trials.h).
 */
#pragma once

#include "cmd/selection-rows.h"
#include "engine/engine.h"
#include "model/trials.h"

struct jk_live_options {
        struct jk_engine_options engine; /* its root, meters and activity */
        const char *events;              /* candidates; NULL: all that the CPU may count */
        double seconds;                  /* of each load */
        int64_t own_load_ns;             /* > 0: no loads of ours, so long a group */
        int64_t interval_ns;             /* between rows */
        struct jk_selection_rule rule;
};

/* Select; blocks SIGINT, SIGTERM and SIGHUP, and leaves no stressor behind. `rows`, whose zone is
 * given, get CPU time and what was chosen, counted once more when all was chosen; in the selection
 * `after` is of each event's own group but for the last, which is of these rows. 0, also if nothing
 * was chosen; -EINTR: a signal came; -ENODEV: the zone is not measured, or nothing is counted. The
 * caller frees the rows in either case. */
int jk_select_live(const struct jk_live_options *options, struct jk_recorded_rows *rows,
                   struct jk_selection *ret_selection, struct jk_error *err);
