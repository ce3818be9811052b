/* SPDX-License-Identifier: Apache-2.0
 *
 * What all readers of HWPC reports have in common: see reader.h.
 */
#include "hwpc/reader-internal.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/root.h"

int
jk_hwpc_read(struct jk_hwpc_reader *reader, struct jk_hwpc_report *report, struct jk_error *err)
{
        return reader->read(reader, report, err);
}

void
jk_hwpc_reader_close(struct jk_hwpc_reader *reader)
{
        if (reader)
                reader->close(reader);
}

int
jk_hwpc_number(const char *digits, uint64_t *ret_number)
{
        if (strspn(digits, "0123456789") != strlen(digits) || jk_parse_u64(digits, ret_number) < 0)
                return -ERANGE;
        return 0;
}

const char *
jk_hwpc_fault(int r)
{
        static const struct {
                int code;
                const char *what;
        } rows[] = {
                { -EEXIST, "this CPU is there twice" },
                { -EINVAL, "a name that is empty, too long, or not printable UTF-8" },
                { -ENOSPC, "more names or CPUs than any sensor has" },
                { -ERANGE, "a number that no sensor writes" },
        };

        for (size_t i = 0; i < JK_COUNT(rows); i++)
                if (rows[i].code == r)
                        return rows[i].what;
        return "out of memory";
}
