/* SPDX-License-Identifier: Apache-2.0
 *
 * The battery meter: the zone is the machine's whole draw, and is not seen when it cannot be.
 */
#include "tests/unit/meter/bench.h"

#define BAT0 "sys/class/power_supply/BAT0/"
#define BAT1 "sys/class/power_supply/BAT1/"
#define AC   "sys/class/power_supply/AC/"

static void
put_battery(const struct tree *tree, const char *directory, const char *status, const char *power)
{
        char path[128];

        snprintf(path, sizeof path, "%stype", directory);
        tree_write(tree, path, "Battery\n");
        snprintf(path, sizeof path, "%sstatus", directory);
        tree_write(tree, path, "%s", status);
        snprintf(path, sizeof path, "%spower_now", directory);
        tree_write(tree, path, "%s", power);
}

static void
put_adapter(const struct tree *tree, const char *online)
{
        tree_write(tree, AC "type", "Mains\n");
        tree_write(tree, AC "online", "%s", online);
}

/* Two ticks on a tree: the first is the baseline. */
static int64_t
draw_uj(struct bench *bench)
{
        bench_tick(bench);
        bench_tick(bench);
        return bench_uj(bench, "battery");
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

static void
check_discharge(struct tree *tree, struct bench *bench)
{
        put_battery(tree, BAT0, "Discharging\n", "12500000\n");
        put_adapter(tree, "0\n");
        assert_int_equal(bench_open(bench, tree, &jk_meter_battery), 0);
        assert_int_equal(bench->zones[0].zone.kind, JK_ZONE_BATTERY);

        assert_int_equal(bench_tick(bench), 0);
        assert_int_equal(bench_reading(bench, "battery")->flags, JK_READING_REBASED);
        assert_int_equal(bench_tick(bench), 0);
        assert_int_equal(bench_uj(bench, "battery"), 12500000);
}

static void
discharging_battery_is_the_draw(void **state)
{
        (void)state;
        with_tree(check_discharge);
}

static void
check_negative(struct tree *tree, struct bench *bench)
{
        put_battery(tree, BAT0, "Discharging\n", "-8000000\n");
        assert_int_equal(bench_open(bench, tree, &jk_meter_battery), 0);
        assert_int_equal(draw_uj(bench), 8000000);

        /* A driver that does not know its status, but the direction of its current. */
        tree_write(tree, BAT0 "status", "Unknown\n");
        assert_int_equal(draw_uj(bench), 8000000);
        tree_write(tree, BAT0 "power_now", "8000000\n");
        assert_int_equal(draw_uj(bench), -1); /* could be either direction */
}

static void
negative_power_is_a_discharge(void **state)
{
        (void)state;
        with_tree(check_negative);
}

static void
check_two(struct tree *tree, struct bench *bench)
{
        put_battery(tree, BAT0, "Discharging\n", "9000000\n");
        put_battery(tree, BAT1, "Not charging\n", "0\n");
        put_adapter(tree, "0\n");
        assert_int_equal(bench_open(bench, tree, &jk_meter_battery), 0);
        assert_int_equal(bench->n_zones, 1);
        assert_int_equal(draw_uj(bench), 9000000);

        put_battery(tree, BAT1, "Discharging\n", "4000000\n");
        draw_uj(bench);
        assert_int_equal(draw_uj(bench), 13000000);
}

static void
two_batteries_add_up(void **state)
{
        (void)state;
        with_tree(check_two);
}

static void
check_external(struct tree *tree, struct bench *bench)
{
        put_battery(tree, BAT0, "Discharging\n", "9000000\n");
        put_adapter(tree, "0\n");
        assert_int_equal(bench_open(bench, tree, &jk_meter_battery), 0);
        assert_int_equal(draw_uj(bench), 9000000);

        put_battery(tree, BAT0, "Charging\n", "30000000\n");
        put_adapter(tree, "1\n");
        assert_int_equal(bench_tick(bench), 0); /* no failure: there is nothing to see */
        assert_int_equal(bench_reading(bench, "battery")->flags, 0);

        /* A weak charger: the battery helps, so its draw is not the machine's. */
        put_battery(tree, BAT0, "Discharging\n", "3000000\n");
        assert_int_equal(draw_uj(bench), -1);

        /* Unplugged: a new baseline, nothing of the time in between. */
        put_adapter(tree, "0\n");
        assert_int_equal(bench_tick(bench), 0);
        assert_int_equal(bench_reading(bench, "battery")->flags, JK_READING_REBASED);
        assert_int_equal(bench_tick(bench), 0);
        assert_int_equal(bench_uj(bench, "battery"), 3000000);
}

static void
external_power_is_not_seen_rather_than_zero(void **state)
{
        (void)state;
        with_tree(check_external);
}

static void
check_zero(struct tree *tree, struct bench *bench)
{
        put_battery(tree, BAT0, "Discharging\n", "0\n");
        put_adapter(tree, "0\n");
        assert_int_equal(bench_open(bench, tree, &jk_meter_battery), 0);
        assert_int_equal(draw_uj(bench), -1);

        tree_write(tree, BAT0 "current_now", "-1500000\n"); /* 1.5 A at 12 V */
        tree_write(tree, BAT0 "voltage_now", "12000000\n");
        assert_int_equal(draw_uj(bench), 18000000);
        tree_remove(tree, BAT0 "power_now");
        draw_uj(bench);
        assert_int_equal(draw_uj(bench), 18000000);
}

static void
zero_power_falls_back_to_current_times_voltage(void **state)
{
        (void)state;
        with_tree(check_zero);
}

static void
check_peripheral(struct tree *tree, struct bench *bench)
{
        static const char mouse[] = "sys/class/power_supply/hidpp_battery_0/";

        put_battery(tree, mouse, "Discharging\n", "100000\n");
        tree_write(tree, "sys/class/power_supply/hidpp_battery_0/scope", "Device\n");
        assert_int_equal(bench_open(bench, tree, &jk_meter_battery), -ENODEV);
        assert_non_null(strstr(bench->err.message, "no battery of the machine"));

        put_battery(tree, BAT0, "Discharging\n", "9000000\n");
        assert_int_equal(bench_open(bench, tree, &jk_meter_battery), 0);
        assert_int_equal(draw_uj(bench), 9000000);
}

static void
batteries_of_peripherals_are_ignored(void **state)
{
        (void)state;
        with_tree(check_peripheral);
}

static void
check_garbage(struct tree *tree, struct bench *bench)
{
        static const char *const garbage[] = {
                "", "\n", "nan\n", "12 W\n", "99999999999999999999\n", "5000000000\n"
        };

        put_battery(tree, BAT0, "Discharging\n", "9000000\n");
        assert_int_equal(bench_open(bench, tree, &jk_meter_battery), 0);
        for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
                tree_write(tree, BAT0 "power_now", "%s", garbage[i]);
                bench_tick(bench);
                assert_true(bench_tick(bench) < 0);
                assert_int_equal(bench_reading(bench, "battery")->flags, 0);
                assert_non_null(strstr(bench->err.message, "BAT0"));
        }

        tree_write(tree, BAT0 "power_now", "9000000\n");
        assert_int_equal(draw_uj(bench), 9000000); /* and it comes back */
}

static void
garbage_is_refused_with_a_message(void **state)
{
        (void)state;
        with_tree(check_garbage);
}

static void
check_vanishing(struct tree *tree, struct bench *bench)
{
        put_battery(tree, BAT0, "Discharging\n", "9000000\n");
        put_battery(tree, BAT1, "Discharging\n", "5000000\n");
        assert_int_equal(bench_open(bench, tree, &jk_meter_battery), 0);
        assert_int_equal(draw_uj(bench), 14000000);

        /* Half of the draw is not the draw; and the set shall open it anew. */
        tree_remove(tree, "sys/class/power_supply/BAT1");
        assert_int_equal(bench_tick(bench), -ENODEV);
        assert_int_equal(bench_reading(bench, "battery")->flags, 0);
        bench_close(bench);
        assert_int_equal(bench_open(bench, tree, &jk_meter_battery), 0);
        assert_int_equal(draw_uj(bench), 9000000);
}

static void
vanished_battery_is_opened_anew(void **state)
{
        (void)state;
        with_tree(check_vanishing);
}

static void
check_without_power(struct tree *tree, struct bench *bench)
{
        assert_int_equal(bench_open(bench, tree, &jk_meter_battery), -ENODEV);

        put_battery(tree, BAT0, "Discharging\n", "1\n");
        tree_remove(tree, BAT0 "power_now");
        assert_int_equal(bench_open(bench, tree, &jk_meter_battery), -ENODEV);
        assert_non_null(strstr(bench->err.message, "BAT0 has neither"));
}

static void
machines_without_battery_or_power_say_so(void **state)
{
        (void)state;
        with_tree(check_without_power);
}

static void
apple_laptop_draws_from_its_only_sensor(void **state)
{
        struct tree tree;
        struct bench bench;

        (void)state;
        tree_fixture(&tree, "asahi-laptop");
        assert_int_equal(bench_open(&bench, &tree, &jk_meter_battery), 0);
        assert_int_equal(draw_uj(&bench), 6842000);
        bench_close(&bench);
        jk_root_close(&tree.root);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(discharging_battery_is_the_draw),
        cmocka_unit_test(negative_power_is_a_discharge),
        cmocka_unit_test(two_batteries_add_up),
        cmocka_unit_test(external_power_is_not_seen_rather_than_zero),
        cmocka_unit_test(zero_power_falls_back_to_current_times_voltage),
        cmocka_unit_test(batteries_of_peripherals_are_ignored),
        cmocka_unit_test(garbage_is_refused_with_a_message),
        cmocka_unit_test(vanished_battery_is_opened_anew),
        cmocka_unit_test(machines_without_battery_or_power_say_so),
        cmocka_unit_test(apple_laptop_draws_from_its_only_sensor),
};

JK_RUN_TESTS(tests)
