/* SPDX-License-Identifier: Apache-2.0
 *
 * Handing cgroups that came and went to the sample: see jk_cgroups_publish().
 */
#include <stdio.h>

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
        for (size_t i = 0; i < cgroups->n_groups; i++) {
                const struct group *group = &cgroups->groups[i];
                int r;

                if (!(group->flags & GROUP_USED) || !is_over(cgroups, group))
                        continue;
                r = announce(sample, group, JK_CGROUP_VANISHED);
                if (r < 0)
                        return r;
                jk_group_forget(cgroups, (uint32_t)i);
        }
        return 0;
}

int
jk_cgroups_publish(struct jk_cgroups *cgroups, struct jk_sample *sample)
{
        int r;

        cgroups->publications++;
        r = note_all_used(cgroups, sample);
        if (r == 0)
                r = publish_appeared(cgroups, sample);
        if (r == 0)
                r = publish_vanished(cgroups, sample);
        return r;
}
