/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies of replies: see body.h.
 */
#include "serve/body.h"

#include <stdlib.h>

#include "serve/gzip.h"

enum {
        KEPT_MAX = 4,
        KEPT_BYTES_MAX = 256 << 10, /* a larger one was an exception: its memory is given back */
};

static void
free_body(struct jk_body *body)
{
        jk_text_free(&body->text);
        free(body);
}

void
jk_bodies_free(struct jk_bodies *pool)
{
        while (pool->free) {
                struct jk_body *body = pool->free;

                pool->free = body->next;
                free_body(body);
        }

        jk_gzip_close(pool->gzip);
        *pool = (struct jk_bodies){ 0 };
}

struct jk_body *
jk_body_take(struct jk_bodies *pool)
{
        struct jk_body *body = pool->free;

        if (body) {
                pool->free = body->next;
                pool->n_free--;
                jk_text_clear(&body->text);
                return body;
        }

        body = calloc(1, sizeof *body);
        if (body)
                body->pool = pool;
        return body;
}

void
jk_body_put_back(struct jk_body *body)
{
        struct jk_bodies *pool = body->pool;

        if (pool->n_free == KEPT_MAX) {
                free_body(body);
                return;
        }

        if (body->text.capacity > KEPT_BYTES_MAX)
                jk_text_free(&body->text);
        body->next = pool->free;
        pool->free = body;
        pool->n_free++;
}

struct jk_body *
jk_body_compress(struct jk_body *body, bool *ret_compressed)
{
        struct jk_bodies *pool = body->pool;
        struct jk_body *compressed;

        *ret_compressed = false;
        if (!pool->gzip)
                pool->gzip = jk_gzip_open();
        if (!pool->gzip)
                return body;

        compressed = jk_body_take(pool);
        if (!compressed)
                return body;
        if (jk_gzip_append(pool->gzip, &body->text, &compressed->text) < 0) {
                jk_body_put_back(compressed);
                return body;
        }

        jk_body_put_back(body);
        *ret_compressed = true;
        return compressed;
}

void
jk_body_send(struct jk_body *body)
{
        body->pool->in_flight_bytes += body->text.length;
}

void
jk_body_sent(void *data)
{
        struct jk_body *body = data;

        body->pool->in_flight_bytes -= body->text.length;
        jk_body_put_back(body);
}
