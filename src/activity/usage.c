/* SPDX-License-Identifier: Apache-2.0
 *
 * Unseen CPU time of cgroups: see usage.h. Three rules keep it honest. A group that goes leaves its
 * carry to the group around it, whose counter has its last time. A group that is overdrawn by more
 * than the slack (threads that live in other groups than their leader, a move that was missed) is
 * paid from the others' surplus before that is reported. And the root of v2, whose counter the
 * kernel takes from its sampled CPU statistics and not from the tasks, only reports what clearly
 * exceeds their error.
 */
#include "activity/usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/units.h"

#define FDS_MAX 1024 /* kept open; more groups than that are opened anew each time */

/* A fiftieth of the machine's busy time is within the error of sampled statistics. */
#define SAMPLED_ERROR_DIVISOR 50
#define SAMPLED_LEAST_NS      (20 * JK_NS_PER_MS)

/* An eighth more than the group used is more than readings at different instants explain. */
#define OVERDRAWN_DIVISOR 8

struct entry {
        uint64_t id;
        bool used, gone;
        int fd;
        uint64_t total_ns; /* the group and all in it, since it was made */
        int64_t delta_ns;  /* of total_ns, in this tick */
        int64_t own_ns;    /* delta_ns less the children's */
        int64_t seen_ns;
        int64_t carry_ns;
        int64_t n_active;
};

struct jk_usage {
        struct jk_cgroups *cgroups;
        enum jk_cgroup_mode mode;
        bool root_is_sampled;
        uint64_t readings;
        size_t n_fds, fds_max;
        struct entry *entries; /* by slot of the group */
        size_t n_entries, entries_capacity;
};

int
jk_usage_open(struct jk_cgroups *cgroups, struct jk_usage **ret_usage)
{
        struct jk_usage *usage = calloc(1, sizeof *usage);
        jk_autoclose int type = -1;
        struct rlimit limit;

        if (!usage)
                return -ENOMEM;

        usage->cgroups = cgroups;
        usage->mode = jk_cgroups_mode(cgroups);
        usage->fds_max = FDS_MAX;
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 4 < FDS_MAX)
                usage->fds_max = limit.rlim_cur / 4;

        /* Only the true root has no type; the root of a container's mount has one. */
        type = jk_cgroups_open_file(cgroups, "/", "cgroup.type");
        usage->root_is_sampled = usage->mode == JK_CGROUP_UNIFIED && type < 0;

        *ret_usage = usage;
        return 0;
}

static void
close_entry(struct jk_usage *usage, struct entry *entry)
{
        if (entry->used && entry->fd >= 0) {
                close(entry->fd);
                usage->n_fds--;
        }
        *entry = (struct entry){ .fd = -1 };
}

void
jk_usage_close(struct jk_usage *usage)
{
        if (!usage)
                return;

        for (size_t i = 0; i < usage->n_entries; i++)
                close_entry(usage, &usage->entries[i]);
        free(usage->entries);
        free(usage);
}

/* ---- reading ---- */

static uint64_t
value_of(const char *text, const char *label)
{
        const char *found = strstr(text, label);

        return found ? strtoull(found + strlen(label), NULL, 10) : 0;
}

static int
parse_total(const struct jk_usage *usage, size_t slot, const char *text, uint64_t *ret_ns)
{
        if (usage->mode == JK_CGROUP_V1)
                return jk_parse_u64(text, ret_ns);
        if (!strstr(text, "usage_usec "))
                return -EBADMSG;

        /* The root's usage has stolen time in it; user and system have not. */
        if (usage->root_is_sampled && slot == 0)
                *ret_ns = (value_of(text, "user_usec ") + value_of(text, "system_usec ")) * 1000;
        else
                *ret_ns = value_of(text, "usage_usec ") * 1000;
        return 0;
}

static int
read_total(struct jk_usage *usage, size_t slot, const char *path, uint64_t *ret_ns)
{
        struct entry *entry = &usage->entries[slot];
        jk_autoclose int opened = -1;
        char text[2048];
        ssize_t n;

        if (entry->fd < 0) {
                opened = jk_cgroups_open_file(usage->cgroups, path,
                                              usage->mode == JK_CGROUP_V1 ? "cpuacct.usage"
                                                                          : "cpu.stat");
                if (opened < 0)
                        return opened;
        }

        n = jk_fd_read(entry->fd < 0 ? opened : entry->fd, text, sizeof text);
        if (n < 0)
                return (int)n;

        if (opened >= 0 && usage->n_fds < usage->fds_max) {
                entry->fd = jk_steal_fd(&opened);
                usage->n_fds++;
        }
        return parse_total(usage, slot, text, ret_ns);
}

static void
read_entry(struct jk_usage *usage, size_t slot, const struct jk_cgroup *group)
{
        struct entry *entry = &usage->entries[slot];
        uint64_t total;

        if (!entry->used || entry->id != group->id) {
                close_entry(usage, entry);
                *entry = (struct entry){ .id = group->id, .used = true, .fd = -1 };
        }

        entry->delta_ns = entry->own_ns = entry->seen_ns = entry->n_active = 0;
        entry->gone = group->gone || !group->path;
        if (entry->gone || read_total(usage, slot, group->path, &total) < 0) {
                entry->gone = true;
                return;
        }

        /* A group that came since the last reading did all of it since then. */
        if (usage->readings > 1 && total > entry->total_ns)
                entry->delta_ns = (int64_t)(total - entry->total_ns);
        entry->total_ns = total;
}

int
jk_usage_read(struct jk_usage *usage)
{
        size_t n = usage->mode == JK_CGROUP_NONE ? 0 : jk_cgroups_slots(usage->cgroups);
        struct jk_cgroup group;
        int r = jk_array_grow(&usage->entries, &usage->entries_capacity, n);

        if (r < 0)
                return r;

        usage->readings++;
        if (usage->n_entries < n)
                usage->n_entries = n;
        for (size_t i = 0; i < n; i++) {
                if (jk_cgroups_at(usage->cgroups, i, &group))
                        read_entry(usage, i, &group);
                else
                        close_entry(usage, &usage->entries[i]);
        }

        for (size_t i = 0; i < n; i++) {
                struct entry *entry = &usage->entries[i];

                entry->own_ns += entry->delta_ns;
                if (jk_cgroups_at(usage->cgroups, i, &group) && group.parent < n)
                        usage->entries[group.parent].own_ns -= entry->delta_ns;
        }
        return 0;
}

/* ---- seen ---- */

/* Groups that are not in the table (too deep, not visible) are inside the root. */
static struct entry *
find_entry(const struct jk_usage *usage, uint64_t cgroup)
{
        size_t slot = jk_cgroups_slot(usage->cgroups, cgroup);

        if (slot >= usage->n_entries || !usage->entries[slot].used)
                slot = 0;
        return usage->n_entries > 0 ? &usage->entries[slot] : NULL;
}

void
jk_usage_seen(struct jk_usage *usage, uint64_t cgroup, int64_t cpu_ns)
{
        struct entry *entry = find_entry(usage, cgroup);

        if (!entry)
                return;

        entry->seen_ns += cpu_ns;
        entry->n_active += cpu_ns > 0 ? 1 : -1;
}

/* What it will carry at the end of this tick. */
static int64_t
balance_of(const struct entry *entry)
{
        return entry->carry_ns + entry->own_ns - entry->seen_ns;
}

void
jk_usage_moved(struct jk_usage *usage, uint64_t from, uint64_t to, int64_t cpu_ns)
{
        struct entry *old = find_entry(usage, from), *new = find_entry(usage, to);
        int64_t amount = cpu_ns;

        if (!old || !new || balance_of(old) <= 0 || balance_of(new) >= 0)
                return;

        if (amount > balance_of(old))
                amount = balance_of(old);
        if (amount > -balance_of(new))
                amount = -balance_of(new);
        old->carry_ns -= amount;
        new->carry_ns += amount;
}

bool
jk_usage_is_overdrawn(const struct jk_usage *usage, uint64_t cgroup, int64_t least_ns)
{
        const struct entry *entry = find_entry(usage, cgroup);

        return entry && !entry->gone &&
               entry->seen_ns - entry->own_ns > least_ns + entry->seen_ns / OVERDRAWN_DIVISOR;
}

/* ---- settling ---- */

/* The nearest group around this one that still counts. */
static struct entry *
living_ancestor(struct jk_usage *usage, size_t slot)
{
        struct jk_cgroup group;

        while (jk_cgroups_at(usage->cgroups, slot, &group) && group.parent < usage->n_entries) {
                slot = group.parent;
                if (!usage->entries[slot].gone)
                        return &usage->entries[slot];
        }
        return &usage->entries[0];
}

static void
carry_over(struct jk_usage *usage)
{
        for (size_t i = 0; i < usage->n_entries; i++) {
                struct entry *entry = &usage->entries[i], *heir;

                if (!entry->used)
                        continue;
                entry->carry_ns = balance_of(entry);
                if (!entry->gone || i == 0)
                        continue;

                heir = living_ancestor(usage, i);
                heir->carry_ns += entry->carry_ns;
                entry->carry_ns = 0;
        }

        if (usage->root_is_sampled && usage->n_entries > 0) {
                struct entry *root = &usage->entries[0];

                root->carry_ns -= root->delta_ns / SAMPLED_ERROR_DIVISOR;
                if (root->carry_ns < 0)
                        root->carry_ns = 0;
        }
}

static int64_t
surplus_of(const struct jk_usage *usage, const struct entry *entry, int64_t least_ns)
{
        int64_t least = least_ns * (1 + (entry->n_active > 0 ? entry->n_active : 0));

        if (usage->root_is_sampled && entry == usage->entries && least < SAMPLED_LEAST_NS)
                least = SAMPLED_LEAST_NS;
        return entry->used && entry->carry_ns >= least ? entry->carry_ns : 0;
}

static int64_t
debt_of(const struct entry *entry, int64_t slack_ns)
{
        return entry->used && entry->carry_ns < -slack_ns ? -slack_ns - entry->carry_ns : 0;
}

static int
report(struct jk_sample *sample, const struct entry *entry, int64_t cpu_ns)
{
        struct jk_task_record *record;

        if (cpu_ns <= 0)
                return 0;
        record = jk_sample_add_task(sample);
        if (!record)
                return -ENOMEM;

        record->cgroup = record->start_ns = entry->id;
        record->uid = JK_UID_UNKNOWN;
        record->flags = JK_TASK_UNSEEN;
        record->cpu_ns = (uint64_t)cpu_ns;
        return 0;
}

/* The three sums that decide what can be reported. */
struct sums {
        int64_t carry;   /* of all groups: what the root counted and nobody reported */
        int64_t surplus; /* of the groups that have one to report */
        int64_t debt;    /* of the groups that are overdrawn beyond the slack */
};

static struct sums
add_up(const struct jk_usage *usage, int64_t slack_ns, int64_t least_ns)
{
        struct sums sums = { 0 };

        for (size_t i = 0; i < usage->n_entries; i++) {
                sums.carry += usage->entries[i].carry_ns;
                sums.surplus += surplus_of(usage, &usage->entries[i], least_ns);
                sums.debt += debt_of(&usage->entries[i], slack_ns);
        }
        return sums;
}

int
jk_usage_settle(struct jk_usage *usage, struct jk_sample *sample, int64_t slack_ns,
                int64_t least_ns)
{
        struct sums sums;
        int64_t paid, reported;
        int r = 0;

        carry_over(usage);
        sums = add_up(usage, slack_ns, least_ns);
        paid = sums.debt < sums.surplus ? sums.debt : sums.surplus;
        reported = sums.surplus - paid < sums.carry ? sums.surplus - paid : sums.carry;
        if (reported < 0)
                reported = 0;

        for (size_t i = 0; r == 0 && i < usage->n_entries; i++) {
                struct entry *entry = &usage->entries[i];
                int64_t mine = surplus_of(usage, entry, least_ns);
                int64_t owed = debt_of(entry, slack_ns);

                if (mine > 0) {
                        int64_t share = jk_scale_i64(mine, reported, sums.surplus);

                        entry->carry_ns -= share + jk_scale_i64(mine, paid, sums.surplus);
                        if (usage->readings > 1)
                                r = report(sample, entry, share);
                } else if (owed > 0) {
                        entry->carry_ns += jk_scale_i64(owed, paid, sums.debt);
                }
        }
        return r;
}
