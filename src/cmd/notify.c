/* SPDX-License-Identifier: Apache-2.0
 *
 * Telling the service manager how we are: see notify.h.
 */
#include "cmd/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/root.h"

/* The address: a path, or "@NAME" for an abstract one (a NUL in place of the "@"). */
static int
notify_address(struct sockaddr_un *ret_address, socklen_t *ret_length)
{
        const char *name = getenv("NOTIFY_SOCKET");
        size_t length = name ? strlen(name) : 0;

        if (length == 0)
                return -ENOENT;
        if (name[0] != '/' && name[0] != '@')
                return -EAFNOSUPPORT;
        if (length >= sizeof ret_address->sun_path)
                return -ENAMETOOLONG;

        *ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
        memcpy(ret_address->sun_path, name, length);
        *ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
        if (name[0] == '@')
                ret_address->sun_path[0] = '\0';
        else
                *ret_length += 1; /* paths count their NUL, abstract names have none */
        return 0;
}

int
jk_notify(const char *format, ...)
{
        struct sockaddr_un address;
        jk_autoclose int fd = -1;
        char message[512];
        socklen_t length;
        va_list arguments;
        int n, r;

        r = notify_address(&address, &length);
        if (r < 0)
                return r == -ENOENT ? 0 : r;

        va_start(arguments, format);
        n = vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);
        if (n < 0 || (size_t)n >= sizeof message)
                return -EMSGSIZE;

        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (sendto(fd, message, (size_t)n, MSG_NOSIGNAL, (struct sockaddr *)&address, length) < 0)
                return -errno;

        return 0;
}

int
jk_notify_reloading(void)
{
        return jk_notify("RELOADING=1\nMONOTONIC_USEC=%lld",
                         (long long)(jk_monotonic_ns() / JK_NS_PER_US));
}

int64_t
jk_notify_watchdog_ns(void)
{
        const char *period = getenv("WATCHDOG_USEC"), *whom = getenv("WATCHDOG_PID");
        uint64_t us, pid;

        if (!period || jk_parse_u64(period, &us) < 0 || us > INT64_MAX / JK_NS_PER_US)
                return 0;
        if (whom && (jk_parse_u64(whom, &pid) < 0 || pid != (uint64_t)getpid()))
                return 0;

        return (int64_t)us * JK_NS_PER_US;
}
