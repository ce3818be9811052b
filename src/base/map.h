/* SPDX-License-Identifier: Apache-2.0
 *
 * A map from 64-bit keys to 32-bit values: pid -> account, cgroup id -> account, zone -> slot. Open
 * addressing with linear probing and backward-shift deletion; one flat allocation of 16 bytes a
 * slot, at most two thirds full. The tick looks up every task here, which is why it is not uthash
 * (a node, three pointers and a cache miss per entry).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jk_map_slot {
        uint64_t key;
        uint32_t value;
        uint32_t used;
};

struct jk_map {
        struct jk_map_slot *slots;
        size_t capacity; /* a power of two, or 0 */
        size_t count;
};

/* Zero-initialised is empty. */
void jk_map_free(struct jk_map *map);

/* Whether the key is there; its value goes to ret_value (which may be NULL). */
bool jk_map_get(const struct jk_map *map, uint64_t key, uint32_t *ret_value);

/* Insert or replace: 0 or -ENOMEM. */
int jk_map_put(struct jk_map *map, uint64_t key, uint32_t value);

/* Whether the key was there. */
bool jk_map_remove(struct jk_map *map, uint64_t key);

/* Forget every entry, keep the memory. */
void jk_map_clear(struct jk_map *map);
