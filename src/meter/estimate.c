/* SPDX-License-Identifier: Apache-2.0
 *
 * The estimate, where nothing measures the CPU (most virtual machines): package power from a table
 * of architectures and the CPUs' utilisation. Its zones are marked modelled and carry the error bar
 * of the table, which is wide: docs/estimate.md says how wide, and why.
 *
 * Power is per hardware thread, so a guest that sees 2 of 64 threads is given 2/64 of the
 * processor, idle and busy, and the scale follows when CPUs come and go. There is no zone for
 * memory: what DRAM draws depends on its traffic and size, and utilisation tells neither.
 */
#include "meter/meter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "meter/cpu-model.h"

#define PACKAGES_MAX 16
/* proc/stat counts in ticks of 10 ms: in less than two of them it may not have moved at all, and
 * the CPUs are taken to be as busy as before. */
#define CLOCK_TICKS_NS (20 * JK_NS_PER_MS)
#define CPUS_MAX       1024 /* those beyond count towards package 0 */

struct jk_meter {
        const struct jk_cpu_row *row;
        double threads_each;
        struct jk_meter_zone zones[PACKAGES_MAX];
        size_t n_zones;
        uint8_t zone_of[CPUS_MAX]; /* by CPU number */

        /* by zone */
        double carry[PACKAGES_MAX];
        bool begun[PACKAGES_MAX];
        double utilisation[PACKAGES_MAX]; /* the latest; NaN: none yet */
};

/* ---- open ---- */

/* The zone of a physical package, made at the first CPU in it. Packages beyond the room for them
 * share the last one. */
static uint8_t
zone_of_package(struct jk_meter *meter, int64_t package)
{
        for (size_t i = 0; i < meter->n_zones; i++)
                if (meter->zones[i].zone.package == package)
                        return (uint8_t)i;

        if (meter->n_zones == PACKAGES_MAX)
                return PACKAGES_MAX - 1;
        meter->zones[meter->n_zones].zone.package = (int)package;
        return (uint8_t)meter->n_zones++;
}

/* CPUs per zone. A guest's sockets are its hypervisor's invention (some give every CPU one of its
 * own): there all CPUs are package 0. */
static void
map_packages(struct jk_meter *meter, const struct jk_root *root, bool guest)
{
        for (size_t cpu = 0; cpu < CPUS_MAX && !guest; cpu++) {
                char path[96];
                int64_t package;

                snprintf(path, sizeof path,
                         "sys/devices/system/cpu/cpu%zu/topology/physical_package_id", cpu);
                /* -1: no such thing as packages (some ARM machines); absent: no such CPU now. */
                if (jk_root_read_i64(root, path, &package) == 0 && package >= 0 &&
                    package <= INT16_MAX)
                        meter->zone_of[cpu] = zone_of_package(meter, package);
        }

        if (meter->n_zones == 0)
                zone_of_package(meter, 0);
}

static void
describe_zones(struct jk_meter *meter, const struct jk_cpu_identity *identity)
{
        double threads = identity->n_cpus * meter->threads_each / (double)meter->n_zones;

        for (size_t i = 0; i < meter->n_zones; i++) {
                struct jk_zone *zone = &meter->zones[i].zone;
                int package = zone->package;

                *zone = (struct jk_zone){
                        .source = "estimate",
                        .kind = JK_ZONE_PACKAGE,
                        .provenance = JK_MODELLED,
                        .parent = -1,
                        .package = package,
                        .uncertainty_pct = meter->row->uncertainty_pct,
                        .idle_w = meter->row->idle_w * threads,
                        .limit_w = NAN,
                        .max_w = NAN,
                };
                snprintf(zone->name, sizeof zone->name, "package-%d", package);
                snprintf(zone->path, sizeof zone->path,
                         "proc/stat and the table's row %s: %.2f to %.2f W per thread, %d CPUs",
                         meter->row->name, meter->row->idle_w, meter->row->max_w, identity->n_cpus);
                meter->zones[i].index = -1;
        }
}

static int
estimate_open(const struct jk_meter_env *env, struct jk_meter **ret_meter, struct jk_error *err)
{
        jk_autofree struct jk_meter *meter = NULL;
        struct jk_cpu_identity identity;
        int r;

        r = jk_cpu_identify(env->root, &identity, err);
        if (r < 0)
                return r;
        if (identity.n_cpus == 0)
                return jk_fail(err, ENODEV, "estimate: proc/cpuinfo lists no processor");

        meter = calloc(1, sizeof *meter);
        if (!meter)
                return jk_fail(err, ENOMEM, "estimate: out of memory");

        meter->row = jk_cpu_find(&identity);
        meter->threads_each = jk_cpu_threads_each(meter->row, &identity);
        map_packages(meter, env->root, identity.hypervisor);
        describe_zones(meter, &identity);
        *ret_meter = jk_steal(meter);
        return 0;
}

static size_t
estimate_zones(struct jk_meter *meter, struct jk_meter_zone **ret_zones)
{
        *ret_zones = meter->zones;
        return meter->n_zones;
}

/* ---- read ---- */

struct load {
        double busy_ns;
        double total_ns;
        int n_cpus; /* online, and seen in this tick */
};

/* Time stolen by other guests is time in which this one drew nothing but its idle share. */
static void
add_loads(const struct jk_meter *meter, const struct jk_sample *sample, struct load *loads)
{
        for (size_t i = 0; i < sample->n_cpus; i++) {
                const struct jk_cpu_reading *cpu = &sample->cpus[i];
                struct load *load = &loads[cpu->cpu < CPUS_MAX ? meter->zone_of[cpu->cpu] : 0];
                double busy_ns =
                        (double)cpu->busy_ns + (double)cpu->irq_ns + (double)cpu->softirq_ns;

                if (!cpu->online)
                        continue;
                load->busy_ns += busy_ns;
                load->total_ns += busy_ns + (double)cpu->idle_ns + (double)cpu->steal_ns;
                load->n_cpus++;
        }
}

static struct jk_zone_reading
read_zone(struct jk_meter *meter, size_t i, const struct load *load, int64_t elapsed_ns)
{
        struct jk_zone_reading reading = { 0 };
        double power_w;

        if (!meter->begun[i] || elapsed_ns <= 0) {
                meter->begun[i] = true;
                meter->utilisation[i] = NAN;
                reading.flags = JK_READING_REBASED;
                return reading;
        }
        if (load->total_ns > 0)
                meter->utilisation[i] = load->busy_ns / load->total_ns;
        else if (elapsed_ns > CLOCK_TICKS_NS || isnan(meter->utilisation[i]))
                return reading; /* no time was counted: how busy they were is not known */

        power_w = jk_cpu_power_w(meter->row, meter->utilisation[i]) * load->n_cpus *
                  meter->threads_each;
        reading.energy_uj = jk_energy_uj(power_w, elapsed_ns, &meter->carry[i]);
        reading.elapsed_ns = elapsed_ns;
        reading.flags = JK_READING_SEEN;
        return reading;
}

static int
estimate_read(struct jk_meter *meter, struct jk_sample *sample, struct jk_error *err)
{
        struct load loads[PACKAGES_MAX] = { 0 };

        if (!(sample->flags & JK_SAMPLE_CPUS))
                return jk_fail(err, ENODATA,
                               "estimate: the CPUs' utilisation was not read (proc/stat)");

        add_loads(meter, sample, loads);
        for (size_t i = 0; i < meter->n_zones; i++) {
                int index = meter->zones[i].index;

                if (index >= 0)
                        sample->readings[index] =
                                read_zone(meter, i, &loads[i], sample->elapsed_ns);
                else
                        meter->begun[i] = false;
        }

        return 0;
}

static void
estimate_close(struct jk_meter *meter)
{
        free(meter);
}

const struct jk_meter_ops jk_meter_estimate = {
        .name = "estimate",
        .summary = "package power by a table of CPU architectures and utilisation; wide error bars",
        .open = estimate_open,
        .zones = estimate_zones,
        .read = estimate_read,
        .close = estimate_close,
};
