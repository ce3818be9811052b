/* SPDX-License-Identifier: Apache-2.0
 *
 * What every fuzz harness includes. A harness calls one parser with any bytes and holds it to what
 * its header promises; the sanitizers watch the rest.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise: breaking it is a finding. */
#define PROMISE(condition)                                                                         \
        do {                                                                                       \
                if (!(condition))                                                                  \
                        abort();                                                                   \
        } while (0)

/* The input as a string of its own, so that reading past its end is seen. The caller frees it. */
static inline char *
fuzz_string(const uint8_t *data, size_t size)
{
        char *string = malloc(size + 1);

        PROMISE(string);
        if (size > 0)
                memcpy(string, data, size);
        string[size] = '\0';
        return string;
}
