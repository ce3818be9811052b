/* SPDX-License-Identifier: Apache-2.0
 *
 * Recordings: what is read is what was written, whatever it was, in few bytes, and a replay's books
 * equal the run's.
 */
#include "tests/unit/record/recordings.h"

#include "base/text.h"
#include "record/disguise.h"

static void
assert_same_accounts(const struct jk_snapshot *a, const struct jk_snapshot *b)
{
        for (int d = 0; d < JK_DIMENSION_MAX; d++) {
                assert_int_equal(a->n_entries[d], b->n_entries[d]);
                for (size_t i = 0; i < a->n_entries[d]; i++) {
                        const struct jk_entry *x = &a->entries[d][i], *y = &b->entries[d][i];
                        char id[4200], other[4200];

                        jk_entry_id(a, x, id, sizeof id);
                        jk_entry_id(b, y, other, sizeof other);
                        assert_string_equal(id, other);
                        assert_string_equal(jk_snapshot_string(a, x->name),
                                            jk_snapshot_string(b, y->name));
                        assert_int_equal(x->flags, y->flags);
                        assert_int_equal(x->cpu_ns, y->cpu_ns);
                        for (size_t part = 0; part < 3; part++)
                                assert_memory_equal(jk_entry_part_uj(a, x, part),
                                                    jk_entry_part_uj(b, y, part),
                                                    a->n_zones * sizeof(int64_t));
                }
        }
}

/* Book what the reader reads; ends with a snapshot, as run() does. */
static struct jk_snapshot *
replay(struct machine *m, struct jk_reader *reader, const struct jk_model_ops *ops)
{
        struct jk_snapshot *snapshot = NULL;
        int r;

        setup(m, jk_reader_about(reader)->ledger);
        use_model(m, ops);
        while ((r = jk_reader_next(reader, &m->sample, &err)) > 0) {
                assert_int_equal(jk_ledger_book(m->ledger, &m->sample, m->ops, m->model), 0);
                snapshot = jk_shelf_blank(&m->shelf);
                assert_int_equal(jk_ledger_publish(m->ledger, &m->sample, NULL, NULL, snapshot), 0);
                jk_shelf_publish(&m->shelf, snapshot);
        }
        assert_int_equal(r, 0);
        return snapshot;
}

static void
a_replay_equals_the_run(void **state)
{
        (void)state;
        for (uint64_t seed = 1; seed < 6; seed++) {
                struct jk_recorder *recorder = open_recorder();
                struct jk_reader *reader;
                struct chaos c;
                struct jk_snapshot *ran = run(&c, seed, recorder), *replayed;
                struct machine again;

                assert_int_equal(jk_recorder_close(recorder, NULL, &err), 0);
                reader = open_reader();
                replayed = replay(&again, reader, c.m.ops);
                assert_int_equal(jk_reader_ticks(reader), TICKS);
                assert_false(jk_reader_is_cut(reader));
                assert_int_equal(replayed->machine_uj, ran->machine_uj);
                assert_same_accounts(ran, replayed);

                jk_reader_close(reader);
                teardown(&again);
                teardown(&c.m);
                unlink(path);
        }
}

/* ---- sample by sample ---- */

static void
every_sample_is_read_as_it_was_written(void **state)
{
        struct jk_recorder *recorder = open_recorder();
        struct jk_sample read_back = { 0 };
        struct jk_reader *reader = NULL;
        struct jk_event_table events;
        struct chaos c;

        (void)state;
        for (int round = 0; round < 2; round++) {
                chaos_start(&c, 77, about.ledger);
                events.count = 0;
                for (int tick = 0; tick < TICKS; tick++) {
                        if (tick > 0)
                                tick_of_anything(&c, &events);
                        if (round == 0) {
                                jk_recorder_take(recorder, &c.m.sample, name_user, NULL);
                                continue;
                        }
                        assert_int_equal(jk_reader_next(reader, &read_back, &err), 1);
                        assert_same_sample(&c.m.sample, &read_back);
                }
                assert_true(events.count > 3);
                teardown(&c.m);
                if (round == 0) {
                        assert_int_equal(jk_recorder_close(recorder, NULL, &err), 0);
                        reader = open_reader();
                }
        }
        assert_int_equal(jk_reader_next(reader, &read_back, &err), 0);
        assert_string_equal(jk_reader_user(reader, 1), "user-1");
        assert_null(jk_reader_user(reader, 2));
        assert_string_equal(jk_reader_about(reader)->host, "here");
        jk_reader_close(reader);
        jk_sample_free(&read_back);
}

/* ---- size ---- */

/* What one costs on average, with three counters: fields of its own, or events. */
static double
bytes_per_active_task(const struct jk_event_table *events)
{
        struct jk_recorder *recorder = open_recorder();
        struct jk_recorder_report report;
        double ipc[CROWD];
        struct chaos c;

        chaos_start(&c, 3, about.ledger);
        c.m.sample.events = events;
        for (int i = 0; i < CROWD; i++)
                ipc[i] = 0.3 + (double)roll(&c, 1000) / 400;
        for (int tick = 0; tick < 2 * 60; tick++) {
                begin_tick(&c.m, JK_NS_PER_S);
                add_crowd(&c, ipc);
                jk_recorder_take(recorder, &c.m.sample, name_user, NULL);
        }
        teardown(&c.m);
        assert_int_equal(jk_recorder_close(recorder, &report, &err), 0);

        return (double)report.bytes / (2 * 60 * CROWD);
}

static void
an_active_task_costs_few_bytes(void **state)
{
        static const struct jk_event_table events = {
                .events = { { "CYCLES", -1 }, { "INSTRUCTIONS", -1 }, { "LLC_MISSES", -1 } },
                .count = 3,
        };
        double each = bytes_per_active_task(NULL), by_events;

        (void)state;
        unlink(path);
        by_events = bytes_per_active_task(&events);
        print_message(
                "# %.1f bytes per active task and tick, with three counters; %.1f as events\n",
                each, by_events);
        assert_true(each <= 15);
        assert_true(by_events <= 15);
}

/* ---- what cannot be ---- */

static void
a_header_with_absurd_limits_is_refused(void **state)
{
        static const char *const absurd[] = {
                "",
                "[]",
                "{",
                "{\"format\":1}",
                "{\"format\":1,\"interval_ns\":1000000000,\"ended_tasks_max\":-1}",
                "{\"format\":1,\"interval_ns\":1000000000,\"ended_tasks_max\":1000001}",
                "{\"format\":1,\"interval_ns\":1000000000,\"ended_retention_ns\":-1}",
                "{\"format\":1,\"interval_ns\":9000000000000000000}",
        };
        struct jk_about read;

        (void)state;
        for (size_t i = 0; i < JK_COUNT(absurd); i++)
                assert_int_equal(jk_about_read(absurd[i], &read, &err), -EBADMSG);
        assert_int_equal(jk_about_read("{\"format\":2,\"interval_ns\":1}", &read, &err),
                         -EPROTONOSUPPORT);
}

static void
a_name_that_is_too_long_is_cut_between_characters(void **state)
{
        char host[sizeof((struct jk_about *)0)->host + 8], json[512];
        struct jk_about read;
        size_t length;

        (void)state;
        for (size_t shift = 0; shift < 3; shift++) {
                jk_autotext struct jk_text again = { 0 };

                memset(host, 'a', sizeof host);
                for (size_t i = shift; i + 3 < sizeof host; i += 3)
                        memcpy(host + i, "\xe2\x82\xac", 3);
                host[sizeof host - 1] = '\0';
                snprintf(json, sizeof json,
                         "{\"format\":1,\"interval_ns\":1000000000,\"host\":\"%s\"}", host);
                assert_int_equal(jk_about_read(json, &read, &err), 0);
                length = strlen(read.host);
                assert_true(length > sizeof read.host - 4);
                assert_int_equal((length - shift) % 3, 0);
                jk_about_write(&read, &again);
                assert_non_null(strstr(again.data, read.host));
        }
}

/* A model may have been told a file, or a command; a meter outside, an address. */
static void
anonymised_it_tells_no_file_and_no_command(void **state)
{
        static const char command[] = "program: /home/alice/read-plug";
        struct jk_disguiser *disguiser = jk_disguiser_new();
        struct jk_disguise disguise = jk_disguiser_disguise(disguiser);
        struct jk_about told = { .host = "alices-laptop",
                                 .model = "program:/home/alice/a b=c,dram=share,psys=events:/w" };
        struct jk_text out[2] = { { 0 }, { 0 } };
        struct machine m;

        (void)state;
        jk_about_anonymise(&told);
        assert_string_equal(told.model, "program,dram=share,psys=events");
        assert_string_equal(told.host, "");
        assert_true(told.anonymised);

        begin_first_tick(&m, about.ledger);
        memcpy(m.zones.zones[0].path, command, sizeof command);
        for (int i = 0; i < 2; i++) {
                struct jk_encoder *encoder = jk_encoder_new(i == 0 ? NULL : &disguise);

                jk_encode_header(encoder, "{}", &out[i]);
                assert_int_equal(jk_encode_sample(encoder, &m.sample, NULL, NULL, &out[i]), 0);
                assert_int_equal(memmem(out[i].data, out[i].length, "alice", 5) != NULL, i == 0);
                jk_encoder_free(encoder);
                jk_text_free(&out[i]);
        }
        teardown(&m);
        jk_disguiser_free(disguiser);
}

/* ---- ticks that are not there ---- */

/* What happened to cgroups in ticks that were dropped is made up for by the next header. */
static void
cgroups_of_dropped_ticks_are_made_up_for(void **state)
{
        struct jk_encoder *encoder = jk_encoder_new(NULL);
        struct jk_decoder *decoder = jk_decoder_new();
        jk_autotext struct jk_text header = { 0 };
        struct jk_sample read_back = { 0 };
        struct machine m;

        (void)state;
        jk_about_write(&about, &header);
        begin_first_tick(&m, about.ledger);
        for (int tick = 0; tick < 3; tick++) {
                jk_autotext struct jk_text out = { 0 };
                struct jk_wire in;

                if (tick > 0)
                        begin_tick(&m, JK_NS_PER_S);
                if (tick == 0) {
                        jk_sample_add_cgroup(&m.sample, 1, JK_CGROUP_APPEARED, "/stays");
                        jk_sample_add_cgroup(&m.sample, 2, JK_CGROUP_APPEARED, "/goes");
                        jk_sample_add_cgroup(&m.sample, 3, JK_CGROUP_APPEARED, "/old");
                }
                if (tick == 1) {
                        jk_sample_add_cgroup(&m.sample, 2, JK_CGROUP_VANISHED, "/goes");
                        jk_sample_add_cgroup(&m.sample, 3, JK_CGROUP_APPEARED, "/new");
                        jk_sample_add_cgroup(&m.sample, 4, JK_CGROUP_APPEARED, "/comes");
                        jk_encoder_skip(encoder, &m.sample);
                        continue;
                }
                jk_encode_header(encoder, header.data, &out);
                assert_int_equal(jk_encode_sample(encoder, &m.sample, NULL, NULL, &out), 0);
                in = (struct jk_wire){ .at = (const unsigned char *)out.data,
                                       .end = (const unsigned char *)out.data + out.length };
                while (jk_wire_left(&in) > 0) {
                        enum jk_message kind = (enum jk_message) * in.at++;
                        size_t length;
                        const void *body = jk_wire_get_bytes(&in, 1 << 20, &length);

                        assert_true(jk_decode(decoder, kind, body, length, &read_back, &err) >= 0);
                        in.at += 4; /* its checksum */
                }
        }

        assert_int_equal(read_back.n_cgroups, 3);
        for (size_t i = 0; i < 3; i++) {
                const struct jk_cgroup_event *event = &read_back.cgroups[i];
                const char *path_ = jk_sample_cgroup_path(&read_back, event);

                assert_string_equal(path_, event->id == 2   ? "/goes"
                                           : event->id == 3 ? "/new"
                                                            : "/comes");
                assert_int_equal(event->kind,
                                 event->id == 2 ? JK_CGROUP_VANISHED : JK_CGROUP_APPEARED);
        }
        teardown(&m);
        jk_sample_free(&read_back);
        jk_decoder_free(decoder);
        jk_encoder_free(encoder);
}

/* ---- names ---- */

static void
disguised_names_tell_nothing_and_stay_the_same(void **state)
{
        static const struct {
                const char *path, *wanted;
        } rows[] = {
                { "/", "/" },
                { "/system.slice/nginx.service", "/system.slice/group-1.service" },
                { "/system.slice/secret-x.scope/a", "/system.slice/group-2.scope/group-3" },
                { "/user.slice/nginx.service", "/user.slice/group-1.service" },
                { "/kubepods/burstable/pod1", "/kubepods/burstable/group-4" },
        };
        struct jk_disguiser *disguiser = jk_disguiser_new();
        struct jk_disguise disguise = jk_disguiser_disguise(disguiser);

        (void)state;
        for (size_t i = 0; i < JK_COUNT(rows); i++)
                assert_string_equal(disguise.path(disguise.data, rows[i].path), rows[i].wanted);
        assert_string_equal(disguise.name(disguise.data, "alice"), "name-1");
        assert_string_equal(disguise.name(disguise.data, "bob"), "name-2");
        assert_string_equal(disguise.name(disguise.data, "alice"), "name-1");
        assert_string_equal(disguise.name(disguise.data, "root"), "root");
        jk_disguiser_free(disguiser);
}

static const struct CMUnitTest tests[] = {
        WITH_FILE(a_replay_equals_the_run),
        WITH_FILE(every_sample_is_read_as_it_was_written),
        WITH_FILE(an_active_task_costs_few_bytes),
        cmocka_unit_test(a_header_with_absurd_limits_is_refused),
        cmocka_unit_test(a_name_that_is_too_long_is_cut_between_characters),
        cmocka_unit_test(anonymised_it_tells_no_file_and_no_command),
        cmocka_unit_test(cgroups_of_dropped_ticks_are_made_up_for),
        cmocka_unit_test(disguised_names_tell_nothing_and_stay_the_same),
};

JK_RUN_TESTS(tests)
