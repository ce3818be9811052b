/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshots of an agent: what its API renders is read back the same, and whatever else may listen
 * there cannot do harm.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "cmd/remote.h"
#include "cmd/view.h"
#include "tests/unit/serve/render.h"

static void
copy(struct jk_text *to, const char *text)
{
        jk_text_clear(to);
        jk_text_string(to, text);
}

/* All replies of the snapshot on the renderer's shelf. */
static void
ask(struct renderer *r, struct jk_remote_replies *replies)
{
        char query[64];

        copy(&replies->status, get(r, "/api/v1/status", ""));
        copy(&replies->zones, get(r, "/api/v1/zones", ""));
        for (int d = 0; d < JK_DIMENSION_MAX; d++) {
                snprintf(query, sizeof query, "dimension=%s",
                         jk_dimension_name((enum jk_dimension)d));
                copy(&replies->accounts[d], get(r, "/api/v1/accounts", query));
        }
}

/* Parse onto another renderer's shelf. */
static int
read_back(const struct jk_remote_replies *replies, struct renderer *other, bool *ret_same,
          struct jk_error *err)
{
        struct jk_snapshot *snapshot = jk_shelf_blank(&other->shelf);
        int r;

        assert_non_null(snapshot);
        r = jk_remote_parse(replies, snapshot, ret_same, err);
        if (r == 0)
                jk_shelf_publish(&other->shelf, snapshot);
        else
                jk_shelf_discard(&other->shelf, snapshot);
        return r;
}

static size_t
count_in(const char *text, const char *what)
{
        size_t n = 0;

        for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
                n++;
        return n;
}

/* What is rendered from the copy is the same text, but for what top and ps have no use for. */
static void
accounts_and_zones_come_back_the_same(void **state)
{
        struct renderer *r = *state;
        struct jk_remote_replies replies = { 0 }, again = { 0 };
        struct jk_error err = { "" };
        struct jk_snapshot *first, *second;
        void *other = NULL;
        bool same = false;

        assert_int_equal(renderer_setup(&other), 0);
        first = fake_machine(&r->shelf, 3, 50);
        first->zones[2].zone.filtered = true;
        first->entries[JK_DIMENSION_TASK][5].flags = JK_ENTRY_ENCLAVE;
        first->entries[JK_DIMENSION_CGROUP][5].epc_bytes = 1 << 20;
        jk_shelf_publish(&r->shelf, first);
        ask(r, &replies);
        assert_int_equal(count_in(replies.accounts[JK_DIMENSION_TASK].data, "\"enclave\":true"), 1);
        assert_int_equal(
                count_in(replies.accounts[JK_DIMENSION_CGROUP].data, "\"sgx_epc_bytes\":1048576"),
                1);
        assert_int_equal(read_back(&replies, other, &same, &err), 0);
        assert_true(same);

        first = jk_shelf_take(&r->shelf);
        second = jk_shelf_take(&((struct renderer *)other)->shelf);
        assert_int_equal(second->sequence, first->sequence);
        assert_int_equal(second->time.monotonic_ns, first->time.monotonic_ns);
        assert_int_equal(second->n_zones, first->n_zones);
        assert_int_equal(second->status.started_realtime_ns, first->status.started_realtime_ns);
        assert_string_equal(second->status.activity, "bpf");
        for (size_t z = 0; z < first->n_zones; z++) {
                assert_int_equal(second->zones[z].zone.parent, first->zones[z].zone.parent);
                assert_int_equal(second->zones[z].zone.filtered, z == 2);
        }
        for (int d = 0; d < JK_DIMENSION_MAX; d++)
                assert_int_equal(second->n_entries[d], first->n_entries[d]);
        second->task_fields = first->task_fields;

        ask(other, &again);
        for (int d = 0; d < JK_DIMENSION_MAX; d++)
                assert_string_equal(again.accounts[d].data, replies.accounts[d].data);

        jk_shelf_put_back(&r->shelf, first);
        jk_shelf_put_back(&((struct renderer *)other)->shelf, second);
        renderer_teardown(&other);
        jk_remote_replies_free(&replies);
        jk_remote_replies_free(&again);
}

/* An agent asked for the busiest only: what it left out is one account, and nothing is lost. */
static void
what_is_left_out_is_one_account(void **state)
{
        struct renderer *r = *state;
        struct jk_remote_replies replies = { 0 };
        struct jk_error err = { "" };
        struct jk_snapshot *first, *second;
        void *other = NULL;
        bool same;

        assert_int_equal(renderer_setup(&other), 0);
        jk_shelf_publish(&r->shelf, fake_machine(&r->shelf, 2, 40));
        ask(r, &replies);
        copy(&replies.accounts[JK_DIMENSION_TASK],
             get(r, "/api/v1/accounts", "dimension=task&sort=watts&top=10"));
        assert_int_equal(read_back(&replies, other, &same, &err), 0);

        first = jk_shelf_take(&r->shelf);
        second = jk_shelf_take(&((struct renderer *)other)->shelf);
        assert_int_equal(second->n_entries[JK_DIMENSION_TASK], 11);
        assert_true(second->entries[JK_DIMENSION_TASK][10].flags & JK_ENTRY_OTHERS);
        for (size_t z = 0; z < first->n_zones; z++) {
                int64_t before = 0, after = 0;

                for (size_t i = 0; i < first->n_entries[JK_DIMENSION_TASK]; i++)
                        before += jk_entry_dynamic_uj(first,
                                                      &first->entries[JK_DIMENSION_TASK][i])[z];
                for (size_t i = 0; i < 11; i++)
                        after += jk_entry_dynamic_uj(second,
                                                     &second->entries[JK_DIMENSION_TASK][i])[z];
                assert_int_equal(after, before);
                assert_true(before > 0);
        }
        jk_shelf_put_back(&r->shelf, first);
        jk_shelf_put_back(&((struct renderer *)other)->shelf, second);
        renderer_teardown(&other);
        jk_remote_replies_free(&replies);
}

static void
replies_of_two_ticks_are_told_apart(void **state)
{
        struct renderer *r = *state;
        struct jk_remote_replies replies = { 0 };
        struct jk_error err = { "" };
        struct jk_snapshot *later;
        void *other = NULL;
        bool same = true;

        assert_int_equal(renderer_setup(&other), 0);
        jk_shelf_publish(&r->shelf, fake_machine(&r->shelf, 2, 5));
        ask(r, &replies);
        later = fake_machine(&r->shelf, 2, 5);
        later->sequence++;
        jk_shelf_publish(&r->shelf, later);
        copy(&replies.accounts[JK_DIMENSION_USER], get(r, "/api/v1/accounts", "dimension=user"));
        assert_int_equal(read_back(&replies, other, &same, &err), 0);
        assert_false(same);
        renderer_teardown(&other);
        jk_remote_replies_free(&replies);
}

static void
what_is_no_agent_is_refused(void **state)
{
        static const struct {
                const char *status, *zones, *accounts;
        } rows[] = {
                { "", "{\"zones\":[]}", "{\"accounts\":[]}" },
                { "<html>", "{\"zones\":[]}", "{\"accounts\":[]}" },
                { "[]", "{\"zones\":[]}", "{\"accounts\":[]}" },
                { "{}", "{\"zones\":[]}", "{\"accounts\":[]}" },
                { "{\"machine\":{},\"sequence\":\"1\"}", "{\"zones\":[]}", "{\"accounts\":[]}" },
                { "{\"machine\":{},\"sequence\":1}", "{\"zones\":{}}", "{\"accounts\":[]}" },
                { "{\"machine\":{},\"sequence\":1}", "{\"zones\":[]}", "{\"accounts\":3}" },
                { "{\"machine\":{},\"sequence\":1}", "{\"zones\":[]}", "{\"accounts\":[" },
        };
        struct jk_remote_replies replies = { 0 };

        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                struct jk_error err = { "" };
                bool same;

                copy(&replies.status, rows[i].status);
                copy(&replies.zones, rows[i].zones);
                for (int d = 0; d < JK_DIMENSION_MAX; d++)
                        copy(&replies.accounts[d], rows[i].accounts);
                assert_int_equal(read_back(&replies, *state, &same, &err), -EPROTO);
                assert_true(err.message[0] != '\0');
        }
        jk_remote_replies_free(&replies);
}

/* Odd but well-formed values: nothing is trusted, nothing crashes. */
static void
odd_values_are_taken_for_what_they_are(void **state)
{
        struct jk_remote_replies replies = { 0 };
        struct renderer *r = *state;
        struct jk_error err = { "" };
        struct jk_snapshot *snapshot;
        bool same;

        copy(&replies.status, "{\"machine\":{\"watts\":\"much\",\"provenance\":7},\"sequence\":1,"
                              "\"activity\":[],\"model\":{}}");
        copy(&replies.zones, "{\"sequence\":1,\"zones\":[null,7,{\"zone\":\"a\",\"parent\":\"b\"},"
                             "{\"zone\":\"b\",\"parent\":\"a\",\"watts\":-1e300}]}");
        for (int d = 0; d < JK_DIMENSION_MAX; d++)
                copy(&replies.accounts[d],
                     "{\"sequence\":1,\"accounts\":[null,[],{\"name\":3,\"pid\":-99999999999,"
                     "\"cpu_seconds\":1e300,\"zones\":{\"a\":7,\"b\":{\"idle_uj\":\"x\"}}}]}");
        assert_int_equal(read_back(&replies, r, &same, &err), 0);

        snapshot = jk_shelf_take(&r->shelf);
        assert_int_equal(snapshot->n_zones, 4);
        assert_true(snapshot->machine_w == 0);
        assert_int_equal(snapshot->machine_provenance, JK_MODELLED);
        assert_int_equal(snapshot->entries[JK_DIMENSION_TASK][2].cpu_ns, 0);
        jk_shelf_put_back(&r->shelf, snapshot);
        jk_remote_replies_free(&replies);
}

/* Times and energies so far apart that their difference is no number: under the sanitizers. */
static void
numbers_at_the_limits_overflow_nothing(void **state)
{
        static const char *const extremes[] = { "-9223372036854775808", "9223372036854775807" };
        struct jk_remote_replies replies = { 0 };
        struct renderer *r = *state;
        struct jk_view view = { 0 };

        for (size_t i = 0; i < JK_COUNT(extremes); i++) {
                const char *n = extremes[i], *other = extremes[1 - i];
                struct jk_error err = { "" };
                struct jk_snapshot *snapshot;
                bool same;

                jk_text_clear(&replies.status);
                jk_text_printf(&replies.status,
                               "{\"machine\":{\"watts\":1,\"measured_uj\":%s},\"sequence\":%d,"
                               "\"elapsed_ns\":%s,\"time_ns\":%s,\"monotonic_ns\":%s}",
                               n, (int)i * 10 + 1, other, n, n);
                jk_text_clear(&replies.zones);
                jk_text_printf(&replies.zones,
                               "{\"sequence\":1,\"zones\":[{\"zone\":\"a\",\"seen\":true,"
                               "\"counted\":true,\"measured_uj\":%s}]}",
                               n);
                for (int d = 0; d < JK_DIMENSION_MAX; d++) {
                        jk_text_clear(&replies.accounts[d]);
                        jk_text_printf(&replies.accounts[d],
                                       "{\"sequence\":1,\"accounts\":[{\"name\":\"x\",\"zones\":"
                                       "{\"a\":{\"idle_uj\":%s,\"dynamic_uj\":%s}}}]}",
                                       n, n);
                }
                assert_int_equal(read_back(&replies, r, &same, &err), 0);
                snapshot = jk_shelf_take(&r->shelf);
                assert_int_equal(jk_view_observe(&view, snapshot), 0);
                assert_int_equal(view.span_end_ns < 0, i == 0);
                assert_int_equal(view.span_end_ns > view.span_start_ns, i == 0);
                jk_shelf_put_back(&r->shelf, snapshot);
        }
        jk_view_free(&view);
        jk_remote_replies_free(&replies);
}

/* Cut short or with a byte changed anywhere: read or refused, under the sanitizers. */
static void
damaged_replies_do_no_harm(void **state)
{
        struct renderer *r = *state;
        struct jk_remote_replies replies = { 0 };
        uint64_t seed = 11;
        void *other = NULL;

        assert_int_equal(renderer_setup(&other), 0);
        jk_shelf_publish(&r->shelf, fake_machine(&r->shelf, 2, 3));
        for (int round = 0; round < 2000; round++) {
                struct jk_error err = { "" };
                struct jk_text *victim;
                size_t at;
                bool same;

                if (round % 50 == 0)
                        ask(r, &replies);
                seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
                victim = (seed >> 60) % 3 == 0   ? &replies.status
                         : (seed >> 60) % 3 == 1 ? &replies.zones
                                                 : &replies.accounts[(seed >> 50) % 4];
                at = (seed >> 20) % (victim->length + 1);
                if ((seed >> 16) % 8 == 0)
                        victim->length = at;
                else if (at < victim->length)
                        victim->data[at] = (char)(seed >> 40);
                if (read_back(&replies, other, &same, &err) < 0)
                        assert_true(err.message[0] != '\0');
        }
        renderer_teardown(&other);
        jk_remote_replies_free(&replies);
}

static const struct CMUnitTest tests[] = {
        renderer_test(accounts_and_zones_come_back_the_same),
        renderer_test(what_is_left_out_is_one_account),
        renderer_test(replies_of_two_ticks_are_told_apart),
        renderer_test(what_is_no_agent_is_refused),
        renderer_test(odd_values_are_taken_for_what_they_are),
        renderer_test(numbers_at_the_limits_overflow_nothing),
        renderer_test(damaged_replies_do_no_harm),
};

JK_RUN_TESTS(tests)
