/* SPDX-License-Identifier: Apache-2.0
 *
 * Packages and cores as sysfs has them.
 */
#include "tests/unit/test.h"

#include <math.h>
#include <string.h>

#include "activity/topology.h"
#include "tests/unit/tree.h"

struct fixture {
        struct tree tree;
        struct jk_topology topology;
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

/* What was read before is forgotten. */
static void
read_anew(struct fixture *f)
{
        memset(&f->topology, 0, sizeof f->topology);
        jk_topology_read(&f->topology, &f->tree.root);
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
        jk_topology_read(&f->topology, &f->tree.root);
}

static void
each_cpu_has_its_package(void **state)
{
        struct fixture *f = *state;

        make_two(f);
        assert_int_equal(f->topology.n_packages, 2);
        assert_int_equal(f->topology.events.events[0].package, 0);
        assert_int_equal(f->topology.events.events[1].package, 3);
        assert_string_equal(f->topology.events.events[1].name, JK_EVENT_CPU_TIME);
        assert_int_equal(jk_topology_package(&f->topology, 1), 0);
        assert_int_equal(jk_topology_package(&f->topology, 10), 1);
}

static void
a_cpu_that_comes_later_is_looked_up(void **state)
{
        struct fixture *f = *state;

        make_two(f);
        assert_int_equal(jk_topology_package(&f->topology, 2), -1);
        assert_int_equal(jk_topology_package(&f->topology, 1000000), -1);
        add_cpu(f, 2, 3);
        assert_int_equal(jk_topology_package(&f->topology, 2), 1);
}

static void
one_package_is_none_to_tell_apart(void **state)
{
        struct fixture *f = *state;

        read_anew(f);
        assert_int_equal(f->topology.n_packages, 0);
        add_cpu(f, 0, 0);
        add_cpu(f, 1, 0);
        read_anew(f);
        assert_int_equal(f->topology.n_packages, 0);
        assert_int_equal(jk_topology_package(&f->topology, 0), -1);
}

/* Some ARM firmware says −1, and some a package for each core. */
static void
absurd_topologies_are_not_told(void **state)
{
        struct fixture *f = *state;

        add_cpu(f, 0, -1);
        add_cpu(f, 1, -1);
        read_anew(f);
        assert_int_equal(f->topology.n_packages, 0);
        for (int cpu = 0; cpu < 3 * JK_PACKAGES_MAX; cpu++)
                add_cpu(f, cpu, cpu);
        read_anew(f);
        assert_int_equal(f->topology.n_packages, 0);
}

/* ---- cores ---- */

static void
add_thread(struct fixture *f, int cpu, const char *siblings)
{
        char path[100];

        snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
                 cpu);
        tree_write(&f->tree, path, "%s\n", siblings);
}

/* busy: parts of a second, by CPU. */
static void
observe(struct fixture *f, const double *busy, uint32_t n)
{
        struct jk_sample sample = { 0 };

        for (uint32_t i = 0; i < n; i++) {
                struct jk_cpu_reading *cpu = jk_sample_add_cpu(&sample);

                assert_non_null(cpu);
                cpu->cpu = i;
                cpu->busy_ns = (uint64_t)(busy[i] * 0.8e9);
                cpu->irq_ns = (uint64_t)(busy[i] * 0.1e9);
                cpu->softirq_ns = (uint64_t)(busy[i] * 0.1e9);
                cpu->idle_ns = 1000000000 - (uint64_t)(busy[i] * 1e9);
        }
        jk_topology_observe(&f->topology, &sample);
        jk_sample_free(&sample);
}

static void
assert_shared(struct fixture *f, unsigned cpu, double part)
{
        double shared = jk_topology_shared(&f->topology, cpu);

        if (!(fabs(shared - part) < 1e-6))
                fail_msg("CPU %u: %g instead of %g", cpu, shared, part);
}

static void
a_thread_shares_with_those_of_its_core(void **state)
{
        static const double busy[] = { 0.25, 1, 0.5, 0, 0.75, 0.5 };
        struct fixture *f = *state;

        add_thread(f, 0, "0,4");
        add_thread(f, 1, "1");
        add_thread(f, 2, "2-3,5");
        add_thread(f, 3, "2-3,5");
        add_thread(f, 4, "0,4");
        add_thread(f, 5, "2-3,5");
        read_anew(f);
        assert_true(f->topology.shares_cores);
        assert_int_equal(f->topology.events.count, 1);
        assert_string_equal(f->topology.events.events[0].name, JK_EVENT_SHARED_TIME);
        assert_int_equal(f->topology.events.events[0].package, -1);
        assert_shared(f, 0, 0); /* nothing was observed yet */

        observe(f, busy, 6);
        assert_shared(f, 0, 0.75);
        assert_shared(f, 4, 0.25);
        assert_shared(f, 1, 0);
        assert_shared(f, 2, 0.5);
        assert_shared(f, 3, 0.75); /* of two that are half busy, by chance */
        assert_shared(f, 5, 0.5);
        assert_shared(f, 77, 0);
        assert_shared(f, 1000000, 0);
}

static void
packages_come_before_shared_time(void **state)
{
        struct fixture *f = *state;

        make_two(f);
        add_thread(f, 0, "0-1");
        add_thread(f, 1, "0-1");
        read_anew(f);
        assert_int_equal(f->topology.n_packages, 2);
        assert_int_equal(f->topology.events.count, 3);
        assert_int_equal(jk_event_find(&f->topology.events, JK_EVENT_SHARED_TIME, -1), 2);
}

/* Lists that are none, name CPUs that cannot be, or do not agree with each other. */
static void
absurd_lists_are_no_harm(void **state)
{
        static const char *const lists[] = { "",   "x",    "-",
                                             "0",  "9999", "0-18446744073709551615",
                                             "5,", "7-6",  "0--1" };
        static const double busy[] = { 1, 1, 1, 1 };
        struct fixture *f = *state;

        for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
                add_thread(f, 0, lists[i]);
                read_anew(f);
                observe(f, busy, 4);
                assert_true(jk_topology_shared(&f->topology, 0) >= 0);
                assert_true(jk_topology_shared(&f->topology, 0) <= 1);
        }
        add_thread(f, 0, "0-1");
        add_thread(f, 1, "1-2");
        add_thread(f, 2, "1-2"); /* from 0 it goes round without coming back */
        read_anew(f);
        observe(f, busy, 4);
        assert_shared(f, 0, 1);
}

static void
cores_of_one_thread_are_not_told(void **state)
{
        struct fixture *f = *state;

        add_thread(f, 0, "0");
        add_thread(f, 1, "1");
        read_anew(f);
        assert_false(f->topology.shares_cores);
        assert_int_equal(f->topology.events.count, 0);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_cpu_has_its_package, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cpu_that_comes_later_is_looked_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_package_is_none_to_tell_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(absurd_topologies_are_not_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_thread_shares_with_those_of_its_core, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packages_come_before_shared_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(absurd_lists_are_no_harm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cores_of_one_thread_are_not_told, set_up, tear_down),
};

JK_RUN_TESTS(tests)
