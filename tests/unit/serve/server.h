/* SPDX-License-Identifier: Apache-2.0
 *
 * A real server over loopback for each test, with deadlines short enough for one.
 */
#pragma once

#include "serve/http.h"
#include "tests/unit/serve/client.h"
#include "tests/unit/serve/fake-snapshot.h"

/* Under sanitizers and on a loaded machine everything takes longer: only tests of deadlines have
 * short ones. */
#define DEADLINE_MS 400

struct fixture {
        struct jk_shelf shelf;
        struct jk_server *server;
        int port;
};

static const struct jk_http_limits patient = {
        .request_ns = 60 * JK_NS_PER_S,
        .reply_ns = 60 * JK_NS_PER_S,
        .idle_ns = 60 * JK_NS_PER_S,
        .connections = 64,
        .connections_per_address = 64,
        .in_flight_bytes = 64 << 20,
};

static const struct jk_http_limits hurried = {
        .request_ns = DEADLINE_MS * JK_NS_PER_MS,
        .reply_ns = DEADLINE_MS * JK_NS_PER_MS,
        .idle_ns = DEADLINE_MS * JK_NS_PER_MS,
        .connections = 64,
        .connections_per_address = 64,
        .in_flight_bytes = 64 << 20,
};

static const struct jk_serve_options options = {
        .listen = "127.0.0.1:0",
        .metrics_processes = 20,
        .metrics_cgroups = -1,
};

static inline void
start(struct fixture *f, const struct jk_http_limits *limits)
{
        struct jk_error err = { "" };

        if (jk_http_start(&options, limits, &f->shelf, &f->server, &err) < 0)
                fail_msg("%s", err.message);
        f->port = jk_serve_port(f->server);
}

static inline int
setup_with(void **state, int n_tasks)
{
        struct fixture *f = calloc(1, sizeof *f);

        if (!f)
                return -1;
        jk_shelf_init(&f->shelf);
        jk_shelf_publish(&f->shelf, fake_machine(&f->shelf, 4, n_tasks));
        *state = f;
        return 0;
}

static inline int
setup(void **state)
{
        int r = setup_with(state, 200);

        if (r == 0)
                start(*state, &patient);
        return r;
}

/* For tests that start it with other limits. */
static inline int
setup_stopped(void **state)
{
        return setup_with(state, 10000);
}

/* A reader that kept its reference would be seen here (and by the leak checker). */
static inline int
teardown(void **state)
{
        struct fixture *f = *state;

        jk_serve_stop(f->server);
        assert_int_equal(f->shelf.current->references, 1);
        jk_shelf_destroy(&f->shelf);
        free(f);
        return 0;
}

static inline void
assert_still_answers(const struct fixture *f)
{
        autoreply reply = { 0 };

        reply_get(f->port, "GET", "/healthz", "", &reply);
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.body, "alive\n");
}

static inline int64_t
metric(const struct fixture *f, const char *name)
{
        autoreply reply = { 0 };
        char line[128];
        const char *found;

        reply_get(f->port, "GET", "/metrics", "", &reply);
        snprintf(line, sizeof line, "\n%s ", name);
        found = strstr(reply.body, line);
        return found ? strtoll(found + strlen(line), NULL, 10) : -1;
}

#define served(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
#define stopped(f) cmocka_unit_test_setup_teardown(f, setup_stopped, teardown)
