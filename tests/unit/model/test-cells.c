/* SPDX-License-Identifier: Apache-2.0
 *
 * Cells: what they keep, what they lose, and that neighbours are neighbours.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "model/cells.h"
#include "model/kernel.h"
#include "tests/unit/allocator.h"
#include "tests/unit/model/random.h"

enum { COORDINATES = 3, ZONES = 2 };

static const double importance[COORDINATES] = { 1, 1, 0.5 };

/* Room for `capacity` cells, whose first two coordinates have their scatter kept. */
static struct jk_cells
make(size_t capacity)
{
        struct jk_cells cells;

        assert_int_equal(jk_cells_init(&cells, capacity, COORDINATES, 2, ZONES), 0);
        return cells;
}

static void
add(struct jk_cells *cells, double a, double b, double c, double power_w)
{
        double x[COORDINATES] = { a, b, c }, y[ZONES] = { power_w, 7 };

        jk_cells_add(cells, x, y, importance);
        assert_true(cells->n <= cells->capacity);
}

/* A tick of anything: few loads are alike. */
static void
add_any(struct jk_cells *cells, uint64_t *random)
{
        double a = 10 * random_normal(random), b = random_unit(random);

        add(cells, a, b, floor(4 * random_unit(random)), a * a + 3 * b);
}

static double
distance(const struct jk_cells *cells, size_t i, size_t j)
{
        double sum = 0;

        for (size_t k = 0; k < cells->n_coordinates; k++) {
                double off = cells->x[i * cells->n_coordinates + k] -
                             cells->x[j * cells->n_coordinates + k];

                sum += off * off * cells->scale[k] * cells->scale[k];
        }
        return sum;
}

/* Whose first coordinate is nearest. */
static size_t
cell_at(const struct jk_cells *cells, double a)
{
        size_t nearest = 0;

        for (size_t i = 1; i < cells->n; i++)
                if (fabs(cells->x[i * COORDINATES] - a) < fabs(cells->x[nearest * COORDINATES] - a))
                        nearest = i;
        return nearest;
}

static void
assert_neighbours(const struct jk_cells *cells)
{
        for (size_t i = 0; i < cells->n; i++) {
                double least = INFINITY;

                for (size_t j = 0; j < cells->n; j++)
                        if (j != i)
                                least = fmin(least, distance(cells, i, j));
                if (cells->n < 2)
                        continue;
                assert_true(cells->nearest[i] < cells->n && cells->nearest[i] != i);
                assert_true(fabs(cells->distance[i] - least) <= 1e-9 * least);
                assert_true(fabs(distance(cells, i, cells->nearest[i]) - least) <= 1e-9 * least);
        }
}

/* ---- what is kept ---- */

static void
there_are_never_more_than_the_capacity(void **state)
{
        uint64_t random = 1;

        (void)state;
        for (size_t capacity = 2; capacity < 70; capacity += 13) {
                struct jk_cells cells = make(capacity);

                for (int i = 0; i < 1000; i++)
                        add_any(&cells, &random); /* which checks it */
                assert_int_equal(cells.n, capacity);
                assert_int_equal(cells.n_seen, 1000);
                jk_cells_free(&cells);
        }
}

static void
a_rare_load_survives_a_day_of_idling(void **state)
{
        struct jk_cells cells = make(32);
        uint64_t random = 1;
        size_t cell;

        (void)state;
        for (int i = 0; i < 8; i++)
                add(&cells, 16, 2, 1, 180);
        for (int i = 0; i < 100000; i++)
                add(&cells, 0.2 * random_unit(&random), 0.02 * random_unit(&random), 0,
                    20 + random_unit(&random));

        cell = cell_at(&cells, 16);
        assert_true(fabs(cells.x[cell * COORDINATES] - 16) < 1e-6);
        assert_true(fabs(cells.y[cell * ZONES] - 180) < 1e-6);
        jk_cells_free(&cells);
}

/* A coordinate that was always the same has no scale, but says most when it changes. */
static void
a_load_after_long_sameness_gets_a_cell_of_its_own(void **state)
{
        struct jk_cells cells = make(32);

        (void)state;
        for (int i = 0; i < 1000; i++)
                add(&cells, 0, 0, 0, 20);
        add(&cells, 16, 2, 1, 180);
        for (int i = 0; i < 10; i++)
                add(&cells, 0, 0, 0, 20);
        assert_true(cells.y[cell_at(&cells, 16) * ZONES] == 180);
        assert_true(cells.y[cell_at(&cells, 0) * ZONES] == 20);
        jk_cells_free(&cells);
}

static void
the_same_tick_again_costs_two_cells_at_most(void **state)
{
        struct jk_cells cells = make(32);

        (void)state;
        for (int i = 0; i < 5000; i++)
                add(&cells, 3, 1e9, 1e-9, 42);
        assert_in_range(cells.n, 1, 2);
        for (int i = 0; i < 5000; i++)
                add(&cells, 8, 2e9, 1e-9, 99);
        assert_in_range(cells.n, 2, 4);
        jk_cells_free(&cells);
}

static void
a_cell_that_is_visited_follows_a_drift(void **state)
{
        struct jk_cells cells = make(16);
        double power_w = 100;

        (void)state;
        add(&cells, 0, 0, 0, 20);
        for (int i = 0; i < 10000; i++) {
                power_w += 0.005;
                add(&cells, 5, 1, 0, power_w);
        }
        for (size_t i = 0; i < cells.n; i++)
                if (cells.count[i] >= 64) /* some 64 ticks behind: 0.32 W */
                        assert_true(fabs(cells.y[i * ZONES] - power_w) < 0.5);
        assert_true(cells.count[cell_at(&cells, 5)] >= 64);
        assert_true(cells.y[cell_at(&cells, 0) * ZONES] == 20);
        jk_cells_free(&cells);
}

static void
a_tick_joins_its_like_where_there_is_no_room(void **state)
{
        struct jk_cells cells = make(4);

        (void)state;
        add(&cells, 0, 0, 0, 20);
        add(&cells, 40, 0, 0, 60);
        add(&cells, 20, 0, 0, 40);
        add(&cells, 10, 0, 0, 30);
        add(&cells, 1, 0, 0, 22);
        assert_true(cells.x[cell_at(&cells, 0) * COORDINATES] == 0.5);
        assert_true(cells.y[cell_at(&cells, 0) * ZONES] == 21);
        for (int a = 10; a <= 40; a += a)
                assert_true(cells.y[cell_at(&cells, a) * ZONES] == 20 + a);

        add(&cells, 70, 0, 0, 90); /* unlike all: the two that are nearest become one */
        assert_true(cells.y[cell_at(&cells, 70) * ZONES] == 90);
        assert_true(cells.count[cell_at(&cells, 5)] == 3);
        jk_cells_free(&cells);
}

/* ---- sums ---- */

static void
constant_power_stays_constant(void **state)
{
        struct jk_cells cells = make(16);
        double sum = 0, count = 0;
        uint64_t random = 5;

        (void)state;
        for (int i = 0; i < 20000; i++)
                add_any(&cells, &random);
        for (size_t i = 0; i < cells.n; i++) {
                sum += cells.count[i] * cells.y[i * ZONES + 1];
                count += cells.count[i];
        }
        assert_true(fabs(sum / count - 7) < 1e-9);
        assert_true(cells.scatter_yy[1] < 1e-12);
        jk_cells_free(&cells);
}

/* Sums over ticks of products of what two columns are off from their means. */
struct moments {
        double n, mean_a, mean_b, products;
};

static void
take_in(struct moments *moments, double a, double b, double count)
{
        double off = a - moments->mean_a;

        moments->n += count;
        moments->mean_a += count / moments->n * off;
        moments->mean_b += count / moments->n * (b - moments->mean_b);
        moments->products += count * off * (b - moments->mean_b);
}

/* Within cells and between them is all there is: the law of total variance. Each tick makes the
 * scatter before it count for 1 / 4096 less, which bounds what may be missing. */
static void
scatter_within_and_between_cells_is_all_there_is(void **state)
{
        enum { TICKS = 60 };
        uint64_t random = 3;

        (void)state;
        for (size_t capacity = 2; capacity < 40; capacity += 4) {
                struct jk_cells cells = make(capacity);
                struct moments xx = { 0 }, xy = { 0 }, yy = { 0 };
                struct moments cells_xx = { 0 }, cells_xy = { 0 }, cells_yy = { 0 };
                double kept = 1 - pow(1 - 1 / 4096.0, 2 * TICKS);

                for (int i = 0; i < TICKS; i++) {
                        double a = random_normal(&random), b = random_normal(&random);
                        double power_w = 20 + 5 * a + a * b;

                        add(&cells, a, b, 0, power_w);
                        take_in(&xx, a, a, 1);
                        take_in(&xy, a, power_w, 1);
                        take_in(&yy, power_w, power_w, 1);
                }
                for (size_t i = 0; i < cells.n; i++) {
                        double a = cells.x[i * COORDINATES], power_w = cells.y[i * ZONES];

                        take_in(&cells_xx, a, a, cells.count[i]);
                        take_in(&cells_xy, a, power_w, cells.count[i]);
                        take_in(&cells_yy, power_w, power_w, cells.count[i]);
                }
                assert_true(fabs(cells_xx.n - TICKS) < 1e-9);
                assert_true(fabs(cells_yy.mean_a - yy.mean_a) < 1e-9);
                assert_true(fabs(cells.scatter_xx[0] + cells_xx.products - xx.products) <=
                            kept * xx.products);
                assert_true(fabs(cells.scatter_yy[0] + cells_yy.products - yy.products) <=
                            kept * yy.products);
                assert_true(fabs(cells.scatter_xy[0] + cells_xy.products - xy.products) <=
                            kept * sqrt(xx.products * yy.products));
                assert_true(fabs((double)cells.n + cells.scatter_count - TICKS) <= kept * TICKS);
                jk_cells_free(&cells);
        }
}

static void
scatter_of_long_ago_is_forgotten(void **state)
{
        struct jk_cells cells = make(2);
        uint64_t random = 3;

        (void)state;
        add(&cells, 0, 0, 0, 0);
        add(&cells, 1e6, 0, 0,
            0); /* two cells, far from each other: the rest is within the first */
        for (int i = 0; i < 1000; i++)
                add(&cells, 10 * random_normal(&random), 0, 0, 50);
        for (int i = 0; i < 60000; i++)
                add(&cells, 10 * random_normal(&random), 0, 0, 100);
        assert_true(cells.scatter_count < 4097 && cells.scatter_count > 4000);
        assert_true(cells.scatter_yy[0] < 1);
        assert_true(fabs(cells.scatter_xx[0] / cells.scatter_count - 100) < 10);
        jk_cells_free(&cells);
}

/* ---- neighbours ---- */

static void
coordinates_that_never_change_have_no_scale(void **state)
{
        struct jk_cells cells = make(16);

        (void)state;
        for (int i = 0; i < 100; i++)
                add(&cells, 0.1 + 0.2, i, 1e12 * (1 + 1e-13 * (i % 3)), i);
        jk_cells_rescale(&cells, importance);
        assert_true(cells.scale[0] == 0);
        assert_true(cells.scale[1] > 0 && isfinite(cells.scale[1]));
        assert_true(cells.scale[2] == 0); /* differs by rounding only */
        jk_cells_free(&cells);
}

static void
scales_make_spreads_equal_but_for_importance(void **state)
{
        struct jk_cells cells = make(64);
        uint64_t random = 9;

        (void)state;
        for (int i = 0; i < 64; i++)
                add(&cells, 1e-9 * random_unit(&random), 1e12 * random_unit(&random),
                    random_unit(&random), 0);
        jk_cells_rescale(&cells, importance);
        for (size_t k = 0; k < COORDINATES; k++) {
                double squares = 0;

                for (size_t i = 0; i < cells.n; i++)
                        squares += pow((cells.x[i * COORDINATES + k] - cells.centre[k]) *
                                               cells.scale[k],
                                       2) /
                                   (double)cells.n;
                assert_true(fabs(sqrt(squares) / importance[k] - 1) < 1e-9);
        }
        jk_cells_free(&cells);
}

static void
neighbours_are_the_nearest_once_rescaled(void **state)
{
        (void)state;
        for (uint64_t seed = 1; seed <= 60; seed++) {
                uint64_t random = seed;
                struct jk_cells cells = make(2 + random_below(&random, 40));
                size_t ticks = random_below(&random, 300);

                for (size_t i = 0; i < ticks; i++)
                        add_any(&cells, &random);
                jk_cells_rescale(&cells, importance);
                assert_neighbours(&cells);
                jk_cells_free(&cells);
        }
}

/* Each tick is farther from all others than any two of them: so each makes room. */
static void
neighbours_stay_the_nearest_while_room_is_made(void **state)
{
        (void)state;
        for (uint64_t seed = 1; seed <= 20; seed++) {
                uint64_t random = seed;
                struct jk_cells cells = make(2 + random_below(&random, 20));
                double far = 1;

                for (size_t i = 0; i < 60; i++) {
                        add(&cells, far, far * random_unit(&random), 0, far);
                        assert_neighbours(&cells);
                        far *= 1.7;
                }
                assert_int_equal(cells.n, cells.capacity);
                jk_cells_free(&cells);
        }
}

/* Of many cells a tick finds some only: the ticks here leave all cells where they are. */
static void
neighbours_of_many_cells_are_found_within_some_ticks(void **state)
{
        struct jk_cells cells = make(200);
        uint64_t random = 4;

        (void)state;
        for (int i = 0; i < 600; i++)
                add_any(&cells, &random);
        assert_int_equal(cells.n, 200);
        jk_cells_rescale(&cells, importance);
        for (int i = 0; i < 10; i++) {
                double x[COORDINATES], y[ZONES] = { 20, 7 };

                memcpy(x, cells.x, sizeof x);
                jk_cells_add(&cells, x, y, importance);
        }
        assert_neighbours(&cells);
        jk_cells_free(&cells);
}

/* ---- memory ---- */

static void
out_of_memory_leaves_nothing_behind(void **state)
{
        struct jk_cells cells;
        int n;

        (void)state;
        for (n = 0;; n++) {
                int r;

                allocator_fail_from(n);
                r = jk_cells_init(&cells, 8, COORDINATES, 2, ZONES);
                allocator_fail_from(-1);
                if (r == 0)
                        break;
                assert_int_equal(r, -ENOMEM);
                assert_null(cells.x);
                assert_null(cells.nearest);
        }
        assert_in_range(n, 5, 50);
        jk_cells_free(&cells);
        jk_cells_free(&cells); /* and again is harmless */
}

static void
nothing_is_allocated_while_learning(void **state)
{
        struct jk_cells cells = make(16);
        struct jk_kernel *kernel;
        double x[COORDINATES] = { 0 };
        uint64_t random = 1;

        (void)state;
        assert_int_equal(jk_kernel_open(&cells, &kernel), 0);
        allocator_fail_from(0);
        for (int i = 0; i < 500; i++) {
                add_any(&cells, &random);
                jk_kernel_step(kernel, &cells, importance, 1000);
        }
        assert_true(jk_kernel_at(kernel, x));
        assert_false(allocator_has_failed());
        allocator_fail_from(-1);
        jk_kernel_close(kernel);
        jk_cells_free(&cells);
}

static void
a_regression_without_memory_is_not_opened(void **state)
{
        struct jk_cells cells = make(8);
        struct jk_kernel *kernel = NULL;
        int n;

        (void)state;
        for (n = 0;; n++) {
                int r;

                allocator_fail_from(n);
                r = jk_kernel_open(&cells, &kernel);
                allocator_fail_from(-1);
                if (r == 0)
                        break;
                assert_int_equal(r, -ENOMEM);
                assert_null(kernel);
        }
        assert_in_range(n, 5, 50);
        jk_kernel_close(kernel);
        jk_kernel_close(NULL);
        jk_cells_free(&cells);
}

/* Cells that are nearly one, and then ticks so far off that squares overflow. */
static void
infinite_distances_stay_in_bounds(void **state)
{
        struct jk_cells cells = make(2);

        (void)state;
        for (int i = 0; i < 9; i++)
                add(&cells, i % 2 ? 1e-150 : 0, 0, 0, 10);
        for (int i = 0; i < 5; i++)
                add(&cells, i % 2 ? 1e30 : 1e29, 0, 0, 20);
        assert_int_equal(cells.n, 2);
        for (size_t i = 0; i < cells.n; i++)
                assert_true(isfinite(cells.x[i * COORDINATES]) && isfinite(cells.y[i * ZONES]) &&
                            cells.nearest[i] < cells.n);
        jk_cells_free(&cells);
}

int
main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(there_are_never_more_than_the_capacity),
                cmocka_unit_test(a_rare_load_survives_a_day_of_idling),
                cmocka_unit_test(a_load_after_long_sameness_gets_a_cell_of_its_own),
                cmocka_unit_test(the_same_tick_again_costs_two_cells_at_most),
                cmocka_unit_test(a_cell_that_is_visited_follows_a_drift),
                cmocka_unit_test(a_tick_joins_its_like_where_there_is_no_room),
                cmocka_unit_test(constant_power_stays_constant),
                cmocka_unit_test(scatter_within_and_between_cells_is_all_there_is),
                cmocka_unit_test(scatter_of_long_ago_is_forgotten),
                cmocka_unit_test(coordinates_that_never_change_have_no_scale),
                cmocka_unit_test(scales_make_spreads_equal_but_for_importance),
                cmocka_unit_test(neighbours_are_the_nearest_once_rescaled),
                cmocka_unit_test(neighbours_stay_the_nearest_while_room_is_made),
                cmocka_unit_test(neighbours_of_many_cells_are_found_within_some_ticks),
                cmocka_unit_test(out_of_memory_leaves_nothing_behind),
                cmocka_unit_test(nothing_is_allocated_while_learning),
                cmocka_unit_test(a_regression_without_memory_is_not_opened),
                cmocka_unit_test(infinite_distances_stay_in_bounds),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
