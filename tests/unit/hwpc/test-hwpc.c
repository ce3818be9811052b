/* SPDX-License-Identifier: Apache-2.0
 *
 * Readers of HWPC reports: what they read, and that what is wrong is refused whole, by file and
 * line.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/array.h"
#include "hwpc/reader.h"
#include "tests/unit/allocator.h"
#include "tests/unit/tree.h"

struct bench {
        struct tree tree;
        struct jk_hwpc_names names;
        struct jk_hwpc_reader *reader;
        struct jk_hwpc_report report;
        struct jk_error err;
};

static void
bench_make(struct bench *bench)
{
        *bench = (struct bench){ 0 };
        tree_make(&bench->tree);
}

static void
bench_destroy(struct bench *bench)
{
        jk_hwpc_reader_close(bench->reader);
        jk_hwpc_report_free(&bench->report);
        jk_hwpc_names_free(&bench->names);
        tree_destroy(&bench->tree);
}

/* Open core.csv, and msr.csv if it was written. */
static int
open_csv(struct bench *bench, size_t n)
{
        char core[128], msr[128];
        const char *paths[] = { core, msr };

        snprintf(core, sizeof core, "%s/core.csv", bench->tree.path);
        snprintf(msr, sizeof msr, "%s/msr.csv", bench->tree.path);
        return jk_hwpc_csv_open(paths, n, &bench->names, &bench->reader, &bench->err);
}

static int
open_json(struct bench *bench)
{
        char path[128];

        snprintf(path, sizeof path, "%s/reports", bench->tree.path);
        return jk_hwpc_json_open(path, &bench->names, &bench->reader, &bench->err);
}

static int
next(struct bench *bench)
{
        return jk_hwpc_read(bench->reader, &bench->report, &bench->err);
}

/* The count of an event, or UINT64_MAX. */
static uint64_t
count_of(const struct bench *bench, const char *group, uint32_t socket, uint32_t cpu,
         const char *event)
{
        const struct jk_hwpc_report *report = &bench->report;
        int group_id = jk_hwpc_names_find(&bench->names, group);
        int event_id = jk_hwpc_names_find(&bench->names, event);

        for (size_t i = 0; i < report->n_rows; i++) {
                const struct jk_hwpc_row *row = &report->rows[i];

                if ((int)row->group != group_id || row->socket != socket || row->cpu != cpu)
                        continue;
                for (size_t k = row->first; k < row->first + row->n; k++)
                        if ((int)report->values[k].event == event_id)
                                return report->values[k].count;
        }
        return UINT64_MAX;
}

static void
assert_told(const struct bench *bench, const char *what)
{
        if (!strstr(bench->err.message, what))
                fail_msg("'%s' is not in '%s'", what, bench->err.message);
}

/* ---- CSV ---- */

#define TITLES "timestamp,sensor,target,socket,cpu,A,B\n"

static void
files_of_a_set_are_joined_by_time_and_target(void **state)
{
        struct bench bench;

        (void)state;
        bench_make(&bench);
        tree_write(&bench.tree, "core.csv",
                   TITLES "10,s,/a,0,0,1,2\n10,s,/a,0,1,3,4\n10,s,all,1,7,5,6\n30,s,/a,0,0,7,8\n");
        tree_write(&bench.tree, "msr.csv", TITLES "10,s,all,0,0,11,12\n20,s,all,0,0,13,14\n");
        assert_int_equal(open_csv(&bench, 2), 0);

        assert_int_equal(next(&bench), 1);
        assert_int_equal(bench.report.timestamp_ms, 10);
        assert_string_equal(bench.report.target.data, "/a");
        assert_int_equal(count_of(&bench, "core", 0, 0, "A"), 1);
        assert_int_equal(count_of(&bench, "core", 0, 1, "B"), 4);
        assert_int_equal(bench.report.n_rows, 2);

        assert_int_equal(next(&bench), 1);
        assert_string_equal(bench.report.target.data, "all");
        assert_int_equal(count_of(&bench, "core", 1, 7, "A"), 5);
        assert_int_equal(count_of(&bench, "msr", 0, 0, "B"), 12);

        assert_int_equal(next(&bench), 1);
        assert_int_equal(bench.report.timestamp_ms, 20);
        assert_int_equal(next(&bench), 1);
        assert_int_equal(bench.report.timestamp_ms, 30);
        assert_int_equal(next(&bench), 0);
        assert_int_equal(next(&bench), 0);
        bench_destroy(&bench);
}

static void
columns_stand_in_any_order(void **state)
{
        struct bench bench;

        (void)state;
        bench_make(&bench);
        tree_write(&bench.tree, "core.csv",
                   "B,cpu,target,A,sensor,timestamp,socket\r\n2,5,/a,1,s,10,0\r\n\r\n");
        assert_int_equal(open_csv(&bench, 1), 0);
        assert_int_equal(next(&bench), 1);
        assert_string_equal(bench.report.sensor.data, "s");
        assert_int_equal(count_of(&bench, "core", 0, 5, "A"), 1);
        assert_int_equal(count_of(&bench, "core", 0, 5, "B"), 2);
        assert_int_equal(next(&bench), 0);
        bench_destroy(&bench);
}

/* The hash is of the target alone. */
static void
sensors_with_a_target_of_one_name_are_kept_apart(void **state)
{
        struct bench bench;
        struct jk_text rows = { 0 };
        uint64_t n = 0;

        (void)state;
        bench_make(&bench);
        jk_text_string(&rows, TITLES);
        for (int round = 0; round < 2; round++)
                for (int i = 0; i < 1000; i++)
                        jk_text_printf(&rows, "10,s%d,/same,0,%d,%d,0\n", i, round, i);
        tree_write_bytes(&bench.tree, "core.csv", rows.data, rows.length);
        assert_int_equal(open_csv(&bench, 1), 0);
        for (; next(&bench) == 1; n++) {
                char sensor[16];

                snprintf(sensor, sizeof sensor, "s%d", (int)n);
                assert_string_equal(bench.report.sensor.data, sensor);
                assert_int_equal(count_of(&bench, "core", 0, 0, "A"), n);
                assert_int_equal(count_of(&bench, "core", 0, 1, "A"), n);
        }
        assert_int_equal(n, 1000);
        jk_text_free(&rows);
        bench_destroy(&bench);
}

static void
what_is_wrong_in_a_csv_file_is_refused_with_its_line(void **state)
{
        static const struct {
                const char *file, *complaint;
        } rows[] = {
                { "", "core.csv:1: there is no header" },
                { "timestamp,sensor,target,socket,A\n", "core.csv:1: the header has to name" },
                { "timestamp,sensor,target,socket,cpu,A,A\n", "core.csv:1: two columns" },
                { "timestamp,sensor,target,socket,cpu,cpu\n", "core.csv:1: two columns" },
                { "timestamp,sensor,target,socket,cpu,\n", "core.csv:1: " },
                { TITLES "10,s,/a,0,0,1\n", "core.csv:2: there are fewer" },
                { TITLES "10,s,/a,0,0,1,2,3\n", "core.csv:2: there are more" },
                { TITLES "10,s,/a,0,0,1,-2\n", "core.csv:2: B: a number" },
                { TITLES "10,s,/a,0,0,1,\n", "core.csv:2: B: a number" },
                { TITLES "10,s,/a,0,0,1,nan\n", "core.csv:2: B: a number" },
                { TITLES "10,s,/a,0,0,1,2.5\n", "core.csv:2: B: a number" },
                { TITLES "10,s,/a,0,0,1,0x10\n", "core.csv:2: B: a number" },
                { TITLES "10,s,/a,0,0,1, 2\n", "core.csv:2: B: a number" },
                { TITLES "10,s,/a,0,0,1,1152921504606846977\n", "core.csv:2: B: a number" },
                { TITLES "10,s,/a,0,0,1,99999999999999999999\n", "core.csv:2: B: a number" },
                { TITLES "10,s,/a,0,-1,1,2\n", "core.csv:2: socket and cpu" },
                { TITLES "10,s,/a,0,65536,1,2\n", "core.csv:2: socket and cpu" },
                { TITLES "10,s,/a,1024,0,1,2\n", "core.csv:2: socket and cpu" },
                { TITLES "0,s,/a,0,0,1,2\n", "core.csv:2: /a: a number" },
                { TITLES "1e3,s,/a,0,0,1,2\n", "core.csv:2: timestamp" },
                { TITLES "-10,s,/a,0,0,1,2\n", "core.csv:2: timestamp" },
                { TITLES "253402300800000,s,/a,0,0,1,2\n", "core.csv:2: timestamp" },
                { TITLES "10,,/a,0,0,1,2\n", "core.csv:2: /a: a name" },
                { TITLES "10,s,,0,0,1,2\n", "core.csv:2: : a name" },
                { TITLES "10,s,\xff,0,0,1,2\n", "a name" },
                { TITLES "10,s,\"/a\",0,0,1,2\n", "core.csv:2: there are quotes" },
                { TITLES "10,s,/a,0,0,1,2\n10,s,/a,0,0,1,2\n", "core.csv:3: socket and cpu: this" },
                { TITLES "10,s,/a,0,0,1,2\n9,s,/a,0,0,1,2\n", "core.csv:3: the time goes back" },
                { TITLES "10,s,/a,0,0,1,2\n11,s,/a,0,0,1,2", "core.csv:3: the file ends" },
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                struct bench bench;
                int r;

                bench_make(&bench);
                tree_write_bytes(&bench.tree, "core.csv", rows[i].file, strlen(rows[i].file));
                r = open_csv(&bench, 1);
                if (r == 0)
                        r = next(&bench);
                assert_int_equal(r, -EBADMSG);
                assert_told(&bench, rows[i].complaint);
                if (bench.reader)
                        assert_int_equal(next(&bench), 0); /* and nothing after it */
                bench_destroy(&bench);
        }
}

static void
the_times_before_what_is_wrong_are_read(void **state)
{
        struct bench bench;

        (void)state;
        bench_make(&bench);
        tree_write(&bench.tree, "core.csv",
                   TITLES "10,s,/a,0,0,1,2\n20,s,/a,0,0,1,2\n20,s,/b,0,0,x,2\n30,s,/a,0,0,1,2\n");
        assert_int_equal(open_csv(&bench, 1), 0);
        assert_int_equal(next(&bench), 1);
        assert_int_equal(bench.report.timestamp_ms, 10);
        assert_int_equal(next(&bench), -EBADMSG); /* not even /a: its time is not whole */
        assert_int_equal(next(&bench), 0);
        bench_destroy(&bench);
}

static void
a_set_has_each_group_once_and_all_its_files(void **state)
{
        struct bench bench;
        char path[128];
        const char *paths[] = { path, path };

        (void)state;
        bench_make(&bench);
        tree_write(&bench.tree, "core.csv", TITLES);
        snprintf(path, sizeof path, "%s/core.csv", bench.tree.path);
        assert_int_equal(jk_hwpc_csv_open(paths, 2, &bench.names, &bench.reader, &bench.err),
                         -EINVAL);
        assert_told(&bench, "same group");
        assert_int_equal(open_csv(&bench, 2), -ENOENT);
        assert_told(&bench, "msr.csv: cannot be opened");
        bench_destroy(&bench);
}

/* ---- JSON ---- */

#define DOCUMENT(groups)                                                                           \
        "{\"timestamp\":10,\"sensor\":\"s\",\"target\":\"/a\",\"groups\":" groups "}"

static void
a_document_is_a_report(void **state)
{
        struct bench bench;

        (void)state;
        bench_make(&bench);
        tree_write(&bench.tree, "reports",
                   "\n" DOCUMENT(
                           "{\"core\":{\"1\":{\"7\":{\"B\":5,\"A\":6.0},\"0\":{}}},\"rapl\":{}}"));
        assert_int_equal(open_json(&bench), 0);
        assert_int_equal(next(&bench), 1);
        assert_int_equal(bench.report.timestamp_ms, 10);
        assert_string_equal(bench.report.sensor.data, "s");
        assert_string_equal(bench.report.target.data, "/a");
        assert_int_equal(count_of(&bench, "core", 1, 7, "B"), 5);
        assert_int_equal(count_of(&bench, "core", 1, 7, "A"), 6); /* a database's double */
        assert_int_equal(bench.report.rows[0].cpu, 7);            /* the first stays the first */
        assert_int_equal(next(&bench), 0);
        bench_destroy(&bench);
}

static void
a_document_that_is_wrong_is_refused_and_the_next_is_read(void **state)
{
        static const char *const documents[] = {
                "{",
                "[]",
                "7",
                "null",
                "{\"timestamp\":10,\"sensor\":\"s\",\"target\":\"/a\"}",
                "{\"timestamp\":-1,\"sensor\":\"s\",\"target\":\"/a\",\"groups\":{}}",
                "{\"timestamp\":0,\"sensor\":\"s\",\"target\":\"/a\",\"groups\":{}}",
                "{\"timestamp\":\"2021\",\"sensor\":\"s\",\"target\":\"/a\",\"groups\":{}}",
                "{\"timestamp\":253402300800000,\"sensor\":\"s\",\"target\":\"/a\",\"groups\":{}}",
                "{\"timestamp\":10,\"sensor\":7,\"target\":\"/a\",\"groups\":{}}",
                "{\"timestamp\":10,\"sensor\":\"\",\"target\":\"/a\",\"groups\":{}}",
                "{\"timestamp\":10,\"sensor\":\"s\",\"target\":\"\\n\",\"groups\":{}}",
                "{\"timestamp\":10,\"timestamp\":11,\"sensor\":\"s\",\"target\":\"/"
                "a\",\"groups\":{}}",
                DOCUMENT("[]"),
                DOCUMENT("{\"core\":7}"),
                DOCUMENT("{\"core\":{\"x\":{}}}"),
                DOCUMENT("{\"core\":{\"-1\":{}}}"),
                DOCUMENT("{\"core\":{\"0\":{\"0\":[]}}}"),
                DOCUMENT("{\"core\":{\"0\":{\"99999\":{}}}}"),
                DOCUMENT("{\"core\":{\"9999\":{\"0\":{}}}}"),
                DOCUMENT("{\"core\":{\"0\":{\"0\":{},\"00\":{}}}}"),
                DOCUMENT("{\"core\":{\"0\":{\"0\":{\"A\":-1}}}}"),
                DOCUMENT("{\"core\":{\"0\":{\"0\":{\"A\":0.5}}}}"),
                DOCUMENT("{\"core\":{\"0\":{\"0\":{\"A\":1e300}}}}"),
                DOCUMENT("{\"core\":{\"0\":{\"0\":{\"A\":1e999}}}}"),
                DOCUMENT("{\"core\":{\"0\":{\"0\":{\"A\":NaN}}}}"),
                DOCUMENT("{\"core\":{\"0\":{\"0\":{\"A\":2000000000000000000}}}}"),
                DOCUMENT("{\"core\":{\"0\":{\"0\":{\"A\":99999999999999999999}}}}"),
                DOCUMENT("{\"core\":{\"0\":{\"0\":{\"A\":\"1\"}}}}"),
                DOCUMENT("{\"core\":{\"0\":{\"0\":{\"A\":null}}}}"),
                DOCUMENT("{\"\":{}}"),
                DOCUMENT("{}") " x",
        };
        struct bench bench;
        struct jk_text file = { 0 };
        char line[32];

        (void)state;
        bench_make(&bench);
        for (size_t i = 0; i < JK_COUNT(documents); i++)
                jk_text_printf(&file, "%s\n%s\n", documents[i], DOCUMENT("{}"));
        tree_write_bytes(&bench.tree, "reports", file.data, file.length);
        assert_int_equal(open_json(&bench), 0);
        for (size_t i = 0; i < JK_COUNT(documents); i++) {
                if (next(&bench) != -EBADMSG)
                        fail_msg("%s was taken", documents[i]);
                snprintf(line, sizeof line, "/reports:%zu: ", 2 * i + 1);
                assert_told(&bench, line);
                assert_int_equal(next(&bench), 1);
        }
        assert_int_equal(next(&bench), 0);
        jk_text_free(&file);
        bench_destroy(&bench);
}

/* A line of n bytes between brackets, and a good one. */
static void
check_refused_line(const char *unit, size_t n, const char *complaint)
{
        struct bench bench;
        struct jk_text file = { 0 };

        bench_make(&bench);
        for (size_t i = 0; i < n; i++)
                jk_text_string(&file, unit);
        jk_text_string(&file, "\n" DOCUMENT("{}") "\n");
        tree_write_bytes(&bench.tree, "reports", file.data, file.length);
        assert_int_equal(open_json(&bench), 0);
        assert_int_equal(next(&bench), -EBADMSG);
        assert_told(&bench, complaint);
        assert_int_equal(next(&bench), 1);
        assert_int_equal(next(&bench), 0);
        jk_text_free(&file);
        bench_destroy(&bench);
}

static void
deep_and_long_documents_are_refused(void **state)
{
        (void)state;
        check_refused_line("[", 1000000, "/reports:1: ");
        check_refused_line("{\"a\":", 200000, "/reports:1: ");
        check_refused_line("x", JK_HWPC_DOCUMENT_MAX + 1, "/reports:1: the line is too long");
        check_refused_line("[],", 300000, "/reports:1: ");
}

static void
a_nul_byte_is_refused(void **state)
{
        static const char file[] = "{\"a\0\":1}\n" DOCUMENT("{}") "\n";
        struct bench bench;

        (void)state;
        bench_make(&bench);
        tree_write_bytes(&bench.tree, "reports", file, sizeof file - 1);
        assert_int_equal(open_json(&bench), 0);
        assert_int_equal(next(&bench), -EBADMSG);
        assert_told(&bench, "/reports:1: there is a NUL byte");
        assert_int_equal(next(&bench), 1);
        bench_destroy(&bench);
}

static void
there_are_only_so_many_names(void **state)
{
        struct bench bench;
        struct jk_text file = { 0 };

        (void)state;
        bench_make(&bench);
        for (int i = 0; i < JK_HWPC_NAMES_MAX + 1; i++)
                jk_text_printf(&file, DOCUMENT("{\"group-%d\":{}}") "\n", i);
        tree_write_bytes(&bench.tree, "reports", file.data, file.length);
        assert_int_equal(open_json(&bench), 0);
        for (int i = 0; i < JK_HWPC_NAMES_MAX; i++)
                assert_int_equal(next(&bench), 1);
        assert_int_equal(next(&bench), -EBADMSG);
        assert_told(&bench, "group-256: more names");
        jk_text_free(&file);
        bench_destroy(&bench);
}

static void
a_file_that_is_none_cannot_be_read(void **state)
{
        struct bench bench;

        (void)state;
        bench_make(&bench);
        assert_int_equal(open_json(&bench), -ENOENT);
        assert_told(&bench, "No such file");
        tree_dir(&bench.tree, "reports");
        assert_int_equal(open_json(&bench), 0);
        assert_int_equal(next(&bench), -EISDIR);
        bench_destroy(&bench);
}

/* ---- both ---- */

static int
read_all(struct bench *bench, int (*open)(struct bench *bench))
{
        int r = open(bench);

        while (r == 0 || r == 1) {
                r = next(bench);
                if (r == 0)
                        return 0;
        }
        return r;
}

static int
open_both_csv(struct bench *bench)
{
        return open_csv(bench, 2);
}

static void
check_memory(struct bench *bench, int (*open)(struct bench *bench))
{
        bool failed = true;

        for (int n = 0; failed; n++) {
                int r;

                allocator_fail_from(n);
                r = read_all(bench, open);
                failed = allocator_has_failed();
                allocator_fail_from(-1);
                assert_true(failed ? r < 0 : r == 0);
                jk_hwpc_reader_close(bench->reader);
                bench->reader = NULL;
                jk_hwpc_report_free(&bench->report);
                jk_hwpc_names_free(&bench->names);
        }
}

static void
running_out_of_memory_is_said_and_leaks_nothing(void **state)
{
        struct bench bench;

        (void)state;
        bench_make(&bench);
        tree_write(&bench.tree, "core.csv", TITLES "10,s,/a,0,0,1,2\n10,s,/b,0,0,1,2\n");
        tree_write(&bench.tree, "msr.csv", TITLES "10,s,all,0,0,1,2\n20,s,all,0,0,1,2\n");
        check_memory(&bench, open_both_csv);
        tree_write(&bench.tree, "reports",
                   DOCUMENT("{\"core\":{\"1\":{\"7\":{\"B\":5,\"A\":6}}}}") "\n");
        check_memory(&bench, open_json);
        bench_destroy(&bench);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_a_set_are_joined_by_time_and_target),
        cmocka_unit_test(columns_stand_in_any_order),
        cmocka_unit_test(sensors_with_a_target_of_one_name_are_kept_apart),
        cmocka_unit_test(what_is_wrong_in_a_csv_file_is_refused_with_its_line),
        cmocka_unit_test(the_times_before_what_is_wrong_are_read),
        cmocka_unit_test(a_set_has_each_group_once_and_all_its_files),
        cmocka_unit_test(a_document_is_a_report),
        cmocka_unit_test(a_document_that_is_wrong_is_refused_and_the_next_is_read),
        cmocka_unit_test(deep_and_long_documents_are_refused),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(there_are_only_so_many_names),
        cmocka_unit_test(a_file_that_is_none_cannot_be_read),
        cmocka_unit_test(running_out_of_memory_is_said_and_leaks_nothing),
};

JK_RUN_TESTS(tests)
