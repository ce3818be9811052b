/* SPDX-License-Identifier: Apache-2.0
 *
 * Stressors: small loads, each of which uses a CPU in its own way, for calibration. They run in
 * forked children, one per CPU and pinned to it, which the kernel kills if this process dies.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/root.h"

struct jk_stressor {
        const char *name;
        const char *summary;
        void (*run)(void); /* until it is killed */
};

/* All there are; the first, "spin", does nothing but be busy. */
extern const struct jk_stressor jk_stressors[];
extern const size_t jk_n_stressors;

#define JK_CPUS_MAX 1024

/* CPUs that this process may run on, in the order in which to load them: a CPU of each package in
 * turn, and second threads of a core only when all cores have one. Returns how many. */
size_t jk_cpu_order(const struct jk_root *root, unsigned ret_cpus[JK_CPUS_MAX]);

struct jk_stress {
        pid_t pids[JK_CPUS_MAX];
        size_t n;
};

/* Start one on each CPU; on failure none runs. SIGINT, SIGTERM and SIGHUP should be blocked in the
 * caller, who stops the stress on its way out. */
int jk_stress_start(struct jk_stress *stress, const struct jk_stressor *stressor,
                    const unsigned *cpus, size_t n, struct jk_error *err);

/* Kill and reap all; none is left when this returns. */
void jk_stress_stop(struct jk_stress *stress);
