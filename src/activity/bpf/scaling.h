/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
 *
 * What a counter counted between two readings, where more events are wanted than the PMU has
 * counters for: the kernel lets them take turns, a few milliseconds each. A slice between two
 * context switches is mostly shorter than a turn, so it says nothing of how long the counter was
 * away. So counts are scaled by how much of the time the counter was on the PMU in the window
 * before, which spans many turns: a slice without the counter gets nothing, the others get that
 * much more, and whoever runs for some turns gets what is his. Pure; part of the BPF program and of
 * its tests.
 */
#pragma once

#include "records.h"

#define JK_SCALE_ONE       (1U << 16)
#define JK_SCALE_WINDOW_NS 100000000ULL /* twenty-five turns of 4 ms */

/* As the kernel tells it. */
struct jk_counter_reading {
        jk_u64 value;
        jk_u64 enabled_ns; /* it was to count so long … */
        jk_u64 running_ns; /* … and did so long */
};

/* Zeroed: not read yet. */
struct jk_counter_window {
        struct jk_counter_reading last, start; /* the last reading; that of the window's start */
        jk_u64 scale;                          /* in 1 / JK_SCALE_ONE, by the window before */
};

/* Whether it has stood still since the last reading: its CPU was offline meanwhile, and took the
 * counter with it. */
static inline __attribute__((always_inline)) int
jk_counter_stands_still(const struct jk_counter_window *window,
                        const struct jk_counter_reading *now)
{
        return window->last.enabled_ns && now->enabled_ns <= window->last.enabled_ns;
}

static inline __attribute__((always_inline)) jk_u64
jk_counter_scaled(struct jk_counter_window *window, const struct jk_counter_reading *now)
{
        jk_u64 delta = now->value - window->last.value, enabled, running;

        /* The first reading; or a counter that was opened again, which starts below where it was.
         */
        if (!window->last.enabled_ns || now->value < window->last.value ||
            now->running_ns < window->last.running_ns) {
                window->last = *now;
                window->start = *now;
                window->scale = JK_SCALE_ONE;
                return 0;
        }
        window->last = *now;

        enabled = now->enabled_ns - window->start.enabled_ns;
        running = now->running_ns - window->start.running_ns;
        if (enabled >= JK_SCALE_WINDOW_NS && running) {
                /* Beyond 2^36 ns, which is a minute without a context switch, the unit is coarser.
                 */
                window->scale = running >= enabled     ? JK_SCALE_ONE
                                : enabled < 1ULL << 36 ? enabled * JK_SCALE_ONE / running
                                                       : enabled / ((running >> 16) + 1);
                window->start = *now;
        }
        if (window->scale == JK_SCALE_ONE || delta >= 1ULL << 40)
                return delta;
        return (delta * window->scale) >> 16;
}
