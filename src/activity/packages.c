/* SPDX-License-Identifier: Apache-2.0
 *
 * Packages: see packages.h.
 */
#include "activity/packages.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPUS "sys/devices/system/cpu"

/* Its number, or -1: an offline CPU has no topology, some ARM firmware gives none. */
static int
number_of(const struct jk_root *root, unsigned cpu)
{
        char path[80];
        int64_t number;

        snprintf(path, sizeof path, CPUS "/cpu%u/topology/physical_package_id", cpu);
        if (jk_root_read_i64(root, path, &number) < 0 || number < 0 || number > INT_MAX)
                return -1;

        return (int)number;
}

/* Index of the package of that number; a new one if there is room; or -1. */
static int
meet(struct jk_packages *packages, int number)
{
        struct jk_event event = { .name = JK_EVENT_CPU_TIME, .package = number };
        int index = jk_event_find(&packages->events, JK_EVENT_CPU_TIME, number);

        if (index >= 0 || packages->events.count == JK_PACKAGES_MAX)
                return index;

        return jk_event_add(&packages->events, &event);
}

struct scan {
        struct jk_packages *packages;
        bool too_many;
};

static int
visit(const char *name, void *data)
{
        struct scan *scan = data;
        int number, index;
        unsigned long cpu;
        char *end;

        if (strncmp(name, "cpu", 3) != 0 || !isdigit((unsigned char)name[3]))
                return 0;
        cpu = strtoul(name + 3, &end, 10);
        if (*end || cpu >= JK_PACKAGES_CPUS_MAX)
                return 0;

        number = number_of(scan->packages->root, (unsigned)cpu);
        if (number < 0)
                return 0;
        index = meet(scan->packages, number);
        if (index < 0)
                scan->too_many = true;
        else
                scan->packages->of_cpu[cpu] = (uint8_t)(index + 1);
        return 0;
}

void
jk_packages_read(struct jk_packages *packages, const struct jk_root *root)
{
        struct scan scan = { .packages = packages };

        *packages = (struct jk_packages){ .root = root };
        (void)jk_root_list(root, CPUS, visit, &scan);
        if (!scan.too_many && packages->events.count > 1)
                packages->n = packages->events.count;
}

int
jk_packages_of(struct jk_packages *packages, unsigned cpu)
{
        int number, index;

        if (packages->n == 0 || cpu >= JK_PACKAGES_CPUS_MAX)
                return -1;
        if (packages->of_cpu[cpu] > 0)
                return packages->of_cpu[cpu] - 1;

        /* Tables are not to grow within a tick: a package that was offline altogether stays one
         * that is not told. */
        number = number_of(packages->root, cpu);
        index = jk_event_find(&packages->events, JK_EVENT_CPU_TIME, number);
        if (index >= 0)
                packages->of_cpu[cpu] = (uint8_t)(index + 1);
        return index;
}
