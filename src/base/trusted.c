/* SPDX-License-Identifier: Apache-2.0
 *
 * Trust in files: see trusted.h. The path is freed of links first, and it is that path which is
 * looked at and handed back: nobody else can change any part of it afterwards.
 */
#include "base/trusted.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static int
check_one(const char *path, struct jk_error *err)
{
        struct stat status;

        if (lstat(path, &status) < 0)
                return jk_fail(err, errno, "%s: %m", path);
        if (status.st_uid != 0 && status.st_uid != geteuid())
                return jk_fail(err, EPERM,
                               "%s: it belongs to uid %u, who could have others' code run by uid "
                               "%u; let root own it (chown root)",
                               path, (unsigned)status.st_uid, (unsigned)geteuid());
        if ((status.st_mode & (S_IWGRP | S_IWOTH)) &&
            !(S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX)))
                return jk_fail(err, EPERM,
                               "%s: others than its owner may write to it (mode %04o), and so have "
                               "their code run by uid %u; take that away (chmod go-w)",
                               path, (unsigned)status.st_mode & 07777U, (unsigned)geteuid());

        return 0;
}

/* "/", "/usr", "/usr/lib" …: what is nearer to the root first. */
static int
check_all(char *path, struct jk_error *err)
{
        int r = check_one("/", err);

        for (char *slash = strchr(path + 1, '/'); r == 0 && slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                r = check_one(path, err);
                *slash = '/';
        }
        return r < 0 ? r : check_one(path, err);
}

int
jk_trusted_file(const char *path, char **ret_path, struct jk_error *err)
{
        jk_autofree char *real = NULL;
        struct stat status;
        int r;

        if (path[0] != '/')
                return jk_fail(err, EINVAL, "%s: give its whole path, from / on", path);

        real = realpath(path, NULL);
        if (!real)
                return jk_fail(err, errno, "%s: %m", path);
        r = check_all(real, err);
        if (r < 0)
                return r;
        if (lstat(real, &status) < 0)
                return jk_fail(err, errno, "%s: %m", real);
        if (!S_ISREG(status.st_mode))
                return jk_fail(err, EINVAL, "%s: it is not a file", real);

        *ret_path = jk_steal(real);
        return 0;
}
