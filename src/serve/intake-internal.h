/* SPDX-License-Identifier: Apache-2.0
 *
 * What intake.c and upload.c share.
 */
#pragma once

#include <pthread.h>

#include "serve/intake.h"

#define JK_UPLOADS_MAX    2  /* at once */
#define JK_INTAKE_RESULTS 64 /* that are remembered */
#define JK_UPLOAD_SUFFIX  ".part"

struct jk_upload {
        struct jk_intake *intake;
        bool used;
        int fd;
        uint64_t length, written; /* as its sender said; so far */
        int64_t until_ns;
        char id[JK_INTAKE_ID_SIZE];
        struct jk_verdict failed; /* status 0: nothing has */
};

struct jk_intake {
        int at, incoming_at; /* the directories */
        int arrival_fd;
        struct jk_intake_options limits; /* its strings are not kept */
        bool has_token;
        char token[JK_SHA256_HEX_SIZE]; /* its SHA-256 */

        /* the serving thread's */
        struct jk_upload uploads[JK_UPLOADS_MAX];
        uint64_t bytes;
        size_t recordings;
        int64_t counted_ns; /* monotonic */

        pthread_mutex_t lock; /* of what follows */

        struct jk_intake_result results[JK_INTAKE_RESULTS];
        size_t next; /* of them: to be used */
};

/* Count what is there, with what uploads have yet to bring. It is done anew each time: the
 * directory is also its owner's, who may take files out. */
void jk_intake_count(struct jk_intake *intake);
