/* SPDX-License-Identifier: Apache-2.0
 *
 * Learning idle power: see idle.h.
 */
#include "model/idle.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define BLOCK_NS (10 * JK_NS_PER_S)
#define SLOT_NS  (600 * JK_NS_PER_S)

/* Before any block is complete, power so far stands in for one. */
#define BLOCK_MIN_NS (20 * JK_NS_PER_MS)

/* The prior for the slope, where all blocks were about equally busy: the ratio of the power at full
 * load to active idle. Over 472 servers of 2004 to 2018 in the published SPECpower_ssj2008 results
 * its median is 3.4, and 68 % lie between 1.8 and 5.1. */
#define PRIOR_RATIO     3.4
#define PRIOR_RATIO_LOW 1.8

/* Two blocks that are nearer than this in utilisation do not give a slope. */
#define SLOPE_SPAN 0.1

/* What even a block without any load leaves open: meter, temperature, timer ticks. */
#define FLOOR_ERROR 0.02

/* Of blocks that are busier than the quietest by more than this, nothing is learned of warmth. */
#define WARMTH_SPAN 0.1

/* The temperature of late is a mean over about so long: it is read in steps of a degree. */
#define RECENT_NS (10.0 * JK_NS_PER_S)

/* The busiest block is forgotten after a day: 10 s each. */
#define BUSIEST_BLOCKS 8640

void
jk_idle_init(struct jk_idle *idle)
{
        memset(idle, 0, sizeof *idle);
        for (size_t i = 0; i < JK_IDLE_SLOTS; i++)
                idle->slot_of[i] = -1;
        idle->temperature_c = NAN;
}

static struct jk_idle_block
current_block(const struct jk_idle *idle)
{
        return (struct jk_idle_block){
                .power_w = idle->energy_uj * 1e3 / idle->elapsed_ns,
                .utilisation = fmin(idle->busy / idle->elapsed_ns, 1),
                .temperature_c = idle->heat / idle->elapsed_ns,
        };
}

/* Does a tell more of the floor than b? Of blocks about as low as the lowest, the least busy does:
 * a zone that a load hardly uses (DRAM under a compute-bound one) would by noise be lowest when
 * busy, and from there it is a long way down. */
static bool
is_quieter(struct jk_idle_block a, struct jk_idle_block b, double lowest_w)
{
        double low_w = lowest_w * (1 + FLOOR_ERROR);

        if (a.power_w > low_w || b.power_w > low_w)
                return a.power_w < b.power_w;

        return a.utilisation < b.utilisation;
}

static void
keep_block(struct jk_idle *idle, struct jk_idle_block block)
{
        int64_t slot = idle->total_ns / SLOT_NS;
        size_t i = (size_t)(slot % JK_IDLE_SLOTS);

        if (idle->slot_of[i] != slot) {
                idle->slot_of[i] = slot;
                idle->lowest_w[i] = block.power_w;
                idle->quietest[i] = block;
        } else {
                idle->lowest_w[i] = fmin(idle->lowest_w[i], block.power_w);
                if (is_quieter(block, idle->quietest[i], idle->lowest_w[i]))
                        idle->quietest[i] = block;
        }

        if (idle->n_blocks == 0 || block.utilisation >= idle->busiest.utilisation ||
            ++idle->busiest_age > BUSIEST_BLOCKS) {
                idle->busiest = block;
                idle->busiest_age = 0;
        }

        idle->n_blocks++;
}

static bool
is_of_last_day(const struct jk_idle *idle, size_t i)
{
        return idle->slot_of[i] >= 0 && idle->slot_of[i] > idle->total_ns / SLOT_NS - JK_IDLE_SLOTS;
}

/* The quietest block of the last day, and what the lowest drew; the block being filled counts as
 * soon as it is sustained, and as long as there is no other. */
static bool
find_quietest(const struct jk_idle *idle, struct jk_idle_block *ret_block, double *ret_lowest_w)
{
        double lowest_w = INFINITY;
        bool found = false;

        for (size_t i = 0; i < JK_IDLE_SLOTS; i++)
                if (is_of_last_day(idle, i))
                        lowest_w = fmin(lowest_w, idle->lowest_w[i]);
        for (size_t i = 0; i < JK_IDLE_SLOTS; i++) {
                if (!is_of_last_day(idle, i))
                        continue;
                if (!found || is_quieter(idle->quietest[i], *ret_block, lowest_w))
                        *ret_block = idle->quietest[i];
                found = true;
        }
        if (!found && idle->elapsed_ns < BLOCK_MIN_NS)
                return false;

        if (!found)
                *ret_block = current_block(idle);
        *ret_lowest_w = found ? lowest_w : ret_block->power_w;
        return true;
}

/* From the quietest blocks of each slot of the last day, in the order of time. */
static void
learn_warmth(struct jk_idle *idle)
{
        struct jk_idle_block blocks[JK_IDLE_SLOTS], quietest = { 0 };
        double lowest_w;
        size_t n = 0;

        if (isnan(idle->temperature_c) || !find_quietest(idle, &quietest, &lowest_w))
                return;

        for (int64_t k = 1; k <= JK_IDLE_SLOTS; k++) {
                size_t i = (size_t)((idle->total_ns / SLOT_NS + k) % JK_IDLE_SLOTS);

                if (is_of_last_day(idle, i) && !isnan(idle->quietest[i].temperature_c) &&
                    idle->quietest[i].utilisation <= quietest.utilisation + WARMTH_SPAN)
                        blocks[n++] = idle->quietest[i];
        }
        idle->warmth = jk_warmth_of(blocks, n);
}

static void
follow_temperature(struct jk_idle *idle, double elapsed_ns, double temperature_c)
{
        if (isnan(temperature_c))
                return;
        if (isnan(idle->temperature_c))
                idle->temperature_c = temperature_c;
        idle->temperature_c +=
                (1 - exp(-elapsed_ns / RECENT_NS)) * (temperature_c - idle->temperature_c);
}

void
jk_idle_observe(struct jk_idle *idle, int64_t energy_uj, int64_t elapsed_ns, double utilisation,
                double temperature_c)
{
        if (elapsed_ns <= 0 || energy_uj < 0 || !(utilisation >= 0))
                return;

        idle->energy_uj += (double)energy_uj;
        idle->elapsed_ns += (double)elapsed_ns;
        idle->busy += fmin(utilisation, 1) * (double)elapsed_ns;
        idle->heat += temperature_c * (double)elapsed_ns;
        follow_temperature(idle, (double)elapsed_ns, temperature_c);
        idle->total_ns += elapsed_ns;

        if (idle->elapsed_ns < BLOCK_NS)
                return;

        keep_block(idle, current_block(idle));
        idle->energy_uj = idle->elapsed_ns = idle->busy = idle->heat = 0;
        learn_warmth(idle);
}

/* Power at utilisation 0, going down from a block by a ratio of full load to idle. */
static double
descend(struct jk_idle_block from, double ratio)
{
        return from.power_w / (1 + (ratio - 1) * from.utilisation);
}

struct jk_idle_estimate
jk_idle_estimate(const struct jk_idle *idle)
{
        struct jk_idle_block quietest = { 0 };
        double lowest_w, floor_w, spread_w, slope, warmer_w;

        if (!find_quietest(idle, &quietest, &lowest_w))
                return (struct jk_idle_estimate){ .power_w = NAN, .error_w = NAN };

        if (idle->n_blocks > 0 && idle->busiest.utilisation - quietest.utilisation > SLOPE_SPAN &&
            idle->busiest.power_w > quietest.power_w) {
                /* Curves bend, either way: half of the way down is taken for one sigma. */
                slope = (idle->busiest.power_w - quietest.power_w) /
                        (idle->busiest.utilisation - quietest.utilisation);
                floor_w = fmax(quietest.power_w - slope * quietest.utilisation, 0);
                spread_w = (quietest.power_w - floor_w) / 2;
        } else {
                floor_w = descend(quietest, PRIOR_RATIO);
                spread_w = descend(quietest, PRIOR_RATIO_LOW) - floor_w;
        }

        warmer_w = jk_warmth_between(&idle->warmth, quietest.temperature_c, idle->temperature_c);
        return (struct jk_idle_estimate){
                .power_w = fmax(fmin(floor_w, lowest_w) + warmer_w, 0),
                .error_w = hypot(hypot(spread_w, FLOOR_ERROR * quietest.power_w),
                                 idle->warmth.error_w),
        };
}
