/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/allocations.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* glibc's own, under the names that it keeps for those who replace them. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static _Thread_local bool counting;
static _Thread_local uint64_t count;

void
allocations_start(void)
{
        count = 0;
        counting = true;
}

uint64_t
allocations_stop(void)
{
        counting = false;
        return count;
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
void *
malloc(size_t size)
{
        count += counting;
        return __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
        count += counting;
        return __libc_calloc(n, size);
}

void *
realloc(void *memory, size_t size)
{
        count += counting;
        return __libc_realloc(memory, size);
}

void *
aligned_alloc(size_t alignment, size_t size)
{
        count += counting;
        return __libc_memalign(alignment, size);
}

int
posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
        void *memory;

        count += counting;
        memory = __libc_memalign(alignment, size);
        if (!memory)
                return ENOMEM;
        *ret_memory = memory;
        return 0;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
