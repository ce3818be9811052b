/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's run-time statistics of the BPF programs that this process loads (bpf(2),
 * BPF_ENABLE_STATS). Taking them costs some tens of nanoseconds a run, so ticks are not timed in
 * the same run.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* With enable, have runs counted until this process ends. */
void bpfstats_start(bool enable);

/* Our programs that ran, as members of a JSON array: name, runs, ns_per_run. */
void bpfstats_print(FILE *out);
