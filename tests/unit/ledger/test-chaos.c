/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger under random machines: whatever happens in the samples, the books balance to the
 * microjoule along every dimension, and no counter that is shown ever falls.
 */
#include "tests/unit/ledger/chaos.h"

struct seen_counter {
        char id[96];
        int64_t energy_uj[JK_ZONES_MAX];
        uint64_t sequence;
};

/* Every account that was shown in the tick before and is shown now has at least what it had. */
static void
assert_counters_rise(const struct jk_snapshot *s, struct seen_counter *seen, size_t *n_seen)
{
        for (int d = 0; d < JK_DIMENSION_MAX; d++) {
                for (size_t i = 0; i < s->n_entries[d]; i++) {
                        const struct jk_entry *entry = &s->entries[d][i];
                        char id[96];
                        size_t k;

                        jk_entry_id(s, entry, id, sizeof id);
                        for (k = 0; k < *n_seen && strcmp(seen[k].id, id) != 0; k++)
                                ;
                        if (k == *n_seen) {
                                assert_true(*n_seen < 20000);
                                memset(&seen[k], 0, sizeof seen[k]);
                                snprintf(seen[k].id, sizeof seen[k].id, "%s", id);
                                (*n_seen)++;
                        }
                        for (size_t z = 0; z < s->n_zones; z++) {
                                int64_t now = jk_entry_idle_uj(s, entry)[z] +
                                              jk_entry_dynamic_uj(s, entry)[z];

                                if (seen[k].sequence + 1 == s->sequence)
                                        assert_true(now >= seen[k].energy_uj[z]);
                                seen[k].energy_uj[z] = now;
                        }
                        seen[k].sequence = s->sequence;
                }
        }
}

static void
chaos_options(struct chaos *c)
{
        struct jk_ledger_options options = {
                .ended_retention_ns = (int64_t)roll(c, 5) * JK_NS_PER_S,
                .ended_tasks_max = roll(c, 12),
        };

        assert_int_equal(jk_ledger_reconfigure(c->m.ledger, &options), 0);
}

static void
random_machines_balance_and_counters_rise(void **state)
{
        (void)state;
        for (uint64_t round = 0; round < 12; round++) {
                struct jk_ledger_options options = { .ended_retention_ns = 3 * JK_NS_PER_S,
                                                     .ended_tasks_max = round % 3 * 5 };
                struct seen_counter *seen = calloc(20000, sizeof *seen);
                struct chaos c;
                size_t n_seen = 0;

                chaos_start(&c, 99 + round, options);
                end_tick(&c.m);
                for (int tick = 0; tick < 300; tick++) {
                        chaos_tick(&c);
                        if (roll(&c, 10) == 0)
                                chaos_options(&c);
                        assert_counters_rise(end_tick(&c.m), seen, &n_seen);
                }

                free(seen);
                teardown(&c.m);
        }
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_machines_balance_and_counters_rise),
};

JK_RUN_TESTS(tests)
