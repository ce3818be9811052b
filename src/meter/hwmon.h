/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the hwmon meter: what a hwmon device can offer (channels), and the rules that say which
 * zone of the machine a channel of a driver measures, and the plan of what to read for each zone.
 * hwmon-channels.c finds the channels, hwmon-rules.c is the table of drivers, hwmon-plan.c makes
 * zones of both, hwmon.c reads them.
 */
#pragma once

#include "meter/meter.h"

#define JK_HWMON_CLASS        "sys/class/hwmon"
#define JK_HWMON_CHANNELS_MAX 64

/* ---- channels ---- */

enum jk_hwmon_quantity {
        JK_HWMON_ENERGY,  /* energyN_input, µJ */
        JK_HWMON_POWER,   /* powerN_average or powerN_input, µW */
        JK_HWMON_PRODUCT, /* inN_input × currM_input, mV × mA, of a driver known to pair them */
};

struct jk_hwmon_channel {
        enum jk_hwmon_quantity quantity;
        unsigned number;
        char file[24];    /* "power1_average", "in2_input" */
        char current[24]; /* "curr2_input" of a product, else empty */
        char label[48];   /* of the channel, else of the device, else empty */
        bool own_label;   /* of the channel: it tells this rail from the device's others */
};

struct jk_hwmon_device {
        char directory[16]; /* "hwmon3" */
        char driver[24];    /* its `name`, or its variant's: "amdgpu-apu" */
        struct jk_hwmon_channel channels[JK_HWMON_CHANNELS_MAX];
        size_t n_channels;
};

/* What the device offers, each rail once: energy rather than power, an average rather than a
 * reading, a reading rather than a product. No channels if it is a battery's mirror (power supplies
 * appear in hwmon, too). 0 or a negative errno. */
int jk_hwmon_device_scan(const struct jk_root *root, const char *directory,
                         struct jk_hwmon_device *ret_device);

/* ---- rules ---- */

enum jk_hwmon_naming {
        JK_HWMON_ALONE,     /* one of its kind in the machine: "wall" */
        JK_HWMON_BY_DEVICE, /* counted: gpu-0, gpu-1; one zone per device */
        JK_HWMON_BY_LABEL,  /* the label ends in the number: "Esocket1" -> package-1 */
        JK_HWMON_RAIL,      /* one of the rails that add up to zone 0 of the kind */
        JK_HWMON_UNKNOWN,   /* named after the driver and the channel */
        JK_HWMON_IGNORED,   /* inside another channel, or no energy of this machine */
};

struct jk_hwmon_rule {
        const char *driver; /* shell pattern */
        const char *label;  /* shell pattern, case ignored, or NULL: any */
        enum jk_hwmon_naming naming;
        enum jk_zone_kind kind;
        enum jk_zone_kind part; /* of a RAIL: also shown by itself, as this kind; or INVALID */
        double uncertainty_pct;
        bool sleeps; /* reading would wake the device: leave it alone while it is suspended */
};

/* The rule for a channel: there always is one. */
struct jk_hwmon_rule jk_hwmon_rule_find(const char *driver, const char *label);

/* Which channels of voltage and current of a driver belong together: calls with n = 0, 1 … until it
 * returns false. */
bool jk_hwmon_pair(const char *driver, size_t n, unsigned *ret_voltage, unsigned *ret_current);

/* The kind of zone that a label's words tell ("VDD_ARM", "DIMM VRD1"): OTHER if none does, or if
 * they disagree ("VDD_CPU_GPU_CV"). */
enum jk_zone_kind jk_hwmon_label_kind(const char *label);

/* A label as part of a zone's name: "VDD_ARM" -> "arm", "CPU power" -> "cpu". */
void jk_hwmon_slug(const char *label, char *slug, size_t size);

/* ---- the plan ---- */

#define JK_HWMON_RAILS_MAX 16

struct jk_hwmon_sensor {
        enum jk_hwmon_quantity quantity;
        char path[64];
        char current_path[64]; /* of a product */
        char sleep_path[64];   /* says whether the device is suspended; empty: it does not sleep */

        /* this tick's */
        bool read;
        int result; /* of jk_hwmon_sensor_read() */
        uint64_t energy_uj;
        double power_w;
};

/* How a zone is read: as the sum of its sensors, which are all counters or all powers. */
struct jk_hwmon_recipe {
        size_t sensors[JK_HWMON_RAILS_MAX];
        size_t n_sensors;
        struct jk_meter_counter counter;
        struct jk_meter_power integrator;
};

struct jk_hwmon_plan {
        const struct jk_root *root;
        struct jk_hwmon_sensor *sensors;
        size_t n_sensors, sensors_capacity;
        struct jk_meter_zone *zones;
        struct jk_hwmon_recipe *recipes; /* of each zone */
        size_t n_zones, zones_capacity, recipes_capacity;
};

/* Find every sensor and make zones of them: 0, -ENODEV if there is none, -EACCES if there are but
 * none may be read, or another negative errno; with a message. */
int jk_hwmon_plan_make(const struct jk_root *root, struct jk_hwmon_plan *ret_plan,
                       struct jk_error *err);
void jk_hwmon_plan_free(struct jk_hwmon_plan *plan);

/* Read energy_uj or power_w: 0, 1 if its device sleeps, or a negative errno; -ERANGE for a power
 * that is negative. */
int jk_hwmon_sensor_read(const struct jk_root *root, struct jk_hwmon_sensor *sensor);
