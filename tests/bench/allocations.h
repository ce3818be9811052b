/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting what a thread allocates: this file's malloc() and its kin take the place of the C
 * library's, in the libraries too. The tick has to allocate nothing.
 */
#pragma once

#include <stdint.h>

void allocations_start(void);    /* for the calling thread */
uint64_t allocations_stop(void); /* how many there were */
