/* SPDX-License-Identifier: Apache-2.0
 *
 * A CSV file of HWPC reports, from anybody, and power estimated from what it says.
 */
#include "tests/fuzz/hwpc.h"

#include <stdio.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct hwpc_fuzz fuzz;
        struct jk_hwpc_reader *reader;
        struct jk_error err = { "" };
        char *copy = fuzz_string(data, size);
        FILE *file = fmemopen(copy, size + 1, "r");
        int r;

        PROMISE(file);
        hwpc_fuzz_begin(&fuzz);
        r = jk_hwpc_csv_open_stream(file, "core.csv", &fuzz.names, &reader, &err);
        if (r == 0) {
                while ((r = jk_hwpc_read(reader, &fuzz.report, &err)) > 0)
                        hwpc_fuzz_take(&fuzz);
                PROMISE(r == 0 || jk_hwpc_read(reader, &fuzz.report, &err) == 0);
                jk_hwpc_reader_close(reader);
        }
        PROMISE(r == 0 || r == -EBADMSG);
        PROMISE(r == 0 || strstr(err.message, "core.csv:"));
        hwpc_fuzz_end(&fuzz);
        free(copy);
        return 0;
}
