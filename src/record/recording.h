/* SPDX-License-Identifier: Apache-2.0
 *
 * Recordings: samples on disk (docs/recording.md). A file is a row of zstd frames, each of which
 * begins with a header and can be read by itself; after each tick what was written is complete, so
 * that a file which ends anywhere gives all its whole ticks.
 */
#pragma once

#include "record/about.h"
#include "record/codec.h"
#include "record/file.h"
#include "sample/sample.h"

/* ---- writing ---- */

struct jk_recorder;

/* Open the place's file and start the thread that writes. disguise: NULL, or as jk_encoder_new()
 * takes it. */
int jk_recorder_open(const struct jk_recording_place *place, const struct jk_about *about,
                     const struct jk_disguise *disguise, struct jk_recorder **ret_recorder,
                     struct jk_error *err);

/* Take one sample. Never waits for the disk; what cannot be written, or not so fast, is dropped and
 * counted, and tried again after a minute where another file can follow. user_name: as
 * jk_ledger_publish() takes it. */
void jk_recorder_take(struct jk_recorder *recorder, const struct jk_sample *sample,
                      const char *(*user_name)(void *data, uid_t uid), void *user_data);

/* Wait until there is room for more, for those who may: who reads a file faster than it is written.
 */
void jk_recorder_wait(struct jk_recorder *recorder);

/* The header is another one from the next sample on. 0 or -ENOMEM. */
int jk_recorder_describe(struct jk_recorder *recorder, const struct jk_about *about);

struct jk_recorder_report {
        uint64_t ticks, dropped;
        uint64_t bytes;              /* written, to all files */
        char message[512];           /* why it cannot be written now; empty: it can */
        struct jk_error dropped_for; /* why the last ones were dropped */
        bool over;                   /* nothing will be written any more */
};
void jk_recorder_report(struct jk_recorder *recorder, struct jk_recorder_report *ret_report);

/* Write what remains, and close: 0, or a negative errno if something was not written (in err), then
 * too with ret_report, which may be NULL. */
int jk_recorder_close(struct jk_recorder *recorder, struct jk_recorder_report *ret_report,
                      struct jk_error *err);

/* Close, and remove the file that was made last: the recording is not to be. */
void jk_recorder_abandon(struct jk_recorder *recorder);

/* ---- reading ---- */

struct jk_reader;

/* "-" is standard input. Reads as far as the first header. */
int jk_reader_open(const char *path, struct jk_reader **ret_reader, struct jk_error *err);
void jk_reader_close(struct jk_reader *reader);

const struct jk_about *jk_reader_about(const struct jk_reader *reader);

/* The next sample: 1; or 0 at the end, which may lie within a tick: jk_reader_is_cut(). Negative:
 * what follows cannot be read; the message names file and byte, and says how many ticks came
 * before. The sample borrows the reader's zones. */
int jk_reader_next(struct jk_reader *reader, struct jk_sample *sample, struct jk_error *err);

/* Whether the file ends in the middle of something, and how many whole ticks were read. */
bool jk_reader_is_cut(const struct jk_reader *reader);
uint64_t jk_reader_ticks(const struct jk_reader *reader);

/* A user's name, or NULL: for jk_ledger_publish(), with the reader as data. */
const char *jk_reader_user(void *reader, uid_t uid);
