/* SPDX-License-Identifier: Apache-2.0
 *
 * The hwmon meter: which zones the sensors of known boards make, and that no reading is invented.
 */
#include "tests/unit/meter/bench.h"

#include "base/cleanup.h"
#include "meter/hwmon.h"

#define HWMON0 "sys/class/hwmon/hwmon0/"
#define HWMON1 "sys/class/hwmon/hwmon1/"

static void
tick_twice(struct bench *bench)
{
        bench_tick(bench);
        bench_tick(bench);
}

static void
on_fixture(const char *name, void (*test)(struct bench *bench))
{
        struct tree tree;
        struct bench bench;

        tree_fixture(&tree, name);
        assert_int_equal(bench_open(&bench, &tree, &jk_meter_hwmon), 0);
        tick_twice(&bench);
        test(&bench);
        bench_close(&bench);
        jk_root_close(&tree.root);
}

static void
with_tree(void (*test)(struct tree *tree, struct bench *bench))
{
        struct tree tree;
        struct bench bench = { 0 };

        tree_make(&tree);
        test(&tree, &bench);
        bench_close(&bench);
        tree_destroy(&tree);
}

/* The zones' tree as the set would make it. */
static void
link_zones(const struct bench *bench, struct jk_zone_table *table)
{
        *table = (struct jk_zone_table){ 0 };
        for (size_t i = 0; i < bench->n_zones; i++)
                assert_int_equal(jk_zone_add(table, &bench->zones[i].zone), i);
        jk_zone_link(table);
}

/* Energy of the last second over the zones that count. */
static int64_t
total_uj(const struct bench *bench)
{
        struct jk_zone_table table;
        bool seen[JK_ZONES_MAX] = { false };
        int64_t total = 0;

        link_zones(bench, &table);
        for (size_t i = 0; i < bench->n_zones; i++)
                seen[i] = bench->sample.readings[i].flags & JK_READING_SEEN;
        for (size_t i = 0; i < bench->n_zones; i++)
                if (jk_zone_counts(&table, seen, i))
                        total += bench->sample.readings[i].energy_uj;

        return total;
}

static void
check_arm_board(struct bench *bench)
{
        assert_int_equal(bench->n_zones, 5);
        assert_int_equal(bench_uj(bench, "package-0"), 931000 + 184000);
        assert_int_equal(bench_uj(bench, "core-arm"), 931000);
        assert_int_equal(bench_uj(bench, "core-kfc"), 184000);
        assert_int_equal(bench_uj(bench, "dram-0"), 402000);
        assert_int_equal(bench_uj(bench, "gpu-0"), 93000);
        assert_int_equal(total_uj(bench), 931000 + 184000 + 402000 + 93000);
}

static void
rails_of_an_arm_board_count_once(void **state)
{
        (void)state;
        on_fixture("arm-board-ina", check_arm_board);
}

static void
check_jetson(struct bench *bench)
{
        struct jk_zone_table table;
        const struct jk_meter_zone *rail = bench_zone(bench, "ina3221-cpu-gpu-cv");

        assert_int_equal(bench->n_zones, 3); /* not the shunts', nor the sum of all channels */
        assert_in_range(bench_uj(bench, "wall"), 19880 * 336 - 1, 19880 * 336);
        assert_in_range(bench_uj(bench, "ina3221-cpu-gpu-cv"), 19880 * 80 - 1, 19880 * 80);
        assert_in_range(bench_uj(bench, "ina3221-soc"), 19872 * 72 - 1, 19872 * 72);
        assert_non_null(rail);
        assert_int_equal(rail->zone.kind, JK_ZONE_OTHER); /* it is more than one of ours */

        link_zones(bench, &table);
        assert_int_equal(table.zones[rail->index].parent, jk_zone_find(&table, "wall"));
        assert_int_equal(total_uj(bench), bench_uj(bench, "wall"));
}

static void
ina3221_pairs_voltage_and_current_by_channel(void **state)
{
        (void)state;
        on_fixture("jetson-ina3221", check_jetson);
}

static void
check_xgene(struct bench *bench)
{
        assert_int_equal(bench->n_zones, 3);
        assert_int_equal(bench_uj(bench, "package-0"), 11250000 + 8500000);
        assert_int_equal(bench_uj(bench, "core-cpu"), 11250000);
        assert_int_equal(bench_zone(bench, "core-cpu")->zone.package, 0);
        assert_int_equal(bench_uj(bench, "uncore-io"), 8500000);
        assert_int_equal(total_uj(bench), 11250000 + 8500000);
}

static void
xgene_package_is_cores_and_the_rest_of_the_chip(void **state)
{
        (void)state;
        on_fixture("xgene", check_xgene);
}

static void
check_amd_desktop(struct bench *bench)
{
        const struct jk_zone *package = &bench_zone(bench, "package-0")->zone;
        const struct jk_zone *gpu = &bench_zone(bench, "gpu-0")->zone;
        const struct jk_zone *wall = &bench_zone(bench, "wall")->zone;

        /* The socket's counter, not the APU's power, which is the same socket; no cores. */
        assert_int_equal(bench->n_zones, 3);
        assert_non_null(strstr(package->path, "hwmon4/energy3_input"));
        assert_int_equal(bench_uj(bench, "gpu-0"), 31000000);
        assert_true(gpu->limit_w == 303);
        assert_int_equal(bench_uj(bench, "wall"), 118000000);
        assert_true(wall->uncertainty_pct == 2.5);
        assert_int_equal(total_uj(bench), 118000000);
}

static void
desktop_sensors_find_their_zones(void **state)
{
        (void)state;
        on_fixture("amd-desktop", check_amd_desktop);
}

static void
check_energy(struct tree *tree, struct bench *bench)
{
        tree_write(tree, HWMON0 "name", "ina228\n");
        tree_write(tree, HWMON0 "energy1_input", "5000000\n");
        tree_write(tree, HWMON0 "power1_input", "777\n");
        tree_write(tree, HWMON0 "in1_input", "5000\n");
        tree_write(tree, HWMON0 "curr1_input", "777\n");
        assert_int_equal(bench_open(bench, tree, &jk_meter_hwmon), 0);
        assert_int_equal(bench->n_zones, 1);

        assert_int_equal(bench_tick(bench), 0);
        assert_int_equal(bench_reading(bench, "ina228-0")->flags, JK_READING_REBASED);
        tree_write(tree, HWMON0 "energy1_input", "8500000\n");
        assert_int_equal(bench_tick(bench), 0);
        assert_int_equal(bench_uj(bench, "ina228-0"), 3500000);

        /* It starts again at an unknown range: nothing is known of that second. */
        tree_write(tree, HWMON0 "energy1_input", "100\n");
        assert_int_equal(bench_tick(bench), 0);
        assert_int_equal(bench_uj(bench, "ina228-0"), -1);
        tree_write(tree, HWMON0 "energy1_input", "200\n");
        assert_int_equal(bench_tick(bench), 0);
        assert_int_equal(bench_uj(bench, "ina228-0"), 100);
}

static void
energy_wins_over_power_of_the_same_rail(void **state)
{
        (void)state;
        with_tree(check_energy);
}

static void
check_no_product(struct tree *tree, struct bench *bench)
{
        /* Voltages at free pins, and a chip that nobody knows. */
        tree_write(tree, HWMON0 "name", "ltc4261\n");
        tree_write(tree, HWMON0 "in1_input", "5000\n");
        tree_write(tree, HWMON0 "curr1_input", "777\n");
        tree_write(tree, HWMON1 "name", "newchip\n");
        tree_write(tree, HWMON1 "in1_input", "5000\n");
        tree_write(tree, HWMON1 "curr1_input", "777\n");
        tree_write(tree, HWMON1 "power1_cap", "777\n");
        tree_write(tree, HWMON1 "power1_average_interval", "777\n");
        assert_int_equal(bench_open(bench, tree, &jk_meter_hwmon), -ENODEV);
        assert_non_null(strstr(bench->err.message, "no sensor of energy or power"));
}

static void
no_product_of_unpaired_channels(void **state)
{
        (void)state;
        with_tree(check_no_product);
}

static void
check_mirror(struct tree *tree, struct bench *bench)
{
        tree_write(tree, "sys/class/power_supply/macsmc-battery/type", "Battery\n");
        tree_write(tree, HWMON0 "name", "macsmc_battery\n");
        tree_write(tree, HWMON0 "power1_input", "6000000\n");
        assert_int_equal(bench_open(bench, tree, &jk_meter_hwmon), -ENODEV);
}

static void
batteries_seen_through_hwmon_are_not_counted_again(void **state)
{
        (void)state;
        with_tree(check_mirror);
}

static void
check_bad_values(struct tree *tree, struct bench *bench)
{
        static const char *const bad[] = { "",
                                           "-5000000\n",
                                           "1e9\n",
                                           "garbage\n",
                                           "9223372036854775807\n",
                                           "99999999999999999999\n" };

        tree_write(tree, HWMON0 "name", "ina226\n");
        tree_write(tree, HWMON0 "power1_input", "2000000\n");
        tree_write(tree, HWMON1 "name", "fam15h_power\n");
        tree_write(tree, HWMON1 "power1_input", "60000000\n");
        assert_int_equal(bench_open(bench, tree, &jk_meter_hwmon), 0);
        tick_twice(bench);

        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                tree_write(tree, HWMON0 "power1_input", "%s", bad[i]);
                assert_true(bench_tick(bench) < 0);
                assert_int_equal(bench_reading(bench, "ina226-0")->flags, 0);
                assert_non_null(strstr(bench->err.message, "hwmon0/power1_input"));
                assert_int_equal(bench_uj(bench, "package-0"), 60000000); /* no concern of it */
        }

        /* It comes back by itself; what it drew meanwhile is not guessed. */
        tree_write(tree, HWMON0 "power1_input", "2000000\n");
        assert_int_equal(bench_tick(bench), 0);
        assert_int_equal(bench_reading(bench, "ina226-0")->flags, JK_READING_REBASED);

        /* The zero of a current sensor is a little off. */
        tree_write(tree, HWMON0 "power1_input", "-20000\n");
        tick_twice(bench);
        assert_int_equal(bench_uj(bench, "ina226-0"), 0);
}

static void
bad_values_cost_their_own_zone_only(void **state)
{
        (void)state;
        with_tree(check_bad_values);
}

static void
check_unreadable(struct tree *tree, struct bench *bench)
{
        tree_write(tree, HWMON0 "name", "ina226\n");
        tree_write_unreadable(tree, HWMON0 "power1_input");
        assert_int_equal(bench_open(bench, tree, &jk_meter_hwmon), 0);
        assert_int_equal(bench_tick(bench), -EISDIR);
        assert_int_equal(bench_reading(bench, "ina226-0")->flags, 0);

        tree_remove(tree, HWMON0 "power1_input");
        tree_write(tree, HWMON0 "power1_input", "3000000\n");
        tick_twice(bench);
        assert_int_equal(bench_uj(bench, "ina226-0"), 3000000);
}

static void
unreadable_sensor_is_waited_for(void **state)
{
        (void)state;
        with_tree(check_unreadable);
}

static void
check_denied(struct tree *tree, struct bench *bench)
{
        char path[512];
        int r;

        tree_write(tree, HWMON0 "name", "amd_energy\n");
        tree_write(tree, HWMON0 "energy1_label", "Esocket0\n");
        tree_write(tree, HWMON0 "energy1_input", "1\n");
        snprintf(path, sizeof path, "%s/%s", tree->path, HWMON0 "energy1_input");
        chmod(path, 0000);

        /* Root reads everything: become somebody for as long as it takes. */
        if (geteuid() == 0)
                assert_int_equal(seteuid(65534), 0);
        r = bench_open(bench, tree, &jk_meter_hwmon);
        if (getuid() == 0)
                assert_int_equal(seteuid(0), 0);

        assert_int_equal(r, -EACCES);
        assert_non_null(strstr(bench->err.message, "hwmon0/energy1_input"));
        assert_non_null(strstr(bench->err.message, "run as root"));
}

static void
denied_sensors_say_what_to_do(void **state)
{
        (void)state;
        with_tree(check_denied);
}

static void
check_vanishing(struct tree *tree, struct bench *bench)
{
        tree_write(tree, HWMON0 "name", "ina226\n");
        tree_write(tree, HWMON0 "power1_input", "2000000\n");
        tree_write(tree, HWMON1 "name", "fam15h_power\n");
        tree_write(tree, HWMON1 "power1_input", "60000000\n");
        assert_int_equal(bench_open(bench, tree, &jk_meter_hwmon), 0);
        tick_twice(bench);

        tree_remove(tree, "sys/class/hwmon/hwmon0");
        assert_int_equal(bench_tick(bench), -ENODEV);
        assert_int_equal(bench_uj(bench, "ina226-0"), -1);
        assert_int_equal(bench_uj(bench, "package-0"), 60000000);
}

static void
vanished_sensor_asks_to_be_opened_anew(void **state)
{
        (void)state;
        with_tree(check_vanishing);
}

static void
check_sleep(struct tree *tree, struct bench *bench)
{
        tree_write(tree, HWMON0 "name", "amdgpu\n");
        tree_write(tree, HWMON0 "power1_average", "9000000\n");
        tree_write(tree, HWMON0 "device/power/runtime_status", "active\n");
        assert_int_equal(bench_open(bench, tree, &jk_meter_hwmon), 0);
        tick_twice(bench);
        assert_int_equal(bench_uj(bench, "gpu-0"), 9000000);

        tree_write(tree, HWMON0 "device/power/runtime_status", "suspended\n");
        tree_remove(tree, HWMON0 "power1_average"); /* reading it would be a failure */
        assert_int_equal(bench_tick(bench), 0);
        assert_int_equal(bench_reading(bench, "gpu-0")->flags, 0);
}

static void
sleeping_gpu_is_left_asleep(void **state)
{
        (void)state;
        with_tree(check_sleep);
}

static void
check_grace(struct tree *tree, struct bench *bench)
{
        static const char *const labels[] = { "Module Power Socket 1", "Grace Power Socket 1",
                                              "CPU Power Socket 1", "SysIO Power Socket 1" };
        char path[128];

        for (int i = 0; i < 4; i++) {
                snprintf(path, sizeof path, "sys/class/hwmon/hwmon%d/name", i);
                tree_write(tree, path, "power_meter\n");
                snprintf(path, sizeof path, "sys/class/hwmon/hwmon%d/power1_oem_info", i);
                tree_write(tree, path, "%s", labels[i]);
                snprintf(path, sizeof path, "sys/class/hwmon/hwmon%d/power1_average", i);
                tree_write(tree, path, "%s", i == 0 ? "700000000\n" : "100000000\n");
        }
        assert_int_equal(bench_open(bench, tree, &jk_meter_hwmon), 0);
        tick_twice(bench);
        assert_int_equal(bench->n_zones, 4);
        assert_int_equal(bench_zone(bench, "package-1")->zone.package, 1);
        assert_int_equal(bench_zone(bench, "core-1")->zone.kind, JK_ZONE_CORE);
        assert_int_equal(bench_zone(bench, "uncore-1")->zone.kind, JK_ZONE_UNCORE);
        assert_null(bench_zone(bench, "wall"));
        assert_int_equal(total_uj(bench), 100000000);
}

static void
grace_sockets_are_told_by_their_firmware_names(void **state)
{
        (void)state;
        with_tree(check_grace);
}

static void
labels_tell_kinds_or_nothing(void **state)
{
        static const struct {
                const char *label;
                enum jk_zone_kind kind;
        } cases[] = {
                { "VDD_ARM", JK_ZONE_PACKAGE },     { "cpu0", JK_ZONE_PACKAGE },
                { "DIMM VRD1", JK_ZONE_DRAM },      { "VDD_GPU_SOC", JK_ZONE_OTHER },
                { "VDD_IN", JK_ZONE_WALL },         { "Total System Power", JK_ZONE_WALL },
                { "SYS_POW_A57", JK_ZONE_PACKAGE }, { "SYS_POW_SYS", JK_ZONE_OTHER },
                { "pump", JK_ZONE_OTHER },          { "", JK_ZONE_OTHER },
                { "incoming", JK_ZONE_OTHER },      { "a", JK_ZONE_OTHER },
        };
        char slug[24];

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                assert_int_equal(jk_hwmon_label_kind(cases[i].label), cases[i].kind);

        jk_hwmon_slug("VDD_CPU_GPU_CV", slug, sizeof slug);
        assert_string_equal(slug, "cpu-gpu-cv");
        jk_hwmon_slug("Power", slug, sizeof slug);
        assert_string_equal(slug, "");
        jk_hwmon_slug("an endlessly long label that does not fit at all", slug, sizeof slug);
        assert_true(strlen(slug) < sizeof slug);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(rails_of_an_arm_board_count_once),
        cmocka_unit_test(ina3221_pairs_voltage_and_current_by_channel),
        cmocka_unit_test(xgene_package_is_cores_and_the_rest_of_the_chip),
        cmocka_unit_test(desktop_sensors_find_their_zones),
        cmocka_unit_test(energy_wins_over_power_of_the_same_rail),
        cmocka_unit_test(no_product_of_unpaired_channels),
        cmocka_unit_test(batteries_seen_through_hwmon_are_not_counted_again),
        cmocka_unit_test(bad_values_cost_their_own_zone_only),
        cmocka_unit_test(unreadable_sensor_is_waited_for),
        cmocka_unit_test(denied_sensors_say_what_to_do),
        cmocka_unit_test(vanished_sensor_asks_to_be_opened_anew),
        cmocka_unit_test(sleeping_gpu_is_left_asleep),
        cmocka_unit_test(grace_sockets_are_told_by_their_firmware_names),
        cmocka_unit_test(labels_tell_kinds_or_nothing),
};

JK_RUN_TESTS(tests)
