/* SPDX-License-Identifier: Apache-2.0
 *
 * Powercap trees as machines have them, and as they break: which zones are found, under which
 * names, with which range and limits, and what is said where nothing can be read.
 */
#include "tests/unit/test.h"

#include <math.h>
#include <sys/wait.h>

#include "meter/meters.h"
#include "tests/unit/meter/tree.h"

#define S           JK_NS_PER_S
#define RANGE_ESU14 UINT64_C(262143328850)
#define RANGE_DRAM  UINT64_C(65712999613)
#define POWERCAP    "sys/class/powercap/"

static const struct jk_meter_ops *const only_powercap[] = { &jk_meter_powercap, NULL };

struct fixture {
        struct tree tree;
        struct jk_meters *meters;
        struct jk_sample sample;
};

static int
setup(void **state)
{
        struct fixture *f = calloc(1, sizeof *f);

        tree_make(&f->tree);
        *state = f;
        return 0;
}

static int
teardown(void **state)
{
        struct fixture *f = *state;

        jk_meters_close(f->meters);
        tree_destroy(&f->tree);
        free(f);
        return 0;
}

static void
open_meters(struct fixture *f)
{
        struct jk_meter_env env = { .root = &f->tree.root, .interval_ns = S };

        assert_int_equal(jk_meters_open_list(only_powercap, &env, NULL, &f->meters, NULL), 0);
}

static const struct jk_zone *
zone_named(struct fixture *f, const char *name)
{
        const struct jk_zone_table *table = jk_meters_zones(f->meters);
        int t = jk_zone_find(table, name);

        if (t < 0)
                fail_msg("there is no zone %s", name);
        return &table->zones[t];
}

static void
assert_zones(struct fixture *f, size_t n, const char *const names[])
{
        for (size_t i = 0; i < n; i++)
                zone_named(f, names[i]);
        assert_int_equal(jk_meters_zones(f->meters)->count, n);
}

static const struct jk_zone_reading *
reading_of(struct fixture *f, const char *name)
{
        return &f->sample.readings[jk_zone_find(jk_meters_zones(f->meters), name)];
}

static void
read_after(struct fixture *f, int64_t awake_ns)
{
        tick(&f->sample, awake_ns, 0);
        jk_meters_read(f->meters, &f->sample);
}

static const struct jk_meter_status *
status_of(struct fixture *f)
{
        const struct jk_meter_status *status;

        assert_int_equal(jk_meters_status(f->meters, &status), 1);
        return status;
}

static void
names_come_from_the_name_file(void **state)
{
        struct fixture *f = *state;

        /* swapped numbers, a hexadecimal one, and a first sub-zone that is not dram */
        tree_zone(&f->tree, "intel-rapl:0", "package-1", 11000000, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:0:0", "core", 1000000, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:0:1", "dram", 2000000, RANGE_DRAM);
        tree_zone(&f->tree, "intel-rapl:1", "package-0", 12000000, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:1:0", "uncore", 3000000, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:a", "package-10", 13000000, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:a:0", "dram", 4000000, RANGE_DRAM);
        tree_write(&f->tree, POWERCAP "intel-rapl/enabled", "1\n");
        tree_write(&f->tree, POWERCAP "dtpm:0/name", "package-7\n");
        open_meters(f);

        assert_zones(f, 7,
                     (const char *[]){ "package-0", "package-1", "package-10", "core-1", "dram-1",
                                       "uncore-0", "dram-10" });
        assert_string_equal(zone_named(f, "package-1")->path,
                            "sys/class/powercap/intel-rapl:0/energy_uj");
        assert_int_equal(zone_named(f, "dram-10")->package, 10);
        assert_string_equal(zone_named(f, "dram-10")->source, "powercap");
}

static void
each_zone_wraps_at_its_own_range(void **state)
{
        struct fixture *f = *state;

        tree_zone(&f->tree, "intel-rapl:0", "package-0", RANGE_ESU14 - 10, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:0:0", "dram", RANGE_DRAM - 10, RANGE_DRAM);
        open_meters(f);
        read_after(f, 0);
        tree_energy(&f->tree, "intel-rapl:0", 90);
        tree_energy(&f->tree, "intel-rapl:0:0", 40);
        read_after(f, S);

        assert_int_equal(reading_of(f, "package-0")->energy_uj, 101);
        assert_int_equal(reading_of(f, "package-0")->flags, JK_READING_SEEN | JK_READING_WRAPPED);
        assert_int_equal(reading_of(f, "dram-0")->energy_uj, 51);
}

static void
an_unreadable_range_makes_no_energy(void **state)
{
        struct fixture *f = *state;

        tree_zone(&f->tree, "intel-rapl:0", "package-0", 5000000000, 0);
        open_meters(f);
        read_after(f, 0);
        tree_energy(&f->tree, "intel-rapl:0", 1000);
        read_after(f, S);
        assert_int_equal(reading_of(f, "package-0")->flags, JK_READING_REBASED);
        tree_energy(&f->tree, "intel-rapl:0", 3000);
        read_after(f, S);
        assert_int_equal(reading_of(f, "package-0")->energy_uj, 2000);
        assert_true(isinf(jk_meters_horizon_s(f->meters)));
}

static void
mmio_shows_the_same_package_once(void **state)
{
        struct fixture *f = *state;

        tree_zone(&f->tree, "intel-rapl-mmio:0", "package-0", 700, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl-mmio:0:0", "dram", 600, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:0", "package-0", 900, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:0:0", "core", 800, RANGE_ESU14);
        open_meters(f);

        assert_zones(f, 3, (const char *[]){ "package-0", "core-0", "dram-0" });
        assert_string_equal(zone_named(f, "package-0")->path,
                            "sys/class/powercap/intel-rapl:0/energy_uj");
        assert_string_equal(zone_named(f, "dram-0")->path,
                            "sys/class/powercap/intel-rapl-mmio:0:0/energy_uj");
}

static void
mmio_alone_is_used(void **state)
{
        struct fixture *f = *state;

        tree_zone(&f->tree, "intel-rapl-mmio:0", "package-0", 700, RANGE_ESU14);
        open_meters(f);
        assert_zones(f, 1, (const char *[]){ "package-0" });
}

static void
dies_that_mirror_one_counter_are_one_package(void **state)
{
        struct fixture *f = *state;

        tree_zone(&f->tree, "intel-rapl:0", "package-0-die-0", 137000000, RANGE_DRAM);
        tree_zone(&f->tree, "intel-rapl:1", "package-0-die-1", 137000000, RANGE_DRAM);
        tree_zone(&f->tree, "intel-rapl:1:0", "dram", 5, RANGE_DRAM);
        tree_zone(&f->tree, "intel-rapl:2", "package-1-die-0", 99000000, RANGE_DRAM);
        tree_zone(&f->tree, "intel-rapl:3", "package-1-die-1", 99000000, RANGE_DRAM);
        open_meters(f);
        assert_zones(f, 2, (const char *[]){ "package-0", "package-1" });
}

static void
dies_with_counters_of_their_own_stay_apart(void **state)
{
        struct fixture *f = *state;

        tree_zone(&f->tree, "intel-rapl:0", "package-0-die-0", 137000000, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:0:0", "dram", 7, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:1", "package-0-die-1", 141000000, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:1:0", "dram", 8, RANGE_ESU14);
        open_meters(f);
        assert_zones(f, 4,
                     (const char *[]){ "package-0-die-0", "package-0-die-1", "dram-0-die-0",
                                       "dram-0-die-1" });
        assert_int_equal(zone_named(f, "package-0-die-1")->package, 0);
}

static void
dies_that_part_after_boot_are_told_apart(void **state)
{
        struct fixture *f = *state;

        tree_zone(&f->tree, "intel-rapl:0", "package-0-die-0", 0, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:1", "package-0-die-1", 0, RANGE_ESU14);
        open_meters(f);
        assert_zones(f, 1, (const char *[]){ "package-0" });
        read_after(f, 0);
        tree_energy(&f->tree, "intel-rapl:0", 150000000);
        tree_energy(&f->tree, "intel-rapl:1", 80000000);
        read_after(f, S);
        for (int n = 0; n < 3; n++)
                read_after(f, S);
        tree_energy(&f->tree, "intel-rapl:1", 90000000);
        read_after(f, S);
        assert_int_equal(reading_of(f, "package-0-die-1")->energy_uj, 10000000);
        assert_int_equal(reading_of(f, "package-0")->flags, 0);
}

static void
one_die_is_the_package(void **state)
{
        struct fixture *f = *state;

        tree_zone(&f->tree, "intel-rapl:0", "package-0-die-0", 137000000, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:0:0", "core", 137000, RANGE_ESU14);
        open_meters(f);
        assert_zones(f, 2, (const char *[]){ "package-0", "core-0" });
}

static void
psys_contains_the_packages(void **state)
{
        struct fixture *f = *state;
        const struct jk_zone_table *table;
        bool seen[JK_ZONES_MAX] = { false };
        size_t counting = 0;

        tree_zone(&f->tree, "intel-rapl:0", "package-0", 900, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:0:0", "core", 800, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:0:1", "uncore", 0, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:1", "psys", 1900, RANGE_ESU14);
        open_meters(f);
        table = jk_meters_zones(f->meters);
        assert_int_equal(table->count, 4);

        memset(seen, true, table->count);
        for (size_t t = 0; t < table->count; t++)
                counting += jk_zone_counts(table, seen, t);
        assert_int_equal(counting, 1);
        assert_true(jk_zone_counts(table, seen, (size_t)jk_zone_find(table, "psys")));
}

static void
of_several_psys_the_one_that_counts_is_used(void **state)
{
        struct fixture *f = *state;

        tree_zone(&f->tree, "intel-rapl:0", "package-0", 900, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:1", "psys", 0, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:2", "psys-1", 1900000000, RANGE_ESU14);
        open_meters(f);
        assert_zones(f, 2, (const char *[]){ "package-0", "psys" });
        assert_string_equal(zone_named(f, "psys")->path,
                            "sys/class/powercap/intel-rapl:2/energy_uj");
}

static void
amd_core_is_one_cores_and_left_out(void **state)
{
        struct fixture *f = *state;

        tree_write(&f->tree, "proc/cpuinfo", "processor\t: 0\nvendor_id\t: AuthenticAMD\n");
        tree_zone(&f->tree, "intel-rapl:0", "package-0", 900, RANGE_DRAM);
        tree_zone(&f->tree, "intel-rapl:0:0", "core", 800, RANGE_DRAM);
        open_meters(f);
        assert_zones(f, 1, (const char *[]){ "package-0" });
}

static void
nested_zones_are_found_without_the_flat_ones(void **state)
{
        struct fixture *f = *state;

        tree_zone(&f->tree, "intel-rapl:0", "package-0", 900, RANGE_DRAM);
        tree_zone(&f->tree, "intel-rapl:0/intel-rapl:0:0", "dram", 800, RANGE_DRAM);
        open_meters(f);
        assert_zones(f, 2, (const char *[]){ "package-0", "dram-0" });
}

static void
limits_give_what_is_plausible(void **state)
{
        struct fixture *f = *state;

        tree_zone(&f->tree, "intel-rapl:0", "package-0", 900, RANGE_ESU14);
        tree_write(&f->tree, POWERCAP "intel-rapl:0/enabled", "1\n");
        tree_write(&f->tree, POWERCAP "intel-rapl:0/constraint_0_power_limit_uw", "205000000\n");
        tree_write(&f->tree, POWERCAP "intel-rapl:0/constraint_0_max_power_uw", "205000000\n");
        tree_write(&f->tree, POWERCAP "intel-rapl:0/constraint_1_power_limit_uw", "246000000\n");
        tree_zone(&f->tree, "intel-rapl:0:0", "core", 900, RANGE_ESU14);
        tree_write(&f->tree, POWERCAP "intel-rapl:0:0/enabled", "0\n");
        tree_write(&f->tree, POWERCAP "intel-rapl:0:0/constraint_0_power_limit_uw", "0\n");
        tree_zone(&f->tree, "intel-rapl:1", "package-1", 900, RANGE_ESU14);
        tree_write(&f->tree, POWERCAP "intel-rapl:1/enabled", "0\n");
        tree_write(&f->tree, POWERCAP "intel-rapl:1/constraint_0_power_limit_uw", "8000000\n");
        tree_zone(&f->tree, "intel-rapl:2", "package-2", 900, RANGE_ESU14);
        tree_write(&f->tree, POWERCAP "intel-rapl:2/constraint_0_power_limit_uw", "4095875000\n");
        open_meters(f);

        assert_true(zone_named(f, "package-0")->limit_w == 205);
        assert_true(zone_named(f, "package-0")->max_w == 492);
        assert_true(isnan(zone_named(f, "core-0")->limit_w));
        assert_true(zone_named(f, "core-0")->max_w == 492);
        assert_true(isnan(zone_named(f, "package-1")->limit_w));
        assert_true(zone_named(f, "package-1")->max_w == 250);  /* a floor: limits can be low */
        assert_true(zone_named(f, "package-2")->max_w == 1000); /* no limit, so a default */
        assert_true(fabs(jk_meters_horizon_s(f->meters) - 262143.32885 / 1000) < 1e-6);
}

static void
no_powercap_says_what_was_looked_for(void **state)
{
        struct fixture *f = *state;

        open_meters(f);
        assert_int_equal(status_of(f)->state, JK_METER_ABSENT);
        assert_non_null(strstr(status_of(f)->error.message, "intel_rapl_msr"));
        read_after(f, 0);
        assert_int_equal(jk_meters_zones(f->meters)->count, 0);
}

static void
hidden_zones_are_explained(void **state)
{
        struct fixture *f = *state;
        char path[256];

        tree_write(&f->tree, POWERCAP "intel-rapl/enabled", "1\n");
        snprintf(path, sizeof path, "%s/" POWERCAP "intel-rapl:0", f->tree.path);
        assert_int_equal(symlink("../../devices/virtual/powercap/intel-rapl/intel-rapl:0", path),
                         0);
        open_meters(f);
        assert_int_equal(status_of(f)->state, JK_METER_FAILED);
        assert_non_null(strstr(status_of(f)->error.message, "container"));
}

/* Runs as nobody, in a child: root may read everything. */
static void
check_permission_message(struct fixture *f)
{
        struct jk_meter_env env = { .root = &f->tree.root, .interval_ns = S };
        struct jk_meter *meter;
        struct jk_error err = { 0 };

        if (getuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
                _exit(2);
        if (jk_meter_powercap.open(&env, &meter, &err) != -EACCES)
                _exit(3);
        if (!strstr(err.message, "intel-rapl:0/energy_uj: permission denied; run as root or grant"))
                _exit(4);
        _exit(0);
}

static void
permission_denied_names_the_file_and_the_remedy(void **state)
{
        struct fixture *f = *state;
        char path[256];
        pid_t child;
        int status;

        tree_zone(&f->tree, "intel-rapl:0", "package-0", 900, RANGE_ESU14);
        snprintf(path, sizeof path, "%s/" POWERCAP "intel-rapl:0/energy_uj", f->tree.path);
        assert_int_equal(chmod(path, 0000), 0);

        child = fork();
        if (child == 0)
                check_permission_message(f);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

static void
a_zone_that_cannot_be_read_costs_only_itself(void **state)
{
        struct fixture *f = *state;

        tree_zone(&f->tree, "intel-rapl:0", "package-0", 900, RANGE_ESU14);
        tree_zone(&f->tree, "intel-rapl:1", "package-1", 900, RANGE_ESU14);
        open_meters(f);
        read_after(f, 0);
        tree_write(&f->tree, POWERCAP "intel-rapl:1/energy_uj", "nonsense\n");
        tree_energy(&f->tree, "intel-rapl:0", 1900);
        read_after(f, S);
        assert_int_equal(reading_of(f, "package-0")->energy_uj, 1000);
        assert_int_equal(reading_of(f, "package-1")->flags, 0);
        assert_int_equal(status_of(f)->failures, 1);
        assert_non_null(strstr(status_of(f)->error.message, "intel-rapl:1/energy_uj"));

        /* It comes back with all that it counted meanwhile. */
        tree_energy(&f->tree, "intel-rapl:1", 5900);
        read_after(f, S);
        assert_int_equal(reading_of(f, "package-1")->energy_uj, 5000);
        assert_int_equal(reading_of(f, "package-1")->elapsed_ns, 2 * S);
        assert_int_equal(status_of(f)->state, JK_METER_WORKING);
        assert_string_equal(status_of(f)->error.message, "");
}

static void
a_driver_that_goes_and_comes_keeps_the_zones(void **state)
{
        struct fixture *f = *state;

        tree_zone(&f->tree, "intel-rapl:0", "package-0", 900, RANGE_ESU14);
        open_meters(f);
        read_after(f, 0);
        tree_write(&f->tree, POWERCAP "intel-rapl:0/energy_uj", "%s", "");
        tree_remove(&f->tree, POWERCAP "intel-rapl:0");
        for (int n = 0; n < 10; n++) {
                read_after(f, S);
                assert_int_equal(reading_of(f, "package-0")->flags, 0);
        }
        assert_int_not_equal(status_of(f)->state, JK_METER_WORKING);

        tree_zone(&f->tree, "intel-rapl:0", "package-0", 100, RANGE_ESU14);
        for (int n = 0; n < 9; n++)
                read_after(f, S);
        assert_int_equal(status_of(f)->state, JK_METER_WORKING);
        tree_energy(&f->tree, "intel-rapl:0", 5100);
        read_after(f, S);
        assert_int_equal(reading_of(f, "package-0")->energy_uj, 5000);
        assert_int_equal(jk_meters_zones(f->meters)->count, 1);
}

static void
new_hardware_is_found_within_a_minute_and_costs_no_reading(void **state)
{
        struct fixture *f = *state;
        uint64_t energy = 1000;

        tree_zone(&f->tree, "intel-rapl:0", "package-0", energy, RANGE_ESU14);
        open_meters(f);
        read_after(f, 0);
        tree_zone(&f->tree, "intel-rapl:0:0", "dram", 500, RANGE_DRAM);
        for (int n = 0; n < 61; n++) {
                tree_energy(&f->tree, "intel-rapl:0", energy += 1000);
                read_after(f, S);
                assert_int_equal(reading_of(f, "package-0")->energy_uj, 1000);
        }
        tree_energy(&f->tree, "intel-rapl:0:0", 700);
        read_after(f, S);
        assert_int_equal(reading_of(f, "dram-0")->energy_uj, 200);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static const struct CMUnitTest tests[] = {
        TEST(names_come_from_the_name_file),
        TEST(each_zone_wraps_at_its_own_range),
        TEST(an_unreadable_range_makes_no_energy),
        TEST(mmio_shows_the_same_package_once),
        TEST(mmio_alone_is_used),
        TEST(dies_that_mirror_one_counter_are_one_package),
        TEST(dies_with_counters_of_their_own_stay_apart),
        TEST(dies_that_part_after_boot_are_told_apart),
        TEST(one_die_is_the_package),
        TEST(psys_contains_the_packages),
        TEST(of_several_psys_the_one_that_counts_is_used),
        TEST(amd_core_is_one_cores_and_left_out),
        TEST(nested_zones_are_found_without_the_flat_ones),
        TEST(limits_give_what_is_plausible),
        TEST(no_powercap_says_what_was_looked_for),
        TEST(hidden_zones_are_explained),
        TEST(permission_denied_names_the_file_and_the_remedy),
        TEST(a_zone_that_cannot_be_read_costs_only_itself),
        TEST(a_driver_that_goes_and_comes_keeps_the_zones),
        TEST(new_hardware_is_found_within_a_minute_and_costs_no_reading),
};

JK_RUN_TESTS(tests)
