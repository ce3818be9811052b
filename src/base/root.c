/* SPDX-License-Identifier: Apache-2.0
 *
 * Files below a root: see root.h.
 */
#include "base/root.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

int
jk_root_open(const char *path, struct jk_root *ret_root, struct jk_error *err)
{
        struct jk_root root = JK_ROOT_CLOSED;

        root.fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root.fd < 0)
                return jk_fail(err, errno,
                               "root %s: %m; give a directory that has sys/ and proc/ below it",
                               path);

        root.path = strdup(path);
        if (!root.path) {
                jk_root_close(&root);
                return jk_fail(err, ENOMEM, "root %s: out of memory", path);
        }

        *ret_root = root;
        return 0;
}

void
jk_root_close(struct jk_root *root)
{
        if (root->fd >= 0)
                close(root->fd);
        free(root->path);
        *root = (struct jk_root)JK_ROOT_CLOSED;
}

bool
jk_root_is_host(const struct jk_root *root)
{
        struct stat given, host;

        return fstat(root->fd, &given) == 0 && stat("/", &host) == 0 &&
               given.st_dev == host.st_dev && given.st_ino == host.st_ino;
}

bool
jk_root_exists(const struct jk_root *root, const char *path)
{
        struct stat unused;

        return fstatat(root->fd, path, &unused, 0) == 0;
}

int
jk_root_open_file(const struct jk_root *root, const char *path)
{
        /* A pipe in a file's place must not hold the tick. */
        int fd = openat(root->fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

        return fd < 0 ? -errno : fd;
}

ssize_t
jk_fd_read(int fd, char *buffer, size_t size)
{
        ssize_t n;

        do
                n = pread(fd, buffer, size, 0);
        while (n < 0 && errno == EINTR);

        if (n < 0)
                return -errno;
        if ((size_t)n == size)
                return -EFBIG;

        if (n > 0 && buffer[n - 1] == '\n')
                n--;
        buffer[n] = '\0';
        return n;
}

int
jk_fd_read_i64(int fd, int64_t *ret_value)
{
        char buffer[64];
        ssize_t n = jk_fd_read(fd, buffer, sizeof buffer);

        return n < 0 ? (int)n : jk_parse_i64(buffer, ret_value);
}

int
jk_fd_read_u64(int fd, uint64_t *ret_value)
{
        char buffer[64];
        ssize_t n = jk_fd_read(fd, buffer, sizeof buffer);

        return n < 0 ? (int)n : jk_parse_u64(buffer, ret_value);
}

ssize_t
jk_root_read(const struct jk_root *root, const char *path, char *buffer, size_t size)
{
        jk_autoclose int fd = jk_root_open_file(root, path);

        return fd < 0 ? fd : jk_fd_read(fd, buffer, size);
}

int
jk_root_read_i64(const struct jk_root *root, const char *path, int64_t *ret_value)
{
        jk_autoclose int fd = jk_root_open_file(root, path);

        return fd < 0 ? fd : jk_fd_read_i64(fd, ret_value);
}

int
jk_root_read_u64(const struct jk_root *root, const char *path, uint64_t *ret_value)
{
        jk_autoclose int fd = jk_root_open_file(root, path);

        return fd < 0 ? fd : jk_fd_read_u64(fd, ret_value);
}

static int
not_dots(const struct dirent *entry)
{
        return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name); /* not alphasort(): that depends on the locale */
}

int
jk_root_list(const struct jk_root *root, const char *path,
             int (*visit)(const char *name, void *data), void *data)
{
        struct dirent **entries = NULL;
        int n, r = 0;

        n = scandirat(root->fd, path, &entries, not_dots, by_bytes);
        if (n < 0)
                return -errno;

        for (int i = 0; i < n; i++) {
                if (r == 0)
                        r = visit(entries[i]->d_name, data);
                free(entries[i]);
        }

        free(entries);
        return r;
}

static int
only_blanks_follow(const char *rest, const char *start)
{
        if (rest == start)
                return -EINVAL;
        while (isspace((unsigned char)*rest))
                rest++;

        return *rest ? -EINVAL : 0;
}

int
jk_parse_i64(const char *string, int64_t *ret_value)
{
        long long value;
        char *rest;
        int r;

        errno = 0;
        value = strtoll(string, &rest, 10);
        if (errno)
                return -errno;

        r = only_blanks_follow(rest, string);
        if (r < 0)
                return r;

        *ret_value = value;
        return 0;
}

int
jk_parse_u64(const char *string, uint64_t *ret_value)
{
        unsigned long long value;
        char *rest;
        int r;

        /* strtoull() takes "-1" for 2^64 - 1: a counter that reads so is broken, not huge. */
        if (strchr(string, '-'))
                return -EINVAL;

        errno = 0;
        value = strtoull(string, &rest, 10);
        if (errno)
                return -errno;

        r = only_blanks_follow(rest, string);
        if (r < 0)
                return r;

        *ret_value = value;
        return 0;
}
