/* SPDX-License-Identifier: Apache-2.0
 *
 * The zones of a powercap tree, each energy once: see powercap-scan.c for what is told apart.
 */
#pragma once

#include "base/error.h"
#include "base/root.h"
#include "sample/zone.h"

#define JK_POWERCAP_DIR "sys/class/powercap"

struct jk_powercap_zone {
        struct jk_zone zone; /* complete, its path the counter's */
        int fd;              /* of energy_uj; owned by the array's owner */
        int twin_fd;         /* of another die's counter that showed the same value, or -1 */
};

/* What there is below root: the array (to be freed, its descriptors closed) and its length, or
 * -ENODEV, -EACCES, another negative errno, with a message. On success the message says what was
 * left out, if anything. */
int jk_powercap_scan(const struct jk_root *root, struct jk_powercap_zone **ret_zones, size_t *ret_n,
                     struct jk_error *err);
void jk_powercap_free(struct jk_powercap_zone *zones, size_t n);
