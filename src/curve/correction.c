/* SPDX-License-Identifier: Apache-2.0
 *
 * Self-correction of estimates: see correction.h.
 */
#include "curve/correction.h"

#include <math.h>
#include <stdbool.h>

#define BLOCK_S       10.0
#define MEMORY_BLOCKS 360.0 /* an hour */
#define HALF_TRUST    6.0   /* blocks */

/* Before there is anything to see, the factor is 1, give or take as much. */
#define FACTOR_SPREAD 0.5
#define FACTOR_MIN    0.1
#define FACTOR_MAX    10.0

/* No block of a meter is nearer to a line than this part of it. */
#define NOISE_MIN 0.01

/* The error is again what it was without a reference, nearly, after a few of these. */
#define AGING_S (7 * 24 * 3600.0)

static double
noise(const struct jk_correction *c)
{
        double left = c->yy - 2 * c->factor * c->xy + c->factor * c->factor * c->xx;

        return fmax(left, pow(NOISE_MIN * c->mean_y, 2));
}

/* The slope, drawn towards 1 as far as the blocks leave it open. */
/* A meter that reads nothing, or whose readings have nothing to do with the estimate (a long mean,
 * a plug of another machine), says nothing of the zone. */
static bool
shows_the_zone(const struct jk_correction *c)
{
        bool is_bound = c->factor <= FACTOR_MIN || c->factor >= FACTOR_MAX;
        bool is_around_less =
                c->basis == JK_CORRECTION_AROUND && c->mean_y < FACTOR_MIN * c->mean_x;

        return c->mean_y > 0 && !is_bound && !is_around_less;
}

static void
fit(struct jk_correction *c)
{
        for (int i = 0; i < 3; i++) {
                double bound = noise(c) / (c->weight * FACTOR_SPREAD * FACTOR_SPREAD);

                if (c->xx + bound > 0)
                        c->factor = (c->xy + bound) / (c->xx + bound);
                c->factor = fmin(fmax(c->factor, FACTOR_MIN), FACTOR_MAX);
        }
        c->offset_w = c->mean_y - c->factor * c->mean_x;
        c->trust = c->weight / (c->weight + HALF_TRUST);
        if (!shows_the_zone(c)) {
                c->factor = 1;
                c->trust = 0;
        }

        if (c->basis == JK_CORRECTION_SAME) {
                c->error_pct = 100 * sqrt(noise(c)) / fmax(c->mean_y, 1e-6);
        } else {
                double bound = noise(c) / (FACTOR_SPREAD * FACTOR_SPREAD);
                double slope_error = sqrt(noise(c) / (c->weight * c->xx + bound));

                c->error_pct = 100 * slope_error / c->factor;
        }
}

static void
take_block(struct jk_correction *c)
{
        double x = c->block_estimated_j / c->block_s, y = c->block_measured_j / c->block_s;
        double part, dx, dy;

        c->weight = fmin(c->weight + 1, MEMORY_BLOCKS);
        part = 1 / c->weight;
        dx = x - c->mean_x;
        dy = y - c->mean_y;
        c->mean_x += part * dx;
        c->mean_y += part * dy;
        c->xx += part * ((1 - part) * dx * dx - c->xx);
        c->xy += part * ((1 - part) * dx * dy - c->xy);
        c->yy += part * ((1 - part) * dy * dy - c->yy);
        fit(c);
}

void
jk_correction_learn(struct jk_correction *correction, enum jk_correction_basis basis,
                    double estimated_w, double measured_w, double elapsed_s)
{
        struct jk_correction *c = correction;

        if (!(elapsed_s > 0) || !(estimated_w >= 0) || !(measured_w >= 0) ||
            !isfinite(estimated_w + measured_w))
                return;
        if (c->basis != basis)
                *c = (struct jk_correction){ .basis = basis, .factor = 1 };

        c->age_s = 0;
        c->block_s += elapsed_s;
        c->block_estimated_j += estimated_w * elapsed_s;
        c->block_measured_j += measured_w * elapsed_s;
        if (c->block_s < BLOCK_S)
                return;

        take_block(c);
        c->block_s = c->block_estimated_j = c->block_measured_j = 0;
}

void
jk_correction_age(struct jk_correction *correction, double elapsed_s)
{
        if (correction->basis == JK_CORRECTION_NONE || !(elapsed_s > 0))
                return;

        correction->age_s += elapsed_s;
        correction->block_s = correction->block_estimated_j = correction->block_measured_j = 0;
}

struct jk_corrected
jk_correction_apply(const struct jk_correction *c, double estimated_w, double idle_w,
                    double error_pct)
{
        struct jk_corrected corrected = { estimated_w, idle_w, error_pct };
        double power_w, floor_w, seen_pct, fresh = exp(-c->age_s / AGING_S);

        if (!(c->trust > 0) || !isfinite(estimated_w))
                return corrected;

        floor_w = c->basis == JK_CORRECTION_SAME ? c->offset_w + c->factor * idle_w : idle_w;
        power_w = floor_w + c->factor * (estimated_w - idle_w);
        corrected.power_w = fmax((1 - c->trust) * estimated_w + c->trust * power_w, 0);
        corrected.idle_w =
                fmin(fmax((1 - c->trust) * idle_w + c->trust * floor_w, 0), corrected.power_w);

        /* What a zone around it says nothing of is as uncertain as it was: the idle part. */
        seen_pct = c->error_pct;
        if (c->basis == JK_CORRECTION_AROUND && power_w > 0)
                seen_pct = hypot(error_pct * floor_w / power_w,
                                 c->error_pct * (power_w - floor_w) / power_w);
        corrected.error_pct += c->trust * fresh * (fmin(seen_pct, error_pct) - error_pct);
        return corrected;
}
