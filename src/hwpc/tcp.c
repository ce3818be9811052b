/* SPDX-License-Identifier: Apache-2.0
 *
 * HWPC reports as sensors send them: JSON documents, one a line, over TCP, where the sensor is the
 * client and nothing is answered. A client that sends slowly, or half a document, or too large a
 * one, keeps none of the others waiting. One whose clock is far ahead is refused, as what is of an
 * earlier time than what was taken comes too late: nobody can move the time of all the others.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "hwpc/reader-internal.h"

enum {
        CLIENTS_MAX = 64,
        CHUNK = 1 << 16,
        OUT_OF_FILES_MS = 100,
        AHEAD_MAX_MS = JK_HWPC_AHEAD_MAX_S * 1000,
};

struct client {
        int fd;
        char name[80]; /* address and port, for messages */
        struct jk_text bytes;
        size_t start;   /* of what was not taken yet */
        size_t scanned; /* up to there no line ends */
        uint64_t documents;
        bool is_passing_by; /* the rest of a document that was too large */
        bool has_ended;
};

struct reader {
        struct jk_hwpc_reader reader;
        struct jk_hwpc_names *names;
        int listen_fd, stop_fd;
        struct client clients[CLIENTS_MAX];
        size_t n_clients;
        size_t turn; /* whose documents are taken first */
};

/* ---- clients ---- */

static void
name_client(struct client *client, const union jk_address *address, socklen_t length)
{
        char host[46] = "?", port[6] = "?";

        getnameinfo(&address->any, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
        snprintf(client->name, sizeof client->name, "%s port %s", host, port);
}

/* Keep-alive, so that a sensor whose machine died does not hold its place for ever. */
static void
accept_client(struct reader *reader)
{
        struct client *client = &reader->clients[reader->n_clients];
        union jk_address address = { 0 };
        socklen_t length = sizeof address;
        int on = 1, fd;

        fd = accept4(reader->listen_fd, &address.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
                /* Whoever knocks goes on knocking: poll() would come back at once. */
                if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                        poll(NULL, 0, OUT_OF_FILES_MS);
                return;
        }
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        *client = (struct client){ .fd = fd };
        name_client(client, &address, length);
        reader->n_clients++;
}

static void
drop_client(struct reader *reader, size_t i)
{
        close(reader->clients[i].fd);
        jk_text_free(&reader->clients[i].bytes);
        reader->clients[i] = reader->clients[--reader->n_clients];
}

/* Move what was not taken to the front, so that the text does not grow without end. */
static void
compact(struct client *client)
{
        struct jk_text *bytes = &client->bytes;

        if (client->start == 0)
                return;
        bytes->length -= client->start;
        memmove(bytes->data, bytes->data + client->start, bytes->length + 1);
        client->scanned -= client->start;
        client->start = 0;
}

static void
receive(struct client *client)
{
        char chunk[CHUNK];
        ssize_t n = recv(client->fd, chunk, sizeof chunk, 0);

        if (n > 0) {
                compact(client);
                jk_text_bytes(&client->bytes, chunk, (size_t)n);
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
                client->has_ended = true;
        }
}

/* ---- documents ---- */

static int __attribute__((cold))
refuse(const struct client *client, struct jk_error *err, const char *what)
{
        return jk_fail(err, EBADMSG, "%s: document %llu: %s", client->name,
                       (unsigned long long)client->documents, what);
}

static int
check_clock(const struct client *client, const struct jk_hwpc_report *report, struct jk_error *err)
{
        int64_t ahead_ms = report->timestamp_ms - jk_now().realtime_ns / JK_NS_PER_MS;

        if (ahead_ms <= AHEAD_MAX_MS)
                return 0;
        return jk_fail(
                err, EBADMSG,
                "%s: document %llu: its time is %lld s ahead of this machine's clock, and %d "
                "at most are taken; set the clock of the sensor's machine, or of this one",
                client->name, (unsigned long long)client->documents, (long long)(ahead_ms / 1000),
                JK_HWPC_AHEAD_MAX_S);
}

static int
parse(struct reader *reader, struct client *client, const char *document, size_t length,
      struct jk_hwpc_report *report, struct jk_error *err)
{
        int r;

        client->documents++;
        r = jk_hwpc_parse(document, length, reader->names, report, err);
        if (r < 0)
                jk_error_prefix(err, "%s: document %llu: ", client->name,
                                (unsigned long long)client->documents);
        else
                r = check_clock(client, report, err);
        return r < 0 ? r : 1;
}

/* The end of the line that begins at start, or NULL if it has not come yet. */
static const char *
find_end(struct client *client)
{
        struct jk_text *bytes = &client->bytes;
        const char *end = bytes->length > client->scanned
                                  ? memchr(bytes->data + client->scanned, '\n',
                                           bytes->length - client->scanned)
                                  : NULL;

        client->scanned = end ? (size_t)(end - bytes->data) + 1 : bytes->length;
        return end;
}

/* What has come of a document that has no end yet: 0, or a refusal if it is too large, or if there
 * will be no more of it. */
static int
take_rest(struct client *client, struct jk_error *err)
{
        size_t length = client->bytes.length - client->start;

        if (client->is_passing_by || length > JK_HWPC_DOCUMENT_MAX) {
                bool is_news = !client->is_passing_by;

                client->is_passing_by = true;
                client->start = client->scanned = 0;
                jk_text_clear(&client->bytes);
                if (!is_news)
                        return 0;
                client->documents++;
                return refuse(client, err, "it is too large");
        }
        if (!client->has_ended || length == 0)
                return 0;
        client->start = client->scanned = client->bytes.length;
        client->documents++;
        return refuse(client, err, "the connection ended within it");
}

static bool
is_blank(const char *line, size_t length)
{
        for (size_t i = 0; i < length; i++)
                if (!strchr(" \t\r", line[i]))
                        return false;
        return true;
}

/* The next document of a client: as jk_hwpc_read(), 0 if none is whole. */
static int
take_document(struct reader *reader, struct client *client, struct jk_hwpc_report *report,
              struct jk_error *err)
{
        const char *end;

        if (client->bytes.failed)
                return jk_fail(err, ENOMEM, "out of memory");
        while ((end = find_end(client))) {
                const char *line = client->bytes.data + client->start;
                bool was_passed_by = client->is_passing_by;

                client->start = client->scanned;
                client->is_passing_by = false;
                if (!was_passed_by && !is_blank(line, (size_t)(end - line)))
                        return parse(reader, client, line, (size_t)(end - line), report, err);
        }
        return take_rest(client, err);
}

/* One of any client, each in its turn; those that have nothing more are dropped. */
static int
take_any(struct reader *reader, struct jk_hwpc_report *report, struct jk_error *err)
{
        for (size_t tried = 0; tried < reader->n_clients; tried++) {
                size_t i = (reader->turn + tried) % reader->n_clients;
                int r = take_document(reader, &reader->clients[i], report, err);

                if (r != 0) {
                        reader->turn = i + 1;
                        return r;
                }
        }
        for (size_t i = reader->n_clients; i-- > 0;)
                if (reader->clients[i].has_ended)
                        drop_client(reader, i);
        return 0;
}

/* ---- the reader ---- */

/* Until something happened: 1, 0 if it is to stop, or a negative errno. */
static int
wait_for_input(struct reader *reader, struct jk_error *err)
{
        struct pollfd fds[2 + CLIENTS_MAX] = {
                { .fd = reader->stop_fd, .events = POLLIN },
                { .fd = reader->n_clients < CLIENTS_MAX ? reader->listen_fd : -1,
                  .events = POLLIN },
        };
        size_t n = reader->n_clients;

        for (size_t i = 0; i < n; i++)
                fds[2 + i] = (struct pollfd){ .fd = reader->clients[i].fd, .events = POLLIN };
        while (poll(fds, 2 + n, -1) < 0)
                if (errno != EINTR)
                        return jk_fail(err, errno, "waiting for sensors: %m");
        if (fds[0].revents)
                return 0;
        for (size_t i = 0; i < n; i++)
                if (fds[2 + i].revents)
                        receive(&reader->clients[i]);
        if (fds[1].revents)
                accept_client(reader);
        return 1;
}

static int
read_report(struct jk_hwpc_reader *base, struct jk_hwpc_report *report, struct jk_error *err)
{
        struct reader *reader = (struct reader *)base;
        int r;

        while ((r = take_any(reader, report, err)) == 0) {
                r = wait_for_input(reader, err);
                if (r <= 0)
                        return r;
        }
        return r;
}

static void
close_reader(struct jk_hwpc_reader *base)
{
        struct reader *reader = (struct reader *)base;

        while (reader->n_clients > 0)
                drop_client(reader, reader->n_clients - 1);
        close(reader->listen_fd);
        free(reader);
}

int
jk_hwpc_tcp_open(int listen_fd, int stop_fd, struct jk_hwpc_names *names,
                 struct jk_hwpc_reader **ret_reader, struct jk_error *err)
{
        struct reader *reader = calloc(1, sizeof *reader);

        if (!reader) {
                close(listen_fd);
                return jk_fail(err, ENOMEM, "out of memory");
        }
        reader->reader.read = read_report;
        reader->reader.close = close_reader;
        reader->names = names;
        reader->listen_fd = listen_fd;
        reader->stop_fd = stop_fd;
        *ret_reader = &reader->reader;
        return 0;
}
