/* SPDX-License-Identifier: Apache-2.0
 *
 * HWPC reports as JSON lines, from any client, and power estimated from what they say.
 */
#include "tests/fuzz/hwpc.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct hwpc_fuzz fuzz;
        const uint8_t *end;

        hwpc_fuzz_begin(&fuzz);
        for (; size > 0; size -= (size_t)(end - data), data = end) {
                struct jk_error err = { "" };
                char *line;
                int r;

                end = memchr(data, '\n', size);
                end = end ? end + 1 : data + size;
                line = fuzz_string(data, (size_t)(end - data));
                r = jk_hwpc_parse(line, (size_t)(end - data), &fuzz.names, &fuzz.report, &err);
                PROMISE(r == 0 || r == -EBADMSG);
                PROMISE(r == 0 || err.message[0] != '\0');
                if (r == 0)
                        hwpc_fuzz_take(&fuzz);
                free(line);
        }
        hwpc_fuzz_end(&fuzz);
        return 0;
}
