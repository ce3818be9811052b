/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshots and the shelf they are taken from: see snapshot.h.
 */
#include "ledger/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

static const char *const dimension_names[JK_DIMENSION_MAX] = {
        [JK_DIMENSION_TASK] = "task",
        [JK_DIMENSION_CGROUP] = "cgroup",
        [JK_DIMENSION_USER] = "user",
        [JK_DIMENSION_MACHINE] = "machine",
};

static const char *const machine_account_names[JK_MACHINE_ACCOUNT_MAX] = {
        [JK_MACHINE_IDLE] = "idle",
        [JK_MACHINE_KERNEL_IRQ] = "kernel-irq",
        [JK_MACHINE_KERNEL_SOFTIRQ] = "kernel-softirq",
        [JK_MACHINE_KERNEL_THREADS] = "kernel-threads",
        [JK_MACHINE_UNATTRIBUTED] = "unattributed",
};

const char *
jk_dimension_name(enum jk_dimension dimension)
{
        return dimension >= 0 && dimension < JK_DIMENSION_MAX ? dimension_names[dimension]
                                                              : "invalid";
}

enum jk_dimension
jk_dimension_parse(const char *name)
{
        for (int i = 0; i < JK_DIMENSION_MAX; i++)
                if (strcmp(name, dimension_names[i]) == 0)
                        return (enum jk_dimension)i;

        return JK_DIMENSION_INVALID;
}

const char *
jk_machine_account_name(enum jk_machine_account account)
{
        return account < JK_MACHINE_ACCOUNT_MAX ? machine_account_names[account] : "invalid";
}

int
jk_snapshot_add_string(struct jk_snapshot *snapshot, const char *string, uint32_t *ret_offset)
{
        size_t length = strlen(string) + 1;
        int r = jk_array_grow(&snapshot->strings, &snapshot->strings_capacity,
                              snapshot->strings_length + length);

        if (r < 0)
                return r;

        memcpy(snapshot->strings + snapshot->strings_length, string, length);
        *ret_offset = (uint32_t)snapshot->strings_length;
        snapshot->strings_length += length;
        return 0;
}

int
jk_entry_id(const struct jk_snapshot *snapshot, const struct jk_entry *entry, char *buffer,
            size_t size)
{
        const char *name = jk_snapshot_string(snapshot, entry->name);

        switch (entry->dimension) {
        case JK_DIMENSION_TASK:
                if (entry->flags & JK_ENTRY_REST)
                        return snprintf(buffer, size, "task:ended");
                return snprintf(buffer, size, "task:%d:%" PRIu64, (int)entry->pid, entry->start_ns);
        case JK_DIMENSION_USER:
                if (entry->uid == (uid_t)-1)
                        return snprintf(buffer, size, "user:unknown");
                return snprintf(buffer, size, "user:%u", (unsigned int)entry->uid);
        default:
                return snprintf(buffer, size, "%s:%s", jk_dimension_name(entry->dimension), name);
        }
}

static void
snapshot_free(struct jk_snapshot *snapshot)
{
        if (!snapshot)
                return;

        for (int i = 0; i < JK_DIMENSION_MAX; i++)
                free(snapshot->entries[i]);
        free(snapshot->zones);
        free(snapshot->energy);
        free(snapshot->strings);
        free(snapshot);
}

void
jk_shelf_init(struct jk_shelf *shelf)
{
        *shelf = (struct jk_shelf){ .lock = PTHREAD_MUTEX_INITIALIZER };
}

void
jk_shelf_destroy(struct jk_shelf *shelf)
{
        snapshot_free(shelf->current);
        snapshot_free(shelf->free);
        pthread_mutex_destroy(&shelf->lock);
}

struct jk_snapshot *
jk_shelf_take(struct jk_shelf *shelf)
{
        struct jk_snapshot *snapshot;

        pthread_mutex_lock(&shelf->lock);
        snapshot = shelf->current;
        if (snapshot)
                snapshot->references++;
        pthread_mutex_unlock(&shelf->lock);

        return snapshot;
}

/* Drop a reference under the lock. What nobody refers to any more is kept for reuse, or returned to
 * be freed once the lock is open. */
static struct jk_snapshot *
drop(struct jk_shelf *shelf, struct jk_snapshot *snapshot)
{
        if (!snapshot || --snapshot->references > 0)
                return NULL;
        if (shelf->free)
                return snapshot;

        shelf->free = snapshot;
        return NULL;
}

void
jk_shelf_put_back(struct jk_shelf *shelf, struct jk_snapshot *snapshot)
{
        struct jk_snapshot *surplus;

        pthread_mutex_lock(&shelf->lock);
        surplus = drop(shelf, snapshot);
        pthread_mutex_unlock(&shelf->lock);

        snapshot_free(surplus);
}

struct jk_snapshot *
jk_shelf_blank(struct jk_shelf *shelf)
{
        struct jk_snapshot *snapshot;

        pthread_mutex_lock(&shelf->lock);
        snapshot = shelf->free;
        shelf->free = NULL;
        pthread_mutex_unlock(&shelf->lock);

        if (!snapshot)
                snapshot = calloc(1, sizeof *snapshot);
        if (!snapshot)
                return NULL;

        snapshot->n_zones = 0;
        snapshot->energy_length = 0;
        snapshot->strings_length = 0;
        memset(snapshot->n_entries, 0, sizeof snapshot->n_entries);
        return snapshot;
}

void
jk_shelf_publish(struct jk_shelf *shelf, struct jk_snapshot *snapshot)
{
        struct jk_snapshot *surplus;

        snapshot->references = 1; /* the shelf's own */

        pthread_mutex_lock(&shelf->lock);
        surplus = drop(shelf, shelf->current);
        shelf->current = snapshot;
        pthread_mutex_unlock(&shelf->lock);

        snapshot_free(surplus);
}

void
jk_shelf_discard(struct jk_shelf *shelf, struct jk_snapshot *snapshot)
{
        snapshot->references = 1;
        jk_shelf_put_back(shelf, snapshot);
}
