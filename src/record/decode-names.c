/* SPDX-License-Identifier: Apache-2.0
 *
 * Users and cgroups of a recording: see decoder.h. Names stay for as long as the decoder does, as
 * samples and books refer to them by id.
 */
#include <errno.h>
#include <string.h>

#include "record/decoder.h"

#define STRING_MAX  (1U << 20)   /* a cgroup's path may be longer than PATH_MAX */
#define STRINGS_MAX (256U << 20) /* all that is remembered */
#define CGROUPS_MAX (1U << 20)

/* A string of any length in place of the scratch's; or NULL, as memory ran out. */
static const char *
get_long_string(struct jk_decoder *decoder, struct jk_wire *in)
{
        size_t length;
        const char *bytes = jk_wire_get_bytes(in, STRING_MAX, &length);

        if (memchr(bytes, '\0', length))
                jk_wire_fail(in, "has a string with a NUL in it");
        jk_text_clear(&decoder->scratch);
        jk_text_bytes(&decoder->scratch, bytes, length);
        jk_text_bytes(&decoder->scratch, "", 0);
        if (!decoder->scratch.failed)
                return decoder->scratch.data ? decoder->scratch.data : "";
        decoder->scratch.failed = false;
        return NULL;
}

/* Put a string where it stays: 0 or -ENOMEM. */
static int
keep_string(struct jk_decoder *decoder, struct jk_wire *in, const char *string,
            uint32_t *ret_offset)
{
        struct jk_text *strings = &decoder->strings;
        size_t before = strings->length, length = strlen(string) + 1;

        if (length > STRINGS_MAX - before) {
                jk_wire_fail(in, "has more names than can be remembered");
                length = 0;
        }
        jk_text_bytes(strings, string, length);
        *ret_offset = (uint32_t)before;
        if (!strings->failed)
                return 0;
        strings->failed = false;
        strings->length = before;
        return -ENOMEM;
}

/* The latest name is the true one. */
int
jk_decode_user(struct jk_decoder *decoder, struct jk_wire *in)
{
        uid_t uid = (uid_t)jk_wire_get_max(in, UINT32_MAX, "has a user id of more than 32 bits");
        const char *name = get_long_string(decoder, in);
        uint32_t offset;
        int r;

        if (!name)
                return -ENOMEM;
        if (jk_map_get(&decoder->users, uid, &offset) &&
            strcmp(decoder->strings.data + offset, name) == 0)
                return 0;
        r = keep_string(decoder, in, name, &offset);
        return r < 0 || in->fault ? r : jk_map_put(&decoder->users, uid, offset);
}

/* ---- cgroups ---- */

/* A path that is known already is kept once. */
static int
note_cgroup(struct jk_decoder *decoder, struct jk_wire *in, struct jk_map *map, uint64_t id,
            const char *path)
{
        uint32_t offset;
        int r;

        if (!jk_map_get(&decoder->cgroups, id, &offset) ||
            strcmp(decoder->strings.data + offset, path) != 0) {
                r = keep_string(decoder, in, path, &offset);
                if (r < 0)
                        return r;
        }
        if (map->count >= CGROUPS_MAX)
                jk_wire_fail(in, "has too many cgroups");
        return in->fault ? 0 : jk_map_put(map, id, offset);
}

int
jk_decode_cgroup(struct jk_decoder *decoder, struct jk_wire *in)
{
        uint64_t id = jk_wire_get(in);
        const char *path = get_long_string(decoder, in);

        if (!path)
                return -ENOMEM;
        return in->fault ? 0 : note_cgroup(decoder, in, &decoder->told, id, path);
}

int
jk_decode_cgroup_events(struct jk_decoder *decoder, struct jk_wire *in, struct jk_sample *sample)
{
        size_t n = jk_wire_get_max(in, jk_wire_left(in), "ends within its cgroups");
        int r = 0;

        for (size_t i = 0; i < n && r == 0 && !in->fault; i++) {
                uint64_t id = jk_wire_get(in);
                enum jk_cgroup_event_kind kind = (enum jk_cgroup_event_kind)jk_wire_get_max(
                        in, JK_CGROUP_VANISHED, "has an unknown event of a cgroup");
                const char *path = get_long_string(decoder, in);

                if (!path)
                        return -ENOMEM;
                if (in->fault)
                        break;
                if (kind == JK_CGROUP_VANISHED)
                        jk_map_remove(&decoder->cgroups, id);
                else
                        r = note_cgroup(decoder, in, &decoder->cgroups, id, path);
                if (r == 0)
                        r = jk_sample_add_cgroup(sample, id, kind, path);
        }
        return r;
}

/* Every cgroup of one map that the other has not, or has under another path, as an event. */
static int
add_differing(const struct jk_decoder *decoder, const struct jk_map *from,
              const struct jk_map *other, enum jk_cgroup_event_kind kind, struct jk_sample *sample)
{
        int r = 0;

        for (size_t i = 0; i < from->capacity && r == 0; i++) {
                const struct jk_map_slot *slot = &from->slots[i];
                uint32_t offset;
                bool there = slot->used && jk_map_get(other, slot->key, &offset);

                if (!slot->used || (there && (kind == JK_CGROUP_VANISHED || offset == slot->value)))
                        continue;
                r = jk_sample_add_cgroup(sample, slot->key, kind,
                                         decoder->strings.data + slot->value);
        }
        return r;
}

/* After a header that said which cgroups there are: those of which ticks that are not here would
 * have told. */
int
jk_decode_missed_cgroups(struct jk_decoder *decoder, struct jk_sample *sample)
{
        struct jk_map known = decoder->cgroups;
        int r;

        if (!decoder->has_told)
                return 0;
        decoder->has_told = false;
        r = add_differing(decoder, &decoder->told, &known, JK_CGROUP_APPEARED, sample);
        if (r == 0)
                r = add_differing(decoder, &known, &decoder->told, JK_CGROUP_VANISHED, sample);
        decoder->cgroups = decoder->told;
        decoder->told = known;
        jk_map_clear(&decoder->told);
        return r;
}
