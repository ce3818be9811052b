/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of tasks: see tasks.h.
 */
#include "activity/tasks.h"

#include <stdlib.h>

#include "base/array.h"

void
jk_tasks_free(struct jk_tasks *tasks)
{
        free(tasks->tasks);
        free(tasks->free_slots);
        jk_map_free(&tasks->by_pid);
        *tasks = (struct jk_tasks){ 0 };
}

struct jk_task *
jk_tasks_find(const struct jk_tasks *tasks, pid_t pid)
{
        uint32_t slot;

        return jk_map_get(&tasks->by_pid, (uint64_t)pid, &slot) ? &tasks->tasks[slot] : NULL;
}

static int
take_slot(struct jk_tasks *tasks, uint32_t *ret_slot)
{
        if (tasks->n_free_slots > 0) {
                *ret_slot = tasks->free_slots[--tasks->n_free_slots];
                return 0;
        }

        /* Room to give every slot back, so that giving back cannot fail. */
        if (jk_array_grow(&tasks->tasks, &tasks->tasks_capacity, tasks->n_tasks + 1) < 0 ||
            jk_array_grow(&tasks->free_slots, &tasks->free_slots_capacity, tasks->n_tasks + 1) < 0)
                return -ENOMEM;

        *ret_slot = (uint32_t)tasks->n_tasks++;
        return 0;
}

struct jk_task *
jk_tasks_add(struct jk_tasks *tasks, pid_t pid)
{
        uint32_t slot;

        if (take_slot(tasks, &slot) < 0)
                return NULL;
        if (jk_map_put(&tasks->by_pid, (uint64_t)pid, slot) < 0) {
                tasks->free_slots[tasks->n_free_slots++] = slot;
                return NULL;
        }

        tasks->tasks[slot] = (struct jk_task){ .pid = pid };
        return &tasks->tasks[slot];
}

void
jk_tasks_remove(struct jk_tasks *tasks, struct jk_task *task)
{
        jk_map_remove(&tasks->by_pid, (uint64_t)task->pid);
        *task = (struct jk_task){ 0 };
        tasks->free_slots[tasks->n_free_slots++] = (uint32_t)(task - tasks->tasks);
}
