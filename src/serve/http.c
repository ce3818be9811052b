/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP server: one thread that drives libmicrohttpd's epoll set, so that everything but the
 * configured bounds is this thread's own and needs no lock. Slow or hostile clients are kept from
 * taking the place of others by deadlines (connection.h), by bounds on connections, in all and per
 * address, and by a bound on the bytes that wait for clients.
 */
#include "serve/http.h"

#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "serve/accept.h"
#include "serve/body.h"
#include "serve/connection.h"
#include "serve/headers.h"
#include "serve/host.h"
#include "serve/intake.h"
#include "serve/listen.h"
#include "serve/offering.h"
#include "serve/route.h"

enum {
        CONNECTION_MEMORY = 16 << 10, /* holds request line and headers, and sends the reply */
        CONNECTION_MEMORY_STEP = 1 << 10,
        GZIP_THRESHOLD = 1024, /* bytes: below it a reply fits a packet anyway */
        PATH_SIZE = 80,        /* longer than any route, and the name of any model */
};

static const struct jk_http_limits default_limits = {
        .request_ns = 10 * JK_NS_PER_S,
        .reply_ns = 30 * JK_NS_PER_S,
        .idle_ns = 60 * JK_NS_PER_S,
        .connections = 128,
        .connections_per_address = 64,
        .in_flight_bytes = 32 << 20,
};

struct jk_server {
        struct jk_http_limits limits;
        struct jk_shelf *shelf;
        struct jk_offering *offering;
        struct jk_intake *intake; /* NULL: no recordings are taken */
        struct MHD_Daemon *daemon;
        int epoll_fd; /* the daemon's */
        int stop_fd;
        int port;
        bool loopback; /* nobody but this machine is to read it */
        pthread_t thread;

        _Atomic int64_t metrics_processes;
        _Atomic int64_t metrics_cgroups;

        /* the thread's own */
        struct jk_connections connections;
        struct jk_bodies bodies;
        struct jk_serve_stats stats;
        struct jk_serve_scratch scratch;
};

/* ---- connections ---- */

static struct jk_connection *
connection_of(struct MHD_Connection *mhd)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

        return info ? info->socket_context : NULL;
}

static struct jk_connection *
open_connection(struct jk_server *server, struct MHD_Connection *mhd)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct jk_connection *connection =
                info ? jk_connection_open(&server->connections, info->connect_fd) : NULL;

        if (connection)
                jk_connection_expect(connection, JK_CONNECTION_READING, server->limits.request_ns);
        return connection;
}

static void
on_connection(void *data, struct MHD_Connection *mhd, void **context,
              enum MHD_ConnectionNotificationCode code)
{
        struct jk_server *server = data;

        if (code == MHD_CONNECTION_NOTIFY_STARTED) {
                *context = open_connection(server, mhd);
        } else if (*context) {
                jk_connection_close(&server->connections, *context);
                *context = NULL;
        }
}

/* What on_request() keeps of a request is the upload, or the server for one without. */
static bool
is_upload(const struct jk_server *server, const void *context)
{
        return context && context != server;
}

static void
on_completed(void *data, struct MHD_Connection *mhd, void **context,
             enum MHD_RequestTerminationCode code)
{
        struct jk_server *server = data;
        struct jk_connection *connection = connection_of(mhd);

        (void)code;
        if (is_upload(server, *context))
                jk_upload_drop(*context);
        *context = NULL;
        if (!connection)
                return;

        jk_connection_expect(connection, JK_CONNECTION_IDLE, server->limits.idle_ns);
        jk_connection_renew_end(connection);
}

/* The whole raw URI, before libmicrohttpd decodes it in place. */
static void *
on_uri(void *data, const char *uri, struct MHD_Connection *mhd)
{
        struct jk_connection *connection = connection_of(mhd);

        (void)data;
        if (connection)
                jk_connection_set_uri(connection, uri);
        return NULL;
}

/* ---- replies ---- */

/* Hand the body over to libmicrohttpd; MHD_NO closes the connection. */
static enum MHD_Result
send_reply(struct jk_server *server, struct MHD_Connection *mhd, const struct jk_reply *reply,
           struct jk_body *body)
{
        struct MHD_Response *response;
        bool compressed = false;
        enum MHD_Result result;

        if (body->text.length > GZIP_THRESHOLD &&
            jk_accept_gzip(MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Accept-Encoding")))
                body = jk_body_compress(body, &compressed);

        response = MHD_create_response_from_buffer_with_free_callback_cls(
                body->text.length, body->text.data, jk_body_sent, body);
        if (!response) {
                jk_body_put_back(body);
                return MHD_NO;
        }

        jk_body_send(body);
        jk_headers_add(response, reply, compressed);
        jk_connection_expect(connection_of(mhd), JK_CONNECTION_REPLYING, server->limits.reply_ns);
        result = MHD_queue_response(mhd, reply->status, response);
        MHD_destroy_response(response);
        return result;
}

/* ---- requests ---- */

/* The path alone; "" if it is longer than any that there is. */
static void
copy_path(const char *uri, char path[static PATH_SIZE])
{
        size_t length = strcspn(uri, "?");

        if (length >= PATH_SIZE)
                length = 0;
        memcpy(path, uri, length);
        path[length] = '\0';
}

/* Render from the latest snapshot, which is given back before anything is sent: a slow client does
 * not keep it. */
static void
answer_get(struct jk_server *server, struct MHD_Connection *mhd, const char *path, const char *uri,
           struct jk_reply *reply)
{
        const char *question = strchr(uri, '?');
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
                .offers = jk_offering_get(server->offering),
                .intake = server->intake,
        };

        server->stats.connections = server->connections.n_open;
        server->stats.cut_connections = server->connections.n_cut;
        jk_route_answer(&request, reply);

        if (snapshot)
                jk_shelf_put_back(server->shelf, snapshot);
}

static void
count_reply(struct jk_server *server, size_t route, unsigned int status, int64_t began_ns)
{
        server->stats.routes[route].replies[status / 100 % 6]++;
        server->stats.routes[route].duration_ns += (uint64_t)(jk_monotonic_ns() - began_ns);
}

static bool
is_get_or_head(const char *method)
{
        return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static bool
is_misdirected(const struct jk_server *server, struct MHD_Connection *mhd)
{
        return server->loopback &&
               !jk_host_is_ours(MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Host"));
}

/* Answer a request, or a recording with what became of it. */
static enum MHD_Result
answer(struct jk_server *server, struct MHD_Connection *mhd, const char *method,
       const struct jk_verdict *verdict, const char *id)
{
        const struct jk_connection *connection = connection_of(mhd);
        struct jk_body *body = connection ? jk_body_take(&server->bodies) : NULL;
        int64_t began_ns = jk_monotonic_ns();
        struct jk_reply reply;
        char path[PATH_SIZE];
        enum MHD_Result result;
        size_t route;

        if (!body)
                return MHD_NO;

        copy_path(connection->uri, path);
        route = jk_route_find(path);
        reply = (struct jk_reply){ .body = &body->text };
        if (is_misdirected(server, mhd))
                jk_problem(&reply, 421,
                           "this agent serves its own machine only: ask for it by address or as "
                           "localhost, or let it listen at another address than loopback");
        else if (verdict && verdict->status == JK_VERDICT_GOOD)
                jk_render_accepted(id, &reply);
        else if (verdict)
                jk_problem(&reply, verdict->status, verdict->why.message);
        else if (!is_get_or_head(method))
                jk_problem(&reply, 405,
                           jk_route_takes(route) ? "only GET, HEAD and POST are answered here"
                                                 : "only GET and HEAD are answered here");
        else if (connection->uri_too_long)
                jk_problem(&reply, 414, "the path and query are longer than 2047 bytes");
        else if (server->bodies.in_flight_bytes > server->limits.in_flight_bytes &&
                 !jk_route_is_small(route))
                jk_problem(&reply, 503, "too many replies wait for clients to take them");
        else
                answer_get(server, mhd, path, connection->uri, &reply);

        if (body->text.failed) {
                jk_text_free(&body->text);
                jk_problem(&reply, 500, "out of memory");
        }

        reply.takes = jk_route_takes(route);
        result = send_reply(server, mhd, &reply, body);
        count_reply(server, route, reply.status, began_ns);
        return result;
}

/* ---- recordings ---- */

/* Whether the request is to send a recording, and to be judged by jk_upload_begin(). */
static bool
sends_recording(const struct jk_server *server, struct MHD_Connection *mhd, const char *method)
{
        const struct jk_connection *connection = connection_of(mhd);
        char path[PATH_SIZE];

        if (!connection || strcmp(method, "POST") != 0 || is_misdirected(server, mhd))
                return false;

        copy_path(connection->uri, path);
        return jk_route_takes(jk_route_find(path));
}

/* Each piece has as long as a request has, and all have as long as the upload has. */
static void
expect_piece(const struct jk_server *server, struct MHD_Connection *mhd,
             const struct jk_upload *upload)
{
        int64_t left_ns = jk_upload_until_ns(upload) - jk_monotonic_ns();
        int64_t within_ns = server->limits.request_ns;

        jk_connection_expect(connection_of(mhd), JK_CONNECTION_READING,
                             left_ns < within_ns ? left_ns : within_ns);
}

static const char *
header(struct MHD_Connection *mhd, const char *name)
{
        return MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, name);
}

/* With the headers: what is refused is refused before it is sent. */
static enum MHD_Result
begin_upload(struct jk_server *server, struct MHD_Connection *mhd, void **context)
{
        const struct jk_upload_head head = {
                .authorization = header(mhd, "Authorization"),
                .origin = header(mhd, "Origin"),
                .type = header(mhd, "Content-Type"),
                .encoding = header(mhd, "Content-Encoding"),
                .transfer = header(mhd, "Transfer-Encoding"),
                .length = header(mhd, "Content-Length"),
        };
        struct jk_upload *upload = NULL;
        struct jk_verdict verdict;

        jk_upload_begin(server->intake, &head, &upload, &verdict);
        if (!upload)
                return answer(server, mhd, "POST", &verdict, NULL);

        *context = upload;
        expect_piece(server, mhd, upload);
        return MHD_YES;
}

static enum MHD_Result
end_upload(struct jk_server *server, struct MHD_Connection *mhd, void **context)
{
        struct jk_upload *upload = *context;
        char id[JK_INTAKE_ID_SIZE] = "";
        struct jk_verdict verdict;

        *context = server;
        jk_upload_end(upload, id, &verdict);
        return answer(server, mhd, "POST", &verdict, id);
}

/* Called with the headers, then with each piece of an upload, then for the reply. What is uploaded
 * with a GET is dropped; a method that is refused is refused at once. */
static enum MHD_Result
on_request(void *data, struct MHD_Connection *mhd, const char *url, const char *method,
           const char *version, const char *upload, size_t *upload_size, void **context)
{
        (void)url;
        (void)version;
        if (!*context && is_get_or_head(method)) {
                *context = data; /* anything: the headers were seen */
                return MHD_YES;
        }
        if (!*context && sends_recording(data, mhd, method))
                return begin_upload(data, mhd, context);
        if (*upload_size > 0) {
                if (is_upload(data, *context)) {
                        jk_upload_add(*context, upload, *upload_size);
                        expect_piece(data, mhd, *context);
                }
                *upload_size = 0;
                return MHD_YES;
        }
        if (is_upload(data, *context))
                return end_upload(data, mhd, context);

        return answer(data, mhd, method, NULL, NULL);
}

/* ---- the thread ---- */

/* Milliseconds to wait: the lesser of two, where -1 is for ever. */
static int
sooner(int a, int b)
{
        if (a < 0 || b < 0)
                return a < 0 ? b : a;

        return a < b ? a : b;
}

static int
next_timeout_ms(struct jk_server *server)
{
        int timeout_ms = jk_connections_cut(&server->connections);
        MHD_UNSIGNED_LONG_LONG pending_ms;

        if (MHD_get_timeout(server->daemon, &pending_ms) != MHD_YES)
                return timeout_ms;

        return sooner(timeout_ms, pending_ms > 1000 ? 1000 : (int)pending_ms);
}

/* At the bound of connections libmicrohttpd stops listening, and starts again only on the run after
 * the one in which a connection closed. */
static void
run_daemon(struct jk_server *server)
{
        size_t open;

        do {
                open = server->connections.n_open;
                MHD_run(server->daemon);
        } while (server->connections.n_open < open);
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
                if (poll(events, JK_COUNT(events), next_timeout_ms(server)) < 0 && errno != EINTR) {
                        jk_log_error("http: poll: %m; no requests are answered any more");
                        return NULL;
                }
                run_daemon(server);
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
        const struct jk_http_limits *limits = &server->limits;
        const union MHD_DaemonInfo *info;

        server->daemon = MHD_start_daemon(
                MHD_USE_EPOLL, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET,
                listen_fd, MHD_OPTION_CONNECTION_LIMIT, limits->connections,
                MHD_OPTION_PER_IP_CONNECTION_LIMIT, limits->connections_per_address,
                MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)CONNECTION_MEMORY_STEP,
                MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_NOTIFY_COMPLETED,
                on_completed, server, MHD_OPTION_URI_LOG_CALLBACK, on_uri, server,
                MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
        if (!server->daemon)
                return jk_fail(err, EIO, "http: libmicrohttpd does not start");

        info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        if (!info)
                return jk_fail(err, EOPNOTSUPP, "http: libmicrohttpd is built without epoll");

        server->epoll_fd = info->epoll_fd;
        return 0;
}

/* Open what the thread needs; what fails half-way is closed by free_server(). */
static int
open_server(struct jk_server *server, const char *listen, struct jk_error *err)
{
        jk_autoclose int listen_fd = -1;
        int r;

        r = jk_connections_init(&server->connections, server->limits.connections);
        if (r < 0)
                return jk_fail(err, r, "http: out of memory");

        server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (server->stop_fd < 0)
                return jk_fail(err, errno, "http: eventfd: %m");

        r = jk_listen_open(listen, &listen_fd, &server->port, err);
        if (r < 0)
                return r;

        server->loopback = jk_host_is_loopback(listen_fd);
        r = start_daemon(server, listen_fd, err);
        if (server->daemon)
                listen_fd = -1; /* the daemon's now */
        return r;
}

static void
free_server(struct jk_server **server_pointer)
{
        struct jk_server *server = *server_pointer;

        if (!server)
                return;

        if (server->daemon)
                MHD_stop_daemon(server->daemon); /* closes connections and the listening socket */
        if (server->stop_fd >= 0)
                close(server->stop_fd);
        jk_connections_free(&server->connections);
        jk_bodies_free(&server->bodies);
        jk_serve_scratch_free(&server->scratch);
        jk_offering_close(server->offering);
        free(server);
}

#define autoserver __attribute__((cleanup(free_server)))

int
jk_http_start(const struct jk_serve_options *options, const struct jk_http_limits *limits,
              struct jk_shelf *shelf, struct jk_server **ret_server, struct jk_error *err)
{
        autoserver struct jk_server *server = calloc(1, sizeof *server);
        int r;

        if (!server)
                return jk_fail(err, ENOMEM, "http: out of memory");

        server->stop_fd = -1;
        server->limits = *limits;
        server->shelf = shelf;
        server->intake = options->intake;
        jk_serve_reconfigure(server, options);
        r = jk_offering_open(options->models, &server->offering, err);
        if (r == 0)
                r = open_server(server, options->listen, err);
        if (r == 0)
                r = start_thread(server, err);
        if (r < 0)
                return r;

        *ret_server = jk_steal(server);
        return 0;
}

int
jk_serve_start(const struct jk_serve_options *options, struct jk_shelf *shelf,
               struct jk_server **ret_server, struct jk_error *err)
{
        return jk_http_start(options, &default_limits, shelf, ret_server, err);
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
jk_serve_renew_models(struct jk_server *server, bool anyway, struct jk_error *err)
{
        return jk_offering_renew(server->offering, anyway, err);
}

int
jk_serve_port(const struct jk_server *server)
{
        return server->port;
}
