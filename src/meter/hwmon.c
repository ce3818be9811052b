/* SPDX-License-Identifier: Apache-2.0
 *
 * Sensors of sys/class/hwmon: energy counters, power readings, and voltage × current where the
 * driver pairs them. Zones are made of channels by the rules of hwmon-rules.c; a zone may be the
 * sum of several rails, and is then only seen when each of them was read.
 *
 * Files are opened for each reading: a sensor that is unplugged and comes back under another number
 * would otherwise go on being read from the grave. Reading a sensor can cost an I2C transfer, so a
 * rail that is in two zones is read once, and what no zone in use needs is not read at all.
 */
#include "meter/hwmon.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* A current sensor's zero is a milliampere or two off: that much below nothing is nothing. */
#define ZERO_OFFSET_W 0.05

struct jk_meter {
        struct jk_hwmon_plan plan;
};

/* ---- a sensor ---- */

static int
read_power_uw(const struct jk_root *root, const struct jk_hwmon_sensor *sensor, double *ret_w)
{
        int64_t microwatts;
        int r;

        r = jk_root_read_i64(root, sensor->path, &microwatts);
        if (r < 0)
                return r;

        *ret_w = (double)microwatts / 1e6;
        return 0;
}

static int
read_product(const struct jk_root *root, const struct jk_hwmon_sensor *sensor, double *ret_w)
{
        int64_t millivolts, milliamperes;
        int r;

        r = jk_root_read_i64(root, sensor->path, &millivolts);
        if (r < 0)
                return r;
        r = jk_root_read_i64(root, sensor->current_path, &milliamperes);
        if (r < 0)
                return r;

        *ret_w = (double)millivolts / 1e3 * ((double)milliamperes / 1e3);
        return 0;
}

static bool
is_suspended(const struct jk_root *root, const struct jk_hwmon_sensor *sensor)
{
        char status[16];

        return *sensor->sleep_path &&
               jk_root_read(root, sensor->sleep_path, status, sizeof status) > 0 &&
               strncmp(status, "suspend", strlen("suspend")) == 0;
}

int
jk_hwmon_sensor_read(const struct jk_root *root, struct jk_hwmon_sensor *sensor)
{
        double power_w = 0;
        int r;

        if (is_suspended(root, sensor))
                return 1;
        if (sensor->quantity == JK_HWMON_ENERGY)
                return jk_root_read_u64(root, sensor->path, &sensor->energy_uj);

        r = sensor->quantity == JK_HWMON_POWER ? read_power_uw(root, sensor, &power_w)
                                               : read_product(root, sensor, &power_w);
        if (r < 0)
                return r;
        if (power_w < -ZERO_OFFSET_W)
                return -ERANGE; /* fed from behind, or garbage: in no case 0 */

        sensor->power_w = power_w > 0 ? power_w : 0;
        return 0;
}

static int
read_once(struct jk_hwmon_plan *plan, struct jk_hwmon_sensor *sensor)
{
        if (!sensor->read) {
                sensor->result = jk_hwmon_sensor_read(plan->root, sensor);
                sensor->read = true;
        }

        return sensor->result;
}

/* ---- a zone ---- */

/* The sum of a zone's sensors: 0, 1 if one sleeps, or a negative errno. */
static int
read_recipe(struct jk_hwmon_plan *plan, const struct jk_hwmon_recipe *recipe, uint64_t *ret_uj,
            double *ret_w, const struct jk_hwmon_sensor **ret_culprit)
{
        uint64_t energy_uj = 0;
        double power_w = 0;

        for (size_t i = 0; i < recipe->n_sensors; i++) {
                struct jk_hwmon_sensor *sensor = &plan->sensors[recipe->sensors[i]];
                int r = read_once(plan, sensor);

                if (r != 0) {
                        *ret_culprit = sensor;
                        return r;
                }
                energy_uj += sensor->energy_uj;
                power_w += sensor->power_w;
        }

        *ret_uj = energy_uj;
        *ret_w = power_w;
        return 0;
}

static int
read_zone(struct jk_hwmon_plan *plan, size_t i, struct jk_sample *sample, struct jk_error *err)
{
        struct jk_hwmon_recipe *recipe = &plan->recipes[i];
        const struct jk_zone *zone = &plan->zones[i].zone;
        struct jk_zone_reading *reading = &sample->readings[plan->zones[i].index];
        const struct jk_hwmon_sensor *culprit = NULL;
        uint64_t energy_uj;
        double power_w;
        int r;

        r = read_recipe(plan, recipe, &energy_uj, &power_w, &culprit);
        if (r == 0 && power_w > zone->max_w) {
                r = -ERANGE;
                culprit = &plan->sensors[recipe->sensors[0]];
        }
        if (r != 0) {
                /* What it drew meanwhile is not known. A counter knows it, unless it slept. */
                recipe->integrator = (struct jk_meter_power){ 0 };
                if (r > 0)
                        return 0;
                return jk_fail(err, r == -ENOENT ? ENODEV : r, "hwmon: %s (zone %s): %s",
                               culprit->path, zone->name,
                               r == -ERANGE ? "not a plausible power" : strerror(-r));
        }

        if (plan->sensors[recipe->sensors[0]].quantity == JK_HWMON_ENERGY)
                jk_meter_count(&recipe->counter, zone, energy_uj, sample, reading);
        else
                jk_meter_integrate(&recipe->integrator, power_w, sample, reading);
        return 0;
}

/* ---- the meter ---- */

static int
hwmon_open(const struct jk_meter_env *env, struct jk_meter **ret_meter, struct jk_error *err)
{
        jk_autofree struct jk_meter *meter = calloc(1, sizeof *meter);
        int r;

        if (!meter)
                return jk_fail(err, ENOMEM, "hwmon: out of memory");

        r = jk_hwmon_plan_make(env->root, &meter->plan, err);
        if (r < 0)
                return r;

        *ret_meter = jk_steal(meter);
        return 0;
}

static void
hwmon_close(struct jk_meter *meter)
{
        jk_hwmon_plan_free(&meter->plan);
        free(meter);
}

static size_t
hwmon_zones(struct jk_meter *meter, struct jk_meter_zone **ret_zones)
{
        *ret_zones = meter->plan.zones;
        return meter->plan.n_zones;
}

static int
hwmon_read(struct jk_meter *meter, struct jk_sample *sample, struct jk_error *err)
{
        struct jk_hwmon_plan *plan = &meter->plan;
        int first = 0;

        for (size_t i = 0; i < plan->n_sensors; i++)
                plan->sensors[i].read = false;

        for (size_t i = 0; i < plan->n_zones; i++) {
                int r;

                if (plan->zones[i].index < 0) {
                        plan->recipes[i].counter = (struct jk_meter_counter){ 0 };
                        plan->recipes[i].integrator = (struct jk_meter_power){ 0 };
                        continue;
                }
                r = read_zone(plan, i, sample, first == 0 ? err : NULL);
                /* A sensor that is gone matters most: its files may be another's now. */
                if (first == 0 || r == -ENODEV)
                        first = r < 0 ? r : first;
        }

        return first;
}

const struct jk_meter_ops jk_meter_hwmon = {
        .name = "hwmon",
        .summary = "energy and power sensors of boards, processors and GPUs (sys/class/hwmon)",
        .slow = true,
        .open = hwmon_open,
        .zones = hwmon_zones,
        .read = hwmon_read,
        .close = hwmon_close,
};
