/* SPDX-License-Identifier: Apache-2.0
 *
 * Kernel regression: power as a smooth function of a tick's coordinates, learned from cells. A
 * Gaussian process: a plane, and where the cells bend away from it, a sum of Gaussian bumps, one
 * per cell (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, §2.7). All zones
 * share the bumps and the one factorisation that a fit needs.
 *
 * A fit is done in steps, some in each tick, so that no tick waits for it; meanwhile the fit before
 * it predicts. Which step is done when depends on the calls alone: a replay learns what the live
 * run learned. Nothing is allocated after open.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/cells.h"

struct jk_kernel;

/* For cells of that capacity: 0 or -ENOMEM. */
int jk_kernel_open(const struct jk_cells *cells, struct jk_kernel **ret_kernel);
void jk_kernel_close(struct jk_kernel *kernel);

/* Go on with the fit that is under way, for about `work` multiplications (at least one step); begin
 * one if there is none. True: a fit was completed. */
bool jk_kernel_step(struct jk_kernel *kernel, struct jk_cells *cells, const double *importance,
                    size_t work);

/* Whether a fit is under way. */
bool jk_kernel_is_fitting(const struct jk_kernel *kernel);

/* Set the point of the predictions that follow. False: nothing was fitted yet. */
bool jk_kernel_at(struct jk_kernel *kernel, const double *x);

/* Power of a zone there, W: finite; may be negative far from all that was seen. */
double jk_kernel_predict(const struct jk_kernel *kernel, size_t zone);
