/* SPDX-License-Identifier: Apache-2.0
 *
 * Import of HWPC reports: documents and tables that anybody may have written, as samples; at once,
 * and as they come.
 */
#include "tests/fuzz/import.h"

#include "import/hwpc-live.h"
#include "import/hwpc.h"

static void
import_reports(const uint8_t *data, size_t size, bool skip_bad)
{
        jk_autoobservations struct jk_observations seen = { .skip_bad = skip_bad };
        FILE *file = fmemopen((void *)(uintptr_t)data, size, "r");
        struct jk_hwpc_import *import = NULL;
        struct jk_hwpc_reader *reader = NULL;
        struct jk_hwpc_names names = { 0 };
        struct jk_error err = { "" };
        int r;

        PROMISE(file);
        PROMISE(jk_hwpc_import_open(&seen, &names, &import, &err) == 0);
        r = jk_hwpc_csv_open_stream(file, "core.csv", &names, &reader, &err);
        if (r == 0)
                r = jk_hwpc_import_read(import, reader, &err);
        if (r == 0)
                r = jk_hwpc_import_finish(import, &err);
        PROMISE(r == 0 || err.message[0] != '\0');
        jk_hwpc_reader_close(reader);
        jk_hwpc_import_close(import);
        jk_hwpc_names_free(&names);
        if (r == 0)
                check_ticks(&seen);
}

static void
refused(void *data, const char *message)
{
        (void)data;
        PROMISE(message[0] != '\0');
}

static bool
is_over(void *data)
{
        (void)data;
        return false;
}

static void
import_live(const uint8_t *data, size_t size)
{
        jk_autoobservations struct jk_observations seen = { 0 };
        FILE *file = fmemopen((void *)(uintptr_t)data, size, "r");
        struct checked checked = { .encoder = jk_encoder_new(NULL), .decoder = jk_decoder_new() };
        const struct jk_hwpc_live_sink sink = { check_sample, refused, is_over, &checked };
        struct jk_hwpc_reader *reader = NULL;
        struct jk_hwpc_names names = { 0 };
        struct jk_error err = { "" };

        PROMISE(file && checked.encoder && checked.decoder);
        if (jk_hwpc_csv_open_stream(file, "core.csv", &names, &reader, &err) == 0 &&
            jk_hwpc_live(&seen, &names, reader, &sink, &err) < 0)
                PROMISE(err.message[0] != '\0');
        jk_hwpc_reader_close(reader);
        jk_hwpc_names_free(&names);
        free_checked(&checked);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size == 0)
                return 0;
        import_reports(data, size, false);
        import_reports(data, size, true);
        import_live(data, size);
        return 0;
}
