/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports of PowerAPI's HWPC sensor as they come, to samples: each time is made when those of five
 * later ones have come, as then none of it is to be expected any more.
 */
#pragma once

#include "import/hwpc.h"

struct jk_hwpc_live_sink {
        void (*take)(void *data, const struct jk_sample *sample);
        void (*refused)(void *data, const char *message); /* a report or a count is left out */
        bool (*is_over)(void *data);                      /* nobody can take more: end it */
        void *data;
};

/* Take all that the reader has until it ends, what still waits then included: 0, or a negative
 * errno with a message if it could not go on. What is wrong is left out. While `take` runs, the
 * observations are those of the samples that are being made. */
int jk_hwpc_live(struct jk_observations *seen, struct jk_hwpc_names *names,
                 struct jk_hwpc_reader *reader, const struct jk_hwpc_live_sink *sink,
                 struct jk_error *err);
