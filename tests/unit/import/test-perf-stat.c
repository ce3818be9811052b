/* SPDX-License-Identifier: Apache-2.0
 *
 * What perf stat prints, as ticks.
 */
#include "tests/unit/import/converted.h"

#include "import/perf-stat.h"

static void
convert_perf(struct converted *converted, const char *text, char separator)
{
        FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

        converted->r = jk_perf_stat_read(&converted->seen, file, "f", separator, &converted->err);
        fclose(file);
        finish(converted);
}

static void
a_machines_lines_are_ticks(void **state)
{
        static const char text[] =
                "# started on Sat Nov 21 18:49:30 2026\n"
                "\n"
                "     1.000242226,30.50,Joules,power/energy-pkg/,1000000,100.00,,\n"
                "     1.000242226,2.25,Joules,power/energy-ram/,1000000,100.00,,\n"
                "     1.000242226,2000000000,,cycles,1000000,100.00,1.2,GHz\n"
                "     1.000242226,<not counted>,,cache-misses,0,100.00,,\n"
                "     1.000242226,2000.48,msec,task-clock,2000484000,100.00,2.0,CPUs utilized\n"
                "     2.000242226,40.50,Joules,power/energy-pkg/,1000000,100.00,,\n"
                "     2.000242226,<not counted>,Joules,power/energy-ram/,0,100.00,,\n"
                "     2.000242226,2500000000,,cycles,1000000,100.00,1.2,GHz\n"
                "     2.000242226,1234,,cache-misses,12,80.00,,\n"
                "     2.000242226,99,,branches,12,80.00,,\n"
                "         summary,604.31,msec,task-clock,604312652,100.00,1.999,CPUs utilized\n";
        autoconverted struct converted got = { 0 };

        (void)state;
        convert_perf(&got, text, ',');
        assert_string_equal(got.err.message, "");
        assert_int_equal(got.n, 3);
        assert_true(got.ticks[0].time_ns > 0);
        assert_int_equal(got.ticks[1].time_ns - got.ticks[0].time_ns, 1000242226);
        assert_string_equal(got.seen.zones.zones[0].name, "package-0");
        assert_string_equal(got.seen.zones.zones[1].name, "dram-0");
        assert_int_equal(got.ticks[1].readings[0].energy_uj, 30500000);
        assert_int_equal(got.ticks[1].readings[0].elapsed_ns, 1000242226);
        assert_int_equal(got.ticks[1].fields, JK_TASK_CYCLES); /* nothing of the clock */
        assert_int_equal(got.ticks[1].tasks[0].cycles, 2000000000);
        assert_string_equal(got.ticks[1].tasks[0].comm, "all");
        assert_int_equal(got.ticks[2].readings[1].flags, 0);
        assert_int_equal(got.ticks[2].fields, JK_TASK_CYCLES | JK_TASK_LLC_MISSES);
        assert_int_equal(got.ticks[2].tasks[0].llc_misses, 1234);
}

static void
other_counts_are_events_and_what_has_a_unit_is_none(void **state)
{
        static const char text[] = "1.0,5,,cycles,1,100.00,,\n"
                                   "1.0,7,,cpu/branches/u,1,100.00,,\n"
                                   "1.0,9,,r01c2:k,1,100.00,,\n"
                                   "1.0,12.5,MiB,uncore_imc/data_reads/,1,100.00,,\n"
                                   "1.0,1000000000,ns,duration_time,1,100.00,,\n"
                                   "2.0,5,,cycles,1,100.00,,\n"
                                   "2.0,8,,cpu/branches/u,1,100.00,,\n"
                                   "2.0,<not counted>,,r01c2:k,0,0.00,,\n";
        autoconverted struct converted got = { 0 };

        (void)state;
        convert_perf(&got, text, ',');
        assert_string_equal(got.err.message, "");
        assert_int_equal(got.seen.events.count, 2);
        assert_string_equal(got.seen.events.events[0].name, "branches");
        assert_string_equal(got.seen.events.events[1].name, "r01c2");
        assert_int_equal(got.seen.events.events[0].package, -1);
        assert_int_equal(got.ticks[1].n_events, 2);
        assert_int_equal(got.ticks[1].events[0][0], 7);
        assert_int_equal(got.ticks[1].events[0][1], 9);
        assert_int_equal(got.ticks[2].n_events, 0); /* one was not counted, and is not 0 */
        assert_int_equal(got.ticks[2].tasks[0].cycles, 5);
}

static void
more_events_than_a_recording_holds_are_refused_with_their_line(void **state)
{
        autoconverted struct converted got = { 0 };
        char text[4096] = "";

        (void)state;
        for (size_t i = 0, at = 0; i <= JK_EVENTS_MAX; i++)
                at += (size_t)snprintf(text + at, sizeof text - at, "1.0,5,,e%zu,1,100.00,,\n", i);
        convert_perf(&got, text, ',');
        assert_true(got.r < 0);
        assert_string_equal(got.err.message, "f:33: e32: there are more than 32 events");
}

static void
sockets_and_cpus_are_zones_of_packages_and_one_sum_of_counts(void **state)
{
        static const char sockets[] = "1.0,S0,1,30.5,Joules,power/energy-pkg/,1,100.00,,\n"
                                      "1.0,S1,1,20.5,Joules,power/energy-pkg/,1,100.00,,\n"
                                      "1.0,S0,8,100,,instructions,1,100.00,,\n"
                                      "1.0,S1,8,200,,instructions,1,100.00,,\n";
        static const char cpus[] = "1.0,CPU0,30.5,Joules,power/energy-pkg/,1,100.00,,\n"
                                   "1.0,CPU20,20.5,Joules,power/energy-pkg/,1,100.00,,\n"
                                   "1.0,CPU0,100,,cpu_core/instructions/u,1,100.00,,\n"
                                   "1.0,CPU1,200,,instructions:u,1,100.00,,\n";
        const char *const texts[] = { sockets, cpus };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(texts); i++) {
                autoconverted struct converted got = { 0 };

                convert_perf(&got, texts[i], ',');
                assert_string_equal(got.err.message, "");
                assert_int_equal(got.n, 2);
                assert_int_equal(got.seen.zones.count, 2);
                assert_string_equal(got.seen.zones.zones[1].name, "package-1");
                assert_int_equal(got.ticks[1].readings[1].energy_uj, 20500000);
                assert_int_equal(got.ticks[1].n_tasks, 1);
                assert_int_equal(got.ticks[1].tasks[0].instructions, 300);
        }
}

static void
cgroups_are_tasks_and_one_that_did_not_run_did_nothing(void **state)
{
        static const char text[] = "1.0,30.5,Joules,power/energy-pkg/,,1,100.00,,\n"
                                   "1.0,403.11,msec,task-clock,a.slice/x,8110,100.00,2.0,CPUs\n"
                                   "1.0,5398,,cycles,a.slice/x,4085,100.00,13.391,K/sec\n"
                                   "1.0,<not counted>,msec,task-clock,b,0,100.00,,\n"
                                   "1.0,<not counted>,,cycles,b,0,100.00,,\n";
        autoconverted struct converted got = { 0 };

        (void)state;
        convert_perf(&got, text, ',');
        assert_string_equal(got.err.message, "");
        assert_int_equal(got.ticks[1].n_tasks, 1);
        assert_int_equal(got.ticks[1].fields, JK_TASK_CPU | JK_TASK_CYCLES);
        assert_string_equal(got.ticks[1].tasks[0].comm, "x");
        assert_string_equal(got.ticks[1].cgroups[0], "/a.slice/x");
        assert_int_equal(got.ticks[1].tasks[0].cpu_ns, 403110000);
        assert_int_equal(got.ticks[1].readings[0].energy_uj, 30500000);
}

static void
threads_are_tasks_by_name_and_number(void **state)
{
        autoconverted struct converted got = { 0 };

        (void)state;
        convert_perf(&got, "0.2,my-app-14584,1.5,msec,task-clock,0,100.00,,\n", ',');
        assert_string_equal(got.err.message, "");
        assert_string_equal(got.ticks[1].tasks[0].comm, "my-app");
        assert_int_equal(got.ticks[1].tasks[0].pid, 14584);
        assert_int_equal(got.ticks[1].tasks[0].cpu_ns, 1500000);
}

static void
the_second_best_event_is_left_out_beside_the_best(void **state)
{
        static const char load[] = "1.0,10,,LLC-load-misses,1,100.00,,\n"
                                   "1.0,5,,LLC-store-misses,1,100.00,,\n";
        static const char both[] = "1.0,10,,LLC-load-misses,1,100.00,,\n"
                                   "1.0,20,,cache-misses,1,100.00,,\n";
        autoconverted struct converted alone = { 0 }, beside = { 0 };

        (void)state;
        convert_perf(&alone, load, ',');
        assert_int_equal(alone.ticks[1].tasks[0].llc_misses, 15);
        convert_perf(&beside, both, ',');
        assert_int_equal(beside.ticks[1].tasks[0].llc_misses, 20);
}

static void
a_run_that_is_appended_begins_anew(void **state)
{
        static const char text[] = "# started on Sat Nov 21 18:00:00 2026\n"
                                   "1.0,10,Joules,power/energy-pkg/,1,100.00,,\n"
                                   "# started on Sat Nov 21 19:00:00 2026\n"
                                   "1.0,20,Joules,power/energy-pkg/,1,100.00,,\n";
        autoconverted struct converted got = { 0 };

        (void)state;
        convert_perf(&got, text, ',');
        assert_string_equal(got.err.message, "");
        assert_int_equal(got.n, 4);
        assert_int_equal(got.ticks[2].readings[0].flags, 0);
        assert_int_equal(got.ticks[3].elapsed_ns, JK_NS_PER_S);
        assert_int_equal(got.ticks[3].readings[0].energy_uj, 20000000);
}

static void
what_cannot_be_is_refused_with_its_line(void **state)
{
        static const struct {
                const char *text, *message;
                char separator;
        } wrong[] = {
                { "1.0,3,14,Joules,power/energy-pkg/,1\n", "f:1: has numbers with a comma", ',' },
                { "1,000242226,401,73,msec,task-clock,1\n", "f:1: has numbers with a comma", ',' },
                { "1,000242226;3,1;Joules;power/energy-pkg/;1;1\n",
                  "f:1: does not begin with a time", ';' },
                { "1.0;3,1;Joules;power/energy-pkg/;1;1\n",
                  "f:1: power/energy-pkg/: '3,1' has a comma", ';' },
                { "30.5,Joules,power/energy-pkg/,1000000,100.00,,\n",
                  "f:1: is no line of perf stat -I", ',' },
                { "x\n", "f:1: does not begin with a time", ',' },
                { "1.0\n", "f:1: is no line of perf stat -I", ',' },
                { "1.0,-5,Joules,power/energy-pkg/,1\n", "f:1: is no line of perf stat -I", ',' },
                { "1.0,5,Watts,power/energy-pkg/,1\n", "f:1: power/energy-pkg/ is in 'Watts'",
                  ',' },
                { "1.0,99999999999999999999,,cycles,1\n",
                  "f:1: cycles: '99999999999999999999' is more than any machine does", ',' },
                { "1.0,1,days,task-clock,a,1\n", "f:1: task-clock is in 'days'", ',' },
                { "2.0,1,,cycles,1\n1.0,1,,cycles,1\n", "f:2: goes back in time", ',' },
                { "1.0,1,,cycles,a,1\n1.0,1,,cycles,a/b,1\n", "f:2: the cgroups /a/b and /a lie",
                  ',' },
                { "1.0,1,,cycles,a,1\n1.0,1,,cycles,/,1\n", "f:2: the cgroups / and /a lie", ',' },
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(wrong); i++) {
                autoconverted struct converted got = { 0 };

                convert_perf(&got, wrong[i].text, wrong[i].separator);
                assert_true(got.r < 0);
                if (strncmp(got.err.message, wrong[i].message, strlen(wrong[i].message)) != 0)
                        fail_msg("%s\nsaid: %s\nexpected: %s", wrong[i].text, got.err.message,
                                 wrong[i].message);
        }
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machines_lines_are_ticks),
        cmocka_unit_test(other_counts_are_events_and_what_has_a_unit_is_none),
        cmocka_unit_test(more_events_than_a_recording_holds_are_refused_with_their_line),
        cmocka_unit_test(sockets_and_cpus_are_zones_of_packages_and_one_sum_of_counts),
        cmocka_unit_test(cgroups_are_tasks_and_one_that_did_not_run_did_nothing),
        cmocka_unit_test(threads_are_tasks_by_name_and_number),
        cmocka_unit_test(the_second_best_event_is_left_out_beside_the_best),
        cmocka_unit_test(a_run_that_is_appended_begins_anew),
        cmocka_unit_test(what_cannot_be_is_refused_with_its_line),
};

JK_RUN_TESTS(tests)
