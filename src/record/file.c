/* SPDX-License-Identifier: Apache-2.0
 *
 * The file that a recording is written to: see file.h. Nothing that is there is ever overwritten or
 * renamed; removed is only what has a name of ours, of which no program but a recorder makes any.
 */
#include "record/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#define LEVEL      3
#define WINDOW_LOG 19 /* half a megabyte: several ticks of a large machine */
#define OURS       "joulekeeper-########T######Z"
#define SUFFIX     ".jkr"
#define SAME_MAX   99 /* files of one second */

struct jk_recording_file {
        char *path, *directory; /* path: of the one open, or the only one */
        struct jk_recording_place place;

        int fd;
        bool made; /* by us: it may be removed */
        ZSTD_CCtx *context;
        bool in_frame;
        uint64_t length, whole; /* of the file, and of it up to the last whole piece */
        uint64_t all_bytes;
        int64_t began_ns;
        unsigned char output[16 * 1024];
};

struct jk_recording_file *
jk_recording_file_new(const struct jk_recording_place *place)
{
        struct jk_recording_file *file = calloc(1, sizeof *file);

        if (!file)
                return NULL;

        file->fd = -1;
        file->place = *place;
        file->path = strdup(place->file ? place->file : place->directory);
        file->directory = place->file ? NULL : strdup(place->directory);
        file->context = ZSTD_createCCtx();
        if (!file->path || (!place->file && !file->directory) || !file->context) {
                jk_recording_file_free(file);
                return NULL;
        }
        ZSTD_CCtx_setParameter(file->context, ZSTD_c_compressionLevel, LEVEL);
        ZSTD_CCtx_setParameter(file->context, ZSTD_c_windowLog, WINDOW_LOG);
        return file;
}

void
jk_recording_file_free(struct jk_recording_file *file)
{
        if (!file)
                return;

        jk_cleanup_close(&file->fd);
        ZSTD_freeCCtx(file->context);
        free(file->path);
        free(file->directory);
        free(file);
}

bool
jk_recording_file_is_open(const struct jk_recording_file *file)
{
        return file->fd >= 0;
}

bool
jk_recording_file_can_follow(const struct jk_recording_file *file)
{
        return file->directory;
}

const char *
jk_recording_file_name(const struct jk_recording_file *file)
{
        return file->path;
}

uint64_t
jk_recording_file_bytes(const struct jk_recording_file *file)
{
        return file->all_bytes;
}

bool
jk_recording_file_is_full(const struct jk_recording_file *file)
{
        const struct jk_recording_place *place = &file->place;

        if (!file->directory || file->fd < 0)
                return false;
        return (place->file_bytes && file->length >= place->file_bytes) ||
               (place->file_age_ns && jk_now().boottime_ns - file->began_ns >= place->file_age_ns);
}

/* ---- the files of a folder ---- */

/* Whether a name is one that we give: "joulekeeper-20261121T162443Z.jkr", or with "-1" behind the
 * Z.
 */
static bool
is_ours(const char *name)
{
        const char *rest = name;

        for (const char *pattern = OURS; *pattern; pattern++, rest++)
                if (*pattern == '#' ? *rest < '0' || *rest > '9' : *rest != *pattern)
                        return false;
        if (*rest == '-')
                rest += 1 + strspn(rest + 1, "0123456789");
        return strcmp(rest, SUFFIX) == 0;
}

struct entry {
        char name[64];
        uint64_t bytes;
};

static int
by_name(const void *a, const void *b)
{
        return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* Those of ours in the folder, oldest first: names are dates. */
static struct entry *
list_ours(const char *path, size_t *ret_n)
{
        jk_autoclosedir DIR *directory = opendir(path);
        struct entry *entries = NULL;
        size_t n = 0, capacity = 0;
        const struct dirent *found;

        while (directory && (found = readdir(directory))) {
                struct stat status;

                if (!is_ours(found->d_name) || strlen(found->d_name) >= sizeof entries->name ||
                    fstatat(dirfd(directory), found->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
                    !S_ISREG(status.st_mode))
                        continue;
                if (jk_array_grow(&entries, &capacity, n + 1) < 0)
                        break;
                snprintf(entries[n].name, sizeof entries[n].name, "%s", found->d_name);
                entries[n++].bytes = (uint64_t)status.st_size;
        }
        if (n > 0)
                qsort(entries, n, sizeof *entries, by_name);
        *ret_n = n;
        return entries;
}

/* The oldest go while all together are more than may be kept; the one that is open stays. */
static void
remove_oldest(const struct jk_recording_file *file)
{
        const char *slash = strrchr(file->path, '/');
        jk_autofree struct entry *entries = NULL;
        uint64_t all = 0;
        size_t n;

        if (file->place.keep_bytes == 0)
                return;
        entries = list_ours(file->directory, &n);
        for (size_t i = 0; i < n; i++)
                all += entries[i].bytes;
        for (size_t i = 0; i < n && all > file->place.keep_bytes; i++) {
                char path[PATH_MAX];

                if (slash && strcmp(entries[i].name, slash + 1) == 0)
                        continue;
                if (snprintf(path, sizeof path, "%s/%s", file->directory, entries[i].name) <
                            (int)sizeof path &&
                    unlink(path) == 0)
                        all -= entries[i].bytes;
        }
}

static int
create_in_directory(struct jk_recording_file *file, struct jk_error *err)
{
        time_t now = (time_t)(jk_now().realtime_ns / JK_NS_PER_S);
        struct tm utc;

        gmtime_r(&now, &utc);
        for (unsigned int same = 0; same <= SAME_MAX; same++) {
                char date[32], number[16] = "";
                char *path;

                strftime(date, sizeof date, "%Y%m%dT%H%M%SZ", &utc);
                if (same > 0)
                        snprintf(number, sizeof number, "-%u", same);
                if (asprintf(&path, "%s/joulekeeper-%s%s" SUFFIX, file->directory, date, number) <
                    0)
                        return jk_fail(err, ENOMEM, "%s: out of memory", file->directory);
                free(file->path);
                file->path = path;
                file->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
                if (file->fd >= 0 || errno != EEXIST)
                        break;
        }
        if (file->fd < 0)
                return jk_fail(err, errno, "%s: creating it: %m", file->path);
        file->made = true;
        remove_oldest(file);
        return 0;
}

/* ---- one file ---- */

/* A pipe or a terminal, which is there before; "-" is the one that we were started with. */
static int
open_stream(struct jk_recording_file *file, struct jk_error *err)
{
        struct stat status;

        if (strcmp(file->path, "-") == 0)
                file->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        else if (stat(file->path, &status) == 0 && S_ISREG(status.st_mode))
                return jk_fail(err, EEXIST, "%s: there is such a file; remove it, or name another",
                               file->path);
        else
                file->fd = open(file->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (file->fd < 0)
                return jk_fail(err, errno, "%s: opening it: %m", file->path);
        file->made = false;
        return 0;
}

static int
create_file(struct jk_recording_file *file, struct jk_error *err)
{
        if (strcmp(file->path, "-") == 0)
                return open_stream(file, err);
        file->fd = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (file->fd < 0 && errno == EEXIST)
                return open_stream(file, err);
        if (file->fd < 0)
                return jk_fail(err, errno, "%s: creating it: %m", file->path);
        file->made = true;
        return 0;
}

int
jk_recording_file_open(struct jk_recording_file *file, struct jk_error *err)
{
        int r = file->directory ? create_in_directory(file, err) : create_file(file, err);

        if (r < 0)
                return r;
        file->in_frame = false;
        file->length = file->whole = 0;
        file->began_ns = jk_now().boottime_ns;
        return 0;
}

void
jk_recording_file_remove(struct jk_recording_file *file)
{
        jk_cleanup_close(&file->fd);
        file->fd = -1;
        if (file->made)
                unlink(file->path);
        file->made = false;
}

/* Left as it was after the last whole piece; where there is none, it goes. */
static void
give_up(struct jk_recording_file *file)
{
        ZSTD_CCtx_reset(file->context, ZSTD_reset_session_only);
        if (file->fd < 0)
                return;
        if (file->made && file->whole == 0) {
                jk_recording_file_remove(file);
                return;
        }
        if (file->made && ftruncate(file->fd, (off_t)file->whole) < 0)
                jk_log_warning("%s: shortening it to what is whole: %m", file->path);
        close(jk_steal_fd(&file->fd));
}

/* ---- writing ---- */

static int
write_bytes(struct jk_recording_file *file, size_t length)
{
        for (size_t at = 0; at < length;) {
                ssize_t n = write(file->fd, file->output + at, length - at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                at += (size_t)n;
                file->length += (uint64_t)n;
                file->all_bytes += (uint64_t)n;
        }
        return 0;
}

static int
compress(struct jk_recording_file *file, const void *bytes, size_t length, ZSTD_EndDirective how)
{
        ZSTD_inBuffer in = { bytes, length, 0 };
        size_t left;

        do {
                ZSTD_outBuffer out = { file->output, sizeof file->output, 0 };
                int r;

                left = ZSTD_compressStream2(file->context, &out, &in, how);
                if (ZSTD_isError(left))
                        return -ENOMEM;
                r = write_bytes(file, out.pos);
                if (r < 0)
                        return r;
        } while (left > 0);
        file->whole = file->length;
        return 0;
}

static int
checked(struct jk_recording_file *file, int r, struct jk_error *err)
{
        if (r == 0)
                return 0;
        jk_fail(err, r, "%s: writing it: %s", file->path, strerror(-r));
        give_up(file);
        return r;
}

int
jk_recording_file_write(struct jk_recording_file *file, const void *bytes, size_t length,
                        struct jk_error *err)
{
        file->in_frame = true;
        return checked(file, compress(file, bytes, length, ZSTD_e_flush), err);
}

int
jk_recording_file_end_frame(struct jk_recording_file *file, struct jk_error *err)
{
        int r = 0;

        if (file->in_frame && file->fd >= 0)
                r = compress(file, NULL, 0, ZSTD_e_end);
        file->in_frame = false;
        return checked(file, r, err);
}

int
jk_recording_file_close(struct jk_recording_file *file, struct jk_error *err)
{
        int r = jk_recording_file_end_frame(file, err);

        if (r < 0 || file->fd < 0)
                return r;
        if (fsync(file->fd) < 0 && errno != EINVAL && errno != EROFS) /* of what is no file */
                return checked(file, -errno, err);
        if (close(jk_steal_fd(&file->fd)) < 0)
                return jk_fail(err, errno, "%s: closing it: %m", file->path);
        return 0;
}
