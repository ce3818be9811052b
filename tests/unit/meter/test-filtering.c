/* SPDX-License-Identifier: Apache-2.0
 *
 * Filtered RAPL: by which signs it is found, and what becomes of the zones.
 */
#include "tests/unit/test.h"

#include <math.h>

#include "meter/filtering.h"
#include "meter/meters.h"
#include "tests/unit/meter/tree.h"

#define CPUINFO_INTEL "processor\t: 0\nvendor_id\t: GenuineIntel\n"
#define CPUINFO_AMD   "processor\t: 0\nvendor_id\t: AuthenticAMD\n"

static const struct jk_meter_ops *const only_powercap[] = { &jk_meter_powercap, NULL };

/* A file in place of the device: a register lies at the offset that is its number. */
static void
write_msrs(const struct tree *tree, uint64_t feature_control, uint64_t package_ctls,
           uint64_t capabilities)
{
        unsigned char registers[0x10a + sizeof capabilities] = { 0 };

        memcpy(registers + 0x3a, &feature_control, sizeof feature_control);
        memcpy(registers + 0xbc, &package_ctls, sizeof package_ctls);
        memcpy(registers + 0x10a, &capabilities, sizeof capabilities);
        tree_write_bytes(tree, "dev/cpu/0/msr", registers, sizeof registers);
}

static void
each_sign_is_found(void **state)
{
        static const struct {
                const char *cpuinfo;
                bool msr;
                uint64_t feature_control, package_ctls, capabilities;
                enum jk_filtering expected;
        } rows[] = {
                { CPUINFO_INTEL "flags\t\t: fpu msr sgx_lc avx\n",
                  .expected = JK_FILTERING_UNKNOWN },
                { CPUINFO_INTEL "flags\t\t: fpu sgx sgx_lc\n", .expected = JK_FILTERING_SGX },
                { CPUINFO_INTEL "flags\t\t: fpu sgx\n", .expected = JK_FILTERING_SGX },
                { CPUINFO_INTEL "flags\t\t: fpu msr\nbugs\t\t: sgx sgx\n",
                  .expected = JK_FILTERING_UNKNOWN },
                { CPUINFO_INTEL "flags\t\t: fpu msr\n", true, 1, 0, 1 << 11, JK_FILTERING_OFF },
                { CPUINFO_INTEL "flags\t\t: fpu msr\n", true, 1, 1, 1 << 11, JK_FILTERING_BIT },
                { CPUINFO_INTEL "flags\t\t: fpu sgx\n", true, 1, 1, 1 << 11, JK_FILTERING_BIT },
                /* no such register: what is read there means nothing */
                { CPUINFO_INTEL "flags\t\t: fpu msr\n", true, 1, 1, 0, JK_FILTERING_OFF },
                /* on in the firmware, unknown to the kernel */
                { CPUINFO_INTEL "flags\t\t: fpu msr\n", true, 1 | 1 << 18, 0, 1 << 11,
                  JK_FILTERING_SGX },
                { CPUINFO_INTEL "flags\t\t: fpu sgx\n", true, 1, 0, 1 << 11, JK_FILTERING_SGX },
                { CPUINFO_AMD "flags\t\t: fpu msr\n", true, 1 << 18, 1, 1 << 11, JK_FILTERING_OFF },
                { "", .expected = JK_FILTERING_UNKNOWN },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct tree tree = { 0 };

                tree_make(&tree);
                tree_write(&tree, "proc/cpuinfo", "%s", rows[i].cpuinfo);
                if (rows[i].msr)
                        write_msrs(&tree, rows[i].feature_control, rows[i].package_ctls,
                                   rows[i].capabilities);
                if (jk_filtering_find(&tree.root) != rows[i].expected)
                        fail_msg("row %zu: %d instead of %d", i, (int)jk_filtering_find(&tree.root),
                                 (int)rows[i].expected);
                tree_destroy(&tree);
        }
}

static void
a_machine_without_any_of_the_files_is_unknown(void **state)
{
        struct tree tree = { 0 };

        (void)state;
        tree_make(&tree);
        assert_int_equal(jk_filtering_find(&tree.root), JK_FILTERING_UNKNOWN);
        assert_false(jk_filtering_is_on(JK_FILTERING_UNKNOWN));
        assert_false(jk_filtering_is_on(JK_FILTERING_OFF));
        tree_destroy(&tree);
}

/* The error of package-0 and whether it is marked, by the CPU's flags. */
static bool
open_package(const struct tree *tree, const char *flags, double *ret_pct)
{
        struct jk_meter_env env = { .root = &tree->root, .interval_ns = JK_NS_PER_S };
        struct jk_meters *meters;
        const struct jk_zone_table *table;
        bool filtered;
        int z;

        tree_write(tree, "proc/cpuinfo", CPUINFO_INTEL "flags\t\t: %s\n", flags);
        assert_int_equal(jk_meters_open_list(only_powercap, &env, NULL, &meters, NULL), 0);
        table = jk_meters_zones(meters);
        z = jk_zone_find(table, "package-0");
        assert_true(z >= 0);
        *ret_pct = table->zones[z].uncertainty_pct;
        filtered = table->zones[z].filtered;
        jk_meters_close(meters);
        return filtered;
}

static void
filtered_zones_are_marked_and_have_a_wider_error(void **state)
{
        struct tree tree = { 0 };
        double plain_pct, filtered_pct;

        (void)state;
        tree_make(&tree);
        tree_zone(&tree, "intel-rapl:0", "package-0", 1000, 262143328850);
        assert_false(open_package(&tree, "fpu msr", &plain_pct));
        assert_true(open_package(&tree, "fpu sgx", &filtered_pct));
        assert_true(fabs(filtered_pct - hypot(plain_pct, 29)) < 1e-9);
        tree_destroy(&tree);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_sign_is_found),
        cmocka_unit_test(a_machine_without_any_of_the_files_is_unknown),
        cmocka_unit_test(filtered_zones_are_marked_and_have_a_wider_error),
};

JK_RUN_TESTS(tests)
