/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading libraries: see library.h.
 */
#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

#include "base/array.h"

static void *
open_library(const struct jk_library *library)
{
        void *handle = NULL;

        for (size_t i = 0; i < JK_COUNT(library->files) && library->files[i] && !handle; i++)
                handle = dlopen(library->files[i], RTLD_NOW | RTLD_LOCAL);

        return handle;
}

int
jk_library_load(const struct jk_library *library, void *ret_table, struct jk_error *err)
{
        void *handle = open_library(library);

        if (!handle)
                return jk_fail(err, ENOENT, "there is no %s: %s; install %s", library->name,
                               dlerror(), library->package);

        for (size_t i = 0; i < library->n_symbols; i++) {
                const struct jk_library_symbol *row = &library->symbols[i];
                void *symbol = dlsym(handle, row->name);

                if (!symbol)
                        return jk_fail(err, ENOENT, "%s: there is no %s; install %s", library->name,
                                       row->name, library->package);
                memcpy((char *)ret_table + row->offset, &symbol, sizeof symbol);
        }

        return 0;
}

void *
jk_library_symbol(const struct jk_library *library, const char *name)
{
        void *handle = open_library(library);

        return handle ? dlsym(handle, name) : NULL;
}
