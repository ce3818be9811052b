/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes: the sums of their threads, and what becomes a record of the sample. Part of the table
 * of threads (threads.h), and used by it alone.
 */
#pragma once

#include "activity/bpf/threads.h"

#define JK_NO_SLOT UINT32_MAX

struct jk_process {
        struct jk_task_record record; /* activity: of this tick so far */
        uint64_t leader;              /* address of its task_struct */
        uint32_t threads;             /* slots that point here */
        uint32_t open;                /* of them not done */
        uint32_t next;                /* of an unused slot, the next one */
        bool touched;                 /* it is in table->touched */
        bool changed;                 /* identity: worth a record without activity */
        bool dead;                    /* its last thread passed the exit tracepoint */
        bool closed;                  /* ENDED was told; a zombie keeps the slot */
};

/* Of two halves of an identity, a key for a map. */
static inline uint64_t
jk_threads_hash(uint64_t a, uint64_t b)
{
        return a ^ b * UINT64_C(0x9E3779B97F4A7C15);
}

/* The process of a record, which is new if it is not known:
 * 0 or -ENOMEM. */
int jk_process_find(struct jk_threads *table, const struct jk_thread_record *record,
                    uint32_t *ret_slot, bool *ret_new);

/* Its row of CPU time by place, where places are told apart: as the topology's events are. */
static inline uint64_t *
jk_process_place_ns(const struct jk_threads *table, uint32_t slot)
{
        return table->place_ns + slot * table->topology->events.count;
}

/* Its row of counts; NULL where there are no counters. */
static inline struct jk_process_count *
jk_process_counts(const struct jk_threads *table, uint32_t slot)
{
        return table->counts ? table->counts + slot * table->n_counters : NULL;
}

/* Look at it when the tick is flushed. */
void jk_process_touch(struct jk_threads *table, uint32_t slot);

/* Take over who it is, and how large, from what one of its threads says. */
void jk_process_identify(struct jk_process *process, const struct jk_thread_record *record);

/* Threads whose last word does not come (threads.c). */
void jk_threads_stop_waiting(struct jk_threads *table);

/* Its last thread passed the exit tracepoint. */
void jk_process_mark_dead(struct jk_threads *table, struct jk_process *process);
