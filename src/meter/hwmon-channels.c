/* SPDX-License-Identifier: Apache-2.0
 *
 * The channels of a hwmon device that tell energy: see hwmon.h. Names and units of the files are
 * those of the kernel's Documentation/hwmon/sysfs-interface.rst.
 */
#include "meter/hwmon.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* A device that is another one under the same driver name, told by a file of its own. */
static const struct {
        const char *driver, *file, *content, *variant;
} variants[] = {
        /* Only APUs have the voltage of the CPU's north bridge (drivers/gpu/drm/amd/pm). */
        { "amdgpu", "in1_label", "vddnb", "amdgpu-apu" },
};

struct scan {
        const struct jk_root *root;
        struct jk_hwmon_device *device;
};

static ssize_t
read_attribute(const struct jk_root *root, const char *directory, const char *file, char *buffer,
               size_t size)
{
        char path[96];

        snprintf(path, sizeof path, JK_HWMON_CLASS "/%s/%s", directory, file);
        return jk_root_read(root, path, buffer, size);
}

/* Whether the file exists, be it readable or not: who may not read it shall be told so. */
static bool
has_attribute(const struct jk_root *root, const char *directory, const char *file)
{
        char path[96];

        snprintf(path, sizeof path, JK_HWMON_CLASS "/%s/%s", directory, file);
        return jk_root_exists(root, path);
}

/* Its own label, or what the firmware calls it (ACPI power meters), or the board's name for the
 * whole device (device tree `label`). */
static void
read_label(const struct scan *scan, const char *own, struct jk_hwmon_channel *channel)
{
        const char *const files[] = { own, "power1_oem_info", "label" };

        for (size_t i = 0; i < JK_COUNT(files); i++) {
                if (read_attribute(scan->root, scan->device->directory, files[i], channel->label,
                                   sizeof channel->label) <= 0)
                        continue;
                channel->own_label = i == 0;
                return;
        }

        channel->label[0] = '\0';
        channel->own_label = false;
}

/* Whether two channels read the same rail: by their labels, or where one has none by number. */
static bool
is_same_rail(const struct jk_hwmon_channel *a, const struct jk_hwmon_channel *b)
{
        if (a->own_label && b->own_label)
                return strcmp(a->label, b->label) == 0;

        return a->number == b->number;
}

static void
offer(const struct scan *scan, enum jk_hwmon_quantity quantity, unsigned number, const char *file)
{
        struct jk_hwmon_channel candidate = { .quantity = quantity, .number = number };
        struct jk_hwmon_device *device = scan->device;
        char own_label[24];

        snprintf(own_label, sizeof own_label, "%s%u_label",
                 quantity == JK_HWMON_ENERGY ? "energy" : "power", number);
        snprintf(candidate.file, sizeof candidate.file, "%s", file);
        read_label(scan, own_label, &candidate);

        for (size_t i = 0; i < device->n_channels; i++)
                if (is_same_rail(&device->channels[i], &candidate))
                        return;

        if (device->n_channels < JK_HWMON_CHANNELS_MAX)
                device->channels[device->n_channels++] = candidate;
}

/* One pass over the directory for each form of file name, the best first. */
struct pass {
        const struct scan *scan;
        enum jk_hwmon_quantity quantity;
        const char *prefix, *suffix;
};

static int
visit_file(const char *name, void *data)
{
        const struct pass *pass = data;
        size_t prefix = strlen(pass->prefix);
        char *rest;
        unsigned long number;

        if (strncmp(name, pass->prefix, prefix) != 0 || !isdigit((unsigned char)name[prefix]))
                return 0;
        number = strtoul(name + prefix, &rest, 10);
        if (number <= 9999 && strcmp(rest, pass->suffix) == 0)
                offer(pass->scan, pass->quantity, (unsigned)number, name);

        return 0;
}

static void
offer_products(const struct scan *scan)
{
        struct jk_hwmon_device *device = scan->device;
        unsigned voltage, current;

        for (size_t n = 0; jk_hwmon_pair(device->driver, n, &voltage, &current); n++) {
                struct jk_hwmon_channel *channel = &device->channels[device->n_channels];
                char label[24];

                if (device->n_channels == JK_HWMON_CHANNELS_MAX)
                        return;
                *channel = (struct jk_hwmon_channel){
                        .quantity = JK_HWMON_PRODUCT,
                        .number = current,
                };
                snprintf(channel->file, sizeof channel->file, "in%u_input", voltage);
                snprintf(channel->current, sizeof channel->current, "curr%u_input", current);
                if (!has_attribute(scan->root, device->directory, channel->file) ||
                    !has_attribute(scan->root, device->directory, channel->current))
                        continue;

                snprintf(label, sizeof label, "curr%u_label", current);
                if (!has_attribute(scan->root, device->directory, label))
                        snprintf(label, sizeof label, "in%u_label", voltage);
                read_label(scan, label, channel);
                device->n_channels++;
        }
}

static int
visit_supply(const char *supply, void *data)
{
        const char *driver = data;

        /* hwmon names cannot hold a dash: macsmc-battery is macsmc_battery there. */
        for (; *supply && *driver; supply++, driver++)
                if (*supply != *driver && !(*supply == '-' && *driver == '_'))
                        return 0;

        return !*supply && !*driver;
}

static bool
mirrors_power_supply(const struct jk_root *root, const struct jk_hwmon_device *device)
{
        char driver[sizeof device->driver];

        memcpy(driver, device->driver, sizeof driver);
        return jk_root_list(root, "sys/class/power_supply", visit_supply, driver) > 0;
}

int
jk_hwmon_device_scan(const struct jk_root *root, const char *directory,
                     struct jk_hwmon_device *ret_device)
{
        struct scan scan = { .root = root, .device = ret_device };
        const struct pass passes[] = {
                { &scan, JK_HWMON_ENERGY, "energy", "_input" },
                { &scan, JK_HWMON_POWER, "power", "_average" },
                { &scan, JK_HWMON_POWER, "power", "_input" },
        };
        char path[64], content[64];
        ssize_t n;

        if (strlen(directory) >= sizeof ret_device->directory)
                return -ENAMETOOLONG;
        ret_device->n_channels = 0;
        snprintf(ret_device->directory, sizeof ret_device->directory, "%s", directory);
        n = read_attribute(root, directory, "name", content, sizeof content);
        if (n < 0)
                return (int)n;
        snprintf(ret_device->driver, sizeof ret_device->driver, "%.23s", content);

        if (mirrors_power_supply(root, ret_device))
                return 0;

        for (size_t i = 0; i < JK_COUNT(variants); i++)
                if (strcmp(ret_device->driver, variants[i].driver) == 0 &&
                    read_attribute(root, directory, variants[i].file, content, sizeof content) >
                            0 &&
                    strcmp(content, variants[i].content) == 0)
                        snprintf(ret_device->driver, sizeof ret_device->driver, "%s",
                                 variants[i].variant);

        snprintf(path, sizeof path, JK_HWMON_CLASS "/%s", directory);
        for (size_t i = 0; i < JK_COUNT(passes); i++) {
                int r = jk_root_list(root, path, visit_file, (void *)&passes[i]);

                if (r < 0)
                        return r;
        }
        if (ret_device->n_channels == 0)
                offer_products(&scan);

        return 0;
}
