/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads: what the BPF programs said of each thread last, so that a process' activity in a tick is
 * the sum of its threads' differences. A value that falls (a race, an estimate taken back) adds
 * nothing until it has risen above what was booked, so every nanosecond is booked once. Pure: no
 * kernel, no clock.
 *
 * A process ends when its last thread has left the CPU for good: what it used between the exit
 * tracepoint and that is waited for, two to four seconds at most.
 */
#pragma once

#include <stdbool.h>

#include "activity/bpf/records.h"
#include "activity/topology.h"
#include "base/map.h"
#include "sample/sample.h"

struct jk_thread;
struct jk_process;

/* Where a sample has what a counter counted. */
struct jk_counter_place {
        bool is_event;
        size_t at; /* column among the sample's events, or offset in struct jk_task_record */
};

struct jk_process_count {
        uint64_t last;  /* as told */
        uint64_t delta; /* in this tick so far */
};

struct jk_waiting {
        uint32_t *threads; /* slots, some used by others by now */
        size_t n, capacity;
};

struct jk_threads {
        struct jk_thread *threads;
        size_t n_threads, threads_capacity;
        uint32_t free_thread; /* head of the list of free slots, or UINT32_MAX */
        uint32_t expected;    /* the slot to be looked for next, most likely */

        struct jk_process *processes;
        size_t n_processes, processes_capacity;
        uint32_t free_process;

        uint32_t *touched; /* processes to look at when the tick is flushed */
        size_t n_touched, touched_capacity;

        /* Threads that exited and whose last word is waited for: since the last turn, and since
         * before. */
        struct jk_waiting waiting[2];
        uint32_t turned_ms;

        struct jk_map by_id;  /* hash of a thread's id -> slot */
        struct jk_map by_pid; /* hash of pid and start time -> slot */

        uint32_t stamp_ms; /* of this tick: differs from every earlier one's */
        size_t ending;     /* processes without living threads that are not closed */
        pid_t self;        /* the agent's own pid */
        bool baseline;     /* the first tick: nothing is activity */

        /* Of the counters that records have; set by the owner before the first tick. */
        size_t n_counters;
        struct jk_counter_place counters[JK_COUNTERS_MAX];
        struct jk_process_count *counts; /* [processes][n_counters] */
        size_t counts_capacity;

        struct jk_topology *topology; /* NULL: places are not told apart; borrowed */
        uint64_t *place_ns; /* [processes][topology->events.count]: CPU time in this tick so far */
        size_t place_ns_capacity;
};

/* topology: borrowed; NULL: places are not told apart. */
void jk_threads_init(struct jk_threads *table, pid_t self, struct jk_topology *topology);
void jk_threads_free(struct jk_threads *table);

/* A tick begins, at this time of a monotonic clock. */
void jk_threads_begin(struct jk_threads *table, uint64_t now_ms, bool baseline);

/* A thread was seen alive, or passed the exit tracepoint: 0 or -ENOMEM. */
int jk_threads_seen(struct jk_threads *table, const struct jk_thread_record *record);
int jk_threads_exited(struct jk_threads *table, const struct jk_thread_record *record);

/* A thread is gone, with its final CPU time. */
void jk_threads_gone(struct jk_threads *table, const struct jk_free_event *event);

/* A pass showed all threads, and the events that were there after it are read: drop those that it
 * did not show. */
void jk_threads_settle(struct jk_threads *table);

/* Append what happened to the sample, whose events are those of the topology, if there are any, and
 * then those of the counters that are events; and start anew: 0 or -ENOMEM (what did not fit is
 * appended next time). */
int jk_threads_flush(struct jk_threads *table, struct jk_sample *sample);

/* Whether a process of that cgroup is still waited for. */
bool jk_threads_ending_in(const struct jk_threads *table, uint64_t cgroup);
