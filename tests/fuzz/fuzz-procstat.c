/* SPDX-License-Identifier: Apache-2.0
 *
 * The texts of /proc/PID/{stat,io,status}: the first byte says which; a process writes its own name
 * into two of them.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "activity/proc-stat.h"

static void
try_stat(const uint8_t *data, size_t size)
{
        struct jk_proc_stat stat, before;
        char *text = malloc(size ? size : 1); /* need not end with a NUL */
        int r;

        PROMISE(text);
        if (size > 0)
                memcpy(text, data, size);
        memset(&stat, 0x5a, sizeof stat);
        before = stat;
        r = jk_proc_stat_parse(text, size, &stat);
        PROMISE(r == 0 || r == -EBADMSG);
        PROMISE(r == 0 || memcmp(&stat, &before, sizeof stat) == 0);
        PROMISE(r != 0 || memchr(stat.comm, '\0', sizeof stat.comm));
        free(text);
}

static void
try_io(const char *text)
{
        uint64_t read_bytes = 1, write_bytes = 2;
        int r = jk_proc_io_parse(text, &read_bytes, &write_bytes);

        PROMISE(r <= 0);
        PROMISE(r == 0 || (read_bytes == 1 && write_bytes == 2));
}

static void
try_status(const char *text)
{
        uid_t uid = 77;
        int r = jk_proc_uid_parse(text, &uid);

        PROMISE(r <= 0);
        PROMISE(r == 0 || uid == 77);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text;

        if (size == 0)
                return 0;
        text = fuzz_string(data + 1, size - 1);
        if (data[0] == 's')
                try_stat(data + 1, size - 1);
        else if (data[0] == 'i')
                try_io(text);
        else
                try_status(text);
        free(text);
        return 0;
}
