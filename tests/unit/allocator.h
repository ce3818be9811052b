/* SPDX-License-Identifier: Apache-2.0
 *
 * An allocator that runs out of memory on demand, in the place of the one that the library calls:
 * link with allocator.c and the arguments `wrap_allocator`.
 */
#pragma once

#include <stdbool.h>

/* From now on let the n-th allocation (from 0) fail, and all after it; n < 0: none. */
void allocator_fail_from(int n);

/* Whether one has failed since. */
bool allocator_has_failed(void);
