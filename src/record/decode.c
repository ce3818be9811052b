/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages to samples: see codec.h. What is read was written by anybody: every count is bounded by
 * the bytes that are left, every number by what a machine can do, and a tick is either whole or
 * refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "record/decoder.h"

#define NEAR_MAX      ((INT64_C(1) << 62) - 1)
#define KNOWN_READING 31U  /* enum jk_reading_flags */
#define KNOWN_FLAGS   63U  /* enum jk_sample_flags, without LIVE */
#define KNOWN_FIELDS  255U /* enum jk_task_field */

struct jk_decoder *
jk_decoder_new(void)
{
        return calloc(1, sizeof(struct jk_decoder));
}

void
jk_decoder_free(struct jk_decoder *decoder)
{
        if (!decoder)
                return;

        free(decoder->header);
        free(decoder->listed);
        jk_slots_free(&decoder->slots);
        jk_last_tick_free(&decoder->last);
        jk_map_free(&decoder->users);
        jk_map_free(&decoder->cgroups);
        jk_map_free(&decoder->told);
        jk_text_free(&decoder->strings);
        jk_text_free(&decoder->scratch);
        free(decoder);
}

const char *
jk_decoder_header(const struct jk_decoder *decoder)
{
        return decoder->header;
}

const char *
jk_decoder_user(const struct jk_decoder *decoder, uid_t uid)
{
        uint32_t offset;

        return jk_map_get(&decoder->users, uid, &offset) ? decoder->strings.data + offset : NULL;
}

void
jk_decode_string(struct jk_wire *in, char *buffer, size_t size)
{
        size_t length;
        const char *bytes = jk_wire_get_bytes(in, size - 1, &length);

        if (memchr(bytes, '\0', length))
                jk_wire_fail(in, "has a string with a NUL in it");
        memcpy(buffer, bytes, length);
        buffer[length] = '\0';
}

int64_t
jk_decode_near(struct jk_wire *in, int64_t expected)
{
        int64_t off = jk_wire_get_signed(in);
        int64_t value = 0;

        if (__builtin_add_overflow(expected, off, &value) || value < 0 || value > NEAR_MAX) {
                jk_wire_fail(in, "has an absurd number");
                return 0;
        }
        return value;
}

/* ---- the header ---- */

static int
take_header(struct jk_decoder *decoder, const void *body, size_t length)
{
        char *header = malloc(length + 1);

        if (!header)
                return -ENOMEM;
        memcpy(header, body, length);
        header[length] = '\0';
        free(decoder->header);
        decoder->header = header;
        decoder->ready = true;
        decoder->zones.count = 0;
        decoder->events_said.count = 0;
        decoder->slots.n = 0;
        jk_last_tick_forget(&decoder->last);
        jk_map_clear(&decoder->told);
        decoder->has_told = true;
        return 0;
}

/* ---- the tick ---- */

static void
get_instant(struct jk_decoder *decoder, struct jk_wire *in, struct jk_sample *sample)
{
        struct jk_last_tick *last = &decoder->last;
        int64_t passed;

        sample->sequence = last->sequence + (uint64_t)jk_wire_get_signed(in);
        sample->time.monotonic_ns = jk_decode_near(in, last->time.monotonic_ns);
        passed = sample->time.monotonic_ns - last->time.monotonic_ns;
        sample->time.realtime_ns = jk_decode_near(in, last->time.realtime_ns + passed);
        sample->time.boottime_ns = jk_decode_near(in, last->time.boottime_ns + passed);
        sample->elapsed_ns = jk_decode_near(in, passed);
        sample->suspended_ns = jk_decode_near(in, 0);
        sample->flags = (uint32_t)jk_wire_get(in) & KNOWN_FLAGS;
        sample->task_fields = (uint32_t)jk_wire_get(in) & KNOWN_FIELDS;
        sample->lost_events = last->lost_events + (uint64_t)jk_wire_get_signed(in);
        if (passed < 0)
                jk_wire_fail(in, "goes back in time");
        last->sequence = sample->sequence;
        last->time = sample->time;
        last->lost_events = sample->lost_events;
}

static void
get_readings(struct jk_decoder *decoder, struct jk_wire *in, struct jk_sample *sample)
{
        size_t n = jk_wire_get_max(in, decoder->zones.count, "has a reading of an unknown zone");

        for (size_t i = 0; i < n; i++) {
                struct jk_zone_reading *reading = &sample->readings[i];

                reading->flags = (uint32_t)jk_wire_get(in) & KNOWN_READING;
                if (!(reading->flags & JK_READING_SEEN))
                        continue;
                reading->energy_uj = jk_wire_get_signed(in);
                reading->elapsed_ns = jk_decode_near(in, sample->elapsed_ns);
                if (reading->energy_uj < 0 || reading->energy_uj > (int64_t)JK_RECORDED_MAX)
                        jk_wire_fail(in, "has an absurd energy");
                else if (__builtin_add_overflow(decoder->energy_uj, reading->energy_uj,
                                                &decoder->energy_uj))
                        jk_wire_fail(in, "has more energy than can be counted");
        }
}

static int
get_epc(struct jk_wire *in, struct jk_sample *sample)
{
        size_t n = jk_wire_get_max(in, jk_wire_left(in) / 2, "ends within its enclave memory");

        for (size_t i = 0; i < n && !in->fault; i++) {
                uint64_t cgroup = jk_wire_get(in);
                uint64_t bytes = jk_wire_get_max(in, JK_RECORDED_MAX, "has an absurd size");

                if (jk_sample_add_epc(sample, cgroup, bytes) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int
take_tick(struct jk_decoder *decoder, struct jk_wire *in, struct jk_sample *sample)
{
        int r;

        sample->n_tasks = sample->n_cpus = sample->n_cgroups = sample->n_epc = 0;
        sample->strings_length = 0;
        memset(sample->readings, 0, sizeof sample->readings);
        sample->zones = &decoder->zones;
        sample->events = NULL;

        r = jk_decode_missed_cgroups(decoder, sample);
        jk_decode_check_zones(decoder, in);
        get_instant(decoder, in, sample);
        get_readings(decoder, in, sample);
        if (r == 0)
                r = jk_decode_cgroup_events(decoder, in, sample);
        if (r == 0)
                r = get_epc(in, sample);
        if (r == 0)
                r = jk_decode_cpus(decoder, in, sample);
        if (r == 0)
                r = jk_decode_tasks(decoder, in, sample);
        if (r == 0 && jk_wire_left(in) > 0)
                jk_wire_fail(in, "goes on after its end");
        return r < 0 ? r : 1;
}

/* ---- messages ---- */

static int
take_message(struct jk_decoder *decoder, enum jk_message kind, struct jk_wire *in,
             struct jk_sample *sample)
{
        switch (kind) {
        case JK_MESSAGE_HEADER:
                return take_header(decoder, in->at, jk_wire_left(in));
        case JK_MESSAGE_ZONE:
                jk_decode_zone(decoder, in);
                return 0;
        case JK_MESSAGE_USER:
                return jk_decode_user(decoder, in);
        case JK_MESSAGE_CGROUP:
                return jk_decode_cgroup(decoder, in);
        case JK_MESSAGE_TICK:
                return take_tick(decoder, in, sample);
        case JK_MESSAGE_EVENT:
                jk_decode_event(decoder, in);
                return 0;
        }
        return 0;
}

int
jk_decode(struct jk_decoder *decoder, enum jk_message kind, const void *body, size_t length,
          struct jk_sample *sample, struct jk_error *err)
{
        struct jk_wire in = { .at = body, .end = (const unsigned char *)body + length };
        int r;

        if (kind != JK_MESSAGE_HEADER && !decoder->ready)
                return jk_fail(err, EBADMSG, "there is no header before it");

        r = take_message(decoder, kind, &in, sample);
        if (r >= 0 && !in.fault)
                return r;
        decoder->ready = false;
        if (r < 0)
                return jk_fail(err, r, "out of memory");
        return jk_fail(err, EBADMSG, "message of kind %d %s", (int)kind, in.fault);
}
