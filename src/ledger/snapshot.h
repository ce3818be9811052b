/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshots: the state of the books after one tick, immutable and reference-counted. Whoever shows
 * numbers (HTTP, terminal, exporters, store) reads a snapshot and nothing else: a reader never
 * makes the sampler wait and never triggers a sample.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "model/model.h"
#include "sample/zone.h"

enum jk_dimension {
        JK_DIMENSION_TASK,
        JK_DIMENSION_CGROUP,
        JK_DIMENSION_USER,
        JK_DIMENSION_MACHINE, /* the machine's own accounts, part of each dimension's sum */
        JK_DIMENSION_MAX,
        JK_DIMENSION_INVALID = -1,
};

enum jk_machine_account {
        JK_MACHINE_IDLE,
        JK_MACHINE_KERNEL_IRQ,
        JK_MACHINE_KERNEL_SOFTIRQ,
        JK_MACHINE_KERNEL_THREADS,
        JK_MACHINE_UNATTRIBUTED,
        JK_MACHINE_ACCOUNT_MAX,
};

const char *jk_dimension_name(enum jk_dimension dimension);
enum jk_dimension jk_dimension_parse(const char *name);               /* or JK_DIMENSION_INVALID */
const char *jk_machine_account_name(enum jk_machine_account account); /* "kernel-irq" */

enum jk_entry_flags {
        JK_ENTRY_ENDED =
                1 << 0,         /* the task exited, or the cgroup is gone; it still has its total */
        JK_ENTRY_SELF = 1 << 1, /* this agent */
        /* The one entry of dimension task that is no task: what all the ended tasks used that are
         * no longer listed. Its pid is 0 and its name "ended". */
        JK_ENTRY_REST = 1 << 2,
        JK_ENTRY_UNSEEN = 1 << 3, /* see JK_TASK_UNSEEN */
        JK_ENTRY_OTHERS =
                1 << 4, /* only in the copy of a client: all that the agent did not list */
        JK_ENTRY_ENCLAVE = 1 << 5, /* a task that held an SGX enclave when it last did something */
};

/* One account. Strings are offsets into the snapshot: jk_snapshot_string(). There are three of
 * these per task, so the order of the fields leaves no holes. */
struct jk_entry {
        enum jk_dimension dimension;
        uint32_t flags;
        uint32_t name; /* comm, cgroup path, user name, or machine account name */

        pid_t pid, ppid;               /* tasks */
        enum jk_provenance provenance; /* of its energy: modelled as soon as a part of it is */
        uint64_t start_ns;             /* tasks: boottime */
        uid_t uid;                     /* tasks, users */
        uint32_t cgroup;               /* tasks: path, as a string offset */
        uint64_t cgroup_id;            /* tasks, cgroups */
        uint64_t ended_tick; /* sequence of the tick in which it ended, with JK_ENTRY_ENDED */

        double watts;           /* over the last tick, disjoint zones only, idle + dynamic */
        double uncertainty_pct; /* one standard deviation */

        uint64_t cpu_ns; /* since first seen */
        uint64_t cycles, instructions, llc_misses;
        uint64_t read_bytes, write_bytes;
        uint64_t minor_faults, major_faults;
        uint64_t epc_bytes; /* cgroups: enclave memory in it and below; 0: none, or not known */
        uint64_t resident_bytes; /* of cgroups and users the sum, shared pages counted each time */
        uint32_t threads;

        uint32_t energy; /* its row in jk_snapshot.energy */
};

struct jk_zone_entry {
        struct jk_zone zone;
        bool seen;                               /* in this tick */
        bool counted;                            /* towards the machine's total, in this tick */
        uint32_t flags;                          /* enum jk_reading_flags of this tick */
        double watts;                            /* over its last reading; NaN if not seen */
        int64_t measured_uj;                     /* all that the meter reported since start */
        int64_t booked_uj[JK_DIMENSION_MACHINE]; /* along each dimension, summed up anew in each
                                                    tick */
        struct jk_idle_estimate idle;
        struct jk_expectation expected; /* by the model, from activity alone */
        double uncertainty_pct;         /* of a share of it, by the model */
        uint64_t refused, gaps;         /* readings refused; gaps booked to unattributed */
};

#define JK_STATUS_METERS_MAX 16

struct jk_meter_report {
        const char *name;  /* static */
        const char *state; /* static: "working", "absent", "failed", "unused" */
        size_t n_zones;
        uint64_t failures;
        double offset_s, offset_error_s; /* how late its readings come; NaN: not known, or not */
        char message[512];
};

/* What the agent says about itself. */
struct jk_status {
        char model[256];            /* which books, as jk_model_label() says it */
        const char *activity;       /* static: collector name, "none" if tasks cannot be seen */
        char activity_detail[256];  /* how it sees */
        char activity_missing[512]; /* why not better, and the remedy; empty if nothing is missing
                                     */
        char cgroups[64];
        struct jk_meter_report meters[JK_STATUS_METERS_MAX];
        size_t n_meters;
        int64_t interval_ns;
        int64_t started_realtime_ns;
        uint64_t ticks, late_ticks, missed_ticks, lost_events;
        /* CPU time of the engine's thread in the last tick, by phase */
        int64_t collect_ns, attribute_ns, publish_ns;
        int64_t self_cpu_ns; /* whole process, since start */
        uint64_t self_resident_bytes;
};

struct jk_snapshot {
        unsigned int references; /* guarded by the shelf's lock */
        uint64_t sequence;
        struct jk_instant time;
        int64_t elapsed_ns;

        uint32_t task_fields; /* enum jk_task_field: what the collector saw in this tick; a field
                                 that it did not see says nothing in any entry */

        struct jk_zone_entry *zones;
        size_t n_zones, zones_capacity;

        struct jk_entry *entries[JK_DIMENSION_MAX];
        size_t n_entries[JK_DIMENSION_MAX], entries_capacity[JK_DIMENSION_MAX];

        /* A row per entry: n_zones of idle, then n_zones of dynamic microjoules, since the account
         * was opened. A cgroup's row includes what its vanished children left to it; what that is
         * alone stands in a third part of n_zones (0 for other dimensions). */
        int64_t *energy;
        size_t energy_length, energy_capacity;

        char *strings;
        size_t strings_length, strings_capacity;

        int64_t machine_uj; /* disjoint zones, since start; only rises */
        double machine_w;   /* over the last tick; NaN if no zone was read in it */
        enum jk_provenance machine_provenance; /* of its energy: modelled as soon as a part is */
        struct jk_status status;
};

static inline const char *
jk_snapshot_string(const struct jk_snapshot *snapshot, uint32_t offset)
{
        return snapshot->strings + offset;
}

/* While it is being filled: the offset by which its entries may name the string. */
int jk_snapshot_add_string(struct jk_snapshot *snapshot, const char *string, uint32_t *ret_offset);

/* n_zones values; NULL where there are no zones. */
static inline const int64_t *
jk_entry_part_uj(const struct jk_snapshot *snapshot, const struct jk_entry *entry, size_t part)
{
        return snapshot->energy ? snapshot->energy + entry->energy + part * snapshot->n_zones
                                : NULL;
}

static inline const int64_t *
jk_entry_idle_uj(const struct jk_snapshot *snapshot, const struct jk_entry *entry)
{
        return jk_entry_part_uj(snapshot, entry, 0);
}

static inline const int64_t *
jk_entry_dynamic_uj(const struct jk_snapshot *snapshot, const struct jk_entry *entry)
{
        return jk_entry_part_uj(snapshot, entry, 1);
}

static inline const int64_t *
jk_entry_inherited_uj(const struct jk_snapshot *snapshot, const struct jk_entry *entry)
{
        return jk_entry_part_uj(snapshot, entry, 2);
}

/* The account's identity as text, stable for its life: "task:PID:START_NS", "cgroup:/path",
 * "user:UID", "machine:idle". Returns the length it has (as snprintf does). */
int jk_entry_id(const struct jk_snapshot *snapshot, const struct jk_entry *entry, char *buffer,
                size_t size);

/* ---- the shelf: where the engine puts snapshots and readers take them ---- */

struct jk_shelf {
        pthread_mutex_t lock; /* held for a handful of instructions, never across anything slow */
        struct jk_snapshot *current;
        struct jk_snapshot *free; /* one kept for reuse, so that the tick allocates nothing */
};

void jk_shelf_init(struct jk_shelf *shelf);
void jk_shelf_destroy(struct jk_shelf *shelf); /* no reader may hold a snapshot any more */

/* The latest snapshot with a reference for the caller, or NULL before the first tick. */
struct jk_snapshot *jk_shelf_take(struct jk_shelf *shelf);
void jk_shelf_put_back(struct jk_shelf *shelf, struct jk_snapshot *snapshot);

/* For the engine: an empty snapshot to fill (NULL: out of memory), and making it the latest, or
 * giving it back unseen. */
struct jk_snapshot *jk_shelf_blank(struct jk_shelf *shelf);
void jk_shelf_publish(struct jk_shelf *shelf, struct jk_snapshot *snapshot);
void jk_shelf_discard(struct jk_shelf *shelf, struct jk_snapshot *snapshot);
