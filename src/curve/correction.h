/* SPDX-License-Identifier: Apache-2.0
 *
 * What an estimate learns of itself wherever a meter shows up: of the same zone, or of one around
 * it (a battery, a power supply, the wall). Power is averaged over blocks, and a line from what was
 * estimated to what was measured is learned slowly; its slope is the factor. Of the same zone the
 * line is taken as it is; of a zone around it only the slope tells, as the rest of the line is what
 * everything else draws. When the meter goes, the line stays and is trusted less by the day. Pure.
 */
#pragma once

#include <stddef.h>

enum jk_correction_basis { JK_CORRECTION_NONE, JK_CORRECTION_SAME, JK_CORRECTION_AROUND };

struct jk_correction {
        enum jk_correction_basis basis;
        double factor;
        double offset_w;  /* SAME: of the zone; AROUND: what is not the zone's */
        double trust;     /* 0 … 1: how far it is applied; half after a minute */
        double error_pct; /* of the zone's mean power, as it was seen; the reference's not counted
                           */
        double age_s;     /* since the reference was seen last */

        /* the block being filled: energy and time */
        double block_s, block_estimated_j, block_measured_j;

        /* running means over blocks: about an hour of them */
        double weight, mean_x, mean_y, xx, xy, yy;
};

/* A tick in which a reference was read. idle_w: of the estimate. A reference of another basis
 * begins anew. */
void jk_correction_learn(struct jk_correction *correction, enum jk_correction_basis basis,
                         double estimated_w, double measured_w, double elapsed_s);

/* A tick in which none was. */
void jk_correction_age(struct jk_correction *correction, double elapsed_s);

struct jk_corrected {
        double power_w, idle_w, error_pct;
};

/* An estimate, corrected by what was learned; error_pct: of the estimate by itself. */
struct jk_corrected jk_correction_apply(const struct jk_correction *correction, double estimated_w,
                                        double idle_w, double error_pct);
