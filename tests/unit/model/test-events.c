/* SPDX-License-Identifier: Apache-2.0
 *
 * Model `events`: by the true weights every task gets what it used, idle power goes by time, and
 * what the weights do not cover is divided as `share` does.
 */
#include "tests/unit/model/world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "model/counts.h"
#include "model/file.h"
#include "model/model.h"

struct fixture {
        struct world world;
        struct jk_model_file file;
        char path[64];
        struct jk_model *model;
};

static void
add_weight(struct jk_model_file *file, const char *name, const char *unit, double weight)
{
        struct jk_model_feature *feature = &file->features[file->n_features++];

        *feature = (struct jk_model_feature){ .weight = weight, .minimum = NAN, .maximum = NAN };
        snprintf(feature->name, sizeof feature->name, "%s", name);
        snprintf(feature->unit, sizeof feature->unit, "%s", unit);
}

/* What world_truth() charges the package. */
static void
write_truth(struct fixture *f)
{
        jk_model_file_init(&f->file);
        f->file.kind = JK_MODEL_EVENTS;
        strcpy(f->file.name, "truth");
        strcpy(f->file.provenance.program, "test");
        strcpy(f->file.provenance.method, "made up");
        strcpy(f->file.provenance.source, "world.h");
        f->file.zone = JK_ZONE_PACKAGE;
        f->file.per = JK_PER_MACHINE;
        f->file.idle_w = 20;
        f->file.n_features = 0;
        add_weight(&f->file, "cpu", "s/s", 2.5);
        add_weight(&f->file, "instructions", "1/s", 1.1e-9);
        add_weight(&f->file, "llc-misses", "1/s", 25e-9);
}

static void
save(struct fixture *f)
{
        struct jk_error err = { "" };

        if (jk_model_file_save(&f->file, f->path, &err) < 0)
                fail_msg("%s", err.message);
}

static int
set_up(void **state)
{
        struct fixture *f = calloc(1, sizeof *f);
        int fd;

        if (!f)
                return -1;
        strcpy(f->path, "/tmp/joulekeeper-test-events-XXXXXX");
        fd = mkstemp(f->path);
        if (fd < 0) {
                free(f);
                return -1;
        }
        close(fd);
        world_start(&f->world);
        world_add(&f->world, 3, 0.1);
        world_add(&f->world, 0.5, 30);
        f->world.programs[0].running = 2;
        f->world.programs[1].running = 1;
        write_truth(f);
        *state = f;
        return 0;
}

static int
tear_down(void **state)
{
        struct fixture *f = *state;

        if (f->model)
                jk_model_events.close(f->model);
        world_end(&f->world);
        unlink(f->path);
        free(f);
        return 0;
}

static void
open_model(struct fixture *f)
{
        struct jk_error err = { "" };

        save(f);
        if (jk_model_events.open(f->path, &f->model, &err) < 0)
                fail_msg("%s", err.message);
}

static void
run(struct fixture *f, int ticks)
{
        for (int i = 0; i < ticks; i++)
                world_step(&f->world, &jk_model_events, f->model);
}

static void
each_task_gets_what_it_used(void **state)
{
        struct fixture *f = *state;
        struct jk_expectation expectation;

        f->world.meter_noise = 0;
        open_model(f);
        run(f, 1); /* baselines */
        world_forget_books(&f->world);
        run(f, 20);
        for (size_t i = 0; i < 2; i++)
                assert_true(fabs(world_error_pct(&f->world, i, WORLD_PACKAGE)) < 0.01);
        expectation = jk_model_events.expect(f->model, WORLD_PACKAGE);
        assert_true(expectation.error_pct < 0.01);
        assert_true(jk_model_events.idle(f->model, WORLD_PACKAGE).power_w == 20);
}

static void
it_answers_before_any_energy_was_seen(void **state)
{
        struct fixture *f = *state;
        double power_w;

        f->world.meter_noise = 0;
        open_model(f);
        world_tick(&f->world, 1);
        world_tick(&f->world, 1);
        power_w = (double)f->world.sample.readings[WORLD_PACKAGE].energy_uj / 1e6;
        f->world.sample.readings[WORLD_PACKAGE].flags = 0;
        jk_model_events.observe(f->model, &f->world.sample);
        assert_true(fabs(jk_model_events.expect(f->model, WORLD_PACKAGE).power_w - power_w) < 0.01);
        assert_true(isnan(jk_model_events.expect(f->model, WORLD_PACKAGE).error_pct));
}

static void
weights_of_a_thread_or_of_many_zones_are_brought_to_one_zone(void **state)
{
        static const struct {
                enum jk_model_per per;
                double idle_w; /* in the file, for 20 W in all of one package */
        } cases[] = { { JK_PER_ZONE, 20 },
                      { JK_PER_MACHINE, 20 },
                      { JK_PER_THREAD, 20.0 / WORLD_CPUS } };
        struct fixture *f = *state;

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                f->file.per = cases[i].per;
                f->file.idle_w = cases[i].idle_w;
                open_model(f);
                run(f, 3);
                assert_true(fabs(jk_model_events.idle(f->model, WORLD_PACKAGE).power_w - 20) <
                            1e-9);
                jk_model_events.close(f->model);
                f->model = NULL;
        }
}

static void
as_share_does(struct fixture *f, size_t zone)
{
        double by_events[WORLD_PROGRAMS] = { 0 }, by_share[WORLD_PROGRAMS] = { 0 };
        struct jk_split events = { .task_weights = by_events };
        struct jk_split share = { .task_weights = by_share };
        struct jk_model *model;

        assert_int_equal(jk_model_share.open(NULL, &model, NULL), 0);
        for (int i = 0; i < 3; i++) {
                world_tick(&f->world, 1);
                jk_model_events.observe(f->model, &f->world.sample);
                jk_model_share.observe(model, &f->world.sample);
                jk_model_events.split(f->model, &f->world.sample, zone, &events);
                jk_model_share.split(model, &f->world.sample, zone, &share);
                for (size_t k = 0; k < f->world.n_programs; k++)
                        assert_true(by_events[k] == by_share[k]);
                assert_true(events.idle_uj == share.idle_uj);
        }
        assert_true(isnan(jk_model_events.expect(f->model, zone).power_w));
        jk_model_share.close(model);
}

static void
another_zone_is_divided_as_share_does(void **state)
{
        struct fixture *f = *state;

        open_model(f);
        as_share_does(f, WORLD_DRAM);
}

static void
a_zone_is_divided_as_share_does_while_an_event_is_not_counted(void **state)
{
        struct fixture *f = *state;

        f->world.counters = false;
        open_model(f);
        as_share_does(f, WORLD_PACKAGE);
        f->world.counters = true;
        world_forget_books(&f->world);
        f->world.meter_noise = 0;
        run(f, 20);
        assert_true(fabs(world_error_pct(&f->world, 1, WORLD_PACKAGE)) < 0.01);
}

static void
events_of_a_package_are_those_of_its_only_zone(void **state)
{
        struct jk_event event = { .name = "hits", .package = 0 };
        struct jk_zone other = { .name = "package-1", .kind = JK_ZONE_PACKAGE, .package = 1 };
        struct fixture *f = *state;
        struct jk_count count;

        assert_int_equal(jk_event_add(&f->world.events, &event), 0);
        f->world.n_garbage = 1;
        f->file.n_features = 0;
        add_weight(&f->file, "hits", "1/s", 1e-6);
        open_model(f);
        run(f, 3);
        assert_true(isfinite(jk_model_events.expect(f->model, WORLD_PACKAGE).power_w));

        assert_int_equal(jk_zone_only_package(&f->world.zones, JK_ZONE_PACKAGE), 0);
        assert_int_equal(jk_count_find(&f->world.sample, "hits", 0, &count), 0);
        assert_int_equal(jk_count_find(&f->world.sample, "hits", 1, &count), -ENOENT);
        other.idle_w = other.limit_w = other.max_w = NAN;
        assert_true(jk_zone_add(&f->world.zones, &other) > 0);
        assert_int_equal(jk_zone_only_package(&f->world.zones, JK_ZONE_PACKAGE), -1);
        assert_int_equal(jk_zone_only_package(&f->world.zones, JK_ZONE_GPU), -1);
}

static void
refused(struct fixture *f, const char *says)
{
        struct jk_error err = { "" };
        struct jk_model *model = NULL;

        save(f);
        assert_true(jk_model_events.open(f->path, &model, &err) < 0);
        assert_null(model);
        if (!strstr(err.message, says))
                fail_msg("'%s' does not say '%s'", err.message, says);
}

static void
what_is_no_file_of_weights_is_refused(void **state)
{
        struct fixture *f = *state;
        struct jk_error err = { "" };
        struct jk_model *model = NULL;

        f->file.kind = JK_MODEL_LINEAR;
        refused(f, "kind linear");
        write_truth(f);
        f->file.zone = JK_ZONE_GPU;
        refused(f, "gpu");
        write_truth(f);
        add_weight(&f->file, "frequency", "MHz", 0.01);
        refused(f, "frequency");

        assert_int_equal(jk_model_events.open("/nonexistent/weights.json", &model, &err), -ENOENT);
        assert_non_null(strstr(err.message, "/nonexistent/weights.json"));
}

static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(each_task_gets_what_it_used),
        TEST(it_answers_before_any_energy_was_seen),
        TEST(weights_of_a_thread_or_of_many_zones_are_brought_to_one_zone),
        TEST(another_zone_is_divided_as_share_does),
        TEST(a_zone_is_divided_as_share_does_while_an_event_is_not_counted),
        TEST(events_of_a_package_are_those_of_its_only_zone),
        TEST(what_is_no_file_of_weights_is_refused),
};

JK_RUN_TESTS(tests)
