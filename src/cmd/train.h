/* SPDX-License-Identifier: Apache-2.0
 *
 * Training: from recordings of machines with a meter to a model file for those without.
 */
#pragma once

#include "curve/fit.h"
#include "model/file.h"

struct jk_training {
        const char *const *paths; /* recordings of one CPU, those of a machine in their order */
        size_t n_paths;
        size_t ticks_max; /* the first so many of each recording; 0: all */
        const char *zone; /* a name, or a kind: all zones of it together */
        struct jk_fit_options fit;
};

/* Train: the file (all but its name) and how far off it was; or a negative errno with a message
 * that names recording or zone, the cause and the remedy. ret_cut: a recording that ends within a
 * tick, whose whole ticks were taken; NULL if none does. */
int jk_train(const struct jk_training *training, struct jk_model_file *ret_file,
             struct jk_fit_errors *ret_errors, const char **ret_cut, struct jk_error *err);
