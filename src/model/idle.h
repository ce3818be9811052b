/* SPDX-License-Identifier: Apache-2.0
 *
 * Idle power of one zone, learned from the lowest sustained readings.
 *
 * Energy is averaged over blocks of at least 10 s. The quietest block of each ten minutes is kept
 * for a day (of those about as low, the least busy), so that the floor follows the machine
 * (temperature, firmware: the same server was seen at 31 W and, seven weeks later, at 50 W) and a
 * floor that is no longer reached is forgotten. A block in which CPUs were busy holds more than
 * idle power: the estimate goes down from it along the line through a busier block (or, until one
 * is seen, along a broad prior), and the error bar covers the way it went. It is never (1 −
 * utilisation) × power. Where the temperature is known and tells something of it (warmth.h), it is
 * that of a machine as warm as it has been of late.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "model/model.h"
#include "model/warmth.h"

#define JK_IDLE_SLOTS JK_WARMTH_BLOCKS_MAX /* ten minutes each: a day */

struct jk_idle {
        /* the block being filled */
        double energy_uj;
        double elapsed_ns;
        double busy; /* utilisation × elapsed_ns */
        double heat; /* temperature × elapsed_ns; NaN: it was not seen all the time */

        /* the quietest block of each slot; elapsed time decides the slot */
        struct jk_idle_block quietest[JK_IDLE_SLOTS];
        double lowest_w[JK_IDLE_SLOTS]; /* of any block of the slot */
        int64_t slot_of[JK_IDLE_SLOTS]; /* absolute number of the slot kept there, or -1 */
        int64_t total_ns;

        /* the busiest block of about a day: the other end of the line */
        struct jk_idle_block busiest;
        int64_t busiest_age; /* in blocks */
        int64_t n_blocks;

        /* how the floor goes with temperature, as of the last block */
        struct jk_warmth warmth;
        double temperature_c; /* of late; NaN: not known */
};

void jk_idle_init(struct jk_idle *idle);

/* A seen reading of the zone and the machine's utilisation over the same tick; temperature_c: of
 * the CPUs, NaN where nothing tells it. */
void jk_idle_observe(struct jk_idle *idle, int64_t energy_uj, int64_t elapsed_ns,
                     double utilisation, double temperature_c);

struct jk_idle_estimate jk_idle_estimate(const struct jk_idle *idle);
