/* SPDX-License-Identifier: Apache-2.0
 *
 * What a CPU of some architecture draws, for the estimate: the curves of data/models,
 * made by tools/cpu-models.py, and which of them a machine's proc/cpuinfo names. See
 * docs/estimate.md for where the figures come from and how far off they are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "base/root.h"

#define JK_CPU_LEVELS 11 /* load 0, 10 … 100 % */

struct jk_cpu_row {
        const char
                *name; /* "skylake"; "intel-other", "amd-other" and "other" for what is unknown */
        int threads_per_core;
        double uncertainty_pct;
        double power_w[JK_CPU_LEVELS]; /* of a hardware thread, never falling */
};

static inline double
jk_cpu_idle_w(const struct jk_cpu_row *row)
{
        return row->power_w[0];
}

static inline double
jk_cpu_max_w(const struct jk_cpu_row *row)
{
        return row->power_w[JK_CPU_LEVELS - 1];
}

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

/* The same of an open file; `name` is for messages. */
int jk_cpu_identify_file(FILE *file, const char *name, struct jk_cpu_identity *ret_identity,
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
