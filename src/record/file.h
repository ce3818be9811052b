/* SPDX-License-Identifier: Apache-2.0
 *
 * The file that a recording is written to, as zstd frames. Each piece is flushed, so that it can be
 * read as soon as it is written; a file that fails is left as it was after the last whole piece.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* One file, or files that follow one another in a folder. */
struct jk_recording_place {
        const char *file; /* must not be there yet, unless it is a pipe; "-": standard output */
        const char *directory; /* if file is NULL: joulekeeper-YYYYMMDDTHHMMSSZ.jkr in it, UTC */
        uint64_t file_bytes;   /* begin another file after so many, or 0 … */
        int64_t file_age_ns;   /* … or after so long, suspend included, or 0 */
        uint64_t keep_bytes; /* delete the oldest of ours when all are larger than this; 0: never */
};

struct jk_recording_file;

/* Strings of the place are copied. Nothing is opened yet. NULL: out of memory. */
struct jk_recording_file *jk_recording_file_new(const struct jk_recording_place *place);

/* Close what is open, unwritten ends lost. */
void jk_recording_file_free(struct jk_recording_file *file);

/* Open the file, or the next one of the folder. */
int jk_recording_file_open(struct jk_recording_file *file, struct jk_error *err);
bool jk_recording_file_is_open(const struct jk_recording_file *file);

/* Whether it is so large or old that another should follow; and whether another can. */
bool jk_recording_file_is_full(const struct jk_recording_file *file);
bool jk_recording_file_can_follow(const struct jk_recording_file *file);

/* Write a piece: it begins a frame if the one before was ended. On failure the file is closed. */
int jk_recording_file_write(struct jk_recording_file *file, const void *bytes, size_t length,
                            struct jk_error *err);
int jk_recording_file_end_frame(struct jk_recording_file *file, struct jk_error *err);

/* End the frame, bring all to the disk, close. */
int jk_recording_file_close(struct jk_recording_file *file, struct jk_error *err);

/* Close and remove it, if it is a file that was made here. */
void jk_recording_file_remove(struct jk_recording_file *file);

/* The path of the last one that was opened, or what was asked for; and bytes written to all. */
const char *jk_recording_file_name(const struct jk_recording_file *file);
uint64_t jk_recording_file_bytes(const struct jk_recording_file *file);
