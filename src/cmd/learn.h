/* SPDX-License-Identifier: Apache-2.0
 *
 * Learning from recordings that others sent (docs/model-server.md): those that came are checked,
 * and for each CPU that there are recordings of, and each kind of zone that was measured, a model
 * is trained. Each thing that is done is a line to `out`, for people and for the agent that runs
 * this:
 *
 *     checking ID
 *     taken ID SHA256 TICKS whole|cut
 *     refused ID REASON
 *     later ID WHY
 *     training NAME
 *     trained NAME: WHAT
 *     known NAME
 *     left NAME: WHY
 *     failed NAME: WHY
 *
 * Later and failed: it is the machine's fault, and worth another try.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

/* Check what lies in DIRECTORY/incoming: what is good comes to the disk and into DIRECTORY, under
 * the first half of its SHA-256's name; what is not is removed, but not where it is the machine
 * that fails. only: the ID of the one to check; NULL: all. */
int jk_learn_check(const char *directory, const char *only, FILE *out, struct jk_error *err);

/* Train what there are new recordings for, into the files NAME.json of `models`. Beside each lies
 * NAME.recordings, a list of what it was made from. A file that was not made so is left alone, as
 * is what is named in `skip`, names with commas between them, or NULL. */
int jk_learn_train(const char *directory, const char *models, const char *skip, FILE *out,
                   struct jk_error *err);

/* Is an error one of what a recording holds? Others are the machine's. */
bool jk_learn_is_content(int r);
