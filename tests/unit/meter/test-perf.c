/* SPDX-License-Identifier: Apache-2.0
 *
 * perf's power PMU, with the kernel's cpu-clock in its place: a PMU description that says type 1
 * (software), event 0 and 1e-9 joules a count makes every CPU a counter of exactly 1 W, which is
 * then counted by perf_event_open() for real.
 */
#include "tests/unit/test.h"

#include "meter/meters.h"
#include "meter/perf.h"
#include "tests/unit/meter/tree.h"

#define PMU "sys/bus/event_source/devices/power/"

struct fixture {
        struct tree tree;
        struct jk_meters *meters;
        struct jk_sample sample;
        struct jk_meter_ops below; /* jk_meter_perf for any root */
        const struct jk_meter_ops *list[3];
};

static int
setup(void **state)
{
        struct fixture *f = calloc(1, sizeof *f);

        tree_make(&f->tree);
        f->below = jk_meter_perf;
        f->below.open = jk_meter_perf_open_below;
        f->list[0] = &f->below;
        f->list[1] = &jk_meter_powercap;
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
write_event(struct fixture *f, const char *pmu, const char *name, const char *scale)
{
        char path[256];

        snprintf(path, sizeof path, "sys/bus/event_source/devices/%s/type", pmu);
        tree_write(&f->tree, path, "1\n");
        snprintf(path, sizeof path, "sys/bus/event_source/devices/%s/events/%s", pmu, name);
        tree_write(&f->tree, path, "event=0x00\n");
        snprintf(path, sizeof path, "sys/bus/event_source/devices/%s/events/%s.scale", pmu, name);
        tree_write(&f->tree, path, "%s\n", scale);
        snprintf(path, sizeof path, "sys/bus/event_source/devices/%s/events/%s.unit", pmu, name);
        tree_write(&f->tree, path, "Joules\n");
}

static void
write_cpu(struct fixture *f, int cpu, int package, int die)
{
        char path[256];

        snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%d/topology/physical_package_id",
                 cpu);
        tree_write(&f->tree, path, "%d\n", package);
        snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%d/topology/die_id", cpu);
        tree_write(&f->tree, path, "%d\n", die);
}

static void
open_meters(struct fixture *f)
{
        struct jk_meter_env env = { .root = &f->tree.root, .interval_ns = JK_NS_PER_S };
        const struct jk_meter_status *status;

        assert_int_equal(jk_meters_open_list(f->list, &env, NULL, &f->meters, NULL), 0);
        jk_meters_status(f->meters, &status);
        if (strstr(status->error.message, "permission denied")) {
                print_message("skipped: %s\n", status->error.message);
                skip();
        }
}

/* A tick by the real clock, as the counters run by it. */
static void
read_after_ms(struct fixture *f, unsigned ms)
{
        struct jk_instant now;

        usleep(ms * 1000);
        now = jk_now();
        jk_sample_begin(&f->sample, &now);
        jk_meters_read(f->meters, &f->sample);
}

static double
watts(struct fixture *f, const char *name)
{
        int t = jk_zone_find(jk_meters_zones(f->meters), name);

        if (t < 0)
                fail_msg("there is no zone %s", name);
        if (!(f->sample.readings[t].flags & JK_READING_SEEN))
                fail_msg("zone %s was not read: flags %x", name, f->sample.readings[t].flags);
        return (double)f->sample.readings[t].energy_uj * 1e3 /
               (double)f->sample.readings[t].elapsed_ns;
}

static void
assert_about(double value, double wanted)
{
        if (value < wanted * 0.8 || value > wanted * 1.2)
                fail_msg("%g is not about %g", value, wanted);
}

static void
a_package_per_cpu_of_the_mask_is_counted(void **state)
{
        struct fixture *f = *state;

        write_event(f, "power", "energy-pkg", "1e-9");
        write_event(f, "power", "energy-ram", "5e-10");
        tree_write(&f->tree, PMU "cpumask", "0-1\n");
        write_cpu(f, 0, 1, 0); /* the CPU's number says nothing about the package's */
        write_cpu(f, 1, 0, 0);
        open_meters(f);
        assert_int_equal(jk_meters_zones(f->meters)->count, 4);
        read_after_ms(f, 0);
        read_after_ms(f, 300);
        assert_about(watts(f, "package-0"), 1);
        assert_about(watts(f, "package-1"), 1);
        assert_about(watts(f, "dram-0"), 0.5);
        assert_string_equal(jk_meters_zones(f->meters)->zones[0].source, "perf");
}

static void
dies_of_intel_stay_apart_and_dies_of_amd_are_one(void **state)
{
        struct fixture *f = *state;

        write_event(f, "power", "energy-pkg", "1e-9");
        tree_write(&f->tree, PMU "cpumask", "0,1\n");
        write_cpu(f, 0, 0, 0);
        write_cpu(f, 1, 0, 1);
        open_meters(f);
        assert_int_equal(jk_meters_zones(f->meters)->count, 2);
        assert_true(jk_zone_find(jk_meters_zones(f->meters), "package-0-die-1") >= 0);
        jk_meters_close(f->meters);

        tree_write(&f->tree, "proc/cpuinfo", "vendor_id\t: AuthenticAMD\n");
        open_meters(f);
        assert_int_equal(jk_meters_zones(f->meters)->count, 1);
        read_after_ms(f, 0);
        read_after_ms(f, 300);
        assert_about(watts(f, "package-0"), 1);
}

static void
amd_cores_are_added_up(void **state)
{
        struct fixture *f = *state;

        write_event(f, "power_core", "energy-core", "1e-9");
        tree_write(&f->tree, "sys/bus/event_source/devices/power_core/cpumask", "0-1\n");
        write_cpu(f, 0, 0, 0);
        write_cpu(f, 1, 0, 0);
        open_meters(f);
        assert_int_equal(jk_meters_zones(f->meters)->count, 1);
        read_after_ms(f, 0);
        read_after_ms(f, 300);
        assert_about(watts(f, "core-0"), 2);
}

static void
counting_goes_on_when_the_cpu_goes_offline(void **state)
{
        struct fixture *f = *state;

        write_event(f, "power", "energy-pkg", "1e-9");
        tree_write(&f->tree, PMU "cpumask", "1\n");
        write_cpu(f, 0, 0, 0);
        write_cpu(f, 1, 0, 0);
        open_meters(f);
        read_after_ms(f, 0);
        read_after_ms(f, 100);
        tree_write(&f->tree, PMU "cpumask", "0\n");
        for (int n = 0; n < 3; n++) {
                read_after_ms(f, 100);
                assert_about(watts(f, "package-0"), 1);
        }
        /* The whole package goes, and comes back. */
        tree_write(&f->tree, PMU "cpumask", "5\n");
        write_cpu(f, 5, 1, 0);
        read_after_ms(f, 100);
        assert_int_equal(f->sample.readings[0].flags, 0);
        tree_write(&f->tree, PMU "cpumask", "1\n");
        for (int n = 0; n < 15; n++)
                read_after_ms(f, 100);
        assert_about(watts(f, "package-0"), 1);
}

/* Powercap by hand: 1 W, as perf's, or another. */
static void
run_trial(struct fixture *f, double powercap_w)
{
        int64_t start_ns;

        write_event(f, "power", "energy-pkg", "1e-9");
        tree_write(&f->tree, PMU "cpumask", "0\n");
        write_cpu(f, 0, 0, 0);
        tree_zone(&f->tree, "intel-rapl:0", "package-0", 1000000, 262143328850);
        open_meters(f);
        start_ns = jk_monotonic_ns();
        read_after_ms(f, 0);
        for (int n = 0; n < 12; n++) {
                usleep(100000);
                tree_energy(&f->tree, "intel-rapl:0",
                            1000000 + (uint64_t)((double)(jk_monotonic_ns() - start_ns) / 1e3 *
                                                 powercap_w));
                read_after_ms(f, 0);
                if (n > 0)
                        assert_true(watts(f, "package-0") < 1.5);
        }
}

static void
perf_takes_over_what_it_counts_alike(void **state)
{
        struct fixture *f = *state;
        const struct jk_meter_status *status;

        run_trial(f, 1);
        assert_int_equal(jk_meters_status(f->meters, &status), 2);
        assert_int_equal(status[0].state, JK_METER_WORKING);
        assert_int_equal(status[1].state, JK_METER_UNUSED);
        assert_string_equal(jk_meters_zones(f->meters)->zones[0].source, "perf");
        read_after_ms(f, 100);
        assert_about(watts(f, "package-0"), 1);
}

static void
perf_with_a_wrong_unit_is_not_used(void **state)
{
        struct fixture *f = *state;
        const struct jk_meter_status *status;

        run_trial(f, 0.5);
        jk_meters_status(f->meters, &status);
        assert_int_equal(status[0].state, JK_METER_UNUSED);
        assert_non_null(strstr(status[0].error.message, "package-0: not used"));
        assert_int_equal(status[1].state, JK_METER_WORKING);
        assert_string_equal(jk_meters_zones(f->meters)->zones[0].source, "powercap");
}

static void
another_machines_tree_is_not_counted(void **state)
{
        struct fixture *f = *state;
        struct jk_meter_env env = { .root = &f->tree.root, .interval_ns = JK_NS_PER_S };
        struct jk_meter *meter;
        struct jk_error err = { 0 };

        write_event(f, "power", "energy-pkg", "1e-9");
        tree_write(&f->tree, PMU "cpumask", "0\n");
        assert_int_equal(jk_meter_perf.open(&env, &meter, &err), -ENODEV);
        assert_non_null(strstr(err.message, f->tree.path));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static const struct CMUnitTest tests[] = {
        TEST(a_package_per_cpu_of_the_mask_is_counted),
        TEST(dies_of_intel_stay_apart_and_dies_of_amd_are_one),
        TEST(amd_cores_are_added_up),
        TEST(counting_goes_on_when_the_cpu_goes_offline),
        TEST(perf_takes_over_what_it_counts_alike),
        TEST(perf_with_a_wrong_unit_is_not_used),
        TEST(another_machines_tree_is_not_counted),
};

JK_RUN_TESTS(tests)
