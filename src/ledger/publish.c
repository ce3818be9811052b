/* SPDX-License-Identifier: Apache-2.0
 *
 * From the books to a snapshot. Cgroups are written first, so that tasks can name theirs by the
 * same string. Allocates only while a snapshot is still growing.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "ledger/ledger-internal.h"

/* ---- zones ---- */

/* Which zones add up, over all that was ever read: a zone that is silent now still counts. */
static void
find_outermost(struct jk_ledger *ledger, const struct jk_sample *sample)
{
        bool ever[JK_ZONES_MAX];

        for (size_t z = 0; z < ledger->n_zones; z++)
                ever[z] = ledger->zones[z].measured_uj > 0;
        for (size_t z = 0; z < ledger->n_zones; z++)
                ledger->zones[z].outermost = jk_zone_counts(sample->zones, ever, z);
}

static int
publish_zones(const struct jk_ledger *ledger, const struct jk_sample *sample,
              struct jk_snapshot *snapshot)
{
        struct jk_balance balances[JK_ZONES_MAX];
        int r = jk_array_grow(&snapshot->zones, &snapshot->zones_capacity, ledger->n_zones);

        if (r < 0)
                return r;

        jk_ledger_balance(ledger, balances);
        for (size_t z = 0; z < ledger->n_zones; z++) {
                const struct jk_zone_books *books = &ledger->zones[z];
                struct jk_zone_entry *entry = &snapshot->zones[z];

                *entry = (struct jk_zone_entry){
                        .zone = sample->zones->zones[z],
                        .seen = sample->readings[z].flags & JK_READING_SEEN,
                        .counted = books->counted,
                        .flags = sample->readings[z].flags,
                        .watts = books->watts,
                        .measured_uj = balances[z].measured_uj,
                        .idle = books->idle,
                        .expected = books->expected,
                        .uncertainty_pct = books->share_uncertainty_pct,
                        .refused = books->refused,
                        .gaps = books->gaps,
                };
                memcpy(entry->booked_uj, balances[z].booked_uj, sizeof entry->booked_uj);
        }

        snapshot->n_zones = ledger->n_zones;
        return 0;
}

/* ---- accounts ---- */

/* How a dimension's error bar is made: what a zone contributes to an account of it. */
static double
zone_uncertainty(const struct jk_zone_books *books, const struct jk_zone *zone,
                 enum jk_dimension dimension, uint32_t slot)
{
        if (dimension != JK_DIMENSION_MACHINE)
                return books->share_uncertainty_pct;
        if (slot == JK_MACHINE_UNATTRIBUTED)
                return zone->uncertainty_pct;
        if (slot != JK_MACHINE_IDLE)
                return books->share_uncertainty_pct;
        if (!(books->idle.power_w > 0))
                return zone->uncertainty_pct;

        return fmin(hypot(zone->uncertainty_pct, 100 * books->idle.error_w / books->idle.power_w),
                    100);
}

/* An account's error and provenance: those of the disjoint zones, by what it used of each; of one
 * that used nothing, by what the machine used. Errors of zones are taken as one (they have the same
 * causes), so they add up without cancelling. */
static void
judge(const struct jk_ledger *ledger, const struct jk_sample *sample, enum jk_dimension dimension,
      uint32_t slot, struct jk_entry *entry)
{
        const struct jk_book *book = &ledger->books[dimension];
        const int64_t *idle = jk_book_row(book, slot, JK_PART_IDLE);
        const int64_t *dynamic = jk_book_row(book, slot, JK_PART_DYNAMIC);
        bool blank = jk_book_is_blank(book, slot, ledger->n_zones);
        double sum = 0, weighted = 0;

        entry->provenance = JK_MEASURED;
        for (size_t z = 0; z < ledger->n_zones; z++) {
                const struct jk_zone *zone = &sample->zones->zones[z];
                double energy = blank ? (double)ledger->zones[z].measured_uj
                                      : (double)(idle[z] + dynamic[z]);

                if (energy <= 0 || !ledger->zones[z].outermost)
                        continue;
                if (zone->provenance != JK_MEASURED)
                        entry->provenance = zone->provenance;
                sum += energy;
                weighted += energy * zone_uncertainty(&ledger->zones[z], zone, dimension, slot);
        }

        entry->uncertainty_pct = sum > 0 ? weighted / sum : NAN;
}

/* Room for every entry and its row. */
static int
make_room(const struct jk_ledger *ledger, struct jk_snapshot *snapshot)
{
        size_t n_rows = 0;

        for (int i = 0; i < JK_DIMENSION_MAX; i++) {
                size_t n = ledger->books[i].length - ledger->books[i].n_free;
                int r = jk_array_grow(&snapshot->entries[i], &snapshot->entries_capacity[i], n);

                if (r < 0)
                        return r;
                n_rows += n;
        }

        return jk_array_grow(&snapshot->energy, &snapshot->energy_capacity,
                             n_rows * JK_PART_MAX * ledger->n_zones);
}

/* Room for it was made. */
static uint32_t
put_row(const struct jk_ledger *ledger, const struct jk_book *book, uint32_t slot,
        struct jk_snapshot *snapshot)
{
        uint32_t row = (uint32_t)snapshot->energy_length;

        for (int part = 0; part < JK_PART_MAX; part++) {
                const int64_t *energy = jk_book_row(book, slot, (enum jk_book_part)part);

                for (size_t z = 0; z < ledger->n_zones; z++)
                        snapshot->energy[snapshot->energy_length++] = energy[z];
        }

        return row;
}

/* Room for it was made, and its name is written. */
static struct jk_entry *
publish_account(const struct jk_ledger *ledger, const struct jk_sample *sample,
                enum jk_dimension dimension, uint32_t slot, uint32_t name,
                struct jk_snapshot *snapshot)
{
        const struct jk_book *book = &ledger->books[dimension];
        const struct jk_account *account = &book->accounts[slot];
        struct jk_entry *entry = &snapshot->entries[dimension][snapshot->n_entries[dimension]++];

        *entry = account->entry;
        entry->name = name;
        entry->energy = put_row(ledger, book, slot, snapshot);
        entry->watts = account->tick == sample->sequence && sample->elapsed_ns > 0
                               ? jk_power_w(account->tick_uj, sample->elapsed_ns)
                               : 0;
        judge(ledger, sample, dimension, slot, entry);
        return entry;
}

static int
publish_machine(struct jk_ledger *ledger, const struct jk_sample *sample,
                struct jk_snapshot *snapshot)
{
        for (uint32_t i = 0; i < JK_MACHINE_ACCOUNT_MAX; i++) {
                const char *name = jk_machine_account_name((enum jk_machine_account)i);
                uint32_t offset;
                int r = jk_snapshot_add_string(snapshot, name, &offset);

                if (r < 0)
                        return r;
                publish_account(ledger, sample, JK_DIMENSION_MACHINE, i, offset, snapshot);
        }

        return 0;
}

static int
publish_cgroups(struct jk_ledger *ledger, const struct jk_sample *sample,
                struct jk_snapshot *snapshot)
{
        const struct jk_book *book = &ledger->books[JK_DIMENSION_CGROUP];

        for (uint32_t slot = 0; slot < book->length; slot++) {
                uint32_t name;
                int r;

                if (!book->accounts[slot].used)
                        continue;
                r = jk_snapshot_add_string(snapshot, book->accounts[slot].path, &name);
                if (r < 0)
                        return r;
                book->accounts[slot].place = (uint32_t)snapshot->n_entries[JK_DIMENSION_CGROUP];
                publish_account(ledger, sample, JK_DIMENSION_CGROUP, slot, name, snapshot);
        }

        return 0;
}

/* A task's cgroup by name, and its memory and threads added there. */
static void
join_cgroup(const struct jk_ledger *ledger, uint32_t cgroup, struct jk_snapshot *snapshot,
            struct jk_entry *task)
{
        struct jk_entry *entry =
                &snapshot->entries[JK_DIMENSION_CGROUP]
                                  [ledger->books[JK_DIMENSION_CGROUP].accounts[cgroup].place];

        task->cgroup = entry->name;
        entry->resident_bytes += task->resident_bytes;
        entry->threads += task->threads;
}

static void
join_user(const struct jk_ledger *ledger, uint32_t user, struct jk_snapshot *snapshot,
          const struct jk_entry *task)
{
        struct jk_entry *entry =
                &snapshot->entries[JK_DIMENSION_USER]
                                  [ledger->books[JK_DIMENSION_USER].accounts[user].place];

        entry->resident_bytes += task->resident_bytes;
        entry->threads += task->threads;
}

/* Of a task, for which room was made. */
static uint32_t
put_comm(struct jk_snapshot *snapshot, const char comm[static JK_COMM_SIZE])
{
        uint32_t offset = (uint32_t)snapshot->strings_length;

        memcpy(snapshot->strings + offset, comm, JK_COMM_SIZE);
        snapshot->strings_length += strnlen(comm, JK_COMM_SIZE - 1) + 1;
        return offset;
}

static int
publish_tasks(struct jk_ledger *ledger, const struct jk_sample *sample, uint32_t empty,
              struct jk_snapshot *snapshot)
{
        const struct jk_book *book = &ledger->books[JK_DIMENSION_TASK];
        int r = jk_array_grow(&snapshot->strings, &snapshot->strings_capacity,
                              snapshot->strings_length + book->length * JK_COMM_SIZE);

        if (r < 0)
                return r;

        for (uint32_t slot = 0; slot < book->length; slot++) {
                const struct jk_account *account = &book->accounts[slot];
                struct jk_entry *entry;

                if (!account->used)
                        continue;
                entry = publish_account(ledger, sample, JK_DIMENSION_TASK, slot,
                                        put_comm(snapshot, account->comm), snapshot);
                entry->cgroup = empty;
                if (account->cgroup != JK_NO_ACCOUNT)
                        join_cgroup(ledger, account->cgroup, snapshot, entry);
                if (account->user != JK_NO_ACCOUNT)
                        join_user(ledger, account->user, snapshot, entry);
        }

        return 0;
}

static int
publish_users(struct jk_ledger *ledger, const struct jk_sample *sample,
              const char *(*user_name)(void *data, uid_t uid), void *user_data,
              struct jk_snapshot *snapshot)
{
        const struct jk_book *book = &ledger->books[JK_DIMENSION_USER];

        for (uint32_t slot = 0; slot < book->length; slot++) {
                uid_t uid = book->accounts[slot].entry.uid;
                const char *name = user_name ? user_name(user_data, uid) : NULL;
                char number[16];
                uint32_t offset;
                int r;

                if (!book->accounts[slot].used)
                        continue;
                if (!name && uid == JK_UID_UNKNOWN)
                        name = "unknown";
                if (!name) {
                        snprintf(number, sizeof number, "%u", (unsigned int)uid);
                        name = number;
                }
                r = jk_snapshot_add_string(snapshot, name, &offset);
                if (r < 0)
                        return r;
                book->accounts[slot].place = (uint32_t)snapshot->n_entries[JK_DIMENSION_USER];
                publish_account(ledger, sample, JK_DIMENSION_USER, slot, offset, snapshot);
        }

        return 0;
}

static void
publish_machine_totals(const struct jk_ledger *ledger, const struct jk_sample *sample,
                       struct jk_snapshot *snapshot)
{
        snapshot->sequence = sample->sequence;
        snapshot->time = sample->time;
        snapshot->elapsed_ns = sample->elapsed_ns;
        snapshot->task_fields = sample->task_fields;
        snapshot->machine_uj = ledger->machine_uj;
        snapshot->machine_w = ledger->machine_w;
        snapshot->machine_provenance = JK_MEASURED;
        for (size_t z = 0; z < ledger->n_zones; z++)
                if (ledger->zones[z].outermost && sample->zones->zones[z].provenance != JK_MEASURED)
                        snapshot->machine_provenance = sample->zones->zones[z].provenance;
}

int
jk_ledger_publish(struct jk_ledger *ledger, const struct jk_sample *sample,
                  const char *(*user_name)(void *data, uid_t uid), void *user_data,
                  struct jk_snapshot *snapshot)
{
        uint32_t empty;
        int r;

        find_outermost(ledger, sample);
        r = make_room(ledger, snapshot);
        if (r == 0)
                r = jk_snapshot_add_string(snapshot, "", &empty);
        if (r == 0)
                r = publish_zones(ledger, sample, snapshot);
        if (r == 0)
                r = publish_machine(ledger, sample, snapshot);
        if (r == 0)
                r = publish_cgroups(ledger, sample, snapshot);
        if (r == 0)
                r = publish_users(ledger, sample, user_name, user_data, snapshot);
        if (r == 0)
                r = publish_tasks(ledger, sample, empty, snapshot);
        if (r < 0)
                return r;

        publish_machine_totals(ledger, sample, snapshot);
        return 0;
}
