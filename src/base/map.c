/* SPDX-License-Identifier: Apache-2.0
 *
 * The 64-bit map: see map.h.
 */
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Finaliser of SplitMix64 (Steele, Lea, Flood 2014): pids and inode numbers are consecutive, and
 * linear probing needs them spread. */
static size_t
hash(uint64_t key)
{
        key ^= key >> 30;
        key *= UINT64_C(0xbf58476d1ce4e5b9);
        key ^= key >> 27;
        key *= UINT64_C(0x94d049bb133111eb);
        return (size_t)(key ^ (key >> 31));
}

static size_t
find(const struct jk_map *map, uint64_t key)
{
        size_t mask = map->capacity - 1;
        size_t i = hash(key) & mask;

        while (map->slots[i].used && map->slots[i].key != key)
                i = (i + 1) & mask;

        return i;
}

static int
resize(struct jk_map *map, size_t capacity)
{
        struct jk_map grown = { .capacity = capacity, .count = map->count };

        grown.slots = calloc(capacity, sizeof *grown.slots);
        if (!grown.slots)
                return -ENOMEM;

        for (size_t i = 0; i < map->capacity; i++)
                if (map->slots[i].used)
                        grown.slots[find(&grown, map->slots[i].key)] = map->slots[i];

        free(map->slots);
        *map = grown;
        return 0;
}

void
jk_map_free(struct jk_map *map)
{
        free(map->slots);
        *map = (struct jk_map){ 0 };
}

bool
jk_map_get(const struct jk_map *map, uint64_t key, uint32_t *ret_value)
{
        size_t i;

        if (map->count == 0)
                return false;

        i = find(map, key);
        if (!map->slots[i].used)
                return false;

        if (ret_value)
                *ret_value = map->slots[i].value;
        return true;
}

int
jk_map_put(struct jk_map *map, uint64_t key, uint32_t value)
{
        struct jk_map_slot *slot;

        if (map->count + 1 > map->capacity / 3 * 2) {
                int r = resize(map, map->capacity ? map->capacity * 2 : 64);
                if (r < 0)
                        return r;
        }

        slot = &map->slots[find(map, key)];
        map->count += !slot->used;
        *slot = (struct jk_map_slot){ .key = key, .value = value, .used = 1 };
        return 0;
}

bool
jk_map_remove(struct jk_map *map, uint64_t key)
{
        size_t mask = map->capacity - 1;
        size_t hole, i;

        if (map->count == 0)
                return false;

        hole = find(map, key);
        if (!map->slots[hole].used)
                return false;

        /* Move back every later entry of the run that the hole would cut off from its home. */
        for (i = (hole + 1) & mask; map->slots[i].used; i = (i + 1) & mask) {
                size_t home = hash(map->slots[i].key) & mask;

                if (((i - home) & mask) >= ((i - hole) & mask)) {
                        map->slots[hole] = map->slots[i];
                        hole = i;
                }
        }

        map->slots[hole].used = 0;
        map->count--;
        return true;
}

void
jk_map_clear(struct jk_map *map)
{
        if (map->slots)
                memset(map->slots, 0, map->capacity * sizeof *map->slots);
        map->count = 0;
}
