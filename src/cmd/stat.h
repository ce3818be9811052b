/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of `joulekeeper stat` share: stat.c runs the repetitions, stat-child.c the
 * command, in a cgroup that stat-cgroup.c makes; stat-account.c finds its energy in the books,
 * stat-print.c shows it.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "engine/engine.h"

/* ---- the command's cgroup (stat-cgroup.c) ---- */

/* Made so that every descendant is seen. Paths are relative to the mount. */
struct jk_stat_cgroup {
        int mount_fd;
        char path[PATH_MAX]; /* empty if none could be made, and then why */
        char parent[PATH_MAX];
        struct jk_error missing;
};

#define JK_STAT_NO_CGROUP                                                                          \
        {                                                                                          \
                .mount_fd = -1                                                                     \
        }

/* The path of this process' own cgroup, where the books are kept; NULL if it cannot be seen. */
const char *jk_stat_own_cgroup(const struct jk_snapshot *snapshot);

/* Make a cgroup below own_cgroup (NULL: it is not known) in the hierarchy mounted at root/mount,
 * move the process there, and remove what a killed stat has left beside it. */
void jk_stat_cgroup_make(struct jk_stat_cgroup *cgroup, const char *root, const char *mount,
                         const char *own_cgroup, pid_t pid);

/* Remove it, moving what still runs there back to the parent: how many processes that were. Takes
 * up to half a second, where the kernel does not let go sooner of what has ended. */
size_t jk_stat_cgroup_remove(struct jk_stat_cgroup *cgroup);

/* ---- the command (stat-child.c) ---- */

struct jk_stat_child {
        pid_t pid;
        int go_fd;     /* a byte here lets it exec */
        int failed_fd; /* errno comes here if exec fails; closes if it succeeds */
        int pid_fd;    /* readable when it has ended */
        int status;    /* of wait, once it has ended and is reaped */
        bool reaped;
        int64_t cpu_before_ns; /* of all children reaped before it */
        struct jk_stat_cgroup cgroup;
};

/* Fork; the child waits for jk_stat_child_go(). own_cgroup: path of this process' cgroup in the
 * hierarchy that the engine keeps its books in, or NULL. */
int jk_stat_child_start(struct jk_stat_child *child, struct jk_cgroups *cgroups, const char *root,
                        const char *own_cgroup, char *argv[], struct jk_error *err);

/* Let it exec: 0, or the errno of exec. */
int jk_stat_child_go(struct jk_stat_child *child);

/* Reap what has ended, above all orphans, which come to us: a long run must not pile up zombies. */
void jk_stat_child_reap_ended(struct jk_stat_child *child);

/* Reap it: its wait status (127 if it was never let exec), and CPU time of itself and all
 * descendants that were waited for. */
int jk_stat_child_reap(struct jk_stat_child *child, int64_t *ret_cpu_ns);

/* ---- one run's figures (stat-account.c) ---- */

struct jk_stat_zone {
        char name[JK_ZONE_NAME_SIZE];
        enum jk_provenance provenance;
        bool counted;
        double command_j, machine_j, idle_j;
        double uncertainty_pct; /* of command_j */
};

struct jk_stat_result {
        double elapsed_s, cpu_s;
        size_t n_zones;
        struct jk_stat_zone *zones;
        double command_j, machine_j, idle_j; /* over disjoint zones */
        double uncertainty_pct;
        size_t still_running;
        int wait_status;
        bool interrupted; /* by a signal to us or to it */
};

/* Totals at the start of a run, to be subtracted. */
struct jk_stat_base {
        size_t n_zones;
        int64_t measured_uj[JK_ZONES_MAX], idle_uj[JK_ZONES_MAX], unattributed_uj[JK_ZONES_MAX];
        int64_t machine_uj;
        uint64_t busy_ns;
};

void jk_stat_base_take(const struct jk_snapshot *snapshot, struct jk_stat_base *ret_base);

/* The command's figures between base and snapshot. With a cgroup, what was booked to it and to all
 * below it; without, the part of the dynamic energy that its CPU time is of all CPU time. Zones are
 * allocated; free result->zones. */
int jk_stat_account(const struct jk_stat_base *base, const struct jk_snapshot *snapshot,
                    const char *cgroup, int64_t reaped_cpu_ns, int64_t elapsed_ns,
                    struct jk_stat_result *ret_result);

/* ---- showing (stat-print.c) ---- */

struct jk_stat_report {
        char **argv;
        const struct jk_stat_result *results;
        size_t n_results;
        bool left_out; /* of several runs the last was interrupted, and is not among the results */
        const struct jk_status *status; /* of the engine */
        const char *no_cgroup; /* why there is no cgroup for the command; empty if there is */
        bool root;
};

void jk_stat_print_table(FILE *out, const struct jk_stat_report *report);
int jk_stat_print_json(FILE *out, const struct jk_stat_report *report);
