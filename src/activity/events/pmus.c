/* SPDX-License-Identifier: Apache-2.0
 *
 * PMUs in sysfs: see pmus.h.
 */
#include "activity/events/pmus.h"

#include <stdio.h>
#include <string.h>

ssize_t
jk_pmu_read_file(const struct jk_pmus *pmus, const char *pmu, const char *file, char *buffer,
                 size_t size)
{
        char path[256];
        int n = snprintf(path, sizeof path, JK_PMU_DEVICES "/%s/%s", pmu, file);

        return n < (int)sizeof path ? jk_root_read(pmus->root, path, buffer, size) : -ENAMETOOLONG;
}

bool
jk_pmu_has_file(const struct jk_pmus *pmus, const char *pmu, const char *file)
{
        char path[256];
        int n = snprintf(path, sizeof path, JK_PMU_DEVICES "/%s/%s", pmu, file);

        return n < (int)sizeof path && jk_root_exists(pmus->root, path);
}

int
jk_pmu_read(const struct jk_pmus *pmus, const char *name, struct jk_pmu *ret_pmu)
{
        struct jk_pmu pmu = { .everywhere = true };
        char type[32], cpus[4096];
        uint64_t number;

        if (strlen(name) >= sizeof pmu.name || name[0] == '.')
                return -EINVAL;
        if (jk_pmu_read_file(pmus, name, "type", type, sizeof type) < 0 ||
            jk_parse_u64(type, &number) < 0 || number > UINT32_MAX)
                return -ENOENT;

        pmu.type = (uint32_t)number;
        snprintf(pmu.name, sizeof pmu.name, "%s", name);
        if (jk_pmu_read_file(pmus, name, "cpus", cpus, sizeof cpus) >= 0) {
                if (jk_event_cpus(cpus, &pmu.cpus) < 0)
                        return -EINVAL;
                pmu.everywhere = false;
        }
        *ret_pmu = pmu;
        return 0;
}

/* A core's PMU says on which CPUs it is, or has one of the names from before there were two kinds
 * of cores in one machine. */
static int
visit_pmu(const char *name, void *data)
{
        struct jk_pmus *pmus = data;

        if (strcmp(name, "cpu") != 0 && strcmp(name, "cpum_cf") != 0 &&
            !jk_pmu_has_file(pmus, name, "cpus"))
                return 0;
        if (pmus->n < JK_CORE_PMUS_MAX && jk_pmu_read(pmus, name, &pmus->pmus[pmus->n]) == 0)
                pmus->n++;
        return 0;
}

void
jk_pmus_read(struct jk_pmus *pmus, const struct jk_root *root)
{
        *pmus = (struct jk_pmus){ .root = root };
        (void)jk_root_list(root, JK_PMU_DEVICES, visit_pmu, pmus);
}

bool
jk_pmu_is_event_name(const char *name)
{
        return name[0] != '.' && !strchr(name, '/') && strlen(name) < JK_EVENT_NAME_SIZE;
}
