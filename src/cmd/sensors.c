/* SPDX-License-Identifier: Apache-2.0
 *
 * Sensors that connect: see sensors.h.
 */
#include "cmd/sensors.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/address.h"
#include "serve/listen.h"

static int
open_signals(struct jk_sensors *sensors, struct jk_error *err)
{
        sigset_t ours;

        sigemptyset(&ours);
        sigaddset(&ours, SIGINT);
        sigaddset(&ours, SIGTERM);
        sigprocmask(SIG_BLOCK, &ours, NULL);
        sensors->stop_fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
        return sensors->stop_fd < 0 ? jk_fail(err, errno, "signalfd: %m") : 0;
}

static bool
is_loopback(const union jk_address *address)
{
        if (address->any.sa_family == AF_INET6)
                return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
        return ntohl(address->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

int
jk_sensors_open(const char *listen, struct jk_hwpc_names *names, struct jk_sensors *sensors,
                struct jk_error *err)
{
        union jk_address address;
        int fd = -1, r;

        *sensors = (struct jk_sensors){ .stop_fd = -1 };
        r = jk_address_parse(listen, &address, err);
        if (r < 0)
                return r;
        sensors->is_public = !is_loopback(&address);
        r = open_signals(sensors, err);
        if (r == 0)
                r = jk_listen_open(listen, &fd, &sensors->port, err);
        if (r < 0)
                return r;
        return jk_hwpc_tcp_open(fd, sensors->stop_fd, names, &sensors->reader, err);
}

void
jk_sensors_close(struct jk_sensors *sensors)
{
        jk_hwpc_reader_close(sensors->reader);
        if (sensors->stop_fd >= 0)
                close(sensors->stop_fd);
        *sensors = (struct jk_sensors){ .stop_fd = -1 };
}

void
jk_sensors_tell(const struct jk_sensors *sensors, const char *command)
{
        fprintf(stderr, "joulekeeper %s: waiting for sensors at port %d\n", command, sensors->port);
        if (sensors->is_public)
                fprintf(stderr,
                        "joulekeeper %s: whoever can reach this port is believed, unencrypted; "
                        "127.0.0.1 is for this machine alone\n",
                        command);
}
