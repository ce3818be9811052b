/* SPDX-License-Identifier: Apache-2.0
 *
 * A recording as HWPC reports: see replay-hwpc.h.
 */
#include "cmd/replay-hwpc.h"

#include <stdio.h>

#include "hwpc/export.h"
#include "record/recording.h"

struct run {
        struct jk_reader *reader;
        struct jk_sample sample;
        struct jk_hwpc_names names;
        struct jk_hwpc_export *export;
        struct jk_text line;
};

static int
open_run(struct run *run, const char *path, struct jk_error *err)
{
        const char *host;
        int r = jk_reader_open(path, &run->reader, err);

        if (r < 0)
                return r;
        host = jk_reader_about(run->reader)->host;
        return jk_hwpc_export_open(host[0] ? host : "joulekeeper", &run->names, &run->export, err);
}

static void
close_run(struct run *run)
{
        jk_hwpc_export_close(run->export);
        jk_hwpc_names_free(&run->names);
        jk_reader_close(run->reader);
        jk_sample_free(&run->sample);
        jk_text_free(&run->line);
}

static int
print_report(void *data, const struct jk_hwpc_report *report, struct jk_error *err)
{
        struct run *run = data;

        jk_text_clear(&run->line);
        jk_hwpc_write_json(report, &run->names, &run->line);
        if (run->line.failed)
                return jk_fail(err, ENOMEM, "out of memory");
        if (fwrite(run->line.data, 1, run->line.length, stdout) != run->line.length)
                return jk_fail(err, errno, "standard output: cannot be written: %m");
        return 0;
}

/* A tick is sent when it is whole, as a formula may be waiting for it. */
static int
print_all(struct run *run, uint64_t ticks, struct jk_error *err)
{
        int r = 1;

        while (jk_reader_ticks(run->reader) < ticks) {
                r = jk_reader_next(run->reader, &run->sample, err);
                if (r <= 0)
                        return r;
                r = jk_hwpc_export_sample(run->export, &run->sample, print_report, run, err);
                if (r < 0)
                        return r;
                if (fflush(stdout) != 0)
                        return jk_fail(err, errno, "standard output: cannot be written: %m");
        }
        return 0;
}

int
jk_replay_hwpc(const char *path, uint64_t ticks, struct jk_error *err)
{
        __attribute__((cleanup(close_run))) struct run run = { 0 };
        int r = open_run(&run, path, err);

        if (r == 0)
                r = print_all(&run, ticks, err);
        if (r < 0)
                return r;
        if (jk_reader_is_cut(run.reader))
                fprintf(stderr,
                        "joulekeeper replay: %s: it ends within a tick; the %llu before that are "
                        "whole\n",
                        path, (unsigned long long)jk_reader_ticks(run.reader));
        if (!jk_hwpc_export_has_energy(run.export))
                return jk_fail(err, ENODATA,
                               "%s: there is no energy of a zone that RAPL has, so no formula can "
                               "estimate anything by these reports",
                               path);
        return 0;
}
