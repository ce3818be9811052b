/* SPDX-License-Identifier: Apache-2.0
 *
 * Somebody's tables as ticks: units, counters, joins, gaps, and what is not there.
 */
#include "tests/unit/import/converted.h"

#include <math.h>
#include <unistd.h>

#include "import/csv.h"

#define TABLES(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define S           JK_NS_PER_S

#define POWER                                                                                      \
        "interval: 3s\n"                                                                           \
        "tables:\n"                                                                                \
        "  - time: {column: t, unit: s}\n"                                                         \
        "    zones: [{name: package-0, column: p, unit: W}]\n"

static void
power_is_energy_of_the_time_since_the_row_before(void **state)
{
        autoconverted struct converted got = { 0 };

        (void)state;
        convert(&got, POWER, TABLES("t,p\n100,10\n103,20.5\n107,1\n"));
        assert_int_equal(got.n, 4);
        assert_true(got.ticks[0].flags & JK_SAMPLE_FIRST);
        assert_int_equal(got.ticks[0].time_ns, 97 * S);
        assert_int_equal(got.ticks[0].readings[0].flags, 0);
        assert_int_equal(got.ticks[1].readings[0].energy_uj, 30000000);
        assert_int_equal(got.ticks[2].readings[0].energy_uj, 61500000);
        assert_int_equal(got.ticks[3].readings[0].energy_uj, 4000000);
        assert_int_equal(got.ticks[3].readings[0].elapsed_ns, 4 * S);
        assert_int_equal(got.ticks[3].elapsed_ns, 4 * S);
}

static void
a_gap_ends_with_a_tick_of_nothing(void **state)
{
        autoconverted struct converted got = { 0 };

        (void)state;
        convert(&got, POWER, TABLES("t,p\n100,10\n200,10\n"));
        assert_int_equal(got.n, 4);
        assert_int_equal(got.ticks[2].time_ns, 197 * S);
        assert_int_equal(got.ticks[2].readings[0].flags, 0);
        assert_int_equal(got.ticks[2].elapsed_ns, 97 * S);
        assert_int_equal(got.ticks[3].readings[0].energy_uj, 30000000);
        assert_int_equal(got.ticks[3].readings[0].elapsed_ns, 3 * S);
}

static void
rows_may_stand_in_any_order_and_in_several_files(void **state)
{
        autoconverted struct converted got = { 0 };

        (void)state;
        convert(&got, POWER, TABLES("t,p\n106,3,\n100,1\n", "p,x,t\n2,,103\n"));
        assert_int_equal(got.n, 4);
        for (int i = 1; i < 4; i++)
                assert_int_equal(got.ticks[i].readings[0].energy_uj, i * 3000000);
}

static void
rows_without_a_time_are_an_interval_apart(void **state)
{
        autoconverted struct converted got = { 0 };

        (void)state;
        convert(&got,
                "tables:\n"
                "  - interval: 100ms\n"
                "    zones: [{name: package-0, column: p, unit: mJ}]\n",
                TABLES("p\n1\n2\n"));
        assert_int_equal(got.n, 3);
        assert_int_equal(got.ticks[2].elapsed_ns, 100 * JK_NS_PER_MS);
        assert_int_equal(got.ticks[2].readings[0].energy_uj, 2000);
}

static void
without_an_interval_the_first_row_only_begins(void **state)
{
        autoconverted struct converted got = { 0 };

        (void)state;
        convert(&got,
                "tables:\n"
                "  - time: {column: t, unit: s}\n"
                "    zones: [{name: package-0, column: p, unit: W}]\n",
                TABLES("t,p\n100,1\n105,2\n"));
        assert_int_equal(got.n, 2);
        assert_true(got.ticks[0].flags & JK_SAMPLE_FIRST);
        assert_int_equal(got.ticks[0].readings[0].flags, 0);
        assert_int_equal(got.ticks[1].readings[0].energy_uj, 10000000);
}

#define COUNTER(range)                                                                             \
        "tables:\n"                                                                                \
        "  - time: {column: t, unit: s}\n"                                                         \
        "    zones: [{name: dram-0, column: p, unit: mJ, kind: cumulative" range "}]\n"

static void
counters_are_subtracted(void **state)
{
        autoconverted struct converted got = { 0 };

        (void)state;
        convert(&got, COUNTER(""), TABLES("t,p\n1,1000\n2,1500\n3,nan\n9,1700\n"));
        assert_int_equal(got.n, 4);
        assert_true(got.ticks[0].flags & JK_SAMPLE_FIRST);
        assert_int_equal(got.ticks[1].readings[0].energy_uj, 500000);
        assert_int_equal(got.ticks[2].readings[0].flags, 0);
        assert_int_equal(got.ticks[3].readings[0].energy_uj, 200000);
        assert_int_equal(got.ticks[3].readings[0].elapsed_ns, 7 * S);
}

static void
a_counter_wraps_at_its_range_and_else_begins_anew(void **state)
{
        static const char table[] = "t,p\n1,65646695\n2,12163\n3,90638\n";
        autoconverted struct converted wrapped = { 0 }, anew = { 0 };

        (void)state;
        convert(&wrapped, COUNTER(", range: 65712999.6"), TABLES(table));
        assert_int_equal(wrapped.ticks[1].readings[0].energy_uj, 78467600);
        assert_int_equal(wrapped.ticks[1].readings[0].flags, JK_READING_SEEN | JK_READING_WRAPPED);
        convert(&anew, COUNTER(""), TABLES(table));
        assert_int_equal(anew.ticks[1].readings[0].flags, JK_READING_REBASED);
        assert_int_equal(anew.ticks[2].readings[0].energy_uj, 78475000);
}

static void
a_counter_above_its_range_is_refused(void **state)
{
        autoconverted struct converted got = { 0 };

        (void)state;
        convert(&got, COUNTER(", range: 1000"), TABLES("t,p\n1,1\n2,1001\n"));
        assert_int_equal(got.r, -EINVAL);
        assert_string_equal(got.err.message, "f0:3: p: '1001' is above the range of the counter");
}

#define TASKS                                                                                      \
        "interval: 1s\n"                                                                           \
        "cpus: 4\n"                                                                                \
        "tables:\n"                                                                                \
        "  - time: {column: t, unit: s}\n"                                                         \
        "    tasks: {name: '{pod}', cgroup: '/{ns}/{pod}'}\n"                                      \
        "    features:\n"                                                                          \
        "      - {feature: cpu, column: ms, unit: ms}\n"                                           \
        "      - {feature: cycles, column: cyc, unit: 1000}\n"

static void
rows_of_one_time_are_the_tasks_of_a_tick(void **state)
{
        autoconverted struct converted got = { 0 };
        const struct tick *tick;

        (void)state;
        convert(&got, TASKS,
                TABLES("t,ns,pod,ms,cyc\n1,a,x,1000,5\n1,b,x,500,1\n1,a,x,100,2\n2,b,x,1,1\n"));
        assert_int_equal(got.n, 3);
        tick = &got.ticks[1];
        assert_int_equal(tick->n_tasks, 2);
        assert_int_equal(tick->fields, JK_TASK_CPU | JK_TASK_CYCLES);
        assert_string_equal(tick->tasks[0].comm, "x");
        assert_int_equal(tick->tasks[0].cpu_ns, 1100 * JK_NS_PER_MS);
        assert_int_equal(tick->tasks[0].cycles, 7000);
        assert_int_equal(tick->tasks[0].flags, JK_TASK_NEW);
        assert_true(tick->tasks[0].cgroup != tick->tasks[1].cgroup);
        assert_true(tick->tasks[0].pid != tick->tasks[1].pid);
        assert_int_equal(tick->n_cgroups, 2);
        assert_string_equal(tick->cgroups[0], "/a/x");
        assert_int_equal(got.ticks[2].n_tasks, 1);
        assert_int_equal(got.ticks[2].n_cgroups, 0);
        assert_int_equal(got.ticks[2].tasks[0].flags, 0);
        assert_int_equal(got.ticks[2].tasks[0].pid, tick->tasks[1].pid);
}

static void
the_machine_is_as_busy_as_its_tasks(void **state)
{
        autoconverted struct converted got = { 0 };

        (void)state;
        convert(&got, TASKS, TABLES("t,ns,pod,ms,cyc\n1,a,x,1000,5\n1,b,x,1000,1\n2,b,x,9000,1\n"));
        assert_int_equal(got.ticks[1].n_cpus, 4);
        assert_int_equal(got.ticks[1].cpu.busy_ns, S / 2);
        assert_int_equal(got.ticks[1].cpu.idle_ns, S / 2);
        assert_int_equal(got.ticks[2].cpu.busy_ns, S); /* never more than there is */
        assert_int_equal(got.ticks[2].cpu.idle_ns, 0);
}

static void
what_a_row_lacks_is_not_seen(void **state)
{
        autoconverted struct converted got = { 0 };

        (void)state;
        convert(&got, TASKS, TABLES("t,ns,pod,ms,cyc\n1,a,x,1000,\n1,b,x,500,9\n2,a,x,nan,1\n"));
        assert_int_equal(got.ticks[1].fields, JK_TASK_CPU);
        assert_int_equal(got.ticks[1].tasks[1].cycles, 0);
        assert_int_equal(got.ticks[2].fields, JK_TASK_CYCLES);
        assert_int_equal(got.ticks[2].tasks[0].cycles, 1000);
        assert_int_equal(got.ticks[2].n_cpus, 0);
        assert_false(got.ticks[2].flags & JK_SAMPLE_CPUS);
}

static void
tables_are_told_by_their_columns_and_joined_by_time(void **state)
{
        autoconverted struct converted got = { 0 };

        (void)state;
        convert(&got,
                "interval: 1s\n"
                "cpus: 2\n"
                "tables:\n"
                "  - time: {column: t, unit: s}\n"
                "    where: {kind: node}\n"
                "    zones:\n"
                "      - {name: package-0, column: p, unit: J, where: {socket: 0}}\n"
                "      - {name: package-1, column: p, unit: J, where: {socket: 1}}\n"
                "  - time: {column: at, unit: ms, offset: -500ms}\n"
                "    features:\n"
                "      - {feature: cpu, column: busy, unit: percent}\n"
                "      - {feature: frequency, column: MHz, unit: MHz}\n",
                TABLES("at,busy,MHz\n1500,50,2400\n",
                       "t,kind,socket,p\n1,node,0,5\n1,node,1,7\n1,pod,0,9\n"));
        assert_int_equal(got.n, 2);
        assert_int_equal(got.ticks[1].readings[0].energy_uj, 5000000);
        assert_int_equal(got.ticks[1].readings[1].energy_uj, 7000000);
        assert_int_equal(got.ticks[1].n_cpus, 2);
        assert_int_equal(got.ticks[1].cpu.busy_ns, S / 4);
        assert_int_equal(got.ticks[1].cpu.frequency_khz, 2400000);
        assert_false(got.ticks[1].flags & JK_SAMPLE_TASKS);
        assert_int_equal(got.seen.zones.zones[1].kind, JK_ZONE_PACKAGE);
        assert_int_equal(got.seen.zones.zones[1].package, 1);
        assert_int_equal(got.seen.zones.zones[1].provenance, JK_REPLAYED);
}

#define STATES                                                                                     \
        "interval: 1s\n"                                                                           \
        "cpus: 4\n"                                                                                \
        "tables:\n"                                                                                \
        "  - time: {column: t, unit: s}\n"                                                         \
        "    zones: [{name: package-0, column: p, unit: J, where: {z: y}}]\n"                      \
        "    tasks: {name: '{who}'}\n"                                                             \
        "    features:\n"                                                                          \
        "      - {event: REFILL, column: r}\n"                                                     \
        "      - {event: REFILL, column: r1, package: 1}\n"                                        \
        "      - {feature: temperature, column: T, unit: C}\n"                                     \
        "      - {feature: voltage, column: V, unit: V}\n"

static void
events_and_what_the_cpus_are_at_are_read(void **state)
{
        autoconverted struct converted got = { 0 };

        (void)state;
        convert(&got, STATES,
                TABLES("t,who,p,r,r1,T,V,z\n"
                       "1,a,5,10,11,-12.5,1.15,y\n"
                       "1,b,,20,21,-12.5,1.15,\n"
                       "2,a,5,12,,40,,y\n"));
        assert_string_equal(got.err.message, "");
        assert_int_equal(got.seen.events.count, 2);
        assert_int_equal(got.seen.events.events[1].package, 1);
        assert_int_equal(got.ticks[1].n_events, 2);
        assert_int_equal(got.ticks[1].events[0][0], 10);
        assert_int_equal(got.ticks[1].events[1][1], 21);
        assert_int_equal(got.ticks[1].n_cpus, 4);
        assert_true(got.ticks[1].cpu.temperature_seen && got.ticks[1].cpu.voltage_seen);
        assert_false(got.ticks[1].cpu.frequency_seen);
        assert_int_equal(got.ticks[1].cpu.temperature_mc, -12500);
        assert_int_equal(got.ticks[1].cpu.voltage_uv, 1150000);
        assert_int_equal(got.ticks[2].n_events, 0); /* one of them is not there */
        assert_int_equal(got.ticks[2].cpu.temperature_mc, 40000);
        assert_false(got.ticks[2].cpu.voltage_seen);
}

static void
what_no_cpu_is_at_is_refused(void **state)
{
        autoconverted struct converted hot = { 0 }, cold = { 0 }, high = { 0 };

        (void)state;
        convert(&hot, STATES, TABLES("t,who,p,r,r1,T,V,z\n1,a,5,1,1,40000,1,y\n"));
        assert_string_equal(hot.err.message,
                            "f0:2: T: '40000' is no temperature; is the unit right?");
        convert(&cold, STATES, TABLES("t,who,p,r,r1,T,V,z\n1,a,5,1,1,-274,1,y\n"));
        assert_string_equal(cold.err.message,
                            "f0:2: T: '-274' is no temperature; is the unit right?");
        convert(&high, STATES, TABLES("t,who,p,r,r1,T,V,z\n1,a,5,1,1,1,5000,y\n"));
        assert_string_equal(high.err.message, "f0:2: V: '5000' is no voltage; is the unit right?");
}

static void
long_names_keep_both_ends(void **state)
{
        autoconverted struct converted got = { 0 };

        (void)state;
        convert(&got, STATES,
                TABLES("t,who,p,r,r1,T,V,z\n"
                       "1,automotive_susan_c,5,1,1,1,1,y\n"
                       "1,fifteen_letters,,1,1,1,1,\n"));
        assert_string_equal(got.ticks[1].tasks[0].comm, "automot~susan_c");
        assert_string_equal(got.ticks[1].tasks[1].comm, "fifteen_letters");
}

static void
rows_that_are_near_are_joined(void **state)
{
        static const char mapping[] = "interval: 1s\n"
                                      "tables:\n"
                                      "  - time: {column: t, unit: ms}\n"
                                      "    zones: [{name: package-0, column: p, unit: J}]\n"
                                      "  - time: {column: at, unit: ms}\n"
                                      "    tasks: {name: x}\n"
                                      "    features: [{feature: cpu, column: c, unit: ms}]\n";
        static const char energy[] = "t,p\n1000,1\n2001,1\n3002,1\n";
        static const char tasks[] = "at,c\n1300,1\n1799,2\n3303,3\n";
        autoconverted struct converted apart = { 0 }, joined = { .join_ns = 300 * JK_NS_PER_MS };

        (void)state;
        convert(&apart, mapping, TABLES(energy, tasks));
        assert_int_equal(apart.n, 7);
        convert(&joined, mapping, TABLES(energy, tasks));
        assert_int_equal(joined.n, 5);
        for (size_t i = 1; i < 4; i++)
                assert_int_equal(joined.ticks[i].readings[0].energy_uj, 1000000);
        assert_int_equal(joined.ticks[1].tasks[0].cpu_ns, JK_NS_PER_MS);
        assert_int_equal(joined.ticks[2].tasks[0].cpu_ns, 2 * JK_NS_PER_MS);
        assert_int_equal(joined.ticks[3].n_tasks, 0); /* 301 ms away */
        assert_int_equal(joined.ticks[4].tasks[0].cpu_ns, 3 * JK_NS_PER_MS);
}

static void
a_zone_is_what_its_name_says(void **state)
{
        autoconverted struct converted got = { 0 };
        const struct jk_zone *zones = got.seen.zones.zones;

        (void)state;
        convert(&got,
                "interval: 1s\n"
                "tables:\n"
                "  - zones:\n"
                "      - {name: package-1-die-1, column: p, unit: W}\n"
                "      - {name: core-1-die-1, column: p, unit: W}\n"
                "      - {name: wall, column: p, unit: W, uncertainty: 1.5}\n"
                "      - {name: fan, column: p, unit: W}\n"
                "      - {name: core--5, column: p, unit: W}\n",
                TABLES("p\n1\n"));
        assert_int_equal(zones[0].package, 1);
        assert_int_equal(zones[0].die, 1);
        assert_true(zones[0].uncertainty_pct == 5);
        assert_int_equal(zones[0].parent, 2);
        assert_int_equal(zones[1].parent, 0);
        assert_int_equal(zones[2].kind, JK_ZONE_WALL);
        assert_int_equal(zones[2].package, -1);
        assert_true(zones[2].uncertainty_pct == 1.5);
        assert_int_equal(zones[3].kind, JK_ZONE_OTHER);
        assert_int_equal(zones[3].parent, 2);
        assert_int_equal(zones[4].kind, JK_ZONE_CORE);
        assert_int_equal(zones[4].package, -1);
}

static void
what_cannot_be_is_refused_with_file_and_line(void **state)
{
        static const struct {
                const char *table, *message;
        } wrong[] = {
                { "\n", "f0: is empty" },
                { "t,q\n", "f0:1: has no column 'p'" },
                { "t;p\n", "f0:1: has no column 't'; is the separator right?" },
                { "t,P\n1,1\n", "f0:1: has no column 'p'; is it 'P'?" },
                { "t,p\n1\n", "f0:2: has 1 fields, and the first line 2" },
                { "t,p\n1,1,1\n", "f0:2: has 3 fields, and the first line 2" },
                { "t,p\n1,1,,\n", "f0:2: has 4 fields, and the first line 2" },
                { "t,p\n1,1\n2,-1\n", "f0:3: p: '-1' is negative" },
                { "t,p\n1,1e30\n", "f0:2: p: '1e30' is more than any machine does" },
                { "t,p\n1,1e999\n", "f0:2: p: '1e999' is too large" },
                { "t,p\n1,x\n", "f0:2: p: 'x' is no number" },
                { "t,p\n1,\"1,5\"\n", "f0:2: p: '1,5' has a comma in the number" },
                { "t,p\nx,1\n", "f0:2: t: 'x' is no time" },
                { "t,p\n1,1\n1,2\n", "f0:3: package-0 has a second value at this time" },
                { "t,p\n1,9e9\n", "f0:2: package-0 is more than any machine does" },
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(wrong); i++) {
                autoconverted struct converted got = { 0 };

                convert(&got, POWER, TABLES(wrong[i].table));
                if (strncmp(got.err.message, wrong[i].message, strlen(wrong[i].message)) != 0)
                        fail_msg("%s\nsaid: %s\nexpected: %s", wrong[i].table, got.err.message,
                                 wrong[i].message);
                assert_true(got.r < 0);
        }
}

static void
bad_rows_can_be_left_out_and_are_counted(void **state)
{
        autoconverted struct converted got = { .seen.skip_bad = true };

        (void)state;
        convert(&got, TASKS,
                TABLES("t,ns,pod,ms,cyc\n1,a,x,1000,-5\n1,a,y,2,1\n1\nx,a,x,1,1\n2,a,y,1,1\n"));
        assert_int_equal(got.r, 0);
        assert_int_equal(got.seen.n_bad, 3);
        assert_string_equal(got.seen.first_bad.message, "f0:2: cyc: '-5' is negative");
        assert_int_equal(got.ticks[1].n_tasks, 1);
        assert_string_equal(got.ticks[1].tasks[0].comm, "y");
}

/* ---- a recorded machine ---- */

static double
add_up(const char *path, const char *column)
{
        FILE *file = fopen(path, "re");
        jk_autocsv struct jk_csv csv;
        struct jk_error err = { "" };
        size_t at = 0;
        double sum = 0;

        jk_csv_begin(&csv, file, path, ',');
        assert_int_equal(jk_csv_next(&csv, &err), 1);
        while (strcmp(csv.fields[at], column) != 0)
                assert_true(++at < csv.n_fields);
        while (jk_csv_next(&csv, &err) > 0)
                sum += strtod(csv.fields[at], NULL);
        fclose(file);
        return sum;
}

static void
the_energy_of_nx12_is_that_of_its_tables(void **state)
{
        static const struct {
                const char *file, *column;
        } zones[] = { { "rapl", "package_power" },
                      { "rapl", "dram_power" },
                      { "acpi", "platform_power" } };
        const char *shared = getenv("JK_SHARED");
        autoconverted struct converted got = { 0 };
        jk_automapping struct jk_mapping mapping = { 0 };
        struct jk_tables *tables = NULL;
        char paths[JK_COUNT(zones)][512];

        (void)state;
        for (size_t i = 0; i < JK_COUNT(zones); i++)
                snprintf(paths[i], sizeof paths[i],
                         "%s/data/kepler-nx12/preprocess_abs_default_%s_Basic.csv",
                         shared ? shared : "", zones[i].file);
        if (access(paths[0], R_OK) < 0)
                JK_SKIP("%s is not there (JK_SHARED)", paths[0]);

        assert_int_equal(jk_mapping_load("kepler-nx12", &mapping, &got.err), 0);
        assert_int_equal(jk_tables_open(&mapping, &got.seen, &tables, &got.err), 0);
        for (size_t i = 1; i < JK_COUNT(zones); i++) {
                FILE *file = fopen(paths[i], "re");

                assert_int_equal(jk_tables_read(tables, file, paths[i], &got.err), 0);
                fclose(file);
        }
        jk_tables_close(tables);
        finish(&got);
        assert_int_equal(got.r, 0);
        assert_int_equal(got.n, 2203);
        for (size_t zone = 0; zone < JK_COUNT(zones); zone++) {
                double expected = 3e6 * add_up(paths[zone], zones[zone].column), sum = 0;

                for (size_t i = 0; i < got.n; i++)
                        sum += (double)got.ticks[i].readings[zone].energy_uj;
                assert_true(fabs(sum - expected) <= 2); /* µJ, of 566 kJ */
        }
        assert_int_equal(got.ticks[1].tasks[0].cpu_ns, 3963 * JK_NS_PER_MS);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_is_energy_of_the_time_since_the_row_before),
        cmocka_unit_test(a_gap_ends_with_a_tick_of_nothing),
        cmocka_unit_test(rows_may_stand_in_any_order_and_in_several_files),
        cmocka_unit_test(rows_without_a_time_are_an_interval_apart),
        cmocka_unit_test(without_an_interval_the_first_row_only_begins),
        cmocka_unit_test(counters_are_subtracted),
        cmocka_unit_test(a_counter_wraps_at_its_range_and_else_begins_anew),
        cmocka_unit_test(a_counter_above_its_range_is_refused),
        cmocka_unit_test(rows_of_one_time_are_the_tasks_of_a_tick),
        cmocka_unit_test(the_machine_is_as_busy_as_its_tasks),
        cmocka_unit_test(what_a_row_lacks_is_not_seen),
        cmocka_unit_test(tables_are_told_by_their_columns_and_joined_by_time),
        cmocka_unit_test(events_and_what_the_cpus_are_at_are_read),
        cmocka_unit_test(what_no_cpu_is_at_is_refused),
        cmocka_unit_test(long_names_keep_both_ends),
        cmocka_unit_test(rows_that_are_near_are_joined),
        cmocka_unit_test(a_zone_is_what_its_name_says),
        cmocka_unit_test(what_cannot_be_is_refused_with_file_and_line),
        cmocka_unit_test(bad_rows_can_be_left_out_and_are_counted),
        cmocka_unit_test(the_energy_of_nx12_is_that_of_its_tables),
};

JK_RUN_TESTS(tests)
