/* SPDX-License-Identifier: Apache-2.0
 *
 * The model files that are shipped: they can be read, are written as they stand, and are what the
 * estimate goes by.
 */
#include "tests/unit/test.h"

#include <math.h>
#include <string.h>

#include "meter/cpu-model.h"
#include "model/shipped.h"

static const struct jk_cpu_row *
row_of(const char *name)
{
        for (size_t i = 0; i < jk_cpu_n_rows; i++)
                if (strcmp(jk_cpu_rows[i].name, name) == 0)
                        return &jk_cpu_rows[i];

        fail_msg("there is no row %s", name);
        return NULL;
}

static void
each_is_written_as_it_stands(void **state)
{
        (void)state;
        assert_int_equal(jk_n_shipped_models, jk_cpu_n_rows);
        for (size_t i = 0; i < jk_n_shipped_models; i++) {
                jk_autotext struct jk_text text = { 0 };
                struct jk_error err = { "" };
                struct jk_model_file file;

                assert_int_equal(jk_shipped_model_read(&jk_shipped_models[i], &file, &err), 0);
                assert_string_equal(file.name, jk_shipped_models[i].name);
                assert_int_equal(jk_model_file_print(&file, &text, &err), 0);
                assert_string_equal(text.data, jk_shipped_models[i].text);
        }
}

static void
the_estimate_goes_by_them(void **state)
{
        (void)state;
        for (size_t i = 0; i < jk_n_shipped_models; i++) {
                const struct jk_cpu_row *row = row_of(jk_shipped_models[i].name);
                struct jk_error err = { "" };
                struct jk_model_file file;

                assert_int_equal(jk_shipped_model_read(&jk_shipped_models[i], &file, &err), 0);
                assert_int_equal(file.per, JK_PER_THREAD);
                assert_int_equal(file.cpu.threads_per_core, row->threads_per_core);
                assert_true(file.error.uncertainty_pct == row->uncertainty_pct);
                for (int step = 0; step <= 25; step++) {
                        double load = step / 25.0;

                        assert_true(fabs(jk_model_power_w(&file, load, (double[]){ load }) -
                                         jk_cpu_power_w(row, load)) < 1e-9);
                }
        }
}

static void
names_and_paths_are_told_apart(void **state)
{
        struct jk_error err = { "" };
        struct jk_model_file file;

        (void)state;
        assert_int_equal(jk_model_file_find("zen2", &file, &err), 0);
        assert_string_equal(file.name, "zen2");
        assert_int_equal(jk_model_file_find("skyalke", &file, &err), -ENOENT);
        assert_non_null(strstr(err.message, "did you mean 'skylake'?"));
        assert_int_equal(jk_model_file_find("./zen2", &file, &err), -ENOENT);
        assert_non_null(strstr(err.message, "./zen2: No such file"));
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_written_as_it_stands),
        cmocka_unit_test(the_estimate_goes_by_them),
        cmocka_unit_test(names_and_paths_are_told_apart),
};

JK_RUN_TESTS(tests)
