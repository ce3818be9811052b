/* SPDX-License-Identifier: Apache-2.0
 *
 * The cpu lines of /proc/stat: a pure parser.
 */
#pragma once

#include <stdint.h>

#define JK_CPU_NUMBER_MAX 8191 /* CONFIG_NR_CPUS of x86, less one */

/* Columns, in ticks. What follows (guest, guest_nice) is part of user and nice. */
enum jk_cpu_time {
        JK_CPU_USER,
        JK_CPU_NICE,
        JK_CPU_SYSTEM,
        JK_CPU_IDLE,
        JK_CPU_IOWAIT,
        JK_CPU_IRQ,
        JK_CPU_SOFTIRQ,
        JK_CPU_STEAL,
        JK_CPU_TIMES,
};

enum jk_cpu_line {
        JK_CPU_LINE_CPU,   /* of one CPU */
        JK_CPU_LINE_SUM,   /* of all, or of a kind that is not understood: pass over it */
        JK_CPU_LINE_OTHER, /* the cpu lines are over */
        JK_CPU_LINE_CUT,   /* the text ends before the line does */
};

/* Read the line at *text and move *text to the next one. */
enum jk_cpu_line jk_cpu_stat_line(const char **text, const char *end, uint32_t *ret_cpu,
                                  uint64_t *ret_ticks);
