/* SPDX-License-Identifier: Apache-2.0
 *
 * The tasks of a tick: see decoder.h.
 */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "record/columns.h"
#include "record/decoder.h"

#define TASKS_MAX      (1U << 22) /* PID_MAX_LIMIT of Linux */
#define TASK_BYTES_MIN 4          /* slot, flags, resident memory, threads */
#define SHIFT_MAX      20

static struct jk_slot *
take_slot(struct jk_decoder *decoder, struct jk_wire *in, int64_t *expected, uint32_t *ret_slot)
{
        struct jk_slots *slots = &decoder->slots;
        int64_t slot = jk_decode_near(in, *expected);

        if (slot > (int64_t)slots->n || slot >= TASKS_MAX) {
                jk_wire_fail(in, "leaves a task out");
                slot = 0;
        }
        if ((size_t)slot == slots->n) {
                if (jk_array_grow(&slots->items, &slots->capacity, slots->n + 1) < 0)
                        return NULL;
                slots->items[slots->n++] = (struct jk_slot){ 0 };
        }
        *expected = slot + 1;
        *ret_slot = (uint32_t)slot;
        return &slots->items[slot];
}

static int32_t
get_number(struct jk_wire *in)
{
        int64_t value = jk_wire_get_signed(in);

        if (value < 0 || value > INT32_MAX)
                jk_wire_fail(in, "has an absurd process number");
        return (int32_t)value;
}

static void
get_identity(struct jk_wire *in, struct jk_slot *slot)
{
        struct jk_task_record *task = &slot->task;
        uint64_t start_ns;
        pid_t pid, ppid;

        pid = get_number(in);
        ppid = get_number(in);
        start_ns = jk_wire_get(in);
        if (!slot->used || task->pid != pid || task->start_ns != start_ns)
                *task = (struct jk_task_record){ 0 };
        task->pid = pid;
        task->ppid = ppid;
        task->start_ns = start_ns;
        task->cgroup = jk_wire_get(in);
        task->uid = (uid_t)jk_wire_get_max(in, UINT32_MAX, "has a user id of more than 32 bits");
        memset(task->comm, 0, sizeof task->comm);
        jk_decode_string(in, task->comm, sizeof task->comm);
        slot->used = true;
}

static int
get_slots(struct jk_decoder *decoder, struct jk_wire *in, size_t n)
{
        int64_t expected = 0;

        if (jk_array_grow(&decoder->listed, &decoder->listed_capacity, n) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < n && !in->fault; i++)
                if (!take_slot(decoder, in, &expected, &decoder->listed[i]))
                        return -ENOMEM;
        return 0;
}

/* Who they are; with what a slot remembers, the states among it. */
static int
get_identities(struct jk_decoder *decoder, struct jk_wire *in, size_t n, struct jk_sample *sample)
{
        for (size_t i = 0; i < n && !in->fault; i++) {
                struct jk_slot *slot = &decoder->slots.items[decoder->listed[i]];
                struct jk_task_record *task = jk_sample_add_task(sample);
                uint64_t flags = jk_wire_get_max(in, JK_SLOT_FLAGS | JK_SLOT_IDENTITY,
                                                 "has a task with unknown flags");

                if (!task)
                        return -ENOMEM;
                if (flags & JK_SLOT_IDENTITY)
                        get_identity(in, slot);
                else if (!slot->used)
                        jk_wire_fail(in, "has a task that nothing is known of");
                *task = slot->task;
                task->flags = (uint32_t)(flags & JK_SLOT_FLAGS);
        }
        return 0;
}

static void
get_columns(struct jk_wire *in, struct jk_sample *sample)
{
        uint64_t mask =
                jk_wire_get_max(in, (1U << JK_COUNT(jk_task_columns)) - 1, "has unknown columns");

        for (size_t c = 0; c < JK_COUNT(jk_task_columns); c++)
                for (size_t i = 0; mask >> c & 1 && i < sample->n_tasks; i++)
                        jk_column_set(
                                &sample->tasks[i], jk_task_columns[c],
                                jk_wire_get_max(in, JK_RECORDED_MAX, "has an absurd activity"));
}

/* Resident memory and threads: what they were, and a difference. */
static void
get_states(struct jk_decoder *decoder, struct jk_wire *in, struct jk_sample *sample)
{
        unsigned int shift = (unsigned int)jk_wire_get_max(in, SHIFT_MAX, "has an absurd unit");

        for (size_t i = 0; i < sample->n_tasks; i++) {
                struct jk_task_record *task = &sample->tasks[i];
                int64_t size = jk_decode_near(in, (int64_t)(task->resident_bytes >> shift));

                if (size > (int64_t)(JK_RECORDED_MAX >> shift))
                        jk_wire_fail(in, "has an absurd size");
                task->resident_bytes = (uint64_t)size << shift;
                decoder->slots.items[decoder->listed[i]].task.resident_bytes = task->resident_bytes;
        }
        for (size_t i = 0; i < sample->n_tasks; i++) {
                struct jk_slot *slot = &decoder->slots.items[decoder->listed[i]];
                int64_t threads = jk_decode_near(in, slot->task.threads);

                if (threads > UINT32_MAX)
                        jk_wire_fail(in, "has an absurd number of threads");
                sample->tasks[i].threads = slot->task.threads = (uint32_t)threads;
        }
}

/* A task that did nothing takes few bytes here, and a row of counts in the sample. */
static size_t
get_number_of_tasks(struct jk_wire *in, size_t n_events)
{
        size_t most = jk_wire_left(in) / TASK_BYTES_MIN;
        size_t n = jk_wire_get_max(in, most < TASKS_MAX ? most : TASKS_MAX,
                                   "ends within its tasks, or has too many");

        if (n * n_events <= JK_RECORDED_COUNTS_MAX)
                return n;
        jk_wire_fail(in, "has too many counts");
        return 0;
}

int
jk_decode_tasks(struct jk_decoder *decoder, struct jk_wire *in, struct jk_sample *sample)
{
        size_t n;
        int r;

        jk_decode_events(decoder, in, sample);
        n = get_number_of_tasks(in, jk_sample_n_events(sample));
        r = get_slots(decoder, in, n);
        if (r == 0)
                r = get_identities(decoder, in, n, sample);
        if (r < 0 || in->fault)
                return r;
        get_columns(in, sample);
        jk_decode_counts(in, sample);
        get_states(decoder, in, sample);
        for (size_t i = 0; i < sample->n_tasks; i++)
                if (sample->tasks[i].flags & JK_TASK_ENDED)
                        decoder->slots.items[decoder->listed[i]].used = false;
        return 0;
}
