/* SPDX-License-Identifier: Apache-2.0
 *
 * Enclave memory by cgroup: see epc.h.
 */
#include "workload/epc.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/root.h"

#define EVERY_NS (10 * JK_NS_PER_S)
#define RESOURCE "sgx_epc "

/* No machine has as much: it is no count of memory. */
#define BYTES_MAX (UINT64_C(1) << 53)

/* What is known of a group, by its slot in the table of cgroups. */
struct usage {
        uint64_t id;
        uint64_t round; /* in which it was read last */
        uint64_t bytes;
        bool told; /* it had some when it was told last */
};

struct jk_epc {
        struct jk_cgroups *cgroups;
        struct usage *usages;
        size_t n, capacity;
        uint64_t round;
        int64_t next_ns; /* monotonic */
};

/* What a file of a group says of EPC: 0 and the bytes, or a negative errno: -ENODATA if nothing. */
static int
read_bytes(const struct jk_cgroups *cgroups, const char *path, const char *file,
           uint64_t *ret_bytes)
{
        jk_autoclose int fd = jk_cgroups_open_file(cgroups, path, file);
        char text[1024], *line, *rest = text;
        ssize_t n = fd < 0 ? fd : jk_fd_read(fd, text, sizeof text);

        if (n < 0)
                return (int)n;
        while ((line = strsep(&rest, "\n"))) {
                uint64_t bytes;

                if (strncmp(line, RESOURCE, strlen(RESOURCE)) != 0)
                        continue;
                if (jk_parse_u64(line + strlen(RESOURCE), &bytes) < 0 || bytes > BYTES_MAX)
                        return -EINVAL;
                *ret_bytes = bytes;
                return 0;
        }

        return -ENODATA;
}

int
jk_epc_open(struct jk_cgroups *cgroups, struct jk_epc **ret_epc)
{
        struct jk_epc *epc = NULL;
        uint64_t capacity = 0;

        /* Only the true root has misc.capacity: without it, a container's groups are looked at. */
        if (jk_cgroups_mode(cgroups) == JK_CGROUP_UNIFIED &&
            read_bytes(cgroups, "/", "misc.capacity", &capacity) != -ENODATA) {
                epc = calloc(1, sizeof *epc);
                if (!epc)
                        return -ENOMEM;
                epc->cgroups = cgroups;
        }

        *ret_epc = epc;
        return 0;
}

void
jk_epc_close(struct jk_epc *epc)
{
        if (!epc)
                return;

        free(epc->usages);
        free(epc);
}

static uint64_t usage_of(struct jk_epc *epc, size_t slot);

/* A group's count holds its children's; the root, and what is not known, may have none. */
static bool
may_have_some(struct jk_epc *epc, const struct jk_cgroup *group)
{
        struct jk_cgroup parent;

        return group->parent >= epc->n || !jk_cgroups_at(epc->cgroups, group->parent, &parent) ||
               !parent.path || strcmp(parent.path, "/") == 0 || usage_of(epc, group->parent) > 0;
}

/* Of a group, read in this round if it was not yet. Groups lie at most 128 deep (cgroup.c). */
static uint64_t
usage_of(struct jk_epc *epc, size_t slot)
{
        struct usage *usage = &epc->usages[slot];
        struct jk_cgroup group;

        if (!jk_cgroups_at(epc->cgroups, slot, &group) || group.gone || !group.path)
                return 0;
        if (usage->id != group.id)
                *usage = (struct usage){ .id = group.id };
        if (usage->round == epc->round)
                return usage->bytes;

        usage->round = epc->round;
        usage->bytes = 0;
        if (may_have_some(epc, &group))
                (void)read_bytes(epc->cgroups, group.path, "misc.current", &usage->bytes);
        return usage->bytes;
}

static int
tell(struct jk_epc *epc, size_t slot, struct jk_sample *sample)
{
        uint64_t bytes = usage_of(epc, slot);
        struct usage *usage = &epc->usages[slot];

        if (bytes == 0 && !usage->told)
                return 0;
        if (jk_sample_add_epc(sample, usage->id, bytes) < 0)
                return -ENOMEM;
        usage->told = bytes > 0;
        return 0;
}

int
jk_epc_read(struct jk_epc *epc, struct jk_sample *sample)
{
        if (!epc || sample->time.monotonic_ns < epc->next_ns)
                return 0;

        epc->next_ns = sample->time.monotonic_ns + EVERY_NS;
        epc->round++;
        epc->n = jk_cgroups_slots(epc->cgroups);
        if (jk_array_grow(&epc->usages, &epc->capacity, epc->n) < 0)
                return -ENOMEM;
        for (size_t slot = 0; slot < epc->n; slot++)
                if (tell(epc, slot, sample) < 0)
                        return -ENOMEM;

        return 0;
}
