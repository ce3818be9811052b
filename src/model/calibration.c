/* SPDX-License-Identifier: Apache-2.0
 *
 * Points to event weights: see calibration.h.
 */
#include "model/calibration.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "model/gram.h"

static bool
is_idle(const struct jk_point *point)
{
        return strcmp(point->name, JK_POINT_IDLE) == 0;
}

/* The mean of the idle points: false if there is none. */
static bool
find_idle(const struct jk_point *points, size_t n, size_t n_counts, struct jk_point *ret_idle)
{
        double count = 0;

        *ret_idle = (struct jk_point){ .name = JK_POINT_IDLE };
        for (size_t i = 0; i < n; i++)
                count += is_idle(&points[i]);
        for (size_t i = 0; i < n; i++) {
                if (!is_idle(&points[i]))
                        continue;
                for (size_t k = 0; k < n_counts; k++)
                        ret_idle->rates[k] += points[i].rates[k] / count;
                ret_idle->power_w += points[i].power_w / count;
        }
        return count > 0;
}

/* What is above idle, as a part of the power. */
static void
add_point(struct jk_gram *gram, const struct jk_point *point, const struct jk_point *idle)
{
        double row[JK_GRAM_MAX];

        if (is_idle(point) || !(point->power_w > 0))
                return;

        for (size_t k = 0; k < gram->n; k++)
                row[k] = (point->rates[k] - idle->rates[k]) / point->power_w;
        jk_gram_add(gram, row, (point->power_w - idle->power_w) / point->power_w);
}

/* Weights of all points but those of one name (NULL: of all). */
static void
fit(const struct jk_point *points, size_t n, size_t n_counts, const struct jk_point *idle,
    const char *but, struct jk_calibration *calibration)
{
        double weights[JK_GRAM_MAX];
        bool used[JK_GRAM_MAX];
        struct jk_gram gram = { .n = n_counts };

        memset(used, true, sizeof used);
        for (size_t i = 0; i < n; i++)
                if (!but || strcmp(points[i].name, but) != 0)
                        add_point(&gram, &points[i], idle);
        jk_gram_fit(&gram, used, weights);

        /* Even idle, a little ran. */
        calibration->idle_w = idle->power_w;
        for (size_t k = 0; k < n_counts; k++) {
                calibration->weights[k] = weights[k];
                calibration->idle_w -= weights[k] * idle->rates[k];
        }
        calibration->idle_w = fmax(calibration->idle_w, 0);
}

double
jk_calibration_power(const struct jk_calibration *calibration, const struct jk_point *point,
                     size_t n_counts)
{
        double power_w = calibration->idle_w;

        for (size_t k = 0; k < n_counts; k++)
                power_w += calibration->weights[k] * point->rates[k];
        return power_w;
}

static double
error_pct(double expected_w, const struct jk_point *point)
{
        return 100 * fabs(expected_w - point->power_w) / point->power_w;
}

/* Half of how far the idle points are apart, less what little ran at each. */
static double
idle_error(const struct jk_point *points, size_t n, size_t n_counts,
           const struct jk_calibration *calibration)
{
        double least = INFINITY, most = -INFINITY;

        for (size_t i = 0; i < n; i++) {
                double off_w;

                if (!is_idle(&points[i]))
                        continue;
                off_w = points[i].power_w - jk_calibration_power(calibration, &points[i], n_counts);
                least = fmin(least, off_w);
                most = fmax(most, off_w);
        }
        return (most - least) / 2;
}

/* Each load by the weights of the others. */
static void
hold_out(const struct jk_point *points, size_t n, size_t n_counts, const struct jk_point *idle,
         struct jk_calibration *calibration)
{
        double sum = 0, count = 0;

        for (size_t i = 0; i < n; i++) {
                struct jk_calibration without = { 0 };

                calibration->held_out[i] = NAN;
                if (is_idle(&points[i]) || !(points[i].power_w > 0))
                        continue;
                fit(points, n, n_counts, idle, points[i].name, &without);
                calibration->held_out[i] = jk_calibration_power(&without, &points[i], n_counts);
                sum += error_pct(calibration->held_out[i], &points[i]);
                count++;
        }
        calibration->held_out_pct = count > 0 ? sum / count : NAN;
}

int
jk_calibrate(const struct jk_point *points, size_t n, size_t n_counts,
             struct jk_calibration *ret_calibration)
{
        struct jk_calibration calibration = { 0 };
        double explained = 0, sum = 0, count = 0;
        struct jk_point idle;

        if (!find_idle(points, n, n_counts, &idle))
                return -EINVAL;

        fit(points, n, n_counts, &idle, NULL, &calibration);
        for (size_t k = 0; k < n_counts; k++)
                explained += calibration.weights[k];
        if (!(explained > 0))
                return -ENODATA;

        for (size_t i = 0; i < n; i++) {
                if (!(points[i].power_w > 0))
                        continue;
                sum += error_pct(jk_calibration_power(&calibration, &points[i], n_counts),
                                 &points[i]);
                count++;
        }
        calibration.fitted_pct = sum / count;
        calibration.idle_error_w = idle_error(points, n, n_counts, &calibration);
        hold_out(points, n, n_counts, &idle, &calibration);
        *ret_calibration = calibration;
        return 0;
}
