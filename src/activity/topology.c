/* SPDX-License-Identifier: Apache-2.0
 *
 * Where CPUs lie: see topology.h.
 */
#include "activity/topology.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPUS "sys/devices/system/cpu"

/* ---- packages ---- */

/* Its number, or -1: an offline CPU has no topology, some ARM firmware gives none. */
static int
package_number(const struct jk_root *root, unsigned cpu)
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
meet_package(struct jk_topology *topology, int number)
{
        struct jk_event event = { .name = JK_EVENT_CPU_TIME, .package = number };
        int index = jk_event_find(&topology->events, JK_EVENT_CPU_TIME, number);

        if (index >= 0 || topology->events.count == JK_PACKAGES_MAX)
                return index;

        return jk_event_add(&topology->events, &event);
}

int
jk_topology_package(struct jk_topology *topology, unsigned cpu)
{
        int number, index;

        if (topology->n_packages == 0 || cpu >= JK_CPUS_MAX)
                return -1;
        if (topology->package[cpu] > 0)
                return topology->package[cpu] - 1;

        /* Tables are not to grow within a tick: a package that was offline altogether stays one
         * that is not told. */
        number = package_number(topology->root, cpu);
        index = jk_event_find(&topology->events, JK_EVENT_CPU_TIME, number);
        if (index >= 0)
                topology->package[cpu] = (uint8_t)(index + 1);
        return index;
}

/* ---- cores ---- */

/* More threads than any CPU has in a core: a list that goes round in another way must not hold us
 * up. */
#define CORE_THREADS_MAX 16

/* Of a list as "3", "0,4" or "0-1,8-9": the one that follows the CPU, the first after the last; the
 * CPU itself if there is no other. */
static unsigned
next_in(const char *list, unsigned cpu)
{
        unsigned long first = JK_CPUS_MAX, next = JK_CPUS_MAX;

        while (isdigit((unsigned char)*list)) {
                char *end;
                unsigned long from = strtoul(list, &end, 10), to = from;

                if (*end == '-')
                        to = strtoul(end + 1, &end, 10);
                if (from < first)
                        first = from;
                if (to > cpu && from < next)
                        next = from > cpu ? from : cpu + 1UL;
                if (*end != ',')
                        break;
                list = end + 1;
        }
        if (next < JK_CPUS_MAX)
                return (unsigned)next;

        return first < JK_CPUS_MAX ? (unsigned)first : cpu;
}

static void
read_core(struct jk_topology *topology, unsigned cpu)
{
        char path[80], list[256];
        unsigned next;

        snprintf(path, sizeof path, CPUS "/cpu%u/topology/thread_siblings_list", cpu);
        if (jk_root_read(topology->root, path, list, sizeof list) <= 0)
                return;

        next = next_in(list, cpu);
        if (next == cpu)
                return;
        topology->next[cpu] = (uint16_t)(next + 1);
        topology->shares_cores = true;
}

void
jk_topology_observe(struct jk_topology *topology, const struct jk_sample *sample)
{
        if (!topology->shares_cores)
                return;

        for (size_t i = 0; i < sample->n_cpus; i++) {
                const struct jk_cpu_reading *cpu = &sample->cpus[i];
                double busy = (double)(cpu->busy_ns + cpu->irq_ns + cpu->softirq_ns);
                double all = busy + (double)(cpu->idle_ns + cpu->steal_ns);

                if (cpu->cpu < JK_CPUS_MAX)
                        topology->busy[cpu->cpu] = all > 0 ? (float)(busy / all) : 0;
        }
}

double
jk_topology_shared(const struct jk_topology *topology, unsigned cpu)
{
        double alone = 1;
        unsigned other = cpu;

        if (cpu >= JK_CPUS_MAX)
                return 0;

        for (int i = 1; i < CORE_THREADS_MAX && topology->next[other] > 0; i++) {
                other = topology->next[other] - 1U;
                if (other == cpu)
                        break;
                alone *= 1 - (double)topology->busy[other];
        }
        return 1 - alone;
}

/* ---- all ---- */

struct scan {
        struct jk_topology *topology;
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
        if (*end || cpu >= JK_CPUS_MAX)
                return 0;

        read_core(scan->topology, (unsigned)cpu);
        number = package_number(scan->topology->root, (unsigned)cpu);
        if (number < 0)
                return 0;
        index = meet_package(scan->topology, number);
        if (index < 0)
                scan->too_many = true;
        else
                scan->topology->package[cpu] = (uint8_t)(index + 1);
        return 0;
}

void
jk_topology_read(struct jk_topology *topology, const struct jk_root *root)
{
        struct jk_event shared = { .name = JK_EVENT_SHARED_TIME, .package = -1 };
        struct scan scan = { .topology = topology };

        topology->root = root;
        (void)jk_root_list(root, CPUS, visit, &scan);
        if (!scan.too_many && topology->events.count > 1)
                topology->n_packages = topology->events.count;
        else
                topology->events.count = 0;
        if (topology->shares_cores)
                (void)jk_event_add(&topology->events, &shared);
}
