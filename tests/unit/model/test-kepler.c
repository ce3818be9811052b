/* SPDX-License-Identifier: Apache-2.0
 *
 * Kepler's weights: the same watts as its formula, in our units, and what is not linear, not in the
 * unit of its name or not weights at all is refused with its place.
 */
#include "tests/unit/test.h"

#include <math.h>
#include <string.h>

#include "base/array.h"
#include "model/kepler.h"

#define COMPONENT(name, bias, variables)                                                           \
        "\"" name "\": {\"All_Weights\": {\"Bias_Weight\": " bias                                  \
        ", \"Categorical_Variables\": {}, \"Numerical_Variables\": {" variables "}}}"
#define CPU "\"bpf_cpu_time_ms\": {\"scale\": 96000, \"weight\": 288}"

#define COUNTS                                                                                     \
        CPU ", \"cpu_cycles\": {\"scale\": 1e11, \"weight\": 50}, "                                \
            "\"bpf_page_cache_hit\": {\"scale\": 1.0, \"weight\": 0.0}"
#define PACKAGE COMPONENT("package", "143.5", COUNTS)
#define DRAM    COMPONENT("dram", "18.5", CPU)
#define MACHINE                                                                                    \
        "\"model_name\": \"SGDRegressorTrainer_0\", \"machine_spec\": {\"vendor\": \"intel\", "    \
        "\"processor\": \"intel_xeon\", \"cores\": 96, \"chips\": 2}"

static int
parse(const char *text, const char *component, const char *category, struct jk_model_file *ret_file,
      struct jk_error *err)
{
        return jk_kepler_parse("/a/b 1.x.json", text, strlen(text), component, category, ret_file,
                               err);
}

static void
watts_are_those_of_its_formula(void **state)
{
        static const char text[] = "{" PACKAGE ", " DRAM ", " MACHINE "}";
        jk_autotext struct jk_text out = { 0 };
        struct jk_error err = { "" };
        struct jk_model_file file;

        (void)state;
        assert_int_equal(parse(text, NULL, NULL, &file, &err), 0);
        assert_int_equal(file.kind, JK_MODEL_LINEAR);
        assert_int_equal(file.zone, JK_ZONE_PACKAGE);
        assert_int_equal(file.n_features, 2); /* a weight of 0 needs no feature */
        assert_string_equal(file.features[0].name, "cpu");
        /* 48 busy CPUs are 48,000 ms in a second. */
        assert_float_equal(jk_model_power_w(&file, NAN, (double[]){ 48, 2e10 }),
                           143.5 + 288 * 48000.0 / 96000 + 50 * 2e10 / 1e11, 1e-9);
        assert_string_equal(file.name, "b-1.x-package");
        assert_string_equal(file.summary, "SGDRegressorTrainer_0");
        assert_string_equal(file.cpu.vendor, "GenuineIntel");
        assert_int_equal(file.cpu.threads, 96);
        assert_int_equal(file.cpu.sockets, 2);
        assert_int_equal(jk_model_file_print(&file, &out, &err), 0);

        assert_int_equal(parse(text, "dram", NULL, &file, &err), 0);
        assert_int_equal(file.zone, JK_ZONE_DRAM);
        assert_float_equal(file.idle_w, 18.5, 1e-9);
}

static void
a_standard_score_is_undone(void **state)
{
        static const char text[] = "{" COMPONENT(
                "platform", "100",
                "\"cpu_instructions\": {\"mean\": 4, \"variance\": 9, \"weight\": 6}") "}";
        struct jk_error err = { "" };
        struct jk_model_file file;

        (void)state;
        assert_int_equal(parse(text, NULL, NULL, &file, &err), 0);
        assert_int_equal(file.zone, JK_ZONE_WALL);
        assert_float_equal(jk_model_power_w(&file, NAN, (double[]){ 10 }), 100 + 6 * (10 - 4) / 3.0,
                           1e-9);
}

static void
a_category_is_chosen(void **state)
{
        static const char text[] =
                "{\"package\": {\"All_Weights\": {\"Bias_Weight\": 10, \"Numerical_Variables\": "
                "{" CPU
                "}, \"Categorical_Variables\": {\"cpu_architecture\": {\"Sky Lake\": {\"weight\": "
                "1.5}, \"Haswell\": {\"weight\": 4}}}}}}";
        struct jk_error err = { "" };
        struct jk_model_file file;

        (void)state;
        assert_int_equal(parse(text, NULL, NULL, &file, &err), -EBADMSG);
        assert_non_null(strstr(err.message, "Categorical_Variables.cpu_architecture: choose"));
        assert_int_equal(parse(text, NULL, "Sky Lake", &file, &err), 0);
        assert_float_equal(file.idle_w, 11.5, 1e-9);
}

static const struct {
        const char *text, *message;
} bad[] = {
        { "{", ":1: " },
        { "[1]", "it has no component" },
        { "{\"a\": 1}", "it has no component" },
        { "{" COMPONENT("core", "1", CPU) ", " COMPONENT("dram", "1", CPU) "}",
          "it has no component 'package'" },
        { "{\"package\": 1}", "package.All_Weights: there are none" },
        { "{\"package\": {\"All_Weights\": {\"CurveFit_Weights\": [1, 2, 3]}}}",
          "package.All_Weights.CurveFit_Weights: " },
        { "{" COMPONENT("package", "null", CPU) "}", "package.All_Weights.Bias_Weight: there is" },
        { "{" COMPONENT("package", "-1", CPU) "}", "package.All_Weights.Bias_Weight: -1 W" },
        { "{" COMPONENT("package", "1", "") "}", "Numerical_Variables: all weights are 0" },
        { "{" COMPONENT("package", "1", "\"x\": {\"scale\": 0, \"weight\": 1}") "}",
          "Numerical_Variables.x: its scale" },
        { "{" COMPONENT("package", "1", "\"x\": {\"scale\": \"1\", \"weight\": 1}") "}",
          "Numerical_Variables.x: give a weight" },
        { "{" COMPONENT("package", "1", "\"x\": 1") "}", "Numerical_Variables.x: give a weight" },
        { "{" COMPONENT("package", "1",
                        "\"bpf_cpu_time_us\": {\"scale\": 3.5e-05, \"weight\": 131}") "}",
          "not in the unit" },
        { "{" COMPONENT("package", "1",
                        CPU ", \"bpf_cpu_time_us\": {\"scale\": 1e7, \"weight\": 1}") "}",
          "cpu is there twice" },
};

static void
what_cannot_be_is_refused_with_its_place(void **state)
{
        (void)state;
        for (size_t i = 0; i < JK_COUNT(bad); i++) {
                struct jk_model_file file = { .n_points = 77 };
                struct jk_error err = { "" };

                if (parse(bad[i].text, NULL, NULL, &file, &err) != -EBADMSG)
                        fail_msg("not refused: %s", bad[i].text);
                if (!strstr(err.message, bad[i].message) ||
                    strncmp(err.message, "/a/b 1.x.json:", 14) != 0)
                        fail_msg("'%s' does not have '%s'", err.message, bad[i].message);
                assert_int_equal(file.n_points, 77);
        }
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(watts_are_those_of_its_formula),
        cmocka_unit_test(a_standard_score_is_undone),
        cmocka_unit_test(a_category_is_chosen),
        cmocka_unit_test(what_cannot_be_is_refused_with_its_place),
};

JK_RUN_TESTS(tests)
