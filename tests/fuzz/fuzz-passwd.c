/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of etc/passwd: a root directory may be anybody's.
 */
#include "tests/fuzz/fuzz.h"

#include "workload/user.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *copy = fuzz_string(data, size), *text = copy;

        while (text) {
                const char *name = NULL, *line = text;
                uid_t uid = 77;
                int r = jk_passwd_line(&text, &uid, &name);

                PROMISE(!text || text > line);
                PROMISE(r <= 0);
                PROMISE(r == 0 || (uid == 77 && !name));
                PROMISE(r != 0 || (name[0] && name >= copy && name + strlen(name) <= copy + size));
        }
        free(copy);
        return 0;
}
