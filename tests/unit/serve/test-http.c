/* SPDX-License-Identifier: Apache-2.0
 *
 * What the real server answers over loopback, and how it starts, changes and stops.
 */
#include "tests/unit/test.h"

#include <dirent.h>
#include <limits.h>
#include <zlib.h>

#include "tests/unit/serve/server.h"

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
                { "http://127.0.0.1:9782/healthz", 200, "text/plain; charset=utf-8" },
                { "HTTP://[::1]/api/v1/accounts?dimension=user", 200, "application/json" },
                { "http://localhost/api/v1/accounts?dimension=x", 400, "application/problem+json" },
                { "http://localhost", 200, "text/html; charset=utf-8" },
                { "http://localhost?whatever=1", 200, "text/html; charset=utf-8" },
                { "http://", 200, "text/html; charset=utf-8" },
                { "http:///", 200, "text/html; charset=utf-8" },
                { "http://localhost/http://localhost/healthz", 404, "application/problem+json" },
                { "http:/healthz", 404, "application/problem+json" },
                { "ftp://localhost/healthz", 404, "application/problem+json" },
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

/* A page whose name was made to resolve to 127.0.0.1 has its own name for Host. */
static void
a_page_of_another_site_reads_nothing(void **state)
{
        const struct fixture *f = *state;
        char own[HOST_NAME_MAX + 1] = "";
        const struct {
                const char *host;
                int status;
        } rows[] = {
                { "attacker.example", 421 },
                { "attacker.example:9782", 421 },
                { "attacker.example.:9782", 421 },
                { "127.0.0.1.attacker.example", 421 },
                { "localhost.attacker.example", 421 },
                { "attackerlocalhost.example", 421 },
                { "127.0.0.1:9782", 200 },
                { "[::1]:9782", 200 },
                { "localhost", 200 },
                { "LOCALHOST.:9782", 200 },
                { "a.localhost", 200 },
                { "upstream", 200 },
                { own, 200 },
        };

        assert_int_equal(gethostname(own, sizeof own - 1), 0);
        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                autoreply reply = { 0 };
                char request[512];
                int fd = client_connect(f->port);

                snprintf(request, sizeof request,
                         "GET /api/v1/status HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                         rows[i].host);
                client_say(fd, request);
                reply_read(fd, &reply);
                close(fd);
                if (reply.status != rows[i].status)
                        fail_msg("Host: %s: %d", rows[i].host, reply.status);
        }
}

/* Whoever lets the network read it is asked by whatever name the network has for it. */
static void
a_server_for_the_network_answers_to_any_name(void **state)
{
        struct fixture *f = *state;
        struct jk_serve_options any = options;
        struct jk_error err;
        autoreply reply = { 0 };
        int fd;

        any.listen = "0.0.0.0:0";
        assert_int_equal(jk_serve_start(&any, &f->shelf, &f->server, &err), 0);
        fd = client_connect(jk_serve_port(f->server));
        client_say(fd,
                   "GET /healthz HTTP/1.1\r\nHost: node-1.example\r\nConnection: close\r\n\r\n");
        reply_read(fd, &reply);
        close(fd);
        assert_int_equal(reply.status, 200);
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
        struct fixture *f = *state;
        struct jk_http_limits limits = patient;
        char buffer[1024];
        int fd;

        limits.idle_ns = DEADLINE_MS * JK_NS_PER_MS;
        start(f, &limits);
        fd = client_connect(f->port);

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

static void
a_client_that_has_said_all_gets_every_reply_and_the_end(void **state)
{
        const struct fixture *f = *state;

        for (int i = 0; i < 20; i++) {
                jk_autotext struct jk_text text = { 0 };
                int fd = client_connect(f->port);

                client_say(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                               "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
                               "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
                shutdown(fd, SHUT_WR);
                client_read_all(fd, &text);
                close(fd);
                assert_non_null(strstr(text.data, "alive\n"));
                assert_non_null(strstr(text.data, "404"));
                assert_non_null(strstr(text.data, "\r\n\r\nready\n"));
        }
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

                start(f, &patient);
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

static const struct CMUnitTest tests[] = {
        served(every_path_is_answered_with_its_type),
        served(a_page_of_another_site_reads_nothing),
        stopped(a_server_for_the_network_answers_to_any_name),
        served(the_page_forbids_scripts),
        served(formats_are_negotiated),
        served(gzip_is_the_same_body_in_fewer_bytes),
        served(gzip_is_left_out_where_it_is_small_or_unwanted),
        served(head_is_get_without_the_body),
        served(other_methods_are_refused),
        served(a_get_with_a_body_is_answered),
        stopped(connections_are_kept_alive),
        served(pipelined_requests_are_answered_in_order),
        served(a_client_that_has_said_all_gets_every_reply_and_the_end),
        served(bounds_change_while_serving),
        served(it_counts_its_requests),
        stopped(starting_and_stopping_leaks_no_descriptor),
        stopped(ipv6_works_where_there_is_ipv6),
};

JK_RUN_TESTS(tests)
