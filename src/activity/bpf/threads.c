/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads: see threads.h. Two slabs with lists of free slots, two maps into them; nothing is
 * allocated once they have grown.
 */
#include "activity/bpf/processes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* An RCU grace period lies between a thread's last switch and its last word, and some kernels begin
 * one only after a while. What comes later is microseconds of CPU time. */
#define LAST_WORD_MS 2000

enum thread_status {
        THREAD_UNUSED,
        THREAD_ALIVE,
        THREAD_EXITED, /* passed the exit tracepoint, may still run for a moment */
        THREAD_DONE,   /* a zombie: uses nothing any more */
};

struct jk_thread {
        struct jk_thread_id id;
        uint64_t cpu_ns;
        uint64_t read_bytes;
        uint64_t write_bytes;
        uint32_t minor_faults;
        uint32_t major_faults;
        uint32_t process;  /* its slot; of an unused one, the next unused one */
        uint32_t stamp_ms; /* of the tick that saw it last */
        uint16_t status;   /* enum thread_status */
        uint16_t cpu;      /* that it ran on last */
};

static uint64_t
thread_key(const struct jk_thread_id *id)
{
        return jk_threads_hash(id->address, id->start_ns);
}

void
jk_threads_init(struct jk_threads *table, pid_t self, struct jk_topology *topology)
{
        *table = (struct jk_threads){
                .free_thread = JK_NO_SLOT,
                .free_process = JK_NO_SLOT,
                .self = self,
                .baseline = true,
                .topology = topology && topology->events.count > 0 ? topology : NULL,
        };
}

void
jk_threads_free(struct jk_threads *table)
{
        free(table->threads);
        free(table->processes);
        free(table->touched);
        free(table->place_ns);
        free(table->counts);
        for (size_t i = 0; i < JK_COUNT(table->waiting); i++)
                free(table->waiting[i].threads);
        jk_map_free(&table->by_id);
        jk_map_free(&table->by_pid);
}

void
jk_threads_begin(struct jk_threads *table, uint64_t now_ms, bool baseline)
{
        uint32_t stamp = (uint32_t)now_ms;

        table->stamp_ms = stamp == table->stamp_ms ? stamp + 1 : stamp;
        table->baseline = baseline;
}

/* ---- threads ---- */

/* The iterator goes by pid, and so went the first, which filled the slots: the thread after the one
 * found last is most often the one looked for, and spares a visit to the map. */
static struct jk_thread *
find_thread(struct jk_threads *table, const struct jk_thread_id *id)
{
        uint32_t slot = table->expected;

        if (slot >= table->n_threads || table->threads[slot].id.address != id->address ||
            table->threads[slot].id.start_ns != id->start_ns) {
                if (!jk_map_get(&table->by_id, thread_key(id), &slot))
                        return NULL;
        }
        table->expected = slot + 1;
        return &table->threads[slot];
}

static int
take_thread_slot(struct jk_threads *table, uint32_t *ret_slot)
{
        int r;

        if (table->free_thread != JK_NO_SLOT) {
                *ret_slot = table->free_thread;
                table->free_thread = table->threads[*ret_slot].process;
                return 0;
        }

        r = jk_array_grow(&table->threads, &table->threads_capacity, table->n_threads + 1);
        if (r < 0)
                return r;
        *ret_slot = (uint32_t)table->n_threads++;
        return 0;
}

static void
drop_thread_slot(struct jk_threads *table, uint32_t slot)
{
        table->threads[slot] = (struct jk_thread){ .process = table->free_thread };
        table->free_thread = slot;
}

static void
finish_thread(struct jk_threads *table, struct jk_thread *thread)
{
        if (thread->status == THREAD_DONE)
                return;
        thread->status = THREAD_DONE;
        table->processes[thread->process].open--;
        jk_process_touch(table, thread->process);
}

static void
remove_thread(struct jk_threads *table, struct jk_thread *thread)
{
        finish_thread(table, thread);
        table->processes[thread->process].threads--;
        jk_process_touch(table, thread->process);
        jk_map_remove(&table->by_id, thread_key(&thread->id));
        drop_thread_slot(table, (uint32_t)(thread - table->threads));
}

/* A thread other than the leader that calls execve() becomes the leader: the same task_struct goes
 * on with the leader's pid and start time. */
static struct jk_thread *
find_executor(const struct jk_threads *table, uint32_t process, uint64_t address)
{
        for (size_t i = 0; i < table->n_threads; i++) {
                struct jk_thread *thread = &table->threads[i];

                if (thread->status == THREAD_ALIVE && thread->process == process &&
                    thread->id.address == address)
                        return thread;
        }
        return NULL;
}

static int
rename_thread(struct jk_threads *table, struct jk_thread *thread, const struct jk_thread_id *id)
{
        int r = jk_map_put(&table->by_id, thread_key(id), (uint32_t)(thread - table->threads));

        if (r < 0)
                return r;
        jk_map_remove(&table->by_id, thread_key(&thread->id));
        thread->id = *id;
        return 0;
}

static int
add_thread(struct jk_threads *table, const struct jk_thread_record *record,
           struct jk_thread **ret_thread)
{
        bool process_is_new;
        uint32_t process, slot;
        int r;

        r = jk_process_find(table, record, &process, &process_is_new);
        if (r < 0)
                return r;

        if (!process_is_new && record->tid == record->tgid) {
                *ret_thread = find_executor(table, process, record->id.address);
                if (*ret_thread)
                        return rename_thread(table, *ret_thread, &record->id);
        }

        r = take_thread_slot(table, &slot);
        if (r < 0)
                return r;
        r = jk_map_put(&table->by_id, thread_key(&record->id), slot);
        if (r < 0) {
                drop_thread_slot(table, slot);
                return r;
        }
        table->threads[slot] = (struct jk_thread){
                .id = record->id,
                .process = process,
                .status = THREAD_ALIVE,
        };
        if (table->baseline) {
                /* Half a range and more may have gone by: that is no fall. */
                table->threads[slot].minor_faults = record->minor_faults;
                table->threads[slot].major_faults = record->major_faults;
        }
        table->processes[process].threads++;
        table->processes[process].open++;
        *ret_thread = &table->threads[slot];
        return 0;
}

/* ---- activity ---- */

/* What was added to a cumulative value; it is remembered only where it rose. */
static uint64_t
rise(uint64_t *last, uint64_t now)
{
        uint64_t delta = now > *last ? now - *last : 0;

        *last += delta;
        return delta;
}

/* The same for a value that wraps at 2^32: a fall is one by less than half of that. */
static uint64_t
rise32(uint32_t *last, uint32_t now)
{
        uint32_t delta = now - *last;

        if (delta > UINT32_MAX / 2)
                return 0;
        *last = now;
        return delta;
}

static void
count(struct jk_threads *table, uint32_t slot, const uint64_t *counters)
{
        struct jk_process_count *counts = jk_process_counts(table, slot);

        for (size_t i = 0; i < table->n_counters; i++) {
                uint64_t delta = rise(&counts[i].last, counters[i]);

                if (!table->baseline)
                        counts[i].delta += delta;
        }
}

/* Counters live with the leader: another one's begin at 0. */
static void
follow_leader(struct jk_threads *table, uint32_t slot, const struct jk_thread_record *record)
{
        struct jk_process_count *counts = jk_process_counts(table, slot);

        table->processes[slot].leader = record->leader;
        for (size_t i = 0; i < table->n_counters; i++)
                counts[i].last = 0;
        count(table, slot, record->counters);
}

static void
add_cpu_time(struct jk_threads *table, const struct jk_thread *thread, uint64_t cpu_ns)
{
        struct jk_topology *topology = table->topology;
        uint64_t *row;
        int package;

        table->processes[thread->process].record.cpu_ns += cpu_ns;
        if (!topology || cpu_ns == 0)
                return;

        row = jk_process_place_ns(table, thread->process);
        package = jk_topology_package(topology, thread->cpu);
        if (package >= 0)
                row[package] += cpu_ns;
        if (topology->shares_cores)
                row[topology->n_packages] +=
                        (uint64_t)(jk_topology_shared(topology, thread->cpu) * (double)cpu_ns);
}

static void
add_activity(struct jk_threads *table, struct jk_thread *thread,
             const struct jk_thread_record *record)
{
        struct jk_task_record *sum = &table->processes[thread->process].record;
        uint64_t cpu = rise(&thread->cpu_ns, record->cpu_ns);
        uint64_t read = rise(&thread->read_bytes, record->read_bytes);
        uint64_t written = rise(&thread->write_bytes, record->write_bytes);
        uint64_t minor = rise32(&thread->minor_faults, record->minor_faults);
        uint64_t major = rise32(&thread->major_faults, record->major_faults);

        thread->cpu = record->cpu;
        if (table->baseline)
                return;
        add_cpu_time(table, thread, cpu);
        sum->read_bytes += read;
        sum->write_bytes += written;
        sum->minor_faults += minor;
        sum->major_faults += major;
}

static int
take(struct jk_threads *table, const struct jk_thread_record *record, struct jk_thread **ret_thread)
{
        struct jk_thread *thread = find_thread(table, &record->id);
        struct jk_process *process;
        int r;

        if (!thread) {
                r = add_thread(table, record, &thread);
                if (r < 0)
                        return r;
        }

        process = &table->processes[thread->process];
        thread->stamp_ms = table->stamp_ms;
        add_activity(table, thread, record);
        jk_process_identify(process, record);
        if (process->leader == record->leader)
                count(table, thread->process, record->counters);
        if (record->state & JK_THREAD_LAST)
                jk_process_mark_dead(table, process);
        jk_process_touch(table, thread->process);
        *ret_thread = thread;
        return 0;
}

int
jk_threads_seen(struct jk_threads *table, const struct jk_thread_record *record)
{
        struct jk_thread *thread;
        int r;

        r = take(table, record, &thread);
        if (r < 0)
                return r;

        /* An exit event may be of the old leader, so only the pass is believed. */
        if (table->processes[thread->process].leader != record->leader)
                follow_leader(table, thread->process, record);
        if (record->state & JK_THREAD_SETTLED)
                finish_thread(table, thread);
        return 0;
}

static int
wait_for(struct jk_waiting *waiting, uint32_t slot)
{
        int r = jk_array_grow(&waiting->threads, &waiting->capacity, waiting->n + 1);

        if (r == 0)
                waiting->threads[waiting->n++] = slot;
        return r;
}

int
jk_threads_exited(struct jk_threads *table, const struct jk_thread_record *record)
{
        struct jk_thread *thread;
        int r;

        r = take(table, record, &thread);
        if (r < 0)
                return r;
        if (thread->status != THREAD_ALIVE)
                return 0;
        thread->status = THREAD_EXITED;
        return wait_for(&table->waiting[0], (uint32_t)(thread - table->threads));
}

void
jk_threads_gone(struct jk_threads *table, const struct jk_free_event *event)
{
        struct jk_thread *thread = find_thread(table, &event->id);
        struct jk_process *process;
        uint64_t cpu;

        /* Its exit was before the first tick, or lost. */
        if (!thread)
                return;

        process = &table->processes[thread->process];
        cpu = rise(&thread->cpu_ns, event->cpu_ns);
        if (!table->baseline)
                add_cpu_time(table, thread, cpu);
        if (process->leader == event->id.address)
                count(table, thread->process, event->counters);
        remove_thread(table, thread);
}

void
jk_threads_settle(struct jk_threads *table)
{
        for (size_t i = 0; i < table->n_threads; i++) {
                struct jk_thread *thread = &table->threads[i];

                if (thread->status != THREAD_UNUSED && thread->status != THREAD_EXITED &&
                    thread->stamp_ms != table->stamp_ms)
                        remove_thread(table, thread);
        }
}

/* Give up those that exited at least a turn ago and were not seen since: one whose memory takes
 * long to tear down is still on a CPU. */
void
jk_threads_stop_waiting(struct jk_threads *table)
{
        struct jk_waiting old = table->waiting[1];
        size_t kept = 0;

        if (table->stamp_ms - table->turned_ms < LAST_WORD_MS)
                return;

        for (size_t i = 0; i < old.n; i++) {
                struct jk_thread *thread = &table->threads[old.threads[i]];

                if (thread->status != THREAD_EXITED)
                        continue;
                if (table->stamp_ms - thread->stamp_ms < LAST_WORD_MS)
                        old.threads[kept++] = old.threads[i];
                else
                        remove_thread(table, thread);
        }

        old.n = kept;
        table->waiting[1] = table->waiting[0];
        table->waiting[0] = old;
        table->turned_ms = table->stamp_ms;
}
