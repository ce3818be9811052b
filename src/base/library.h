/* SPDX-License-Identifier: Apache-2.0
 *
 * Libraries that few need, loaded when they are needed and not linked: their functions are looked
 * up by name into a table of pointers, whose types its header has from the library's own. They stay
 * loaded: what they keep for the process cannot be taken back safely.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"

struct jk_library_symbol {
        const char *name;
        size_t offset; /* of its pointer, in the table */
};

struct jk_library {
        const char *name;           /* for messages */
        const char *package;        /* to install */
        const char *const files[4]; /* any of these will do, the first that there is */
        const struct jk_library_symbol *symbols;
        size_t n_symbols;
};

/* Fill in the table. -ENOENT with the remedy if the library, or a function of it, is not there; the
 * table is then of no use. */
int jk_library_load(const struct jk_library *library, void *ret_table, struct jk_error *err);

/* One function of it, or NULL. */
void *jk_library_symbol(const struct jk_library *library, const char *name);
