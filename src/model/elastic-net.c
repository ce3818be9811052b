/* SPDX-License-Identifier: Apache-2.0
 *
 * Coordinate descent for the elastic net: see elastic-net.h. One weight after the other is put to
 * its best value while the others stand, with the residual kept up to date; the duality gap bounds
 * how far the minimum can be.
 */
#include "model/elastic-net.h"

#include <math.h>
#include <string.h>

const struct jk_elastic_net jk_elastic_net_defaults = {
        .alpha = 1,
        .l1_ratio = 0.5,
        .tolerance = 1e-4,
        .max_iterations = 1000,
        .fit_intercept = true,
};

struct problem {
        const double *x, *y, *norms;
        double *residual, *weights;
        size_t n, k;
        double l1, l2; /* penalties, times n */
        double tolerance, gap_limit;
};

/* What a sweep over all weights changed. */
struct sweep {
        double largest_weight, largest_step;
};

static double
dot(const double *a, const double *b, size_t n)
{
        double sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += a[i] * b[i];
        return sum;
}

static void
add_scaled(double *to, double factor, const double *from, size_t n)
{
        for (size_t i = 0; i < n; i++)
                to[i] += factor * from[i];
}

static double
centre(double *values, size_t n)
{
        double sum = 0;

        if (n == 0)
                return 0;
        for (size_t i = 0; i < n; i++)
                sum += values[i];
        for (size_t i = 0; i < n; i++)
                values[i] -= sum / (double)n;
        return sum / (double)n;
}

static void
step(const struct problem *p, size_t j, struct sweep *sweep)
{
        const double *x = p->x + j * p->n;
        double old = p->weights[j], slope, now;

        if (p->norms[j] == 0)
                return;
        if (old != 0)
                add_scaled(p->residual, old, x, p->n);
        slope = dot(x, p->residual, p->n);
        now = slope < 0 ? 0 : fmax(slope - p->l1, 0) / (p->norms[j] + p->l2);
        if (now != 0)
                add_scaled(p->residual, -now, x, p->n);
        p->weights[j] = now;
        sweep->largest_step = fmax(sweep->largest_step, fabs(now - old));
        sweep->largest_weight = fmax(sweep->largest_weight, now);
}

/* How far the weights are from the minimum, at most. */
static double
duality_gap(const struct problem *p)
{
        double steepest = -INFINITY, norm1 = 0, norm2 = dot(p->weights, p->weights, p->k);
        double left = dot(p->residual, p->residual, p->n), scale = 1, gap = left;

        for (size_t j = 0; j < p->k; j++) {
                double slope = dot(p->x + j * p->n, p->residual, p->n) - p->l2 * p->weights[j];

                steepest = fmax(steepest, slope);
                norm1 += p->weights[j];
        }
        if (steepest > p->l1) {
                scale = p->l1 / steepest;
                gap = 0.5 * (left + left * scale * scale);
        }
        return gap + p->l1 * norm1 - scale * dot(p->residual, p->y, p->n) +
               0.5 * p->l2 * (1 + scale * scale) * norm2;
}

/* The gap costs as much as a sweep, so it is asked for only when the weights hardly move. */
static bool
has_converged(const struct problem *p, const struct sweep *sweep)
{
        if (sweep->largest_weight != 0 &&
            sweep->largest_step / sweep->largest_weight >= p->tolerance)
                return false;
        return duality_gap(p) < p->gap_limit;
}

static unsigned
descend(const struct problem *p, unsigned max_iterations)
{
        for (unsigned iteration = 1; iteration <= max_iterations; iteration++) {
                struct sweep sweep = { 0 };

                for (size_t j = 0; j < p->k; j++)
                        step(p, j, &sweep);
                if (has_converged(p, &sweep))
                        return iteration;
        }
        return max_iterations;
}

unsigned
jk_elastic_net_fit(const struct jk_elastic_net *net, double *x, double *y, size_t n, size_t k,
                   double *scratch, double *ret_weights, double *ret_intercept)
{
        double *norms = scratch + n, *means = norms + k, mean = 0;
        struct problem p = {
                .x = x,
                .y = y,
                .norms = norms,
                .residual = scratch,
                .weights = ret_weights,
                .n = n,
                .k = k,
                .l1 = net->alpha * net->l1_ratio * (double)n,
                .l2 = net->alpha * (1 - net->l1_ratio) * (double)n,
                .tolerance = net->tolerance,
        };
        unsigned iterations;

        if (net->fit_intercept)
                mean = centre(y, n);
        for (size_t j = 0; j < k; j++) {
                means[j] = net->fit_intercept ? centre(x + j * n, n) : 0;
                norms[j] = dot(x + j * n, x + j * n, n);
                ret_weights[j] = 0;
        }
        memcpy(p.residual, y, n * sizeof *y);
        p.gap_limit = net->tolerance * dot(y, y, n);

        iterations = descend(&p, net->max_iterations);
        *ret_intercept = mean - dot(means, ret_weights, k);
        return iterations;
}
