/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory runs out while a sample is booked, at each allocation in turn: nothing of the sample is in
 * the books then, and booked again it leaves them as if nothing had been.
 */
#include "tests/unit/ledger/machine.h"

#include "tests/unit/allocator.h"

/* What a machine does in four ticks: zones, cgroups, users and tasks come, change and go. */
static void
begin_tick_of_story(struct machine *m, int tick)
{
        if (tick == 2)
                add_zone(m, "psys", JK_ZONE_PSYS, -1);
        begin_tick(m, tick > 0 ? JK_NS_PER_S : 0);
        if (tick == 0)
                return;

        read_zone(m, 0, 50000000, JK_NS_PER_S);
        if (tick > 2)
                read_zone(m, 1, 90000000, JK_NS_PER_S);
        cpu_busy(m, 1000, 0);
        for (int i = 0; i < 30 * tick; i++) {
                struct jk_task_record *task = run_task(m, 100 + i, (uint64_t)(10 + i % 7),
                                                       (uid_t)(1000 + i / tick), 100 + (uint64_t)i);

                task->flags |= i % 5 == 0 ? JK_TASK_KERNEL : 0;
                task->flags |= tick == 3 && i % 5 == 1 ? JK_TASK_ENDED : 0;
        }
        for (int i = 0; i < 5; i++) {
                char path[16];

                snprintf(path, sizeof path, "/%s%d", tick == 2 ? "renamed" : "group", i);
                jk_sample_add_cgroup(&m->sample, 10 + (uint64_t)i,
                                     tick == 3 ? JK_CGROUP_VANISHED : JK_CGROUP_APPEARED, path);
        }
}

static int
book(struct machine *m)
{
        return jk_ledger_book(m->ledger, &m->sample, m->ops, m->model);
}

static void
assert_booked(struct machine *m, const int64_t *measured_uj, size_t n_zones)
{
        struct jk_balance balances[JK_ZONES_MAX];

        jk_ledger_balance(m->ledger, balances);
        for (size_t z = 0; z < n_zones; z++) {
                assert_int_equal(balances[z].measured_uj, measured_uj[z]);
                for (int d = 0; d < JK_DIMENSION_MACHINE; d++)
                        assert_int_equal(balances[z].booked_uj[d], measured_uj[z]);
        }
}

enum outcome {
        ENOUGH,   /* no allocation failed */
        REPEATED, /* booking failed, and was done again */
        MANAGED,  /* the model began without its memory of idle power, and says so in its figures */
};

/* Book the tick that was begun, while memory runs out at the n-th allocation. */
static enum outcome
book_short_of_memory(struct machine *m, int n, const int64_t *before_uj, size_t n_zones_before)
{
        enum outcome outcome = ENOUGH;
        int r;

        allocator_fail_from(n);
        r = book(m);
        if (allocator_has_failed())
                outcome = r < 0 ? REPEATED : MANAGED;
        if (outcome == REPEATED) {
                assert_booked(m, before_uj, n_zones_before);
                assert_int_equal(book(m), -ENOMEM);
                assert_booked(m, before_uj, n_zones_before);
        }
        allocator_fail_from(-1);
        if (outcome == REPEATED)
                r = book(m);

        assert_int_equal(r, 0);
        assert_booked(m, m->measured_uj, m->zones.count);
        return outcome;
}

/* The story with memory short in one tick, or in none. */
static enum outcome
tell(struct machine *m, int tick_short, int n)
{
        enum outcome outcome = ENOUGH;

        setup(m, defaults);
        add_zone(m, "package-0", JK_ZONE_PACKAGE, 0);
        for (int tick = 0; tick < 4; tick++) {
                int64_t before_uj[JK_ZONES_MAX];
                size_t n_zones = tick > 0 ? m->zones.count : 0;

                memcpy(before_uj, m->measured_uj, sizeof before_uj);
                begin_tick_of_story(m, tick);
                if (tick == tick_short)
                        outcome = book_short_of_memory(m, n, before_uj, n_zones);
                else
                        assert_int_equal(book(m), 0);
        }

        return outcome;
}

static const struct jk_snapshot *
publish(struct machine *m)
{
        struct jk_snapshot *snapshot = jk_shelf_blank(&m->shelf);

        assert_non_null(snapshot);
        assert_int_equal(jk_ledger_publish(m->ledger, &m->sample, NULL, NULL, snapshot), 0);
        jk_shelf_publish(&m->shelf, snapshot);
        return snapshot;
}

/* Every account of one is in the other, with the same energy and activity. */
static void
assert_same(const struct jk_snapshot *a, const struct jk_snapshot *b)
{
        char id[4200];

        for (int d = 0; d < JK_DIMENSION_MAX; d++) {
                assert_int_equal(a->n_entries[d], b->n_entries[d]);
                for (size_t i = 0; i < a->n_entries[d]; i++) {
                        const struct jk_entry *ours = &a->entries[d][i], *theirs;

                        jk_entry_id(a, ours, id, sizeof id);
                        theirs = find_entry(b, id);
                        assert_non_null(theirs);
                        assert_int_equal(ours->flags, theirs->flags);
                        assert_int_equal(ours->cpu_ns, theirs->cpu_ns);
                        assert_memory_equal(jk_entry_dynamic_uj(a, ours),
                                            jk_entry_dynamic_uj(b, theirs),
                                            a->n_zones * sizeof(int64_t));
                }
        }
}

static void
memory_that_runs_out_costs_the_books_nothing(void **state)
{
        struct machine calm;
        const struct jk_snapshot *wanted;

        (void)state;
        tell(&calm, -1, 0);
        wanted = publish(&calm);

        for (int tick = 0; tick < 4; tick++) {
                enum outcome outcome;
                int n = 0, n_repeated = 0;

                do {
                        struct machine m;

                        outcome = tell(&m, tick, n++);
                        n_repeated += outcome == REPEATED;
                        if (outcome != MANAGED)
                                assert_same(wanted, publish(&m));
                        teardown(&m);
                } while (outcome != ENOUGH);
                assert_true(n_repeated > 0);
        }

        teardown(&calm);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_that_runs_out_costs_the_books_nothing),
};

JK_RUN_TESTS(tests)
