/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP server: one thread that drives libmicrohttpd's epoll set, so that everything but the
 * configured bounds is this thread's own and needs no lock.
 *
 * A client that sends a byte per second is never idle, so libmicrohttpd's own timeout would keep it
 * for ever. Here a request has to arrive whole, and a reply to be taken whole, by a deadline; a
 * connection that misses it is shut down. With the bounds on connections, in all and per address,
 * that keeps slow or hostile clients from taking the place of others.
 */
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "serve/accept.h"
#include "serve/gzip.h"
#include "serve/listen.h"
#include "serve/route.h"
#include "serve/serve.h"

enum {
        CONNECTIONS_MAX = 128,
        CONNECTIONS_PER_ADDRESS_MAX = 64,
        CONNECTION_MEMORY = 16 << 10, /* holds request line and headers, and sends the reply */
        URI_SIZE = 2048,
        GZIP_THRESHOLD = 1024, /* bytes: below it a reply fits a packet anyway */
        BODIES_KEPT_MAX = 4,
        BODY_KEPT_MAX = 256 << 10,
        IN_FLIGHT_MAX = 32 << 20, /* bytes of replies that clients have yet to take */
};

#define REQUEST_DEADLINE_NS (10 * JK_NS_PER_S)
#define REPLY_DEADLINE_NS   (30 * JK_NS_PER_S)
#define IDLE_DEADLINE_NS    (60 * JK_NS_PER_S) /* kept alive: until the next request has arrived */
#define CUT_AGAIN_NS        (1 * JK_NS_PER_S)

enum connection_state { CLOSED, READING, REPLYING, IDLE };

struct connection {
        enum connection_state state;
        int fd;
        int64_t deadline_ns;
        bool uri_too_long;
        char uri[URI_SIZE];
};

/* A reply's bytes, which have to stay until they are sent. */
struct body {
        struct jk_server *server;
        struct jk_text text;
        struct body *next;
};

struct jk_server {
        struct jk_shelf *shelf;
        struct MHD_Daemon *daemon;
        int epoll_fd; /* the daemon's */
        int stop_fd;
        int port;
        pthread_t thread;

        _Atomic int64_t metrics_processes;
        _Atomic int64_t metrics_cgroups;

        /* the thread's own */
        struct connection connections[CONNECTIONS_MAX];
        struct body *bodies; /* free ones */
        size_t n_bodies;
        size_t in_flight;     /* bytes */
        struct jk_gzip *gzip; /* NULL until it is needed */
        struct jk_serve_stats stats;
        struct jk_serve_scratch scratch;
};

/* ---- connections ---- */

static struct connection *
connection_of(struct MHD_Connection *mhd)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

        return info ? info->socket_context : NULL;
}

static void
expect(struct connection *connection, enum connection_state state, int64_t within_ns)
{
        connection->state = state;
        connection->deadline_ns = jk_monotonic_ns() + within_ns;
}

static struct connection *
open_connection(struct jk_server *server, struct MHD_Connection *mhd)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

        for (size_t i = 0; info && i < CONNECTIONS_MAX; i++) {
                struct connection *connection = &server->connections[i];

                if (connection->state != CLOSED)
                        continue;
                connection->fd = info->connect_fd;
                expect(connection, READING, REQUEST_DEADLINE_NS);
                server->stats.connections++;
                return connection;
        }

        return NULL;
}

static void
on_connection(void *data, struct MHD_Connection *mhd, void **context,
              enum MHD_ConnectionNotificationCode code)
{
        struct jk_server *server = data;
        struct connection *connection = *context;

        if (code == MHD_CONNECTION_NOTIFY_STARTED) {
                *context = open_connection(server, mhd);
        } else if (connection) {
                connection->state = CLOSED;
                server->stats.connections--;
                *context = NULL;
        }
}

static void
on_completed(void *data, struct MHD_Connection *mhd, void **context,
             enum MHD_RequestTerminationCode code)
{
        struct connection *connection = connection_of(mhd);

        (void)data;
        (void)context;
        (void)code;
        if (connection)
                expect(connection, IDLE, IDLE_DEADLINE_NS);
}

/* The whole raw URI, before libmicrohttpd decodes it in place. */
static void *
on_uri(void *data, const char *uri, struct MHD_Connection *mhd)
{
        struct connection *connection = connection_of(mhd);
        size_t length = strlen(uri);

        (void)data;
        if (!connection)
                return NULL;

        connection->uri_too_long = length >= URI_SIZE;
        memcpy(connection->uri, uri, connection->uri_too_long ? 0 : length);
        connection->uri[connection->uri_too_long ? 0 : length] = '\0';
        return NULL;
}

/* Shut down what missed its deadline: libmicrohttpd then sees its end and closes it. Returns the
 * milliseconds until the next deadline, or -1. */
static int
cut_overdue(struct jk_server *server)
{
        int64_t now = jk_monotonic_ns(), next = INT64_MAX;

        for (size_t i = 0; server->stats.connections > 0 && i < CONNECTIONS_MAX; i++) {
                struct connection *connection = &server->connections[i];

                if (connection->state == CLOSED)
                        continue;
                if (connection->deadline_ns <= now) {
                        shutdown(connection->fd, SHUT_RDWR);
                        server->stats.cut_connections += connection->state != IDLE;
                        expect(connection, IDLE, CUT_AGAIN_NS);
                }
                if (connection->deadline_ns < next)
                        next = connection->deadline_ns;
        }

        return next == INT64_MAX ? -1 : (int)((next - now) / JK_NS_PER_MS + 1);
}

/* ---- bodies ---- */

static struct body *
take_body(struct jk_server *server)
{
        struct body *body = server->bodies;

        if (body) {
                server->bodies = body->next;
                server->n_bodies--;
                jk_text_clear(&body->text);
                return body;
        }

        body = calloc(1, sizeof *body);
        if (body)
                body->server = server;
        return body;
}

/* Kept for the next reply, unless there are enough or it is so large that it was an exception. */
static void
put_back_body(struct body *body)
{
        struct jk_server *server = body->server;

        if (server->n_bodies == BODIES_KEPT_MAX) {
                jk_text_free(&body->text);
                free(body);
                return;
        }

        if (body->text.capacity > BODY_KEPT_MAX)
                jk_text_free(&body->text);
        body->next = server->bodies;
        server->bodies = body;
        server->n_bodies++;
}

static void
on_sent(void *data)
{
        struct body *body = data;

        body->server->in_flight -= body->text.length;
        put_back_body(body);
}

static void
free_bodies(struct jk_server *server)
{
        while (server->bodies) {
                struct body *body = server->bodies;

                server->bodies = body->next;
                jk_text_free(&body->text);
                free(body);
        }
}

/* The body compressed, if that works out; else the body as it is. */
static struct body *
compress_body(struct jk_server *server, struct body *plain, bool *ret_compressed)
{
        struct body *compressed;

        *ret_compressed = false;
        if (!server->gzip)
                server->gzip = jk_gzip_open();
        if (!server->gzip)
                return plain;

        compressed = take_body(server);
        if (!compressed)
                return plain;
        if (jk_gzip_append(server->gzip, &plain->text, &compressed->text) < 0) {
                put_back_body(compressed);
                return plain;
        }

        put_back_body(plain);
        *ret_compressed = true;
        return compressed;
}

/* ---- replies ---- */

static void
add_headers(struct MHD_Response *response, const struct jk_reply *reply, bool compressed)
{
        MHD_add_response_header(response, "Content-Type", reply->type);
        MHD_add_response_header(response, "Cache-Control", "no-store");
        MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
        MHD_add_response_header(response, "Vary",
                                reply->negotiated ? "Accept, Accept-Encoding" : "Accept-Encoding");
        if (reply->policy)
                MHD_add_response_header(response, "Content-Security-Policy", reply->policy);
        if (compressed)
                MHD_add_response_header(response, "Content-Encoding", "gzip");
        if (reply->status == 405)
                MHD_add_response_header(response, "Allow", "GET, HEAD");
        if (reply->status == 503)
                MHD_add_response_header(response, "Retry-After", "1");
}

/* Hand the body over to libmicrohttpd; MHD_NO closes the connection. */
static enum MHD_Result
send_body(struct jk_server *server, struct MHD_Connection *mhd, const struct jk_reply *reply,
          struct body *body, bool compressed)
{
        struct connection *connection = connection_of(mhd);
        struct MHD_Response *response;
        enum MHD_Result result;

        response = MHD_create_response_from_buffer_with_free_callback_cls(
                body->text.length, body->text.data, on_sent, body);
        if (!response) {
                put_back_body(body);
                return MHD_NO;
        }

        server->in_flight += body->text.length;
        add_headers(response, reply, compressed);
        if (connection)
                expect(connection, REPLYING, REPLY_DEADLINE_NS);
        result = MHD_queue_response(mhd, reply->status, response);
        MHD_destroy_response(response);
        return result;
}

static enum MHD_Result
send_reply(struct jk_server *server, struct MHD_Connection *mhd, const struct jk_reply *reply,
           struct body *body)
{
        const char *encodings =
                MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Accept-Encoding");
        bool compressed = false;

        if (body->text.length > GZIP_THRESHOLD && jk_accept_gzip(encodings))
                body = compress_body(server, body, &compressed);

        return send_body(server, mhd, reply, body, compressed);
}

/* ---- requests ---- */

/* Render from the latest snapshot, which is given back before anything is sent: a slow client does
 * not keep it. */
static void
answer_get(struct jk_server *server, struct MHD_Connection *mhd, const char *uri,
           struct jk_reply *reply)
{
        const char *question = strchr(uri, '?');
        char path[64] = ""; /* longer than any route */
        size_t length = question ? (size_t)(question - uri) : strlen(uri);
        struct jk_snapshot *snapshot = jk_shelf_take(server->shelf);
        struct jk_request request = {
                .path = path,
                .query = question ? question + 1 : "",
                .accept = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Accept"),
                .snapshot = snapshot,
                .now_ns = jk_monotonic_ns(),
                .metrics_processes = server->metrics_processes,
                .metrics_cgroups = server->metrics_cgroups,
                .stats = &server->stats,
                .scratch = &server->scratch,
        };

        if (length < sizeof path)
                memcpy(path, uri, length);
        jk_route_answer(&request, reply);

        if (snapshot)
                jk_shelf_put_back(server->shelf, snapshot);
}

static void
count_reply(struct jk_server *server, const char *uri, unsigned int status, int64_t began_ns)
{
        char path[64] = "";
        size_t length = strcspn(uri, "?"), route;

        if (length < sizeof path)
                memcpy(path, uri, length);
        route = jk_route_find(path);
        server->stats.routes[route].replies[status / 100 % 6]++;
        server->stats.routes[route].duration_ns += (uint64_t)(jk_monotonic_ns() - began_ns);
}

static enum MHD_Result
answer(struct jk_server *server, struct MHD_Connection *mhd, const char *method)
{
        const struct connection *connection = connection_of(mhd);
        int64_t began_ns = jk_monotonic_ns();
        struct body *body = connection ? take_body(server) : NULL;
        struct jk_reply reply;
        enum MHD_Result result;

        if (!body)
                return MHD_NO;

        reply = (struct jk_reply){ .body = &body->text };
        if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
                jk_problem(&reply, 405, "only GET and HEAD are answered here");
        else if (connection->uri_too_long)
                jk_problem(&reply, 414, "the path and query are longer than 2047 bytes");
        else if (server->in_flight > IN_FLIGHT_MAX)
                jk_problem(&reply, 503, "too many replies wait for clients to take them");
        else
                answer_get(server, mhd, connection->uri, &reply);

        if (body->text.failed) {
                jk_text_free(&body->text);
                jk_problem(&reply, 500, "out of memory");
        }

        result = send_reply(server, mhd, &reply, body);
        count_reply(server, connection->uri, reply.status, began_ns);
        return result;
}

/* Called with the headers, then with each piece of an upload, then for the reply. What is uploaded
 * with a GET is dropped; a method that is refused is refused at once. */
static enum MHD_Result
on_request(void *data, struct MHD_Connection *mhd, const char *url, const char *method,
           const char *version, const char *upload, size_t *upload_size, void **context)
{
        static char seen;

        (void)url;
        (void)version;
        (void)upload;
        if (!*context && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)) {
                *context = &seen;
                return MHD_YES;
        }
        if (*upload_size > 0) {
                *upload_size = 0;
                return MHD_YES;
        }

        return answer(data, mhd, method);
}

/* ---- the thread ---- */

/* Milliseconds to wait for events: the lesser of two, where -1 is for ever. */
static int
sooner(int a, int b)
{
        if (a < 0 || b < 0)
                return a < 0 ? b : a;

        return a < b ? a : b;
}

static void *
serve(void *data)
{
        struct jk_server *server = data;
        struct pollfd events[] = {
                { .fd = server->stop_fd, .events = POLLIN },
                { .fd = server->epoll_fd, .events = POLLIN },
        };

        while (!(events[0].revents & POLLIN)) {
                int timeout_ms = cut_overdue(server);
                MHD_UNSIGNED_LONG_LONG pending_ms;

                if (MHD_get_timeout(server->daemon, &pending_ms) == MHD_YES)
                        timeout_ms = sooner(timeout_ms, pending_ms > 1000 ? 1000 : (int)pending_ms);
                if (poll(events, JK_COUNT(events), timeout_ms) < 0 && errno != EINTR) {
                        jk_log_error("http: poll: %m; no requests are answered any more");
                        return NULL;
                }
                MHD_run(server->daemon);
        }

        return NULL;
}

/* All signals are for the other threads, and a client that went away is an error, not a signal. */
static int
start_thread(struct jk_server *server, struct jk_error *err)
{
        sigset_t all, before;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&server->thread, NULL, serve, server);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return jk_fail(err, r, "http: cannot start a thread: %m");

        pthread_setname_np(server->thread, "jk-http");
        return 0;
}

/* ---- start and stop ---- */

static int
start_daemon(struct jk_server *server, int listen_fd, struct jk_error *err)
{
        const union MHD_DaemonInfo *info;

        server->daemon = MHD_start_daemon(
                MHD_USE_EPOLL, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET,
                listen_fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
                MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_PER_ADDRESS_MAX,
                MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)1024, MHD_OPTION_NOTIFY_CONNECTION,
                on_connection, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
                MHD_OPTION_URI_LOG_CALLBACK, on_uri, server, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
                MHD_OPTION_END);
        if (!server->daemon)
                return jk_fail(err, EIO, "http: libmicrohttpd does not start");

        info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        if (!info)
                return jk_fail(err, EOPNOTSUPP, "http: libmicrohttpd is built without epoll");

        server->epoll_fd = info->epoll_fd;
        return 0;
}

static void
free_server(struct jk_server **server_pointer)
{
        struct jk_server *server = *server_pointer;

        if (!server)
                return;

        if (server->daemon)
                MHD_stop_daemon(server->daemon); /* closes the listening socket, too */
        if (server->stop_fd >= 0)
                close(server->stop_fd);
        free_bodies(server);
        jk_gzip_close(server->gzip);
        jk_serve_scratch_free(&server->scratch);
        free(server);
}

#define autoserver __attribute__((cleanup(free_server)))

int
jk_serve_start(const struct jk_serve_options *options, struct jk_shelf *shelf,
               struct jk_server **ret_server, struct jk_error *err)
{
        autoserver struct jk_server *server = calloc(1, sizeof *server);
        jk_autoclose int listen_fd = -1;
        int r;

        if (!server)
                return jk_fail(err, ENOMEM, "http: out of memory");

        server->shelf = shelf;
        jk_serve_reconfigure(server, options);
        server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (server->stop_fd < 0)
                return jk_fail(err, errno, "http: eventfd: %m");

        r = jk_listen_open(options->listen, &listen_fd, &server->port, err);
        if (r < 0)
                return r;

        r = start_daemon(server, listen_fd, err);
        if (server->daemon)
                listen_fd = -1; /* the daemon's now */
        if (r == 0)
                r = start_thread(server, err);
        if (r < 0)
                return r;

        *ret_server = jk_steal(server);
        return 0;
}

void
jk_serve_stop(struct jk_server *server)
{
        if (!server)
                return;

        eventfd_write(server->stop_fd, 1);
        pthread_join(server->thread, NULL);
        free_server(&server);
}

void
jk_serve_reconfigure(struct jk_server *server, const struct jk_serve_options *options)
{
        server->metrics_processes = options->metrics_processes;
        server->metrics_cgroups = options->metrics_cgroups;
}

int
jk_serve_port(const struct jk_server *server)
{
        return server->port;
}
