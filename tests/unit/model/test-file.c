/* SPDX-License-Identifier: Apache-2.0
 *
 * Model files: what is written is read again to the last bit, and what cannot be is refused with
 * its place.
 */
#include "tests/unit/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "model/file.h"
#include "tests/unit/tree.h"

#define MADE "\"provenance\": {\"program\": \"p 1\", \"method\": \"m\", \"source\": \"s\"}"
#define HEAD "\"schema\": 1, \"name\": \"a\", \"zone\": \"package\", \"per\": \"machine\", "
#define USED "{\"name\": \"utilisation\", \"unit\": \"1\"}"

/* A curve with everything in it that a file can tell. */
static void
fill(struct jk_model_file *file)
{
        jk_model_file_init(file);
        file->kind = JK_MODEL_CURVE;
        strcpy(file->name, "intel-x_1.2");
        strcpy(file->summary, "a \"quoted\" \\ name, Größe");
        file->zone = JK_ZONE_DRAM;
        file->per = JK_PER_THREAD;
        file->n_points = 3;
        file->points[0] = (struct jk_model_point){ 0, 1.0 / 3 };
        file->points[1] = (struct jk_model_point){ 0.1, 2.7182818284590452 };
        file->points[2] = (struct jk_model_point){ 1, 1e5 / 7 };
        file->n_features = 2;
        file->features[0] = (struct jk_model_feature){
                .name = "utilisation", .unit = "1", .weight = NAN, .minimum = 0, .maximum = 0.97
        };
        file->features[1] = (struct jk_model_feature){ .name = "L2D CACHE:REFILL",
                                                       .unit = "1/s",
                                                       .weight = 1.1e-9,
                                                       .minimum = NAN,
                                                       .maximum = NAN };
        file->cpu.family = 6;
        file->cpu.model = 0;
        file->cpu.threads = 16;
        file->cpu.base_mhz = 2100.5;
        strcpy(file->cpu.vendor, "GenuineIntel");
        strcpy(file->provenance.program, "joulekeeper 0.1.0");
        strcpy(file->provenance.method, "by hand");
        strcpy(file->provenance.source, "a test");
        strcpy(file->provenance.date, "2026-11-21");
        file->error.mae_w = 1.25;
        file->error.n = 12;
}

static int
parse(const char *text, struct jk_model_file *ret_file, struct jk_error *err)
{
        return jk_model_file_parse("m.json", text, strlen(text), ret_file, err);
}

static void
what_is_written_is_read_again_to_the_last_bit(void **state)
{
        jk_autotext struct jk_text once = { 0 }, twice = { 0 };
        struct jk_error err = { "" };
        struct jk_model_file file, again;

        (void)state;
        fill(&file);
        assert_int_equal(jk_model_file_print(&file, &once, &err), 0);
        assert_int_equal(parse(once.data, &again, &err), 0);
        for (size_t i = 0; i < file.n_points; i++) {
                assert_true(file.points[i].load == again.points[i].load);
                assert_true(file.points[i].watts == again.points[i].watts);
        }
        assert_true(again.features[1].weight == file.features[1].weight);
        assert_true(isnan(again.features[0].weight) && isnan(again.features[1].minimum));
        assert_string_equal(again.summary, file.summary);
        assert_int_equal(again.cpu.model, 0);
        assert_int_equal(again.cpu.stepping, -1);
        assert_int_equal(again.zone, JK_ZONE_DRAM);
        assert_int_equal(again.per, JK_PER_THREAD);
        assert_int_equal(again.error.n, 12);
        assert_true(isnan(again.error.mape_pct));

        assert_int_equal(jk_model_file_print(&again, &twice, &err), 0);
        assert_string_equal(once.data, twice.data);
}

static void
what_could_not_be_read_again_is_not_written(void **state)
{
        jk_autotext struct jk_text text = { 0 };
        struct jk_error err = { "" };
        struct jk_model_file file;

        (void)state;
        fill(&file);
        file.points[1].watts = INFINITY;
        assert_int_equal(jk_model_file_print(&file, &text, &err), -EINVAL);
        fill(&file);
        file.name[0] = '/';
        assert_int_equal(jk_model_file_print(&file, &text, &err), -EINVAL);
        assert_non_null(strstr(err.message, "name: "));
        fill(&file);
        file.provenance.source[0] = '\n';
        assert_int_equal(jk_model_file_print(&file, &text, &err), -EINVAL);
        assert_non_null(strstr(err.message, "provenance.source: "));
}

static const struct {
        const char *text, *message;
} bad[] = {
        { "", "m.json:1: " },
        { "{\n\"schema\": 1,\n}", "m.json:3: " },
        { "{\"schema\": 1, \"schema\": 1}", "duplicate" },
        { "[]", "all of it: " },
        { "{}", "schema: there is none" },
        { "{\"schema\": \"1\"}", "schema: there is none" },
        { "{\"schema\": 2}", "schema: it is of schema 2" },
        { "{\"schema\": 1}", "kind: this is missing" },
        { "{" HEAD "\"kind\": \"lines\"}", "kind: give curve, events, linear" },
        { "{" HEAD "\"kind\": 1}", "kind: give curve" },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [], \"idle_watts\": 1}",
          "provenance: this is missing" },
        { "{" HEAD "\"kind\": \"curve\", \"features\": []," MADE "}", "idle_watts: give this" },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [], \"idle_watts\": -1, " MADE "}",
          "m.json: idle_watts: give a number from 0 to 1e+06" },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [], \"idle_watts\": NaN, " MADE "}",
          "m.json:1: " },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [], \"idle_watts\": 1e999, " MADE "}",
          "m.json:1: " },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [], \"idle_wats\": 1, " MADE "}",
          "idle_wats: there is no such member; did you mean 'idle_watts'?" },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [], \"idle_watts\": 1, \"points\": [[0,1],"
          "[1,2]], " MADE "}",
          "cannot both" },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [], \"points\": [[0,1]], " MADE "}",
          "points: give 2 to" },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [], \"points\": [[0,1],[0,2]], " MADE "}",
          "points[1]: its load is not above" },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [], \"points\": [[0,1],[1.1,2]], " MADE "}",
          "points[1]: give [load, watts]" },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [], \"points\": [[0,1],[1,-2]], " MADE "}",
          "points[1]: give [load, watts]" },
        { "{" HEAD "\"kind\": \"events\", \"features\": [" USED
          "], \"points\": [[0,1],[1,2]], " MADE "}",
          "features[0]: it has no weight" },
        { "{" HEAD "\"kind\": \"events\", \"features\": [], \"idle_watts\": 1, " MADE "}",
          "features: there is none" },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [{\"name\": \"cpu\", \"unit\": \"ms/s\"}], "
          "\"idle_watts\": 1, " MADE "}",
          "features[0]: its unit" },
        { "{" HEAD "\"kind\": \"events\", \"features\": [{\"name\": \"cpu\", \"unit\": \"s/s\", "
          "\"weight\": -1}], \"idle_watts\": 1, " MADE "}",
          "features[0]: its weight is below 0" },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [" USED "," USED
          "], \"idle_watts\": 1, " MADE "}",
          "features[1]: there is one of this name" },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [7], \"idle_watts\": 1, " MADE "}",
          "features[0]: this is no object" },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [], \"idle_watts\": 1, "
          "\"cpu\": {\"family\": 6.5}, " MADE "}",
          "cpu.family: give a whole number from 0 to 4095" },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [], \"idle_watts\": 1, "
          "\"cpu\": {\"name\": \"a\\nb\"}, " MADE "}",
          "cpu.name: this has control characters" },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [], \"idle_watts\": 1, "
          "\"cpu\": {\"name\": \"a\\u009bb\"}, " MADE "}",
          "cpu.name: this has control characters" },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [], \"idle_watts\": 1, "
          "\"cpu\": {\"name\": \"a\\u0000b\"}, " MADE "}",
          "m.json:1: " },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [], \"idle_watts\": 1, "
          "\"cpu\": {\"vendor\": \"0123456789abcdef\"}, " MADE "}",
          "cpu.vendor: this is too long" },
        { "{" HEAD "\"kind\": \"curve\", \"features\": [], \"idle_watts\": 1, "
          "\"error\": {\"mae_watts\": -0.1}, " MADE "}",
          "error.mae_watts: give a number from 0" },
};

static void
what_cannot_be_is_refused_with_its_place(void **state)
{
        (void)state;
        for (size_t i = 0; i < JK_COUNT(bad); i++) {
                struct jk_model_file file = { .n_points = 77 };
                struct jk_error err = { "" };

                if (parse(bad[i].text, &file, &err) != -EBADMSG)
                        fail_msg("not refused: %s (%s)", bad[i].text, err.message);
                if (!strstr(err.message, bad[i].message) || strncmp(err.message, "m.json:", 7) != 0)
                        fail_msg("'%s' does not have '%s'", err.message, bad[i].message);
                assert_int_equal(file.n_points, 77); /* untouched */
        }
}

static void
a_file_that_is_too_long_is_refused(void **state)
{
        jk_autofree char *text = malloc(JK_MODEL_BYTES_MAX + 2);
        struct jk_error err = { "" };
        struct jk_model_file file;
        struct tree tree;

        (void)state;
        memset(text, ' ', JK_MODEL_BYTES_MAX + 1);
        tree_make(&tree);
        tree_write_bytes(&tree, "long.json", text, JK_MODEL_BYTES_MAX + 1);
        jk_autotext struct jk_text path = { 0 };
        jk_text_printf(&path, "%s/long.json", tree.path);
        assert_int_equal(jk_model_file_read(path.data, &file, &err), -EBADMSG);
        assert_non_null(strstr(err.message, "long.json: it is longer"));
        assert_int_equal(jk_model_file_read(tree.path, &file, &err), -EISDIR);
        tree_destroy(&tree);
}

static void
a_file_is_saved_whole_or_not_at_all(void **state)
{
        jk_autotext struct jk_text path = { 0 };
        struct jk_error err = { "" };
        struct jk_model_file file, again;
        struct stat status;
        struct tree tree;

        (void)state;
        tree_make(&tree);
        jk_text_printf(&path, "%s/a.json", tree.path);
        fill(&file);
        assert_int_equal(jk_model_file_save(&file, path.data, &err), 0);
        assert_int_equal(jk_model_file_read(path.data, &again, &err), 0);
        assert_int_equal(stat(path.data, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0644);

        file.points[0].watts = NAN;
        assert_int_equal(jk_model_file_save(&file, path.data, &err), -EINVAL);
        assert_int_equal(jk_model_file_read(path.data, &again, &err), 0);
        assert_int_equal(jk_model_file_save(&again, "/nonexistent/a.json", &err), -ENOENT);
        assert_non_null(strstr(err.message, "/nonexistent/a.json: "));
        tree_destroy(&tree);
}

static void
power_is_the_base_and_what_is_weighed(void **state)
{
        struct jk_model_file file;

        (void)state;
        fill(&file);
        file.points[0].watts = 10;
        file.points[1].watts = 20;
        file.points[2].watts = 110;
        assert_float_equal(jk_model_curve_w(&file, -1), 10, 0);
        assert_float_equal(jk_model_curve_w(&file, 0.05), 15, 1e-9);
        assert_float_equal(jk_model_curve_w(&file, 0.1), 20, 1e-9);
        assert_float_equal(jk_model_curve_w(&file, 0.55), 65, 1e-9);
        assert_float_equal(jk_model_curve_w(&file, 2), 110, 0);
        assert_true(isnan(jk_model_curve_w(&file, NAN)));

        file.features[1].weight = 2;
        assert_float_equal(jk_model_power_w(&file, 0.55, (double[]){ NAN, 3 }), 71, 1e-9);
        assert_float_equal(jk_model_power_w(&file, 0.55, (double[]){ NAN, -3000 }), 0, 0);
        assert_true(isnan(jk_model_power_w(&file, 0.55, (double[]){ 0.55, NAN })));
        file.n_points = 0;
        file.idle_w = 7;
        assert_float_equal(jk_model_power_w(&file, NAN, (double[]){ NAN, 1.5 }), 10, 1e-9);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_again_to_the_last_bit),
        cmocka_unit_test(what_could_not_be_read_again_is_not_written),
        cmocka_unit_test(what_cannot_be_is_refused_with_its_place),
        cmocka_unit_test(a_file_that_is_too_long_is_refused),
        cmocka_unit_test(a_file_is_saved_whole_or_not_at_all),
        cmocka_unit_test(power_is_the_base_and_what_is_weighed),
};

JK_RUN_TESTS(tests)
