/* SPDX-License-Identifier: Apache-2.0
 *
 * The zone `other`: see other.h.
 */
#include "meter/other.h"

#include <math.h>

#include "base/units.h"

#define SEEK_NS       (15 * JK_NS_PER_S)
#define SEEK_FIRST_NS (5 * JK_NS_PER_S) /* until it is known */

/* An offset so near to the one in use is the same; another one must be found twice in a row. */
#define SAME_OFFSET_S 0.5
#define NEAR_OFFSET_S 1.5

/* Without wall power: how long it goes on, and after how long its error is twice as wide. */
#define ALONE_MAX_NS (15 * 60 * JK_NS_PER_S)
#define WIDENS_S     120.0
#define NOT_ALONE_S  60.0 /* some meters have a value a minute */

#define UNCERTAINTY_MAX_PCT 300

/* So many ticks in a row the zones inside may be others than before: one that was missed, a counter
 * that begins anew. */
#define MISSED_MAX 10

void
jk_other_init(struct jk_other *other, double offset_s, double uncertainty_pct)
{
        *other = (struct jk_other){
                .offset_given = !isnan(offset_s),
                .is_found = !isnan(offset_s),
                .found = { .offset_s = isnan(offset_s) ? 0 : offset_s },
                .uncertainty_pct = uncertainty_pct,
        };
}

/* ---- inside power ---- */

static bool
is_inside(const struct jk_zone *zone)
{
        return zone->kind != JK_ZONE_WALL && zone->kind != JK_ZONE_BATTERY &&
               zone->kind != JK_ZONE_OTHER;
}

/* The energy of the disjoint zones that were seen in the tick. False if there is none, or if one of
 * them covers another time. */
static bool
add_up_inside(struct jk_other *other, const struct jk_sample *sample, uint64_t *ret_zones)
{
        const struct jk_zone_table *table = sample->zones;
        bool seen[JK_ZONES_MAX] = { false };
        double seconds = (double)sample->elapsed_ns / 1e9;
        uint64_t zones = 0;

        other->inside_j = other->inside_error_w = 0;
        for (size_t z = 0; z < table->count; z++)
                seen[z] = is_inside(&table->zones[z]) &&
                          (sample->readings[z].flags & JK_READING_SEEN);

        for (size_t z = 0; z < table->count; z++) {
                const struct jk_zone *zone = &table->zones[z];
                double energy_j = (double)sample->readings[z].energy_uj / 1e6;

                if (!jk_zone_counts(table, seen, z))
                        continue;
                if (jk_sample_has_gap(sample, z))
                        return false;
                zones = zones * 131 + z + 1;
                other->inside_j += energy_j;
                other->inside_error_w += energy_j / seconds * zone->uncertainty_pct / 100;
        }

        *ret_zones = zones;
        return zones != 0 && sample->elapsed_ns > 0;
}

static void
forget(struct jk_other *other)
{
        jk_lag_clear(&other->lag);
        other->rest = (struct jk_rest){ 0 };
        other->fitted_ns = other->outside_ns = 0;
        other->has_candidate = false;
}

/* ---- offset and fit ---- */

static void
use_offset(struct jk_other *other, const struct jk_lag_result *found)
{
        bool moved = fabs(found->offset_s - other->found.offset_s) > SAME_OFFSET_S;

        other->found = *found;
        other->is_found = true;
        other->has_candidate = false;
        if (moved) {
                other->rest = (struct jk_rest){ 0 };
                other->fitted_ns = 0;
        }
}

static void
seek_offset(struct jk_other *other, int64_t now_ns)
{
        struct jk_lag_result found;

        int64_t wait_ns = other->is_found ? SEEK_NS : SEEK_FIRST_NS;

        if (other->offset_given || now_ns - other->sought_ns < wait_ns ||
            !jk_lag_search(&other->search, &other->lag))
                return;
        other->sought_ns = now_ns;
        if (!jk_lag_conclude(&other->search, &other->lag, &found))
                return;

        if (!other->is_found || fabs(found.offset_s - other->found.offset_s) < NEAR_OFFSET_S ||
            (other->has_candidate &&
             fabs(found.offset_s - other->candidate.offset_s) < NEAR_OFFSET_S)) {
                use_offset(other, &found);
                return;
        }
        other->candidate = found;
        other->has_candidate = true;
}

/* Values from outside whose inside power is known by now. */
static void
fit_what_is_due(struct jk_other *other)
{
        int64_t offset_ns = llround(other->found.offset_s * 1e9);
        const struct jk_lag_outside *outside;

        while ((outside = jk_lag_outside_after(&other->lag, other->fitted_ns))) {
                double inside_w;

                if (outside->to_ns - offset_ns > jk_lag_inside_until(&other->lag))
                        return;
                inside_w = jk_lag_inside_w(&other->lag, outside->from_ns - offset_ns,
                                           outside->to_ns - offset_ns);
                if (!isnan(inside_w))
                        jk_rest_add(&other->rest, inside_w, outside->power_w,
                                    (double)(outside->to_ns - outside->from_ns) / 1e9);
                other->fitted_ns = outside->to_ns;
        }
}

/* ---- the prediction ---- */

static double
error_w(const struct jk_other *other, const struct jk_rest_fit *fit, double alone_s)
{
        double wall_w = fit->wall_w * other->uncertainty_pct / 100;
        double all_w = sqrt(fit->error_w * fit->error_w + wall_w * wall_w +
                            other->inside_error_w * other->inside_error_w);

        return all_w * (1 + fmax(alone_s, 0) / WIDENS_S);
}

static int
predict(struct jk_other *other, const struct jk_sample *sample, struct jk_zone_reading *ret_reading,
        double *ret_uncertainty_pct, struct jk_error *err)
{
        double inside_w = other->inside_j / ((double)sample->elapsed_ns / 1e9), power_w;
        double alone_s =
                (double)(sample->time.monotonic_ns - other->outside_ns) / 1e9 - NOT_ALONE_S;
        struct jk_rest_fit fit;

        if (other->outside_ns == 0 || !jk_rest_fit(&other->rest, &fit))
                return 0;
        if (sample->time.monotonic_ns - other->outside_ns > ALONE_MAX_NS) {
                forget(other);
                return 0;
        }
        if (fit.base_w < 0)
                return jk_fail(err, ERANGE,
                               "wall: it reads %.1f W where the zones inside of it read %.1f W: "
                               "is it this machine, and is wall.unit right?",
                               fit.wall_w, fit.inside_w);

        power_w = fit.base_w + (fit.k - 1) * inside_w;
        *ret_reading = (struct jk_zone_reading){
                .energy_uj = jk_energy_uj(power_w, sample->elapsed_ns, &other->carry),
                .elapsed_ns = sample->elapsed_ns,
                .flags = JK_READING_SEEN,
        };
        *ret_uncertainty_pct = fmin(100 * error_w(other, &fit, alone_s) / fmax(power_w, 1e-3),
                                    UNCERTAINTY_MAX_PCT);
        return 0;
}

int
jk_other_read(struct jk_other *other, const struct jk_lag_outside *outside, size_t n_outside,
              const struct jk_sample *sample, struct jk_zone_reading *ret_reading,
              double *ret_uncertainty_pct, struct jk_error *err)
{
        int64_t now_ns = sample->time.monotonic_ns;
        uint64_t zones = 0;

        *ret_reading = (struct jk_zone_reading){ 0 };
        if (!add_up_inside(other, sample, &zones)) {
                jk_lag_clear(&other->lag); /* it has a hole */
                return 0;
        }
        if (zones != other->zones && other->zones != 0 && sample->suspended_ns == 0 &&
            other->n_changed++ < MISSED_MAX) {
                jk_lag_clear(&other->lag);
                return 0;
        }
        if (zones != other->zones || sample->suspended_ns > 0)
                forget(other); /* it is another sum */
        other->zones = zones;
        other->n_changed = 0;

        jk_lag_add_inside(&other->lag, now_ns, other->inside_j);
        for (size_t i = 0; i < n_outside; i++) {
                jk_lag_add_outside(&other->lag, &outside[i]);
                other->outside_ns = now_ns;
        }
        seek_offset(other, now_ns);
        fit_what_is_due(other);
        return predict(other, sample, ret_reading, ret_uncertainty_pct, err);
}
