/* SPDX-License-Identifier: Apache-2.0
 *
 * Where cgroup file systems are mounted: lines of /proc/PID/mountinfo or /proc/mounts (proc(5)),
 * and which of them is the hierarchy to keep the books in. The parser is a pure function of the
 * line.
 */
#pragma once

#include <stdbool.h>

#include "workload/cgroup.h"

/* One cgroup mount; the strings lie in the line that was parsed. */
struct jk_cgroup_mount {
        enum jk_cgroup_mode mode; /* UNIFIED, or V1 where cpuacct is attached */
        const char *source;       /* what of the hierarchy is mounted, as our cgroup namespace
                                   * names it: "/" all, "/.." more, "/docker/x" a part */
        const char *point;        /* where: absolute, unescaped */
};

/* Take a line (NUL-terminated; it is changed) apart: whether it is a mount of v2 or of cpuacct. */
bool jk_cgroup_mount_parse(char *line, struct jk_cgroup_mount *ret_mount);

/* The hierarchy to use. */
struct jk_cgroup_choice {
        enum jk_cgroup_mode mode;
        bool hybrid;    /* the other kind is mounted as well */
        char *path;     /* of the mount below the root, "sys/fs/cgroup/cpuacct"; owned */
        char *source;   /* see above; owned */
        char *our_root; /* absolute path of a mount of our own namespace's root where `source` lies
                         * above it, else NULL; owned */
};

/* 0 (mode NONE when there is nothing) or -ENOMEM. */
int jk_cgroup_choose(const struct jk_root *root, struct jk_cgroup_choice *ret_choice);
void jk_cgroup_choice_free(struct jk_cgroup_choice *choice);

/* The path of a process in a hierarchy, in the text of its /proc/PID/cgroup (which is changed), or
 * NULL. " (deleted)" is cut off. */
const char *jk_cgroup_of_process(char *text, enum jk_cgroup_mode mode);
