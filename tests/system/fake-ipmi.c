/* SPDX-License-Identifier: Apache-2.0
 *
 * A BMC's device for tests, to be preloaded: where a path that ends in /ipmi is opened and is a
 * socket, the calls of the kernel's IPMI driver go there. A message each way is a packet: the
 * number of the question (8 bytes), network function, command, and the data.
 */
#undef _FILE_OFFSET_BITS /* which makes one function of the two that are replaced here */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ipmi.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD 10

static int
is_device(const char *path)
{
        size_t length = strlen(path);
        struct stat status;

        return length > 5 && strcmp(path + length - 5, "/ipmi") == 0 && stat(path, &status) == 0 &&
               S_ISSOCK(status.st_mode);
}

static int
open_device(const char *path)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
                close(fd);
                errno = ENXIO;
                return -1;
        }
        return fd;
}

static int
open_any(const char *name, const char *path, int flags, mode_t mode)
{
        int (*real)(const char *, int, ...);
        void *symbol = dlsym(RTLD_NEXT, name);

        memcpy(&real, &symbol, sizeof real);
        return is_device(path) ? open_device(path) : real(path, flags, mode);
}

int
open(const char *file, int oflag, ...)
{
        va_list rest;
        mode_t mode;

        va_start(rest, oflag);
        mode = oflag & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
        va_end(rest);
        return open_any("open", file, oflag, mode);
}

int
open64(const char *file, int oflag, ...)
{
        va_list rest;
        mode_t mode;

        va_start(rest, oflag);
        mode = oflag & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
        va_end(rest);
        return open_any("open64", file, oflag, mode);
}

static int
send_command(int fd, const struct ipmi_req *request)
{
        unsigned char packet[HEAD + 64];

        memcpy(packet, &request->msgid, 8);
        packet[8] = request->msg.netfn;
        packet[9] = request->msg.cmd;
        memcpy(packet + HEAD, request->msg.data, request->msg.data_len);
        return send(fd, packet, HEAD + request->msg.data_len, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* As the driver does: what is too long is cut, and said so. */
static int
receive_message(int fd, struct ipmi_recv *received)
{
        unsigned char packet[512];
        ssize_t n = recv(fd, packet, sizeof packet, 0);
        int cut;

        if (n < HEAD) {
                errno = n < 0 ? errno : EIO;
                return -1;
        }
        received->recv_type = IPMI_RESPONSE_RECV_TYPE;
        memcpy(&received->msgid, packet, 8);
        received->msg.netfn = packet[8];
        received->msg.cmd = packet[9];
        n -= HEAD;
        cut = n > received->msg.data_len;
        if (!cut)
                received->msg.data_len = (unsigned short)n;
        memcpy(received->msg.data, packet + HEAD, received->msg.data_len);
        errno = EMSGSIZE;
        return cut ? -1 : 0;
}

int
ioctl(int fd, unsigned long request, ...)
{
        int (*real)(int, unsigned long, ...);
        void *symbol, *argument;
        va_list rest;

        va_start(rest, request);
        argument = va_arg(rest, void *);
        va_end(rest);
        if (request == IPMICTL_SEND_COMMAND)
                return send_command(fd, argument);
        if (request == IPMICTL_RECEIVE_MSG_TRUNC)
                return receive_message(fd, argument);

        symbol = dlsym(RTLD_NEXT, "ioctl");
        memcpy(&real, &symbol, sizeof real);
        return real(fd, request, argument);
}
