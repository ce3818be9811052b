/* SPDX-License-Identifier: Apache-2.0
 *
 * Recordings that others send, for training (docs/model-server.md): who may send, how much there is
 * room for, and what became of each. What comes goes to a file, piece by piece; nothing of it is
 * looked at here, nor in this process. A file that is whole lies in DIRECTORY/incoming until
 * somebody else has checked it and says so (jk_intake_tell()); the checked ones lie in DIRECTORY.
 *
 * Uploads are the serving thread's, and so is how much room there is; the rest may be called from
 * any.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/sha256.h"

#define JK_INTAKE_ID_SIZE   33 /* of an upload: 128 random bits, which only its sender knows */
#define JK_INTAKE_TOKEN_MIN 16 /* characters */
#define JK_INTAKE_INCOMING  "incoming"
#define JK_INTAKE_SUFFIX    ".jkr"

struct jk_intake;
struct jk_upload;

struct jk_intake_options {
        const char *directory;
        const char *token; /* what a sender has to know; NULL or "": nobody may send */
        uint64_t recording_bytes_max;
        uint64_t bytes_max; /* of all */
        size_t recordings_max;
};

/* Make the directory where there is none, and remove what was cut off in it. -EINVAL: the token is
 * too short. The token itself is not kept. */
int jk_intake_open(const struct jk_intake_options *options, struct jk_intake **ret_intake,
                   struct jk_error *err);
void jk_intake_close(struct jk_intake *intake); /* may be NULL; uploads were dropped before */

/* ---- uploads ---- */

/* Headers of a request to send; NULL where there is none. */
struct jk_upload_head {
        const char *authorization, *origin;
        const char *type, *encoding;   /* Content-Type, Content-Encoding */
        const char *transfer, *length; /* Transfer-Encoding, Content-Length */
};

/* An HTTP status, and why if it is none of success. */
struct jk_verdict {
        unsigned int status;
        struct jk_error why;
};

#define JK_VERDICT_GOOD 202

/* May it be sent? If so, its upload. `intake` may be NULL: then nothing may. */
void jk_upload_begin(struct jk_intake *intake, const struct jk_upload_head *head,
                     struct jk_upload **ret_upload, struct jk_verdict *ret_verdict);

/* A piece. What cannot be written is told by jk_upload_end(); pieces after it are dropped. */
void jk_upload_add(struct jk_upload *upload, const void *bytes, size_t length);

/* It is whole: from now on it waits to be checked. The upload is no more. */
void jk_upload_end(struct jk_upload *upload, char ret_id[static JK_INTAKE_ID_SIZE],
                   struct jk_verdict *ret_verdict);

/* It will not be whole: nothing stays of it. */
void jk_upload_drop(struct jk_upload *upload);

/* Monotonic time until which it has to be whole. */
int64_t jk_upload_until_ns(const struct jk_upload *upload);

/* ---- what became of them ---- */

enum jk_intake_state { JK_INTAKE_WAITING, JK_INTAKE_TAKEN, JK_INTAKE_REFUSED };

struct jk_intake_result {
        char id[JK_INTAKE_ID_SIZE];
        enum jk_intake_state state;
        char sha256[JK_SHA256_HEX_SIZE]; /* of one that was taken */
        uint64_t ticks;                  /* … that are whole in it */
        bool cut;                        /* … and it ends within one that is not */
        char reason[400];                /* of one that was refused */
};

const char *jk_intake_state_name(enum jk_intake_state state); /* "waiting" */

/* For whoever checks: readable, as an eventfd(2), once something has come. */
int jk_intake_arrival_fd(const struct jk_intake *intake);
void jk_intake_tell(struct jk_intake *intake, const struct jk_intake_result *result);

/* Of the last ones. */
bool jk_intake_find(struct jk_intake *intake, const char *id, struct jk_intake_result *ret_result);

struct jk_intake_room {
        uint64_t recording_bytes_max, bytes_max,
                bytes; /* bytes and recordings: when counted last */
        size_t recordings_max, recordings;
        bool has_token;
};

/* For the serving thread. */
void jk_intake_room(struct jk_intake *intake, struct jk_intake_room *ret_room);
