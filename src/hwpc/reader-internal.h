/* SPDX-License-Identifier: Apache-2.0
 *
 * What a reader of HWPC reports is to reader.c: its first member.
 */
#pragma once

#include "hwpc/reader.h"

struct jk_hwpc_reader {
        int (*read)(struct jk_hwpc_reader *reader, struct jk_hwpc_report *report,
                    struct jk_error *err);
        void (*close)(struct jk_hwpc_reader *reader);
};

/* Digits and nothing else: 0 or -ERANGE. */
int jk_hwpc_number(const char *digits, uint64_t *ret_number);

/* What is wrong with a report, by the errno that its functions return. */
const char *jk_hwpc_fault(int r);
