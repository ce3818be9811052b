/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples as the messages of a recording, and back: docs/recording.md is the format. Both sides
 * keep the same memory of what was said before (zones, users, who sits in which slot), so that a
 * tick carries only what is new. No file here: bytes in, bytes out.
 */
#pragma once

#include "base/error.h"
#include "record/wire.h"
#include "sample/sample.h"

/* A message is its kind (one byte), the length of its body, the body, and the CRC-32 of kind and
 * body (four bytes, least significant first). */
enum jk_message {
        JK_MESSAGE_HEADER = 1, /* JSON: what, where, when, how; forget all that was said */
        JK_MESSAGE_ZONE = 2,
        JK_MESSAGE_USER = 3,
        JK_MESSAGE_CGROUP = 4, /* one that was there before this header */
        JK_MESSAGE_TICK = 5,
        JK_MESSAGE_EVENT = 6,
};

#define JK_MESSAGE_BYTES_MAX (16U << 20) /* some 300,000 tasks that are all new */

/* The flags of a task in a tick: its own, and whether its identity follows. */
#define JK_SLOT_FLAGS    63U
#define JK_SLOT_IDENTITY 64U

/* Nothing that a machine does in a tick is as much as this, in whatever unit: more is a fault. */
#define JK_RECORDED_MAX (UINT64_C(1) << 53)

/* As many counts of events, one per task and event, are in a tick at most. */
#define JK_RECORDED_COUNTS_MAX (1U << 24)

/* Its CRC-32. */
uint32_t jk_message_checksum(enum jk_message kind, const void *body, size_t length);

/* Whether a file that begins so can be a recording: it is compressed as one. */
bool jk_recording_begins(const unsigned char *bytes, size_t length);

/* ---- what both sides remember ---- */

struct jk_slot {
        struct jk_task_record task; /* as it was said last; its activity is of no meaning */
        uint32_t next;              /* for the encoder: the next free slot */
        bool used;
};

struct jk_slots {
        struct jk_slot *items;
        size_t n, capacity;
};

/* What may be seen of a CPU besides its times: columns.h. */
enum { JK_CPU_STATES = 3 };

struct jk_last_cpu {
        int64_t states[JK_CPU_STATES];
};

/* What the numbers of a tick are differences to. */
struct jk_last_tick {
        uint64_t sequence;
        struct jk_instant time;
        uint64_t lost_events;
        struct jk_last_cpu *cpus; /* by the place of the CPU in the sample */
        size_t n_cpus, capacity;
};

void jk_slots_free(struct jk_slots *slots);
void jk_last_tick_free(struct jk_last_tick *last);

void jk_last_tick_forget(struct jk_last_tick *last); /* as after a header; keeps the memory */

/* So many CPUs there are in this tick; nothing was said of those that were not in the one before. 0
 * or -ENOMEM. */
int jk_last_tick_set_cpus(struct jk_last_tick *last, size_t n);

/* ---- writing ---- */

struct jk_encoder;

/* Names to write instead of the true ones: a string that lives until the next call. */
struct jk_disguise {
        const char *(*name)(void *data, const char *name);
        const char *(*path)(void *data, const char *path);
        void *data;
};

/* disguise: NULL, or copied. NULL: out of memory. */
struct jk_encoder *jk_encoder_new(const struct jk_disguise *disguise);
void jk_encoder_free(struct jk_encoder *encoder);

/* Append a header, and forget what was said: whoever reads from here needs nothing from before.
 * json: as it is to stand there. */
void jk_encode_header(struct jk_encoder *encoder, const char *json, struct jk_text *out);

/* For a sample that is not to be written: what a later header needs of it. */
void jk_encoder_skip(struct jk_encoder *encoder, const struct jk_sample *sample);

/* Append what a sample says. user_name: as jk_ledger_publish() takes it, or NULL. 0 or -ENOMEM;
 * `out` then has to be thrown away, and the next thing to say is a header. */
int jk_encode_sample(struct jk_encoder *encoder, const struct jk_sample *sample,
                     const char *(*user_name)(void *data, uid_t uid), void *user_data,
                     struct jk_text *out);

/* ---- reading ---- */

struct jk_decoder;

struct jk_decoder *jk_decoder_new(void); /* NULL: out of memory */
void jk_decoder_free(struct jk_decoder *decoder);

/* Take one message's body. 1: it was a tick, and is in the sample, which borrows the decoder's
 * zones and events. 0: it was something else. Negative: it makes no sense (-EBADMSG), or memory ran
 * out; the decoder then needs a header before anything else. Messages of a kind that is not known
 * are left out. */
int jk_decode(struct jk_decoder *decoder, enum jk_message kind, const void *body, size_t length,
              struct jk_sample *sample, struct jk_error *err);

/* The last header's JSON, or NULL before the first. */
const char *jk_decoder_header(const struct jk_decoder *decoder);

/* A user's name, or NULL. */
const char *jk_decoder_user(const struct jk_decoder *decoder, uid_t uid);
