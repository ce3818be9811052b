/* SPDX-License-Identifier: Apache-2.0
 *
 * Growable arrays: see array.h.
 */
#include "base/array.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LARGE_BYTES ((size_t)64 << 10)

int
jk_array_reserve(void **items, size_t *capacity, size_t wanted, size_t size)
{
        size_t grown = *capacity ? *capacity : 16;
        void *moved;

        if (wanted <= *capacity)
                return 0;

        while (grown < wanted)
                grown += grown < LARGE_BYTES / size ? grown / 2 + 8 : grown / 8 + 1;
        if (grown > SIZE_MAX / size)
                return -ENOMEM;

        moved = realloc(*items, grown * size);
        if (!moved)
                return -ENOMEM;

        memset((char *)moved + *capacity * size, 0, (grown - *capacity) * size);
        *items = moved;
        *capacity = grown;
        return 0;
}
