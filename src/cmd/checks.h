/* SPDX-License-Identifier: Apache-2.0
 *
 * The checks of joulekeeper doctor. A check is one row of a table and one function that looks at
 * the machine and says what it found; where the agent's own parts can tell (meters, collectors,
 * cgroups), they are opened, and their messages shown.
 */
#pragma once

#include "base/error.h"
#include "base/root.h"
#include "base/text.h"
#include "reference/reference.h"

enum jk_check_state {
        JK_CHECK_OK,
        JK_CHECK_NONE,    /* this machine has no such thing, and nothing is lost by it */
        JK_CHECK_LIMITED, /* works, but with it more or better would be seen */
        JK_CHECK_MISSING, /* does not work */
        JK_CHECK_STATE_MAX,
};

const char *jk_check_state_name(enum jk_check_state state); /* "ok", "none", … */

/* One line of the answer. */
struct jk_finding {
        const char *group; /* static: "energy", "activity", "machine" */
        char name[32];
        enum jk_check_state state;
        char why[512];
        char remedy[256]; /* empty if there is none, or it stands in why */
};

#define JK_FINDINGS_MAX 64

/* The answer: findings in the order of the checks, and what decides the verdict. */
struct jk_diagnosis {
        const struct jk_root *root;
        const char *listen;                     /* the address an agent would serve at */
        const struct jk_reference_config *wall; /* a meter outside; NULL, or without ops: none */
        struct jk_finding findings[JK_FINDINGS_MAX];
        size_t n;
        bool energy_seen;    /* some meter works, if only the estimate */
        bool energy_counted; /* one that measures */
        bool tasks_seen;
};

/* Append a finding, its why formatted; NULL once there are too many. */
struct jk_finding *jk_diagnosis_add(struct jk_diagnosis *diagnosis, const char *group,
                                    const char *name, enum jk_check_state state, const char *format,
                                    ...) __attribute__((format(printf, 5, 6)));

/* Set the remedy of the latest finding. */
void jk_diagnosis_remedy(struct jk_diagnosis *diagnosis, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* Append a message of another part without the "name: " it begins with. */
struct jk_finding *jk_diagnosis_message(struct jk_diagnosis *diagnosis, const char *group,
                                        const char *name, enum jk_check_state state,
                                        const char *message);

void jk_check_energy(struct jk_diagnosis *diagnosis);   /* checks-energy.c */
void jk_check_wall(struct jk_diagnosis *diagnosis);     /* checks-wall.c */
void jk_check_activity(struct jk_diagnosis *diagnosis); /* checks-activity.c */
void jk_check_machine(struct jk_diagnosis *diagnosis);  /* checks-machine.c */

/* Whether the flag stands in the "flags" (x86) or "Features" (ARM) line of proc/cpuinfo. */
bool jk_cpu_flag(const struct jk_root *root, const char *flag);
