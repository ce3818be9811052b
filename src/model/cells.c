/* SPDX-License-Identifier: Apache-2.0
 *
 * Cells of ticks that were alike: see cells.h.
 */
#include "model/cells.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A cell's means are those of about so many ticks. */
#define MEMORY 64

/* The scatter is that of about so many. */
#define SCATTER_MEMORY 4096

/* Ticks that are nearer than this (squared, in standard deviations) are alike, room or no room. */
#define ALIKE 0.001

/* To find neighbours anew after the scale has changed, so that no tick waits long. */
#define DISTANCES_PER_TICK 4096

int
jk_cells_init(struct jk_cells *cells, size_t capacity, size_t n_coordinates, size_t n_linear,
              size_t n_zones)
{
        *cells = (struct jk_cells){
                .capacity = capacity,
                .n_coordinates = n_coordinates,
                .n_linear = n_linear,
                .n_zones = n_zones,
                .x = calloc(capacity * n_coordinates, sizeof(double)),
                .y = calloc(capacity * n_zones, sizeof(double)),
                .count = calloc(capacity, sizeof(double)),
                .scatter_xx = calloc(n_linear * n_linear, sizeof(double)),
                .scatter_xy = calloc(n_zones * n_linear, sizeof(double)),
                .scatter_yy = calloc(n_zones, sizeof(double)),
                .scale = calloc(n_coordinates, sizeof(double)),
                .centre = calloc(n_coordinates, sizeof(double)),
                .distance = calloc(capacity, sizeof(double)),
                .nearest = calloc(capacity, sizeof(size_t)),
        };
        if (cells->x && cells->y && cells->count && cells->scatter_xx && cells->scatter_xy &&
            cells->scatter_yy && cells->scale && cells->centre && cells->distance && cells->nearest)
                return 0;

        jk_cells_free(cells);
        return -ENOMEM;
}

void
jk_cells_free(struct jk_cells *cells)
{
        free(cells->x);
        free(cells->y);
        free(cells->count);
        free(cells->scatter_xx);
        free(cells->scatter_xy);
        free(cells->scatter_yy);
        free(cells->scale);
        free(cells->centre);
        free(cells->distance);
        free(cells->nearest);
        *cells = (struct jk_cells){ 0 };
}

static double
distance(const struct jk_cells *cells, const double *a, const double *b)
{
        double sum = 0;

        for (size_t i = 0; i < cells->n_coordinates; i++) {
                double step = (a[i] - b[i]) * cells->scale[i];

                sum += step * step;
        }
        return sum;
}

static double *
x_of(const struct jk_cells *cells, size_t cell)
{
        return cells->x + cell * cells->n_coordinates;
}

/* The cell nearest to x, other than `but`; n if there is none. */
static size_t
find_nearest(const struct jk_cells *cells, const double *x, size_t but, double *ret_distance)
{
        size_t nearest = cells->n;

        *ret_distance = INFINITY;
        for (size_t i = 0; i < cells->n; i++) {
                double d;

                if (i == but)
                        continue;
                /* It may be infinite: squares overflow where the cells are all but one. */
                d = distance(cells, x, x_of(cells, i));
                if (nearest == cells->n || d < *ret_distance) {
                        *ret_distance = d;
                        nearest = i;
                }
        }
        return nearest;
}

/* A cell has got other coordinates: find its neighbour, and be one to others. */
static void
settle(struct jk_cells *cells, size_t cell)
{
        cells->distance[cell] = INFINITY;
        for (size_t i = 0; i < cells->n; i++) {
                double d;

                if (i == cell)
                        continue;
                d = distance(cells, x_of(cells, cell), x_of(cells, i));
                if (d < cells->distance[cell]) {
                        cells->distance[cell] = d;
                        cells->nearest[cell] = i;
                }
                if (d < cells->distance[i]) {
                        cells->distance[i] = d;
                        cells->nearest[i] = cell;
                } else if (cells->nearest[i] == cell) {
                        cells->nearest[i] =
                                find_nearest(cells, x_of(cells, i), i, &cells->distance[i]);
                }
        }
}

static void
mix(double *mean, const double *other, double part, size_t n)
{
        for (size_t i = 0; i < n; i++)
                mean[i] += part * (other[i] - mean[i]);
}

static void
set(struct jk_cells *cells, size_t cell, const double *x, const double *y)
{
        memcpy(x_of(cells, cell), x, cells->n_coordinates * sizeof *x);
        memcpy(cells->y + cell * cells->n_zones, y, cells->n_zones * sizeof *y);
        cells->count[cell] = 1;
}

/* A mean of `count` ticks takes in a tick (or another mean) that is off from it. */
static void
scatter(struct jk_cells *cells, size_t cell, const double *x, const double *y, double part)
{
        const double *mean_x = x_of(cells, cell), *mean_y = cells->y + cell * cells->n_zones;
        double kept = 1 - 1.0 / SCATTER_MEMORY;

        for (size_t i = 0; i < cells->n_linear; i++)
                for (size_t j = 0; j < cells->n_linear; j++) {
                        double *sum = &cells->scatter_xx[i * cells->n_linear + j];

                        *sum = kept * *sum + part * (x[i] - mean_x[i]) * (x[j] - mean_x[j]);
                }
        for (size_t zone = 0; zone < cells->n_zones; zone++) {
                double off = y[zone] - mean_y[zone];

                for (size_t i = 0; i < cells->n_linear; i++) {
                        double *sum = &cells->scatter_xy[zone * cells->n_linear + i];

                        *sum = kept * *sum + part * off * (x[i] - mean_x[i]);
                }
                cells->scatter_yy[zone] = kept * cells->scatter_yy[zone] + part * off * off;
        }
        cells->scatter_count = kept * cells->scatter_count + 1;
}

static void
absorb(struct jk_cells *cells, size_t cell, const double *x, const double *y, double count)
{
        double sum = cells->count[cell] + count;

        scatter(cells, cell, x, y, cells->count[cell] * count / sum);
        mix(x_of(cells, cell), x, count / sum, cells->n_coordinates);
        mix(cells->y + cell * cells->n_zones, y, count / sum, cells->n_zones);
        cells->count[cell] = fmin(sum, MEMORY);
}

/* The cell whose neighbour is nearest. */
static size_t
most_crowded(const struct jk_cells *cells)
{
        size_t cell = 0;

        for (size_t i = 1; i < cells->n; i++)
                if (cells->distance[i] < cells->distance[cell])
                        cell = i;
        return cell;
}

/* Make a cell and its neighbour one, and give the room to a tick. */
static void
make_room(struct jk_cells *cells, size_t cell, const double *x, const double *y)
{
        size_t other = cells->nearest[cell];

        absorb(cells, cell, x_of(cells, other), cells->y + other * cells->n_zones,
               cells->count[other]);
        set(cells, other, x, y);
        settle(cells, cell);
        settle(cells, other);
}

/* Find neighbours by a new scale, for some cells; the others' are by the old one till their turn.
 */
static void
settle_some(struct jk_cells *cells)
{
        for (size_t done = 0; done < DISTANCES_PER_TICK && cells->n_settled < cells->n;
             done += cells->n) {
                size_t cell = cells->n_settled++;

                cells->nearest[cell] =
                        find_nearest(cells, x_of(cells, cell), cell, &cells->distance[cell]);
        }
}

void
jk_cells_rescale(struct jk_cells *cells, const double *importance)
{
        for (size_t i = 0; i < cells->n_coordinates; i++) {
                double mean = 0, squares = 0;

                for (size_t cell = 0; cell < cells->n; cell++)
                        mean += x_of(cells, cell)[i] / (double)cells->n;
                for (size_t cell = 0; cell < cells->n; cell++) {
                        double off = x_of(cells, cell)[i] - mean;

                        squares += off * off / (double)cells->n;
                }
                cells->centre[i] = mean;
                /* What differs by rounding only does not differ. */
                cells->scale[i] = sqrt(squares) > 1e-9 * fabs(mean) && squares > DBL_MIN
                                          ? importance[i] / sqrt(squares)
                                          : 0;
        }

        cells->n_settled = 0;
        settle_some(cells);
}

/* Often while there is little, and then each time as much again has been seen. */
static void
rescale_when_due(struct jk_cells *cells, const double *importance)
{
        if (cells->n_seen < cells->until_rescaled)
                return;

        jk_cells_rescale(cells, importance);
        cells->until_rescaled = cells->n_seen < 4 ? cells->n_seen + 1 : 2 * cells->n_seen;
}

/* Whether a coordinate that was the same in all cells is another now: without a scale it would not
 * count. Far enough from rounding that a rescale gives it one. */
static bool
is_unheard_of(const struct jk_cells *cells, const double *x, const double *importance)
{
        for (size_t i = 0; i < cells->n_coordinates; i++) {
                double off = fabs(x[i] - cells->centre[i]);

                if (!(cells->scale[i] > 0) && importance[i] > 0 && off * off > 1e-300 &&
                    off > 1e-6 * fabs(cells->centre[i]))
                        return true;
        }
        return false;
}

void
jk_cells_add(struct jk_cells *cells, const double *x, const double *y, const double *importance)
{
        bool unheard_of = is_unheard_of(cells, x, importance);
        double off;
        size_t like = find_nearest(cells, x, cells->n, &off);

        if (unheard_of)
                off = INFINITY;

        /* Without scales, which need two cells, all ticks would be alike. */
        if (cells->n < 2 || (cells->n < cells->capacity && off > ALIKE)) {
                set(cells, cells->n++, x, y);
                settle(cells, cells->n - 1);
        } else if (off > ALIKE && off > cells->distance[most_crowded(cells)]) {
                make_room(cells, most_crowded(cells), x, y);
        } else {
                absorb(cells, like, x, y, 1);
        }

        cells->n_seen++;
        cells->n_new++;
        settle_some(cells);
        if (unheard_of)
                jk_cells_rescale(cells, importance);
        rescale_when_due(cells, importance);
}
