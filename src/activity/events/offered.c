/* SPDX-License-Identifier: Apache-2.0
 *
 * What the CPU may count, by name: see events.h.
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>

#include "activity/events/generic.h"
#include "activity/events/pmus.h"
#include "base/array.h"

struct offering {
        const struct jk_pmus *pmus;
        size_t pmu;
        int (*visit)(const char *name, void *data);
        void *data;
};

static bool
is_beside_an_event(const char *name)
{
        static const char *const suffixes[] = { ".scale", ".unit", ".snapshot", ".per-pkg" };

        for (size_t i = 0; i < JK_COUNT(suffixes); i++) {
                size_t length = strlen(suffixes[i]);

                if (strlen(name) > length && strcmp(name + strlen(name) - length, suffixes[i]) == 0)
                        return true;
        }
        return false;
}

static int
visit_named(const char *name, void *data)
{
        const struct offering *offering = data;
        char file[8 + JK_EVENT_NAME_SIZE];
        struct jk_generic_event generic;

        if (!jk_pmu_is_event_name(name) || is_beside_an_event(name) ||
            jk_generic_find(name, &generic))
                return 0;
        snprintf(file, sizeof file, "events/%s", name);
        for (size_t i = 0; i < offering->pmu; i++)
                if (jk_pmu_has_file(offering->pmus, offering->pmus->pmus[i].name, file))
                        return 0;

        return offering->visit(name, offering->data);
}

int
jk_events_offered(const struct jk_pmus *pmus, int (*visit)(const char *name, void *data),
                  void *data)
{
        struct offering offering = { .pmus = pmus, .visit = visit, .data = data };
        struct jk_generic_event event;
        char path[128];
        int r = 0;

        for (size_t i = 0; r == 0 && jk_generic_at(i, &event); i++)
                if (event.type != PERF_TYPE_SOFTWARE)
                        r = visit(event.name, data);
        for (; r == 0 && offering.pmu < pmus->n; offering.pmu++) {
                snprintf(path, sizeof path, JK_PMU_DEVICES "/%s/events",
                         pmus->pmus[offering.pmu].name);
                r = jk_root_list(pmus->root, path, visit_named, &offering);
                r = r < 0 ? 0 : r; /* a PMU need not have names */
        }
        return r;
}
