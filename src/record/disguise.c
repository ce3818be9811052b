/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that tell nothing: see disguise.h. Names are known by a hash of 64 bits; two that share one
 * would share a number, which one pair in billions does.
 */
#include "record/disguise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/map.h"

static const char *const kept_names[] = { "root" };

static const char *const kept_groups[] = {
        "app.slice",
        "background.slice",
        "besteffort",
        "burstable",
        "docker",
        "init.scope",
        "kubepods",
        "kubepods-besteffort.slice",
        "kubepods-burstable.slice",
        "kubepods.slice",
        "lxc",
        "machine.slice",
        "session.slice",
        "system.slice",
        "user.slice",
};

static const char *const kept_suffixes[] = { ".service", ".scope", ".slice", ".mount",
                                             ".socket",  ".swap",  ".timer", ".device" };

struct jk_disguiser {
        struct jk_map names, groups; /* hash -> number */
        char name[32];
        struct jk_text path;
};

struct jk_disguiser *
jk_disguiser_new(void)
{
        return calloc(1, sizeof(struct jk_disguiser));
}

void
jk_disguiser_free(struct jk_disguiser *disguiser)
{
        if (!disguiser)
                return;

        jk_map_free(&disguiser->names);
        jk_map_free(&disguiser->groups);
        jk_text_free(&disguiser->path);
        free(disguiser);
}

/* FNV-1a (Fowler, Noll, Vo). */
static uint64_t
hash(const char *bytes, size_t length)
{
        uint64_t value = UINT64_C(0xcbf29ce484222325);

        for (size_t i = 0; i < length; i++)
                value = (value ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
        return value;
}

/* 0 where memory ran out: such names are all the same, and none is given away. */
static uint32_t
number_of(struct jk_map *map, const char *bytes, size_t length)
{
        uint64_t key = hash(bytes, length);
        uint32_t number;

        if (jk_map_get(map, key, &number))
                return number;
        number = (uint32_t)map->count + 1;
        return jk_map_put(map, key, number) < 0 ? 0 : number;
}

static bool
is_kept(const char *const *kept, size_t n, const char *bytes, size_t length)
{
        for (size_t i = 0; i < n; i++)
                if (strlen(kept[i]) == length && memcmp(kept[i], bytes, length) == 0)
                        return true;
        return false;
}

static const char *
disguise_name(void *data, const char *name)
{
        struct jk_disguiser *disguiser = data;
        size_t length = strlen(name);

        if (length == 0 || is_kept(kept_names, JK_COUNT(kept_names), name, length))
                return name;
        snprintf(disguiser->name, sizeof disguiser->name, "name-%u",
                 number_of(&disguiser->names, name, length));
        return disguiser->name;
}

static const char *
suffix_of(const char *group, size_t length)
{
        for (size_t i = 0; i < JK_COUNT(kept_suffixes); i++) {
                size_t n = strlen(kept_suffixes[i]);

                if (length > n && memcmp(group + length - n, kept_suffixes[i], n) == 0)
                        return kept_suffixes[i];
        }
        return "";
}

static void
disguise_group(struct jk_disguiser *disguiser, const char *group, size_t length)
{
        if (length == 0 || is_kept(kept_groups, JK_COUNT(kept_groups), group, length))
                jk_text_bytes(&disguiser->path, group, length);
        else
                jk_text_printf(&disguiser->path, "group-%u%s",
                               number_of(&disguiser->groups, group, length),
                               suffix_of(group, length));
}

static const char *
disguise_path(void *data, const char *path)
{
        struct jk_disguiser *disguiser = data;

        jk_text_clear(&disguiser->path);
        for (;;) {
                size_t length = strcspn(path, "/");

                disguise_group(disguiser, path, length);
                path += length;
                if (*path == '\0')
                        break;
                jk_text_char(&disguiser->path, *path++);
        }
        if (!disguiser->path.failed)
                return disguiser->path.data ? disguiser->path.data : "";
        disguiser->path.failed = false;
        return "/unknown";
}

struct jk_disguise
jk_disguiser_disguise(struct jk_disguiser *disguiser)
{
        return (struct jk_disguise){
                .name = disguise_name,
                .path = disguise_path,
                .data = disguiser,
        };
}
