/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies of recordings without names: see anonymise.h.
 */
#include "cmd/anonymise.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "record/disguise.h"
#include "record/recording.h"

static int
copy_ticks(struct jk_reader *reader, struct jk_recorder *recorder, struct jk_anonymised *copy,
           struct jk_error *err)
{
        __attribute__((cleanup(jk_sample_free))) struct jk_sample sample = { 0 };
        int r;

        while ((r = jk_reader_next(reader, &sample, err)) > 0) {
                jk_recorder_wait(recorder);
                jk_recorder_take(recorder, &sample, NULL, NULL);
        }
        copy->ticks = jk_reader_ticks(reader);
        copy->cut = jk_reader_is_cut(reader);
        return r;
}

static int
finish(struct jk_recorder *recorder, const char *to, int r, struct jk_error *err)
{
        struct jk_recorder_report report;

        if (r < 0) {
                jk_recorder_abandon(recorder);
                return r;
        }

        r = jk_recorder_close(recorder, &report, err);
        if (r == 0 && report.dropped > 0)
                r = jk_fail(err, EIO, "%s: %s", to, report.dropped_for.message);
        if (r < 0)
                unlink(to);
        return r;
}

static int
copy(struct jk_reader *reader, const char *to, const char *machine, struct jk_disguiser *disguiser,
     struct jk_anonymised *ret_copy, struct jk_error *err)
{
        const struct jk_disguise disguise = jk_disguiser_disguise(disguiser);
        const struct jk_recording_place place = { .file = to };
        struct jk_about about = *jk_reader_about(reader);
        struct jk_recorder *recorder;
        int r;

        jk_about_anonymise(&about);
        snprintf(about.host, sizeof about.host, "%s", machine);
        r = jk_recorder_open(&place, &about, &disguise, &recorder, err);
        if (r < 0)
                return r;

        r = copy_ticks(reader, recorder, ret_copy, err);
        return finish(recorder, to, r, err);
}

int
jk_anonymise(const char *from, const char *to, const char *(*machine)(void *data, const char *host),
             void *data, struct jk_anonymised *ret_copy, struct jk_error *err)
{
        struct jk_disguiser *disguiser = jk_disguiser_new();
        struct jk_reader *reader;
        int r;

        if (!disguiser)
                return jk_fail(err, ENOMEM, "%s: out of memory", from);

        r = jk_reader_open(from, &reader, err);
        if (r == 0) {
                r = copy(reader, to, machine(data, jk_reader_about(reader)->host), disguiser,
                         ret_copy, err);
                jk_reader_close(reader);
        }
        jk_disguiser_free(disguiser);
        return r;
}
