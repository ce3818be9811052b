/* SPDX-License-Identifier: Apache-2.0
 *
 * Events that can be counted of tasks, from their names to what perf_event_open(2) takes: perf's
 * generic names, those that the machine's PMUs have in sys/bus/event_source/devices/PMU/events,
 * PMU/TERM=VALUE,…/ and rHEX. Nothing is opened here: whether the CPU counts an event is known once
 * it is tried.
 */
#pragma once

#include "activity/events/text.h"
#include "base/error.h"
#include "base/root.h"
#include "sample/sample.h"

/* A machine may have several kinds of cores, each with a PMU of its own and other numbers for the
 * same event: x86 cpu_core and cpu_atom, Arm armv8_cortex_a53 and armv8_cortex_a72. */
#define JK_CORE_PMUS_MAX 4

struct jk_pmu {
        char name[JK_PMU_NAME_SIZE];
        uint32_t type;
        bool everywhere; /* it has all CPUs … */
        cpu_set_t cpus;  /* … or these */
};

/* PMUs of cores: what they count belongs to whoever runs there. */
struct jk_pmus {
        const struct jk_root *root; /* borrowed */
        size_t n;
        struct jk_pmu pmus[JK_CORE_PMUS_MAX];
};

void jk_pmus_read(struct jk_pmus *pmus, const struct jk_root *root);

/* How to count an event on some of the CPUs. */
struct jk_event_code {
        uint32_t type;
        uint64_t configs[JK_EVENT_CONFIGS];
        bool everywhere;
        cpu_set_t cpus;
};

struct jk_counted {
        char name[JK_EVENT_NAME_SIZE]; /* as models and recordings call it */
        enum jk_task_field field;      /* that the sample has for it, or 0 */
        bool software;                 /* the kernel counts it, and needs no counter for that */
        size_t n_codes;
        struct jk_event_code codes[JK_CORE_PMUS_MAX];
};

/* 0; -ENOENT: there is no such event here; -EINVAL: it cannot be counted of tasks, or is not
 * written as it has to be. The message begins with the name. */
int jk_event_resolve(const struct jk_pmus *pmus, const char *name, struct jk_counted *ret_event,
                     struct jk_error *err);

/* Each of a list, at most `most`, none twice; in the order given. As above; -E2BIG. */
int jk_events_resolve(const struct jk_pmus *pmus, const char *list, size_t most,
                      struct jk_counted *ret_events, size_t *ret_n, struct jk_error *err);

/* The code for a CPU, or NULL if the event is not counted there. */
const struct jk_event_code *jk_event_code(const struct jk_counted *event, int cpu);

/* A counter of it on a CPU: of all that runs there where pid is -1. group_fd: -1, or that of the
 * first of its group. A descriptor, or a negative errno; -ENOENT: not counted on that CPU. */
int jk_event_open(const struct jk_counted *event, int cpu, uint64_t read_format, bool disabled,
                  int group_fd);

/* What an errno of jk_event_open() means and what to do, for people. */
const char *jk_event_why_not(int code);

/* All that the CPU may count, by name: perf's generic hardware and cache events, and those of the
 * core PMUs in sysfs, each once. Until visit returns non-zero, which is returned. */
int jk_events_offered(const struct jk_pmus *pmus, int (*visit)(const char *name, void *data),
                      void *data);
