/* SPDX-License-Identifier: Apache-2.0
 *
 * The listening socket: see listen.h.
 */
#include "serve/listen.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/array.h"
#include "base/cleanup.h"

#define BACKLOG 128

static const char *
remedy_for(int code)
{
        static const struct {
                int code;
                const char *remedy;
        } rows[] = {
                { EADDRINUSE, "another agent or program listens there: stop it, or choose another "
                              "port with --listen ADDR:PORT" },
                { EACCES, "a port below 1024 needs root or CAP_NET_BIND_SERVICE; choose a higher "
                          "one with --listen ADDR:PORT" },
                { EADDRNOTAVAIL, "this machine does not have that address; ip addr shows those it "
                                 "has" },
                { EAFNOSUPPORT, "this kernel does not speak that protocol; give an address of the "
                                "other one" },
        };

        for (size_t i = 0; i < JK_COUNT(rows); i++)
                if (rows[i].code == code)
                        return rows[i].remedy;

        return "choose another address with --listen ADDR:PORT, or turn HTTP off with --listen off";
}

static int
fail_to_listen(const char *listen, int code, struct jk_error *err)
{
        return jk_fail(err, code, "listen %s: %m; %s", listen, remedy_for(abs(code)));
}

static int
bind_and_listen(int fd, const union jk_address *address)
{
        bool v6 = address->any.sa_family == AF_INET6;
        int on = 1;

        /* So that a restart does not wait for old connections to time out. */
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);

        /* [::] is what it says, also where the system's default would take IPv4 along. */
        if (v6)
                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);

        if (bind(fd, &address->any, v6 ? sizeof address->v6 : sizeof address->v4) < 0)
                return -errno;

        return listen(fd, BACKLOG) < 0 ? -errno : 0;
}

static int
port_of(int fd, int *ret_port)
{
        union jk_address address = { 0 };
        socklen_t length = sizeof address;

        if (getsockname(fd, &address.any, &length) < 0)
                return -errno;

        *ret_port = ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port
                                                            : address.v4.sin_port);
        return 0;
}

int
jk_listen_open(const char *listen, int *ret_fd, int *ret_port, struct jk_error *err)
{
        jk_autoclose int fd = -1;
        union jk_address address = { 0 };
        int r, port = 0;

        r = jk_address_parse(listen, &address, err);
        if (r < 0) {
                jk_error_prefix(err, "listen: ");
                return r;
        }

        fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return fail_to_listen(listen, errno, err);

        r = bind_and_listen(fd, &address);
        if (r == 0)
                r = port_of(fd, &port);
        if (r < 0)
                return fail_to_listen(listen, r, err);

        *ret_fd = jk_steal_fd(&fd);
        *ret_port = port;
        return 0;
}
