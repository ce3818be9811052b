/* SPDX-License-Identifier: Apache-2.0
 *
 * The slope of idle power over temperature: see warmth.h.
 *
 * Least squares of power on utilisation and temperature, neither slope below 0: load draws power
 * and heats, so only the part of the temperature that does not go with load tells anything. Judged
 * on contiguous parts that were kept apart, as neighbours in time are alike.
 */
#include "model/warmth.h"

#include <math.h>
#include <stdbool.h>

#define BLOCKS_MIN 12 /* two hours, and two in each part */
#define PARTS      6

/* The temperature has to vary so much (one standard deviation) apart from what goes with load: it
 * is read in steps of a degree. */
#define SPREAD_C 1.0

/* With the slope the squared error in what was kept apart has to be less than this part of that
 * without. */
#define GAIN 0.8

/* Sums over blocks of u (utilisation), t (temperature), p (power) and their products. */
struct sums {
        double n, u, t, p, uu, ut, up, tt, tp;
};

struct line {
        double power_w, per_load_w, per_c_w; /* at 0 and 0 °C; slopes */
};

static struct sums
sums_of(const struct jk_idle_block *blocks, size_t first, size_t end)
{
        struct sums sums = { 0 };

        for (size_t i = first; i < end; i++) {
                double u = blocks[i].utilisation, t = blocks[i].temperature_c;
                double p = blocks[i].power_w;

                sums.n++;
                sums.u += u;
                sums.t += t;
                sums.p += p;
                sums.uu += u * u;
                sums.ut += u * t;
                sums.up += u * p;
                sums.tt += t * t;
                sums.tp += t * p;
        }
        return sums;
}

static struct sums
without(const struct sums *all, const struct sums *part)
{
        return (struct sums){
                all->n - part->n,   all->u - part->u,   all->t - part->t,
                all->p - part->p,   all->uu - part->uu, all->ut - part->ut,
                all->up - part->up, all->tt - part->tt, all->tp - part->tp,
        };
}

/* by_temperature: false: the slope over temperature is 0, as it is where it cannot be told. */
static struct line
fit(const struct sums *sums, bool by_temperature)
{
        double uu = sums->uu - sums->u * sums->u / sums->n;
        double ut = sums->ut - sums->u * sums->t / sums->n;
        double up = sums->up - sums->u * sums->p / sums->n;
        double tt = sums->tt - sums->t * sums->t / sums->n;
        double tp = sums->tp - sums->t * sums->p / sums->n;
        bool by_load = uu > 1e-9 * sums->n; /* it was not always as busy */
        struct line line = { 0 };

        if (by_load) {
                tt -= ut * ut / uu;
                tp -= ut * up / uu;
        }
        if (by_temperature && tt > SPREAD_C * SPREAD_C * sums->n)
                line.per_c_w = fmax(tp / tt, 0);
        if (by_load)
                line.per_load_w = fmax((up - line.per_c_w * ut) / uu, 0);
        line.power_w = (sums->p - line.per_load_w * sums->u - line.per_c_w * sums->t) / sums->n;
        return line;
}

static double
squares_off(const struct line *line, const struct jk_idle_block *blocks, size_t first, size_t end)
{
        double sum = 0;

        for (size_t i = first; i < end; i++) {
                double off = blocks[i].power_w - line->power_w -
                             line->per_load_w * blocks[i].utilisation -
                             line->per_c_w * blocks[i].temperature_c;

                sum += off * off;
        }
        return sum;
}

struct jk_warmth
jk_warmth_of(const struct jk_idle_block *blocks, size_t n)
{
        struct jk_warmth warmth = { .coldest_c = INFINITY, .warmest_c = -INFINITY };
        struct sums all = sums_of(blocks, 0, n);
        double with_slope = 0, without_slope = 0;
        struct line line;

        if (n < BLOCKS_MIN)
                return (struct jk_warmth){ 0 };

        for (size_t part = 0; part < PARTS; part++) {
                size_t first = n * part / PARTS, end = n * (part + 1) / PARTS;
                struct sums kept_apart = sums_of(blocks, first, end);
                struct sums rest = without(&all, &kept_apart);
                struct line sloped = fit(&rest, true), flat = fit(&rest, false);

                with_slope += squares_off(&sloped, blocks, first, end);
                without_slope += squares_off(&flat, blocks, first, end);
        }
        line = fit(&all, true);
        if (!(line.per_c_w > 0) || !(with_slope < GAIN * without_slope))
                return (struct jk_warmth){ 0 };

        for (size_t i = 0; i < n; i++) {
                warmth.coldest_c = fmin(warmth.coldest_c, blocks[i].temperature_c);
                warmth.warmest_c = fmax(warmth.warmest_c, blocks[i].temperature_c);
        }
        warmth.slope_w = line.per_c_w;
        warmth.error_w = sqrt(with_slope / (double)n);
        return warmth;
}

static double
within(const struct jk_warmth *warmth, double temperature_c)
{
        return fmin(fmax(temperature_c, warmth->coldest_c), warmth->warmest_c);
}

double
jk_warmth_between(const struct jk_warmth *warmth, double from_c, double to_c)
{
        if (!(warmth->slope_w > 0) || isnan(from_c) || isnan(to_c))
                return 0;

        return warmth->slope_w * (within(warmth, to_c) - within(warmth, from_c));
}
