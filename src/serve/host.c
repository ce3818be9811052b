/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of the server: see host.h.
 */
#include "serve/host.h"

#include <arpa/inet.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/address.h"

bool
jk_host_is_loopback(int listen_fd)
{
        union jk_address address = { 0 };
        socklen_t length = sizeof address;

        if (getsockname(listen_fd, &address.any, &length) < 0)
                return false;
        if (address.any.sa_family == AF_INET6)
                return IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr);

        return ntohl(address.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static bool
is_below_localhost(const char *name)
{
        static const char below[] = ".localhost";
        size_t length = strlen(name);

        return length > strlen(below) && strcasecmp(name + length - strlen(below), below) == 0;
}

static bool
is_this_machine(const char *name)
{
        char own[HOST_NAME_MAX + 1] = "";

        return gethostname(own, sizeof own - 1) == 0 && strcasecmp(name, own) == 0;
}

bool
jk_host_is_ours(const char *host)
{
        char name[HOST_NAME_MAX + 1];
        size_t length;
        struct in_addr unused;

        if (!host || host[0] == '[')
                return true; /* an IPv6 address, with its port or without */

        length = strcspn(host, ":");
        if (length > 0 && host[length - 1] == '.')
                length--;
        if (length >= sizeof name)
                return false;
        memcpy(name, host, length);
        name[length] = '\0';

        return !strchr(name, '.') || inet_pton(AF_INET, name, &unused) == 1 ||
               is_below_localhost(name) || is_this_machine(name);
}
