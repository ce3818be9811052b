/* SPDX-License-Identifier: Apache-2.0
 *
 * No client, however slow, rude or numerous, keeps others from being answered.
 */
#include "tests/unit/test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/serve/server.h"

/* ---- rude clients ---- */

static void
malformed_requests_crash_nothing(void **state)
{
        struct fixture *f = *state;
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

        start(f, &hurried); /* what never becomes a request ends at its deadline */
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
        struct fixture *f = *state;
        static const char request[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: aaaaaaa"
                                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        int64_t began, took_ms;
        bool ended = false;
        int fd;

        start(f, &hurried);
        began = jk_monotonic_ns();
        fd = client_connect(f->port);

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
        jk_autotext struct jk_text text = { 0 };
        int size = 4096, fd;

        start(f, &hurried);
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
        struct jk_http_limits limits = patient;
        autoreply reply = { 0 };
        int size = 4096, fd;

        limits.in_flight_bytes = 1 << 20;
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
        struct jk_http_limits limits = hurried;
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
        struct jk_http_limits limits = patient;
        int fds[8], refused;
        char byte;

        limits.connections_per_address = 8;
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

static const struct CMUnitTest tests[] = {
        stopped(malformed_requests_crash_nothing),
        served(requests_that_are_too_large_are_refused),
        served(clients_that_go_away_cost_nothing),
        stopped(who_sends_a_byte_at_a_time_blocks_nobody_and_is_cut),
        stopped(who_does_not_take_the_reply_blocks_nobody_and_is_cut),
        stopped(replies_that_wait_for_clients_are_bounded),
        served(fifty_at_once_are_all_answered),
        stopped(connections_beyond_the_bound_wait_for_their_turn),
        stopped(one_address_cannot_take_every_connection),
        served(scraping_at_once_shows_everyone_the_same),
        served(replies_are_whole_while_ticks_go_on),
};

JK_RUN_TESTS(tests)
