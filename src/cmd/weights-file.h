/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights of events that a command found, to a model file of kind "events" (model/file.h).
 */
#pragma once

#include "base/error.h"
#include "model/counts.h"
#include "model/file.h"

struct jk_found_weights {
        enum jk_zone_kind zone;
        enum jk_model_per per;
        double idle_w;
        size_t n_counts;
        const struct jk_count *counts;   /* [n_counts] */
        const double *weights;           /* [n_counts]: J per count; those of 0 are left out */
        const double *minimum, *maximum; /* [n_counts]: rates that were seen */

        double mae_w, mape_pct; /* of what was held out */
        int n;                  /* points or ticks of that */
        const char *held_out;   /* "leave one stressor out" */
        const char *method, *source;
        struct jk_model_cpu cpu;
};

/* 0, or a negative errno with a message. */
int jk_found_weights_save(const struct jk_found_weights *found, const char *path,
                          struct jk_error *err);
