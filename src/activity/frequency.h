/* SPDX-License-Identifier: Apache-2.0
 *
 * The frequency CPUs ran at: on x86 the average over the time they were not halted, from APERF and
 * MPERF by the kernel's `msr` PMU (Intel SDM vol. 3, "Hardware feedback": frequency = base × APERF
 * / MPERF, and MPERF counts as the TSC does); else what cpufreq says at the moment.
 */
#pragma once

#include <stdint.h>

#include "base/root.h"

struct jk_frequency;

/* Works without any source: then nothing is ever seen. 0 or -ENOMEM. */
int jk_frequency_open(const struct jk_root *sys_root, struct jk_frequency **ret_frequency);
void jk_frequency_close(struct jk_frequency *frequency);

/* A tick begins. */
void jk_frequency_begin(struct jk_frequency *frequency);

/* 0 and the frequency of an online CPU, or a negative errno. Reading wakes the CPU up (an
 * interprocessor interrupt for APERF and MPERF, and for cpufreq on older kernels), so ask only for
 * CPUs that were busy. */
int jk_frequency_read(struct jk_frequency *frequency, uint32_t number, uint32_t *ret_khz);

/* The CPU went offline: its descriptors are void. */
void jk_frequency_forget(struct jk_frequency *frequency, uint32_t number);

/* Base frequency × APERF / MPERF, in kHz: 0 where nothing was counted. */
uint32_t jk_frequency_of_counters(uint64_t aperf, uint64_t mperf, double tsc_khz);
