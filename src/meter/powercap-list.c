/* SPDX-License-Identifier: Apache-2.0
 *
 * Listing and naming the directories of a powercap tree: see powercap-list.h. Only the file `name`
 * says what a zone is: intel-rapl:1 may be package-0, and zones count in hexadecimal
 * (intel-rapl:a).
 */
#include "meter/powercap-list.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "meter/powercap-scan.h"

#define PREFIX      "intel-rapl"
#define MMIO_PREFIX "intel-rapl-mmio:"

static const struct {
        const char *name;
        enum jk_zone_kind kind;
} subzones[] = {
        { "core", JK_ZONE_CORE },
        { "uncore", JK_ZONE_UNCORE },
        { "dram", JK_ZONE_DRAM },
};

/* ---- listing ---- */

static size_t
depth_of(const char *id)
{
        size_t colons = 0;

        for (; *id; id++)
                colons += *id == ':';

        return colons;
}

static bool
is_zone_id(const char *name)
{
        return strncmp(name, PREFIX, strlen(PREFIX)) == 0 && depth_of(name) >= 1 &&
               depth_of(name) <= 2;
}

static bool
is_listed(const struct jk_powercap_list *scan, const char *id)
{
        for (size_t i = 0; i < scan->n; i++)
                if (strcmp(scan->items[i].id, id) == 0)
                        return true;

        return false;
}

static int
list_zone(struct jk_powercap_list *scan, const char *directory, const char *name)
{
        struct jk_powercap_candidate item = { .top = -1, .fd = -1, .mirror_fd = -1 };
        int n, r;

        if (!is_zone_id(name) || is_listed(scan, name))
                return 0;

        n = snprintf(item.path, sizeof item.path, "%s/%s", directory, name);
        if (n < 0 || (size_t)n >= sizeof item.path)
                return 0; /* no kernel names a zone so */

        r = jk_array_grow(&scan->items, &scan->capacity, scan->n + 1);
        if (r < 0)
                return r;

        item.mmio = strncmp(name, MMIO_PREFIX, strlen(MMIO_PREFIX)) == 0;
        scan->items[scan->n++] = item;
        for (size_t i = 0; i < scan->n; i++) /* the array may have moved */
                scan->items[i].id = strrchr(scan->items[i].path, '/') + 1;
        return 0;
}

struct visit {
        struct jk_powercap_list *scan;
        const char *directory;
};

static int
visit_name(const char *name, void *data)
{
        struct visit *visit = data;

        return list_zone(visit->scan, visit->directory, name);
}

/* The class lists all zones flat; a copy of a tree may have only the nested ones. */
int
jk_powercap_list(struct jk_powercap_list *scan)
{
        struct visit visit = { scan, JK_POWERCAP_DIR };
        int r;

        r = jk_root_list(scan->root, JK_POWERCAP_DIR, visit_name, &visit);
        if (r < 0)
                return r;

        for (size_t i = 0; i < scan->n; i++) {
                char directory[sizeof scan->items->path];

                memcpy(directory, scan->items[i].path, sizeof directory);
                visit.directory = directory;
                r = jk_root_list(scan->root, directory, visit_name, &visit);
                if (r == -ENOMEM)
                        return r;
        }

        scan->n_listed = scan->n;
        return 0;
}

/* ---- naming ---- */

/* "package-1" or "package-1-die-0"; anything else is no package. */
static bool
parse_package(const char *name, int *ret_package, int *ret_die)
{
        int package, die = -1, end = 0;

        if (sscanf(name, "package-%d%n", &package, &end) != 1 || package < 0)
                return false;
        if (name[end]) {
                const char *rest = name + end;

                if (sscanf(rest, "-die-%d%n", &die, &end) != 1 || die < 0 || rest[end])
                        return false;
        }

        *ret_package = package;
        *ret_die = die;
        return true;
}

static bool
name_top(struct jk_powercap_candidate *item, const char *name)
{
        if (parse_package(name, &item->package, &item->die)) {
                item->kind = JK_ZONE_PACKAGE;
                return true;
        }

        item->package = item->die = -1;
        item->kind = JK_ZONE_PSYS; /* "psys", and "psys-1" of the second package */
        return strcmp(name, "psys") == 0 || strncmp(name, "psys-", 5) == 0;
}

static int
find_top(const struct jk_powercap_list *scan, const char *id)
{
        size_t length = (size_t)(strrchr(id, ':') - id);

        for (size_t i = 0; i < scan->n; i++)
                if (strlen(scan->items[i].id) == length &&
                    strncmp(scan->items[i].id, id, length) == 0)
                        return (int)i;

        return -1;
}

static bool
name_sub(struct jk_powercap_list *scan, struct jk_powercap_candidate *item, const char *name)
{
        const struct jk_powercap_candidate *top;

        item->top = find_top(scan, item->id);
        if (item->top < 0 || scan->items[item->top].dropped)
                return false;

        top = &scan->items[item->top];
        item->package = top->package;
        item->die = top->die;
        for (size_t i = 0; i < JK_COUNT(subzones); i++) {
                if (strcmp(name, subzones[i].name) != 0)
                        continue;
                item->kind = subzones[i].kind;
                return !(scan->amd && item->kind == JK_ZONE_CORE);
        }

        return false;
}

/* What is no zone of ours, or is one core's, is dropped. Tops first, as the others need theirs. */
static void
name_level(struct jk_powercap_list *scan, size_t depth)
{
        for (size_t i = 0; i < scan->n; i++) {
                struct jk_powercap_candidate *item = &scan->items[i];
                char path[160], name[64];

                if (depth_of(item->id) != depth)
                        continue;
                snprintf(path, sizeof path, "%s/name", item->path);
                item->dropped = jk_root_read(scan->root, path, name, sizeof name) < 0 ||
                                !(depth == 1 ? name_top(item, name) : name_sub(scan, item, name));
        }
}

void
jk_powercap_name(struct jk_powercap_list *scan)
{
        name_level(scan, 1);
        name_level(scan, 2);
}
