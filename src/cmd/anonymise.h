/* SPDX-License-Identifier: Apache-2.0
 *
 * A copy of a recording without names: of programs, users, cgroups, and of the machine.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct jk_anonymised {
        uint64_t ticks;
        bool cut; /* the original ends within one more */
};

/* `to` must not be there yet. machine: what to call the machine for the name that the recording has
 * ("": it has none), as a string that lives until the copy is made; it may return "". */
int jk_anonymise(const char *from, const char *to,
                 const char *(*machine)(void *data, const char *host), void *data,
                 struct jk_anonymised *ret_copy, struct jk_error *err);
