/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the decoder share: decode.c reads messages and ticks, decode-zones.c,
 * -events.c, -names.c, -cpus.c and -tasks.c what is in them. A fault is remembered in the wire
 * (wire.h); a negative return value is -ENOMEM.
 */
#pragma once

#include "base/map.h"
#include "record/codec.h"

struct jk_decoder {
        char *header;
        bool ready; /* a header was read, and nothing failed since */

        struct jk_zone_table zones;
        bool zones_checked;
        int64_t energy_uj; /* all that was read: any sum of it has to fit the ledger */
        struct jk_event_table events_said; /* since the header */
        struct jk_event_table events[2];   /* the one of the two that is lent to samples */
        bool lent;
        struct jk_slots slots;
        struct jk_last_tick last;

        uint32_t *listed;
        size_t listed_capacity;

        struct jk_map users; /* uid -> offset in strings */
        struct jk_text strings;
        struct jk_text scratch; /* the latest string */

        /* Those that there are, by the last tick and by the messages since a header. */
        struct jk_map cgroups, told; /* id -> offset of the path in strings */
        bool has_told;               /* a header was read since the last tick */
};

/* A string of so many bytes at most, its NUL included, into the buffer. */
void jk_decode_string(struct jk_wire *in, char *buffer, size_t size);

/* A number by its difference to the one that was to be expected; never negative. */
int64_t jk_decode_near(struct jk_wire *in, int64_t expected);

/* ---- zones (decode-zones.c) ---- */

void jk_decode_zone(struct jk_decoder *decoder, struct jk_wire *in);

/* Whether the zones can be used: their parents are there, and end at the top. */
void jk_decode_check_zones(struct jk_decoder *decoder, struct jk_wire *in);

/* ---- events (decode-events.c) ---- */

void jk_decode_event(struct jk_decoder *decoder, struct jk_wire *in);

/* How many a tick counts, none or all, into the sample before its tasks; and the counts of its
 * tasks. */
void jk_decode_events(struct jk_decoder *decoder, struct jk_wire *in, struct jk_sample *sample);
void jk_decode_counts(struct jk_wire *in, struct jk_sample *sample);

/* ---- users and cgroups (decode-names.c) ---- */

int jk_decode_user(struct jk_decoder *decoder, struct jk_wire *in);
int jk_decode_cgroup(struct jk_decoder *decoder, struct jk_wire *in);

/* After a header that said which cgroups there are: those of which ticks that are not here would
 * have told, into the sample. */
int jk_decode_missed_cgroups(struct jk_decoder *decoder, struct jk_sample *sample);

int jk_decode_cgroup_events(struct jk_decoder *decoder, struct jk_wire *in,
                            struct jk_sample *sample);

/* ---- CPUs (decode-cpus.c) ---- */

int jk_decode_cpus(struct jk_decoder *decoder, struct jk_wire *in, struct jk_sample *sample);

/* ---- tasks (decode-tasks.c) ---- */

int jk_decode_tasks(struct jk_decoder *decoder, struct jk_wire *in, struct jk_sample *sample);
