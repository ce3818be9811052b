/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports of PowerAPI's HWPC sensor, as ticks.
 */
#include "tests/unit/import/converted.h"

#include "import/hwpc.h"

#define HEAD "timestamp,sensor,target,socket,cpu,"
#define TIME ",time_enabled,time_running\n"
#define J    "4294967296"

struct group {
        const char *name, *rows;
};

/* The groups end with one that has no name. */
static void
convert_reports(struct converted *converted, const struct group *groups)
{
        struct jk_hwpc_import *import = NULL;
        struct jk_hwpc_names names = { 0 };

        converted->r = jk_hwpc_import_open(&converted->seen, &names, &import, &converted->err);
        for (; converted->r == 0 && groups->name; groups++) {
                FILE *file = fmemopen((void *)(uintptr_t)groups->rows, strlen(groups->rows), "r");
                struct jk_hwpc_reader *reader = NULL;

                converted->r = jk_hwpc_csv_open_stream(file, groups->name, &names, &reader,
                                                       &converted->err);
                if (converted->r == 0)
                        converted->r = jk_hwpc_import_read(import, reader, &converted->err);
                jk_hwpc_reader_close(reader);
        }
        if (converted->r == 0)
                converted->r = jk_hwpc_import_finish(import, &converted->err);
        jk_hwpc_import_close(import);
        jk_hwpc_names_free(&names);
        finish(converted);
}

#define GROUPS(...)                                                                                \
        (const struct group[])                                                                     \
        {                                                                                          \
                __VA_ARGS__,                                                                       \
                {                                                                                  \
                        0                                                                          \
                }                                                                                  \
        }

static const char each_rapl[] =
        HEAD "RAPL_ENERGY_PKG,RAPL_ENERGY_PSYS" TIME "1000000,s,all,0,0," J ",0,7000000,7000000\n"
             "1001000,s,all,0,0,42949672960," J ",1000000000,1000000000\n"
             "1002004,s,all,0,0,85899345920," J ",1004000000,1004000000\n";

static const char since_rapl[] =
        HEAD "RAPL_ENERGY_PKG,RAPL_ENERGY_PSYS" TIME "1000000,s,all,0,0," J ",0,7000000,7000000\n"
             "1001000,s,all,0,0,42949672960," J ",1007000000,1007000000\n"
             "1002004,s,all,0,0,85899345920," J ",2011000000,2011000000\n";

static const char each_core[] =
        HEAD "CPU_CLK_UNHALTED:THREAD_P,UOPS" TIME "1000000,s,/a/b.scope,0,0,1,2,70,70\n"
             "1000000,s,/a/b.scope,0,1,3,4,70,70\n"
             "1001000,s,/a/b.scope,0,0,100,200,80,40\n"
             "1001000,s,/a/b.scope,0,1,50,60,0,0\n";

static const char since_core[] =
        HEAD "CPU_CLK_UNHALTED:THREAD_P,UOPS" TIME "1000000,s,/a/b.scope,0,0,1,2,70,70\n"
             "1000000,s,/a/b.scope,0,1,3,4,70,70\n"
             "1001000,s,/a/b.scope,0,0,100,200,150,110\n"
             "1001000,s,/a/b.scope,0,1,50,60,70,70\n";

static void
check_both(const struct converted *got)
{
        const struct tick *first, *second;

        assert_string_equal(got->err.message, "");
        assert_int_equal(got->n, 4);
        first = &got->ticks[1];
        second = &got->ticks[2];
        assert_string_equal(got->seen.zones.zones[0].name, "package-0");
        assert_string_equal(got->seen.zones.zones[1].name, "psys");
        assert_int_equal(first->time_ns, 1000 * JK_NS_PER_S);
        assert_int_equal(first->readings[0].energy_uj, 1000000);
        assert_int_equal(first->readings[0].elapsed_ns, 7 * JK_NS_PER_MS); /* a part of a period */
        assert_int_equal(first->elapsed_ns, 7 * JK_NS_PER_MS);
        assert_int_equal(second->readings[0].energy_uj, 10000000);
        assert_int_equal(second->readings[0].elapsed_ns, JK_NS_PER_S);
        assert_int_equal(second->readings[1].energy_uj, 1000000);
        assert_string_equal(first->tasks[0].comm, "b.scope");
        assert_string_equal(first->cgroups[1][0] ? first->cgroups[1] : first->cgroups[0],
                            "/a/b.scope");
        assert_int_equal(first->tasks[0].cycles, 4);
        assert_int_equal(first->fields, JK_TASK_CYCLES);
        assert_int_equal(second->tasks[0].cycles, 250); /* half of the time on one CPU */
        assert_int_equal(got->seen.events.count, 1);
        assert_string_equal(got->seen.events.events[0].name, "UOPS");
        assert_int_equal(got->seen.events.events[0].package, 0);
        assert_int_equal(second->events[0][0], 460);
        assert_int_equal(got->ticks[3].elapsed_ns, 1004 * JK_NS_PER_MS);
        assert_int_equal(got->ticks[3].readings[0].energy_uj, 20000000);
}

static void
times_of_each_report_and_times_since_the_start_are_the_same(void **state)
{
        autoconverted struct converted each = { 0 }, since = { 0 };

        (void)state;
        convert_reports(&each, GROUPS({ "rapl.csv", each_rapl }, { "core.csv", each_core }));
        check_both(&each);
        convert_reports(&since, GROUPS({ "core.csv", since_core }, { "rapl.csv", since_rapl }));
        check_both(&since);
}

static void
a_start_that_is_not_there_is_not_known(void **state)
{
        static const char rapl[] =
                HEAD "RAPL_ENERGY_PKG" TIME "1000000,s,all,0,0," J ",90000000000,90000000000\n"
                     "1001000,s,all,0,0," J ",91000000000,91000000000\n";
        autoconverted struct converted got = { 0 };

        (void)state;
        convert_reports(&got, GROUPS({ "rapl.csv", rapl }));
        assert_string_equal(got.err.message, "");
        assert_int_equal(got.n, 2);
        assert_int_equal(got.ticks[0].readings[0].flags, 0);
        assert_int_equal(got.ticks[1].readings[0].elapsed_ns, JK_NS_PER_S);
}

static void
what_was_lost_between_two_reports_is_not_known(void **state)
{
        static const char rapl[] =
                HEAD "RAPL_ENERGY_PKG" TIME "1000000,s,all,0,0," J ",1000000000,1000000000\n"
                     "1001000,s,all,0,0," J ",1000000000,1000000000\n"
                     "1011000,s,all,0,0," J ",1000000000,1000000000\n";
        autoconverted struct converted got = { 0 };

        (void)state;
        convert_reports(&got, GROUPS({ "rapl.csv", rapl }));
        assert_int_equal(got.n, 5);
        assert_int_equal(got.ticks[3].time_ns, 1010 * JK_NS_PER_S);
        assert_int_equal(got.ticks[3].readings[0].flags, 0);
        assert_int_equal(got.ticks[4].readings[0].energy_uj, 1000000);
        assert_int_equal(got.ticks[4].readings[0].elapsed_ns, JK_NS_PER_S);
}

static void
what_was_enabled_and_never_counted_is_not_0(void **state)
{
        static const char core[] =
                HEAD "CYCLES_NOT_IN_HALT,RETIRED_INSTRUCTIONS" TIME "1000000,s,a,0,0,5,6,100,100\n"
                     "1000000,s,a,0,1,0,0,100,0\n"
                     "1000000,s,b,0,0,0,0,0,0\n";
        autoconverted struct converted got = { 0 };

        (void)state;
        convert_reports(&got, GROUPS({ "rapl.csv", each_rapl }, { "core.csv", core }));
        assert_string_equal(got.err.message, "");
        assert_int_equal(got.ticks[1].n_tasks, 2);
        assert_int_equal(got.ticks[1].fields, 0);
}

static void
a_target_that_comes_late_takes_nothing_from_the_others(void **state)
{
        static const char core[] = HEAD "LLC_MISSES" TIME "1000000,s,a,0,0,5,100,100\n"
                                        "1001000,s,a,0,0,6,100,100\n"
                                        "1001000,s,late,0,0,7,3,3\n";
        autoconverted struct converted got = { 0 };

        (void)state;
        convert_reports(&got, GROUPS({ "rapl.csv", each_rapl }, { "core.csv", core }));
        assert_string_equal(got.err.message, "");
        assert_int_equal(got.ticks[2].fields, JK_TASK_LLC_MISSES);
        assert_int_equal(got.ticks[2].tasks[0].llc_misses, 6);
        assert_int_equal(got.ticks[2].tasks[1].llc_misses, 7);
        assert_true(got.ticks[2].tasks[1].flags & JK_TASK_NEW);
}

static void
of_two_sockets_counts_are_told_apart(void **state)
{
        static const char rapl[] =
                HEAD "RAPL_ENERGY_DRAM" TIME "1000000,s,all,0,0," J ",1000000000,1000000000\n"
                     "1000000,s,all,1,1,8589934592,1000000000,1000000000\n";
        static const char core[] = HEAD "LLC_MISSES" TIME "1000000,s,a,0,0,5,100,100\n"
                                        "1000000,s,a,1,1,6,100,100\n";
        autoconverted struct converted got = { 0 };

        (void)state;
        convert_reports(&got, GROUPS({ "rapl.csv", rapl }, { "core.csv", core }));
        assert_string_equal(got.err.message, "");
        assert_string_equal(got.seen.zones.zones[1].name, "dram-1");
        assert_int_equal(got.ticks[1].readings[1].energy_uj, 2000000);
        assert_int_equal(got.ticks[1].tasks[0].llc_misses, 11);
        assert_int_equal(got.ticks[1].n_events, 2);
        assert_int_equal(got.seen.events.events[1].package, 1);
        assert_int_equal(got.ticks[1].events[0][1], 6);
}

static void
an_event_of_two_groups_is_counted_once(void **state)
{
        static const char core[] = HEAD "LLC_MISSES" TIME "1000000,s,a,0,0,5,100,100\n";
        autoconverted struct converted got = { 0 };

        (void)state;
        convert_reports(&got, GROUPS({ "rapl.csv", each_rapl }, { "core.csv", core },
                                     { "again.csv", core }));
        assert_string_equal(got.err.message, "");
        assert_int_equal(got.ticks[1].tasks[0].llc_misses, 5);
}

static void
the_frequency_is_that_of_the_cpus_that_worked(void **state)
{
        static const char msr[] =
                HEAD "APERF,MPERF,TSC" TIME
                     "1000000,s,all,0,0,300,200,2000000000,1000000000,1000000000\n"
                     "1000000,s,all,0,1,0,0,2000000000,1000000000,1000000000\n"
                     "1001000,s,all,0,0,0,0,2000000000,1000000000,1000000000\n"
                     "1001000,s,all,0,1,0,0,2000000000,1000000000,1000000000\n";
        autoconverted struct converted got = { 0 };

        (void)state;
        convert_reports(&got, GROUPS({ "rapl.csv", each_rapl }, { "msr.csv", msr }));
        assert_string_equal(got.err.message, "");
        assert_int_equal(got.ticks[1].n_cpus, 2);
        assert_int_equal(got.ticks[1].cpu.frequency_khz, 3000000);
        assert_int_equal(got.ticks[2].n_cpus, 0); /* none worked */
}

static void
two_sensors_are_refused(void **state)
{
        static const char other[] = HEAD "LLC_MISSES" TIME "1000000,t,a,0,0,5,100,100\n";
        autoconverted struct converted got = { 0 };

        (void)state;
        convert_reports(&got, GROUPS({ "rapl.csv", each_rapl }, { "core.csv", other }));
        assert_int_equal(got.r, -EINVAL);
        assert_string_equal(got.err.message, "there are reports of the sensors 's' and 't'; import "
                                             "those of each machine on their own");
}

static void
what_no_machine_uses_is_refused(void **state)
{
        static const char rapl[] =
                HEAD "RAPL_ENERGY_PKG" TIME "1000000,s,all,0,0," J ",1000000000,1\n";
        autoconverted struct converted got = { 0 };

        (void)state;
        convert_reports(&got, GROUPS({ "rapl.csv", rapl }));
        assert_int_equal(got.r, 0); /* 1 GJ, scaled: much, but it can be told */
        release(&got);
        convert_reports(&got, GROUPS({ "rapl.csv", HEAD
                                       "RAPL_ENERGY_PKG" TIME
                                       "1000000,s,all,0,0,1152921504606846976,1000000000,1\n" }));
        assert_int_equal(got.r, -EINVAL);
        assert_string_equal(got.err.message,
                            "HWPC report:1: package-0 is more than any machine does; is the unit "
                            "right?");
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_of_each_report_and_times_since_the_start_are_the_same),
        cmocka_unit_test(a_start_that_is_not_there_is_not_known),
        cmocka_unit_test(what_was_lost_between_two_reports_is_not_known),
        cmocka_unit_test(what_was_enabled_and_never_counted_is_not_0),
        cmocka_unit_test(a_target_that_comes_late_takes_nothing_from_the_others),
        cmocka_unit_test(of_two_sockets_counts_are_told_apart),
        cmocka_unit_test(an_event_of_two_groups_is_counted_once),
        cmocka_unit_test(the_frequency_is_that_of_the_cpus_that_worked),
        cmocka_unit_test(two_sensors_are_refused),
        cmocka_unit_test(what_no_machine_uses_is_refused),
};

JK_RUN_TESTS(tests)
