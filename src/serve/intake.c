/* SPDX-License-Identifier: Apache-2.0
 *
 * Where recordings that others send are kept, and what became of them: see intake.h. How they come
 * is in upload.c.
 */
#include "serve/intake-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"

static bool
ends_in(const char *name, const char *ending)
{
        size_t length = strlen(name), n = strlen(ending);

        return length > n && strcmp(name + length - n, ending) == 0;
}

/* ---- room ---- */

static DIR *
open_directory(int at)
{
        int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *directory = fd < 0 ? NULL : fdopendir(fd);

        if (!directory && fd >= 0)
                close(fd);
        return directory;
}

static void
count_in(int at, uint64_t *bytes, size_t *recordings)
{
        jk_autoclosedir DIR *directory = open_directory(at);
        struct dirent *entry;
        struct stat status;

        while (directory && (entry = readdir(directory))) {
                if (!ends_in(entry->d_name, JK_INTAKE_SUFFIX) ||
                    fstatat(at, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                *bytes += (uint64_t)status.st_size;
                ++*recordings;
        }
}

void
jk_intake_count(struct jk_intake *intake)
{
        uint64_t bytes = 0;
        size_t recordings = 0;

        count_in(intake->at, &bytes, &recordings);
        count_in(intake->incoming_at, &bytes, &recordings);
        for (size_t i = 0; i < JK_UPLOADS_MAX; i++) {
                if (!intake->uploads[i].used)
                        continue;
                bytes += intake->uploads[i].length;
                recordings++;
        }

        intake->bytes = bytes;
        intake->recordings = recordings;
        intake->counted_ns = jk_monotonic_ns();
}

void
jk_intake_room(struct jk_intake *intake, struct jk_intake_room *ret_room)
{
        if (jk_monotonic_ns() - intake->counted_ns > JK_NS_PER_S)
                jk_intake_count(intake);
        *ret_room = (struct jk_intake_room){
                .recording_bytes_max = intake->limits.recording_bytes_max,
                .bytes_max = intake->limits.bytes_max,
                .bytes = intake->bytes,
                .recordings_max = intake->limits.recordings_max,
                .recordings = intake->recordings,
                .has_token = intake->has_token,
        };
}

/* ---- open and close ---- */

static int
open_or_make(int at, const char *path, int *ret_fd, struct jk_error *err)
{
        jk_autoclose int fd = -1;
        struct stat status;

        if (mkdirat(at, path, 0700) < 0 && errno != EEXIST)
                return jk_fail(err, errno, "models.accept: %s: it cannot be made: %m", path);
        fd = openat(at, path,
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC | (at == AT_FDCWD ? 0 : O_NOFOLLOW));
        if (fd < 0 || fstat(fd, &status) < 0)
                return jk_fail(err, errno,
                               "models.accept: %s: %m; it has to be a directory, and that in it no "
                               "link to one",
                               path);
        if (status.st_uid != geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)))
                return jk_fail(err, EPERM,
                               "models.accept: %s: others can write to it; give it to the agent's "
                               "user (chown), and take that from others (chmod go-w)",
                               path);

        *ret_fd = jk_steal_fd(&fd);
        return 0;
}

static void
remove_parts(const struct jk_intake *intake)
{
        jk_autoclosedir DIR *directory = open_directory(intake->incoming_at);
        struct dirent *entry;

        while (directory && (entry = readdir(directory)))
                if (ends_in(entry->d_name, JK_UPLOAD_SUFFIX))
                        unlinkat(intake->incoming_at, entry->d_name, 0);
}

static int
set_token(struct jk_intake *intake, const char *token, struct jk_error *err)
{
        if (!token || !*token)
                return 0;
        if (strlen(token) < JK_INTAKE_TOKEN_MIN)
                return jk_fail(err, EINVAL,
                               "models.token: it is shorter than %d characters, and could be "
                               "guessed; openssl rand -hex 32 makes one",
                               JK_INTAKE_TOKEN_MIN);

        jk_sha256_hex(token, strlen(token), intake->token);
        intake->has_token = true;
        return 0;
}

static int
open_intake(struct jk_intake *intake, const struct jk_intake_options *options, struct jk_error *err)
{
        int r = set_token(intake, options->token, err);

        intake->limits = *options;
        intake->limits.directory = intake->limits.token = NULL;
        if (r == 0)
                r = open_or_make(AT_FDCWD, options->directory, &intake->at, err);
        if (r == 0)
                r = open_or_make(intake->at, JK_INTAKE_INCOMING, &intake->incoming_at, err);
        if (r < 0)
                return r;

        intake->arrival_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (intake->arrival_fd < 0)
                return jk_fail(err, errno, "models.accept: eventfd: %m");
        remove_parts(intake);
        jk_intake_count(intake);
        return 0;
}

int
jk_intake_open(const struct jk_intake_options *options, struct jk_intake **ret_intake,
               struct jk_error *err)
{
        struct jk_intake *intake = calloc(1, sizeof *intake);
        int r;

        if (!intake)
                return jk_fail(err, ENOMEM, "models.accept: out of memory");

        intake->at = intake->incoming_at = intake->arrival_fd = -1;
        pthread_mutex_init(&intake->lock, NULL);
        r = open_intake(intake, options, err);
        if (r < 0) {
                jk_intake_close(intake);
                return r;
        }

        *ret_intake = intake;
        return 0;
}

void
jk_intake_close(struct jk_intake *intake)
{
        if (!intake)
                return;

        jk_cleanup_close(&intake->at);
        jk_cleanup_close(&intake->incoming_at);
        jk_cleanup_close(&intake->arrival_fd);
        pthread_mutex_destroy(&intake->lock);
        free(intake);
}

/* ---- what became of them ---- */

int
jk_intake_arrival_fd(const struct jk_intake *intake)
{
        return intake->arrival_fd;
}

static struct jk_intake_result *
find(struct jk_intake *intake, const char *id)
{
        for (size_t i = 0; i < JK_INTAKE_RESULTS; i++)
                if (*id && strcmp(intake->results[i].id, id) == 0)
                        return &intake->results[i];

        return NULL;
}

void
jk_intake_tell(struct jk_intake *intake, const struct jk_intake_result *result)
{
        struct jk_intake_result *known;

        pthread_mutex_lock(&intake->lock);
        known = find(intake, result->id);
        if (!known) {
                known = &intake->results[intake->next];
                intake->next = (intake->next + 1) % JK_INTAKE_RESULTS;
        }
        *known = *result;
        pthread_mutex_unlock(&intake->lock);
}

bool
jk_intake_find(struct jk_intake *intake, const char *id, struct jk_intake_result *ret_result)
{
        const struct jk_intake_result *known;

        pthread_mutex_lock(&intake->lock);
        known = find(intake, id);
        if (known)
                *ret_result = *known;
        pthread_mutex_unlock(&intake->lock);
        return known;
}

const char *
jk_intake_state_name(enum jk_intake_state state)
{
        static const char *const names[] = {
                [JK_INTAKE_WAITING] = "waiting",
                [JK_INTAKE_TAKEN] = "taken",
                [JK_INTAKE_REFUSED] = "refused",
        };

        return names[state];
}
