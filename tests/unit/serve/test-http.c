/* SPDX-License-Identifier: Apache-2.0
 *
 * The real server over loopback: what it answers, and that no client, however slow, rude or
 * numerous, keeps others from being answered.
 */
#include "tests/unit/test.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <zlib.h>

#include "serve/http.h"
#include "tests/unit/serve/client.h"
#include "tests/unit/serve/fake-snapshot.h"

/* Under sanitizers and on a loaded machine everything takes longer; what must be soon is soon
 * against the deadlines, which are this much. */
#define DEADLINE_MS 400

struct fixture {
        struct jk_shelf shelf;
        struct jk_server *server;
        int port;
};

static const struct jk_http_limits test_limits = {
        .request_ns = DEADLINE_MS * JK_NS_PER_MS,
        .reply_ns = DEADLINE_MS * JK_NS_PER_MS,
        .idle_ns = DEADLINE_MS * JK_NS_PER_MS,
        .connections = 64,
        .connections_per_address = 64,
        .in_flight_bytes = 1 << 20,
};

static const struct jk_serve_options options = {
        .listen = "127.0.0.1:0",
        .metrics_processes = 20,
        .metrics_cgroups = -1,
};

static void
start(struct fixture *f, const struct jk_http_limits *limits)
{
        struct jk_error err = { "" };

        if (jk_http_start(&options, limits, &f->shelf, &f->server, &err) < 0)
                fail_msg("%s", err.message);
        f->port = jk_serve_port(f->server);
}

static int
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

static int
setup(void **state)
{
        int r = setup_with(state, 200);

        if (r == 0)
                start(*state, &test_limits);
        return r;
}

/* For tests that start it with other limits. */
static int
setup_stopped(void **state)
{
        return setup_with(state, 10000);
}

/* A reader that kept its reference would be seen here (and by the leak checker). */
static int
teardown(void **state)
{
        struct fixture *f = *state;

        jk_serve_stop(f->server);
        assert_int_equal(f->shelf.current->references, 1);
        jk_shelf_destroy(&f->shelf);
        free(f);
        return 0;
}

static void
assert_still_answers(const struct fixture *f)
{
        autoreply reply = { 0 };

        reply_get(f->port, "GET", "/healthz", "", &reply);
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.body, "alive\n");
}

static int64_t
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

/* ---- what it answers ---- */

static void
every_path_is_answered_with_its_type(void **state)
{
        const struct fixture *f = *state;
        static const struct {
                const char *uri;
                int status;
                const char *type;
        } rows[] = {
                { "/", 200, "text/html; charset=utf-8" },
                { "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8" },
                { "/metrics?whatever=1", 200, "text/plain; version=0.0.4; charset=utf-8" },
                { "/api/v1/status", 200, "application/json" },
                { "/api/v1/zones", 200, "application/json" },
                { "/api/v1/accounts?dimension=user", 200, "application/json" },
                { "/api/v1/accounts?dimension=x", 400, "application/problem+json" },
                { "/api/v1/balance", 200, "application/json" },
                { "/healthz", 200, "text/plain; charset=utf-8" },
                { "/readyz", 200, "text/plain; charset=utf-8" },
                { "/metrics/", 404, "application/problem+json" },
                { "/metrics%00x", 404, "application/problem+json" },
                { "/../metrics", 404, "application/problem+json" },
                { "//", 404, "application/problem+json" },
        };

        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                autoreply reply = { 0 };

                reply_get(f->port, "GET", rows[i].uri, "", &reply);
                if (reply.status != rows[i].status)
                        fail_msg("%s: %d", rows[i].uri, reply.status);
                assert_string_equal(reply_header(&reply, "Content-Type"), rows[i].type);
                assert_string_equal(reply_header(&reply, "X-Content-Type-Options"), "nosniff");
                assert_string_equal(reply_header(&reply, "Cache-Control"), "no-store");
                assert_int_equal(strtol(reply_header(&reply, "Content-Length"), NULL, 10),
                                 reply.body_length);
        }
}

static void
the_page_forbids_scripts(void **state)
{
        const struct fixture *f = *state;
        autoreply reply = { 0 };

        reply_get(f->port, "GET", "/", "", &reply);
        assert_non_null(
                strstr(reply_header(&reply, "Content-Security-Policy"), "default-src 'none'"));
        assert_null(strstr(reply.body, "<script"));
}

static void
formats_are_negotiated(void **state)
{
        const struct fixture *f = *state;
        autoreply reply = { 0 };

        reply_get(f->port, "GET", "/metrics",
                  "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n",
                  &reply);
        assert_string_equal(reply_header(&reply, "Content-Type"),
                            "application/openmetrics-text; version=1.0.0; charset=utf-8");
        assert_string_equal(reply_header(&reply, "Vary"), "Accept, Accept-Encoding");
        assert_string_equal(reply.body + reply.body_length - 6, "# EOF\n");
}

static void
inflate_body(const struct reply *reply, struct jk_text *text)
{
        z_stream stream = { 0 };
        char piece[4096];
        int status;

        assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
        stream.next_in = (Bytef *)reply->body;
        stream.avail_in = (uInt)reply->body_length;
        do {
                stream.next_out = (Bytef *)piece;
                stream.avail_out = sizeof piece;
                status = inflate(&stream, Z_NO_FLUSH);
                jk_text_bytes(text, piece, sizeof piece - stream.avail_out);
        } while (status == Z_OK);
        inflateEnd(&stream);
        assert_int_equal(status, Z_STREAM_END);
        assert_int_equal(stream.avail_in, 0);
}

static void
gzip_is_the_same_body_in_fewer_bytes(void **state)
{
        const struct fixture *f = *state;

        for (int round = 0; round < 3; round++) { /* the compressor is used again */
                autoreply plain = { 0 }, packed = { 0 };
                jk_autotext struct jk_text unpacked = { 0 };

                reply_get(f->port, "GET", "/api/v1/accounts", "", &plain);
                assert_string_equal(reply_header(&plain, "Content-Encoding"), "");
                reply_get(f->port, "GET", "/api/v1/accounts", "Accept-Encoding: br, gzip\r\n",
                          &packed);
                assert_string_equal(reply_header(&packed, "Content-Encoding"), "gzip");
                assert_true(packed.body_length * 3 < plain.body_length);
                inflate_body(&packed, &unpacked);
                assert_int_equal(unpacked.length, plain.body_length);
                assert_memory_equal(unpacked.data, plain.body, plain.body_length);
        }
}

static void
gzip_is_left_out_where_it_is_small_or_unwanted(void **state)
{
        const struct fixture *f = *state;
        autoreply reply = { 0 };

        reply_get(f->port, "GET", "/healthz", "Accept-Encoding: gzip\r\n", &reply);
        assert_string_equal(reply_header(&reply, "Content-Encoding"), "");
        reply_get(f->port, "GET", "/metrics", "Accept-Encoding: gzip;q=0, identity\r\n", &reply);
        assert_string_equal(reply_header(&reply, "Content-Encoding"), "");
        assert_string_equal(reply_header(&reply, "Vary"), "Accept, Accept-Encoding");
}

static void
head_is_get_without_the_body(void **state)
{
        const struct fixture *f = *state;
        autoreply head = { 0 }, whole = { 0 };

        reply_get(f->port, "HEAD", "/api/v1/accounts", "", &head);
        reply_get(f->port, "GET", "/api/v1/accounts", "", &whole);
        assert_int_equal(head.status, 200);
        assert_int_equal(head.body_length, 0);
        assert_int_equal(strtol(reply_header(&head, "Content-Length"), NULL, 10),
                         whole.body_length);
        assert_string_equal(reply_header(&head, "Content-Type"), "application/json");
}

static void
other_methods_are_refused(void **state)
{
        const struct fixture *f = *state;
        static const char *const methods[] = { "POST",  "PUT",  "DELETE", "OPTIONS",
                                               "TRACE", "BREW", "get" };

        for (size_t i = 0; i < JK_COUNT(methods); i++) {
                autoreply reply = { 0 };

                reply_get(f->port, methods[i], "/metrics", "Content-Length: 0\r\n", &reply);
                if (reply.status != 405)
                        fail_msg("%s: %d", methods[i], reply.status);
                assert_string_equal(reply_header(&reply, "Allow"), "GET, HEAD");
        }
        assert_still_answers(f);
}

static void
a_get_with_a_body_is_answered(void **state)
{
        const struct fixture *f = *state;
        autoreply reply = { 0 };
        int fd = client_connect(f->port);

        client_say(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                       "Content-Length: 5\r\n\r\nhello");
        reply_read(fd, &reply);
        close(fd);
        assert_int_equal(reply.status, 200);
}

static void
connections_are_kept_alive(void **state)
{
        const struct fixture *f = *state;
        int fd = client_connect(f->port);
        char buffer[1024];

        for (int i = 0; i < 5; i++) {
                ssize_t n;

                assert_true(client_say(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"));
                assert_true(client_wait(fd, CLIENT_PATIENCE_MS));
                n = read(fd, buffer, sizeof buffer - 1);
                assert_true(n > 0);
                buffer[n] = '\0';
                assert_non_null(strstr(buffer, "200 OK"));
        }

        /* … but not for ever. */
        assert_true(client_wait(fd, CLIENT_PATIENCE_MS));
        assert_int_equal(read(fd, buffer, sizeof buffer), 0);
        close(fd);
        assert_int_equal(metric(f, "joulekeeper_http_cut_connections_total"), 0);
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
        const struct fixture *f = *state;
        jk_autotext struct jk_text text = { 0 };
        int fd = client_connect(f->port);

        client_say(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                       "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
                       "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        client_read_all(fd, &text);
        close(fd);
        assert_non_null(strstr(text.data, "alive\n"));
        assert_non_null(strstr(strstr(text.data, "alive\n"), "404"));
        assert_non_null(strstr(strstr(text.data, "404"), "ready\n"));
}

/* ---- rude clients ---- */

static void
malformed_requests_crash_nothing(void **state)
{
        const struct fixture *f = *state;
        static const char *const requests[] = {
                "\r\n\r\n\r\n",
                "GET\r\n\r\n",
                "GET /metrics\r\n\r\n",
                "GET /metrics HTTP/9.9\r\n\r\n",
                "GET /metrics HTTP/1.1\r\n\r\n", /* no Host */
                "GET  /metrics  HTTP/1.1 \r\nHost: x\r\n\r\n",
                "GET metrics HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET http://x/metrics HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
                "GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                "GET /metrics HTTP/1.1\r\nHost x\r\n : y\r\n\r\n",
                "GET /api/v1/accounts?%%%&&==&=%f HTTP/1.1\r\nHost: x\r\n\r\n",
                "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", /* TLS */
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                "\xff\xfe\xfd\xfc\r\n\r\n",
        };

        for (size_t i = 0; i < JK_COUNT(requests); i++) {
                autoreply reply = { 0 };
                int fd = client_connect(f->port);

                client_say(fd, requests[i]);
                shutdown(fd, SHUT_WR);
                reply_read(fd, &reply);
                close(fd);
                assert_true(reply.status < 500 || reply.status == 505);
                assert_still_answers(f);
        }
}

static void
requests_that_are_too_large_are_refused(void **state)
{
        const struct fixture *f = *state;
        static char request[1 << 20];
        autoreply reply = { 0 };
        size_t n;
        int fd;

        memset(request, 'a', sizeof request);
        n = (size_t)sprintf(request, "GET /metrics?");
        request[n] = 'a';
        memcpy(request + 5000, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 42);
        fd = client_connect(f->port);
        client_send(fd, request, 5042);
        reply_read(fd, &reply);
        close(fd);
        assert_int_equal(reply.status, 414);
        assert_string_equal(reply_header(&reply, "Content-Type"), "application/problem+json");

        memset(request, 'a', sizeof request);
        n = (size_t)sprintf(request, "GET /metrics HTTP/1.1\r\nHost: x\r\nX: ");
        request[n] = 'a';
        fd = client_connect(f->port);
        client_send(fd, request, sizeof request);
        reply_read(fd, &reply);
        close(fd);
        assert_true(reply.status == 431 || reply.status == 413 || reply.status == 0);
        assert_still_answers(f);
}

static void
clients_that_go_away_cost_nothing(void **state)
{
        const struct fixture *f = *state;
        struct linger reset = { 1, 0 };

        for (int i = 0; i < 50; i++) {
                int fd = client_connect(f->port);

                client_say(fd, "GET /api/v1/accounts HTTP/1.1\r\nHost: x\r\n\r\n");
                if (i % 2)
                        client_wait(fd, CLIENT_PATIENCE_MS);
                setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
                close(fd);
        }
        assert_still_answers(f);
        for (int i = 0; i < 100 && metric(f, "joulekeeper_http_connections") > 1; i++)
                usleep(10000);
        assert_int_equal(metric(f, "joulekeeper_http_connections"), 1); /* this one */
}

/* ---- slow clients ---- */

static void
who_sends_a_byte_at_a_time_blocks_nobody_and_is_cut(void **state)
{
        const struct fixture *f = *state;
        static const char request[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: aaaaaaa"
                                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        int64_t began = jk_monotonic_ns(), took_ms;
        int fd = client_connect(f->port);
        bool ended = false;

        /* Never idle for longer than 20 ms. */
        for (size_t i = 0; !ended && i < sizeof request - 1; i++) {
                ended = !client_send(fd, request + i, 1) || client_wait(fd, 20);
                if (i % 5 == 0) {
                        int64_t asked = jk_monotonic_ns();

                        assert_still_answers(f);
                        assert_true(jk_monotonic_ns() - asked < DEADLINE_MS * JK_NS_PER_MS);
                }
        }
        took_ms = (jk_monotonic_ns() - began) / JK_NS_PER_MS;
        close(fd);
        assert_true(ended);
        assert_in_range(took_ms, DEADLINE_MS - 5, 4 * DEADLINE_MS);
        assert_int_equal(metric(f, "joulekeeper_http_cut_connections_total"), 1);
}

static void
who_does_not_take_the_reply_blocks_nobody_and_is_cut(void **state)
{
        struct fixture *f = *state;
        struct jk_http_limits limits = test_limits;
        jk_autotext struct jk_text text = { 0 };
        int size = 4096, fd;

        limits.in_flight_bytes = 64 << 20;
        start(f, &limits);
        fd = client_connect(f->port);
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        client_say(fd, "GET /api/v1/accounts HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_true(client_wait(fd, CLIENT_PATIENCE_MS));
        assert_still_answers(f);
        for (int i = 0; i < 200 && metric(f, "joulekeeper_http_cut_connections_total") == 0; i++)
                usleep(20000);
        assert_int_equal(metric(f, "joulekeeper_http_cut_connections_total"), 1);

        client_read_all(fd, &text); /* some of it, and the end */
        assert_true(text.length < 2000000);
        close(fd);
}

static void
replies_that_wait_for_clients_are_bounded(void **state)
{
        struct fixture *f = *state;
        struct jk_http_limits limits = test_limits;
        autoreply reply = { 0 };
        int size = 4096, fd;

        limits.reply_ns = 60 * JK_NS_PER_S;
        start(f, &limits);
        fd = client_connect(f->port);
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        client_say(fd, "GET /api/v1/accounts HTTP/1.1\r\nHost: x\r\n\r\n"); /* 5 MB, not taken */
        assert_true(client_wait(fd, CLIENT_PATIENCE_MS));

        reply_get(f->port, "GET", "/api/v1/status", "", &reply);
        assert_int_equal(reply.status, 503);
        assert_string_equal(reply_header(&reply, "Retry-After"), "1");
        assert_still_answers(f); /* what supervisors ask */
        close(fd);
        for (int i = 0; i < 200 && reply.status != 200; i++) {
                usleep(10000);
                reply_get(f->port, "GET", "/api/v1/status", "", &reply);
        }
        assert_int_equal(reply.status, 200);
}

/* ---- many clients ---- */

static void
fifty_at_once_are_all_answered(void **state)
{
        const struct fixture *f = *state;
        int fds[50];

        for (int i = 0; i < 50; i++)
                fds[i] = client_connect(f->port);
        for (int i = 0; i < 50; i++)
                client_say(fds[i], "GET /api/v1/balance HTTP/1.1\r\nHost: x\r\n"
                                   "Connection: close\r\n\r\n");
        for (int i = 49; i >= 0; i--) {
                autoreply reply = { 0 };

                reply_read(fds[i], &reply);
                assert_int_equal(reply.status, 200);
                assert_non_null(strstr(reply.body, "\"balanced\":true}"));
                close(fds[i]);
        }
}

static void
connections_beyond_the_bound_wait_for_their_turn(void **state)
{
        struct fixture *f = *state;
        struct jk_http_limits limits = test_limits;
        autoreply reply = { 0 };
        int fds[4], waiting;

        limits.connections = 4;
        start(f, &limits);
        for (int i = 0; i < 4; i++)
                fds[i] = client_connect(f->port); /* and say nothing */
        waiting = client_connect(f->port);
        client_say(waiting, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_false(client_wait(waiting, DEADLINE_MS / 4));
        reply_read(waiting, &reply); /* the silent ones are cut at their deadline */
        assert_int_equal(reply.status, 200);
        close(waiting);
        for (int i = 0; i < 4; i++)
                close(fds[i]);
        assert_still_answers(f);
}

static void
one_address_cannot_take_every_connection(void **state)
{
        struct fixture *f = *state;
        struct jk_http_limits limits = test_limits;
        int fds[8], refused;
        char byte;

        limits.connections_per_address = 8;
        limits.request_ns = 60 * JK_NS_PER_S;
        start(f, &limits);
        for (int i = 0; i < 8; i++)
                fds[i] = client_connect(f->port);
        refused = client_connect(f->port);
        assert_true(client_wait(refused, CLIENT_PATIENCE_MS));
        assert_true(read(refused, &byte, 1) <= 0);
        close(refused);
        for (int i = 0; i < 8; i++)
                close(fds[i]);
        usleep(100000);
        assert_still_answers(f);
}

struct scraper {
        const struct fixture *f;
        pthread_t thread;
        struct reply reply;
};

static void *
scrape(void *data)
{
        struct scraper *scraper = data;

        reply_get(scraper->f->port, "GET", "/api/v1/accounts?dimension=task&sort=energy", "",
                  &scraper->reply);
        return NULL;
}

static void
scraping_at_once_shows_everyone_the_same(void **state)
{
        struct scraper scrapers[8] = { 0 };

        for (size_t i = 0; i < JK_COUNT(scrapers); i++) {
                scrapers[i].f = *state;
                assert_int_equal(pthread_create(&scrapers[i].thread, NULL, scrape, &scrapers[i]),
                                 0);
        }
        for (size_t i = 0; i < JK_COUNT(scrapers); i++)
                pthread_join(scrapers[i].thread, NULL);
        for (size_t i = 0; i < JK_COUNT(scrapers); i++) {
                assert_int_equal(scrapers[i].reply.status, 200);
                assert_string_equal(scrapers[i].reply.body, scrapers[0].reply.body);
        }
        for (size_t i = 0; i < JK_COUNT(scrapers); i++)
                reply_free(&scrapers[i].reply);
}

struct ticker {
        struct jk_shelf *shelf;
        _Atomic bool stop;
};

static void *
tick(void *data)
{
        struct ticker *ticker = data;

        for (int i = 0; !ticker->stop; i++) {
                jk_shelf_publish(ticker->shelf,
                                 fake_machine(ticker->shelf, 1 + (size_t)i % 4, 20 + i % 50));
                usleep(200);
        }
        return NULL;
}

static void
replies_are_whole_while_ticks_go_on(void **state)
{
        struct fixture *f = *state;
        struct ticker ticker = { .shelf = &f->shelf };
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, tick, &ticker), 0);
        for (int i = 0; i < 200; i++) {
                autoreply reply = { 0 };

                reply_get(f->port, "GET", i % 2 ? "/api/v1/balance" : "/metrics", "", &reply);
                assert_int_equal(reply.status, 200);
                if (i % 2)
                        assert_non_null(strstr(reply.body, "\"balanced\":true}"));
        }
        ticker.stop = true;
        pthread_join(thread, NULL);
}

/* ---- start, change, stop ---- */

static void
bounds_change_while_serving(void **state)
{
        const struct fixture *f = *state;
        struct jk_serve_options changed = options;
        autoreply before = { 0 }, after = { 0 };

        reply_get(f->port, "GET", "/metrics", "", &before);
        assert_non_null(strstr(before.body, "joulekeeper_process_joules_total{"));
        changed.metrics_processes = 0;
        jk_serve_reconfigure(f->server, &changed);
        reply_get(f->port, "GET", "/metrics", "", &after);
        assert_null(strstr(after.body, "joulekeeper_process_joules_total{"));
}

static void
it_counts_its_requests(void **state)
{
        const struct fixture *f = *state;

        assert_still_answers(f);
        assert_still_answers(f);
        assert_int_equal(
                metric(f, "joulekeeper_http_replies_total{path=\"/healthz\",code=\"2xx\"}"), 2);
        assert_int_equal(
                metric(f, "joulekeeper_http_request_duration_seconds_count{path=\"/healthz\"}"), 2);
}

static size_t
count_descriptors(void)
{
        DIR *directory = opendir("/proc/self/fd");
        size_t n = 0;

        assert_non_null(directory);
        while (readdir(directory))
                n++;
        closedir(directory);
        return n;
}

static void
starting_and_stopping_leaks_no_descriptor(void **state)
{
        struct fixture *f = *state;
        size_t before = count_descriptors();
        struct jk_serve_options taken = options;
        struct jk_server *second = NULL;
        struct jk_error err;
        char listen[32];

        for (int i = 0; i < 5; i++) {
                int fd;

                start(f, &test_limits);
                snprintf(listen, sizeof listen, "127.0.0.1:%d", f->port);
                taken.listen = listen;
                assert_int_equal(jk_serve_start(&taken, &f->shelf, &second, &err), -EADDRINUSE);
                assert_null(second);

                /* stops at once, whatever clients are doing */
                fd = client_connect(f->port);
                client_say(fd, "GET /api/v1/accounts HTTP/1.1\r\nHost");
                jk_serve_stop(f->server);
                close(fd);
        }
        f->server = NULL;
        assert_int_equal(count_descriptors(), before);
}

static void
ipv6_works_where_there_is_ipv6(void **state)
{
        struct fixture *f = *state;
        struct jk_serve_options v6 = options;
        struct sockaddr_in6 address = { .sin6_family = AF_INET6,
                                        .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        struct jk_error err;
        autoreply reply = { 0 };
        int fd;

        v6.listen = "[::1]:0";
        if (jk_serve_start(&v6, &f->shelf, &f->server, &err) < 0)
                skip();
        address.sin6_port = htons((uint16_t)jk_serve_port(f->server));
        fd = socket(AF_INET6, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
        client_say(fd, "GET /healthz HTTP/1.0\r\n\r\n");
        reply_read(fd, &reply);
        close(fd);
        assert_int_equal(reply.status, 200);
}

#define served(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
#define stopped(f) cmocka_unit_test_setup_teardown(f, setup_stopped, teardown)

static const struct CMUnitTest tests[] = {
        served(every_path_is_answered_with_its_type),
        served(the_page_forbids_scripts),
        served(formats_are_negotiated),
        served(gzip_is_the_same_body_in_fewer_bytes),
        served(gzip_is_left_out_where_it_is_small_or_unwanted),
        served(head_is_get_without_the_body),
        served(other_methods_are_refused),
        served(a_get_with_a_body_is_answered),
        served(connections_are_kept_alive),
        served(pipelined_requests_are_answered_in_order),
        served(malformed_requests_crash_nothing),
        served(requests_that_are_too_large_are_refused),
        served(clients_that_go_away_cost_nothing),
        served(who_sends_a_byte_at_a_time_blocks_nobody_and_is_cut),
        stopped(who_does_not_take_the_reply_blocks_nobody_and_is_cut),
        stopped(replies_that_wait_for_clients_are_bounded),
        served(fifty_at_once_are_all_answered),
        stopped(connections_beyond_the_bound_wait_for_their_turn),
        stopped(one_address_cannot_take_every_connection),
        served(scraping_at_once_shows_everyone_the_same),
        served(replies_are_whole_while_ticks_go_on),
        served(bounds_change_while_serving),
        served(it_counts_its_requests),
        stopped(starting_and_stopping_leaks_no_descriptor),
        stopped(ipv6_works_where_there_is_ipv6),
};

JK_RUN_TESTS(tests)
