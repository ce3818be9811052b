/* SPDX-License-Identifier: Apache-2.0
 *
 * Recording what an engine samples: see record-engine.h.
 */
#include "cmd/record-engine.h"

#include <stdio.h>

static void
take(void *data, const struct jk_sample *sample, const char *(*user_name)(void *data, uid_t uid),
     void *user_data)
{
        jk_recorder_take(data, sample, user_name, user_data);
}

int
jk_record_open(const struct jk_recording_place *place, struct jk_about *about,
               struct jk_disguiser *disguiser, struct jk_recorder **ret_recorder,
               struct jk_error *err)
{
        struct jk_disguise disguise;

        if (!disguiser)
                return jk_recorder_open(place, about, NULL, ret_recorder, err);
        disguise = jk_disguiser_disguise(disguiser);
        jk_about_anonymise(about);
        return jk_recorder_open(place, about, &disguise, ret_recorder, err);
}

static int
describe(const struct jk_engine *engine, const struct jk_engine_options *options,
         struct jk_about *ret_about, struct jk_error *err)
{
        jk_autoroot struct jk_root root = JK_ROOT_CLOSED;
        int r = jk_root_open(options->root ? options->root : "/", &root, err);

        if (r < 0)
                return r;

        jk_about_machine(ret_about, &root);
        snprintf(ret_about->model, sizeof ret_about->model, "%s", jk_engine_model(engine));
        snprintf(ret_about->activity, sizeof ret_about->activity, "%s", jk_engine_activity(engine));
        ret_about->interval_ns = options->interval_ns;
        ret_about->ledger = options->ledger;
        return 0;
}

int
jk_record_engine(struct jk_engine *engine, const struct jk_engine_options *options,
                 const struct jk_recording_place *place, struct jk_disguiser *disguiser,
                 struct jk_recorder **ret_recorder, struct jk_error *err)
{
        struct jk_engine_sink sink = { .take = take };
        struct jk_about about;
        int r = describe(engine, options, &about, err);

        if (r == 0)
                r = jk_record_open(place, &about, disguiser, ret_recorder, err);
        if (r < 0)
                return r;

        sink.data = *ret_recorder;
        jk_engine_set_sink(engine, &sink);
        return 0;
}

int
jk_record_reconfigured(struct jk_recorder *recorder, const struct jk_engine *engine,
                       const struct jk_engine_options *options, struct jk_error *err)
{
        struct jk_about about;
        int r = describe(engine, options, &about, err);

        if (r < 0)
                return r;
        r = jk_recorder_describe(recorder, &about);
        return r < 0 ? jk_fail(err, r, "out of memory") : 0;
}
