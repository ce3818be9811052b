/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the encoder share: encode.c writes messages and ticks, encode-cpus.c and
 * encode-tasks.c the CPUs and the tasks of one.
 */
#pragma once

#include "base/map.h"
#include "record/codec.h"

#define JK_SLOT_NONE UINT32_MAX

struct jk_encoded_cgroup {
        uint64_t id;
        char *path;
};

struct jk_encoder {
        struct jk_disguise disguise;
        bool forgotten; /* nothing was said since the header */

        struct jk_slots slots;
        uint32_t free_slot;
        struct jk_map by_task; /* task_key() -> slot */
        uint32_t *listed;      /* the slots of the sample's tasks */
        size_t listed_capacity;

        struct jk_zone_table zones;
        struct jk_event_table events;
        struct jk_map users; /* uid -> nothing */

        struct jk_encoded_cgroup *cgroups;
        size_t n_cgroups, cgroups_capacity;
        struct jk_map by_cgroup; /* id -> place in cgroups */

        struct jk_last_tick last;
        struct jk_text body;
};

/* A name as it is to be written: as it is, or disguised. */
const char *jk_encode_name(const struct jk_encoder *encoder, const char *name);
void jk_encode_string(struct jk_text *out, const char *string);

/* Append to the body what the CPUs did, and what was seen of them: 0 or -ENOMEM. */
int jk_encode_cpus(struct jk_encoder *encoder, const struct jk_sample *sample);

/* Append to the body who the tasks are and what they did: 0 or -ENOMEM. */
int jk_encode_tasks(struct jk_encoder *encoder, const struct jk_sample *sample);
