/* SPDX-License-Identifier: Apache-2.0
 *
 * Events that every kernel has a number for: see generic.h.
 */
#include "activity/events/generic.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"

/* Hardware and software. Those of a field are called as model files call them (model/counts.h). */
static const struct row {
        const char *name, *alias;
        uint32_t type;
        uint64_t config;
        enum jk_task_field field;
} rows[] = {
        { "cycles", "cpu-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, JK_TASK_CYCLES },
        { "instructions", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS,
          JK_TASK_INSTRUCTIONS },
        { "llc-misses", "cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES,
          JK_TASK_LLC_MISSES },
        { "cache-references", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES, 0 },
        { "branches", "branch-instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS,
          0 },
        { "branch-misses", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES, 0 },
        { "bus-cycles", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_BUS_CYCLES, 0 },
        { "stalled-cycles-frontend", "idle-cycles-frontend", PERF_TYPE_HARDWARE,
          PERF_COUNT_HW_STALLED_CYCLES_FRONTEND, 0 },
        { "stalled-cycles-backend", "idle-cycles-backend", PERF_TYPE_HARDWARE,
          PERF_COUNT_HW_STALLED_CYCLES_BACKEND, 0 },
        { "ref-cycles", NULL, PERF_TYPE_HARDWARE, PERF_COUNT_HW_REF_CPU_CYCLES, 0 },

        { "cpu-clock", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, 0 },
        { "task-clock", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, 0 },
        { "page-faults", "faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, 0 },
        { "context-switches", "cs", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES, 0 },
        { "cpu-migrations", "migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS, 0 },
        { "minor-faults", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN, 0 },
        { "major-faults", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ, 0 },
        { "alignment-faults", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_ALIGNMENT_FAULTS, 0 },
        { "emulation-faults", NULL, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_EMULATION_FAULTS, 0 },
};

enum { N_HARDWARE = 10 };

static const char *const caches[] = { "L1-dcache", "L1-icache", "LLC", "dTLB",
                                      "iTLB",      "branch",    "node" };

static const struct {
        const char *name;
        uint64_t operation, result;
} accesses[] = {
        { "loads", PERF_COUNT_HW_CACHE_OP_READ, PERF_COUNT_HW_CACHE_RESULT_ACCESS },
        { "load-misses", PERF_COUNT_HW_CACHE_OP_READ, PERF_COUNT_HW_CACHE_RESULT_MISS },
        { "stores", PERF_COUNT_HW_CACHE_OP_WRITE, PERF_COUNT_HW_CACHE_RESULT_ACCESS },
        { "store-misses", PERF_COUNT_HW_CACHE_OP_WRITE, PERF_COUNT_HW_CACHE_RESULT_MISS },
        { "prefetches", PERF_COUNT_HW_CACHE_OP_PREFETCH, PERF_COUNT_HW_CACHE_RESULT_ACCESS },
        { "prefetch-misses", PERF_COUNT_HW_CACHE_OP_PREFETCH, PERF_COUNT_HW_CACHE_RESULT_MISS },
};

enum { N_CACHE_EVENTS = JK_COUNT(caches) * JK_COUNT(accesses) };

static struct jk_generic_event
event_of_row(const struct row *row)
{
        struct jk_generic_event event = { .type = row->type,
                                          .config = row->config,
                                          .field = row->field };

        snprintf(event.name, sizeof event.name, "%s", row->name);
        return event;
}

static struct jk_generic_event
event_of_cache(size_t i)
{
        size_t cache = i / JK_COUNT(accesses), access = i % JK_COUNT(accesses);
        struct jk_generic_event event = {
                .type = PERF_TYPE_HW_CACHE,
                .config = cache | accesses[access].operation << 8 | accesses[access].result << 16,
        };

        snprintf(event.name, sizeof event.name, "%s-%s", caches[cache], accesses[access].name);
        return event;
}

bool
jk_generic_at(size_t i, struct jk_generic_event *ret_event)
{
        if (i < N_HARDWARE)
                *ret_event = event_of_row(&rows[i]);
        else if (i < N_HARDWARE + N_CACHE_EVENTS)
                *ret_event = event_of_cache(i - N_HARDWARE);
        else if (i < JK_COUNT(rows) + N_CACHE_EVENTS)
                *ret_event = event_of_row(&rows[i - N_CACHE_EVENTS]);
        else
                return false;

        return true;
}

bool
jk_generic_find(const char *name, struct jk_generic_event *ret_event)
{
        struct jk_generic_event event;

        for (size_t i = 0; i < JK_COUNT(rows); i++)
                if (rows[i].alias && strcmp(rows[i].alias, name) == 0) {
                        *ret_event = event_of_row(&rows[i]);
                        return true;
                }
        for (size_t i = 0; jk_generic_at(i, &event); i++)
                if (strcmp(event.name, name) == 0) {
                        *ret_event = event;
                        return true;
                }

        return false;
}
