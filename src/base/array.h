/* SPDX-License-Identifier: Apache-2.0
 *
 * Growable arrays. An array is three fields of a struct: a pointer, a count, a capacity. It grows
 * by half, from 64 kB on by an eighth, since new room is zeroed and so takes
 * memory whether it is used or not. It never shrinks: what the tick needs is allocated once and
 * then kept.
 */
#pragma once

#include <errno.h>
#include <stddef.h>

/* Make room for `wanted` elements of `size` bytes: 0 or -ENOMEM (the array is then as it was). New
 * room is zeroed. */
int jk_array_reserve(void **items, size_t *capacity, size_t wanted, size_t size);

/* jk_array_grow(&s->tasks, &s->tasks_capacity, n): 0 or -ENOMEM. */
#define jk_array_grow(items, capacity, wanted)                                                     \
        jk_array_reserve((void **)(items), (capacity), (wanted), sizeof **(items))

#define JK_COUNT(array) (sizeof(array) / sizeof *(array))
