/* SPDX-License-Identifier: Apache-2.0
 *
 * What a CPU of some architecture draws, for the estimate: the table made by tools/cpu-table.py,
 * and which of its rows a machine's proc/cpuinfo names. See docs/estimate.md for where the figures
 * come from and how far off they are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/root.h"

#define JK_CPU_LEVELS 11 /* load 0, 10 … 100 % */

struct jk_cpu_row {
        const char
                *name; /* "skylake"; "intel-other", "amd-other" and "other" for what is unknown */
        double idle_w; /* per hardware thread */
        double max_w;
        int threads_per_core;
        int servers; /* it was made from; 0: from cloud coefficients, or from other rows */
        double uncertainty_pct;
        double shape[JK_CPU_LEVELS]; /* from 0 at idle to 1 at maximum, never falling */
};

extern const struct jk_cpu_row jk_cpu_rows[];
extern const size_t jk_cpu_n_rows;

/* What proc/cpuinfo says of the first CPU, and how many there are. */
struct jk_cpu_identity {
        char vendor[16]; /* "GenuineIntel", "AuthenticAMD"; empty on ARM */
        int family, model, stepping;
        unsigned implementer, part; /* ARM */
        char name[80];              /* "model name", or empty */
        int siblings, cores;        /* of a package; 0: not said */
        bool hypervisor;
        int n_cpus; /* online */
};

/* 0, or a negative errno if proc/cpuinfo cannot be read; what it does not say stays 0. */
int jk_cpu_identify(const struct jk_root *root, struct jk_cpu_identity *ret_identity,
                    struct jk_error *err);

/* The row for a CPU: by family, model and stepping (a hypervisor may hide the name), else its
 * vendor's, else "other". Never NULL. */
const struct jk_cpu_row *jk_cpu_find(const struct jk_cpu_identity *identity);

/* How many hardware threads of the row one visible CPU stands for: 2 where the row has two threads
 * per core and this machine has them switched off, else 1. A guest's CPUs are taken for threads,
 * which is what clouds sell. */
double jk_cpu_threads_each(const struct jk_cpu_row *row, const struct jk_cpu_identity *identity);

/* Power of one hardware thread at a utilisation of 0 … 1 (clamped), interpolated. NaN for NaN. */
double jk_cpu_power_w(const struct jk_cpu_row *row, double utilisation);
