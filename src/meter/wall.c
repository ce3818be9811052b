/* SPDX-License-Identifier: Apache-2.0
 *
 * Wall power from a reference outside of the machine, as the configuration names it: zone `wall`,
 * and zone `other`, what the zones inside do not explain of it. The reference has a thread of its
 * own (reference/feed.h), which is started with the first reading, so that looking at this meter
 * costs nothing.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "meter/hold.h"
#include "meter/other.h"
#include "reference/feed.h"

/* More than the largest servers draw: a value above it is a mistake, of the unit most likely. */
#define MAX_W 50000

/* How long a reference may say nothing at first. */
#define FIRST_VALUE_NS (10 * JK_NS_PER_S)

/* The error bar of `other` is told anew when it has changed by so much. */
#define UNCERTAINTY_STEP 0.1

enum { WALL, OTHER, ZONES };

struct jk_meter {
        struct jk_reference_config config;
        struct jk_feed *feed; /* NULL: not started yet */
        int64_t started_ns;   /* monotonic */
        struct jk_meter_zone zones[ZONES];
        struct jk_hold hold;
        struct jk_other other;
};

/* ---- open ---- */

/* Everybody may read this, so without what may hold a secret: the query of an address, and what a
 * program is called with. */
static void
describe_reference(const struct jk_reference_config *config, char *path, size_t size)
{
        const char *place = config->ops == &jk_reference_ipmi
                                    ? (*config->device ? config->device : "/dev/ipmi0")
                                    : (*config->url ? config->url : config->command);
        int length = (int)strcspn(place, place == config->url ? "?#" : " \t;|&<>");

        if (place == config->command && memchr(place, '=', (size_t)length)) {
                snprintf(path, size, "%s: a command with an environment", config->ops->name);
                return;
        }
        snprintf(path, size, "%s: %.*s%s%.60s", config->ops->name, length < 120 ? length : 120,
                 place, *config->topic ? " " : "", config->topic);
}

static void
describe_zones(struct jk_meter *meter)
{
        const struct jk_reference_ops *ops = meter->config.ops;
        const struct jk_zone zone = {
                .source = "wall",
                .parent = -1,
                .package = -1,
                .uncertainty_pct = ops->uncertainty_pct,
                .idle_w = NAN,
                .limit_w = NAN,
                .max_w = NAN,
        };
        struct jk_zone *wall = &meter->zones[WALL].zone, *other = &meter->zones[OTHER].zone;

        *wall = *other = zone;
        wall->kind = JK_ZONE_WALL;
        wall->provenance = JK_MEASURED;
        wall->max_w = MAX_W;
        strcpy(wall->name, "wall");
        describe_reference(&meter->config, wall->path, sizeof wall->path);

        other->kind = JK_ZONE_OTHER;
        other->provenance = JK_MODELLED;
        strcpy(other->name, JK_ZONE_REST_NAME);
        strcpy(other->path, "wall less what is measured inside of it");
        meter->zones[WALL].index = meter->zones[OTHER].index = -1;
}

static int
wall_open(const struct jk_meter_env *env, struct jk_meter **ret_meter, struct jk_error *err)
{
        struct jk_meter *meter;

        if (!env->wall || !env->wall->ops)
                return jk_fail(err, ENODEV,
                               "wall: no reference outside is configured (wall.source)");

        meter = calloc(1, sizeof *meter);
        if (!meter)
                return jk_fail(err, ENOMEM, "wall: out of memory");

        meter->config = *env->wall;
        meter->hold.unit = meter->config.unit;
        meter->hold.interval_ns = meter->config.interval_ns;
        jk_other_init(&meter->other,
                      meter->config.offset_given ? (double)meter->config.offset_ns / 1e9 : NAN,
                      meter->config.ops->uncertainty_pct);
        describe_zones(meter);
        *ret_meter = meter;
        return 0;
}

static size_t
wall_zones(struct jk_meter *meter, struct jk_meter_zone **ret_zones)
{
        *ret_zones = meter->zones;
        return ZONES;
}

/* ---- read ---- */

static void
put(const struct jk_meter *meter, size_t zone, struct jk_sample *sample,
    const struct jk_zone_reading *reading)
{
        if (meter->zones[zone].index >= 0)
                sample->readings[meter->zones[zone].index] = *reading;
}

static void
tell_uncertainty(struct jk_meter *meter, double uncertainty_pct)
{
        double *told_pct = &meter->zones[OTHER].zone.uncertainty_pct;

        if (fabs(uncertainty_pct - *told_pct) > UNCERTAINTY_STEP * *told_pct)
                *told_pct = uncertainty_pct;
}

/* Why wall is not seen, if it ought to be: -EIO for all that passes by itself, as the feed is not
 * to be closed for it. */
static int
complain(struct jk_meter *meter, const struct jk_hold_news *news, int64_t now_ns,
         struct jk_zone_reading *wall, struct jk_error *err)
{
        int r;

        if (news->n_refused > 0) {
                if (!(wall->flags & JK_READING_SEEN))
                        wall->flags |= JK_READING_REFUSED | JK_READING_REBASED;
                return jk_fail(err, ERANGE,
                               "wall: %s: it says %g; a machine that runs draws more than 0 and "
                               "less than %d W: is wall.unit right?",
                               meter->config.ops->name, news->refused, MAX_W);
        }
        if (jk_feed_refused(meter->feed, err) > 0) {
                if (!(wall->flags & JK_READING_SEEN))
                        wall->flags |= JK_READING_REFUSED | JK_READING_REBASED;
                return -EBADMSG;
        }
        if (wall->flags & (JK_READING_SEEN | JK_READING_REBASED))
                return 0;

        r = jk_feed_trouble(meter->feed, err);
        if (r == 0 && now_ns - meter->started_ns > FIRST_VALUE_NS)
                r = jk_fail(err, EIO, "wall: %s: nothing new comes from it",
                            meter->config.ops->name);
        if (r == 0)
                return 0;
        wall->flags |= JK_READING_FROZEN; /* it ought to be there */
        return -EIO;
}

static int
wall_read(struct jk_meter *meter, struct jk_sample *sample, struct jk_error *err)
{
        struct jk_feed_value values[JK_FEED_VALUES];
        struct jk_lag_outside outside[JK_FEED_VALUES];
        struct jk_hold_news news = { .outside = outside };
        struct jk_zone_reading wall, other;
        double uncertainty_pct = meter->zones[OTHER].zone.uncertainty_pct;
        int r, beside;

        if (!meter->feed) {
                meter->started_ns = sample->time.monotonic_ns;
                return jk_feed_start(&meter->config, &meter->feed, err);
        }

        jk_hold_read(&meter->hold, values, jk_feed_take(meter->feed, values), MAX_W, sample, &wall,
                     &news);
        r = complain(meter, &news, sample->time.monotonic_ns, &wall, err);
        beside = jk_other_read(&meter->other, outside, news.n, sample, &other, &uncertainty_pct,
                               r == 0 ? err : NULL);

        put(meter, WALL, sample, &wall);
        put(meter, OTHER, sample, &other);
        tell_uncertainty(meter, uncertainty_pct);
        return r < 0 ? r : beside;
}

static void
wall_lag(const struct jk_meter *meter, struct jk_meter_lag *ret_lag)
{
        if (meter->other.is_found)
                *ret_lag = (struct jk_meter_lag){ meter->other.found.offset_s,
                                                  meter->other.found.error_s };
}

static void
wall_close(struct jk_meter *meter)
{
        jk_feed_stop(meter->feed);
        free(meter);
}

const struct jk_meter_ops jk_meter_wall = {
        .name = "wall",
        .summary = "a plug, a PDU, a BMC or a server of metrics outside, and what the zones inside "
                   "do not explain of it",
        .last = true,
        .open = wall_open,
        .zones = wall_zones,
        .read = wall_read,
        .lag = wall_lag,
        .close = wall_close,
};
