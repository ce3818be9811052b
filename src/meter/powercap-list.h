/* SPDX-License-Identifier: Apache-2.0
 *
 * What there is in a powercap tree, before any of it is read: the directories that are zones, with
 * the kind and the package that their names tell. powercap-scan.c makes zones of them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/root.h"
#include "sample/zone.h"

/* A directory that is a zone, or would be. */
struct jk_powercap_candidate {
        char path[112]; /* sys/class/powercap/intel-rapl:0:1 */
        const char *id; /* intel-rapl:0:1, in path */
        enum jk_zone_kind kind;
        int package, die; /* die -1: the whole package */
        bool mmio;
        int top;       /* the candidate around it, or -1 */
        int fd;        /* its energy_uj, or -1 */
        int mirror_fd; /* another die's counter that shows the same, or -1 */
        bool dropped;
};

struct jk_powercap_list {
        const struct jk_root *root;
        struct jk_powercap_candidate *items;
        size_t n, capacity;
        bool amd;
        bool filtered;
        struct jk_error *err;

        size_t n_listed; /* directories named like zones */
        int failed;      /* the last errno of an energy_uj that cannot be read */
};

/* Find the directories: 0, -ENOMEM, or why the class cannot be listed. */
int jk_powercap_list(struct jk_powercap_list *scan);

/* Read the names, and drop what is no zone of RAPL's. */
void jk_powercap_name(struct jk_powercap_list *scan);
