/* SPDX-License-Identifier: Apache-2.0
 *
 * Models as shared objects: which are refused and why, and that nothing of what they return reaches
 * the ledger unless it is fit to be booked.
 */
#include "tests/unit/model/world.h"

#include <stdio.h>
#include <unistd.h>

#include "model/guard.h"

static int
open_plugin(const char *fault, const char *argument, const struct jk_model_ops **ret_ops,
            struct jk_model **ret_model, struct jk_error *err)
{
        char spec[1024];

        snprintf(spec, sizeof spec, "plugin:%s/plugin-%s.so%s", getenv("JK_PLUGINS"), fault,
                 argument);
        return jk_model_open(spec, ret_ops, ret_model, err);
}

static void
expect_refusal(const char *fault, const char *argument, const char *says)
{
        const struct jk_model_ops *ops;
        struct jk_model *model = NULL;
        struct jk_error err = { "" };

        if (open_plugin(fault, argument, &ops, &model, &err) >= 0)
                fail_msg("%s%s was opened", fault, argument);
        if (!strstr(err.message, says))
                fail_msg("%s%s: \"%s\" does not say \"%s\"", fault, argument, err.message, says);
        assert_null(model);
}

static void
what_does_not_fit_is_refused_with_a_remedy(void **state)
{
        char sizes[128];

        (void)state;
        snprintf(sizes, sizeof sizes,
                 "its struct jk_task_record has %zu bytes, this program's %zu;",
                 sizeof(struct jk_task_record) - 8, sizeof(struct jk_task_record));
        expect_refusal("there-is-none", "", "No such file");
        expect_refusal("no-symbol", "", "it has no symbol joulekeeper_model");
        expect_refusal("abi", "", "made for version 77 of the interface");
        expect_refusal("abi", "", "compile it again with the headers");
        expect_refusal("size", "", sizes);
        expect_refusal("size", "", "compile it again with the headers");
        expect_refusal("no-table", "", "its table of operations lacks one");
        expect_refusal("refuses", "", "model plugin: it is not my day");
        expect_refusal("nothing", "", "returned no model");
        expect_refusal("none", ":weights.json", "takes no argument");
}

static void
what_is_no_shared_object_is_refused(void **state)
{
        char path[] = "/tmp/jk-plugin-XXXXXX", spec[64];
        const struct jk_model_ops *ops;
        struct jk_model *model;
        struct jk_error err = { "" };
        int fd = mkstemp(path);

        (void)state;
        assert_true(fd >= 0 && write(fd, "no ELF\n", 7) == 7);
        close(fd);
        snprintf(spec, sizeof spec, "plugin:%s", path);
        assert_int_equal(jk_model_open(spec, &ops, &model, &err), -EINVAL);
        assert_non_null(strstr(err.message, "cannot load it"));
        assert_int_equal(jk_model_open("plugin:x.so", &ops, &model, &err), -EINVAL);
        assert_non_null(strstr(err.message, "give its whole path"));
        unlink(path);
}

static void
one_that_fits_divides(void **state)
{
        const struct jk_model_ops *ops;
        struct jk_model *model;
        struct jk_error err;
        struct world world;
        double weights[2] = { 0 };
        struct jk_split split = { .task_weights = weights };

        (void)state;
        world_start(&world);
        world_add(&world, 2, 0.1);
        world_add(&world, 1, 0.1);
        world.programs[0].running = world.programs[1].running = 1;
        assert_int_equal(open_plugin("none", "", &ops, &model, &err), 0);
        world_step(&world, ops, model);
        ops->split(model, &world.sample, WORLD_PACKAGE, &split);
        for (size_t i = 0; i < 2; i++)
                assert_true(weights[i] == (double)world.sample.tasks[i].instructions);
        assert_true(split.idle_uj == 1e6 && split.uncertainty_pct == 5);
        assert_true(ops->idle(model, WORLD_PACKAGE).power_w == 1);
        assert_true(ops->expect(model, WORLD_PACKAGE).power_w == 20);
        ops->close(model);
        world_end(&world);
}

/* As `share` divides, bit by bit. */
static void
expect_share(const char *fault)
{
        const struct jk_model_ops *ops;
        struct jk_model *model, *share;
        struct jk_error err = { "" };
        struct world world;
        double weights[2][2];
        struct jk_split split[2] = { { .task_weights = weights[0] },
                                     { .task_weights = weights[1] } };

        world_start(&world);
        world_add(&world, 2, 0.1);
        world_add(&world, 1, 0.1);
        world.programs[0].running = world.programs[1].running = 1;
        if (open_plugin(fault, "", &ops, &model, &err) < 0)
                fail_msg("%s", err.message);
        assert_int_equal(jk_model_share.open(NULL, &share, &err), 0);
        for (int tick = 0; tick < 30; tick++) {
                world_step(&world, ops, model);
                jk_model_share.observe(share, &world.sample);
        }
        for (size_t zone = 0; zone < WORLD_ZONES; zone++) {
                ops->split(model, &world.sample, zone, &split[0]);
                jk_model_share.split(share, &world.sample, zone, &split[1]);
                assert_memory_equal(weights[0], weights[1], sizeof weights[0]);
                assert_true(split[0].idle_uj == split[1].idle_uj);
                assert_true(split[0].irq_weight == split[1].irq_weight);
                assert_true(split[0].uncertainty_pct == split[1].uncertainty_pct);
                assert_true(!(ops->idle(model, zone).power_w < 0));
                assert_false(isinf(ops->expect(model, zone).power_w));
        }
        ops->close(model);
        jk_model_share.close(share);
        world_end(&world);
}

static void
what_cannot_be_booked_is_divided_by_cpu_time(void **state)
{
        (void)state;
        expect_share("nan");
        expect_share("negative");
        expect_share("infinite");
        expect_share("overflow");
        expect_share("no-idle");
}

/* A pointer that the plug-in changed is not followed. */
static void
the_weights_stay_where_the_ledger_has_them(void **state)
{
        const struct jk_model_ops *ops;
        struct jk_model *model;
        struct jk_error err;
        struct world world;
        double weights[1] = { -1 };
        struct jk_split split = { .task_weights = weights };

        (void)state;
        world_start(&world);
        world_add(&world, 2, 0.1);
        world.programs[0].running = 1;
        assert_int_equal(open_plugin("unset", "", &ops, &model, &err), 0);
        world_tick(&world, 1);
        ops->observe(model, &world.sample);
        ops->split(model, &world.sample, WORLD_PACKAGE, &split);
        assert_ptr_equal(split.task_weights, weights);
        assert_true(weights[0] > 0);
        ops->close(model);
        world_end(&world);
}

static void
a_fault_counts_once_in_a_tick(void **state)
{
        struct jk_guard guard;
        struct jk_error err;
        struct world world;

        (void)state;
        world_start(&world);
        assert_int_equal(jk_guard_open(&guard, "test", &err), 0);
        for (int tick = 0; tick < 3; tick++) {
                world_tick(&world, 1);
                jk_guard_observe(&guard, &world.sample);
                jk_guard_fault(&guard, &world.sample, "one");
                jk_guard_fault(&guard, &world.sample, "two");
        }
        assert_int_equal(guard.n_faulty, 3);
        assert_int_equal(guard.n_unsaid, 2); /* the first was said at once */
        world_tick(&world, 60);
        jk_guard_observe(&guard, &world.sample);
        assert_int_equal(guard.n_unsaid, 0);
        assert_int_equal(guard.n_faulty, 3);
        jk_guard_close(&guard);
        world_end(&world);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_fit_is_refused_with_a_remedy),
        cmocka_unit_test(what_is_no_shared_object_is_refused),
        cmocka_unit_test(one_that_fits_divides),
        cmocka_unit_test(what_cannot_be_booked_is_divided_by_cpu_time),
        cmocka_unit_test(the_weights_stay_where_the_ledger_has_them),
        cmocka_unit_test(a_fault_counts_once_in_a_tick),
};

JK_RUN_TESTS(tests)
