/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz mappings and the tables that are read by them: the input is a mapping, a NUL, and a table.
 * Whatever they are, they are refused with a message, or give samples that a recording can hold.
 */
#include "tests/fuzz/import.h"

#include "base/cleanup.h"
#include "import/table.h"

static void
read_table(const struct jk_mapping *mapping, const uint8_t *data, size_t size, bool skip_bad)
{
        jk_autoobservations struct jk_observations seen = { .skip_bad = skip_bad };
        struct jk_tables *tables = NULL;
        struct jk_error err = { "" };
        FILE *file;
        int r;

        if (jk_tables_open(mapping, &seen, &tables, &err) < 0) {
                PROMISE(err.message[0] != '\0');
                return;
        }
        file = fmemopen((void *)(uintptr_t)data, size, "r");
        PROMISE(file);
        r = jk_tables_read(tables, file, "f", &err);
        PROMISE(r == 0 || strncmp(err.message, "f:", 2) == 0);
        fclose(file);
        jk_tables_close(tables);
        if (r == 0)
                check_ticks(&seen);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        jk_automapping struct jk_mapping mapping = { 0 };
        const uint8_t *table = memchr(data, '\0', size);
        struct jk_error err = { "" };
        size_t length = table ? (size_t)(table - data) : size;

        if (jk_mapping_parse("m", (const char *)data, length, &mapping, &err) < 0) {
                PROMISE(strncmp(err.message, "m:", 2) == 0 && mapping.n_tables == 0);
                return 0;
        }
        PROMISE(mapping.n_tables > 0);
        if (mapping.cpus > 64)
                mapping.cpus = 64; /* thousands of equal CPUs a tick find nothing more */
        if (length + 1 < size) {
                read_table(&mapping, table + 1, size - length - 1, false);
                read_table(&mapping, table + 1, size - length - 1, true);
        }
        return 0;
}
