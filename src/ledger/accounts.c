/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing accounts. An account that closes stays listed for a while, so that whoever
 * reads now and then sees its last joule, and is then folded: a task into "ended", a cgroup into
 * its parent. A cgroup that comes again under the same path while it is listed goes on with its
 * account, as a restarted service does.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "ledger/ledger-internal.h"

/* ---- cgroups ---- */

static uint64_t
hash_path(const char *path, size_t length)
{
        uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

        for (size_t i = 0; i < length; i++)
                hash = (hash ^ (unsigned char)path[i]) * UINT64_C(0x100000001b3);

        return hash;
}

static uint32_t
find_path(const struct jk_ledger *ledger, const char *path, size_t length)
{
        const struct jk_book *book = &ledger->books[JK_DIMENSION_CGROUP];
        uint32_t slot;

        if (!jk_map_get(&ledger->cgroup_paths, hash_path(path, length), &slot))
                return JK_NO_ACCOUNT;

        /* Another path with the same hash: its account cannot be found by path, which costs it its
         * reopening and nothing else. */
        if (strlen(book->accounts[slot].path) != length ||
            memcmp(book->accounts[slot].path, path, length) != 0)
                return JK_NO_ACCOUNT;

        return slot;
}

static uint32_t
add_cgroup(struct jk_ledger *ledger, const char *path)
{
        struct jk_book *book = &ledger->books[JK_DIMENSION_CGROUP];
        char *copy = strdup(path);
        uint32_t slot = copy ? jk_book_add(book) : JK_NO_ACCOUNT;
        uint64_t hash = hash_path(path, strlen(path));

        if (slot == JK_NO_ACCOUNT) {
                free(copy);
                return JK_NO_ACCOUNT;
        }

        book->accounts[slot].path = copy;
        book->accounts[slot].path_hash = hash;
        book->accounts[slot].entry.dimension = JK_DIMENSION_CGROUP;
        if (!jk_map_get(&ledger->cgroup_paths, hash, NULL) &&
            jk_map_put(&ledger->cgroup_paths, hash, slot) < 0) {
                jk_book_drop(book, slot);
                return JK_NO_ACCOUNT;
        }

        return slot;
}

static void
close_cgroup(struct jk_ledger *ledger, uint64_t id, int64_t now_ns)
{
        struct jk_book *book = &ledger->books[JK_DIMENSION_CGROUP];
        uint32_t slot = jk_book_find(book, id);
        struct jk_account *account;

        if (slot == JK_NO_ACCOUNT)
                return;

        account = &book->accounts[slot];
        jk_map_remove(&book->index, id);
        /* Its path may have come back under another id already, and the root never goes. */
        if (account->entry.cgroup_id != id || strcmp(account->path, "/") == 0 ||
            (account->entry.flags & JK_ENTRY_ENDED))
                return;

        account->entry.flags |= JK_ENTRY_ENDED;
        account->entry.epc_bytes = 0;
        account->ended_ns = now_ns;
        ledger->n_ended_cgroups++;
}

static uint32_t
open_cgroup(struct jk_ledger *ledger, uint64_t id, const char *path, int64_t now_ns)
{
        struct jk_book *book = &ledger->books[JK_DIMENSION_CGROUP];
        uint32_t slot = find_path(ledger, path, strlen(path));
        struct jk_account *account;

        if (slot == JK_NO_ACCOUNT)
                slot = add_cgroup(ledger, path);
        if (jk_book_find(book, id) != slot)
                close_cgroup(ledger, id, now_ns); /* it was renamed: the old path is no more */
        if (slot == JK_NO_ACCOUNT || jk_map_put(&book->index, id, slot) < 0)
                return JK_NO_ACCOUNT;

        account = &book->accounts[slot];
        account->renewed |= account->entry.cgroup_id > 0 && account->entry.cgroup_id != id;
        account->entry.cgroup_id = id;
        if (account->entry.flags & JK_ENTRY_ENDED) {
                account->entry.flags &= ~(uint32_t)JK_ENTRY_ENDED;
                ledger->n_ended_cgroups--;
        }
        return slot;
}

int
jk_accounts_appear(struct jk_ledger *ledger, const struct jk_sample *sample)
{
        for (size_t i = 0; i < sample->n_cgroups; i++) {
                const struct jk_cgroup_event *event = &sample->cgroups[i];

                if (event->kind != JK_CGROUP_APPEARED)
                        continue;
                if (open_cgroup(ledger, event->id, jk_sample_cgroup_path(sample, event),
                                sample->time.monotonic_ns) == JK_NO_ACCOUNT)
                        return -ENOMEM;
        }

        return 0;
}

/* The account of the nearest cgroup around this one; the root, which always is there, at last. */
static uint32_t
find_parent(const struct jk_ledger *ledger, uint32_t slot)
{
        const char *path = ledger->books[JK_DIMENSION_CGROUP].accounts[slot].path;

        for (size_t length = strlen(path); length > 1;) {
                uint32_t parent;

                while (length > 0 && path[length - 1] != '/')
                        length--;
                if (length <= 1)
                        break;

                length--; /* the slash */
                parent = find_path(ledger, path, length);
                if (parent != JK_NO_ACCOUNT)
                        return parent;
        }

        return find_path(ledger, "/", 1);
}

/* An id whose end was never told still names the account that another id took over. */
static void
forget_former_ids(struct jk_book *book, uint32_t slot)
{
        for (size_t i = 0; book->accounts[slot].renewed && i < book->index.capacity;) {
                const struct jk_map_slot *at = &book->index.slots[i];

                if (at->used && at->value == slot)
                        jk_map_remove(&book->index, at->key); /* another may be moved here */
                else
                        i++;
        }
}

void
jk_accounts_fold_cgroup(struct jk_ledger *ledger, uint32_t slot)
{
        struct jk_book *book = &ledger->books[JK_DIMENSION_CGROUP];
        uint32_t parent = find_parent(ledger, slot);
        uint32_t known;

        jk_book_move(book, slot, parent, ledger->n_zones, true);

        if (jk_map_get(&ledger->cgroup_paths, book->accounts[slot].path_hash, &known) &&
            known == slot)
                jk_map_remove(&ledger->cgroup_paths, book->accounts[slot].path_hash);
        forget_former_ids(book, slot);
        jk_book_drop(book, slot);
        ledger->n_ended_cgroups--;
}

static void
fold_cgroups(struct jk_ledger *ledger, int64_t now_ns)
{
        struct jk_book *book = &ledger->books[JK_DIMENSION_CGROUP];

        for (uint32_t slot = 0; slot < book->length && ledger->n_ended_cgroups > 0; slot++) {
                const struct jk_account *account = &book->accounts[slot];

                if (!account->used || !(account->entry.flags & JK_ENTRY_ENDED) ||
                    account->listed_tasks > 0)
                        continue;
                if (now_ns - account->ended_ns >= ledger->options.ended_retention_ns ||
                    jk_book_is_blank(book, slot, ledger->n_zones))
                        jk_accounts_fold_cgroup(ledger, slot);
        }
}

/* ---- tasks ---- */

/* Pid and start time in one key. It repeats after 73 minutes to the nanosecond with the same pid;
 * were that ever to happen, two tasks would share an account, and the books would still balance. */
static uint64_t
task_key(const struct jk_task_record *task)
{
        if (task->flags & JK_TASK_UNSEEN)
                return ~task->start_ns; /* a cgroup's id: small */

        return (task->start_ns << 22) ^ (uint64_t)(uint32_t)task->pid;
}

/* Let a task point to another account of a book. */
static void
point(const struct jk_book *book, uint32_t *pointer, uint32_t slot)
{
        if (*pointer == slot)
                return;
        if (*pointer != JK_NO_ACCOUNT)
                book->accounts[*pointer].listed_tasks--;
        if (slot != JK_NO_ACCOUNT)
                book->accounts[slot].listed_tasks++;
        *pointer = slot;
}

static void
belong(struct jk_ledger *ledger, struct jk_account *task, uint32_t cgroup, uint32_t user)
{
        point(&ledger->books[JK_DIMENSION_CGROUP], &task->cgroup, cgroup);
        point(&ledger->books[JK_DIMENSION_USER], &task->user, user);
}

static void
add_activity(struct jk_entry *to, const struct jk_task_record *task)
{
        to->cpu_ns += task->cpu_ns;
        to->cycles += task->cycles;
        to->instructions += task->instructions;
        to->llc_misses += task->llc_misses;
        to->read_bytes += task->read_bytes;
        to->write_bytes += task->write_bytes;
        to->minor_faults += task->minor_faults;
        to->major_faults += task->major_faults;
}

static void
add_totals(struct jk_entry *to, const struct jk_entry *from)
{
        to->cpu_ns += from->cpu_ns;
        to->cycles += from->cycles;
        to->instructions += from->instructions;
        to->llc_misses += from->llc_misses;
        to->read_bytes += from->read_bytes;
        to->write_bytes += from->write_bytes;
        to->minor_faults += from->minor_faults;
        to->major_faults += from->major_faults;
}

static void
fold_task(struct jk_ledger *ledger, uint32_t slot)
{
        struct jk_book *book = &ledger->books[JK_DIMENSION_TASK];

        jk_book_move(book, slot, ledger->rest, ledger->n_zones, false);
        add_totals(&book->accounts[ledger->rest].entry, &book->accounts[slot].entry);
        belong(ledger, &book->accounts[slot], JK_NO_ACCOUNT, JK_NO_ACCOUNT);
        jk_book_drop(book, slot);
}

static void
fold_oldest_ended(struct jk_ledger *ledger)
{
        uint32_t slot = ledger->ended[ledger->ended_first];

        ledger->ended_first = (ledger->ended_first + 1) % ledger->ended_capacity;
        ledger->n_ended--;
        fold_task(ledger, slot);
}

static void
close_task(struct jk_ledger *ledger, uint32_t slot, uint64_t key, const struct jk_sample *sample)
{
        struct jk_book *book = &ledger->books[JK_DIMENSION_TASK];
        struct jk_account *account = &book->accounts[slot];

        if (!account->used || (account->entry.flags & JK_ENTRY_ENDED))
                return; /* a sample may tell the same end twice */

        if (account->indexed)
                jk_map_remove(&book->index, key);
        account->indexed = false;
        account->entry.flags |= JK_ENTRY_ENDED;
        account->entry.ended_tick = sample->sequence;
        account->entry.threads = 0;
        account->entry.resident_bytes = 0;
        account->ended_ns = sample->time.monotonic_ns;

        /* A task that was booked nothing has nothing to show. */
        if (ledger->options.ended_tasks_max == 0 || jk_book_is_blank(book, slot, ledger->n_zones)) {
                fold_task(ledger, slot);
                return;
        }

        if (ledger->n_ended == ledger->ended_capacity)
                fold_oldest_ended(ledger);
        ledger->ended[(ledger->ended_first + ledger->n_ended++) % ledger->ended_capacity] = slot;
}

/* The unseen time of a cgroup ends with it, and no collector says so. Left open, it would keep the
 * account of a cgroup that is gone listed for ever. */
static void
close_unseen(struct jk_ledger *ledger, uint64_t cgroup, const struct jk_sample *sample)
{
        struct jk_task_record unseen = { .flags = JK_TASK_UNSEEN, .start_ns = cgroup };
        uint64_t key = task_key(&unseen);
        uint32_t slot = jk_book_find(&ledger->books[JK_DIMENSION_TASK], key);

        if (slot != JK_NO_ACCOUNT)
                close_task(ledger, slot, key, sample);
}

static void
update_task(struct jk_account *account, const struct jk_task_record *task)
{
        struct jk_entry *entry = &account->entry;

        entry->dimension = JK_DIMENSION_TASK;
        entry->pid = task->pid;
        entry->ppid = task->ppid;
        entry->start_ns = task->start_ns;
        entry->uid = task->uid;
        entry->cgroup_id = task->cgroup;
        entry->threads = task->threads;
        entry->resident_bytes = task->resident_bytes;
        if (task->flags & JK_TASK_SELF)
                entry->flags |= JK_ENTRY_SELF;
        if (task->flags & JK_TASK_UNSEEN)
                entry->flags |= JK_ENTRY_UNSEEN;
        entry->flags &= ~(uint32_t)JK_ENTRY_ENCLAVE;
        if (task->flags & JK_TASK_ENCLAVE)
                entry->flags |= JK_ENTRY_ENCLAVE;
        memcpy(account->comm, task->comm, sizeof account->comm);
        account->comm[sizeof account->comm - 1] = '\0';
        add_activity(entry, task);
}

/* One that begins and ends in the same sample need not be found again. */
static uint32_t
find_or_add_task(struct jk_book *book, const struct jk_task_record *task)
{
        uint64_t key = task_key(task);
        uint32_t slot = jk_book_find(book, key);

        if (slot != JK_NO_ACCOUNT)
                return slot;

        slot = jk_book_add(book);
        if (slot == JK_NO_ACCOUNT)
                return slot;
        book->accounts[slot].indexed = !(task->flags & JK_TASK_ENDED);
        if (book->accounts[slot].indexed && jk_map_put(&book->index, key, slot) < 0) {
                jk_book_drop(book, slot);
                return JK_NO_ACCOUNT;
        }

        return slot;
}

static uint32_t
open_user(struct jk_ledger *ledger, uid_t uid)
{
        struct jk_book *book = &ledger->books[JK_DIMENSION_USER];
        uint32_t slot = jk_book_find(book, uid);

        if (slot != JK_NO_ACCOUNT)
                return slot;

        slot = jk_book_add(book);
        if (slot == JK_NO_ACCOUNT)
                return slot;
        if (jk_map_put(&book->index, uid, slot) < 0) {
                jk_book_drop(book, slot);
                return JK_NO_ACCOUNT;
        }

        book->accounts[slot].entry.dimension = JK_DIMENSION_USER;
        book->accounts[slot].entry.uid = uid;
        return slot;
}

void
jk_accounts_fold_user(struct jk_ledger *ledger, uint32_t slot)
{
        struct jk_book *book = &ledger->books[JK_DIMENSION_USER];
        uint32_t unknown = open_user(ledger, JK_UID_UNKNOWN);

        if (unknown == JK_NO_ACCOUNT || unknown == slot)
                return;

        jk_book_move(book, slot, unknown, ledger->n_zones, false);
        add_totals(&book->accounts[unknown].entry, &book->accounts[slot].entry);
        jk_map_remove(&book->index, book->accounts[slot].entry.uid);
        jk_book_drop(book, slot);
}

static uint32_t
cgroup_of(struct jk_ledger *ledger, uint64_t id, int64_t now_ns)
{
        uint32_t slot = jk_book_find(&ledger->books[JK_DIMENSION_CGROUP], id);
        char unknown[32];

        if (slot != JK_NO_ACCOUNT)
                return slot;

        snprintf(unknown, sizeof unknown, "/unknown-%" PRIu64, id);
        return open_cgroup(ledger, id, unknown, now_ns);
}

/* Those of the first n tasks whose accounts would not be found when they are opened again. */
static void
drop_unindexed(struct jk_ledger *ledger, size_t n)
{
        struct jk_book *book = &ledger->books[JK_DIMENSION_TASK];

        for (size_t i = 0; i < n; i++) {
                uint32_t slot = ledger->task_slots[i];

                if (slot == JK_NO_ACCOUNT || book->accounts[slot].indexed)
                        continue;
                belong(ledger, &book->accounts[slot], JK_NO_ACCOUNT, JK_NO_ACCOUNT);
                jk_book_drop(book, slot);
        }
}

int
jk_accounts_open_tasks(struct jk_ledger *ledger, const struct jk_sample *sample)
{
        struct jk_book *book = &ledger->books[JK_DIMENSION_TASK];
        const struct jk_task_record *before = NULL; /* often of the same cgroup and user */
        uint32_t cgroup = JK_NO_ACCOUNT, user = JK_NO_ACCOUNT;

        for (size_t i = 0; i < sample->n_tasks; i++) {
                const struct jk_task_record *task = &sample->tasks[i];
                uint32_t slot = JK_NO_ACCOUNT;

                ledger->task_slots[i] = JK_NO_ACCOUNT;
                if (task->flags & JK_TASK_KERNEL)
                        continue;

                if (!before || before->cgroup != task->cgroup)
                        cgroup = cgroup_of(ledger, task->cgroup, sample->time.monotonic_ns);
                if (!before || before->uid != task->uid)
                        user = open_user(ledger, task->uid);
                before = task;
                if (cgroup != JK_NO_ACCOUNT && user != JK_NO_ACCOUNT)
                        slot = find_or_add_task(book, task);
                if (slot == JK_NO_ACCOUNT) {
                        drop_unindexed(ledger, i);
                        return -ENOMEM;
                }

                belong(ledger, &book->accounts[slot], cgroup, user);
                ledger->task_slots[i] = slot;
        }

        return 0;
}

void
jk_accounts_add_activity(struct jk_ledger *ledger, const struct jk_sample *sample)
{
        struct jk_book *books = ledger->books;
        struct jk_account *kernel =
                &books[JK_DIMENSION_MACHINE].accounts[JK_MACHINE_KERNEL_THREADS];

        for (size_t i = 0; i < sample->n_tasks; i++) {
                const struct jk_task_record *task = &sample->tasks[i];
                struct jk_account *account;

                if (ledger->task_slots[i] == JK_NO_ACCOUNT) {
                        add_activity(&kernel->entry, task);
                        continue;
                }

                account = &books[JK_DIMENSION_TASK].accounts[ledger->task_slots[i]];
                update_task(account, task);
                add_activity(&books[JK_DIMENSION_CGROUP].accounts[account->cgroup].entry, task);
                add_activity(&books[JK_DIMENSION_USER].accounts[account->user].entry, task);
        }

        for (size_t i = 0; i < sample->n_epc; i++) {
                const struct jk_book *cgroups = &books[JK_DIMENSION_CGROUP];
                uint32_t slot = jk_book_find(cgroups, sample->epc[i].cgroup);

                if (slot != JK_NO_ACCOUNT)
                        cgroups->accounts[slot].entry.epc_bytes = sample->epc[i].bytes;
        }
}

/* ---- the rest ---- */

int
jk_accounts_open_fixed(struct jk_ledger *ledger)
{
        struct jk_book *tasks = &ledger->books[JK_DIMENSION_TASK];

        for (int i = 0; i < JK_MACHINE_ACCOUNT_MAX; i++) {
                uint32_t slot = jk_book_add(&ledger->books[JK_DIMENSION_MACHINE]);

                if (slot == JK_NO_ACCOUNT)
                        return -ENOMEM;
                ledger->books[JK_DIMENSION_MACHINE].accounts[slot].entry.dimension =
                        JK_DIMENSION_MACHINE;
        }

        ledger->rest = jk_book_add(tasks);
        if (ledger->rest == JK_NO_ACCOUNT)
                return -ENOMEM;
        tasks->accounts[ledger->rest].entry.dimension = JK_DIMENSION_TASK;
        tasks->accounts[ledger->rest].entry.flags = JK_ENTRY_REST;
        tasks->accounts[ledger->rest].entry.uid = JK_UID_UNKNOWN;
        snprintf(tasks->accounts[ledger->rest].comm, JK_COMM_SIZE, "ended");

        if (add_cgroup(ledger, "/") == JK_NO_ACCOUNT)
                return -ENOMEM;

        return jk_accounts_limit_ended(ledger, ledger->options.ended_tasks_max);
}

int
jk_accounts_limit_ended(struct jk_ledger *ledger, size_t max)
{
        uint32_t *ring;

        if (max == ledger->ended_capacity)
                return 0;
        ring = calloc(max + 1, sizeof *ring); /* none is no failure */
        if (!ring)
                return -ENOMEM;

        while (ledger->n_ended > max)
                fold_oldest_ended(ledger);
        for (size_t i = 0; i < ledger->n_ended; i++)
                ring[i] = ledger->ended[(ledger->ended_first + i) % ledger->ended_capacity];

        free(ledger->ended);
        ledger->ended = ring;
        ledger->ended_first = 0;
        ledger->ended_capacity = max;
        return 0;
}

void
jk_accounts_settle(struct jk_ledger *ledger, const struct jk_sample *sample)
{
        int64_t now_ns = sample->time.monotonic_ns;
        struct jk_book *tasks = &ledger->books[JK_DIMENSION_TASK];

        for (size_t i = 0; i < sample->n_tasks; i++)
                if ((sample->tasks[i].flags & JK_TASK_ENDED) &&
                    ledger->task_slots[i] != JK_NO_ACCOUNT)
                        close_task(ledger, ledger->task_slots[i], task_key(&sample->tasks[i]),
                                   sample);

        for (size_t i = 0; i < sample->n_cgroups; i++)
                if (sample->cgroups[i].kind == JK_CGROUP_VANISHED)
                        close_unseen(ledger, sample->cgroups[i].id, sample);

        while (ledger->n_ended > 0 &&
               now_ns - tasks->accounts[ledger->ended[ledger->ended_first]].ended_ns >=
                       ledger->options.ended_retention_ns)
                fold_oldest_ended(ledger);

        for (size_t i = 0; i < sample->n_cgroups; i++)
                if (sample->cgroups[i].kind == JK_CGROUP_VANISHED)
                        close_cgroup(ledger, sample->cgroups[i].id, now_ns);
        fold_cgroups(ledger, now_ns);
        jk_accounts_bound(ledger);
}
