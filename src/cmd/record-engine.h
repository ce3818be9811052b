/* SPDX-License-Identifier: Apache-2.0
 *
 * Recording what an engine samples: what `run` and `record` share.
 */
#pragma once

#include "engine/engine.h"
#include "record/disguise.h"
#include "record/recording.h"

/* Open a recorder whose header is `about`, with the names that a disguiser gives if there is one.
 */
int jk_record_open(const struct jk_recording_place *place, struct jk_about *about,
                   struct jk_disguiser *disguiser, struct jk_recorder **ret_recorder,
                   struct jk_error *err);

/* Open a recorder and let it have every sample of the engine, which has not ticked yet, and which
 * the recorder outlives no tick of: close it after the last one. */
int jk_record_engine(struct jk_engine *engine, const struct jk_engine_options *options,
                     const struct jk_recording_place *place, struct jk_disguiser *disguiser,
                     struct jk_recorder **ret_recorder, struct jk_error *err);

/* The engine goes on by other options: a replay has to know them. */
int jk_record_reconfigured(struct jk_recorder *recorder, const struct jk_engine *engine,
                           const struct jk_engine_options *options, struct jk_error *err);
