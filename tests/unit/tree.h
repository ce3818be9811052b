/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees of files made by a test: a temporary directory that stands in for "/".
 */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/root.h"

struct tree {
        char path[64];
        struct jk_root root;
};

static inline void
tree_make(struct tree *tree)
{
        struct jk_error err;

        snprintf(tree->path, sizeof tree->path, "/tmp/jk-tree-XXXXXX");
        if (!mkdtemp(tree->path) || chmod(tree->path, 0755) < 0 ||
            jk_root_open(tree->path, &tree->root, &err) < 0)
                abort();
}

/* A directory and those above it, one component a call: no path is too long. */
static inline int
tree_open_dir(const struct tree *tree, const char *path)
{
        int at = open(tree->path, O_RDONLY | O_DIRECTORY);
        char *copy = strdup(path), *rest = copy, *name;

        while ((name = strsep(&rest, "/"))) {
                int next;

                if (!*name)
                        continue;
                mkdirat(at, name, 0755);
                next = openat(at, name, O_RDONLY | O_DIRECTORY);
                if (next < 0)
                        abort();
                close(at);
                at = next;
        }
        free(copy);
        return at;
}

static inline void
tree_dir(const struct tree *tree, const char *path)
{
        close(tree_open_dir(tree, path));
}

/* Write a file whole, in place (so that descriptors that are open see it). */
static inline void
tree_write_bytes(const struct tree *tree, const char *path, const void *bytes, size_t length)
{
        const char *slash = strrchr(path, '/');
        char *parent = strndup(path, slash ? (size_t)(slash - path) : 0);
        int at = tree_open_dir(tree, parent);
        int fd = openat(at, slash ? slash + 1 : path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

        if (fd < 0 || write(fd, bytes, length) != (ssize_t)length)
                abort();
        close(fd);
        close(at);
        free(parent);
}

static inline void __attribute__((format(printf, 3, 4)))
tree_write(const struct tree *tree, const char *path, const char *format, ...)
{
        char *text;
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vasprintf(&text, format, arguments);
        va_end(arguments);
        if (n < 0)
                abort();
        tree_write_bytes(tree, path, text, (size_t)n);
        free(text);
}

/* Remove what is below a directory, and it, however deep. */
static inline void
tree_remove_at(int at, const char *name)
{
        int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        struct dirent *entry;
        DIR *directory;

        if (fd < 0) {
                unlinkat(at, name, 0);
                return;
        }
        directory = fdopendir(fd);
        while ((entry = readdir(directory)))
                if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                        tree_remove_at(fd, entry->d_name);
        closedir(directory);
        unlinkat(at, name, AT_REMOVEDIR);
}

static inline void
tree_remove(const struct tree *tree, const char *path)
{
        int fd = open(tree->path, O_RDONLY | O_DIRECTORY);

        tree_remove_at(fd, path);
        close(fd);
}

static inline void
tree_destroy(struct tree *tree)
{
        tree_remove_at(AT_FDCWD, tree->path);
        jk_root_close(&tree->root);
}
