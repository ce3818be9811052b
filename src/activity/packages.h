/* SPDX-License-Identifier: Apache-2.0
 *
 * Packages (sockets): which one each CPU is in, as sysfs has it. Where there are several, each has
 * a meter of its own, and a task's CPU time has to be told per package (JK_EVENT_CPU_TIME).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/root.h"
#include "sample/sample.h"

#define JK_PACKAGES_MAX      8
#define JK_PACKAGES_CPUS_MAX 4096

/* Zeroed: packages are not told apart. */
struct jk_packages {
        size_t n; /* 0: there is one, there are more than JK_PACKAGES_MAX, or sysfs says nothing */
        const struct jk_root *root;           /* borrowed */
        uint8_t of_cpu[JK_PACKAGES_CPUS_MAX]; /* index + 1; 0: not known yet */
        struct jk_event_table events;         /* JK_EVENT_CPU_TIME of each, by index */
};

void jk_packages_read(struct jk_packages *packages, const struct jk_root *root);

/* Index of the package of a CPU that is online, or -1. One that was not when the packages were read
 * is looked up. */
int jk_packages_of(struct jk_packages *packages, unsigned cpu);
