/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections and their deadlines: see connection.h.
 */
#include "serve/connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"

#define CUT_AGAIN_NS (1 * JK_NS_PER_S)

int
jk_connections_init(struct jk_connections *connections, size_t n_slots)
{
        struct jk_connection *slots = calloc(n_slots, sizeof *slots);

        if (!slots)
                return -ENOMEM;

        *connections = (struct jk_connections){ .slots = slots, .n_slots = n_slots };
        return 0;
}

void
jk_connections_free(struct jk_connections *connections)
{
        free(connections->slots);
        *connections = (struct jk_connections){ 0 };
}

struct jk_connection *
jk_connection_open(struct jk_connections *connections, int fd)
{
        for (size_t i = 0; i < connections->n_slots; i++) {
                struct jk_connection *connection = &connections->slots[i];

                if (connection->state != JK_CONNECTION_CLOSED)
                        continue;
                connection->state = JK_CONNECTION_READING;
                connection->fd = fd;
                jk_connection_set_uri(connection, "");
                connections->n_open++;
                return connection;
        }

        return NULL;
}

void
jk_connection_close(struct jk_connections *connections, struct jk_connection *connection)
{
        connection->state = JK_CONNECTION_CLOSED;
        connections->n_open--;
}

void
jk_connection_expect(struct jk_connection *connection, enum jk_connection_state state,
                     int64_t within_ns)
{
        connection->state = state;
        connection->deadline_ns = jk_monotonic_ns() + within_ns;
}

/* What follows scheme and host, where a client names them as it does to a proxy; a server has to
 * take that form too (RFC 9112, section 3.2.2). */
static const char *
without_host(const char *uri)
{
        static const char scheme[] = "http://";

        if (strncasecmp(uri, scheme, strlen(scheme)) != 0)
                return uri;

        uri += strlen(scheme);
        return uri + strcspn(uri, "/?");
}

void
jk_connection_set_uri(struct jk_connection *connection, const char *uri)
{
        const char *rest = without_host(uri);
        const char *root = rest != uri && *rest != '/' ? "/" : ""; /* http://HOST means its root */
        int length = snprintf(connection->uri, sizeof connection->uri, "%s%s", root, rest);

        connection->uri_too_long = length >= JK_URI_SIZE;
        if (connection->uri_too_long)
                connection->uri[0] = '\0';
}

void
jk_connection_renew_end(const struct jk_connection *connection)
{
        char next;

        if (recv(connection->fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
                shutdown(connection->fd, SHUT_RD);
}

/* A client that does not take its reply would leave megabytes of it in the kernel's send buffer,
 * even after close(2): it gets a reset, which drops them. */
static void
cut(const struct jk_connection *connection)
{
        struct linger reset = { .l_onoff = 1, .l_linger = 0 };

        if (connection->state == JK_CONNECTION_REPLYING)
                setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        shutdown(connection->fd, SHUT_RDWR);
}

int
jk_connections_cut(struct jk_connections *connections)
{
        int64_t now = jk_monotonic_ns(), next = INT64_MAX;

        for (size_t i = 0; connections->n_open > 0 && i < connections->n_slots; i++) {
                struct jk_connection *connection = &connections->slots[i];

                if (connection->state == JK_CONNECTION_CLOSED)
                        continue;
                if (connection->deadline_ns <= now) {
                        cut(connection);
                        connections->n_cut += connection->state != JK_CONNECTION_IDLE;
                        jk_connection_expect(connection, JK_CONNECTION_IDLE, CUT_AGAIN_NS);
                }
                if (connection->deadline_ns < next)
                        next = connection->deadline_ns;
        }

        return next == INT64_MAX ? -1 : (int)((next - now) / JK_NS_PER_MS + 1);
}
