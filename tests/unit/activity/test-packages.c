/* SPDX-License-Identifier: Apache-2.0
 *
 * Packages as sysfs has them.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "activity/packages.h"
#include "tests/unit/tree.h"

struct fixture {
        struct tree tree;
        struct jk_packages packages;
};

static int
set_up(void **state)
{
        struct fixture *f = calloc(1, sizeof *f);

        if (!f)
                return -1;
        tree_make(&f->tree);
        *state = f;
        return 0;
}

static int
tear_down(void **state)
{
        struct fixture *f = *state;

        tree_destroy(&f->tree);
        free(f);
        return 0;
}

static void
add_cpu(struct fixture *f, int cpu, int package)
{
        char path[100];

        snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%d/topology/physical_package_id",
                 cpu);
        tree_write(&f->tree, path, "%d\n", package);
}

/* CPUs 0 and 1 in package 0, CPU 10 in package 3; CPU 2 has no topology, as one that is offline. */
static void
make_two(struct fixture *f)
{
        add_cpu(f, 0, 0);
        add_cpu(f, 1, 0);
        add_cpu(f, 10, 3);
        tree_dir(&f->tree, "sys/devices/system/cpu/cpu2");
        tree_dir(&f->tree, "sys/devices/system/cpu/cpufreq");
        jk_packages_read(&f->packages, &f->tree.root);
}

static void
each_cpu_has_its_package(void **state)
{
        struct fixture *f = *state;

        make_two(f);
        assert_int_equal(f->packages.n, 2);
        assert_int_equal(f->packages.events.events[0].package, 0);
        assert_int_equal(f->packages.events.events[1].package, 3);
        assert_string_equal(f->packages.events.events[1].name, JK_EVENT_CPU_TIME);
        assert_int_equal(jk_packages_of(&f->packages, 1), 0);
        assert_int_equal(jk_packages_of(&f->packages, 10), 1);
}

static void
a_cpu_that_comes_later_is_looked_up(void **state)
{
        struct fixture *f = *state;

        make_two(f);
        assert_int_equal(jk_packages_of(&f->packages, 2), -1);
        assert_int_equal(jk_packages_of(&f->packages, 1000000), -1);
        add_cpu(f, 2, 3);
        assert_int_equal(jk_packages_of(&f->packages, 2), 1);
}

static void
one_package_is_none_to_tell_apart(void **state)
{
        struct fixture *f = *state;

        jk_packages_read(&f->packages, &f->tree.root);
        assert_int_equal(f->packages.n, 0);
        add_cpu(f, 0, 0);
        add_cpu(f, 1, 0);
        jk_packages_read(&f->packages, &f->tree.root);
        assert_int_equal(f->packages.n, 0);
        assert_int_equal(jk_packages_of(&f->packages, 0), -1);
}

/* Some ARM firmware says −1, and some a package for each core. */
static void
absurd_topologies_are_not_told(void **state)
{
        struct fixture *f = *state;

        add_cpu(f, 0, -1);
        add_cpu(f, 1, -1);
        jk_packages_read(&f->packages, &f->tree.root);
        assert_int_equal(f->packages.n, 0);
        for (int cpu = 0; cpu < 3 * JK_PACKAGES_MAX; cpu++)
                add_cpu(f, cpu, cpu);
        jk_packages_read(&f->packages, &f->tree.root);
        assert_int_equal(f->packages.n, 0);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_cpu_has_its_package, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cpu_that_comes_later_is_looked_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_package_is_none_to_tell_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(absurd_topologies_are_not_told, set_up, tear_down),
};

JK_RUN_TESTS(tests)
