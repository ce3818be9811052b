/* SPDX-License-Identifier: Apache-2.0
 *
 * Live reports into a recording: see import-live.h.
 */
#include "cmd/import-live.h"

#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/sensors.h"
#include "import/hwpc-live.h"
#include "import/ticks.h"

enum { COMPLAINTS_MAX = 3 }; /* that are printed at once; the others are counted */

struct run {
        struct jk_about *about;
        struct jk_observations seen;
        struct jk_hwpc_names names;
        struct jk_sensors sensors;
        struct jk_recorder *recorder;
        bool has_begun;
        uint64_t complaints;
};

static void
refused(void *data, const char *message)
{
        struct run *run = data;

        if (run->complaints++ < COMPLAINTS_MAX)
                jk_say("import", message);
}

/* How far apart reports are is known when the first are there, and told in a second header. */
static void
take(void *data, const struct jk_sample *sample)
{
        struct run *run = data;

        if (!run->has_begun) {
                run->about->interval_ns = jk_ticks_interval_ns(&run->seen);
                jk_recorder_describe(run->recorder, run->about);
        }
        run->has_begun = true;
        jk_recorder_wait(run->recorder);
        jk_recorder_take(run->recorder, sample, NULL, NULL);
}

static bool
is_over(void *data)
{
        struct run *run = data;
        struct jk_recorder_report report;

        jk_recorder_report(run->recorder, &report);
        return report.over;
}

static void
report(const struct run *run, const char *output, const struct jk_recorder_report *written)
{
        if (run->complaints > COMPLAINTS_MAX)
                fprintf(stderr, "joulekeeper import: %llu were left out in all\n",
                        (unsigned long long)run->complaints);
        if (strcmp(output, "-") != 0)
                fprintf(stderr,
                        "joulekeeper import: %s: %llu ticks of %zu tasks and %zu zones, %llu "
                        "bytes\n",
                        output, (unsigned long long)written->ticks, run->seen.n_tasks,
                        run->seen.zones.count, (unsigned long long)written->bytes);
}

static void
close_run(struct run *run)
{
        jk_sensors_close(&run->sensors);
        jk_observations_free(&run->seen);
        jk_hwpc_names_free(&run->names);
        if (run->recorder)
                jk_recorder_abandon(run->recorder);
}

/* Close the recording, whatever happened before: what is in it is whole. */
static int
end(struct run *run, const char *output, int r, struct jk_error *err)
{
        struct jk_recorder *recorder = run->recorder;
        struct jk_recorder_report written;
        struct jk_error unwritten = { "" };
        int closed;

        if (!run->has_begun)
                return r < 0 ? r : jk_fail(err, ENODATA, "no sensor sent a report");
        run->recorder = NULL;
        closed = jk_recorder_close(recorder, &written, &unwritten);
        report(run, output, &written);
        if (r == 0 && closed < 0)
                return jk_fail(err, closed, "%s", unwritten.message);
        return r;
}

int
jk_import_live(const char *listen, const char *output, struct jk_about *about, struct jk_error *err)
{
        __attribute__((cleanup(close_run))) struct run run = { .about = about,
                                                               .sensors.stop_fd = -1 };
        const struct jk_recording_place place = { .file = output };
        const struct jk_hwpc_live_sink sink = { take, refused, is_over, &run };
        int r = jk_sensors_open(listen, &run.names, &run.sensors, err);

        if (r == 0)
                r = jk_recorder_open(&place, about, NULL, &run.recorder, err);
        if (r < 0)
                return r;
        jk_sensors_tell(&run.sensors, "import");
        r = jk_hwpc_live(&run.seen, &run.names, run.sensors.reader, &sink, err);
        return end(&run, output, r, err);
}
