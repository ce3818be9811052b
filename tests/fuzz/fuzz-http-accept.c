/* SPDX-License-Identifier: Apache-2.0
 *
 * Accept and Accept-Encoding, from any client.
 */
#include "tests/fuzz/fuzz.h"

#include <ctype.h>

#include "serve/accept.h"

/* Whether the word is in the text, in any case: what is not named is never chosen, but for gzip by
 * a wildcard. */
static bool
names(const char *text, const char *word)
{
        for (; *text; text++) {
                size_t i = 0;

                while (word[i] && tolower((unsigned char)text[i]) == word[i])
                        i++;
                if (word[i] == '\0')
                        return true;
        }

        return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *header = fuzz_string(data, size);

        if (jk_accept_openmetrics(header))
                PROMISE(names(header, "application/openmetrics-text"));
        if (jk_accept_gzip(header))
                PROMISE(names(header, "gzip") || names(header, "*"));

        free(header);
        return 0;
}
