/* SPDX-License-Identifier: Apache-2.0
 *
 * Curves in model files, and the model that goes by one: what is written is what is read; the model
 * expects what the curve says, and divides by what its terms are of.
 */
#include "tests/unit/model/world.h"

#include <stdio.h>
#include <unistd.h>

#include "model/curve-file.h"

static struct jk_curve
example(void)
{
        struct jk_curve curve = { .kind = JK_ZONE_PACKAGE, .cpus = WORLD_CPUS, .busiest = 0.75 };

        for (size_t l = 0; l < JK_CURVE_LEVELS; l++)
                curve.levels_w[l] = 20 + 3.3 * (double)l;
        curve.terms[0] = (struct jk_curve_term){ "instructions", 1.1e-9, 5e10 };
        curve.terms[1] = (struct jk_curve_term){ "llc-misses", 25e-9, 3e8 };
        curve.n_terms = 2;
        curve.error_pct = 4.5;
        return curve;
}

static void
fill(struct jk_model_file *file, const struct jk_curve *curve)
{
        jk_model_file_init(file);
        strcpy(file->name, "example");
        strcpy(file->provenance.program, "test");
        strcpy(file->provenance.method, "made up");
        strcpy(file->provenance.source, "nobody");
        file->cpu.threads = (int)curve->cpus;
        file->error.uncertainty_pct = curve->error_pct;
        jk_curve_to_file(curve, file);
}

static void
what_is_written_is_what_is_read(void **state)
{
        struct jk_curve curve = example(), again;
        jk_autotext struct jk_text text = { 0 };
        static struct jk_model_file file, read;
        struct jk_error err = { "" };

        (void)state;
        fill(&file, &curve);
        if (jk_model_file_print(&file, &text, &err) < 0 ||
            jk_model_file_parse("example", text.data, text.length, &read, &err) < 0)
                fail_msg("%s", err.message);
        jk_curve_from_file(&read, &again);

        assert_string_equal(again.name, "example");
        assert_int_equal(again.kind, curve.kind);
        assert_true(again.cpus == curve.cpus && again.busiest == curve.busiest);
        assert_true(again.error_pct == curve.error_pct);
        for (size_t l = 0; l < JK_CURVE_LEVELS; l++)
                assert_true(fabs(again.levels_w[l] - curve.levels_w[l]) < 1e-12);
        assert_int_equal(again.n_terms, 2);
        for (size_t i = 0; i < 2; i++) {
                assert_string_equal(again.terms[i].name, curve.terms[i].name);
                assert_true(again.terms[i].weight == curve.terms[i].weight);
                assert_true(again.terms[i].most == curve.terms[i].most);
        }
}

static void
a_file_per_thread_is_for_any_machine(void **state)
{
        static struct jk_model_file file;
        struct jk_curve curve = example(), read;

        (void)state;
        fill(&file, &curve);
        file.per = JK_PER_THREAD;
        jk_curve_from_file(&file, &read);
        assert_true(read.cpus == 1);

        file.per = JK_PER_ZONE;
        file.cpu.sockets = 2;
        jk_curve_from_file(&file, &read);
        assert_true(read.cpus == WORLD_CPUS / 2.0);

        file.error.uncertainty_pct = NAN;
        jk_curve_from_file(&file, &read);
        assert_true(read.error_pct > 50);
}

/* The model, by a file with this curve. */
static struct jk_model *
open_model(const struct jk_curve *curve)
{
        static struct jk_model_file file;
        struct jk_model *model = NULL;
        struct jk_error err = { "" };
        char path[] = "/tmp/joulekeeper-test-curve-XXXXXX";
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        close(fd);
        fill(&file, curve);
        if (jk_model_file_save(&file, path, &err) < 0 ||
            jk_model_curve.open(path, &model, &err) < 0)
                fail_msg("%s", err.message);
        unlink(path);
        return model;
}

static void
the_model_expects_and_divides_by_the_curve(void **state)
{
        struct jk_curve curve = example();
        struct jk_model *model;
        struct world w;

        (void)state;
        for (size_t l = 0; l < JK_CURVE_LEVELS; l++) /* the truth of the world: 2.5 W per CPU */
                curve.levels_w[l] = 20 + 2.5 * WORLD_CPUS * (double)l / 10;
        model = open_model(&curve);
        world_start(&w);
        world_add(&w, 2.0, 0.5);
        world_add(&w, 0.5, 30);
        w.programs[0].running = w.programs[1].running = 4;
        world_tick(&w, 1);
        jk_model_curve.observe(model, &w.sample);
        for (int i = 0; i < 100; i++) {
                double measured_w;

                world_step(&w, &jk_model_curve, model);
                measured_w = (double)w.sample.readings[WORLD_PACKAGE].energy_uj / 1e6;
                assert_true(fabs(jk_model_curve.expect(model, WORLD_PACKAGE).power_w / measured_w -
                                 1) < 0.05);
                assert_true(isnan(jk_model_curve.expect(model, WORLD_DRAM).power_w));
        }
        /* Idle power is learned, and was never seen: what is divided is compared, not its sum. */
        assert_true(fabs(w.booked_j[0][0] / w.booked_j[1][0] / (w.true_j[0][0] / w.true_j[1][0]) -
                         1) < 0.02);
        jk_model_curve.close(model);
        world_end(&w);
}

static void
a_file_that_is_not_there_is_said(void **state)
{
        struct jk_model *model = NULL;
        struct jk_error err = { "" };

        (void)state;
        assert_int_equal(jk_model_curve.open("/nonexistent/x.json", &model, &err), -ENOENT);
        assert_non_null(strstr(err.message, "/nonexistent/x.json"));
        assert_null(model);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_what_is_read),
        cmocka_unit_test(a_file_per_thread_is_for_any_machine),
        cmocka_unit_test(the_model_expects_and_divides_by_the_curve),
        cmocka_unit_test(a_file_that_is_not_there_is_said),
};

JK_RUN_TESTS(tests)
