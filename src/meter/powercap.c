/* SPDX-License-Identifier: Apache-2.0
 *
 * RAPL by powercap, the kernel's energy counters in sysfs: Documentation/power/powercap/
 * powercap.rst. Works below any root. Finding the zones is powercap-scan.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "meter/meter.h"
#include "meter/powercap-scan.h"

/* Two dies that showed the same counter are watched for this many readings: right after boot two
 * real ones may both have been at 0. */
#define TWIN_READINGS 10

/* A twin is read after the other: microseconds, or much longer on a busy machine. */
#define TWIN_TOLERANCE_UJ UINT64_C(50000000)

struct jk_meter {
        struct jk_powercap_zone *found;
        struct jk_meter_zone *zones;
        struct jk_meter_counter *counters;
        size_t n;
        int readings;
};

static void
powercap_close(struct jk_meter *meter)
{
        jk_powercap_free(meter->found, meter->n);
        free(meter->zones);
        free(meter->counters);
        free(meter);
}

static int
powercap_open(const struct jk_meter_env *env, struct jk_meter **ret_meter, struct jk_error *err)
{
        struct jk_meter *meter = calloc(1, sizeof *meter);
        int r;

        if (!meter)
                return jk_fail(err, ENOMEM, "powercap: out of memory");

        r = jk_powercap_scan(env->root, &meter->found, &meter->n, err);
        if (r < 0) {
                free(meter);
                return r;
        }

        meter->zones = calloc(meter->n, sizeof *meter->zones);
        meter->counters = calloc(meter->n, sizeof *meter->counters);
        if (!meter->zones || !meter->counters) {
                powercap_close(meter);
                return jk_fail(err, ENOMEM, "powercap: out of memory");
        }
        for (size_t z = 0; z < meter->n; z++) {
                meter->zones[z].zone = meter->found[z].zone;
                meter->zones[z].index = -1;
        }

        *ret_meter = meter;
        return 0;
}

static size_t
powercap_zones(struct jk_meter *meter, struct jk_meter_zone **ret_zones)
{
        *ret_zones = meter->zones;
        return meter->n;
}

/* Whether a counter taken for a mirror of another has gone its own way. */
static bool
twin_has_parted(const struct jk_meter *meter, size_t z, uint64_t now_uj)
{
        uint64_t twin_uj, ahead_uj;

        if (meter->found[z].twin_fd < 0 || meter->readings >= TWIN_READINGS ||
            jk_fd_read_u64(meter->found[z].twin_fd, &twin_uj) < 0)
                return false;

        ahead_uj = twin_uj >= now_uj ? twin_uj - now_uj : now_uj - twin_uj;
        return ahead_uj > TWIN_TOLERANCE_UJ &&
               ahead_uj < meter->zones[z].zone.range_uj - TWIN_TOLERANCE_UJ;
}

static int
read_zone(struct jk_meter *meter, size_t z, struct jk_sample *sample, struct jk_error *err)
{
        struct jk_meter_zone *zone = &meter->zones[z];
        uint64_t now_uj;
        int r;

        r = jk_fd_read_u64(meter->found[z].fd, &now_uj);
        if (r < 0)
                return jk_fail(err, r, "powercap: cannot read %s: %m", zone->zone.path);
        if (twin_has_parted(meter, z, now_uj))
                return jk_fail(err, ENODEV,
                               "powercap: %s has dies with counters of their own, unlike before",
                               zone->zone.name);

        jk_meter_count(&meter->counters[z], &zone->zone, now_uj, sample,
                       &sample->readings[zone->index]);
        return 0;
}

/* A driver that was unloaded leaves descriptors that say ENODEV, which the set answers by opening
 * the meter anew. */
static int
powercap_read(struct jk_meter *meter, struct jk_sample *sample, struct jk_error *err)
{
        int result = 0;

        for (size_t z = 0; z < meter->n; z++) {
                int r;

                if (meter->zones[z].index < 0) {
                        meter->counters[z] = (struct jk_meter_counter){ 0 };
                        continue;
                }
                r = read_zone(meter, z, sample, err);
                if (r < 0 && result != -ENODEV)
                        result = r;
        }

        if (meter->readings < TWIN_READINGS)
                meter->readings++;
        return result;
}

const struct jk_meter_ops jk_meter_powercap = {
        .name = "powercap",
        .summary = "RAPL counters of packages, cores, memory and platform, by powercap",
        .open = powercap_open,
        .zones = powercap_zones,
        .read = powercap_read,
        .close = powercap_close,
};
