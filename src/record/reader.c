/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a recording: see recording.h. The file is read and decompressed piece by piece; what is
 * decompressed waits in a buffer until a message is whole.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "record/codec.h"
#include "record/recording.h"

#define INPUT_BYTES      (64 * 1024)
#define PIECE_BYTES      512 /* so many at once: a fault is at most so far before where it is told */
#define WINDOW_LOG_MAX   23  /* 8 MiB: no recorder of ours uses more; others are refused */
#define MAGIC_BYTES      4
#define CRC_BYTES        4
#define NUMBER_BYTES_MAX 10

struct jk_reader {
        char name[256]; /* for messages */
        int fd;
        ZSTD_DCtx *context;
        unsigned char input[INPUT_BYTES];
        ZSTD_inBuffer pending; /* of the input, what is not decompressed */
        uint64_t offset;       /* of the input's end in the file */
        bool in_frame;
        bool more; /* the last call had no room for all that it could give */

        unsigned char *buffer; /* decompressed; from `taken` on it is not decoded */
        size_t taken, length, capacity;

        struct jk_decoder *decoder;
        struct jk_about about;
        bool cut;
        uint64_t ticks;
};

/* ---- bytes ---- */

/* More of the file into the input, so many bytes at least where it has as many: 1, or 0 at its end.
 */
static int
fill_input(struct jk_reader *reader, size_t least, struct jk_error *err)
{
        size_t length = 0;
        ssize_t n = 1;

        while (length < least && n != 0) {
                n = read(reader->fd, reader->input + length, sizeof reader->input - length);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return jk_fail(err, errno, "%s: reading it: %m", reader->name);
                length += (size_t)n;
        }

        reader->pending = (ZSTD_inBuffer){ reader->input, length, 0 };
        reader->offset += length;
        return length > 0;
}

static uint64_t
position(const struct jk_reader *reader)
{
        return reader->offset - (reader->pending.size - reader->pending.pos);
}

static int
fail_at(const struct jk_reader *reader, int code, const char *what, struct jk_error *err)
{
        return jk_fail(
                err, code,
                "%s: at byte %llu or a little before: %s; the %llu ticks until there are whole",
                reader->name, (unsigned long long)position(reader), what,
                (unsigned long long)reader->ticks);
}

/* Room behind what is decompressed: what was taken goes first. */
static int
make_room(struct jk_reader *reader)
{
        size_t wanted = ZSTD_DStreamOutSize();

        if (reader->taken > 0) {
                reader->length -= reader->taken;
                memmove(reader->buffer, reader->buffer + reader->taken, reader->length);
                reader->taken = 0;
        }
        return jk_array_grow(&reader->buffer, &reader->capacity, reader->length + wanted);
}

/* Decompress a piece of the input into the buffer: 0, or a negative errno. */
static int
decompress(struct jk_reader *reader, struct jk_error *err)
{
        size_t rest = reader->pending.size - reader->pending.pos;
        size_t end = reader->pending.pos + (rest < PIECE_BYTES ? rest : PIECE_BYTES);
        ZSTD_inBuffer in = { reader->pending.src, end, reader->pending.pos };
        ZSTD_outBuffer out = { reader->buffer, reader->capacity, reader->length };
        size_t start = in.pos, left = ZSTD_decompressStream(reader->context, &out, &in);

        reader->pending.pos = in.pos;
        if (ZSTD_isError(left))
                return fail_at(reader, EBADMSG, ZSTD_getErrorName(left), err);
        if (in.pos > start || out.pos > reader->length || left == 0)
                reader->in_frame = left != 0;
        reader->more = out.pos == out.size;
        reader->length = out.pos;
        return 0;
}

/* More decompressed bytes: 1, 0 at the end, or negative. */
static int
fill(struct jk_reader *reader, struct jk_error *err)
{
        size_t before;

        if (make_room(reader) < 0)
                return jk_fail(err, ENOMEM, "%s: out of memory", reader->name);
        before = reader->length;
        while (reader->length == before) {
                int r = 1;

                if (reader->pending.pos == reader->pending.size && !reader->more)
                        r = fill_input(reader, 1, err);
                if (r <= 0)
                        return r;
                r = decompress(reader, err);
                if (r < 0)
                        return r;
        }
        return 1;
}

/* ---- messages ---- */

struct message {
        enum jk_message kind;
        const unsigned char *body;
        size_t length, whole; /* its body, and all of it */
};

/* The message at the beginning of what is not taken: 1 if it is whole, 0 if there has to be more.
 */
static int
find_message(const struct jk_reader *reader, struct message *ret, struct jk_error *err)
{
        const unsigned char *at = reader->buffer + reader->taken;
        struct jk_wire in = { .at = at, .end = reader->buffer + reader->length };
        uint32_t crc = 0;

        if (jk_wire_left(&in) == 0)
                return 0;
        ret->kind = (enum jk_message) * in.at++;
        ret->length = jk_wire_get(&in);
        if (in.fault && (size_t)(reader->length - reader->taken) <= NUMBER_BYTES_MAX)
                return 0;
        if (in.fault || ret->length > JK_MESSAGE_BYTES_MAX)
                return fail_at(reader, EBADMSG, "a message is too long", err);
        ret->body = in.at;
        ret->whole = (size_t)(in.at - at) + ret->length + CRC_BYTES;
        if (jk_wire_left(&in) < ret->length + CRC_BYTES)
                return 0;

        for (size_t i = 0; i < CRC_BYTES; i++)
                crc |= (uint32_t)ret->body[ret->length + i] << 8 * i;
        if (crc != jk_message_checksum(ret->kind, ret->body, ret->length))
                return fail_at(reader, EBADMSG, "a message's checksum is wrong", err);
        return 1;
}

static int
next_message(struct jk_reader *reader, struct message *ret, struct jk_error *err)
{
        for (;;) {
                int r = find_message(reader, ret, err);

                if (r != 0)
                        return r;
                r = fill(reader, err);
                if (r == 0)
                        reader->cut = reader->in_frame || reader->taken < reader->length;
                if (r <= 0)
                        return r;
        }
}

static int
take_message(struct jk_reader *reader, const struct message *message, struct jk_sample *sample,
             struct jk_error *err)
{
        struct jk_error why = { "" };
        int r = jk_decode(reader->decoder, message->kind, message->body, message->length, sample,
                          &why);

        if (r >= 0 && message->kind == JK_MESSAGE_HEADER)
                r = jk_about_read(jk_decoder_header(reader->decoder), &reader->about, &why);
        reader->taken += message->whole;
        if (r < 0)
                return fail_at(reader, r, why.message, err);
        reader->ticks += r == 1;
        return r;
}

int
jk_reader_next(struct jk_reader *reader, struct jk_sample *sample, struct jk_error *err)
{
        for (;;) {
                struct message message;
                int r = next_message(reader, &message, err);

                if (r <= 0)
                        return r;
                r = take_message(reader, &message, sample, err);
                if (r != 0)
                        return r;
        }
}

/* ---- opening ---- */

/* The first bytes tell a recording from anything else; the first message has to be a header. */
static int
read_header(struct jk_reader *reader, struct jk_error *err)
{
        struct message message;
        int r = fill_input(reader, MAGIC_BYTES, err);

        if (r < 0)
                return r;
        if (!jk_recording_begins(reader->input, reader->pending.size))
                return jk_fail(err, EBADMSG, "%s: this is no recording of joulekeeper",
                               reader->name);
        r = next_message(reader, &message, err);
        if (r == 0)
                return jk_fail(err, EBADMSG, "%s: it ends before its header does", reader->name);
        return r < 0 ? r : take_message(reader, &message, NULL, err);
}

int
jk_reader_open(const char *path, struct jk_reader **ret_reader, struct jk_error *err)
{
        bool standard = strcmp(path, "-") == 0;
        struct jk_reader *reader = calloc(1, sizeof *reader);
        int r = 0;

        if (!reader)
                return jk_fail(err, ENOMEM, "%s: out of memory", path);

        snprintf(reader->name, sizeof reader->name, "%s", standard ? "standard input" : path);
        reader->context = ZSTD_createDCtx();
        reader->decoder = jk_decoder_new();
        reader->fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
        if (reader->fd < 0)
                r = jk_fail(err, errno, "%s: %m", reader->name);
        else if (!reader->context || !reader->decoder || make_room(reader) < 0)
                r = jk_fail(err, ENOMEM, "%s: out of memory", reader->name);
        if (r == 0) {
                ZSTD_DCtx_setParameter(reader->context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
                r = read_header(reader, err);
        }
        if (r < 0) {
                jk_reader_close(reader);
                return r;
        }

        *ret_reader = reader;
        return 0;
}

void
jk_reader_close(struct jk_reader *reader)
{
        if (!reader)
                return;

        ZSTD_freeDCtx(reader->context);
        jk_decoder_free(reader->decoder);
        jk_cleanup_close(&reader->fd);
        free(reader->buffer);
        free(reader);
}

const struct jk_about *
jk_reader_about(const struct jk_reader *reader)
{
        return &reader->about;
}

bool
jk_reader_is_cut(const struct jk_reader *reader)
{
        return reader->cut;
}

uint64_t
jk_reader_ticks(const struct jk_reader *reader)
{
        return reader->ticks;
}

const char *
jk_reader_user(void *reader, uid_t uid)
{
        return jk_decoder_user(((struct jk_reader *)reader)->decoder, uid);
}
