/* SPDX-License-Identifier: Apache-2.0
 *
 * How models are chosen: what a spec may say, how lists of specs are cut, and that each zone is
 * divided by the model that was chosen for it.
 */
#include "tests/unit/model/world.h"

#include <stdio.h>
#include <string.h>

static void
a_spec_names_models_and_zones(void **state)
{
        static const char *const good[] = {
                "auto",
                "share",
                "adaptive,dram=share",
                "dram=share",
                "share,package-0=auto,dram=share",
        };
        struct jk_error err;

        (void)state;
        assert_int_equal(jk_model_check(NULL, &err), 0);
        for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
                assert_int_equal(jk_model_check(good[i], &err), 0);
}

static void
what_is_wrong_with_a_spec_is_told(void **state)
{
        static const struct {
                const char *spec, *says;
        } bad[] = {
                { "shair", "did you mean share?" },
                { "quantum-leap", "there are auto, " },
                { "", "there is no such model" },
                { "share,", "'': there is no such model" },
                { "share,adaptive", "a second model needs a zone, as in dram=adaptive" },
                { "dram=share,adaptive", "a second model needs a zone" },
                { "=share", "give a zone before the =" },
                { "dram=", "there is no such model" },
                { "share:42", "model share takes no argument" },
                { "dram=share:42", "'dram=share:42': model share takes no argument" },
        };
        (void)state;
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                struct jk_error err = { "" };
                const struct jk_model_ops *ops;
                struct jk_model *model;

                assert_int_equal(jk_model_check(bad[i].spec, &err), -EINVAL);
                if (!strstr(err.message, bad[i].says))
                        fail_msg("%s: %s", bad[i].spec, err.message);
                assert_int_equal(jk_model_open(bad[i].spec, &ops, &model, &err), -EINVAL);
        }
}

static void
a_list_of_specs_is_cut_between_them(void **state)
{
        char list[] = "adaptive,dram=share,share,share,package-0=adaptive,dram=auto";
        char alone[] = "share";
        char *rest = list;

        (void)state;
        assert_string_equal(jk_model_next(&rest), "adaptive,dram=share");
        assert_string_equal(jk_model_next(&rest), "share");
        assert_string_equal(jk_model_next(&rest), "share,package-0=adaptive,dram=auto");
        assert_null(jk_model_next(&rest));
        rest = alone;
        assert_string_equal(jk_model_next(&rest), "share");
        assert_null(jk_model_next(&rest));
}

/* What an argument may hold: anything but a comma. */
static void
an_argument_may_look_like_a_zone(void **state)
{
        char list[] = "share:a=b,share";
        char *rest = list;

        (void)state;
        assert_string_equal(jk_model_next(&rest), "share:a=b");
        assert_string_equal(jk_model_next(&rest), "share");
        assert_true(jk_model_has_argument("adaptive,dram=events:file"));
        assert_false(jk_model_has_argument("adaptive,dram=share"));
}

/* ---- zones ---- */

/* The same world under a spec and under models by themselves: task weights of the zone. */
static void
expect_as(const char *spec, size_t zone, const struct jk_model_ops *alone)
{
        struct world world;
        const struct jk_model_ops *ops;
        struct jk_model *chosen, *other;
        double weights[2][64];
        struct jk_split split[2] = { { .task_weights = weights[0] },
                                     { .task_weights = weights[1] } };
        struct jk_error err;

        world_start(&world);
        world_add(&world, 2.4, 0.05);
        world_add(&world, 0.5, 25);
        assert_int_equal(jk_model_open(spec, &ops, &chosen, &err), 0);
        assert_int_equal(alone->open(NULL, &other, &err), 0);
        for (int tick = 0; tick < 100; tick++) {
                world_step(&world, ops, chosen);
                alone->observe(other, &world.sample);
        }
        ops->split(chosen, &world.sample, zone, &split[0]);
        alone->split(other, &world.sample, zone, &split[1]);

        assert_true(world.sample.n_tasks >= 2 && world.sample.n_tasks <= 64);
        assert_true(split[0].idle_uj == split[1].idle_uj);
        assert_memory_equal(weights[0], weights[1], world.sample.n_tasks * sizeof weights[0][0]);
        assert_true(ops->idle(chosen, zone).power_w == alone->idle(other, zone).power_w);

        ops->close(chosen);
        alone->close(other);
        world_end(&world);
}

static void
each_zone_is_divided_by_its_own_model(void **state)
{
        (void)state;
        expect_as("adaptive,dram=share", WORLD_PACKAGE, &jk_model_adaptive);
        expect_as("adaptive,dram=share", WORLD_DRAM, &jk_model_share);
        expect_as("dram=share", WORLD_PACKAGE, jk_model_list[0]);
        expect_as("share,dram=adaptive", WORLD_DRAM, &jk_model_adaptive);
}

static void
a_name_goes_before_a_kind(void **state)
{
        (void)state;
        expect_as("adaptive,package-0=share,package=adaptive", WORLD_PACKAGE, &jk_model_share);
        expect_as("adaptive,package=adaptive,package-0=share", WORLD_PACKAGE, &jk_model_share);
}

static void
a_zone_whose_model_predicts_nothing_is_not_predicted(void **state)
{
        struct world world;
        const struct jk_model_ops *ops;
        struct jk_model *model;
        struct jk_error err;

        (void)state;
        world_start(&world);
        world_add(&world, 2.4, 0.05);
        assert_int_equal(jk_model_open("adaptive,dram=share", &ops, &model, &err), 0);
        for (int tick = 0; tick < 100; tick++)
                world_step(&world, ops, model);
        assert_true(ops->expect(model, WORLD_PACKAGE).power_w > 0);
        assert_true(isnan(ops->expect(model, WORLD_DRAM).power_w));
        ops->close(model);
        world_end(&world);
}

static void
no_more_models_than_there_is_room_for(void **state)
{
        char spec[1024] = "auto";
        const struct jk_model_ops *ops;
        struct jk_model *model;
        struct jk_error err = { "" };

        (void)state;
        for (int i = 0; i < 40; i++)
                snprintf(spec + strlen(spec), sizeof spec - strlen(spec), ",package-%d=share", i);
        assert_int_equal(jk_model_open(spec, &ops, &model, &err), -EINVAL);
        assert_non_null(strstr(err.message, "at most"));
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_spec_names_models_and_zones),
        cmocka_unit_test(what_is_wrong_with_a_spec_is_told),
        cmocka_unit_test(a_list_of_specs_is_cut_between_them),
        cmocka_unit_test(an_argument_may_look_like_a_zone),
        cmocka_unit_test(each_zone_is_divided_by_its_own_model),
        cmocka_unit_test(a_name_goes_before_a_kind),
        cmocka_unit_test(a_zone_whose_model_predicts_nothing_is_not_predicted),
        cmocka_unit_test(no_more_models_than_there_is_room_for),
};

JK_RUN_TESTS(tests)
