/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan of the hwmon meter: which zones there are and which sensors each one is the sum of. See
 * hwmon.h.
 */
#include "meter/hwmon.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* Most that is plausible of a zone: above it, it is garbage. */
static const double plausible_w[JK_ZONE_KIND_MAX] = {
        [JK_ZONE_PACKAGE] = 2000, [JK_ZONE_CORE] = 2000,   [JK_ZONE_UNCORE] = 1000,
        [JK_ZONE_DRAM] = 1000,    [JK_ZONE_PSYS] = 10000,  [JK_ZONE_GPU] = 3000,
        [JK_ZONE_DISK] = 100,     [JK_ZONE_NETWORK] = 500, [JK_ZONE_BATTERY] = 1000,
        [JK_ZONE_WALL] = 30000,   [JK_ZONE_OTHER] = 30000,
};

/* Where a found channel is about to go. */
struct placement {
        struct jk_hwmon_plan *plan;
        const struct jk_hwmon_device *device;
        const struct jk_hwmon_channel *channel;
        struct jk_hwmon_rule rule;
        size_t sensor;
        int *n_of_kind; /* devices so far, for JK_HWMON_BY_DEVICE */
};

struct scan {
        struct jk_hwmon_plan *plan;
        int failure;   /* the first that made a channel useless */
        char path[64]; /* of that */
        int n_of_kind[JK_ZONE_KIND_MAX];
        bool counters; /* this pass takes energy counters, else it takes the rest */
};

static int
add_sensor(struct jk_hwmon_plan *plan, const struct jk_hwmon_device *device,
           const struct jk_hwmon_channel *channel, bool sleeps)
{
        struct jk_hwmon_sensor *sensor;
        int r;

        r = jk_array_grow(&plan->sensors, &plan->sensors_capacity, plan->n_sensors + 1);
        if (r < 0)
                return r;

        sensor = &plan->sensors[plan->n_sensors];
        *sensor = (struct jk_hwmon_sensor){ .quantity = channel->quantity };
        snprintf(sensor->path, sizeof sensor->path, JK_HWMON_CLASS "/%s/%s", device->directory,
                 channel->file);
        if (*channel->current)
                snprintf(sensor->current_path, sizeof sensor->current_path, JK_HWMON_CLASS "/%s/%s",
                         device->directory, channel->current);
        if (sleeps)
                snprintf(sensor->sleep_path, sizeof sensor->sleep_path,
                         JK_HWMON_CLASS "/%s/device/power/runtime_status", device->directory);
        plan->n_sensors++;
        return 0;
}

static int
find_zone(const struct jk_hwmon_plan *plan, const char *name)
{
        for (size_t i = 0; i < plan->n_zones; i++)
                if (strcmp(plan->zones[i].zone.name, name) == 0)
                        return (int)i;

        return -1;
}

/* What an ACPI power meter says of itself: "95.0%". */
static double
read_uncertainty(const struct placement *at)
{
        char path[96], text[16];
        double accuracy_pct;

        snprintf(path, sizeof path, JK_HWMON_CLASS "/%s/power%u_accuracy", at->device->directory,
                 at->channel->number);
        if (jk_root_read(at->plan->root, path, text, sizeof text) <= 0)
                return at->rule.uncertainty_pct;

        accuracy_pct = strtod(text, NULL);
        return accuracy_pct >= 50 && accuracy_pct < 100 ? 100 - accuracy_pct
                                                        : at->rule.uncertainty_pct;
}

static double
read_limit(const struct placement *at)
{
        char path[96];
        int64_t microwatts;

        snprintf(path, sizeof path, JK_HWMON_CLASS "/%s/power%u_cap", at->device->directory,
                 at->channel->number);
        if (jk_root_read_i64(at->plan->root, path, &microwatts) < 0 || microwatts <= 0)
                return NAN;

        return (double)microwatts / 1e6;
}

/* A new zone that is read from this one sensor. -EEXIST: another sensor has the name. */
static int
add_zone(const struct placement *at, const char *name, enum jk_zone_kind kind, int package)
{
        struct jk_hwmon_plan *plan = at->plan;
        struct jk_meter_zone *zone;
        int r;

        if (find_zone(plan, name) >= 0)
                return -EEXIST;
        r = jk_array_grow(&plan->zones, &plan->zones_capacity, plan->n_zones + 1);
        if (r < 0)
                return r;
        r = jk_array_grow(&plan->recipes, &plan->recipes_capacity, plan->n_zones + 1);
        if (r < 0)
                return r;

        zone = &plan->zones[plan->n_zones];
        *zone = (struct jk_meter_zone){
                .zone = {
                        .source = "hwmon",
                        .kind = kind,
                        .provenance = JK_MEASURED,
                        .parent = -1,
                        .package = package,
                        .uncertainty_pct = read_uncertainty(at),
                        .idle_w = NAN,
                        .limit_w = read_limit(at),
                        .max_w = plausible_w[kind],
                },
                .index = -1,
        };
        snprintf(zone->zone.name, sizeof zone->zone.name, "%s", name);
        snprintf(zone->zone.path, sizeof zone->zone.path, "%s%s%s", plan->sensors[at->sensor].path,
                 *at->channel->label ? ": " : "", at->channel->label);
        plan->recipes[plan->n_zones] =
                (struct jk_hwmon_recipe){ .sensors = { at->sensor }, .n_sensors = 1 };
        plan->n_zones++;
        return 0;
}

/* One more rail in a zone that is a sum. Counters and powers of the same board are two views of the
 * same rails: whichever came first stays. */
static int
add_rail(const struct placement *at, size_t index)
{
        struct jk_hwmon_recipe *recipe = &at->plan->recipes[index];
        struct jk_zone *zone = &at->plan->zones[index].zone;
        const struct jk_hwmon_sensor *first = &at->plan->sensors[recipe->sensors[0]];
        size_t length = strlen(zone->path);

        if ((first->quantity == JK_HWMON_ENERGY) != (at->channel->quantity == JK_HWMON_ENERGY))
                return -EEXIST;
        if (recipe->n_sensors == JK_HWMON_RAILS_MAX)
                return -ENOSPC;

        recipe->sensors[recipe->n_sensors++] = at->sensor;
        zone->limit_w = NAN;
        snprintf(zone->path + length, sizeof zone->path - length, " + %s/%s", at->device->directory,
                 at->channel->file);
        return 0;
}

static bool
holds_package(enum jk_zone_kind kind)
{
        return kind == JK_ZONE_PACKAGE || kind == JK_ZONE_CORE || kind == JK_ZONE_UNCORE ||
               kind == JK_ZONE_DRAM;
}

static int
place_numbered(const struct placement *at, int number)
{
        char name[JK_ZONE_NAME_SIZE];

        snprintf(name, sizeof name, "%s-%d", jk_zone_kind_name(at->rule.kind), number);
        return add_zone(at, name, at->rule.kind, holds_package(at->rule.kind) ? number : -1);
}

static int
place_alone(const struct placement *at)
{
        return add_zone(at, jk_zone_kind_name(at->rule.kind), at->rule.kind, -1);
}

static int
place_by_device(const struct placement *at)
{
        int r;

        if (at->channel != &at->device->channels[0])
                return -EEXIST;

        r = place_numbered(at, at->n_of_kind[at->rule.kind]);
        if (r == 0)
                at->n_of_kind[at->rule.kind]++;
        return r;
}

static int
place_by_label(const struct placement *at)
{
        const char *end = at->channel->label + strlen(at->channel->label);

        while (end > at->channel->label && isdigit((unsigned char)end[-1]))
                end--;

        return place_numbered(at, (int)strtoul(end, NULL, 10));
}

static int
place_rail(const struct placement *at)
{
        char name[JK_ZONE_NAME_SIZE], slug[32];
        int sum, r;

        snprintf(name, sizeof name, "%s-0", jk_zone_kind_name(at->rule.kind));
        sum = find_zone(at->plan, name);
        r = sum < 0 ? place_numbered(at, 0) : add_rail(at, (size_t)sum);
        if (r < 0 || at->rule.part == JK_ZONE_KIND_INVALID)
                return r;

        jk_hwmon_slug(at->channel->label, slug, sizeof slug);
        snprintf(name, sizeof name, "%s-%s", jk_zone_kind_name(at->rule.part), slug);
        r = add_zone(at, name, at->rule.part, 0);
        return r == -EEXIST ? 0 : r; /* it is in the sum: that is what counts */
}

static int
place_unknown(const struct placement *at)
{
        char name[JK_ZONE_NAME_SIZE], slug[24];
        int r;

        jk_hwmon_slug(at->channel->label, slug, sizeof slug);
        if (*slug) {
                snprintf(name, sizeof name, "%s-%s", at->device->driver, slug);
                r = add_zone(at, name, at->rule.kind, -1);
                if (r != -EEXIST)
                        return r;
        }

        snprintf(name, sizeof name, "%s-%d", at->device->driver, at->n_of_kind[at->rule.kind]++);
        return add_zone(at, name, at->rule.kind, -1);
}

static int
place(const struct placement *at)
{
        static int (*const by_naming[])(const struct placement *) = {
                [JK_HWMON_ALONE] = place_alone,       [JK_HWMON_BY_DEVICE] = place_by_device,
                [JK_HWMON_BY_LABEL] = place_by_label, [JK_HWMON_RAIL] = place_rail,
                [JK_HWMON_UNKNOWN] = place_unknown,
        };

        return by_naming[at->rule.naming](at);
}

/* 0, also when the channel is not used; or -ENOMEM. */
static int
visit_channel(struct scan *scan, const struct jk_hwmon_device *device,
              const struct jk_hwmon_channel *channel)
{
        struct jk_hwmon_plan *plan = scan->plan;
        struct placement at = {
                .plan = plan,
                .device = device,
                .channel = channel,
                .rule = jk_hwmon_rule_find(device->driver, channel->label),
                .sensor = plan->n_sensors,
                .n_of_kind = scan->n_of_kind,
        };
        int r;

        if (at.rule.naming == JK_HWMON_IGNORED ||
            scan->counters != (channel->quantity == JK_HWMON_ENERGY))
                return 0;
        r = add_sensor(plan, device, channel, at.rule.sleeps);
        if (r < 0)
                return r;

        /* What we may not read would only keep another meter's zone out. What fails otherwise (a
         * channel that is off, a bus that is busy) may work at the next reading. */
        r = jk_hwmon_sensor_read(plan->root, &plan->sensors[at.sensor]);
        if (r == -EACCES || r == -EPERM) {
                if (scan->failure == 0) {
                        scan->failure = r;
                        memcpy(scan->path, plan->sensors[at.sensor].path, sizeof scan->path);
                }
                plan->n_sensors--;
                return 0;
        }

        r = place(&at);
        if (r == -EEXIST || r == -ENOSPC) {
                plan->n_sensors--;
                return 0;
        }
        return r;
}

static int
visit_device(const char *name, void *data)
{
        struct scan *scan = data;
        struct jk_hwmon_device device;

        if (jk_hwmon_device_scan(scan->plan->root, name, &device) < 0)
                return 0; /* it has just vanished, or is not a device */

        for (size_t i = 0; i < device.n_channels; i++) {
                int r = visit_channel(scan, &device, &device.channels[i]);

                if (r < 0)
                        return r;
        }

        return 0;
}

/* A package of one rail is that rail: no need to show it again as its only part. */
static void
drop_only_parts(struct jk_hwmon_plan *plan)
{
        size_t kept = 0;

        for (size_t i = 0; i < plan->n_zones; i++) {
                bool only = i > 0 && plan->recipes[i - 1].n_sensors == 1 &&
                            plan->recipes[i].n_sensors == 1 &&
                            plan->recipes[i].sensors[0] == plan->recipes[i - 1].sensors[0];

                if (only)
                        continue;
                plan->zones[kept] = plan->zones[i];
                plan->recipes[kept++] = plan->recipes[i];
        }

        plan->n_zones = kept;
}

int
jk_hwmon_plan_make(const struct jk_root *root, struct jk_hwmon_plan *ret_plan, struct jk_error *err)
{
        struct jk_hwmon_plan plan = { .root = root };
        struct scan scan = { .plan = &plan };
        int r;

        /* Counters first: who comes first has the name, and a counter misses nothing. */
        scan.counters = true;
        r = jk_root_list(root, JK_HWMON_CLASS, visit_device, &scan);
        if (r == 0) {
                scan.counters = false;
                r = jk_root_list(root, JK_HWMON_CLASS, visit_device, &scan);
        }
        if (r < 0 && r != -ENOENT)
                r = jk_fail(err, r, "hwmon: " JK_HWMON_CLASS ": cannot be read: %m");
        else if (plan.n_zones > 0)
                r = 0;
        else if (scan.failure < 0)
                r = jk_fail(err, scan.failure, "hwmon: %s: %m; run as root", scan.path);
        else
                r = jk_fail(err, ENODEV,
                            "hwmon: no sensor of energy or power in " JK_HWMON_CLASS
                            " (energyN_input, powerN_average, powerN_input, or voltage and "
                            "current of a driver that pairs them)");

        if (r < 0) {
                jk_hwmon_plan_free(&plan);
                return r;
        }

        drop_only_parts(&plan);
        *ret_plan = plan;
        return 0;
}

void
jk_hwmon_plan_free(struct jk_hwmon_plan *plan)
{
        free(plan->sensors);
        free(plan->zones);
        free(plan->recipes);
        *plan = (struct jk_hwmon_plan){ 0 };
}
