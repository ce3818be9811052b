/* SPDX-License-Identifier: Apache-2.0
 *
 * Where CPUs lie, as sysfs has it, as far as it matters for what a task's CPU time costs. Packages
 * (sockets): where there are several, each has a meter of its own, and CPU time has to be told per
 * package (JK_EVENT_CPU_TIME). Cores: where two hardware threads share one, a second costs less
 * when the other is busy as well (JK_EVENT_SHARED_TIME).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/root.h"
#include "sample/sample.h"

#define JK_PACKAGES_MAX 8
#define JK_CPUS_MAX     4096

/* Zeroed: nothing is told apart. */
struct jk_topology {
        const struct jk_root *root; /* borrowed */
        size_t n_packages; /* 0: there is one, there are more than JK_PACKAGES_MAX, or sysfs says
                            * nothing */
        bool shares_cores; /* some core has several threads */

        /* JK_EVENT_CPU_TIME of each package, by index; then JK_EVENT_SHARED_TIME, if cores are
         * shared. */
        struct jk_event_table events;

        /* by CPU */
        uint8_t package[JK_CPUS_MAX]; /* index + 1; 0: not known yet */
        uint16_t next[JK_CPUS_MAX];   /* thread of the same core (round and round) + 1; 0: none */
        float busy[JK_CPUS_MAX];      /* what part of the tick, 0 … 1 */
};

/* Into a zeroed one. Threads that are offline then are never told to share a core. */
void jk_topology_read(struct jk_topology *topology, const struct jk_root *root);

/* Index of the package of a CPU that is online, or -1. One that was not when the topology was read
 * is looked up. */
int jk_topology_package(struct jk_topology *topology, unsigned cpu);

/* Take in how busy each CPU of the sample was in the tick. */
void jk_topology_observe(struct jk_topology *topology, const struct jk_sample *sample);

/* In what part of the tick another thread of the CPU's core was busy, 0 … 1. */
double jk_topology_shared(const struct jk_topology *topology, unsigned cpu);
