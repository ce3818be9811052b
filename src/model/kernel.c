/* SPDX-License-Identifier: Apache-2.0
 *
 * Kernel regression in steps: see kernel.h.
 */
#include "model/kernel.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Variances, where that of a bump's height is 1: only their ratios matter. */
#define PLANE_VARIANCE 1e4 /* of the plane's slopes and height: hardly bound */
#define NOISE_VARIANCE 0.3 /* of one tick's power about the function */

struct fit {
        size_t n;
        double *centre, *spread; /* [n_coordinates]: for the plane; spread 0: a constant */
        double *scale;           /* [n_coordinates]: for the bumps */
        double *z;               /* [capacity][n_coordinates]: (x − centre) × scale */
        double *heights;         /* [n_zones][capacity] */
        double *slopes;          /* [n_zones][n_coordinates + 1]: the last is the height at 0 */
};

struct jk_kernel {
        size_t capacity, n_coordinates, n_zones;
        struct fit fits[2];
        struct fit *ready, *next; /* ready.n == 0: none yet */

        /* the fit under way */
        bool fitting;
        size_t row, zone;
        double *factor; /* rows of a lower triangle, one after the other */
        double *noise;  /* [capacity] */
        double *slope;  /* [n_coordinates + 1]: what plane_at() says of a cell */

        /* the point of prediction */
        double *point; /* [n_coordinates], as z */
        double *bumps; /* [capacity] */
        double *plane; /* [n_coordinates + 1] */
};

/* ---- memory ---- */

static int
open_fit(struct fit *fit, const struct jk_cells *cells)
{
        *fit = (struct fit){
                .centre = calloc(cells->n_coordinates, sizeof(double)),
                .spread = calloc(cells->n_coordinates, sizeof(double)),
                .scale = calloc(cells->n_coordinates, sizeof(double)),
                .z = calloc(cells->capacity * cells->n_coordinates, sizeof(double)),
                .heights = calloc(cells->n_zones * cells->capacity, sizeof(double)),
                .slopes = calloc(cells->n_zones * (cells->n_coordinates + 1), sizeof(double)),
        };
        return fit->centre && fit->spread && fit->scale && fit->z && fit->heights && fit->slopes
                       ? 0
                       : -ENOMEM;
}

static void
close_fit(struct fit *fit)
{
        free(fit->centre);
        free(fit->spread);
        free(fit->scale);
        free(fit->z);
        free(fit->heights);
        free(fit->slopes);
}

void
jk_kernel_close(struct jk_kernel *kernel)
{
        if (!kernel)
                return;

        close_fit(&kernel->fits[0]);
        close_fit(&kernel->fits[1]);
        free(kernel->factor);
        free(kernel->noise);
        free(kernel->slope);
        free(kernel->point);
        free(kernel->bumps);
        free(kernel->plane);
        free(kernel);
}

int
jk_kernel_open(const struct jk_cells *cells, struct jk_kernel **ret_kernel)
{
        struct jk_kernel *kernel = calloc(1, sizeof *kernel);
        int r;

        if (!kernel)
                return -ENOMEM;

        kernel->capacity = cells->capacity;
        kernel->n_coordinates = cells->n_coordinates;
        kernel->n_zones = cells->n_zones;
        kernel->ready = &kernel->fits[0];
        kernel->next = &kernel->fits[1];
        kernel->factor = calloc(cells->capacity * (cells->capacity + 1) / 2, sizeof(double));
        kernel->noise = calloc(cells->capacity, sizeof(double));
        kernel->slope = calloc(cells->n_coordinates + 1, sizeof(double));
        kernel->point = calloc(cells->n_coordinates, sizeof(double));
        kernel->bumps = calloc(cells->capacity, sizeof(double));
        kernel->plane = calloc(cells->n_coordinates + 1, sizeof(double));
        r = open_fit(kernel->ready, cells);
        if (r == 0)
                r = open_fit(kernel->next, cells);
        if (r < 0 || !kernel->factor || !kernel->noise || !kernel->slope || !kernel->point ||
            !kernel->bumps || !kernel->plane) {
                jk_kernel_close(kernel);
                return -ENOMEM;
        }

        *ret_kernel = kernel;
        return 0;
}

/* ---- the function ---- */

static double
dot(const double *a, const double *b, size_t n)
{
        double sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += a[i] * b[i];
        return sum;
}

static double
bump(const double *a, const double *b, size_t n)
{
        double squares = 0;

        for (size_t i = 0; i < n; i++)
                squares += (a[i] - b[i]) * (a[i] - b[i]);
        return exp(-squares / 2);
}

/* What the plane's slopes are multiplied with at a point that is given as the bumps see it. */
static void
plane_at(const struct fit *fit, size_t n_coordinates, const double *z, double *ret_plane)
{
        for (size_t i = 0; i < n_coordinates; i++)
                ret_plane[i] = fit->scale[i] > 0 ? z[i] / (fit->scale[i] * fit->spread[i]) : 0;
        ret_plane[n_coordinates] = 1;
}

/* ---- a fit ---- */

static void
begin(struct jk_kernel *kernel, struct jk_cells *cells, const double *importance)
{
        struct fit *fit = kernel->next;

        jk_cells_rescale(cells, importance);
        fit->n = cells->n;
        for (size_t i = 0; i < kernel->n_coordinates; i++) {
                fit->centre[i] = cells->centre[i];
                fit->scale[i] = cells->scale[i];
                fit->spread[i] = cells->scale[i] > 0 ? importance[i] / cells->scale[i] : 0;
        }

        for (size_t cell = 0; cell < fit->n; cell++) {
                for (size_t i = 0; i < kernel->n_coordinates; i++) {
                        size_t at = cell * kernel->n_coordinates + i;

                        fit->z[at] = (cells->x[at] - fit->centre[i]) * fit->scale[i];
                }
                for (size_t zone = 0; zone < kernel->n_zones; zone++)
                        fit->heights[zone * kernel->capacity + cell] =
                                cells->y[cell * kernel->n_zones + zone];
                kernel->noise[cell] = NOISE_VARIANCE / cells->count[cell];
        }

        cells->n_new = 0;
        kernel->row = kernel->zone = 0;
        kernel->fitting = true;
}

static double *
factor_row(const struct jk_kernel *kernel, size_t i)
{
        return kernel->factor + i * (i + 1) / 2;
}

/* One row of the covariance's Cholesky factor. */
static void
factorise_row(struct jk_kernel *kernel, size_t i)
{
        const struct fit *fit = kernel->next;
        size_t n = kernel->n_coordinates;
        double *row = factor_row(kernel, i);

        plane_at(fit, n, fit->z + i * n, kernel->slope);
        for (size_t j = 0; j <= i; j++) {
                const double *z = fit->z + j * n;
                double plane = 1;

                for (size_t k = 0; k < n; k++)
                        if (fit->scale[k] > 0)
                                plane += kernel->slope[k] * z[k] / (fit->scale[k] * fit->spread[k]);
                row[j] = bump(fit->z + i * n, z, n) + PLANE_VARIANCE * plane;
        }
        row[i] += kernel->noise[i];

        for (size_t j = 0; j < i; j++) {
                const double *other = factor_row(kernel, j);

                row[j] = (row[j] - dot(row, other, j)) / other[j];
        }
        /* The noise keeps it positive; rounding must not undo that. */
        row[i] = sqrt(fmax(row[i] - dot(row, row, i), kernel->noise[i] / 2));
}

/* Power of the cells into heights of their bumps and slopes of the plane. */
static void
solve_zone(struct jk_kernel *kernel, size_t zone)
{
        const struct fit *fit = kernel->next;
        size_t n = kernel->n_coordinates;
        double *heights = fit->heights + zone * kernel->capacity;
        double *slopes = fit->slopes + zone * (n + 1);

        for (size_t i = 0; i < fit->n; i++) {
                const double *row = factor_row(kernel, i);

                heights[i] = (heights[i] - dot(row, heights, i)) / row[i];
        }
        for (size_t i = fit->n; i-- > 0;) {
                const double *row = factor_row(kernel, i);

                heights[i] /= row[i];
                for (size_t j = 0; j < i; j++)
                        heights[j] -= row[j] * heights[i];
        }

        memset(slopes, 0, (n + 1) * sizeof *slopes);
        for (size_t i = 0; i < fit->n; i++) {
                plane_at(fit, n, fit->z + i * n, kernel->slope);
                for (size_t j = 0; j <= n; j++)
                        slopes[j] += PLANE_VARIANCE * kernel->slope[j] * heights[i];
        }
}

static bool
finish(struct jk_kernel *kernel)
{
        struct fit *done = kernel->next;

        kernel->next = kernel->ready;
        kernel->ready = done;
        kernel->fitting = false;
        return true;
}

bool
jk_kernel_step(struct jk_kernel *kernel, struct jk_cells *cells, const double *importance,
               size_t work)
{
        size_t done = 0;

        if (!kernel->fitting) {
                if (cells->n < 2)
                        return false;
                begin(kernel, cells, importance);
        }

        while (done <= work) {
                size_t n = kernel->next->n;

                if (kernel->row < n) {
                        /* Each element: a dot product, a bump (an exponential: some 20), a plane.
                         */
                        done += kernel->row * (kernel->row / 2 + 2 * kernel->n_coordinates + 20);
                        factorise_row(kernel, kernel->row++);
                } else if (kernel->zone < kernel->n_zones) {
                        done += n * (n + 2 * kernel->n_coordinates);
                        solve_zone(kernel, kernel->zone++);
                } else {
                        return finish(kernel);
                }
        }
        return false;
}

bool
jk_kernel_is_fitting(const struct jk_kernel *kernel)
{
        return kernel->fitting;
}

/* ---- prediction ---- */

bool
jk_kernel_at(struct jk_kernel *kernel, const double *x)
{
        const struct fit *fit = kernel->ready;
        size_t n = kernel->n_coordinates;

        if (fit->n == 0)
                return false;

        for (size_t i = 0; i < n; i++)
                kernel->point[i] = (x[i] - fit->centre[i]) * fit->scale[i];
        for (size_t i = 0; i < fit->n; i++)
                kernel->bumps[i] = bump(kernel->point, fit->z + i * n, n);
        plane_at(fit, n, kernel->point, kernel->plane);
        return true;
}

double
jk_kernel_predict(const struct jk_kernel *kernel, size_t zone)
{
        const struct fit *fit = kernel->ready;
        size_t n = kernel->n_coordinates;

        return dot(kernel->bumps, fit->heights + zone * kernel->capacity, fit->n) +
               dot(kernel->plane, fit->slopes + zone * (n + 1), n + 1);
}
