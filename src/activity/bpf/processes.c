/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes: see processes.h.
 */
#include "activity/bpf/processes.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"

/* Remember to look at a process when the tick is flushed. Room was made when it was added. */
void
jk_process_touch(struct jk_threads *table, uint32_t slot)
{
        struct jk_process *process = &table->processes[slot];

        if (process->touched)
                return;
        process->touched = true;
        table->touched[table->n_touched++] = slot;
}

static int
take_process_slot(struct jk_threads *table, uint32_t *ret_slot)
{
        size_t wanted = table->n_processes + 1;
        int r;

        if (table->free_process != JK_NO_SLOT) {
                *ret_slot = table->free_process;
                table->free_process = table->processes[*ret_slot].next;
                return 0;
        }

        r = jk_array_grow(&table->processes, &table->processes_capacity, wanted);
        if (r < 0)
                return r;
        r = jk_array_grow(&table->touched, &table->touched_capacity, wanted);
        if (r == 0 && table->topology)
                r = jk_array_grow(&table->place_ns, &table->place_ns_capacity,
                                  wanted * table->topology->events.count);
        if (r == 0 && table->n_counters > 0)
                r = jk_array_grow(&table->counts, &table->counts_capacity,
                                  wanted * table->n_counters);
        if (r < 0)
                return r;
        *ret_slot = (uint32_t)table->n_processes++;
        return 0;
}

static void
drop_process_slot(struct jk_threads *table, uint32_t slot)
{
        table->processes[slot] = (struct jk_process){ .next = table->free_process };
        table->free_process = slot;
}

static void
clear_places(struct jk_threads *table, uint32_t slot)
{
        memset(jk_process_place_ns(table, slot), 0,
               table->topology->events.count * sizeof *table->place_ns);
}

static void
clear_counts(struct jk_threads *table, uint32_t slot)
{
        if (table->n_counters > 0)
                memset(jk_process_counts(table, slot), 0,
                       table->n_counters * sizeof *table->counts);
}

static uint64_t
process_key(pid_t pid, uint64_t start_ns)
{
        return jk_threads_hash((uint64_t)pid, start_ns);
}

/* The process of a record, which is new if it is not known. */
int
jk_process_find(struct jk_threads *table, const struct jk_thread_record *record, uint32_t *ret_slot,
                bool *ret_new)
{
        uint64_t key = process_key((pid_t)record->tgid, record->process_start_ns);
        struct jk_process *process;
        uint32_t slot;
        int r;

        *ret_new = !jk_map_get(&table->by_pid, key, ret_slot);
        if (!*ret_new)
                return 0;

        r = take_process_slot(table, &slot);
        if (r < 0)
                return r;
        r = jk_map_put(&table->by_pid, key, slot);
        if (r < 0) {
                drop_process_slot(table, slot);
                return r;
        }

        if (table->topology)
                clear_places(table, slot);
        clear_counts(table, slot);
        process = &table->processes[slot];
        *process = (struct jk_process){
                .record = {
                        .pid = (pid_t)record->tgid,
                        .start_ns = record->process_start_ns,
                        .flags = JK_TASK_NEW,
                },
                .leader = record->leader,
        };
        if (record->state & JK_THREAD_KERNEL)
                process->record.flags |= JK_TASK_KERNEL;
        if (process->record.pid == table->self)
                process->record.flags |= JK_TASK_SELF;
        jk_process_touch(table, slot);
        *ret_slot = slot;
        return 0;
}

void
jk_process_identify(struct jk_process *process, const struct jk_thread_record *record)
{
        struct jk_task_record *known = &process->record;

        if (known->uid != record->uid || known->cgroup != record->cgroup ||
            memcmp(known->comm, record->comm, sizeof known->comm) != 0)
                process->changed = true;

        known->uid = record->uid;
        known->cgroup = record->cgroup;
        known->ppid = (pid_t)record->ppid;
        known->threads = record->threads;
        memcpy(known->comm, record->comm, sizeof known->comm);
        known->comm[sizeof known->comm - 1] = '\0';
        if (record->state & JK_THREAD_RESIDENT)
                known->resident_bytes = record->resident_pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void
jk_process_mark_dead(struct jk_threads *table, struct jk_process *process)
{
        if (process->dead || process->closed)
                return;
        process->dead = true;
        table->ending++;
}

/* ---- the tick's end ---- */

static bool
was_active(const struct jk_task_record *task)
{
        return task->cpu_ns || task->cycles || task->instructions || task->llc_misses ||
               task->read_bytes || task->write_bytes || task->minor_faults || task->major_faults;
}

static void
clear_activity(struct jk_task_record *task)
{
        task->cpu_ns = task->cycles = task->instructions = task->llc_misses = 0;
        task->read_bytes = task->write_bytes = 0;
        task->minor_faults = task->major_faults = 0;
        task->flags &= ~(uint32_t)(JK_TASK_NEW | JK_TASK_ENDED);
}

/* Without living threads, or (its end was not seen) without any. */
static void
close_if_ended(struct jk_threads *table, struct jk_process *process)
{
        if (process->closed || process->open > 0 || (!process->dead && process->threads > 0))
                return;

        if (process->dead)
                table->ending--;
        process->closed = true;
        process->record.flags |= JK_TASK_ENDED;
}

/* What was counted goes to the record where that has a field for it. Whether there is more. */
static bool
fill_fields(struct jk_threads *table, uint32_t slot)
{
        struct jk_process_count *counts = jk_process_counts(table, slot);
        char *record = (char *)&table->processes[slot].record;
        bool more = false;

        for (size_t i = 0; i < table->n_counters; i++) {
                const struct jk_counter_place *place = &table->counters[i];

                if (place->is_event) {
                        more |= counts[i].delta > 0;
                        continue;
                }
                *(uint64_t *)(record + place->at) += counts[i].delta;
                counts[i].delta = 0;
        }
        return more;
}

/* The task's row in the sample. */
static void
fill_events(struct jk_threads *table, uint32_t slot, uint64_t *row)
{
        struct jk_process_count *counts = jk_process_counts(table, slot);

        if (table->topology)
                memcpy(row, jk_process_place_ns(table, slot),
                       table->topology->events.count * sizeof *table->place_ns);
        for (size_t i = 0; i < table->n_counters; i++) {
                if (!table->counters[i].is_event)
                        continue;
                row[table->counters[i].at] = counts[i].delta;
                counts[i].delta = 0;
        }
}

static int
flush_process(struct jk_threads *table, uint32_t slot, struct jk_sample *sample)
{
        struct jk_process *process = &table->processes[slot];
        bool counted = fill_fields(table, slot);
        struct jk_task_record *task;

        close_if_ended(table, process);
        if (counted || was_active(&process->record) || process->changed ||
            process->record.flags & (JK_TASK_NEW | JK_TASK_ENDED)) {
                task = jk_sample_add_task(sample);
                if (!task)
                        return -ENOMEM;
                *task = process->record;
                fill_events(table, slot, jk_sample_task_events(sample, sample->n_tasks - 1));
        }

        clear_activity(&process->record);
        if (table->topology)
                clear_places(table, slot);
        process->changed = false;
        process->touched = false;
        if (process->closed && process->threads == 0) {
                jk_map_remove(&table->by_pid,
                              process_key(process->record.pid, process->record.start_ns));
                drop_process_slot(table, slot);
        }
        return 0;
}

int
jk_threads_flush(struct jk_threads *table, struct jk_sample *sample)
{
        jk_threads_stop_waiting(table);
        while (table->n_touched > 0) {
                int r = flush_process(table, table->touched[table->n_touched - 1], sample);

                if (r < 0)
                        return r;
                table->n_touched--;
        }
        return 0;
}

bool
jk_threads_ending_in(const struct jk_threads *table, uint64_t cgroup)
{
        if (table->ending == 0)
                return false;

        for (size_t i = 0; i < table->n_processes; i++) {
                const struct jk_process *process = &table->processes[i];

                if (process->dead && !process->closed && process->record.cgroup == cgroup)
                        return true;
        }
        return false;
}
