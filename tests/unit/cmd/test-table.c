/* SPDX-License-Identifier: Apache-2.0
 *
 * The table: every line has exactly the width that was asked for, at any width, whatever the names;
 * the most important columns stay longest.
 */
#include "tests/unit/test.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cmd/table.h"
#include "tests/unit/cmd/fake-snapshot.h"

static struct jk_snapshot *
odd_names(struct jk_shelf *shelf)
{
        static const char *const names[] = { "a", "日本語日本語日本語", "\x1b[2J\n\xff", "",
                                             "a-name-that-is-far-longer-than-any-comm-can-be" };
        struct jk_snapshot *s = fake_snapshot(shelf, 1);

        fake_account(s, JK_DIMENSION_MACHINE, "idle", 1000000, 1000000);
        for (size_t i = 0; i < JK_COUNT(names); i++) {
                uint32_t cgroup = fake_string(s, names[JK_COUNT(names) - 1 - i]);
                struct jk_entry *task =
                        fake_task(s, 4194304 - (pid_t)i, names[i], 1000000, 1000000);

                task->cgroup = cgroup;
                task->flags = i == 0 ? JK_ENTRY_ENCLAVE : 0;
                fake_account(s, JK_DIMENSION_CGROUP, names[i], 1000000, 1000000);
                fake_account(s, JK_DIMENSION_USER, names[i], 1000000, 1000000)->uid = (uid_t)i;
        }
        return s;
}

static void
lines_have_the_width_asked_for(void **state)
{
        struct jk_shelf shelf;
        struct jk_view view = { 0 };
        struct jk_snapshot *snapshot;

        (void)state;
        jk_shelf_init(&shelf);
        jk_shelf_publish(&shelf, odd_names(&shelf));
        snapshot = jk_shelf_take(&shelf);
        assert_int_equal(jk_view_observe(&view, snapshot), 0);

        for (size_t width = 1; width < 220; width++)
                for (int d = 0; d < 2 * JK_DIMENSION_MAX; d++) {
                        const struct jk_glyphs *glyphs = d % 2 ? &jk_glyphs_utf8 : &jk_glyphs_ascii;
                        struct jk_view_options options = {
                                .dimension = (enum jk_dimension)(d / 2),
                                .tree = d / 2 == JK_DIMENSION_CGROUP,
                        };
                        jk_autotext struct jk_text text = { 0 };
                        struct jk_table table;

                        assert_int_equal(jk_view_arrange(&view, &options), 0);
                        jk_table_plan(&table, &view, options.dimension, width, glyphs);
                        jk_table_titles(&table, &options, &text, glyphs);
                        assert_int_equal(jk_format_columns(text.data), width);
                        for (size_t i = 0; i < view.n_rows; i++) {
                                jk_text_clear(&text);
                                jk_table_row(&table, &view.rows[i], &text, glyphs);
                                assert_int_equal(jk_format_columns(text.data), width);
                        }
                        jk_text_clear(&text);
                        jk_table_sum(&view, options.dimension, width, &text, glyphs);
                        assert_true(width < 26 || jk_format_columns(text.data) <= width);
                }

        jk_view_free(&view);
        jk_shelf_put_back(&shelf, snapshot);
        jk_shelf_destroy(&shelf);
}

static void
narrow_tables_keep_watts_and_name(void **state)
{
        struct jk_view_options options = { .dimension = JK_DIMENSION_TASK };
        jk_autotext struct jk_text text = { 0 };
        struct jk_view view = { 0 };
        struct jk_table table;

        (void)state;
        jk_table_plan(&table, &view, JK_DIMENSION_TASK, 20, &jk_glyphs_ascii);
        jk_table_titles(&table, &options, &text, &jk_glyphs_ascii);
        assert_string_equal(text.data, "      Wv NAME       ");

        jk_text_clear(&text);
        jk_table_plan(&table, &view, JK_DIMENSION_TASK, 80, &jk_glyphs_ascii);
        jk_table_titles(&table, &options, &text, &jk_glyphs_ascii);
        assert_string_equal(text.data, "      Wv        J   CPU%   +-%      PID USER      "
                                       "NAME              CGROUP      ");
}

static void
tables_without_a_width_cut_nothing(void **state)
{
        struct jk_view_options options = { .dimension = JK_DIMENSION_TASK };
        jk_autotext struct jk_text text = { 0 };
        struct jk_shelf shelf;
        struct jk_view view = { 0 };
        struct jk_snapshot *snapshot;
        struct jk_table table;

        (void)state;
        jk_shelf_init(&shelf);
        jk_shelf_publish(&shelf, odd_names(&shelf));
        snapshot = jk_shelf_take(&shelf);
        assert_int_equal(jk_view_observe(&view, snapshot), 0);
        assert_int_equal(jk_view_arrange(&view, &options), 0);
        jk_table_plan(&table, &view, options.dimension, SIZE_MAX, &jk_glyphs_utf8);
        for (size_t i = 0; i < view.n_rows; i++)
                jk_table_row(&table, &view.rows[i], &text, &jk_glyphs_utf8);
        assert_non_null(strstr(text.data, "a-name-that-is-far-longer-than-any-comm-can-be"));
        assert_null(strstr(text.data, jk_glyphs_utf8.ellipsis));
        assert_non_null(strstr(text.data, " a (enclave) "));
        assert_null(strstr(strstr(text.data, "(enclave)") + 1, "(enclave)"));

        jk_view_free(&view);
        jk_shelf_put_back(&shelf, snapshot);
        jk_shelf_destroy(&shelf);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_the_width_asked_for),
        cmocka_unit_test(narrow_tables_keep_watts_and_name),
        cmocka_unit_test(tables_without_a_width_cut_nothing),
};

int
main(void)
{
        if (!setlocale(LC_CTYPE, "C.UTF-8")) {
                puts("1..0 # SKIP there is no locale C.UTF-8");
                return 0;
        }
        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
