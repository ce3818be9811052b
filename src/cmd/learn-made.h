/* SPDX-License-Identifier: Apache-2.0
 *
 * Model files that were made from recordings, with the list of these beside each: NAME.recordings,
 *
 *     {"model": "NAME", "sha256": "…", "before": "…",
 *      "recordings": [{"file": "….jkr", "sha256": "…", "machine": "…", "ticks": …}, …]}
 *
 * By that it is known what a model was made from, and whether a file is one that was made so, and
 * may be replaced: one that somebody wrote or changed by hand has another SHA-256.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "model/file.h"

struct jk_made {
        const char *directory, *name;
        const char *const *paths; /* the recordings */
        size_t n;
};

/* 1: it is to be made; 0: it was made from just these; -EEXIST: there is a file of that name which
 * was not made so, or was changed since. */
int jk_made_check(const struct jk_made *made, struct jk_error *err);

/* Write the list and the file: there is always one or the other version of both. */
int jk_made_save(const struct jk_made *made, const struct jk_model_file *file,
                 struct jk_error *err);
