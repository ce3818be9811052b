/* SPDX-License-Identifier: Apache-2.0
 *
 * See allocator.h.
 */
#include "tests/unit/allocator.h"

#include <errno.h>
#include <stddef.h>

/* The names that the linker gives: --wrap. */
/* NOLINTBEGIN(bugprone-reserved-identifier) */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *string);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *string);

static int left = -1;
static bool failed;

static bool
must_fail(void)
{
        if (left < 0)
                return false;
        if (left > 0) {
                left--;
                return false;
        }

        failed = true;
        errno = ENOMEM;
        return true;
}

void
allocator_fail_from(int n)
{
        left = n;
        failed = false;
}

bool
allocator_has_failed(void)
{
        return failed;
}

void *
__wrap_malloc(size_t size)
{
        return must_fail() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
        return must_fail() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
        return must_fail() ? NULL : __real_realloc(memory, size);
}

char *
__wrap_strdup(const char *string)
{
        return must_fail() ? NULL : __real_strdup(string);
}
/* NOLINTEND(bugprone-reserved-identifier) */
