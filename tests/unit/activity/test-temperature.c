/* SPDX-License-Identifier: Apache-2.0
 *
 * Which files tell how warm packages are, and that only what can be is believed.
 */
#include "tests/unit/test.h"

#include <string.h>
#include <unistd.h>

#include "activity/temperature.h"
#include "tests/unit/tree.h"

static struct tree tree;
static struct jk_temperature *temperature;

static int
set_up(void **state)
{
        (void)state;
        tree_make(&tree);
        temperature = NULL;
        return 0;
}

static int
tear_down(void **state)
{
        (void)state;
        jk_temperature_close(temperature);
        tree_destroy(&tree);
        return 0;
}

static void
add_cpu(int cpu, int package)
{
        char path[100];

        snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%d/topology/physical_package_id",
                 cpu);
        tree_write(&tree, path, "%d\n", package);
}

static void
add_coretemp(int hwmon, int package, int mc)
{
        char path[100];

        snprintf(path, sizeof path, "sys/class/hwmon/hwmon%d/name", hwmon);
        tree_write(&tree, path, "coretemp\n");
        snprintf(path, sizeof path, "sys/class/hwmon/hwmon%d/temp1_label", hwmon);
        tree_write(&tree, path, "Package id %d\n", package);
        snprintf(path, sizeof path, "sys/class/hwmon/hwmon%d/temp1_input", hwmon);
        tree_write(&tree, path, "%d\n", mc);
        snprintf(path, sizeof path, "sys/class/hwmon/hwmon%d/temp2_label", hwmon);
        tree_write(&tree, path, "Core 0\n");
        snprintf(path, sizeof path, "sys/class/hwmon/hwmon%d/temp2_input", hwmon);
        tree_write(&tree, path, "99000\n");
}

static void
open_and_read(void)
{
        jk_temperature_close(temperature);
        assert_int_equal(jk_temperature_open(&tree.root, &temperature), 0);
        jk_temperature_begin(temperature);
}

/* 0: nothing is told. */
static int
of(uint32_t cpu)
{
        int32_t mc = 0;

        return jk_temperature_of(temperature, cpu, &mc) ? (int)mc : 0;
}

static void
each_package_tells_for_its_first_cpu(void **state)
{
        (void)state;
        add_cpu(0, 0);
        add_cpu(1, 1);
        add_cpu(2, 0);
        add_cpu(10, 1);
        add_coretemp(3, 1, 61000);
        add_coretemp(4, 0, 47000);
        open_and_read();
        assert_int_equal(of(0), 47000);
        assert_int_equal(of(1), 61000);
        assert_int_equal(of(2), 0);
        assert_int_equal(of(10), 0);
}

static void
amd_tells_by_its_first_channel(void **state)
{
        (void)state;
        add_cpu(0, 0);
        tree_write(&tree, "sys/class/hwmon/hwmon0/name", "nvme\n");
        tree_write(&tree, "sys/class/hwmon/hwmon0/temp1_input", "33000\n");
        tree_write(&tree, "sys/class/hwmon/hwmon1/name", "k10temp\n");
        tree_write(&tree, "sys/class/hwmon/hwmon1/temp1_input", "52125\n");
        open_and_read();
        assert_int_equal(of(0), 52125);
}

static void
a_thermal_zone_tells_where_hwmon_does_not(void **state)
{
        (void)state;
        tree_write(&tree, "sys/class/thermal/thermal_zone0/type", "acpitz\n");
        tree_write(&tree, "sys/class/thermal/thermal_zone0/temp", "27800\n");
        tree_write(&tree, "sys/class/thermal/thermal_zone1/type", "x86_pkg_temp\n");
        tree_write(&tree, "sys/class/thermal/thermal_zone1/temp", "44000\n");
        open_and_read();
        assert_int_equal(of(0), 44000); /* of which package the CPU is nobody says */

        add_coretemp(0, 0, 45000);
        open_and_read();
        assert_int_equal(of(0), 45000);
}

static void
what_cannot_be_is_not_seen(void **state)
{
        static const char *const texts[] = { "0\n", "-40000\n", "255000\n",
                                             "",    "warm\n",   "99999999999999999999\n" };

        (void)state;
        open_and_read();
        assert_int_equal(of(0), 0); /* there is no sensor */

        add_coretemp(0, 0, 45000);
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
                tree_write(&tree, "sys/class/hwmon/hwmon0/temp1_input", "%s", texts[i]);
                open_and_read();
                assert_int_equal(of(0), 0);
        }
        tree_write(&tree, "sys/class/hwmon/hwmon0/temp1_label", "Package id -1\n");
        tree_write(&tree, "sys/class/hwmon/hwmon0/temp1_input", "45000\n");
        open_and_read();
        assert_int_equal(of(0), 0);
}

static void
it_is_read_once_a_second_at_most(void **state)
{
        (void)state;
        add_coretemp(0, 0, 45000);
        open_and_read();
        tree_write(&tree, "sys/class/hwmon/hwmon0/temp1_input", "46000\n");
        jk_temperature_begin(temperature);
        assert_int_equal(of(0), 45000);
        usleep(950000);
        jk_temperature_begin(temperature);
        assert_int_equal(of(0), 46000);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_package_tells_for_its_first_cpu, set_up, tear_down),
        cmocka_unit_test_setup_teardown(amd_tells_by_its_first_channel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_thermal_zone_tells_where_hwmon_does_not, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_is_not_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_read_once_a_second_at_most, set_up, tear_down),
};

JK_RUN_TESTS(tests)
