/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections and their deadlines. A client that sends or takes a byte per second is never idle, so
 * a timeout of idle time would keep it for ever: here a request has to arrive whole, and a reply to
 * be taken whole, by a deadline.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JK_URI_SIZE = 2048 };

enum jk_connection_state {
        JK_CONNECTION_CLOSED,
        JK_CONNECTION_READING,
        JK_CONNECTION_REPLYING,
        JK_CONNECTION_IDLE, /* kept alive, or cut and about to be closed */
};

struct jk_connection {
        enum jk_connection_state state;
        int fd;
        int64_t deadline_ns; /* monotonic */
        bool uri_too_long;
        char uri[JK_URI_SIZE]; /* path and query of the latest request, raw */
};

struct jk_connections {
        struct jk_connection *slots;
        size_t n_slots;
        size_t n_open;
        uint64_t n_cut; /* since start */
};

/* 0 or -ENOMEM. */
int jk_connections_init(struct jk_connections *connections, size_t n_slots);
void jk_connections_free(struct jk_connections *connections);

/* A slot for a new connection, or NULL if all are taken. */
struct jk_connection *jk_connection_open(struct jk_connections *connections, int fd);
void jk_connection_close(struct jk_connections *connections, struct jk_connection *connection);

/* What it has to get done, and within which time from now. */
void jk_connection_expect(struct jk_connection *connection, enum jk_connection_state state,
                          int64_t within_ns);

/* Keep path and query of a request's target; scheme and host before them are left out. */
void jk_connection_set_uri(struct jk_connection *connection, const char *uri);

/* After a reply: if the client will send nothing more, see that who polls the socket notices. A
 * request and the end after it can be read in one go, which clears the edge that epoll reported. */
void jk_connection_renew_end(const struct jk_connection *connection);

/* Shut down the sockets of those that missed their deadline (who polls them then sees their end and
 * closes them). Returns the milliseconds until the next deadline, or -1 if there is none. */
int jk_connections_cut(struct jk_connections *connections);
