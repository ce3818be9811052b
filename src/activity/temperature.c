/* SPDX-License-Identifier: Apache-2.0
 *
 * The temperature of packages: see temperature.h. Which file it is comes from the kernel's
 * documents of the drivers (hwmon/coretemp, hwmon/k10temp, driver-api/thermal).
 */
#include "activity/temperature.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define SENSORS_MAX 8
#define READ_NS     (JK_NS_PER_S * 9 / 10) /* ticks of a second are not to miss every other one */

#define HWMON   "sys/class/hwmon"
#define THERMAL "sys/class/thermal"
#define CPUS    "sys/devices/system/cpu"

/* Of coretemp the package's channel has this label, and the number of the package. */
#define PACKAGE_LABEL "Package id "

/* What is below or above is a fault: sensors begin with 0, and CPUs stop far below 150 °C. */
#define LEAST_MC 1000
#define MOST_MC  150000

/* Drivers whose first channel is the package's. */
static const char *const first_is_package[] = { "k10temp", "zenpower" };

static const char *const zone_types[] = { "x86_pkg_temp", "cpu-thermal", "cpu_thermal" };

struct jk_temperature {
        const struct jk_root *root;
        struct sensor {
                int fd;
                int package; /* its number; that of the sensor, where nothing says */
                uint32_t cpu;
                bool is_seen;
                int32_t mc;
        } sensors[SENSORS_MAX];
        size_t n;
        int64_t read_ns;
};

/* ---- opening ---- */

static void
add_sensor(struct jk_temperature *temperature, const char *path, int package)
{
        int fd;

        if (temperature->n == SENSORS_MAX)
                return;
        fd = jk_root_open_file(temperature->root, path);
        if (fd < 0)
                return;
        temperature->sensors[temperature->n++] = (struct sensor){ .fd = fd, .package = package };
}

static bool
is_one_of(const char *name, const char *const *names, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(name, names[i]) == 0)
                        return true;
        return false;
}

struct scan {
        struct jk_temperature *temperature;
        const char *folder;
};

/* A file of coretemp: "temp1_label". */
static int
visit_channel(const char *name, void *data)
{
        struct scan *scan = data;
        const char *end = strstr(name, "_label");
        char path[PATH_MAX], label[64];
        int64_t package;

        if (strncmp(name, "temp", 4) != 0 || !end || strcmp(end, "_label") != 0)
                return 0;
        snprintf(path, sizeof path, "%s/%s", scan->folder, name);
        if (jk_root_read(scan->temperature->root, path, label, sizeof label) < 0 ||
            strncmp(label, PACKAGE_LABEL, strlen(PACKAGE_LABEL)) != 0 ||
            jk_parse_i64(label + strlen(PACKAGE_LABEL), &package) < 0 || package < 0 ||
            package > INT_MAX)
                return 0;

        snprintf(path, sizeof path, "%s/%.*s_input", scan->folder, (int)(end - name), name);
        add_sensor(scan->temperature, path, (int)package);
        return 0;
}

static int
visit_hwmon(const char *name, void *data)
{
        struct jk_temperature *temperature = data;
        struct scan scan = { .temperature = temperature };
        char folder[300], path[PATH_MAX], driver[64];

        snprintf(folder, sizeof folder, HWMON "/%s", name);
        snprintf(path, sizeof path, "%s/name", folder);
        if (jk_root_read(temperature->root, path, driver, sizeof driver) < 0)
                return 0;

        scan.folder = folder;
        if (strcmp(driver, "coretemp") == 0)
                (void)jk_root_list(temperature->root, folder, visit_channel, &scan);
        if (is_one_of(driver, first_is_package, JK_COUNT(first_is_package))) {
                snprintf(path, sizeof path, "%s/temp1_input", folder);
                add_sensor(temperature, path, (int)temperature->n);
        }
        return 0;
}

static int
visit_zone(const char *name, void *data)
{
        struct jk_temperature *temperature = data;
        char path[300], type[64];

        snprintf(path, sizeof path, THERMAL "/%s/type", name);
        if (jk_root_read(temperature->root, path, type, sizeof type) < 0 ||
            !is_one_of(type, zone_types, JK_COUNT(zone_types)))
                return 0;

        snprintf(path, sizeof path, THERMAL "/%s/temp", name);
        add_sensor(temperature, path, (int)temperature->n);
        return 0;
}

static int
visit_cpu(const char *name, void *data)
{
        struct jk_temperature *temperature = data;
        char path[300];
        int64_t package, cpu;

        if (strncmp(name, "cpu", 3) != 0 || !isdigit((unsigned char)name[3]) ||
            jk_parse_i64(name + 3, &cpu) < 0 || cpu > INT_MAX)
                return 0;
        snprintf(path, sizeof path, CPUS "/%s/topology/physical_package_id", name);
        if (jk_root_read_i64(temperature->root, path, &package) < 0)
                return 0;

        for (size_t i = 0; i < temperature->n; i++) {
                struct sensor *sensor = &temperature->sensors[i];

                if (sensor->package == package && (uint32_t)cpu < sensor->cpu)
                        sensor->cpu = (uint32_t)cpu;
        }
        return 0;
}

/* The first CPU of its package tells; where nobody says which that is, the one of the sensor's own
 * number. */
static void
choose_cpus(struct jk_temperature *temperature)
{
        if (temperature->n == 0)
                return;

        for (size_t i = 0; i < temperature->n; i++)
                temperature->sensors[i].cpu = UINT32_MAX;
        (void)jk_root_list(temperature->root, CPUS, visit_cpu, temperature);
        for (size_t i = 0; i < temperature->n; i++)
                if (temperature->sensors[i].cpu == UINT32_MAX)
                        temperature->sensors[i].cpu = (uint32_t)i;
}

int
jk_temperature_open(const struct jk_root *sys_root, struct jk_temperature **ret_temperature)
{
        struct jk_temperature *temperature = calloc(1, sizeof *temperature);

        if (!temperature)
                return -ENOMEM;

        temperature->root = sys_root;
        (void)jk_root_list(sys_root, HWMON, visit_hwmon, temperature);
        if (temperature->n == 0)
                (void)jk_root_list(sys_root, THERMAL, visit_zone, temperature);
        choose_cpus(temperature);
        *ret_temperature = temperature;
        return 0;
}

void
jk_temperature_close(struct jk_temperature *temperature)
{
        if (!temperature)
                return;

        for (size_t i = 0; i < temperature->n; i++)
                close(temperature->sensors[i].fd);
        free(temperature);
}

/* ---- reading ---- */

void
jk_temperature_begin(struct jk_temperature *temperature)
{
        int64_t now_ns;

        if (temperature->n == 0)
                return;
        now_ns = jk_monotonic_ns();
        if (temperature->read_ns > 0 && now_ns - temperature->read_ns < READ_NS)
                return;

        temperature->read_ns = now_ns;
        for (size_t i = 0; i < temperature->n; i++) {
                struct sensor *sensor = &temperature->sensors[i];
                int64_t mc;

                sensor->is_seen =
                        jk_fd_read_i64(sensor->fd, &mc) == 0 && mc >= LEAST_MC && mc <= MOST_MC;
                if (sensor->is_seen)
                        sensor->mc = (int32_t)mc;
        }
}

bool
jk_temperature_of(const struct jk_temperature *temperature, uint32_t cpu, int32_t *ret_mc)
{
        for (size_t i = 0; i < temperature->n; i++) {
                const struct sensor *sensor = &temperature->sensors[i];

                if (sensor->cpu != cpu || !sensor->is_seen)
                        continue;
                *ret_mc = sensor->mc;
                return true;
        }
        return false;
}
