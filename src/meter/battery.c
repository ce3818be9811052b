/* SPDX-License-Identifier: Apache-2.0
 *
 * Batteries: what the machine draws from them, as one zone, `battery`. Read of
 * sys/class/power_supply (kernel: Documentation/ABI/testing/sysfs-class-power).
 *
 * A machine draws from all its batteries together (often from one, while the other rests), so the
 * zone is their sum, and it is only seen when that sum is the machine's whole draw: on external
 * power, or while one of them charges, the zone is not seen, which is not the same as 0 W. Drivers
 * disagree on the sign of a discharge (ACPI: positive, most fuel gauges and Apple's SMC: negative),
 * so the magnitude counts and `status` says the direction. Batteries of mice and keyboards have
 * scope Device and are none of ours.
 */
#include "meter/meter.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

#define CLASS         "sys/class/power_supply"
#define SUPPLIES_MAX  16
#define PLAUSIBLE_W   1000.0
#define ACCURACY_PCT  5.0 /* of fuel gauges; checked against the charge they report, see below */
#define CHECK_EVERY   (60 * JK_NS_PER_S)
#define CHECK_DROP_UJ 7.2e9 /* 2 Wh: far above the gauges' steps of 10 mWh */

enum battery_status { CHARGING, DISCHARGING, RESTING, UNKNOWN };

struct supply {
        char name[64];
        bool battery; /* else something that feeds the machine from outside */
};

/* Power that was added up, against the charge that went: one warning if they disagree. */
struct gauge_check {
        int64_t next_ns;  /* when to look again, 0: not begun */
        double start_uj;  /* charge at the beginning */
        double summed_uj; /* what the zone handed out since */
        bool warned;
};

struct jk_meter {
        const struct jk_root *root;
        struct jk_meter_zone zone;
        struct jk_meter_power integrator;
        struct gauge_check check;
        struct supply supplies[SUPPLIES_MAX];
        size_t n_supplies;
};

static ssize_t
read_text(const struct jk_root *root, const char *supply, const char *attribute, char *buffer,
          size_t size)
{
        char path[192];

        snprintf(path, sizeof path, CLASS "/%s/%s", supply, attribute);
        return jk_root_read(root, path, buffer, size);
}

static int
read_number(const struct jk_root *root, const char *supply, const char *attribute,
            int64_t *ret_value)
{
        char path[192];

        snprintf(path, sizeof path, CLASS "/%s/%s", supply, attribute);
        return jk_root_read_i64(root, path, ret_value);
}

static enum battery_status
read_status(const struct jk_root *root, const char *supply)
{
        static const struct {
                const char *text;
                enum battery_status status;
        } words[] = {
                { "Charging", CHARGING },
                { "Discharging", DISCHARGING },
                { "Not charging", RESTING },
                { "Full", RESTING },
        };
        char text[32];

        if (read_text(root, supply, "status", text, sizeof text) < 0)
                return UNKNOWN;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                if (strcmp(text, words[i].text) == 0)
                        return words[i].status;

        return UNKNOWN;
}

/* Power of one battery, with the sign its driver gives: power_now, or current × voltage where that
 * is absent, or 0 because the driver knows the current only. */
static int
read_power(const struct jk_root *root, const char *supply, double *ret_w)
{
        int64_t power_uw = 0, current_ua, voltage_uv;
        int r;

        r = read_number(root, supply, "power_now", &power_uw);
        if (r == 0 && power_uw != 0) {
                *ret_w = (double)power_uw / 1e6;
                return 0;
        }

        if (read_number(root, supply, "current_now", &current_ua) == 0 &&
            read_number(root, supply, "voltage_now", &voltage_uv) == 0) {
                *ret_w = (double)current_ua / 1e6 * ((double)voltage_uv / 1e6);
                return 0;
        }

        if (r < 0)
                return r;
        *ret_w = 0;
        return 0;
}

/* Energy left in one battery, for the check only. */
static int
read_charge(const struct jk_root *root, const char *supply, double *ret_uj)
{
        int64_t energy_uwh, charge_uah, voltage_uv;
        int r;

        if (read_number(root, supply, "energy_now", &energy_uwh) == 0) {
                *ret_uj = (double)energy_uwh * 3600;
                return 0;
        }

        r = read_number(root, supply, "charge_now", &charge_uah);
        if (r < 0)
                return r;
        r = read_number(root, supply, "voltage_now", &voltage_uv);
        if (r < 0)
                return r;

        *ret_uj = (double)charge_uah * 3600 * ((double)voltage_uv / 1e6);
        return 0;
}

/* ---- open ---- */

struct scan {
        struct jk_meter *meter;
        size_t n_batteries;
        int failure; /* of a battery whose power cannot be read */
        char culprit[64];
};

static bool
is_peripheral(const struct jk_root *root, const char *supply)
{
        char scope[16];

        return read_text(root, supply, "scope", scope, sizeof scope) >= 0 &&
               strcmp(scope, "Device") == 0;
}

static int
visit_supply(const char *name, void *data)
{
        struct scan *scan = data;
        struct jk_meter *meter = scan->meter;
        struct supply *supply = &meter->supplies[meter->n_supplies];
        char type[32];
        double unused;
        int r;

        if (meter->n_supplies == SUPPLIES_MAX || strlen(name) >= sizeof supply->name)
                return 0;
        if (read_text(meter->root, name, "type", type, sizeof type) < 0 ||
            strcmp(type, "UPS") == 0 || is_peripheral(meter->root, name))
                return 0;

        *supply = (struct supply){ .battery = strcmp(type, "Battery") == 0 };
        memcpy(supply->name, name, strlen(name) + 1);
        meter->n_supplies++;
        if (!supply->battery)
                return 0;

        scan->n_batteries++;
        r = read_power(meter->root, name, &unused);
        /* A full or empty slot answers ENODATA or ENODEV now and then: that passes. What is not
         * there at all, or not for us, does not. */
        if (r == -ENOENT || r == -EACCES) {
                scan->failure = r;
                memcpy(scan->culprit, supply->name, sizeof scan->culprit);
        }
        return 0;
}

static int
explain_failure(const struct scan *scan, struct jk_error *err)
{
        if (scan->failure == -EACCES)
                return jk_fail(err, EACCES,
                               "battery: " CLASS "/%s/power_now: permission denied; run as root",
                               scan->culprit);

        return jk_fail(err, ENODEV,
                       "battery: " CLASS "/%s has neither power_now nor current_now with "
                       "voltage_now: its driver does not tell the power",
                       scan->culprit);
}

static void
describe_zone(struct jk_meter *meter)
{
        struct jk_zone *zone = &meter->zone.zone;

        *zone = (struct jk_zone){
                .name = "battery",
                .source = "battery",
                .kind = JK_ZONE_BATTERY,
                .provenance = JK_MEASURED,
                .parent = -1,
                .package = -1,
                .uncertainty_pct = ACCURACY_PCT,
                .idle_w = NAN,
                .limit_w = NAN,
                .max_w = PLAUSIBLE_W,
        };
        meter->zone.index = -1;

        int length = snprintf(zone->path, sizeof zone->path, CLASS);
        char separator = '/';

        for (size_t i = 0; i < meter->n_supplies; i++) {
                if (!meter->supplies[i].battery || (size_t)length >= sizeof zone->path)
                        continue;
                length += snprintf(zone->path + length, sizeof zone->path - (size_t)length, "%c%s",
                                   separator, meter->supplies[i].name);
                separator = '+';
        }
}

static int
battery_open(const struct jk_meter_env *env, struct jk_meter **ret_meter, struct jk_error *err)
{
        jk_autofree struct jk_meter *meter = calloc(1, sizeof *meter);
        struct scan scan = { .meter = meter };
        int r;

        if (!meter)
                return jk_fail(err, ENOMEM, "battery: out of memory");

        meter->root = env->root;
        r = jk_root_list(env->root, CLASS, visit_supply, &scan);
        if (r < 0 && r != -ENOENT)
                return jk_fail(err, r, "battery: " CLASS ": cannot be listed: %m");
        if (scan.n_batteries == 0)
                return jk_fail(err, ENODEV, "battery: no battery of the machine in " CLASS);
        if (scan.failure < 0)
                return explain_failure(&scan, err);

        describe_zone(meter);
        *ret_meter = jk_steal(meter);
        return 0;
}

static size_t
battery_zones(struct jk_meter *meter, struct jk_meter_zone **ret_zones)
{
        *ret_zones = &meter->zone;
        return 1;
}

/* ---- read ---- */

/* What the supplies say together. */
struct draw {
        double power_w;     /* sum over the batteries */
        size_t discharging; /* batteries that say so */
        size_t charging;
        size_t external_on, external_off; /* adapters and ports, plugged in and not */
};

static int
add_battery(struct jk_meter *meter, const struct supply *supply, struct draw *draw,
            struct jk_error *err)
{
        enum battery_status status = read_status(meter->root, supply->name);
        int64_t present;
        double power_w;
        int r;

        if (read_number(meter->root, supply->name, "present", &present) == 0 && present == 0)
                return 0; /* an empty slot */

        r = read_power(meter->root, supply->name, &power_w);
        if (r < 0)
                return jk_fail(err, r == -ENOENT ? ENODEV : r,
                               "battery: " CLASS "/%s: power cannot be read: %s", supply->name,
                               strerror(-r));
        if (fabs(power_w) > PLAUSIBLE_W)
                return jk_fail(err, ERANGE, "battery: " CLASS "/%s: %.0f W is not plausible",
                               supply->name, power_w);

        draw->power_w += fabs(power_w);
        draw->charging += status == CHARGING;
        /* No driver gives a negative power while it charges. */
        draw->discharging += status == DISCHARGING || (status == UNKNOWN && power_w < 0);
        return 0;
}

static int
read_draw(struct jk_meter *meter, struct draw *ret_draw, struct jk_error *err)
{
        struct draw draw = { 0 };

        for (size_t i = 0; i < meter->n_supplies; i++) {
                const struct supply *supply = &meter->supplies[i];
                int64_t online;
                int r;

                if (supply->battery) {
                        r = add_battery(meter, supply, &draw, err);
                        if (r < 0)
                                return r;
                } else if (read_number(meter->root, supply->name, "online", &online) == 0) {
                        draw.external_on += online > 0;
                        draw.external_off += online == 0;
                }
        }

        *ret_draw = draw;
        return 0;
}

/* Whether the batteries feed the whole machine. A driver that cannot tell the direction ("Unknown")
 * is believed when an adapter is known and unplugged. A running machine never draws 0 W: firmware
 * says so for some seconds after the plug was pulled. */
static bool
is_whole_draw(const struct draw *draw)
{
        if (draw->external_on > 0 || draw->charging > 0 || draw->power_w <= 0)
                return false;

        return draw->discharging > 0 || draw->external_off > 0;
}

/* Add up the power over two watt-hours of charge and compare. Gauges that are off by half are not
 * rare in old machines, and nothing else on such a machine would tell. */
static void
check_gauge(struct jk_meter *meter, const struct jk_sample *sample, double energy_uj)
{
        struct gauge_check *check = &meter->check;
        double charge_uj = 0, drop_uj;

        check->summed_uj += energy_uj;
        if (check->warned || sample->time.monotonic_ns < check->next_ns)
                return;

        for (size_t i = 0; i < meter->n_supplies; i++) {
                double one_uj;

                if (!meter->supplies[i].battery)
                        continue;
                if (read_charge(meter->root, meter->supplies[i].name, &one_uj) < 0)
                        return;
                charge_uj += one_uj;
        }

        if (check->next_ns == 0) {
                check->start_uj = charge_uj;
                check->summed_uj = 0;
        }
        check->next_ns = sample->time.monotonic_ns + CHECK_EVERY;

        drop_uj = check->start_uj - charge_uj;
        if (drop_uj < CHECK_DROP_UJ)
                return;
        if (check->summed_uj < drop_uj / 1.5 || check->summed_uj > drop_uj * 1.5) {
                jk_log_warning("battery: the power adds up to %.1f Wh while the charge fell by "
                               "%.1f Wh: its gauge cannot be trusted",
                               check->summed_uj / 3.6e9, drop_uj / 3.6e9);
                check->warned = true;
        }
        check->next_ns = 0; /* begin anew */
}

/* The next reading begins a new stretch: nothing is known of the time until then. */
static void
forget(struct jk_meter *meter)
{
        meter->integrator = (struct jk_meter_power){ 0 };
        meter->check.next_ns = 0;
}

static int
battery_read(struct jk_meter *meter, struct jk_sample *sample, struct jk_error *err)
{
        struct jk_zone_reading *reading;
        struct draw draw;
        int r;

        if (meter->zone.index < 0) {
                forget(meter);
                return 0;
        }

        r = read_draw(meter, &draw, err);
        if (r < 0) {
                forget(meter);
                return r;
        }
        if (!is_whole_draw(&draw)) {
                forget(meter);
                return 0;
        }

        reading = &sample->readings[meter->zone.index];
        jk_meter_integrate(&meter->integrator, draw.power_w, sample, reading);
        check_gauge(meter, sample,
                    reading->flags & JK_READING_SEEN ? (double)reading->energy_uj : 0);
        return 0;
}

static void
battery_close(struct jk_meter *meter)
{
        free(meter);
}

const struct jk_meter_ops jk_meter_battery = {
        .name = "battery",
        .summary = "what the machine draws from its batteries (sys/class/power_supply)",
        .slow = true,
        .open = battery_open,
        .zones = battery_zones,
        .read = battery_read,
        .close = battery_close,
};
