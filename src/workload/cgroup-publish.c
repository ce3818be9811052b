/* SPDX-License-Identifier: Apache-2.0
 *
 * Handing cgroups that came and went to the sample: see jk_cgroups_publish().
 */
#include <stdio.h>

#include "base/clock.h"
#include "workload/cgroup-internal.h"

/* A nameless group that was not used for so many publications is forgotten. */
#define NAMELESS_KEPT 60

static int
note_used(struct jk_cgroups *cgroups, uint64_t id)
{
        struct group *group = jk_group_look_up(cgroups, id);

        if (!group) {
                uint32_t slot;
                int r = jk_group_add(cgroups, id, NULL, GROUP_NONE, &slot);

                if (r < 0)
                        return r;
                group = &cgroups->groups[slot];
        }

        group->used_in = cgroups->publications;
        return 0;
}

static int
note_all_used(struct jk_cgroups *cgroups, const struct jk_sample *sample)
{
        for (size_t i = 0; i < sample->n_tasks; i++) {
                int r;

                if (i > 0 && sample->tasks[i].cgroup == sample->tasks[i - 1].cgroup)
                        continue;
                r = note_used(cgroups, sample->tasks[i].cgroup);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int
announce(struct jk_sample *sample, const struct group *group, enum jk_cgroup_event_kind kind)
{
        char unknown[48];

        if (group->path)
                return jk_sample_add_cgroup(sample, group->id, kind, group->path);

        snprintf(unknown, sizeof unknown, "/unknown-%llu", (unsigned long long)group->id);
        return jk_sample_add_cgroup(sample, group->id, kind, unknown);
}

static int
publish_appeared(struct jk_cgroups *cgroups, struct jk_sample *sample)
{
        for (size_t i = 0; i < cgroups->n_groups && cgroups->n_unannounced > 0; i++) {
                struct group *group = &cgroups->groups[i];
                int r;

                if ((group->flags & (GROUP_USED | GROUP_ANNOUNCED)) != GROUP_USED)
                        continue;
                r = announce(sample, group, JK_CGROUP_APPEARED);
                if (r < 0)
                        return r;
                group->flags |= GROUP_ANNOUNCED;
                cgroups->n_unannounced--;
        }
        return 0;
}

/* Whether nothing more will come of it: its directory is gone and no task of it was in this sample;
 * of one that was never found, only time tells. */
static bool
is_over(const struct jk_cgroups *cgroups, const struct group *group)
{
        uint64_t unused = cgroups->publications - group->used_in;

        if (group->flags & GROUP_NAMELESS)
                return unused > NAMELESS_KEPT;
        return (group->flags & GROUP_GONE) && unused > 0;
}

static int
publish_vanished(struct jk_cgroups *cgroups, struct jk_sample *sample)
{
        bool any = false;
        int r = 0;

        for (size_t i = 0; i < cgroups->n_groups && r == 0; i++) {
                struct group *group = &cgroups->groups[i];

                if (!(group->flags & GROUP_USED) || !is_over(cgroups, group))
                        continue;
                r = announce(sample, group, JK_CGROUP_VANISHED);
                if (r < 0)
                        break;
                group->flags |= GROUP_OVER;
                any = true;
        }

        if (any)
                jk_group_forget_over(cgroups);
        return r;
}

/* A collector whose events are lost does not tell of every group that goes, and without that it
 * would stay for good: then the tree is looked at, as soon as a scan may be made. */
static int
make_up_for_lost_events(struct jk_cgroups *cgroups, const struct jk_sample *sample)
{
        if (sample->lost_events != cgroups->lost_events)
                cgroups->scan_owed = true;
        cgroups->lost_events = sample->lost_events;
        if (!cgroups->scan_owed || jk_monotonic_ns() < cgroups->next_scan_ns)
                return 0;

        cgroups->scan_owed = false;
        return jk_cgroups_scan(cgroups);
}

int
jk_cgroups_publish(struct jk_cgroups *cgroups, struct jk_sample *sample)
{
        int r;

        cgroups->publications++;
        r = make_up_for_lost_events(cgroups, sample);
        if (r == 0)
                r = note_all_used(cgroups, sample);
        if (r == 0)
                r = publish_appeared(cgroups, sample);
        if (r == 0)
                r = publish_vanished(cgroups, sample);
        return r;
}
