/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples to messages: see codec.h. What was said is remembered only as far as it spares saying it
 * again: the zones as they are, the events, the users whose names are known, the cgroups that there
 * are, and a slot for each living task.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "record/columns.h"
#include "record/encoder.h"

struct jk_encoder *
jk_encoder_new(const struct jk_disguise *disguise)
{
        struct jk_encoder *encoder = calloc(1, sizeof *encoder);

        if (!encoder)
                return NULL;
        if (disguise)
                encoder->disguise = *disguise;
        encoder->free_slot = JK_SLOT_NONE;
        return encoder;
}

void
jk_encoder_free(struct jk_encoder *encoder)
{
        if (!encoder)
                return;

        for (size_t i = 0; i < encoder->n_cgroups; i++)
                free(encoder->cgroups[i].path);
        free(encoder->cgroups);
        free(encoder->listed);
        jk_slots_free(&encoder->slots);
        jk_last_tick_free(&encoder->last);
        jk_map_free(&encoder->by_task);
        jk_map_free(&encoder->by_cgroup);
        jk_map_free(&encoder->users);
        jk_text_free(&encoder->body);
        free(encoder);
}

const char *
jk_encode_name(const struct jk_encoder *encoder, const char *name)
{
        const struct jk_disguise *disguise = &encoder->disguise;

        return disguise->name ? disguise->name(disguise->data, name) : name;
}

static const char *
path_to_say(const struct jk_encoder *encoder, const char *path)
{
        const struct jk_disguise *disguise = &encoder->disguise;

        return disguise->path ? disguise->path(disguise->data, path) : path;
}

void
jk_encode_string(struct jk_text *out, const char *string)
{
        jk_wire_put_bytes(out, string, strlen(string));
}

/* ---- messages ---- */

static void
put_message(enum jk_message kind, const struct jk_text *body, struct jk_text *out)
{
        uint32_t crc = jk_message_checksum(kind, body->data, body->length);

        jk_text_char(out, (char)kind);
        jk_wire_put_bytes(out, body->data, body->length);
        for (int shift = 0; shift < 32; shift += 8)
                jk_text_char(out, (char)(crc >> shift));
        out->failed |= body->failed;
}

void
jk_encode_header(struct jk_encoder *encoder, const char *json, struct jk_text *out)
{
        encoder->forgotten = true;
        encoder->slots.n = 0;
        encoder->free_slot = JK_SLOT_NONE;
        encoder->zones.count = 0;
        encoder->events.count = 0;
        jk_last_tick_forget(&encoder->last);
        jk_map_clear(&encoder->by_task);
        jk_map_clear(&encoder->users);

        jk_text_clear(&encoder->body);
        jk_text_string(&encoder->body, json);
        put_message(JK_MESSAGE_HEADER, &encoder->body, out);
}

/* What is outside of sysfs and procfs is somebody's own: a command, an address, a file. */
static void
put_source(struct jk_text *body, const struct jk_zone *zone, bool is_disguised)
{
        bool is_common =
                strncmp(zone->path, "sys/", 4) == 0 || strncmp(zone->path, "proc/", 5) == 0;

        jk_encode_string(body, zone->source);
        jk_encode_string(body, is_disguised && !is_common ? "" : zone->path);
}

static void
put_zone(struct jk_text *body, size_t index, const struct jk_zone *zone, bool is_disguised)
{
        jk_text_clear(body);
        jk_wire_put(body, index);
        jk_encode_string(body, zone->name);
        put_source(body, zone, is_disguised);
        jk_encode_string(body, jk_zone_kind_name(zone->kind));
        jk_encode_string(body, jk_provenance_name(zone->provenance));
        jk_wire_put_signed(body, zone->parent);
        jk_wire_put_signed(body, zone->package);
        jk_wire_put_signed(body, zone->die);
        jk_wire_put(body, zone->range_uj);
        jk_wire_put(body, zone->filtered);
        jk_wire_put_double(body, zone->uncertainty_pct);
        jk_wire_put_double(body, zone->idle_w);
        jk_wire_put_double(body, zone->limit_w);
        jk_wire_put_double(body, zone->max_w);
}

/* Those that are new, or are not as they were. */
static void
say_zones(struct jk_encoder *encoder, const struct jk_zone_table *zones, struct jk_text *out)
{
        for (size_t i = 0; zones && i < zones->count; i++) {
                struct jk_zone *said = &encoder->zones.zones[i];

                if (i < encoder->zones.count && jk_zone_same(said, &zones->zones[i]))
                        continue;
                *said = zones->zones[i];
                put_zone(&encoder->body, i, said, encoder->disguise.path);
                put_message(JK_MESSAGE_ZONE, &encoder->body, out);
        }
        encoder->zones.count = zones ? zones->count : 0;
}

/* Those that are new; or, where others are in their places, all of them: the one of index 0 has the
 * others forgotten. A tick without any leaves them as they are. */
static void
say_events(struct jk_encoder *encoder, const struct jk_event_table *events, struct jk_text *out)
{
        struct jk_event_table *said = &encoder->events;

        if (!events || events->count == 0)
                return;
        if (!jk_events_continue(events, said))
                said->count = 0;
        while (said->count < events->count) {
                const struct jk_event *event = &events->events[said->count];

                jk_text_clear(&encoder->body);
                jk_wire_put(&encoder->body, said->count);
                jk_encode_string(&encoder->body, event->name);
                jk_wire_put_signed(&encoder->body, event->package);
                put_message(JK_MESSAGE_EVENT, &encoder->body, out);
                said->events[said->count++] = *event;
        }
}

static int
say_users(struct jk_encoder *encoder, const struct jk_sample *sample,
          const char *(*user_name)(void *data, uid_t uid), void *user_data, struct jk_text *out)
{
        for (size_t i = 0; user_name && i < sample->n_tasks; i++) {
                uid_t uid = sample->tasks[i].uid;
                const char *name;

                if (uid == JK_UID_UNKNOWN || jk_map_get(&encoder->users, uid, NULL))
                        continue;
                name = user_name(user_data, uid);
                if (!name)
                        continue;
                if (jk_map_put(&encoder->users, uid, 0) < 0)
                        return -ENOMEM;

                jk_text_clear(&encoder->body);
                jk_wire_put(&encoder->body, uid);
                jk_encode_string(&encoder->body, jk_encode_name(encoder, name));
                put_message(JK_MESSAGE_USER, &encoder->body, out);
        }
        return 0;
}

/* ---- cgroups ---- */

static void
forget_cgroup(struct jk_encoder *encoder, uint64_t id)
{
        struct jk_encoded_cgroup *last;
        uint32_t place;

        if (!jk_map_get(&encoder->by_cgroup, id, &place))
                return;

        jk_map_remove(&encoder->by_cgroup, id);
        free(encoder->cgroups[place].path);
        last = &encoder->cgroups[--encoder->n_cgroups];
        if (place == encoder->n_cgroups)
                return;
        encoder->cgroups[place] = *last;
        (void)jk_map_put(&encoder->by_cgroup, last->id, place); /* it is there: cannot fail */
}

static int
remember_cgroup(struct jk_encoder *encoder, uint64_t id, const char *path)
{
        char *copy = strdup(path);
        size_t n;

        if (!copy)
                return -ENOMEM;
        forget_cgroup(encoder, id);
        n = encoder->n_cgroups;
        if (jk_array_grow(&encoder->cgroups, &encoder->cgroups_capacity, n + 1) < 0 ||
            jk_map_put(&encoder->by_cgroup, id, (uint32_t)n) < 0) {
                free(copy);
                return -ENOMEM;
        }
        encoder->cgroups[n].id = id;
        encoder->cgroups[n].path = copy;
        encoder->n_cgroups++;
        return 0;
}

/* Those that a reader from here would not know. */
static void
say_cgroups(struct jk_encoder *encoder, struct jk_text *out)
{
        for (size_t i = 0; i < encoder->n_cgroups; i++) {
                jk_text_clear(&encoder->body);
                jk_wire_put(&encoder->body, encoder->cgroups[i].id);
                jk_encode_string(&encoder->body, path_to_say(encoder, encoder->cgroups[i].path));
                put_message(JK_MESSAGE_CGROUP, &encoder->body, out);
        }
}

/* All of them, as far as memory goes: one that is not remembered has no name after the next header.
 */
static int
remember_cgroups(struct jk_encoder *encoder, const struct jk_sample *sample)
{
        int r = 0;

        for (size_t i = 0; i < sample->n_cgroups; i++) {
                const struct jk_cgroup_event *event = &sample->cgroups[i];

                if (event->kind == JK_CGROUP_VANISHED)
                        forget_cgroup(encoder, event->id);
                else if (remember_cgroup(encoder, event->id, jk_sample_cgroup_path(sample, event)) <
                         0)
                        r = -ENOMEM;
        }
        return r;
}

void
jk_encoder_skip(struct jk_encoder *encoder, const struct jk_sample *sample)
{
        (void)remember_cgroups(encoder, sample);
}

static void
put_cgroups(struct jk_encoder *encoder, const struct jk_sample *sample)
{
        jk_wire_put(&encoder->body, sample->n_cgroups);
        for (size_t i = 0; i < sample->n_cgroups; i++) {
                const struct jk_cgroup_event *event = &sample->cgroups[i];

                jk_wire_put(&encoder->body, event->id);
                jk_wire_put(&encoder->body, event->kind);
                jk_encode_string(&encoder->body,
                                 path_to_say(encoder, jk_sample_cgroup_path(sample, event)));
        }
}

static void
put_epc(struct jk_text *body, const struct jk_sample *sample)
{
        jk_wire_put(body, sample->n_epc);
        for (size_t i = 0; i < sample->n_epc; i++) {
                jk_wire_put(body, sample->epc[i].cgroup);
                jk_wire_put(body, sample->epc[i].bytes);
        }
}

/* ---- the tick ---- */

static void
put_instant(struct jk_encoder *encoder, const struct jk_sample *sample)
{
        struct jk_last_tick *last = &encoder->last;
        struct jk_text *body = &encoder->body;
        int64_t passed = sample->time.monotonic_ns - last->time.monotonic_ns;

        jk_wire_put_signed(body, (int64_t)(sample->sequence - last->sequence));
        jk_wire_put_signed(body, passed);
        jk_wire_put_signed(body, sample->time.realtime_ns - last->time.realtime_ns - passed);
        jk_wire_put_signed(body, sample->time.boottime_ns - last->time.boottime_ns - passed);
        jk_wire_put_signed(body, sample->elapsed_ns - passed);
        jk_wire_put_signed(body, sample->suspended_ns);
        jk_wire_put(body, sample->flags & ~(uint32_t)JK_SAMPLE_LIVE);
        jk_wire_put(body, sample->task_fields);
        jk_wire_put_signed(body, (int64_t)(sample->lost_events - last->lost_events));
        last->sequence = sample->sequence;
        last->time = sample->time;
        last->lost_events = sample->lost_events;
}

static void
put_readings(struct jk_text *body, const struct jk_sample *sample)
{
        size_t n = sample->zones ? sample->zones->count : 0;

        jk_wire_put(body, n);
        for (size_t i = 0; i < n; i++) {
                const struct jk_zone_reading *reading = &sample->readings[i];

                jk_wire_put(body, reading->flags);
                if (!(reading->flags & JK_READING_SEEN))
                        continue;
                jk_wire_put_signed(body, reading->energy_uj);
                jk_wire_put_signed(body, reading->elapsed_ns - sample->elapsed_ns);
        }
}

static int
put_tick(struct jk_encoder *encoder, const struct jk_sample *sample)
{
        int r;

        jk_text_clear(&encoder->body);
        put_instant(encoder, sample);
        put_readings(&encoder->body, sample);
        put_cgroups(encoder, sample);
        put_epc(&encoder->body, sample);
        r = jk_encode_cpus(encoder, sample);
        return r < 0 ? r : jk_encode_tasks(encoder, sample);
}

int
jk_encode_sample(struct jk_encoder *encoder, const struct jk_sample *sample,
                 const char *(*user_name)(void *data, uid_t uid), void *user_data,
                 struct jk_text *out)
{
        int r;

        if (encoder->forgotten)
                say_cgroups(encoder, out);
        encoder->forgotten = false;
        r = remember_cgroups(encoder, sample);
        say_zones(encoder, sample->zones, out);
        say_events(encoder, sample->events, out);
        if (r == 0)
                r = say_users(encoder, sample, user_name, user_data, out);
        if (r == 0)
                r = put_tick(encoder, sample);
        if (r < 0)
                return r;
        put_message(JK_MESSAGE_TICK, &encoder->body, out);
        return out->failed ? -ENOMEM : 0;
}
