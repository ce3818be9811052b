/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration file as a file: opened with care, as its name may be anything, and read whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "config/config.h"

/* Open without waiting (a FIFO would keep us for ever) and see that it is a file to read again on
 * SIGHUP. */
static int
open_regular(const char *path, size_t *ret_size, struct jk_error *err)
{
        jk_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat status;

        if (fd < 0 || fstat(fd, &status) < 0)
                return jk_fail(err, errno, "%s: cannot be read: %m", path);
        if (S_ISDIR(status.st_mode))
                return jk_fail(err, EISDIR, "%s: is a directory; name the file in it", path);
        if (!S_ISREG(status.st_mode))
                return jk_fail(err, EINVAL, "%s: is no regular file", path);
        if (status.st_size > JK_CONFIG_FILE_MAX)
                return jk_fail(err, EFBIG, "%s: is larger than 1 MiB; is it the right file?", path);

        *ret_size = (size_t)status.st_size;
        return jk_steal_fd(&fd);
}

int
jk_config_load(const char *path, jk_config_check *check, struct jk_config *ret_config,
               struct jk_error *err)
{
        jk_autofree char *text = NULL;
        size_t size = 0, length = 0;
        jk_autoclose int fd = open_regular(path, &size, err);

        if (fd < 0)
                return fd;

        text = malloc(size + 1);
        if (!text)
                return jk_fail(err, ENOMEM, "%s: out of memory", path);

        while (length < size) {
                ssize_t n = read(fd, text + length, size - length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return jk_fail(err, errno, "%s: cannot be read: %m", path);
                if (n == 0)
                        break;
                length += (size_t)n;
        }

        return jk_config_parse(path, text, length, check, ret_config, err);
}
