/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages of a recording, one by one: what is said of events and CPUs is understood as it was
 * meant, and what makes no sense is refused.
 */
#include "tests/unit/record/samples.h"

#include "base/text.h"
#include "record/codec.h"

static struct jk_error err;

/* Somebody who says, and somebody who hears. */
struct pair {
        struct jk_encoder *encoder;
        struct jk_decoder *decoder;
        struct jk_sample heard;
        size_t events_said; /* messages, of the last tick */
};

static const char *
hide(void *data, const char *name)
{
        (void)data;
        (void)name;
        return "hidden";
}

static void
open_pair(struct pair *pair, bool disguised)
{
        const struct jk_disguise disguise = { .name = hide, .path = hide };

        *pair = (struct pair){
                .encoder = jk_encoder_new(disguised ? &disguise : NULL),
                .decoder = jk_decoder_new(),
        };
        assert_non_null(pair->encoder);
        assert_non_null(pair->decoder);
}

static void
close_pair(struct pair *pair)
{
        jk_encoder_free(pair->encoder);
        jk_decoder_free(pair->decoder);
        jk_sample_free(&pair->heard);
}

static void
hear(struct pair *pair, const struct jk_text *said)
{
        struct jk_wire in = { .at = (const unsigned char *)said->data,
                              .end = (const unsigned char *)said->data + said->length };

        pair->events_said = 0;
        while (jk_wire_left(&in) > 0) {
                enum jk_message kind = (enum jk_message) * in.at++;
                size_t length;
                const void *body = jk_wire_get_bytes(&in, JK_MESSAGE_BYTES_MAX, &length);
                int r = jk_decode(pair->decoder, kind, body, length, &pair->heard, &err);

                if (r < 0)
                        fail_msg("%s", err.message);
                pair->events_said += kind == JK_MESSAGE_EVENT;
                in.at += 4; /* its checksum */
        }
}

static void
say(struct pair *pair, const struct jk_sample *sample, bool after_header)
{
        jk_autotext struct jk_text said = { 0 };

        if (after_header)
                jk_encode_header(pair->encoder, "{}", &said);
        assert_int_equal(jk_encode_sample(pair->encoder, sample, NULL, NULL, &said), 0);
        hear(pair, &said);
        assert_same_sample(sample, &pair->heard);
}

/* A tick with two tasks that count something. */
static void
count(struct machine *m, const struct jk_event_table *events)
{
        m->sample.events = events;
        begin_tick(m, JK_NS_PER_S);
        for (size_t i = 0; i < 2; i++) {
                run_task(m, (pid_t)(1 + i), 1, 1, 1000);
                for (size_t e = 0; e < jk_sample_n_events(&m->sample); e++)
                        jk_sample_task_events(&m->sample, i)[e] = 1000000007 * (i + e);
        }
}

/* ---- events ---- */

static void
whatever_happens_events_are_heard_as_they_were_said(void **state)
{
        struct jk_event_table events = { .count = 0 };
        struct pair pair;
        struct chaos c;

        (void)state;
        for (uint64_t seed = 1; seed < 4; seed++) {
                open_pair(&pair, false);
                events.count = 0;
                chaos_start(&c, seed, defaults);
                for (int tick = 0; tick < 400; tick++) {
                        tick_of_anything(&c, &events);
                        say(&pair, &c.m.sample, tick == 0 || roll(&c, 30) == 0);
                }
                assert_true(events.count > 10);
                teardown(&c.m);
                close_pair(&pair);
        }
}

static void
an_event_is_said_once_and_again_after_a_header(void **state)
{
        struct jk_event_table events = { .count = 0 };
        const struct jk_event_table *heard;
        struct machine m;
        struct pair pair;

        (void)state;
        open_pair(&pair, false);
        setup(&m, defaults);
        add_event(&events, "CYCLES", -1);
        count(&m, &events);
        say(&pair, &m.sample, true);
        assert_int_equal(pair.events_said, 1);
        heard = pair.heard.events;

        add_event(&events, "MISSES", 0);
        add_event(&events, "MISSES", 1);
        count(&m, &events);
        say(&pair, &m.sample, false);
        assert_int_equal(pair.events_said, 2);
        count(&m, &events);
        say(&pair, &m.sample, false);
        assert_int_equal(pair.events_said, 0);
        count(&m, &events);
        say(&pair, &m.sample, true);
        assert_int_equal(pair.events_said, 3);
        assert_ptr_equal(pair.heard.events, heard); /* the same table, which got longer */
        teardown(&m);
        close_pair(&pair);
}

static void
a_tick_that_counts_no_events_has_none(void **state)
{
        struct jk_event_table events = { .count = 0 };
        struct machine m;
        struct pair pair;

        (void)state;
        open_pair(&pair, false);
        setup(&m, defaults);
        add_event(&events, "CYCLES", -1);
        for (int tick = 0; tick < 4; tick++) {
                count(&m, tick % 2 ? NULL : &events);
                say(&pair, &m.sample, tick == 0);
                if (tick % 2)
                        assert_null(pair.heard.events);
                assert_int_equal(pair.events_said, tick == 0);
        }
        teardown(&m);
        close_pair(&pair);
}

/* Whoever learned what the indices of one table mean has to see that this is another. */
static void
other_events_are_another_table(void **state)
{
        struct jk_event_table events = { .count = 0 }, swapped = { .count = 0 };
        const struct jk_event_table *first;
        struct machine m;
        struct pair pair;

        (void)state;
        open_pair(&pair, false);
        setup(&m, defaults);
        add_event(&events, "CYCLES", -1);
        add_event(&events, "MISSES", -1);
        add_event(&swapped, "MISSES", -1);
        add_event(&swapped, "CYCLES", -1);
        count(&m, &events);
        say(&pair, &m.sample, true);
        first = pair.heard.events;
        count(&m, &swapped);
        say(&pair, &m.sample, false);
        assert_int_equal(pair.events_said, 2);
        assert_ptr_not_equal(pair.heard.events, first);
        swapped.count = 1;
        count(&m, &swapped);
        say(&pair, &m.sample, true);
        teardown(&m);
        close_pair(&pair);
}

/* Who reads until the end may look at the last tick then. */
static void
what_is_said_after_a_tick_does_not_change_it(void **state)
{
        static const unsigned char later[] = { 1, 1, 'X', 0 };
        struct jk_event_table events = { .count = 0 };
        struct machine m;
        struct pair pair;

        (void)state;
        open_pair(&pair, false);
        setup(&m, defaults);
        add_event(&events, "CYCLES", -1);
        count(&m, &events);
        say(&pair, &m.sample, true);
        assert_int_equal(
                jk_decode(pair.decoder, JK_MESSAGE_EVENT, later, sizeof later, &pair.heard, &err),
                0);
        assert_same_sample(&m.sample, &pair.heard);
        teardown(&m);
        close_pair(&pair);
}

static void
names_of_events_are_not_disguised(void **state)
{
        struct jk_event_table events = { .count = 0 };
        jk_autotext struct jk_text said = { 0 };
        struct machine m;
        struct pair pair;

        (void)state;
        open_pair(&pair, true);
        setup(&m, defaults);
        add_event(&events, "CYCLES", -1);
        count(&m, &events);
        jk_encode_header(pair.encoder, "{}", &said);
        assert_int_equal(jk_encode_sample(pair.encoder, &m.sample, NULL, NULL, &said), 0);
        hear(&pair, &said);
        assert_string_equal(pair.heard.tasks[0].comm, "hidden");
        assert_same_events(&m.sample, &pair.heard);
        teardown(&m);
        close_pair(&pair);
}

/* ---- what cannot be ---- */

/* A decoder that was told of a header and so many events. */
static struct jk_decoder *
told(uint64_t n_events)
{
        struct jk_decoder *decoder = jk_decoder_new();

        assert_int_equal(jk_decode(decoder, JK_MESSAGE_HEADER, "{}", 2, NULL, &err), 0);
        for (uint64_t i = 0; i < n_events; i++) {
                unsigned char body[] = { (unsigned char)i, 1, (unsigned char)('A' + i), 1 };

                assert_int_equal(jk_decode(decoder, JK_MESSAGE_EVENT, body, 4, NULL, &err), 0);
        }
        return decoder;
}

static void
assert_event_refused(uint64_t before, uint64_t index, const void *name, size_t length,
                     int64_t package, const char *why)
{
        struct jk_decoder *decoder = told(before);
        jk_autotext struct jk_text body = { 0 };

        jk_wire_put(&body, index);
        jk_wire_put_bytes(&body, name, length);
        jk_wire_put_signed(&body, package);
        assert_int_equal(jk_decode(decoder, JK_MESSAGE_EVENT, body.data, body.length, NULL, &err),
                         why ? -EBADMSG : 0);
        if (why && !strstr(err.message, why))
                fail_msg("\"%s\" is not in \"%s\"", why, err.message);
        jk_decoder_free(decoder);
}

static void
an_event_that_cannot_be_is_refused(void **state)
{
        static const char longest[] = "a name of 47 bytes is the longest that there is";

        (void)state;
        assert_event_refused(2, 2, "A", 1, 0, NULL);
        assert_event_refused(2, 2, "\x01\xff", 2, 65535, NULL);
        assert_event_refused(2, 2, longest, sizeof longest - 1, -1, NULL);
        assert_event_refused(2, 0, "B", 1, -1, NULL); /* a new list */
        assert_event_refused(31, 31, "x", 1, -1, NULL);

        assert_event_refused(2, 2, "A", 1, -1, "two events of one name");
        assert_event_refused(2, 3, "X", 1, -1, "leaves an event out");
        assert_event_refused(2, 1, "X", 1, -1, "says one again");
        assert_event_refused(32, 32, "X", 1, -1, "too many events");
        assert_event_refused(2, 2, "", 0, -1, "without a name");
        assert_event_refused(2, 2, "A\0B", 3, -1, "NUL");
        assert_event_refused(2, 2, longest, sizeof longest, -1, "too long");
        assert_event_refused(2, 2, "X", 1, -2, "absurd package");
        assert_event_refused(2, 2, "X", 1, 65536, "absurd package");
        assert_event_refused(2, 2, "X", 1, INT64_MAX, "absurd package");
}

/* A tick of one task that counts the first event, as it stands in a recording. */
static void
put_tick(struct jk_text *body, uint64_t n_events, uint64_t mask, uint64_t value)
{
        for (int i = 0; i < 9; i++)
                jk_wire_put(body, 0); /* instant */
        for (int i = 0; i < 4; i++)
                jk_wire_put(body, 0); /* zones, cgroups, enclave memory, CPUs */
        jk_wire_put(body, n_events);
        jk_wire_put(body, 1);
        jk_wire_put(body, 0); /* slot */
        jk_wire_put(body, JK_SLOT_IDENTITY);
        for (int i = 0; i < 6; i++)
                jk_wire_put(body, 0); /* identity */
        jk_wire_put(body, 0);         /* columns */
        jk_wire_put(body, mask);
        jk_wire_put(body, value);
        for (int i = 0; i < 3; i++)
                jk_wire_put(body, 0); /* unit, resident memory, threads */
}

static void
assert_counts_refused(uint64_t n_events, uint64_t mask, uint64_t value, const char *why)
{
        struct jk_decoder *decoder = told(2);
        jk_autotext struct jk_text body = { 0 };
        struct jk_sample heard = { 0 };

        put_tick(&body, n_events, mask, value);
        assert_int_equal(jk_decode(decoder, JK_MESSAGE_TICK, body.data, body.length, &heard, &err),
                         why ? -EBADMSG : 1);
        if (why && !strstr(err.message, why))
                fail_msg("\"%s\" is not in \"%s\"", why, err.message);
        if (!why)
                assert_int_equal(jk_sample_task_events(&heard, 0)[mask - 1], value);
        jk_sample_free(&heard);
        jk_decoder_free(decoder);
}

static void
counts_that_cannot_be_are_refused(void **state)
{
        (void)state;
        assert_counts_refused(2, 1, 12345, NULL);
        assert_counts_refused(2, 2, JK_RECORDED_MAX, NULL);

        assert_counts_refused(1, 1, 1, "counts of unknown events");
        assert_counts_refused(3, 1, 1, "counts of unknown events");
        assert_counts_refused(33, 1, 1, "too many events");
        assert_counts_refused(2, 4, 1, "counts unknown events");
        assert_counts_refused(2, 1, JK_RECORDED_MAX + 1, "absurd count");
        assert_counts_refused(2, 1, UINT64_MAX, "absurd count");
}

/* Few bytes must not take much memory. */
static void
more_counts_than_a_tick_can_have_are_refused(void **state)
{
        const size_t n = JK_RECORDED_COUNTS_MAX / JK_EVENTS_MAX + 1, length = 5 * n;
        struct jk_decoder *decoder = told(JK_EVENTS_MAX);
        jk_autotext struct jk_text body = { 0 };
        struct jk_sample heard = { 0 };
        char *zeros = calloc(1, length);

        (void)state;
        assert_non_null(zeros);
        jk_text_bytes(&body, zeros, 13);
        jk_wire_put(&body, JK_EVENTS_MAX);
        jk_wire_put(&body, n);
        jk_text_bytes(&body, zeros, length);
        assert_int_equal(jk_decode(decoder, JK_MESSAGE_TICK, body.data, body.length, &heard, &err),
                         -EBADMSG);
        assert_non_null(strstr(err.message, "too many counts"));
        free(zeros);
        jk_sample_free(&heard);
        jk_decoder_free(decoder);
}

/* ---- CPUs ---- */

static struct jk_cpu_reading *
add_cpu(struct machine *m, int64_t khz, int64_t mc, int64_t uv)
{
        struct jk_cpu_reading *cpu = jk_sample_add_cpu(&m->sample);

        assert_non_null(cpu);
        cpu->frequency_seen = khz >= 0;
        cpu->frequency_khz = khz >= 0 ? (uint32_t)khz : 0;
        cpu->temperature_seen = mc != INT64_MIN;
        cpu->temperature_mc = mc != INT64_MIN ? (int32_t)mc : 0;
        cpu->voltage_seen = uv >= 0;
        cpu->voltage_uv = uv >= 0 ? (uint32_t)uv : 0;
        return cpu;
}

/* Cold and hot, there and not, more CPUs and fewer. */
static void
what_is_seen_of_a_cpu_is_heard(void **state)
{
        static const struct {
                int64_t khz, mc, uv;
                size_t n;
        } rows[] = {
                { 2000000, 45000, 900000, 4 },
                { 2100000, -7000, 899500, 4 },
                { -1, INT64_MIN, -1, 4 },
                { 2000000, 46000, 900000, 2 },
                { 0, 0, 0, 4 },
                { UINT32_MAX, INT32_MAX, UINT32_MAX, 4 },
                { 0, INT32_MIN, 0, 5 },
                { -1, INT32_MAX, -1, 5 },
                { 1, -273150, 1, 0 },
                { 1, INT32_MIN, 1, 5 },
        };
        struct machine m;
        struct pair pair;

        (void)state;
        open_pair(&pair, false);
        setup(&m, defaults);
        for (size_t tick = 0; tick < JK_COUNT(rows); tick++) {
                begin_tick(&m, JK_NS_PER_S);
                for (size_t i = 0; i < rows[tick].n; i++)
                        add_cpu(&m, rows[tick].khz, rows[tick].mc, rows[tick].uv)->cpu =
                                (uint32_t)i;
                say(&pair, &m.sample, tick == 0);
        }
        teardown(&m);
        close_pair(&pair);
}

/* Who begins to listen at a header hears the same as who listened before. */
static void
a_header_needs_nothing_from_before(void **state)
{
        struct jk_event_table events = { .count = 0 };
        struct machine m;
        struct pair pair;

        (void)state;
        open_pair(&pair, false);
        setup(&m, defaults);
        add_event(&events, "CYCLES", 0);
        for (int tick = 0; tick < 9; tick++) {
                count(&m, &events);
                for (int i = 0; i < 1 + tick % 3; i++)
                        add_cpu(&m, 2000000 + tick, 45000 - tick, 900000 + tick);
                if (tick % 4 == 3) {
                        jk_decoder_free(pair.decoder);
                        pair.decoder = jk_decoder_new();
                }
                say(&pair, &m.sample, tick == 0 || tick % 4 == 3);
        }
        teardown(&m);
        close_pair(&pair);
}

static void
assert_cpu_refused(uint64_t bits, int64_t value, const char *why)
{
        struct jk_decoder *decoder = told(0);
        jk_autotext struct jk_text body = { 0 };
        struct jk_sample heard = { 0 };

        for (int i = 0; i < 12; i++)
                jk_wire_put(&body, 0); /* instant, zones, cgroups, enclave memory */
        jk_wire_put(&body, 1);
        jk_wire_put(&body, 0);
        jk_wire_put(&body, bits);
        for (int i = 0; i < 5; i++)
                jk_wire_put(&body, 0); /* times */
        jk_wire_put_signed(&body, value);
        for (int i = 0; i < 4; i++)
                jk_wire_put(&body, 0); /* events, tasks, columns, unit */
        assert_int_equal(jk_decode(decoder, JK_MESSAGE_TICK, body.data, body.length, &heard, &err),
                         why ? -EBADMSG : 1);
        if (why && !strstr(err.message, why))
                fail_msg("\"%s\" is not in \"%s\"", why, err.message);
        jk_sample_free(&heard);
        jk_decoder_free(decoder);
}

static void
what_no_cpu_can_be_is_refused(void **state)
{
        (void)state;
        assert_cpu_refused(2, UINT32_MAX, NULL);
        assert_cpu_refused(4, INT32_MIN, NULL);
        assert_cpu_refused(8, 1, NULL);

        assert_cpu_refused(2, -1, "absurd frequency");
        assert_cpu_refused(2, INT64_C(1) << 32, "absurd frequency");
        assert_cpu_refused(4, INT64_C(1) << 31, "absurd temperature");
        assert_cpu_refused(4, INT64_MIN, "absurd temperature");
        assert_cpu_refused(8, -1, "absurd voltage");
        assert_cpu_refused(16, 0, "unknown state of a CPU");
}

/* ---- the tick ---- */

/* What is read from a recording is no live tick, whoever wrote it. */
static void
a_live_tick_is_recorded_as_any_other(void **state)
{
        struct jk_event_table events = { .count = 0 };
        jk_autotext struct jk_text text = { 0 }, live = { 0 };
        struct machine m;
        struct pair a, b;

        (void)state;
        setup(&m, defaults);
        open_pair(&a, false);
        open_pair(&b, false);
        count(&m, &events);
        jk_encode_header(a.encoder, "{}", &text);
        jk_encode_header(b.encoder, "{}", &live);
        assert_int_equal(jk_encode_sample(a.encoder, &m.sample, NULL, NULL, &text), 0);
        m.sample.flags |= JK_SAMPLE_LIVE;
        assert_int_equal(jk_encode_sample(b.encoder, &m.sample, NULL, NULL, &live), 0);
        assert_int_equal(text.length, live.length);
        assert_memory_equal(text.data, live.data, text.length);
        hear(&b, &live);
        assert_false(b.heard.flags & JK_SAMPLE_LIVE);
        teardown(&m);
        close_pair(&a);
        close_pair(&b);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_events_are_heard_as_they_were_said),
        cmocka_unit_test(an_event_is_said_once_and_again_after_a_header),
        cmocka_unit_test(a_tick_that_counts_no_events_has_none),
        cmocka_unit_test(other_events_are_another_table),
        cmocka_unit_test(what_is_said_after_a_tick_does_not_change_it),
        cmocka_unit_test(names_of_events_are_not_disguised),
        cmocka_unit_test(an_event_that_cannot_be_is_refused),
        cmocka_unit_test(counts_that_cannot_be_are_refused),
        cmocka_unit_test(more_counts_than_a_tick_can_have_are_refused),
        cmocka_unit_test(what_is_seen_of_a_cpu_is_heard),
        cmocka_unit_test(a_header_needs_nothing_from_before),
        cmocka_unit_test(what_no_cpu_can_be_is_refused),
        cmocka_unit_test(a_live_tick_is_recorded_as_any_other),
};

JK_RUN_TESTS(tests)
