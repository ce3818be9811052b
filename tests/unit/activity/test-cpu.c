/* SPDX-License-Identifier: Apache-2.0
 *
 * CPUs: /proc/stat of machines large and changing, and the frequency beside it.
 */
#include "tests/unit/test.h"

#include <unistd.h>

#include "activity/activity.h"
#include "activity/cpu-stat.h"
#include "activity/frequency.h"
#include "tests/unit/tree.h"

static struct tree tree;
static struct jk_cpus *cpus;
static struct jk_sample sample;
static struct jk_error err;

static int
set_up(void **state)
{
        (void)state;
        tree_make(&tree);
        cpus = NULL;
        jk_sample_init(&sample);
        return 0;
}

static int
tear_down(void **state)
{
        (void)state;
        jk_cpus_close(cpus);
        jk_sample_free(&sample);
        tree_destroy(&tree);
        return 0;
}

static void
read_cpus(void)
{
        struct jk_instant now = jk_now();

        if (!cpus)
                assert_int_equal(jk_cpus_open(&tree.root, &tree.root, &cpus, &err), 0);
        jk_sample_begin(&sample, &now);
        assert_int_equal(jk_cpus_read(cpus, &sample, &err), 0);
        assert_true(sample.flags & JK_SAMPLE_CPUS);
}

static void
differences_are_nanoseconds(void **state)
{
        const struct jk_cpu_reading *cpu;

        (void)state;
        tree_write(
                &tree, "proc/stat",
                "cpu  10 20 30 40 50 60 70 80 9 9\ncpu0 10 20 30 40 50 60 70 80 9 9\nintr 1 2\n");
        read_cpus();
        assert_int_equal(sample.n_cpus, 1);
        assert_int_equal(sample.cpus[0].busy_ns, 0); /* a baseline */
        tree_write(&tree, "proc/stat",
                   "cpu  0 0 0 0\ncpu0 11 22 33 44 55 66 77 88 99 99\nintr 1 2\n");
        read_cpus();
        cpu = &sample.cpus[0];
        assert_true(cpu->online);
        assert_int_equal(cpu->busy_ns, (1 + 2 + 3) * 10 * JK_NS_PER_MS);
        assert_int_equal(cpu->idle_ns, (4 + 5) * 10 * JK_NS_PER_MS);
        assert_int_equal(cpu->irq_ns, 6 * 10 * JK_NS_PER_MS);
        assert_int_equal(cpu->softirq_ns, 7 * 10 * JK_NS_PER_MS);
        assert_int_equal(cpu->steal_ns, 8 * 10 * JK_NS_PER_MS);
        assert_false(cpu->frequency_seen);
}

static void
a_counter_that_goes_back_gives_nothing_twice(void **state)
{
        static const struct {
                int iowait;
                uint64_t idle_ticks;
        } rows[] = { { 100, 0 }, { 110, 10 }, { 105, 0 }, { 109, 0 }, { 112, 2 } };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                tree_write(&tree, "proc/stat", "cpu0 1 1 1 500 %d 0 0 0\nintr\n", rows[i].iowait);
                read_cpus();
                assert_int_equal(sample.cpus[0].idle_ns, rows[i].idle_ticks * 10 * JK_NS_PER_MS);
        }

        /* Back to almost nothing: another counter, from here on. */
        tree_write(&tree, "proc/stat", "cpu0 1 1 1 900000 112 0 0 0\nintr\n");
        read_cpus();
        tree_write(&tree, "proc/stat", "cpu0 1 1 1 5 112 0 0 0\nintr\n");
        read_cpus();
        assert_int_equal(sample.cpus[0].idle_ns, 0);
        tree_write(&tree, "proc/stat", "cpu0 1 1 1 8 112 0 0 0\nintr\n");
        read_cpus();
        assert_int_equal(sample.cpus[0].idle_ns, 30 * JK_NS_PER_MS);
}

static void
cpus_come_and_go(void **state)
{
        (void)state;
        tree_write(&tree, "proc/stat", "cpu0 1 0 0 1\ncpu1 1 0 0 1\nintr\n");
        read_cpus();
        tree_write(&tree, "proc/stat", "cpu0 3 0 0 1\nintr\n");
        read_cpus();
        assert_int_equal(sample.n_cpus, 2);
        assert_int_equal(sample.cpus[1].cpu, 1);
        assert_false(sample.cpus[1].online);
        assert_int_equal(sample.cpus[1].busy_ns, 0);

        tree_write(&tree, "proc/stat", "cpu0 3 0 0 1\ncpu1 500 0 0 1\ncpu7 9 0 0 1\nintr\n");
        read_cpus();
        assert_int_equal(sample.n_cpus, 3);
        assert_true(sample.cpus[1].online);
        assert_int_equal(sample.cpus[1].busy_ns, 0); /* a new baseline */
        assert_int_equal(sample.cpus[2].cpu, 7);
        tree_write(&tree, "proc/stat", "cpu0 3 0 0 1\ncpu1 501 0 0 1\ncpu7 9 0 0 1\nintr\n");
        read_cpus();
        assert_int_equal(sample.cpus[1].busy_ns, 10 * JK_NS_PER_MS);
}

static void
hundreds_of_cpus_and_a_long_intr_line_fit(void **state)
{
        enum { CPUS = 512 };
        static char text[CPUS * 64 + 200000];
        size_t length = 0;

        (void)state;
        for (int round = 0; round < 2; round++) {
                length = (size_t)sprintf(text, "cpu  1 2 3 4 5 6 7 8 9 10\n");
                for (int i = 0; i < CPUS; i++)
                        length += (size_t)sprintf(text + length, "cpu%d %d 0 0 0 0 0 0 0 0 0\n", i,
                                                  i * round);
                length += (size_t)sprintf(text + length, "intr 5");
                while (length < sizeof text - 16)
                        length += (size_t)sprintf(text + length, " 0");
                length += (size_t)sprintf(text + length, "\nctxt 1\n");
                tree_write_bytes(&tree, "proc/stat", text, length);
                read_cpus();
                assert_int_equal(sample.n_cpus, CPUS);
        }
        for (uint64_t i = 0; i < CPUS; i++)
                assert_int_equal(sample.cpus[i].busy_ns, i * 10 * JK_NS_PER_MS);
}

static void
hostile_lines_are_passed_over(void **state)
{
        (void)state;
        tree_write(&tree, "proc/stat",
                   "cpu  1\ncpu99999999999999999999 1 1 1 1\ncpux 1 1 1 1\ncpu4294967295 1 1 1 1\n"
                   "cpu2 1 -1 1 1\ncpu3 1 1\ncpu5 1 1 1 1 1 1 1 1 1 1 1 1 1 1\ncpu6 1 1 1 1");
        read_cpus();
        assert_int_equal(sample.n_cpus, 1); /* cpu5; the line of cpu6 is cut */
        assert_int_equal(sample.cpus[0].cpu, 5);
}

static void
a_package_tells_how_warm_it_is_by_its_first_cpu(void **state)
{
        (void)state;
        tree_write(&tree, "sys/devices/system/cpu/cpu0/topology/physical_package_id", "0\n");
        tree_write(&tree, "sys/devices/system/cpu/cpu1/topology/physical_package_id", "0\n");
        tree_write(&tree, "sys/class/hwmon/hwmon0/name", "k10temp\n");
        tree_write(&tree, "sys/class/hwmon/hwmon0/temp1_input", "52125\n");
        tree_write(&tree, "proc/stat", "cpu0 1 0 0 1\ncpu1 1 0 0 1\nintr\n");
        read_cpus();
        assert_true(sample.cpus[0].temperature_seen && sample.cpus[0].temperature_mc == 52125);
        assert_false(sample.cpus[1].temperature_seen);
}

static void
what_is_no_stat_file_is_refused(void **state)
{
        struct jk_instant now = jk_now();

        (void)state;
        assert_int_equal(jk_cpus_open(&tree.root, &tree.root, &cpus, &err), -ENOENT);
        assert_non_null(strstr(err.message, "proc/stat"));
        tree_write(&tree, "proc/stat", "no such\nthing\n");
        assert_int_equal(jk_cpus_open(&tree.root, &tree.root, &cpus, &err), 0);
        jk_sample_begin(&sample, &now);
        assert_int_equal(jk_cpus_read(cpus, &sample, &err), -EBADMSG);
        assert_false(sample.flags & JK_SAMPLE_CPUS);
}

static void
frequency_is_read_of_busy_cpus_by_policy(void **state)
{
        char link[128];

        (void)state;
        tree_write(&tree, "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "1800000\n");
        tree_write(&tree, "sys/devices/system/cpu/cpu2/cpufreq/scaling_cur_freq", "<unknown>\n");
        for (int i = 0; i < 2; i++) {
                snprintf(link, sizeof link, "sys/devices/system/cpu/cpu%d", i);
                tree_dir(&tree, link);
                strcat(link, "/cpufreq");
                assert_int_equal(symlinkat("../cpufreq/policy0", tree.root.fd, link), 0);
        }
        tree_write(&tree, "proc/stat", "cpu0 1 0 0 1\ncpu1 1 0 0 1\ncpu2 1 0 0 1\nintr\n");
        read_cpus();
        assert_true(sample.cpus[0].frequency_seen);

        tree_write(&tree, "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "2400000\n");
        tree_write(&tree, "proc/stat", "cpu0 1 0 0 9\ncpu1 9 0 0 1\ncpu2 9 0 0 1\nintr\n");
        read_cpus();
        assert_false(sample.cpus[0].frequency_seen); /* it was idle */
        assert_true(sample.cpus[1].frequency_seen);
        assert_int_equal(sample.cpus[1].frequency_khz, 2400000);
        assert_false(sample.cpus[2].frequency_seen);
}

static void
frequency_follows_the_counters(void **state)
{
        (void)state;
        assert_int_equal(jk_frequency_of_counters(3000, 2000, 2400000), 3600000);
        assert_int_equal(jk_frequency_of_counters(0, 2000, 2400000), 0);
        assert_int_equal(jk_frequency_of_counters(3000, 0, 2400000), 0);
        assert_int_equal(jk_frequency_of_counters(UINT64_MAX, 1, 2400000), 0);
        assert_int_equal(jk_frequency_of_counters(1, 1, 0), 0);
}

static void
this_machine_adds_up(void **state)
{
        struct jk_root host;
        struct jk_instant now = jk_now();
        uint64_t total = 0, online = 0;

        (void)state;
        assert_int_equal(jk_root_open("/", &host, &err), 0);
        assert_int_equal(jk_cpus_open(&host, &host, &cpus, &err), 0);
        jk_sample_begin(&sample, &now);
        assert_int_equal(jk_cpus_read(cpus, &sample, &err), 0);
        while (jk_monotonic_ns() - now.monotonic_ns < 300 * JK_NS_PER_MS)
                ;
        now = jk_now();
        jk_sample_begin(&sample, &now);
        assert_int_equal(jk_cpus_read(cpus, &sample, &err), 0);
        for (size_t i = 0; i < sample.n_cpus; i++) {
                const struct jk_cpu_reading *cpu = &sample.cpus[i];

                online += cpu->online;
                total +=
                        cpu->busy_ns + cpu->idle_ns + cpu->irq_ns + cpu->softirq_ns + cpu->steal_ns;
        }
        assert_int_equal(online, sysconf(_SC_NPROCESSORS_ONLN));
        assert_in_range(total / online, 150 * JK_NS_PER_MS, 600 * JK_NS_PER_MS);
        jk_root_close(&host);
}

#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static const struct CMUnitTest tests[] = {
        WITH_TREE(differences_are_nanoseconds),
        WITH_TREE(a_counter_that_goes_back_gives_nothing_twice),
        WITH_TREE(cpus_come_and_go),
        WITH_TREE(hundreds_of_cpus_and_a_long_intr_line_fit),
        WITH_TREE(hostile_lines_are_passed_over),
        WITH_TREE(a_package_tells_how_warm_it_is_by_its_first_cpu),
        WITH_TREE(what_is_no_stat_file_is_refused),
        WITH_TREE(frequency_is_read_of_busy_cpus_by_policy),
        WITH_TREE(frequency_follows_the_counters),
        WITH_TREE(this_machine_adds_up),
};

JK_RUN_TESTS(tests)
