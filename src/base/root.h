/* SPDX-License-Identifier: Apache-2.0
 *
 * Files below a root. Everything that is read of sysfs, procfs and cgroupfs lies below a struct
 * jk_root, so that a tree of another machine, or a live fake, can stand in for "/". Paths are
 * relative to it, without a leading slash: "sys/class/powercap". Kernel files are read with one
 * read(2), as the kernel renders them in one go.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct jk_root {
        int fd;     /* the directory, O_PATH */
        char *path; /* as given, for messages; owned */
};

#define JK_ROOT_CLOSED                                                                             \
        {                                                                                          \
                .fd = -1                                                                           \
        }

int jk_root_open(const char *path, struct jk_root *ret_root, struct jk_error *err);
void jk_root_close(struct jk_root *root);

/* Whether the root is the machine's own "/". */
bool jk_root_is_host(const struct jk_root *root);

/* Whether something exists there (links are followed, out of the root too). */
bool jk_root_exists(const struct jk_root *root, const char *path);

/* An open descriptor for reading (O_RDONLY | O_CLOEXEC), or a negative errno. For files that are
 * read every tick: keep it and use jk_fd_read*(). */
int jk_root_open_file(const struct jk_root *root, const char *path);

/* Read a small file with one read(2): buffer is NUL-terminated, one trailing newline is cut off.
 * Returns the length, or a negative errno; -EFBIG if it does not fit. No message: the caller knows
 * what the file is for. */
ssize_t jk_root_read(const struct jk_root *root, const char *path, char *buffer, size_t size);
int jk_root_read_i64(const struct jk_root *root, const char *path, int64_t *ret_value);
int jk_root_read_u64(const struct jk_root *root, const char *path, uint64_t *ret_value);

/* The same from the start (pread at 0) of a descriptor that stays open. */
ssize_t jk_fd_read(int fd, char *buffer, size_t size);
int jk_fd_read_i64(int fd, int64_t *ret_value);
int jk_fd_read_u64(int fd, uint64_t *ret_value);

/* Names in a directory, sorted (so that fixtures and machines give the same order on every file
 * system): calls visit for each but "." and "..", until it returns non-zero, and returns that, 0,
 * or a negative errno. */
int jk_root_list(const struct jk_root *root, const char *path,
                 int (*visit)(const char *name, void *data), void *data);

/* A whole number and nothing else (surrounding blanks allowed): 0, -EINVAL or -ERANGE. */
int jk_parse_i64(const char *string, int64_t *ret_value);
int jk_parse_u64(const char *string, uint64_t *ret_value);

#define jk_autoroot __attribute__((cleanup(jk_root_close)))
