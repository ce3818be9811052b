/* SPDX-License-Identifier: Apache-2.0
 *
 * Uploads of recordings: see intake.h. Files have names that are made here, and are opened in a
 * directory that is held open, so that nothing a sender says becomes a path.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "serve/intake-internal.h"

#define UPLOAD_MAX_NS (600 * JK_NS_PER_S)
#define TYPE          "application/zstd"

/* ---- may it be sent? ---- */

/* Of the digests, whose length is the same whatever was sent, each byte is looked at. */
static bool
is_token(const struct jk_intake *intake, const char *authorization)
{
        static const char scheme[] = "Bearer ";
        char given[JK_SHA256_HEX_SIZE];
        unsigned int difference = 0;

        if (!authorization || strncasecmp(authorization, scheme, strlen(scheme)) != 0)
                return false;

        authorization += strlen(scheme);
        jk_sha256_hex(authorization, strlen(authorization), given);
        for (size_t i = 0; i < sizeof given; i++)
                difference |= (unsigned char)given[i] ^ (unsigned char)intake->token[i];
        return difference == 0;
}

/* 0 where there is none, or it is no number of bytes. */
static uint64_t
parse_length(const char *text)
{
        if (!text || !*text || strlen(text) > 18 || strspn(text, "0123456789") != strlen(text))
                return 0;

        return strtoull(text, NULL, 10);
}

static unsigned int
refuse_sender(const struct jk_intake *intake, const struct jk_upload_head *head,
              struct jk_error *why)
{
        if (!intake) {
                jk_fail(why, EPERM, "this agent takes no recordings: models.accept is off");
                return 403;
        }
        if (!intake->has_token) {
                jk_fail(why, EPERM,
                        "this agent takes no recordings: models.token names no file with a token");
                return 403;
        }
        if (head->origin) {
                jk_fail(why, EPERM, "pages of browsers may send nothing");
                return 403;
        }
        if (!is_token(intake, head->authorization)) {
                jk_fail(why, EPERM, "send the token of models.token: Authorization: Bearer TOKEN");
                return 401;
        }
        return 0;
}

static unsigned int
refuse_content(const struct jk_intake *intake, const struct jk_upload_head *head,
               struct jk_error *why)
{
        uint64_t length = parse_length(head->length), most = intake->limits.recording_bytes_max;

        if (!head->type || strcasecmp(head->type, TYPE) != 0 || head->encoding) {
                jk_fail(why, EINVAL,
                        "send a recording as it is, with Content-Type: " TYPE
                        " and no Content-Encoding");
                return 415;
        }
        if (head->transfer || length == 0) {
                jk_fail(why, EINVAL, "say how long it is, by Content-Length");
                return 411;
        }
        if (length > most) {
                jk_fail(why, EFBIG, "it has %llu bytes, and %llu are taken (models.accept-mb)",
                        (unsigned long long)length, (unsigned long long)most);
                return 413;
        }
        return 0;
}

static unsigned int
refuse_for_room(struct jk_intake *intake, uint64_t length, struct jk_error *why)
{
        const struct jk_intake_options *limits = &intake->limits;
        struct jk_intake_room room;

        jk_intake_count(intake);
        jk_intake_room(intake, &room);
        if (room.recordings < limits->recordings_max && room.bytes + length <= limits->bytes_max)
                return 0;

        jk_fail(why, ENOSPC,
                "there is no room: %zu of %zu recordings, %llu of %llu bytes; whoever keeps them "
                "can raise models.accept-recordings or models.accept-total-mb, or remove some",
                room.recordings, limits->recordings_max, (unsigned long long)room.bytes,
                (unsigned long long)limits->bytes_max);
        return 507;
}

/* ---- uploads ---- */

static struct jk_upload *
find_slot(struct jk_intake *intake)
{
        for (size_t i = 0; i < JK_UPLOADS_MAX; i++)
                if (!intake->uploads[i].used)
                        return &intake->uploads[i];

        return NULL;
}

static int
make_id(char id[static JK_INTAKE_ID_SIZE])
{
        unsigned char random[(JK_INTAKE_ID_SIZE - 1) / 2];

        if (getrandom(random, sizeof random, 0) != sizeof random)
                return -EIO;
        for (size_t i = 0; i < sizeof random; i++)
                snprintf(id + 2 * i, 3, "%02x", random[i]);
        return 0;
}

/* "ID.part", or "ID.jkr" once it is whole. */
static void
name_file(const struct jk_upload *upload, const char *suffix, char name[static NAME_MAX])
{
        snprintf(name, NAME_MAX, "%s%s", upload->id, suffix);
}

static unsigned int
status_of(int error)
{
        return error == ENOSPC || error == EDQUOT || error == EFBIG ? 507 : 500;
}

/* The disk's room is taken at once, where the file system can: a disk that is full says so before
 * anything is sent. */
static int
open_file(struct jk_upload *upload)
{
        char name[NAME_MAX];

        name_file(upload, JK_UPLOAD_SUFFIX, name);
        upload->fd = openat(upload->intake->incoming_at, name,
                            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (upload->fd < 0)
                return -errno;
        if (fallocate(upload->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)upload->length) < 0 &&
            errno != EOPNOTSUPP && errno != ENOSYS)
                return -errno;
        return 0;
}

static void
close_upload(struct jk_upload *upload)
{
        jk_cleanup_close(&upload->fd);
        upload->fd = -1;
        upload->used = false;
}

void
jk_upload_drop(struct jk_upload *upload)
{
        char name[NAME_MAX];

        name_file(upload, JK_UPLOAD_SUFFIX, name);
        if (upload->fd >= 0)
                unlinkat(upload->intake->incoming_at, name, 0);
        close_upload(upload);
        jk_intake_count(upload->intake);
}

static unsigned int
begin(struct jk_intake *intake, uint64_t length, struct jk_upload **ret_upload,
      struct jk_error *why)
{
        struct jk_upload *upload = find_slot(intake);
        int r;

        if (!upload) {
                jk_fail(why, EBUSY, "%d others send recordings now; try again", JK_UPLOADS_MAX);
                return 503;
        }

        *upload = (struct jk_upload){
                .intake = intake,
                .fd = -1,
                .length = length,
                .until_ns = jk_monotonic_ns() + UPLOAD_MAX_NS,
        };
        r = make_id(upload->id);
        if (r == 0)
                r = open_file(upload);
        if (r < 0) {
                jk_upload_drop(upload);
                jk_fail(why, r, "it cannot be kept: %s", strerror(-r));
                return status_of(-r);
        }

        upload->used = true;
        *ret_upload = upload;
        return JK_VERDICT_GOOD;
}

void
jk_upload_begin(struct jk_intake *intake, const struct jk_upload_head *head,
                struct jk_upload **ret_upload, struct jk_verdict *ret_verdict)
{
        uint64_t length = parse_length(head->length);
        unsigned int status;

        *ret_verdict = (struct jk_verdict){ 0 };
        status = refuse_sender(intake, head, &ret_verdict->why);
        if (status == 0)
                status = refuse_content(intake, head, &ret_verdict->why);
        if (status == 0)
                status = refuse_for_room(intake, length, &ret_verdict->why);
        if (status == 0)
                status = begin(intake, length, ret_upload, &ret_verdict->why);
        ret_verdict->status = status;
}

static int
write_all(int fd, const char *bytes, size_t length)
{
        while (length > 0) {
                ssize_t n = write(fd, bytes, length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                bytes += n;
                length -= (size_t)n;
        }
        return 0;
}

static void
fail(struct jk_upload *upload, unsigned int status, const char *what)
{
        upload->failed.status = status;
        jk_fail(&upload->failed.why, EIO, "%s", what);
}

void
jk_upload_add(struct jk_upload *upload, const void *bytes, size_t length)
{
        int r;

        if (upload->failed.status != 0)
                return;
        if (length > upload->length - upload->written) {
                fail(upload, 400, "it is longer than its Content-Length says");
                return;
        }

        r = write_all(upload->fd, bytes, length);
        if (r < 0)
                fail(upload, status_of(-r), strerror(-r));
        upload->written += length;
}

int64_t
jk_upload_until_ns(const struct jk_upload *upload)
{
        return upload->until_ns;
}

/* From here on it is found by whoever checks, who brings it to the disk, too. */
static int
hand_over(const struct jk_upload *upload)
{
        char part[NAME_MAX], whole[NAME_MAX];
        int at = upload->intake->incoming_at;

        name_file(upload, JK_UPLOAD_SUFFIX, part);
        name_file(upload, JK_INTAKE_SUFFIX, whole);
        return renameat(at, part, at, whole) < 0 ? -errno : 0;
}

void
jk_upload_end(struct jk_upload *upload, char ret_id[static JK_INTAKE_ID_SIZE],
              struct jk_verdict *ret_verdict)
{
        struct jk_intake *intake = upload->intake;
        struct jk_intake_result result = { .state = JK_INTAKE_WAITING };
        int r = 0;

        if (upload->failed.status == 0 && upload->written < upload->length)
                fail(upload, 400, "it is shorter than its Content-Length says");
        memcpy(result.id, upload->id, sizeof result.id);
        if (upload->failed.status == 0) {
                jk_intake_tell(intake, &result); /* before anybody can have checked it */
                r = hand_over(upload);
        }
        if (r < 0)
                fail(upload, status_of(-r), strerror(-r));
        if (upload->failed.status != 0) {
                *ret_verdict = upload->failed;
                jk_upload_drop(upload);
                return;
        }

        memcpy(ret_id, upload->id, JK_INTAKE_ID_SIZE);
        *ret_verdict = (struct jk_verdict){ .status = JK_VERDICT_GOOD };
        close_upload(upload);
        eventfd_write(intake->arrival_fd, 1);
}
