/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz what perf stat prints: any bytes are refused with file and line, or give samples that a
 * recording can hold.
 */
#include "tests/fuzz/import.h"

#include "import/perf-stat.h"

static void
read_perf(const uint8_t *data, size_t size, char separator, bool skip_bad)
{
        jk_autoobservations struct jk_observations seen = { .skip_bad = skip_bad };
        FILE *file = fmemopen((void *)(uintptr_t)data, size, "r");
        struct jk_error err = { "" };
        int r;

        PROMISE(file);
        r = jk_perf_stat_read(&seen, file, "f", separator, &err);
        PROMISE(r == 0 || strncmp(err.message, "f:", 2) == 0);
        fclose(file);
        if (r == 0)
                check_ticks(&seen);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size == 0)
                return 0;
        read_perf(data, size, ',', false);
        read_perf(data, size, ';', true);
        return 0;
}
