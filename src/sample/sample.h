/* SPDX-License-Identifier: Apache-2.0
 *
 * The sample: all that was observed in one tick, and nothing derived. Meters, collectors and naming
 * sources fill it; everything after it (model, ledger, snapshot, recording) is a pure function of
 * samples. What was not seen is marked as not seen; it is never 0.
 *
 * One sample object lives as long as its engine: jk_sample_begin() empties it and keeps the memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "sample/zone.h"

/* ---- energy ---- */

enum jk_reading_flags {
        JK_READING_SEEN = 1 << 0,    /* energy_uj and elapsed_ns are valid */
        JK_READING_WRAPPED = 1 << 1, /* the counter wrapped, and that was recovered */
        JK_READING_REBASED = 1 << 2, /* a new baseline: nothing is known of the time before */
        JK_READING_REFUSED = 1 << 3, /* an implausible delta was dropped (implies REBASED) */
        JK_READING_FROZEN = 1 << 4,  /* the counter has not moved for long though it should */
};

struct jk_zone_reading {
        int64_t energy_uj;  /* since this zone's previous reading, ≥ 0 */
        int64_t elapsed_ns; /* the span that energy_uj covers: more than the tick's after a gap */
        uint32_t flags;     /* enum jk_reading_flags; without SEEN there is no reading */
};

/* ---- activity ---- */

/* What a collector can see of a task; jk_sample.task_fields says which ones it does see. */
enum jk_task_field {
        JK_TASK_CPU = 1 << 0,
        JK_TASK_CYCLES = 1 << 1,
        JK_TASK_INSTRUCTIONS = 1 << 2,
        JK_TASK_LLC_MISSES = 1 << 3,
        JK_TASK_IO = 1 << 4,     /* read_bytes, write_bytes */
        JK_TASK_FAULTS = 1 << 5, /* minor_faults, major_faults */
        JK_TASK_RESIDENT = 1 << 6,
        JK_TASK_THREADS = 1 << 7,
};

enum jk_task_flags {
        JK_TASK_NEW = 1 << 0,    /* first time this task is seen */
        JK_TASK_ENDED = 1 << 1,  /* last time: its final slice is in this record */
        JK_TASK_KERNEL = 1 << 2, /* a kernel thread */
        JK_TASK_SELF = 1 << 3,   /* this agent */
        /* Not one task but the CPU time of a cgroup that no living task accounts for: processes
         * that came and went between two readings where no collector sees them end. Its pid is 0,
         * its start_ns the cgroup's id, its uid JK_UID_UNKNOWN. */
        JK_TASK_UNSEEN = 1 << 4,
        JK_TASK_ENCLAVE = 1 << 5, /* it holds an SGX enclave, as far as is known */
};

#define JK_UID_UNKNOWN ((uid_t)-1)
#define JK_COMM_SIZE   16 /* TASK_COMM_LEN */

/* A task: one incarnation of a process, named by pid and start time. A sample lists the tasks that
 * did something in the tick, began or ended in it, or changed identity (exec, setuid, another
 * cgroup); a task that is not listed is alive and did nothing. Activity is the difference since the
 * previous tick. */
struct jk_task_record {
        pid_t pid; /* tgid, in the initial pid namespace */
        pid_t ppid;
        uint64_t start_ns; /* boottime clock */
        uint64_t cgroup;   /* id in the hierarchy that jk_cgroups chose */
        uid_t uid;
        uint32_t flags;          /* enum jk_task_flags */
        char comm[JK_COMM_SIZE]; /* as the kernel has it: any bytes, NUL-terminated */

        uint64_t cpu_ns;
        uint64_t cycles;
        uint64_t instructions;
        uint64_t llc_misses;
        uint64_t read_bytes;  /* from storage */
        uint64_t write_bytes; /* to storage */
        uint64_t minor_faults;
        uint64_t major_faults;

        uint64_t resident_bytes; /* now */
        uint32_t threads;        /* now */
};

/* ---- events ---- */

#define JK_EVENTS_MAX      32
#define JK_EVENT_NAME_SIZE 48

/* CPU time on the CPUs of one package, in ns; JK_TASK_CPU is that on all. Counted where there are
 * several packages. A thread is taken to have been all the tick where it ran last. */
#define JK_EVENT_CPU_TIME "cpu-ns"

/* Of JK_TASK_CPU, the time in which another hardware thread of the same core was busy as well, in
 * ns: never more than that. Counted where cores have several threads. How busy each was in the tick
 * is known, not when: they are taken to meet by chance. */
#define JK_EVENT_SHARED_TIME "cpu-shared-ns"

/* A counted event that has no field of its own in jk_task_record. */
struct jk_event {
        char name[JK_EVENT_NAME_SIZE]; /* as whoever counts it calls it: "L2D_CACHE_REFILL" */
        int package;                   /* counted on the CPUs of this package only, or -1: on all */
};

/* Indices are stable for the life of the table: an event that comes later is appended. */
struct jk_event_table {
        struct jk_event events[JK_EVENTS_MAX];
        size_t count;
};

/* Index of the event of that name that is counted there, or -1. */
int jk_event_find(const struct jk_event_table *table, const char *name, int package);

/* Whether it is a part of the CPU time, told by where it was: on one package, on a shared core. */
bool jk_event_tells_place(const struct jk_event *event);

/* Whether it is the CPU time on one package. */
bool jk_event_tells_package(const struct jk_event *event);

/* Append a copy: its index, or -EEXIST (name and package taken), -ENOSPC (JK_EVENTS_MAX reached).
 */
int jk_event_add(struct jk_event_table *table, const struct jk_event *event);

/* Whether the table begins with all that the other has: then an index of that means the same here.
 */
bool jk_events_continue(const struct jk_event_table *table, const struct jk_event_table *other);

/* ---- machine ---- */

struct jk_cpu_reading {
        uint32_t cpu;
        bool online;
        bool frequency_seen, temperature_seen, voltage_seen;
        uint64_t busy_ns; /* user + nice + system, without irq and softirq */
        uint64_t idle_ns; /* idle + iowait */
        uint64_t irq_ns;
        uint64_t softirq_ns;
        uint64_t steal_ns;
        uint32_t frequency_khz; /* average over the tick where APERF/MPERF tell, else the latest */
        int32_t temperature_mc; /* milli-degrees Celsius */
        uint32_t voltage_uv;
};

/* ---- cgroups ---- */

enum jk_cgroup_event_kind { JK_CGROUP_APPEARED, JK_CGROUP_VANISHED };

/* A cgroup that came or went. A VANISHED event follows the last record of its tasks. A cgroup that
 * appears though it is there already has got another path. */
struct jk_cgroup_event {
        uint64_t id;
        enum jk_cgroup_event_kind kind;
        uint32_t path; /* offset of its NUL-terminated path in jk_sample.strings; "/" is the root */
};

/* Enclave memory (EPC) of a cgroup and all in it, now. */
struct jk_epc_reading {
        uint64_t cgroup; /* id */
        uint64_t bytes;
};

/* ---- the whole ---- */

enum jk_sample_flags {
        JK_SAMPLE_FIRST = 1 << 0,        /* baselines only: nothing to attribute yet */
        JK_SAMPLE_TASKS = 1 << 1,        /* tasks were seen; without it nothing can be attributed */
        JK_SAMPLE_CPUS = 1 << 2,         /* cpus were seen */
        JK_SAMPLE_SUSPENDED = 1 << 3,    /* the machine slept in this tick: suspended_ns > 0 */
        JK_SAMPLE_IRQ_IN_TASKS = 1 << 4, /* irq time is inside the tasks' CPU time as well */
        JK_SAMPLE_COARSE = 1 << 5, /* tasks by a fallback: short-lived ones are JK_TASK_UNSEEN */
        /* Taken just now, by an engine whose next tick waits for whoever looks at it. It is of the
         * run and not of what was observed: a recording does not hold it. */
        JK_SAMPLE_LIVE = 1 << 6,
};

struct jk_sample {
        uint64_t sequence;      /* 0, 1, 2 … */
        struct jk_instant time; /* end of the tick */
        int64_t elapsed_ns;     /* since the previous sample, monotonic; 0 in the first */
        int64_t suspended_ns;   /* of them slept: boottime less monotonic */
        uint32_t flags;         /* enum jk_sample_flags */
        uint32_t task_fields;   /* enum jk_task_field: what the collector sees */
        uint64_t lost_events;   /* exits and the like that a full buffer cost, since start */

        const struct jk_zone_table *zones; /* borrowed from the meters, or from the recording */
        struct jk_zone_reading readings[JK_ZONES_MAX]; /* by zone index */

        struct jk_task_record *tasks;
        size_t n_tasks, tasks_capacity;

        /* Borrowed as zones are; NULL: none. To be set before the first task of a tick; it may get
         * longer from one tick to the next, and not within one. */
        const struct jk_event_table *events;
        uint64_t *
                task_events; /* [n_tasks][events->count]: a row per task, since the previous tick */
        size_t task_events_capacity;

        struct jk_cpu_reading *cpus;
        size_t n_cpus, cpus_capacity;

        struct jk_cgroup_event *cgroups;
        size_t n_cgroups, cgroups_capacity;

        /* Now and then, all that have some, and those that no longer have; else empty. */
        struct jk_epc_reading *epc;
        size_t n_epc, epc_capacity;

        char *strings;
        size_t strings_length, strings_capacity;
};

void jk_sample_init(struct jk_sample *sample); /* zeroed is initialised, too */
void jk_sample_free(struct jk_sample *sample);

/* Empty it for the next tick, keeping the memory: sets sequence, time, elapsed_ns, suspended_ns and
 * the FIRST and SUSPENDED flags from the instant and what the sample held before. */
void jk_sample_begin(struct jk_sample *sample, const struct jk_instant *now);

/* Whether a reading spans so much more than the tick that it did not begin with it. */
bool jk_sample_has_gap(const struct jk_sample *sample, size_t zone);

/* Append a zeroed record (a task's row of events, too): a pointer valid until the next append, or
 * NULL if memory ran out. */
struct jk_task_record *jk_sample_add_task(struct jk_sample *sample);
struct jk_cpu_reading *jk_sample_add_cpu(struct jk_sample *sample);

/* How many events each task has a count of. */
static inline size_t
jk_sample_n_events(const struct jk_sample *sample)
{
        return sample->events ? sample->events->count : 0;
}

/* The counts of the task at this place, by event index: valid until the next append; NULL if there
 * are no events. */
uint64_t *jk_sample_task_events(const struct jk_sample *sample, size_t task);

/* 0 or -ENOMEM. */
int jk_sample_add_cgroup(struct jk_sample *sample, uint64_t id, enum jk_cgroup_event_kind kind,
                         const char *path);

int jk_sample_add_epc(struct jk_sample *sample, uint64_t cgroup, uint64_t bytes);

const char *jk_sample_cgroup_path(const struct jk_sample *sample,
                                  const struct jk_cgroup_event *event);
