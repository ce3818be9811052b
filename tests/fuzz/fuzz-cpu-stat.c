/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of /proc/stat, line by line, cut off anywhere.
 */
#include "tests/fuzz/fuzz.h"

#include "activity/cpu-stat.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint64_t ticks[JK_CPU_TIMES];
        enum jk_cpu_line line;
        char *copy = malloc(size ? size : 1); /* no NUL at its end */
        const char *text = copy, *end = copy + size;

        PROMISE(copy);
        if (size > 0)
                memcpy(copy, data, size);
        do {
                const char *before = text;
                uint32_t cpu = 0;

                line = jk_cpu_stat_line(&text, end, &cpu, ticks);
                PROMISE(text >= before && text <= end);
                if (line == JK_CPU_LINE_CPU)
                        PROMISE(cpu <= JK_CPU_NUMBER_MAX);
                if (line == JK_CPU_LINE_CPU || line == JK_CPU_LINE_SUM)
                        PROMISE(text > before); /* or it would never end */
        } while (line == JK_CPU_LINE_CPU || line == JK_CPU_LINE_SUM);
        free(copy);
        return 0;
}
