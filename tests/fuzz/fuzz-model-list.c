/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of model servers: nothing in them may choose what cannot be asked for.
 */
#include <math.h>

#include "model/offered.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct jk_model_file blank;
        struct jk_offered offered;
        struct jk_error err = { "" };
        char *text = fuzz_string(data, size);
        int r;

        jk_model_file_init(&blank);
        blank.cpu.threads = 8;
        r = jk_offered_best(text, size, &blank.cpu, JK_ZONE_PACKAGE, &offered, &err);
        PROMISE(r == 0 || ((r == -EBADMSG || r == -ENOENT) && err.message[0]));
        if (r == 0) {
                static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                              "0123456789-_.";

                PROMISE(offered.name[0] && strspn(offered.name, allowed) == strlen(offered.name));
                PROMISE(strlen(offered.sha256) == 64);
                PROMISE(!isnan(offered.match.error_pct));
        }
        free(text);
        return 0;
}
