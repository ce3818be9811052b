/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a recording: see recording.h. Whoever takes samples encodes them into a buffer; a thread
 * compresses and writes what is in it. What does not fit, because the disk is slow, or cannot be
 * written, because it is full, is dropped; the next sample that is not begins with a header, as its
 * reader knows nothing of those.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "record/file.h"
#include "record/recording.h"

#define PENDING_BYTES_MAX (8U << 20)
#define FRAME_TICKS       600 /* then a frame ends: what a fault in the file can cost */
#define RETRY_NS          (60 * JK_NS_PER_S)

/* What is handed to the thread: such a head, and so many bytes. */
struct chunk {
        size_t length;
        bool begins; /* with a header: a frame, and perhaps a file, can begin here */
};

struct jk_recorder {
        /* Of the one who takes samples. */
        char *header;
        struct jk_encoder *encoder;
        struct jk_text encoded;
        unsigned int frame_ticks;

        /* Of the thread that writes. */
        pthread_t thread;
        bool started;
        struct jk_recording_file *file;
        struct jk_text working;

        pthread_mutex_t lock; /* for what follows */
        pthread_cond_t changed;
        struct jk_text pending;
        bool begin;        /* the next chunk has to begin a frame */
        char *next_header; /* from then on; NULL: as before */
        int64_t retry_ns;  /* nothing can be written before this; 0: it can */
        bool over;         /* nor ever after */
        bool stop;
        struct jk_recorder_report report;
};

/* ---- writing ---- */

/* Where the next chunk goes: 0, or why it cannot. */
static int
prepare_file(struct jk_recorder *recorder, const struct chunk *chunk, struct jk_error *err)
{
        struct jk_recording_file *file = recorder->file;
        int r = 0;

        if (!chunk->begins)
                return jk_recording_file_is_open(file) ? 0 : -EIO; /* what it follows was dropped */
        if (jk_recording_file_is_open(file))
                r = jk_recording_file_end_frame(file, err);
        if (r == 0 && jk_recording_file_is_full(file))
                r = jk_recording_file_close(file, err);
        if (r < 0 || jk_recording_file_is_open(file))
                return r;
        return jk_recording_file_can_follow(file) ? jk_recording_file_open(file, err) : -EIO;
}

/* Told once when it begins and once when it is over. */
static void
complain(const struct jk_recorder *recorder, int r, const struct jk_error *err)
{
        bool failing = recorder->report.message[0];

        if (r < 0 && err->message[0] && !failing)
                jk_log_warning("%s; samples are not recorded until it can be written",
                               err->message);
        else if (r == 0 && failing)
                jk_log_notice("%s: recording goes on", jk_recording_file_name(recorder->file));
}

static void
note_chunk(struct jk_recorder *recorder, int r, const struct jk_error *err)
{
        struct jk_recorder_report *report = &recorder->report;
        bool is_open = jk_recording_file_is_open(recorder->file);

        pthread_mutex_lock(&recorder->lock);
        complain(recorder, r, err);
        report->bytes = jk_recording_file_bytes(recorder->file);
        if (r == 0) {
                report->ticks++;
                report->message[0] = '\0';
        } else {
                report->dropped++;
                if (err->message[0])
                        report->dropped_for = *err;
                snprintf(report->message, sizeof report->message, "%s",
                         report->dropped_for.message);
        }
        recorder->retry_ns = is_open ? 0 : jk_monotonic_ns() + RETRY_NS;
        recorder->over = !is_open && !jk_recording_file_can_follow(recorder->file);
        recorder->begin |= r < 0 || jk_recording_file_is_full(recorder->file);
        pthread_mutex_unlock(&recorder->lock);
}

static void
write_chunks(struct jk_recorder *recorder, const char *bytes, size_t length)
{
        for (size_t at = 0; at < length;) {
                struct jk_error err = { "" };
                struct chunk chunk;
                int r;

                memcpy(&chunk, bytes + at, sizeof chunk);
                at += sizeof chunk;
                r = prepare_file(recorder, &chunk, &err);
                if (r == 0)
                        r = jk_recording_file_write(recorder->file, bytes + at, chunk.length, &err);
                at += chunk.length;
                note_chunk(recorder, r, &err);
        }
}

static void *
write_pending(void *data)
{
        struct jk_recorder *recorder = data;

        pthread_mutex_lock(&recorder->lock);
        for (;;) {
                struct jk_text taken;

                while (recorder->pending.length == 0 && !recorder->stop)
                        pthread_cond_wait(&recorder->changed, &recorder->lock);
                if (recorder->pending.length == 0)
                        break;
                taken = recorder->pending;
                recorder->pending = recorder->working;
                pthread_mutex_unlock(&recorder->lock);

                write_chunks(recorder, taken.data, taken.length);
                jk_text_clear(&taken);
                recorder->working = taken;
                pthread_mutex_lock(&recorder->lock);
                pthread_cond_broadcast(&recorder->changed);
        }
        pthread_mutex_unlock(&recorder->lock);
        return NULL;
}

/* ---- taking ---- */

static void
drop(struct jk_recorder *recorder, const char *why)
{
        struct jk_recorder_report *report = &recorder->report;

        pthread_mutex_lock(&recorder->lock);
        report->dropped++;
        recorder->begin = true;
        if (why)
                jk_fail(&report->dropped_for, EIO, "%s", why);
        pthread_mutex_unlock(&recorder->lock);
}

/* Whether the next chunk is to begin with a header; or -1 where there is no use in making one. */
static int
take_begin(struct jk_recorder *recorder)
{
        bool begin;

        pthread_mutex_lock(&recorder->lock);
        if (recorder->over || (recorder->retry_ns && jk_monotonic_ns() < recorder->retry_ns)) {
                pthread_mutex_unlock(&recorder->lock);
                return -1;
        }
        begin = recorder->begin || recorder->frame_ticks >= FRAME_TICKS;
        recorder->begin = false;
        if (recorder->next_header) {
                free(recorder->header);
                recorder->header = jk_steal(recorder->next_header);
        }
        pthread_mutex_unlock(&recorder->lock);
        return begin;
}

/* A head without all of its bytes must not stay: who reads it would go beyond them. */
static bool
append_chunk(struct jk_text *pending, const struct chunk *chunk, const char *bytes)
{
        size_t before = pending->length;

        jk_text_bytes(pending, (const char *)chunk, sizeof *chunk);
        jk_text_bytes(pending, bytes, chunk->length);
        if (!pending->failed)
                return true;
        pending->failed = false;
        pending->length = before;
        return false;
}

static const char *
hand_over(struct jk_recorder *recorder, bool begins)
{
        struct chunk chunk = { .length = recorder->encoded.length, .begins = begins };
        struct jk_text *pending = &recorder->pending;
        const char *fault = NULL;

        pthread_mutex_lock(&recorder->lock);
        if (pending->length > 0 &&
            pending->length + sizeof chunk + chunk.length > PENDING_BYTES_MAX)
                fault = "the disk is too slow";
        else if (!append_chunk(pending, &chunk, recorder->encoded.data))
                fault = "out of memory";
        pthread_cond_broadcast(&recorder->changed);
        pthread_mutex_unlock(&recorder->lock);
        return fault;
}

void
jk_recorder_take(struct jk_recorder *recorder, const struct jk_sample *sample,
                 const char *(*user_name)(void *data, uid_t uid), void *user_data)
{
        int begins = take_begin(recorder);
        const char *fault = NULL;

        /* The encoder has to know which cgroups there are, whether they are written or not. */
        if (begins < 0) {
                jk_encoder_skip(recorder->encoder, sample);
                drop(recorder, NULL);
                return;
        }

        jk_text_clear(&recorder->encoded);
        if (begins) {
                recorder->frame_ticks = 0;
                jk_encode_header(recorder->encoder, recorder->header, &recorder->encoded);
        }
        recorder->frame_ticks++;
        if (jk_encode_sample(recorder->encoder, sample, user_name, user_data, &recorder->encoded) <
            0) {
                recorder->encoded.failed = false;
                fault = "out of memory";
        } else {
                fault = hand_over(recorder, begins);
        }
        if (fault)
                drop(recorder, fault);
}

void
jk_recorder_wait(struct jk_recorder *recorder)
{
        pthread_mutex_lock(&recorder->lock);
        while (recorder->pending.length > PENDING_BYTES_MAX / 2)
                pthread_cond_wait(&recorder->changed, &recorder->lock);
        pthread_mutex_unlock(&recorder->lock);
}

/* ---- about it ---- */

static char *
write_header(const struct jk_about *about)
{
        struct jk_text header = { 0 };

        jk_about_write(about, &header);
        if (header.failed)
                jk_text_free(&header);
        return header.data;
}

int
jk_recorder_describe(struct jk_recorder *recorder, const struct jk_about *about)
{
        char *header = write_header(about);

        if (!header)
                return -ENOMEM;

        pthread_mutex_lock(&recorder->lock);
        free(recorder->next_header);
        recorder->next_header = header;
        recorder->begin = true;
        pthread_mutex_unlock(&recorder->lock);
        return 0;
}

void
jk_recorder_report(struct jk_recorder *recorder, struct jk_recorder_report *ret_report)
{
        pthread_mutex_lock(&recorder->lock);
        *ret_report = recorder->report;
        ret_report->over = recorder->over;
        pthread_mutex_unlock(&recorder->lock);
}

/* ---- opening and closing ---- */

static int
start_thread(struct jk_recorder *recorder)
{
        sigset_t all, before;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&recorder->thread, NULL, write_pending, recorder);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        recorder->started = r == 0;
        return -r;
}

static int
set_up(struct jk_recorder *recorder, const struct jk_recording_place *place,
       const struct jk_about *about, const struct jk_disguise *disguise, struct jk_error *err)
{
        int r;

        recorder->header = write_header(about);
        recorder->encoder = jk_encoder_new(disguise);
        recorder->file = jk_recording_file_new(place);
        if (!recorder->header || !recorder->encoder || !recorder->file)
                return jk_fail(err, ENOMEM, "recording: out of memory");

        r = jk_recording_file_open(recorder->file, err);
        if (r < 0)
                return r;
        r = start_thread(recorder);
        return r < 0 ? jk_fail(err, r, "recording: starting its thread: %s", strerror(-r)) : 0;
}

int
jk_recorder_open(const struct jk_recording_place *place, const struct jk_about *about,
                 const struct jk_disguise *disguise, struct jk_recorder **ret_recorder,
                 struct jk_error *err)
{
        struct jk_recorder *recorder = calloc(1, sizeof *recorder);
        int r;

        if (!recorder)
                return jk_fail(err, ENOMEM, "recording: out of memory");

        recorder->begin = true;
        pthread_mutex_init(&recorder->lock, NULL);
        pthread_cond_init(&recorder->changed, NULL);
        r = set_up(recorder, place, about, disguise, err);
        if (r < 0) {
                jk_recorder_abandon(recorder);
                return r;
        }

        *ret_recorder = recorder;
        return 0;
}

static void
stop_thread(struct jk_recorder *recorder)
{
        pthread_mutex_lock(&recorder->lock);
        recorder->stop = true;
        pthread_cond_broadcast(&recorder->changed);
        pthread_mutex_unlock(&recorder->lock);
        if (recorder->started)
                pthread_join(recorder->thread, NULL);
}

static void
free_recorder(struct jk_recorder *recorder)
{
        jk_recording_file_free(recorder->file);
        jk_encoder_free(recorder->encoder);
        jk_text_free(&recorder->encoded);
        jk_text_free(&recorder->pending);
        jk_text_free(&recorder->working);
        pthread_cond_destroy(&recorder->changed);
        pthread_mutex_destroy(&recorder->lock);
        free(recorder->header);
        free(recorder->next_header);
        free(recorder);
}

int
jk_recorder_close(struct jk_recorder *recorder, struct jk_recorder_report *ret_report,
                  struct jk_error *err)
{
        struct jk_recorder_report *report = &recorder->report;
        int r;

        stop_thread(recorder);
        r = jk_recording_file_close(recorder->file, err);
        report->bytes = jk_recording_file_bytes(recorder->file);
        if (r == 0 && report->dropped > 0)
                r = jk_fail(err, EIO, "%llu of %llu ticks were not recorded: %s",
                            (unsigned long long)report->dropped,
                            (unsigned long long)(report->dropped + report->ticks),
                            report->dropped_for.message);
        if (ret_report)
                *ret_report = *report;
        free_recorder(recorder);
        return r;
}

void
jk_recorder_abandon(struct jk_recorder *recorder)
{
        stop_thread(recorder);
        if (recorder->file)
                jk_recording_file_remove(recorder->file);
        free_recorder(recorder);
}
