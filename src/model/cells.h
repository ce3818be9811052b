/* SPDX-License-Identifier: Apache-2.0
 *
 * What was seen, kept small and diverse: each cell stands for ticks that were alike (their mean
 * coordinates and mean power of each zone). A tick that is unlike all others gets a cell of its
 * own; where there is no room, the two cells that are nearest each other become one. So a week of
 * idling costs one cell and forgets nothing else, and a cell that is visited follows the machine:
 * its means are those of its last ticks. What the means lose, how power moved with the rates among
 * ticks that were alike, is kept for all cells together. Nothing is allocated after init.
 */
#pragma once

#include <stddef.h>

struct jk_cells {
        size_t capacity, n;
        size_t n_coordinates, n_zones;
        size_t n_linear; /* the first so many coordinates are those whose scatter is kept */

        double *x;     /* [capacity][n_coordinates] */
        double *y;     /* [capacity][n_zones], W */
        double *count; /* [capacity]: ticks in the means, up to a limit */

        /* Scatter of ticks about the means of their cells, of the last hour or so of ticks: sums of
         * products of what they are off. */
        double *scatter_xx; /* [n_linear][n_linear] */
        double *scatter_xy; /* [n_zones][n_linear] */
        double *scatter_yy; /* [n_zones] */
        double scatter_count;

        /* Distances are between (x − centre) × scale. */
        double *scale;    /* [n_coordinates]: importance / standard deviation over the cells */
        double *centre;   /* [n_coordinates] */
        double *distance; /* [capacity]: squared, to the nearest other cell … */
        size_t *nearest;  /* … which is this */
        size_t n_settled; /* cells whose neighbour is by the present scale */
        size_t until_rescaled;

        size_t n_seen; /* ticks since init */
        size_t n_new;  /* since whoever learns from the cells set it to 0 */
};

int jk_cells_init(struct jk_cells *cells, size_t capacity, size_t n_coordinates, size_t n_linear,
                  size_t n_zones);
void jk_cells_free(struct jk_cells *cells);

/* Take in a tick. importance: [n_coordinates]. All finite. */
void jk_cells_add(struct jk_cells *cells, const double *x, const double *y,
                  const double *importance);

/* Set scale and centre by what is there now, and find neighbours anew: cells move a little with
 * each tick that they take in. A coordinate that never changes has no scale: 0. */
void jk_cells_rescale(struct jk_cells *cells, const double *importance);
