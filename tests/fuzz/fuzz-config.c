/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz the configuration file: whatever the bytes are, they are refused with a message that names
 * the file, or give a configuration within its ranges.
 */
#include "tests/fuzz/fuzz.h"

#include "cmd/names.h"

static void
check_ranges(const struct jk_config *config)
{
        for (size_t i = 0; i < jk_config_n_rows; i++) {
                const struct jk_config_row *row = &jk_config_rows[i];
                const void *field = (const char *)config + row->offset;
                int64_t value;

                if (row->type != JK_CONFIG_INTEGER && row->type != JK_CONFIG_DURATION)
                        continue;
                memcpy(&value, field, sizeof value);
                PROMISE(value >= row->min && value <= row->max);
        }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        jk_autoconfig struct jk_config config = { 0 };
        struct jk_error err = { 0 };

        if (jk_config_parse("f", (const char *)data, size, jk_names_check, &config, &err) == 0)
                check_ranges(&config);
        else
                PROMISE(strncmp(err.message, "f:", 2) == 0 && !config.listen);

        return 0;
}
