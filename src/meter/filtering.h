/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether RAPL's counters are filtered. Intel's answer to power side channels (INTEL-SA-00389): as
 * long as the firmware has SGX switched on, or once ENERGY_FILTERING_ENABLE is set, the processor
 * adds noise to what it reports, and a reading is off by up to half of its value.
 */
#pragma once

#include <stdbool.h>

#include "base/root.h"

enum jk_filtering {
        JK_FILTERING_UNKNOWN, /* no sign of it, and the registers cannot be read */
        JK_FILTERING_OFF,
        JK_FILTERING_SGX, /* on, as SGX is */
        JK_FILTERING_BIT, /* on, by IA32_MISC_PACKAGE_CTLS until the next reset */
};

/* Looks at dev/cpu/0/msr (the module msr, CAP_SYS_RAWIO) and proc/cpuinfo. A few files: for when a
 * meter opens, not for a tick. */
enum jk_filtering jk_filtering_find(const struct jk_root *root);

static inline bool
jk_filtering_is_on(enum jk_filtering filtering)
{
        return filtering >= JK_FILTERING_SGX;
}
