/* SPDX-License-Identifier: Apache-2.0
 *
 * Which model fits a CPU: the nearest, and the farther the wider its error bar.
 */
#include "tests/unit/test.h"

#include <math.h>
#include <string.h>

#include "model/match.h"
#include "tests/unit/tree.h"

#define NAME "Intel(R) Xeon(R) Gold 6152 CPU @ 2.10GHz"

static const struct jk_cpu_identity skylake = {
        .vendor = "GenuineIntel",
        .family = 6,
        .model = 85,
        .stepping = 4,
        .name = NAME,
        .siblings = 44,
        .cores = 22,
        .n_cpus = 88,
};

/* A model of that very machine, with an error bar of 8 %. */
static void
own_model(struct jk_model_file *file)
{
        jk_model_file_init(file);
        jk_model_cpu_of(&skylake, &file->cpu);
        file->per = JK_PER_ZONE;
        file->error.uncertainty_pct = 8;
}

static struct jk_model_match
match_with(const struct jk_model_file *file)
{
        struct jk_model_cpu cpu;

        jk_model_cpu_of(&skylake, &cpu);
        return jk_model_match(&cpu, file);
}

static void
cpuinfo_tells_what_a_machine_is(void **state)
{
        struct jk_model_cpu cpu;

        (void)state;
        jk_model_cpu_of(&skylake, &cpu);
        assert_string_equal(cpu.architecture, "skylake");
        assert_int_equal(cpu.sockets, 2);
        assert_int_equal(cpu.cores, 44);
        assert_int_equal(cpu.threads, 88);
        assert_int_equal(cpu.threads_per_core, 2);
        assert_float_equal(cpu.base_mhz, 2100, 0);

        jk_model_cpu_of(&(struct jk_cpu_identity){ .implementer = 0x41, .part = 0xd0c }, &cpu);
        assert_int_equal(cpu.part, 0xd0c);
        assert_int_equal(cpu.family, -1);
        assert_int_equal(cpu.threads, -1);
        assert_true(isnan(cpu.base_mhz));
}

static void
a_guests_sockets_are_not_believed(void **state)
{
        struct jk_cpu_identity guest = skylake;
        struct jk_model_cpu cpu;

        (void)state;
        guest.hypervisor = true;
        jk_model_cpu_of(&guest, &cpu);
        assert_int_equal(cpu.sockets, -1);
        assert_int_equal(cpu.threads, 88);
}

static void
sysfs_tells_the_base_frequency(void **state)
{
        struct jk_model_cpu cpu;
        struct jk_error err;
        struct tree tree;

        (void)state;
        tree_make(&tree);
        tree_write(&tree, "proc/cpuinfo", "processor\t: 0\nmodel name\t: X @ 3.00GHz\n");
        assert_int_equal(jk_model_cpu_here(&tree.root, &cpu, &err), 0);
        assert_float_equal(cpu.base_mhz, 3000, 0);
        tree_write(&tree, "sys/devices/system/cpu/cpu0/cpufreq/base_frequency", "2300000\n");
        assert_int_equal(jk_model_cpu_here(&tree.root, &cpu, &err), 0);
        assert_float_equal(cpu.base_mhz, 2300, 0);
        tree_destroy(&tree);
}

static void
the_farther_the_wider(void **state)
{
        struct jk_model_file file;
        struct jk_model_match here, before;

        (void)state;
        own_model(&file);
        here = match_with(&file);
        assert_int_equal(here.nearness, JK_NEAR_CPU);
        assert_float_equal(here.scale, 1, 0);
        assert_float_equal(here.error_pct, sqrt(8 * 8 + 10 * 10), 1e-9);

        strcpy(file.cpu.name, "Intel(R) Xeon(R) Gold 6130");
        before = here;
        here = match_with(&file);
        assert_int_equal(here.nearness, JK_NEAR_MODEL);
        assert_true(here.error_pct > before.error_pct);
        assert_true(jk_model_match_compare(&before, &here) < 0);

        file.cpu.stepping = 3;
        here = match_with(&file);
        assert_int_equal(here.nearness, JK_NEAR_FAMILY);

        strcpy(file.cpu.architecture, "haswell");
        before = here;
        here = match_with(&file);
        assert_int_equal(here.nearness, JK_NEAR_VENDOR);
        assert_true(here.error_pct > before.error_pct);

        strcpy(file.cpu.vendor, "AuthenticAMD");
        before = here;
        here = match_with(&file);
        assert_int_equal(here.nearness, JK_NEAR_OTHER);
        assert_true(here.error_pct > before.error_pct);
}

static void
what_is_scaled_gets_wider_both_ways(void **state)
{
        struct jk_model_file file;
        double own_pct, up_pct, down_pct;

        (void)state;
        own_model(&file);
        own_pct = match_with(&file).error_pct;
        file.cpu.threads = 44;
        assert_float_equal(match_with(&file).scale, 2, 1e-9);
        up_pct = match_with(&file).error_pct;
        file.cpu.threads = 176;
        down_pct = match_with(&file).error_pct;
        assert_true(up_pct > own_pct);
        assert_float_equal(up_pct, down_pct, 1e-9);

        file.cpu.threads = -1;
        assert_float_equal(match_with(&file).scale, 1, 0);
        assert_true(match_with(&file).error_pct > up_pct);

        file.per = JK_PER_THREAD;
        assert_float_equal(match_with(&file).error_pct, own_pct, 1e-9);
        file.cpu.base_mhz = 4200;
        assert_true(match_with(&file).error_pct > own_pct);
}

static void
a_familys_model_is_not_widened_in_the_family(void **state)
{
        struct jk_model_file file;

        (void)state;
        jk_model_file_init(&file);
        file.per = JK_PER_THREAD;
        file.error.uncertainty_pct = 52;
        strcpy(file.cpu.vendor, "GenuineIntel");
        strcpy(file.cpu.architecture, "skylake");
        assert_int_equal(match_with(&file).nearness, JK_NEAR_FAMILY);
        assert_float_equal(match_with(&file).error_pct, 52, 1e-9);
        strcpy(file.cpu.architecture, "haswell");
        assert_true(match_with(&file).error_pct > 52);
}

static void
an_error_that_is_not_told_is_not_nought(void **state)
{
        struct jk_model_file file;

        (void)state;
        own_model(&file);
        file.error.uncertainty_pct = NAN;
        assert_float_equal(match_with(&file).own_pct, 100, 0);
        file.error.mape_pct = 8;
        assert_float_equal(match_with(&file).own_pct, 10, 1e-9);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpuinfo_tells_what_a_machine_is),
        cmocka_unit_test(a_guests_sockets_are_not_believed),
        cmocka_unit_test(sysfs_tells_the_base_frequency),
        cmocka_unit_test(the_farther_the_wider),
        cmocka_unit_test(what_is_scaled_gets_wider_both_ways),
        cmocka_unit_test(a_familys_model_is_not_widened_in_the_family),
        cmocka_unit_test(an_error_that_is_not_told_is_not_nought),
};

JK_RUN_TESTS(tests)
