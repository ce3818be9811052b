/* SPDX-License-Identifier: Apache-2.0
 *
 * Cleanup attributes: what a scope owns, it releases on every way out. jk_steal_*() hands ownership
 * to the caller.
 */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void
jk_cleanup_free(void *pointer)
{
        free(*(void **)pointer);
}

static inline void
jk_cleanup_close(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

static inline void
jk_cleanup_fclose(FILE **file)
{
        if (*file)
                fclose(*file);
}

static inline void
jk_cleanup_closedir(DIR **directory)
{
        if (*directory)
                closedir(*directory);
}

static inline int
jk_steal_fd(int *fd)
{
        int stolen = *fd;

        *fd = -1;
        return stolen;
}

#define jk_autofree     __attribute__((cleanup(jk_cleanup_free)))
#define jk_autoclose    __attribute__((cleanup(jk_cleanup_close)))
#define jk_autofclose   __attribute__((cleanup(jk_cleanup_fclose)))
#define jk_autoclosedir __attribute__((cleanup(jk_cleanup_closedir)))

#define jk_steal(pointer)                                                                          \
        ({                                                                                         \
                __typeof__(pointer) jk_stolen_ = (pointer);                                        \
                (pointer) = NULL;                                                                  \
                jk_stolen_;                                                                        \
        })
