/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials: the first line of a file that only its owner can read.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "reference/web.h"

static int
check_mode(int fd, const char *path, struct jk_error *err)
{
        struct stat status;

        if (fstat(fd, &status) < 0)
                return jk_fail(err, errno, "%s: %m", path);
        if (!S_ISREG(status.st_mode))
                return jk_fail(err, EPERM, "%s: is no regular file", path);
        if (status.st_mode & (S_IRWXG | S_IRWXO))
                return jk_fail(err, EPERM,
                               "%s: others than its owner may use it, and it holds credentials; "
                               "chmod 600 it",
                               path);

        return 0;
}

int
jk_credentials_read(const char *path, char ret_line[static JK_CREDENTIALS_MAX],
                    struct jk_error *err)
{
        jk_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        char line[JK_CREDENTIALS_MAX];
        ssize_t n;
        int r;

        if (fd < 0)
                return jk_fail(err, errno, "%s: cannot be read: %m", path);
        r = check_mode(fd, path, err);
        if (r < 0)
                return r;

        n = read(fd, line, sizeof line - 1);
        if (n < 0)
                return jk_fail(err, errno, "%s: cannot be read: %m", path);
        line[n] = '\0';
        line[strcspn(line, "\r\n")] = '\0';
        if (!*line || strlen(line) >= sizeof line - 1)
                return jk_fail(err, EINVAL,
                               "%s: its first line has to hold USER:PASSWORD or a token", path);

        memcpy(ret_line, line, sizeof line);
        explicit_bzero(line, sizeof line);
        return 0;
}
