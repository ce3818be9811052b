/* SPDX-License-Identifier: Apache-2.0
 *
 * A client of raw sockets, for tests of the HTTP server: it can be as slow, rude and many as no
 * library lets one be.
 */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define CLIENT_PATIENCE_MS 10000

static inline int
client_connect(int port)
{
        struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons((uint16_t)port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
                fail_msg("connect to port %d: %s", port, strerror(errno));
        return fd;
}

/* False if the server has closed the connection. */
static inline bool
client_send(int fd, const char *bytes, size_t length)
{
        while (length > 0) {
                ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);

                if (n <= 0)
                        return false;
                bytes += n;
                length -= (size_t)n;
        }

        return true;
}

static inline bool
client_say(int fd, const char *string)
{
        return client_send(fd, string, strlen(string));
}

/* Whether there is something to read, or the end, in this time. */
static inline bool
client_wait(int fd, int timeout_ms)
{
        struct pollfd event = { .fd = fd, .events = POLLIN };

        return poll(&event, 1, timeout_ms) == 1;
}

/* Everything up to the end of the connection. */
static inline void
client_read_all(int fd, struct jk_text *text)
{
        char buffer[16384];
        ssize_t n;

        jk_text_clear(text);
        jk_text_bytes(text, "", 0);
        do {
                if (!client_wait(fd, CLIENT_PATIENCE_MS))
                        fail_msg("no end of the reply after %zu bytes", text->length);
                n = read(fd, buffer, sizeof buffer);
                jk_text_bytes(text, buffer, n > 0 ? (size_t)n : 0);
        } while (n > 0);
}

struct reply {
        struct jk_text text; /* all of it */
        int status;          /* 0: none */
        const char *body;
        size_t body_length;
};

static inline void
reply_free(struct reply *reply)
{
        jk_text_free(&reply->text);
}

#define autoreply __attribute__((cleanup(reply_free))) struct reply

static inline void
reply_read(int fd, struct reply *reply)
{
        const char *end;

        client_read_all(fd, &reply->text);
        reply->status = 0;
        if (strncmp(reply->text.data, "HTTP/1.", 7) == 0)
                reply->status = (int)strtol(reply->text.data + 9, NULL, 10);
        end = strstr(reply->text.data, "\r\n\r\n");
        reply->body = end ? end + 4 : reply->text.data + reply->text.length;
        reply->body_length = (size_t)(reply->text.data + reply->text.length - reply->body);
}

/* One request on a connection of its own; `headers` end in \r\n each. */
static inline void
reply_get(int port, const char *method, const char *uri, const char *headers, struct reply *reply)
{
        char request[4096];
        int fd = client_connect(port);

        snprintf(request, sizeof request,
                 "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", method, uri,
                 headers);
        client_say(fd, request);
        reply_read(fd, reply);
        close(fd);
}

/* The value of a header, up to its line's end, or "". */
static inline const char *
reply_header(const struct reply *reply, const char *name)
{
        static char value[256];
        char start[64];
        const char *found;
        size_t length;

        snprintf(start, sizeof start, "\r\n%s: ", name);
        found = strcasestr(reply->text.data, start);
        if (!found || found >= reply->body)
                return "";

        length = strcspn(found + strlen(start), "\r");
        assert_true(length < sizeof value);
        memcpy(value, found + strlen(start), length);
        value[length] = '\0';
        return value;
}
