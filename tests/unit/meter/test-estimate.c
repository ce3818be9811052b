/* SPDX-License-Identifier: Apache-2.0
 *
 * The estimate: the table's curves are curves, CPUs are recognised, the scale is what is visible,
 * and what is not known is not seen.
 */
#include "tests/unit/meter/bench.h"

#include <math.h>

#include "curve/estimates.h"
#include "meter/cpu-model.h"

static void
put_cpus(const struct tree *tree, int n, int model, int stepping, const char *flags)
{
        char text[8192];
        size_t length = 0;

        for (int i = 0; i < n; i++)
                length += (size_t)snprintf(text + length, sizeof text - length,
                                           "processor\t: %d\nvendor_id\t: GenuineIntel\n"
                                           "cpu family\t: 6\nmodel\t\t: %d\n"
                                           "model name\t: Intel(R) Xeon(R) Processor @ 2.50GHz\n"
                                           "stepping\t: %d\nsiblings\t: %d\ncpu cores\t: %d\n"
                                           "flags\t\t: fpu vme%s sse\n\n",
                                           i, model, stepping, n, n, flags);
        tree_write(tree, "proc/cpuinfo", "%s", text);
}

static const struct jk_cpu_row *
row_named(const char *name)
{
        for (size_t i = 0; i < jk_cpu_n_rows; i++)
                if (strcmp(jk_cpu_rows[i].name, name) == 0)
                        return &jk_cpu_rows[i];

        fail_msg("there is no row %s", name);
        return NULL;
}

/* A tick in which each of n CPUs was busy for that part of it. */
static void
estimate_tick(struct bench *bench, int n, double busy)
{
        bench_begin(bench, JK_NS_PER_S);
        bench->sample.flags |= JK_SAMPLE_CPUS;
        for (int i = 0; i < n; i++) {
                struct jk_cpu_reading *cpu = jk_sample_add_cpu(&bench->sample);

                cpu->cpu = (uint32_t)i;
                cpu->online = true;
                cpu->busy_ns = (uint64_t)(busy * 1e9);
                cpu->idle_ns = (uint64_t)((1 - busy) * 1e9);
        }
        assert_int_equal(bench->ops->read(bench->meter, &bench->sample, &bench->err), 0);
}

static void
with_guest(void (*test)(struct tree *tree, struct bench *bench))
{
        struct tree tree;
        struct bench bench = { 0 };

        tree_make(&tree);
        put_cpus(&tree, 2, 85, 7, " hypervisor");
        assert_int_equal(bench_open(&bench, &tree, &jk_meter_estimate), 0);
        test(&tree, &bench);
        bench_close(&bench);
        tree_destroy(&tree);
}

static void
every_curve_rises_without_a_step(void **state)
{
        (void)state;
        assert_true(jk_cpu_n_rows > 15);
        for (size_t i = 0; i < jk_cpu_n_rows; i++) {
                const struct jk_cpu_row *row = &jk_cpu_rows[i];
                double span = jk_cpu_max_w(row) - jk_cpu_idle_w(row), previous = jk_cpu_idle_w(row);

                assert_true(jk_cpu_idle_w(row) > 0 && jk_cpu_max_w(row) > jk_cpu_idle_w(row) &&
                            jk_cpu_max_w(row) < 40);
                assert_true(row->uncertainty_pct >= 10 && row->uncertainty_pct <= 100);
                assert_true(jk_cpu_power_w(row, 0) == jk_cpu_idle_w(row));
                assert_true(jk_cpu_power_w(row, 1) == jk_cpu_max_w(row));

                for (int step = 0; step <= 1000; step++) {
                        double power = jk_cpu_power_w(row, step / 1000.0);

                        assert_true(power >= previous - 1e-12);
                        assert_true(power - previous < span * 0.005);
                        previous = power;
                }

                assert_true(jk_cpu_power_w(row, -1) == jk_cpu_idle_w(row));
                assert_true(jk_cpu_power_w(row, 7) == jk_cpu_max_w(row));
                assert_true(isnan(jk_cpu_power_w(row, NAN)));
        }
}

static void
cpus_are_recognised_without_their_names(void **state)
{
        static const struct {
                struct jk_cpu_identity cpu;
                const char *row;
        } cases[] = {
                { { .vendor = "GenuineIntel", .family = 6, .model = 85, .stepping = 4 },
                  "skylake" },
                { { .vendor = "GenuineIntel", .family = 6, .model = 85, .stepping = 7 },
                  "cascadelake" },
                { { .vendor = "GenuineIntel", .family = 6, .model = 63 }, "haswell" },
                { { .vendor = "GenuineIntel", .family = 6, .model = 60 }, "haswell-client" },
                { { .vendor = "GenuineIntel", .family = 6, .model = 58 }, "ivybridge-client" },
                { { .vendor = "GenuineIntel", .family = 6, .model = 94 }, "skylake-client" },
                { { .vendor = "GenuineIntel", .family = 6, .model = 143 }, "sapphirerapids" },
                { { .vendor = "GenuineIntel", .family = 6, .model = 9999 }, "intel-other" },
                { { .vendor = "GenuineIntel", .family = 19 }, "intel-other" },
                { { .vendor = "AuthenticAMD", .family = 23, .model = 1 }, "zen1" },
                { { .vendor = "AuthenticAMD",
                    .family = 23,
                    .model = 1,
                    .name = "AMD Ryzen Threadripper 1950X 16-Core Processor" },
                  "zen-desktop" },
                { { .vendor = "AuthenticAMD", .family = 23, .model = 49 }, "zen2" },
                { { .vendor = "AuthenticAMD", .family = 25, .model = 1 }, "zen3" },
                { { .vendor = "AuthenticAMD", .family = 25, .model = 17 }, "zen4" },
                { { .vendor = "AuthenticAMD", .family = 26, .model = 2 }, "amd-other" },
                { { .vendor = "", .implementer = 0x41, .part = 0xd0c }, "other" },
                { { .vendor = "CentaurHauls", .family = 7 }, "other" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                assert_string_equal(jk_cpu_find(&cases[i].cpu)->name, cases[i].row);
}

static void
check_modelled(struct tree *tree, struct bench *bench)
{
        const struct jk_cpu_row *row = row_named("cascadelake");
        const struct jk_zone *zone = &bench->zones[0].zone;

        (void)tree;
        assert_int_equal(bench->n_zones, 1);
        assert_string_equal(zone->name, "package-0");
        assert_int_equal(zone->kind, JK_ZONE_PACKAGE);
        assert_int_equal(zone->provenance, JK_MODELLED);
        assert_true(zone->uncertainty_pct == row->uncertainty_pct);
        assert_true(fabs(zone->idle_w - 2 * jk_cpu_idle_w(row)) < 1e-9);

        estimate_tick(bench, 2, 0.5);
        assert_int_equal(bench_reading(bench, "package-0")->flags, JK_READING_REBASED);
        estimate_tick(bench, 2, 0);
        assert_true(fabs((double)bench_uj(bench, "package-0") - 2e6 * jk_cpu_idle_w(row)) < 2);
        estimate_tick(bench, 2, 1);
        assert_true(fabs((double)bench_uj(bench, "package-0") - 2e6 * jk_cpu_max_w(row)) < 2);
        assert_int_equal(bench_reading(bench, "package-0")->elapsed_ns, JK_NS_PER_S);
}

static void
guest_gets_its_threads_share(void **state)
{
        (void)state;
        with_guest(check_modelled);
}

static void
check_hotplug(struct tree *tree, struct bench *bench)
{
        const struct jk_cpu_row *row = row_named("cascadelake");

        (void)tree;
        estimate_tick(bench, 2, 1);
        estimate_tick(bench, 4, 1);
        assert_true(fabs((double)bench_uj(bench, "package-0") - 4e6 * jk_cpu_max_w(row)) < 2);
        estimate_tick(bench, 1, 1);
        assert_true(fabs((double)bench_uj(bench, "package-0") - 1e6 * jk_cpu_max_w(row)) < 2);

        /* An offline CPU is in the list, and draws nothing. */
        bench_begin(bench, JK_NS_PER_S);
        bench->sample.flags |= JK_SAMPLE_CPUS;
        *jk_sample_add_cpu(&bench->sample) = (struct jk_cpu_reading){
                .online = true,
                .busy_ns = 1000000000,
        };
        *jk_sample_add_cpu(&bench->sample) = (struct jk_cpu_reading){ .cpu = 1 };
        assert_int_equal(bench->ops->read(bench->meter, &bench->sample, &bench->err), 0);
        assert_true(fabs((double)bench_uj(bench, "package-0") - 1e6 * jk_cpu_max_w(row)) < 2);
}

static void
scale_follows_hot_plug(void **state)
{
        (void)state;
        with_guest(check_hotplug);
}

static void
check_unknown(struct tree *tree, struct bench *bench)
{
        (void)tree;
        estimate_tick(bench, 2, 0.5);
        estimate_tick(bench, 0, 0); /* no CPU seen */
        assert_int_equal(bench_reading(bench, "package-0")->flags, 0);

        bench_begin(bench, JK_NS_PER_S);
        jk_sample_add_cpu(&bench->sample)->online = true; /* CPUs, but no time counted */
        bench->sample.flags |= JK_SAMPLE_CPUS;
        assert_int_equal(bench->ops->read(bench->meter, &bench->sample, &bench->err), 0);
        assert_int_equal(bench_reading(bench, "package-0")->flags, 0);

        assert_int_equal(bench_tick(bench), -ENODATA); /* without JK_SAMPLE_CPUS */
        assert_int_equal(bench_reading(bench, "package-0")->flags, 0);
        assert_non_null(strstr(bench->err.message, "proc/stat"));
}

static void
unknown_utilisation_is_not_seen(void **state)
{
        (void)state;
        with_guest(check_unknown);
}

static void
check_steal(struct tree *tree, struct bench *bench)
{
        const struct jk_cpu_row *row = row_named("cascadelake");

        (void)tree;
        estimate_tick(bench, 2, 0);
        bench_begin(bench, JK_NS_PER_S);
        bench->sample.flags |= JK_SAMPLE_CPUS;
        for (uint32_t i = 0; i < 2; i++)
                *jk_sample_add_cpu(&bench->sample) = (struct jk_cpu_reading){
                        .cpu = i,
                        .online = true,
                        .steal_ns = 1000000000,
                };
        assert_int_equal(bench->ops->read(bench->meter, &bench->sample, &bench->err), 0);
        assert_true(fabs((double)bench_uj(bench, "package-0") - 2e6 * jk_cpu_idle_w(row)) < 2);
}

static void
stolen_time_is_not_ours(void **state)
{
        (void)state;
        with_guest(check_steal);
}

static void
bare_metal_has_a_zone_per_package(void **state)
{
        const struct jk_cpu_row *row = row_named("haswell");
        struct tree tree;
        struct bench bench;

        (void)state;
        tree_make(&tree);
        put_cpus(&tree, 4, 63, 2, ""); /* siblings = cores: hyper-threading is off */
        tree_write(&tree, "sys/devices/system/cpu/cpu0/topology/physical_package_id", "0\n");
        tree_write(&tree, "sys/devices/system/cpu/cpu1/topology/physical_package_id", "1\n");
        tree_write(&tree, "sys/devices/system/cpu/cpu2/topology/physical_package_id", "0\n");
        tree_write(&tree, "sys/devices/system/cpu/cpu3/topology/physical_package_id", "1\n");
        assert_int_equal(bench_open(&bench, &tree, &jk_meter_estimate), 0);
        assert_int_equal(bench.n_zones, 2);
        assert_string_equal(bench.zones[1].zone.name, "package-1");

        estimate_tick(&bench, 4, 1);
        estimate_tick(&bench, 4, 1);
        for (size_t i = 0; i < 2; i++)
                assert_true(fabs((double)bench_uj(&bench, bench.zones[i].zone.name) -
                                 2 * 2e6 * jk_cpu_max_w(row)) < 2);
        bench_close(&bench);
        tree_destroy(&tree);
}

static void
arm_machines_get_the_widest_estimate(void **state)
{
        struct tree tree;
        struct bench bench;

        (void)state;
        tree_fixture(&tree, "arm-board-ina");
        assert_int_equal(bench_open(&bench, &tree, &jk_meter_estimate), 0);
        assert_true(fabs(bench.zones[0].zone.idle_w - 8 * jk_cpu_idle_w(row_named("other"))) <
                    1e-9);
        for (size_t i = 0; i < jk_cpu_n_rows; i++)
                assert_true(jk_cpu_rows[i].uncertainty_pct <= row_named("other")->uncertainty_pct);
        bench_close(&bench);
        jk_root_close(&tree.root);
}

static void
unreadable_cpuinfo_is_explained(void **state)
{
        static const char *const garbage[] = { "", "\n:::\n\n", "processor : x", ": : :" };
        struct tree tree;
        struct bench bench;

        (void)state;
        tree_make(&tree);
        assert_int_equal(bench_open(&bench, &tree, &jk_meter_estimate), -ENOENT);
        assert_non_null(strstr(bench.err.message, "proc/cpuinfo"));
        tree_write_unreadable(&tree, "proc/cpuinfo");
        assert_true(bench_open(&bench, &tree, &jk_meter_estimate) < 0);
        tree_remove(&tree, "proc/cpuinfo");

        for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
                tree_write(&tree, "proc/cpuinfo", "%s", garbage[i]);
                if (bench_open(&bench, &tree, &jk_meter_estimate) == 0)
                        bench_close(&bench);
                else
                        assert_non_null(strstr(bench.err.message, "lists no processor"));
        }
        tree_destroy(&tree);
}

/* ---- curves, and meters that show up ---- */

/* 10 W idle, 20 W per busy CPU: half of what is true. */
static struct jk_estimates estimates;

static void
forget_estimates(void)
{
        struct jk_curve *curve = &estimates.curves[0];

        memset(&estimates, 0, sizeof estimates);
        estimates.n_curves = 1;
        *curve = (struct jk_curve){ .name = "half", .kind = JK_ZONE_PACKAGE, .cpus = 2 };
        for (size_t l = 0; l < JK_CURVE_LEVELS; l++)
                curve->levels_w[l] = 10;
        curve->terms[0] = (struct jk_curve_term){ "cpu", 20, 2 };
        curve->n_terms = 1;
        curve->busiest = 1;
        curve->error_pct = 30;
}

/* Ticks of a load that swings, with the true power of the named zone, or none. */
static void
swing(struct bench *bench, int ticks, const char *measured, double offset_w, double factor)
{
        static struct jk_zone_table table;

        table = (struct jk_zone_table){ 0 };
        assert_int_equal(jk_zone_add(&table, &bench->zones[0].zone), 0);
        if (measured) {
                struct jk_zone zone = { .kind = strcmp(measured, "wall") == 0 ? JK_ZONE_WALL
                                                                              : JK_ZONE_PACKAGE };

                snprintf(zone.name, sizeof zone.name, "%s", measured);
                if (jk_zone_add(&table, &zone) < 0) {
                        table.zones[0] = zone; /* the same: the other meter has it now */
                        bench->zones[0].index = -1;
                }
        }
        for (int i = 0; i < ticks; i++) {
                double busy = 0.5 + 0.5 * sin(i / 20.0);
                double watts = offset_w + factor * (10 + 20 * 2 * busy);

                bench->sample.zones = &table;
                estimate_tick(bench, 2, busy);
                bench->sample.zones = &table;
                if (measured)
                        bench->sample.readings[table.count - 1] = (struct jk_zone_reading){
                                .energy_uj = (int64_t)(watts * 1e6),
                                .elapsed_ns = JK_NS_PER_S,
                                .flags = JK_READING_SEEN,
                        };
                jk_meter_estimate.learn(bench->meter, &bench->sample);
        }
        bench->zones[0].index = 0;
}

static double
full_w(struct bench *bench)
{
        for (int i = 0; i < 2; i++)
                estimate_tick(bench, 2, 1);
        return (double)bench->sample.readings[0].energy_uj / 1e6;
}

static void
with_curve(void (*test)(struct bench *bench))
{
        struct tree tree;
        struct bench bench = { .now = { 1, 1, 1 }, .ops = &jk_meter_estimate };
        struct jk_meter_env env = { .interval_ns = JK_NS_PER_S, .estimates = &estimates };

        forget_estimates();
        tree_make(&tree);
        put_cpus(&tree, 2, 85, 7, " hypervisor");
        env.root = &tree.root;
        assert_int_equal(jk_meter_estimate.open(&env, &bench.meter, &bench.err), 0);
        bench.n_zones = jk_meter_estimate.zones(bench.meter, &bench.zones);
        bench.zones[0].index = 0;
        test(&bench);
        bench_close(&bench);
        tree_destroy(&tree);
}

static void
check_curve(struct bench *bench)
{
        assert_int_equal(bench->n_zones, 1);
        assert_string_equal(bench->zones[0].zone.name, "package-0");
        assert_true(bench->zones[0].zone.idle_w == 10);
        assert_true(bench->zones[0].zone.uncertainty_pct == 30);
        assert_true(fabs(full_w(bench) - 50) < 1e-3);
        assert_null(jk_meter_estimate.note(bench->meter));
}

static void
a_curve_goes_before_the_table(void **state)
{
        (void)state;
        with_curve(check_curve);
}

static void
check_same(struct bench *bench)
{
        swing(bench, 3600, "package-0", 0, 2);
        assert_true(fabs(full_w(bench) - 100) < 3); /* also when the meter is gone */
        swing(bench, 600, NULL, 0, 0);
        assert_true(bench->zones[0].zone.uncertainty_pct < 5);
        assert_true(fabs(bench->zones[0].zone.idle_w - 20) < 2);
        assert_non_null(strstr(jk_meter_estimate.note(bench->meter), "factor 2.0"));
}

static void
a_meter_that_was_there_has_corrected_it(void **state)
{
        (void)state;
        with_curve(check_same);
}

static void
check_around(struct bench *bench)
{
        swing(bench, 3600, "wall", 50, 2);
        assert_true(fabs(full_w(bench) - (10 + 2 * 40)) < 3);
        for (int i = 0; i < 300; i++)
                full_w(bench);
        assert_true(bench->zones[0].zone.uncertainty_pct < 10);
        assert_true(bench->zones[0].zone.idle_w == 10); /* of that the wall says nothing */
        assert_non_null(strstr(jk_meter_estimate.note(bench->meter), "by wall"));
}

static void
a_meter_around_it_corrects_what_moves(void **state)
{
        (void)state;
        with_curve(check_around);
}

static void
check_missing(struct bench *bench)
{
        strcpy(estimates.curves[0].terms[0].name, "cycles");
        bench_begin(bench, JK_NS_PER_S);
        swing(bench, 0, NULL, 0, 0);
        for (int i = 0; i < 2; i++) {
                bench_begin(bench, JK_NS_PER_S);
                bench->sample.flags |= JK_SAMPLE_CPUS;
                jk_sample_add_cpu(&bench->sample)->online = true;
                bench->sample.cpus[0].idle_ns = 1000000000;
        }
        assert_int_equal(jk_meter_estimate.read(bench->meter, &bench->sample, &bench->err),
                         -ENODATA);
        assert_non_null(strstr(bench->err.message, "half needs cycles"));
        assert_false(bench->sample.readings[0].flags & JK_READING_SEEN);
}

static void
what_a_curve_needs_and_is_not_seen_is_said(void **state)
{
        (void)state;
        with_curve(check_missing);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_curve_rises_without_a_step),
        cmocka_unit_test(cpus_are_recognised_without_their_names),
        cmocka_unit_test(guest_gets_its_threads_share),
        cmocka_unit_test(scale_follows_hot_plug),
        cmocka_unit_test(unknown_utilisation_is_not_seen),
        cmocka_unit_test(stolen_time_is_not_ours),
        cmocka_unit_test(bare_metal_has_a_zone_per_package),
        cmocka_unit_test(arm_machines_get_the_widest_estimate),
        cmocka_unit_test(unreadable_cpuinfo_is_explained),
        cmocka_unit_test(a_curve_goes_before_the_table),
        cmocka_unit_test(a_meter_that_was_there_has_corrected_it),
        cmocka_unit_test(a_meter_around_it_corrects_what_moves),
        cmocka_unit_test(what_a_curve_needs_and_is_not_seen_is_said),
};

JK_RUN_TESTS(tests)
