/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies of replies: bytes that have to stay until the client has taken them. A few are kept for
 * the next replies; what clients have yet to take is counted, as slow ones could make it large.
 */
#pragma once

#include "base/text.h"

struct jk_bodies;

struct jk_body {
        struct jk_bodies *pool;
        struct jk_text text;
        struct jk_body *next;
};

/* Zero-initialised is empty. Not thread-safe: it is the server thread's own. */
struct jk_bodies {
        struct jk_body *free;
        size_t n_free;
        size_t in_flight_bytes;
        struct jk_gzip *gzip; /* NULL until it is needed */
};

void jk_bodies_free(struct jk_bodies *pool);

/* An empty body, or NULL if memory ran out. */
struct jk_body *jk_body_take(struct jk_bodies *pool);
void jk_body_put_back(struct jk_body *body);

/* The body compressed, in its place, or the body as it is if memory ran out. */
struct jk_body *jk_body_compress(struct jk_body *body, bool *ret_compressed);

/* It is being sent; once that is over, jk_body_sent() (of libmicrohttpd's type) puts it back. */
void jk_body_send(struct jk_body *body);
void jk_body_sent(void *data);
