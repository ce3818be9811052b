/* SPDX-License-Identifier: Apache-2.0
 *
 * A group of events on every CPU: see event-group.h. On each CPU they are one group of
 * perf_event_open(2), which the kernel puts onto the CPU's counters whole or not at all.
 */
#include "cmd/event-group.h"

#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "model/trials.h"

struct cpu {
        size_t n;                           /* events that it has: 0 if it is offline */
        size_t which[JK_TRIAL_EVENTS_MAX];  /* of the group, in the order opened */
        int fds[JK_TRIAL_EVENTS_MAX];       /* the first is the group's */
        uint64_t last[JK_TRIAL_EVENTS_MAX]; /* counted, as of the last reading */
        uint64_t enabled_ns, running_ns;
};

struct jk_event_group {
        size_t n, n_cpus;
        struct cpu cpus[];
};

/* PERF_FORMAT_GROUP with both times: linux/perf_event.h. */
struct reading {
        uint64_t n, enabled_ns, running_ns;
        uint64_t counts[JK_TRIAL_EVENTS_MAX];
};

bool
jk_event_group_is_whole(uint64_t enabled_ns, uint64_t running_ns)
{
        return enabled_ns - running_ns <= enabled_ns / 1000;
}

/* ---- opening ---- */

/* EINVAL is what a member of a group gets that the counters have no room for. */
static int
open_on(struct cpu *cpu, int number, const struct jk_counted *const *events, size_t n)
{
        const uint64_t format =
                PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;

        for (size_t i = 0; i < n; i++) {
                int fd;

                if (!jk_event_code(events[i], number))
                        continue;
                fd = jk_event_open(events[i], number, format, false, cpu->n ? cpu->fds[0] : -1);
                if (fd == -ENODEV && cpu->n == 0)
                        return 0; /* offline */
                if (fd == -EINVAL && cpu->n > 0)
                        return -ENOSPC;
                if (fd < 0)
                        return fd;
                cpu->which[cpu->n] = i;
                cpu->fds[cpu->n++] = fd;
        }
        return 0;
}

int
jk_event_group_open(const struct jk_counted *const *events, size_t n,
                    struct jk_event_group **ret_group)
{
        long n_cpus = sysconf(_SC_NPROCESSORS_CONF);
        struct jk_event_group *group;
        size_t n_open = 0;
        int r = 0;

        if (n == 0 || n > JK_TRIAL_EVENTS_MAX || n_cpus < 1)
                return -EINVAL;
        group = calloc(1, sizeof *group + (size_t)n_cpus * sizeof group->cpus[0]);
        if (!group)
                return -ENOMEM;

        group->n = n;
        group->n_cpus = (size_t)n_cpus;
        for (size_t i = 0; r == 0 && i < group->n_cpus; i++) {
                r = open_on(&group->cpus[i], (int)i, events, n);
                n_open += group->cpus[i].n;
        }
        if (r == 0 && n_open == 0)
                r = -ENODEV;
        if (r < 0) {
                jk_event_group_close(group);
                return r;
        }
        *ret_group = group;
        return 0;
}

/* Members before the first, whose end would set them free as groups of their own. */
void
jk_event_group_close(struct jk_event_group *group)
{
        for (size_t i = 0; group && i < group->n_cpus; i++)
                for (size_t k = group->cpus[i].n; k > 0; k--)
                        close(group->cpus[i].fds[k - 1]);
        free(group);
}

/* ---- reading ---- */

static int
read_cpu(struct cpu *cpu, double *counts)
{
        struct reading reading;
        ssize_t length = read(cpu->fds[0], &reading, sizeof reading);
        uint64_t enabled_ns, running_ns;

        if (length < 0)
                return -errno;
        if (length == 0 || reading.n != cpu->n)
                return -ENOSPC; /* put into an error state: it was never counted */
        enabled_ns = reading.enabled_ns - cpu->enabled_ns;
        running_ns = reading.running_ns - cpu->running_ns;
        cpu->enabled_ns = reading.enabled_ns;
        cpu->running_ns = reading.running_ns;
        if (!jk_event_group_is_whole(enabled_ns, running_ns))
                return -ENOSPC;

        for (size_t i = 0; i < cpu->n; i++) {
                counts[cpu->which[i]] += (double)(reading.counts[i] - cpu->last[i]);
                cpu->last[i] = reading.counts[i];
        }
        return 0;
}

int
jk_event_group_read(struct jk_event_group *group, double *ret_counts)
{
        double counts[JK_TRIAL_EVENTS_MAX] = { 0 };

        for (size_t i = 0; i < group->n_cpus; i++) {
                int r = group->cpus[i].n > 0 ? read_cpu(&group->cpus[i], counts) : 0;

                if (r < 0)
                        return r;
        }
        memcpy(ret_counts, counts, group->n * sizeof *counts);
        return 0;
}
