/* SPDX-License-Identifier: Apache-2.0
 *
 * The tasks of a tick: see encoder.h. A task has a slot while it lives, which stands for its
 * identity once that has been said.
 */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "record/columns.h"
#include "record/encoder.h"

/* ---- slots ---- */

static uint64_t
task_key(const struct jk_task_record *task)
{
        return (uint64_t)task->pid * UINT64_C(0x9e3779b97f4a7c15) ^ task->start_ns;
}

static int
take_slot(struct jk_encoder *encoder, uint32_t *ret_slot)
{
        struct jk_slots *slots = &encoder->slots;

        if (encoder->free_slot != JK_SLOT_NONE) {
                *ret_slot = encoder->free_slot;
                encoder->free_slot = slots->items[*ret_slot].next;
                return 0;
        }
        if (jk_array_grow(&slots->items, &slots->capacity, slots->n + 1) < 0)
                return -ENOMEM;
        *ret_slot = (uint32_t)slots->n++;
        return 0;
}

/* The slot of a task, which is a new one if its identity has to be said. */
static int
find_slot(struct jk_encoder *encoder, const struct jk_task_record *task, uint32_t *ret_slot)
{
        uint64_t key = task_key(task);
        int r;

        if (jk_map_get(&encoder->by_task, key, ret_slot)) {
                const struct jk_task_record *known = &encoder->slots.items[*ret_slot].task;

                if (known->pid == task->pid && known->start_ns == task->start_ns)
                        return 0;
        }

        r = take_slot(encoder, ret_slot);
        if (r == 0)
                r = jk_map_put(&encoder->by_task, key, *ret_slot);
        if (r == 0)
                encoder->slots.items[*ret_slot] = (struct jk_slot){ 0 };
        return r;
}

static void
free_slots_of_ended(struct jk_encoder *encoder, const struct jk_sample *sample)
{
        for (size_t i = 0; i < sample->n_tasks; i++) {
                struct jk_slot *slot = &encoder->slots.items[encoder->listed[i]];

                if (!(sample->tasks[i].flags & JK_TASK_ENDED) || !slot->used)
                        continue;
                jk_map_remove(&encoder->by_task, task_key(&sample->tasks[i]));
                *slot = (struct jk_slot){ .next = encoder->free_slot };
                encoder->free_slot = encoder->listed[i];
        }
}

/* ---- tasks ---- */

static bool
same_identity(const struct jk_task_record *a, const struct jk_task_record *b)
{
        return a->pid == b->pid && a->ppid == b->ppid && a->start_ns == b->start_ns &&
               a->cgroup == b->cgroup && a->uid == b->uid &&
               memcmp(a->comm, b->comm, sizeof a->comm) == 0;
}

static void
put_identity(const struct jk_encoder *encoder, struct jk_text *body,
             const struct jk_task_record *task)
{
        jk_wire_put_signed(body, task->pid);
        jk_wire_put_signed(body, task->ppid);
        jk_wire_put(body, task->start_ns);
        jk_wire_put(body, task->cgroup);
        jk_wire_put(body, task->uid);
        jk_encode_string(body, jk_encode_name(encoder, task->comm));
}

/* Which slots, each as the distance to the one after the task before; which flags; and the
 * identities that are new. */
static int
put_slots(struct jk_encoder *encoder, const struct jk_sample *sample)
{
        int64_t expected = 0;

        if (jk_array_grow(&encoder->listed, &encoder->listed_capacity, sample->n_tasks) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < sample->n_tasks; i++) {
                uint32_t *slot = &encoder->listed[i];

                if (find_slot(encoder, &sample->tasks[i], slot) < 0)
                        return -ENOMEM;
                jk_wire_put_signed(&encoder->body, *slot - expected);
                expected = (int64_t)*slot + 1;
        }
        for (size_t i = 0; i < sample->n_tasks; i++) {
                struct jk_slot *slot = &encoder->slots.items[encoder->listed[i]];
                bool known = slot->used && same_identity(&slot->task, &sample->tasks[i]);

                jk_wire_put(&encoder->body,
                            sample->tasks[i].flags | (known ? 0 : JK_SLOT_IDENTITY));
                if (known)
                        continue;
                put_identity(encoder, &encoder->body, &sample->tasks[i]);
                slot->used = true;
        }
        return 0;
}

static void
put_columns(struct jk_text *body, const struct jk_sample *sample)
{
        uint64_t mask = 0;

        for (size_t c = 0; c < JK_COUNT(jk_task_columns); c++)
                for (size_t i = 0; i < sample->n_tasks && !(mask >> c & 1); i++)
                        mask |= (uint64_t)(jk_column_get(&sample->tasks[i], jk_task_columns[c]) !=
                                           0)
                                << c;
        jk_wire_put(body, mask);

        for (size_t c = 0; c < JK_COUNT(jk_task_columns); c++)
                for (size_t i = 0; mask >> c & 1 && i < sample->n_tasks; i++)
                        jk_wire_put(body, jk_column_get(&sample->tasks[i], jk_task_columns[c]));
}

/* The same, of the events that any task has a count of. */
static void
put_events(struct jk_text *body, const struct jk_sample *sample)
{
        size_t n = jk_sample_n_events(sample);
        uint64_t mask = 0;

        if (n == 0)
                return;

        for (size_t i = 0; i < sample->n_tasks; i++)
                for (size_t e = 0; e < n; e++)
                        mask |= (uint64_t)(jk_sample_task_events(sample, i)[e] != 0) << e;
        jk_wire_put(body, mask);

        for (size_t e = 0; e < n; e++)
                for (size_t i = 0; mask >> e & 1 && i < sample->n_tasks; i++)
                        jk_wire_put(body, jk_sample_task_events(sample, i)[e]);
}

/* Sizes are whole pages: the zero bits that all of them end with are said once. */
static unsigned int
common_shift(const struct jk_encoder *encoder, const struct jk_sample *sample)
{
        uint64_t any = UINT64_C(1) << 20;

        for (size_t i = 0; i < sample->n_tasks; i++)
                any |= sample->tasks[i].resident_bytes |
                       encoder->slots.items[encoder->listed[i]].task.resident_bytes;
        return (unsigned int)__builtin_ctzll(any);
}

/* What is now, as the difference to when it was said last. */
static void
put_states(struct jk_encoder *encoder, const struct jk_sample *sample)
{
        unsigned int shift = common_shift(encoder, sample);

        jk_wire_put(&encoder->body, shift);
        for (size_t i = 0; i < sample->n_tasks; i++) {
                const struct jk_slot *slot = &encoder->slots.items[encoder->listed[i]];

                jk_wire_put_signed(&encoder->body,
                                   (int64_t)(sample->tasks[i].resident_bytes >> shift) -
                                           (int64_t)(slot->task.resident_bytes >> shift));
        }
        for (size_t i = 0; i < sample->n_tasks; i++) {
                struct jk_slot *slot = &encoder->slots.items[encoder->listed[i]];

                jk_wire_put_signed(&encoder->body,
                                   (int64_t)sample->tasks[i].threads - (int64_t)slot->task.threads);
                slot->task = sample->tasks[i];
        }
}

int
jk_encode_tasks(struct jk_encoder *encoder, const struct jk_sample *sample)
{
        int r;

        jk_wire_put(&encoder->body, jk_sample_n_events(sample));
        jk_wire_put(&encoder->body, sample->n_tasks);
        r = put_slots(encoder, sample);
        if (r < 0)
                return r;
        put_columns(&encoder->body, sample);
        put_events(&encoder->body, sample);
        put_states(encoder, sample);
        free_slots_of_ended(encoder, sample);
        return 0;
}
