/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/procread.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

struct times {
        unsigned long long user, system, start;
};

int
procread_open(struct procread *ret_reader)
{
        int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        *ret_reader = (struct procread){ .proc_fd = fd };
        return 0;
}

void
procread_close(struct procread *reader)
{
        close(reader->proc_fd);
        jk_map_free(&reader->known);
}

static ssize_t
read_file(const struct procread *reader, const char *pid, const char *name, char *buffer,
          size_t size)
{
        char path[64];
        ssize_t length;
        jk_autoclose int fd = -1;

        snprintf(path, sizeof path, "%s/%s", pid, name);
        fd = openat(reader->proc_fd, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        length = read(fd, buffer, size - 1);
        if (length < 0)
                return -errno;
        buffer[length] = '\0';
        return length;
}

/* Fields 14, 15 and 22 of proc(5), counted from the end of the comm, which may hold anything. */
static int
parse_stat(const char *stat, struct times *ret_times)
{
        const char *p = strrchr(stat, ')');
        unsigned long long values[22] = { 0 };

        if (!p || strlen(p) < 4)
                return -EINVAL;
        p += 3; /* field 3 is a letter */
        for (int field = 4; field <= 22; field++) {
                char *end;

                values[field - 1] = strtoull(p + 1, &end, 10);
                if (end == p + 1)
                        return -EINVAL;
                p = end;
        }
        *ret_times = (struct times){ values[13], values[14], values[21] };
        return 0;
}

static int
parse_io(const char *io, unsigned long long *ret_read, unsigned long long *ret_written)
{
        const char *read_bytes = strstr(io, "\nread_bytes: ");
        const char *write_bytes = strstr(io, "\nwrite_bytes: ");

        if (!read_bytes || !write_bytes)
                return -EINVAL;
        *ret_read = strtoull(read_bytes + 13, NULL, 10);
        *ret_written = strtoull(write_bytes + 14, NULL, 10);
        return 0;
}

static void
read_process(struct procread *reader, const char *pid)
{
        char buffer[1024];
        struct times times;
        unsigned long long read_bytes, write_bytes;
        uint64_t key;

        if (read_file(reader, pid, "stat", buffer, sizeof buffer) < 0 ||
            parse_stat(buffer, &times) < 0)
                return;
        if (read_file(reader, pid, "io", buffer, sizeof buffer) >= 0)
                (void)parse_io(buffer, &read_bytes, &write_bytes);

        key = times.start << 22 | strtoul(pid, NULL, 10);
        if (!jk_map_get(&reader->known, key, NULL) &&
            read_file(reader, pid, "cgroup", buffer, sizeof buffer) >= 0)
                (void)jk_map_put(&reader->known, key, 0);
}

long
procread_pass(struct procread *reader)
{
        jk_autoclosedir DIR *directory = NULL;
        struct dirent *entry;
        int fd = openat(reader->proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        long n = 0;

        if (fd < 0)
                return -errno;
        directory = fdopendir(fd);
        if (!directory) {
                close(fd);
                return -ENOMEM;
        }
        while ((entry = readdir(directory)))
                if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') {
                        read_process(reader, entry->d_name);
                        n++;
                }
        return n;
}
