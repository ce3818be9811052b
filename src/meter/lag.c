/* SPDX-License-Identifier: Apache-2.0
 *
 * The lag: see lag.h. Offsets are tried on a grid of half seconds, and the best is refined by the
 * parabola through it and its neighbours. How sharp that parabola is, against what remains
 * unexplained at its top, tells the error.
 */
#include "meter/lag.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"

#define OFFSET_MIN_S (-10.0)
#define STEP_S       0.5

/* A search is spread over ticks: so many offsets take some 0.15 ms. */
#define STEPS_AT_ONCE 8

#define VALUES_MIN      20
#define SPREAD_W        1.0  /* the least standard deviation of inside power, */
#define SPREAD          0.02 /* and of its mean */
#define CORRELATION_MIN 0.6
#define ERROR_MAX_S     2.0

/* Values are not independent of their neighbours: so many count as one. */
#define DEPENDENCE 3.0
/* What no correlation explains though nothing is seen of it: the meters' own slowness. */
#define UNEXPLAINED_MIN 1e-3

void
jk_lag_clear(struct jk_lag *lag)
{
        lag->n_outside = lag->n_inside = 0;
        lag->outside_first = lag->inside_first = 0;
        lag->pending_j = 0;
}

/* ---- the rings ---- */

/* Without a division, which would be most of what a search costs. */
static size_t
place_of(size_t first, size_t i)
{
        size_t place = first + i;

        return place < JK_LAG_POINTS ? place : place - JK_LAG_POINTS;
}

static const struct jk_lag_inside *
inside_at(const struct jk_lag *lag, size_t i)
{
        return &lag->inside[place_of(lag->inside_first, i)];
}

static const struct jk_lag_outside *
outside_at(const struct jk_lag *lag, size_t i)
{
        return &lag->outside[place_of(lag->outside_first, i)];
}

void
jk_lag_add_inside(struct jk_lag *lag, int64_t time_ns, double energy_j)
{
        const struct jk_lag_inside *last =
                lag->n_inside > 0 ? inside_at(lag, lag->n_inside - 1) : NULL;
        struct jk_lag_inside point = { .time_ns = time_ns };

        lag->pending_j += energy_j;
        if (!last)
                lag->pending_j = 0; /* it was before the first point */
        if (last && time_ns - last->time_ns < JK_LAG_SPACING_NS)
                return;

        point.energy_j = last ? last->energy_j + lag->pending_j : 0;
        lag->pending_j = 0;
        if (lag->n_inside == JK_LAG_POINTS)
                lag->inside_first = (lag->inside_first + 1) % JK_LAG_POINTS;
        else
                lag->n_inside++;
        lag->inside[(lag->inside_first + lag->n_inside - 1) % JK_LAG_POINTS] = point;
}

void
jk_lag_add_outside(struct jk_lag *lag, const struct jk_lag_outside *outside)
{
        if (lag->n_outside > 0 &&
            outside->to_ns - outside_at(lag, lag->n_outside - 1)->to_ns < JK_LAG_SPACING_NS)
                return;

        if (lag->n_outside == JK_LAG_POINTS)
                lag->outside_first = (lag->outside_first + 1) % JK_LAG_POINTS;
        else
                lag->n_outside++;
        lag->outside[(lag->outside_first + lag->n_outside - 1) % JK_LAG_POINTS] = *outside;
}

const struct jk_lag_outside *
jk_lag_outside_after(const struct jk_lag *lag, int64_t time_ns)
{
        size_t i = lag->n_outside;

        while (i > 0 && outside_at(lag, i - 1)->to_ns > time_ns)
                i--;

        return i < lag->n_outside ? outside_at(lag, i) : NULL;
}

int64_t
jk_lag_inside_until(const struct jk_lag *lag)
{
        return lag->n_inside > 0 ? inside_at(lag, lag->n_inside - 1)->time_ns : 0;
}

/* ---- inside power at any time ---- */

/* Energy until a time, between two points as if power were even. `hint`: the point to look from,
 * which is moved to the one before the time. NaN outside of what is known. */
static double
energy_until(const struct jk_lag *lag, int64_t time_ns, size_t *hint)
{
        const struct jk_lag_inside *a, *b;

        if (lag->n_inside < 2 || time_ns < inside_at(lag, 0)->time_ns ||
            time_ns > inside_at(lag, lag->n_inside - 1)->time_ns)
                return NAN;

        while (*hint > 0 && inside_at(lag, *hint)->time_ns > time_ns)
                --*hint;
        while (*hint + 2 < lag->n_inside && inside_at(lag, *hint + 1)->time_ns <= time_ns)
                ++*hint;

        a = inside_at(lag, *hint);
        b = inside_at(lag, *hint + 1);
        return a->energy_j + (b->energy_j - a->energy_j) * (double)(time_ns - a->time_ns) /
                                     (double)(b->time_ns - a->time_ns);
}

static double
inside_w(const struct jk_lag *lag, int64_t from_ns, int64_t to_ns, size_t *hint)
{
        double before_j = energy_until(lag, from_ns, hint);
        double after_j = energy_until(lag, to_ns, hint);

        return to_ns > from_ns ? (after_j - before_j) / ((double)(to_ns - from_ns) / 1e9) : NAN;
}

double
jk_lag_inside_w(const struct jk_lag *lag, int64_t from_ns, int64_t to_ns)
{
        size_t hint = lag->n_inside / 2;

        return inside_w(lag, from_ns, to_ns, &hint);
}

/* ---- correlation ---- */

struct moments {
        double n, x, y, xx, yy, xy;
};

/* Around a value near all of them, so that no digits are lost. */
static void
add_pair(struct moments *m, double x, double y)
{
        m->n += 1;
        m->x += x;
        m->y += y;
        m->xx += x * x;
        m->yy += y * y;
        m->xy += x * y;
}

static struct moments
moments_at(const struct jk_lag *lag, double offset_s)
{
        int64_t offset_ns = llround(offset_s * 1e9);
        struct moments m = { 0 };
        size_t hint = 0;

        for (size_t i = 0; i < lag->n_outside; i++) {
                const struct jk_lag_outside *outside = outside_at(lag, i);
                double x = inside_w(lag, outside->from_ns - offset_ns, outside->to_ns - offset_ns,
                                    &hint);

                if (!isnan(x))
                        add_pair(&m, x, outside->power_w);
        }

        return m;
}

/* NaN where there is too little to say. */
static double
correlation(const struct moments *m)
{
        double x_spread = m->xx / m->n - m->x / m->n * (m->x / m->n);
        double y_spread = m->yy / m->n - m->y / m->n * (m->y / m->n);
        double both = m->xy / m->n - m->x / m->n * (m->y / m->n);

        if (m->n < VALUES_MIN || !(x_spread > SPREAD_W * SPREAD_W) ||
            !(sqrt(x_spread) > SPREAD * m->x / m->n) || !(y_spread > 0))
                return NAN;

        return both / sqrt(x_spread * y_spread);
}

/* The top of the parabola through three neighbours, in steps from the middle one, and how much it
 * falls in one step. */
static void
parabola(double left, double middle, double right, double *ret_top, double *ret_fall)
{
        double bend = left - 2 * middle + right;

        *ret_top = bend < 0 ? 0.5 * (left - right) / bend : 0;
        *ret_fall = -bend / 2;
}

static double
correlation_at(const struct jk_lag *lag, size_t step, double *ret_n)
{
        struct moments m = moments_at(lag, OFFSET_MIN_S + STEP_S * (double)step);

        *ret_n = m.n;
        return correlation(&m);
}

bool
jk_lag_search(struct jk_lag_search *search, const struct jk_lag *lag)
{
        for (size_t i = 0; i < STEPS_AT_ONCE && search->next < JK_LAG_STEPS; i++) {
                double n, r = correlation_at(lag, search->next, &n);

                if (search->next == 0 || (!isnan(r) && !(r <= search->best_r))) {
                        search->best = search->next;
                        search->best_r = r;
                }
                search->next++;
        }
        if (search->next < JK_LAG_STEPS)
                return false;

        search->next = 0;
        return true;
}

/* The best and its neighbours are looked at again, as values may have come meanwhile. */
bool
jk_lag_conclude(const struct jk_lag_search *search, const struct jk_lag *lag,
                struct jk_lag_result *ret_result)
{
        double left, middle, right, top, fall, unexplained, n;

        /* At the end of what was tried, or known, the best may lie beyond. */
        if (search->best == 0 || search->best == JK_LAG_STEPS - 1)
                return false;

        left = correlation_at(lag, search->best - 1, &n);
        right = correlation_at(lag, search->best + 1, &n);
        middle = correlation_at(lag, search->best, &n);
        if (isnan(left) || isnan(middle) || isnan(right) || middle < CORRELATION_MIN)
                return false;

        parabola(left, middle, right, &top, &fall);
        if (!(fall > 0) || fabs(top) > 1)
                return false;
        unexplained = fmax(1 - middle * middle, UNEXPLAINED_MIN);
        *ret_result = (struct jk_lag_result){
                .offset_s = OFFSET_MIN_S + STEP_S * ((double)search->best + top),
                .error_s = STEP_S * sqrt(unexplained / (2 * middle * fall) * DEPENDENCE / n),
                .correlation = middle,
        };
        return ret_result->error_s <= ERROR_MAX_S;
}
