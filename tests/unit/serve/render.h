/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking the routes without a server: each test has a shelf and gets replies as text or JSON.
 */
#pragma once

#include <jansson.h>

#include "serve/route.h"
#include "tests/unit/serve/fake-snapshot.h"

struct renderer {
        struct jk_shelf shelf;
        struct jk_serve_stats stats;
        struct jk_serve_scratch scratch;
        struct jk_text body;
        struct jk_reply reply;
        int64_t processes, cgroups;
        const char *accept;
};

static inline int
renderer_setup(void **state)
{
        struct renderer *r = calloc(1, sizeof *r);

        if (!r)
                return -1;
        jk_shelf_init(&r->shelf);
        r->processes = 20;
        r->cgroups = -1;
        *state = r;
        return 0;
}

static inline int
renderer_teardown(void **state)
{
        struct renderer *r = *state;

        jk_shelf_destroy(&r->shelf);
        jk_serve_scratch_free(&r->scratch);
        jk_text_free(&r->body);
        free(r);
        return 0;
}

/* The body of a GET; its status and type are in r->reply. */
static inline const char *
get(struct renderer *r, const char *path, const char *query)
{
        struct jk_snapshot *snapshot = jk_shelf_take(&r->shelf);
        struct jk_request request = {
                .path = path,
                .query = query,
                .accept = r->accept,
                .snapshot = snapshot,
                .now_ns = jk_monotonic_ns(),
                .metrics_processes = r->processes,
                .metrics_cgroups = r->cgroups,
                .stats = &r->stats,
                .scratch = &r->scratch,
        };

        jk_text_clear(&r->body);
        r->reply = (struct jk_reply){ .body = &r->body };
        jk_route_answer(&request, &r->reply);
        if (snapshot)
                jk_shelf_put_back(&r->shelf, snapshot);
        assert_false(r->body.failed);
        assert_non_null(r->reply.type);
        return r->body.data ? r->body.data : "";
}

/* The reply as JSON, which must be valid to jansson (which checks UTF-8, too). */
static inline json_t *
get_json(struct renderer *r, const char *path, const char *query)
{
        json_error_t error;
        const char *text = get(r, path, query);
        json_t *json = json_loadb(text, r->body.length, JSON_REJECT_DUPLICATES, &error);

        if (!json)
                fail_msg("%s?%s: %s at %d in %.300s", path, query, error.text, error.position,
                         text);
        return json;
}

#define renderer_test(f) cmocka_unit_test_setup_teardown(f, renderer_setup, renderer_teardown)
