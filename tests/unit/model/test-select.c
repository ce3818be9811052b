/* SPDX-License-Identifier: Apache-2.0
 *
 * Event selection: of many columns those are chosen that power is made of, garbage and repetitions
 * are not, and the error that is told is that of rows that were kept apart.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/select.h"
#include "tests/unit/model/random.h"

enum { COLUMNS = 20, ROWS = 600 };

static const struct jk_selection_rule rule = { .n_folds = 5, .most = 8, .least_gain = 0.01 };

struct fixture {
        double x[ROWS][COLUMNS], y[ROWS];
        uint64_t random;
        struct jk_selection_rows rows;
        struct jk_selection selection;
};

/* 20 W, and of columns 3, 7 and 11 a great deal, less and a little; the others are garbage but for
 * 12, which is 3 in another unit. */
static int
set_up(void **state)
{
        struct fixture *f = calloc(1, sizeof *f);

        if (!f)
                return -1;
        f->random = 99;
        for (int row = 0; row < ROWS; row++) {
                double *x = f->x[row];

                for (int i = 0; i < COLUMNS; i++)
                        x[i] = 1e9 * random_unit(&f->random);
                x[12] = x[3] / 1000;
                f->y[row] = 20 + 40e-9 * x[3] + 15e-9 * x[7] + 5e-9 * x[11] +
                            0.5 * random_normal(&f->random);
        }
        f->rows = (struct jk_selection_rows){ ROWS, COLUMNS, f->x[0], f->y };
        *state = f;
        return 0;
}

static int
tear_down(void **state)
{
        free(*state);
        return 0;
}

static void
assert_near(double value, double expected, double part)
{
        if (!(fabs(value - expected) <= part * fabs(expected)))
                fail_msg("%g is not within %g %% of %g", value, 100 * part, expected);
}

static void
what_power_is_made_of_is_chosen_and_nothing_else(void **state)
{
        struct fixture *f = *state;
        const struct jk_selection *selection = &f->selection;

        assert_int_equal(jk_select(&f->rows, &rule, &f->selection), 0);
        assert_int_equal(selection->n, 3);
        assert_true(selection->chosen[0] == 3 || selection->chosen[0] == 12);
        assert_int_equal(selection->chosen[1], 7);
        assert_int_equal(selection->chosen[2], 11);
        assert_near(selection->weights[3] + selection->weights[12] / 1000, 40e-9, 0.02);
        assert_near(selection->weights[7], 15e-9, 0.02);
        assert_near(selection->weights[11], 5e-9, 0.05);
        assert_near(selection->idle_w, 20, 0.02);
        for (int i = 0; i < COLUMNS; i++)
                if (i != 3 && i != 7 && i != 11 && i != 12)
                        assert_true(selection->weights[i] == 0);
}

static void
each_step_makes_the_error_smaller(void **state)
{
        struct fixture *f = *state;
        const struct jk_selection *selection = &f->selection;
        double last_w;

        assert_int_equal(jk_select(&f->rows, &rule, &f->selection), 0);
        last_w = selection->before.rms_w;
        for (size_t i = 0; i < selection->n; i++) {
                assert_true(selection->after[i].rms_w < 0.99 * last_w);
                last_w = selection->after[i].rms_w;
        }
        assert_near(last_w, 0.5, 0.1); /* the noise */
        assert_true(selection->after[2].mape_pct > 0 && selection->after[2].mape_pct < 2);
}

static void
no_more_are_chosen_than_there_are_counters(void **state)
{
        struct jk_selection_rule two = rule;
        struct fixture *f = *state;

        two.most = 2;
        assert_int_equal(jk_select(&f->rows, &two, &f->selection), 0);
        assert_int_equal(f->selection.n, 2);
}

/* Learned and asked about in the same rows, a column for each block would explain all but the
 * noise.
 */
static void
what_only_tells_blocks_apart_explains_little(void **state)
{
        struct fixture *f = *state;

        for (int row = 0; row < ROWS; row++) {
                int block = row / (ROWS / 5);

                memset(f->x[row], 0, sizeof f->x[row]);
                f->x[row][block] = 1e9; /* a column for each block */
                f->y[row] = 20 + 10 * ((block * 7) % 5) + 0.5 * random_normal(&f->random);
        }
        assert_int_equal(jk_select(&f->rows, &rule, &f->selection), 0);
        assert_true(f->selection.before.rms_w > 10); /* each block by the others' mean */
        for (size_t i = 0; i < f->selection.n; i++)
                assert_true(f->selection.after[i].rms_w > 0.5 * f->selection.before.rms_w);
}

static void
blocks_go_round(void **state)
{
        struct jk_selection_rule blocks = rule;
        struct fixture *f = *state;

        blocks.block = 10;
        assert_int_equal(jk_select(&f->rows, &blocks, &f->selection), 0);
        assert_int_equal(f->selection.n, 3);
}

static void
nothing_explains_noise(void **state)
{
        struct fixture *f = *state;

        for (int row = 0; row < ROWS; row++)
                f->y[row] = 20 + random_normal(&f->random);
        assert_int_equal(jk_select(&f->rows, &rule, &f->selection), 0);
        assert_int_equal(f->selection.n, 0);
        assert_near(f->selection.idle_w, 20, 0.01);
}

static void
too_little_is_refused(void **state)
{
        struct fixture *f = *state;

        f->rows.n = 4;
        assert_int_equal(jk_select(&f->rows, &rule, &f->selection), -EINVAL);
        f->rows.n = ROWS;
        f->rows.n_columns = JK_COUNTS_MAX + 1;
        assert_int_equal(jk_select(&f->rows, &rule, &f->selection), -EINVAL);
}

static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(what_power_is_made_of_is_chosen_and_nothing_else),
        TEST(each_step_makes_the_error_smaller),
        TEST(no_more_are_chosen_than_there_are_counters),
        TEST(what_only_tells_blocks_apart_explains_little),
        TEST(blocks_go_round),
        TEST(nothing_explains_noise),
        TEST(too_little_is_refused),
};

JK_RUN_TESTS(tests)
