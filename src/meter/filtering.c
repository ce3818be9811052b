/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether RAPL's counters are filtered: see filtering.h. The registers are those of Intel's
 * Software Developer's Manual, volume 4.
 */
#include "meter/filtering.h"

#include <string.h>

#include "base/cleanup.h"
#include "meter/rapl.h"

enum {
        FEATURE_CONTROL = 0x3a,
        MISC_PACKAGE_CTLS = 0xbc,
        ARCH_CAPABILITIES = 0x10a,
};

#define FEATURE_SGX             (UINT64_C(1) << 18) /* the firmware has switched it on */
#define CAPABILITY_FILTERING    (UINT64_C(1) << 11) /* there is ENERGY_FILTERING_ENABLE */
#define ENERGY_FILTERING_ENABLE (UINT64_C(1) << 0)

/* The value of a register of CPU 0, or 0 if it cannot be read. */
static uint64_t
read_msr(int fd, off_t number)
{
        uint64_t value;

        return pread(fd, &value, sizeof value, number) == sizeof value ? value : 0;
}

/* Whether the kernel lists `sgx`: it does while the firmware has it on and the kernel supports it.
 * One read returns the first CPU's lines at least, and its flags are among them. */
static bool
has_sgx_flag(const struct jk_root *root)
{
        jk_autoclose int fd = jk_root_open_file(root, "proc/cpuinfo");
        char text[16 * 1024], *flags, *end;
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

        if (n <= 0)
                return false;
        text[n] = '\0';
        flags = strstr(text, "\nflags");
        if (!flags)
                return false;
        end = strchr(flags + 1, '\n');
        if (end)
                *end = '\0';

        for (const char *at = strstr(flags, " sgx"); at; at = strstr(at + 1, " sgx"))
                if (at[4] == ' ' || at[4] == '\0')
                        return true;
        return false;
}

enum jk_filtering
jk_filtering_find(const struct jk_root *root)
{
        jk_autoclose int fd = jk_root_open_file(root, "dev/cpu/0/msr");

        if (jk_rapl_is_amd(root))
                return JK_FILTERING_OFF;
        if (fd >= 0 && read_msr(fd, ARCH_CAPABILITIES) & CAPABILITY_FILTERING &&
            read_msr(fd, MISC_PACKAGE_CTLS) & ENERGY_FILTERING_ENABLE)
                return JK_FILTERING_BIT;
        if ((fd >= 0 && read_msr(fd, FEATURE_CONTROL) & FEATURE_SGX) || has_sgx_flag(root))
                return JK_FILTERING_SGX;
        return fd < 0 ? JK_FILTERING_UNKNOWN : JK_FILTERING_OFF;
}
