/* SPDX-License-Identifier: Apache-2.0
 *
 * RAPL by perf: the events of the kernel's `power` PMU (and AMD's `power_core`), counted for the
 * whole machine. The kernel extends the counters to 64 bits, so nothing wraps here. Type, events,
 * scale and the CPUs to count on are read of sys/bus/event_source/devices:
 * Documentation/ABI/testing/sysfs-bus-event_source-devices-events, arch/x86/events/rapl.c.
 *
 * A zone is the sum of one or more sources, each an event on one CPU. When that CPU goes offline
 * the kernel names another one of the same package in `cpumask`, and the source continues there.
 */
#include "meter/perf.h"

#include <linux/perf_event.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "meter/filtering.h"
#include "meter/rapl.h"

#define DEVICES "sys/bus/event_source/devices"

/* Reading a core's own event interrupts that core, even from its sleep. */
#define CORE_INTERVAL_MIN_NS JK_NS_PER_S

enum { POWER, POWER_CORE, N_PMUS };

static const char *const pmu_names[N_PMUS] = { "power", "power_core" };

static const struct {
        int pmu;
        const char *name;
        enum jk_zone_kind kind;
} events[] = {
        { POWER, "energy-pkg", JK_ZONE_PACKAGE }, { POWER, "energy-cores", JK_ZONE_CORE },
        { POWER, "energy-ram", JK_ZONE_DRAM },    { POWER, "energy-gpu", JK_ZONE_UNCORE },
        { POWER, "energy-psys", JK_ZONE_PSYS },   { POWER_CORE, "energy-core", JK_ZONE_CORE },
};

struct pmu {
        uint32_t type;
        int mask_fd;     /* cpumask, or -1: this machine has no such PMU */
        char mask[2048]; /* what it said: "0,28" */
};

struct source {
        int zone;
        int cpu; /* where it counts */
        int package, die;
        int fd;          /* -1: no CPU of its package is online */
        uint64_t before; /* counted on CPUs before this one */
        uint64_t last;   /* by this one */
};

/* What is known of a zone beyond what the set sees. */
struct perf_zone {
        int pmu;
        uint64_t config;
        long double uj_per_count;
        struct jk_meter_counter counter;
};

struct jk_meter {
        const struct jk_root *root;
        struct pmu pmus[N_PMUS];
        bool amd, filtered;
        struct jk_meter_zone *zones;
        struct perf_zone *facts; /* one per zone */
        size_t n, zones_capacity, facts_capacity;
        struct source *sources;
        size_t n_sources, sources_capacity;
};

/* ---- lists of CPUs ---- */

/* The first CPU after `after` in a list like "0-3,8", or -1. */
static int
next_cpu(const char *list, int after)
{
        int first, last, end;

        while (sscanf(list, "%d%n", &first, &end) == 1) {
                list += end;
                last = first;
                if (*list == '-' && sscanf(list, "-%d%n", &last, &end) == 1)
                        list += end;
                if (last > after)
                        return first > after ? first : after + 1;
                list += *list == ',';
        }

        return -1;
}

static bool
has_cpu(const char *list, int cpu)
{
        return next_cpu(list, cpu - 1) == cpu;
}

static int
topology(const struct jk_root *root, int cpu, const char *what)
{
        char path[128];
        int64_t id;

        snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%d/topology/%s", cpu, what);
        return jk_root_read_i64(root, path, &id) == 0 && id >= 0 ? (int)id : 0;
}

/* ---- events ---- */

static ssize_t
read_event_file(const struct jk_meter *meter, size_t e, const char *suffix, char *buffer,
                size_t size)
{
        char path[128];

        snprintf(path, sizeof path, DEVICES "/%s/events/%s%s", pmu_names[events[e].pmu],
                 events[e].name, suffix);
        return jk_root_read(meter->root, path, buffer, size);
}

/* "event=0x02" in format config:0-7, and the scale that makes joules of counts. */
static bool
describe_event(const struct jk_meter *meter, size_t e, struct perf_zone *ret_facts)
{
        char event[64], scale[64], unit[32];
        unsigned config;
        double joules;

        if (read_event_file(meter, e, "", event, sizeof event) < 0 ||
            read_event_file(meter, e, ".scale", scale, sizeof scale) < 0 ||
            read_event_file(meter, e, ".unit", unit, sizeof unit) < 0)
                return false;

        joules = strtod(scale, NULL);
        if (strcmp(unit, "Joules") != 0 || sscanf(event, "event=%x", &config) != 1 ||
            !(joules > 0) || !isfinite(joules))
                return false;

        *ret_facts = (struct perf_zone){
                .pmu = events[e].pmu,
                .config = config,
                .uj_per_count = strtold(scale, NULL) * 1e6L,
        };
        return true;
}

/* The descriptor of an event on a CPU, or a negative errno. */
static int
count_on(const struct jk_meter *meter, const struct perf_zone *facts, int cpu)
{
        struct perf_event_attr attr = {
                .type = meter->pmus[facts->pmu].type,
                .size = sizeof attr,
                .config = facts->config,
        };
        long fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

        return fd < 0 ? -errno : (int)fd;
}

/* ---- finding zones ---- */

static bool
open_pmu(struct jk_meter *meter, int p)
{
        struct pmu *pmu = &meter->pmus[p];
        char path[128];
        uint64_t type;

        snprintf(path, sizeof path, DEVICES "/%s/type", pmu_names[p]);
        if (jk_root_read_u64(meter->root, path, &type) < 0)
                return false;

        pmu->type = (uint32_t)type;
        snprintf(path, sizeof path, DEVICES "/%s/cpumask", pmu_names[p]);
        pmu->mask_fd = jk_root_open_file(meter->root, path);
        if (pmu->mask_fd < 0)
                return false;

        return jk_fd_read(pmu->mask_fd, pmu->mask, sizeof pmu->mask) > 0;
}

static bool
has_several_dies(const struct jk_meter *meter, int pmu, int package)
{
        const char *mask = meter->pmus[pmu].mask;
        int die = -1;

        for (int cpu = next_cpu(mask, -1); cpu >= 0; cpu = next_cpu(mask, cpu)) {
                int other = topology(meter->root, cpu, "die_id");

                if (topology(meter->root, cpu, "physical_package_id") != package)
                        continue;
                if (die >= 0 && die != other)
                        return true;
                die = other;
        }

        return false;
}

static int
add_zone(struct jk_meter *meter, size_t e, const struct perf_zone *facts, int package, int die)
{
        struct jk_meter_zone zone = { .index = -1 };
        int r;

        r = jk_array_grow(&meter->zones, &meter->zones_capacity, meter->n + 1);
        if (r < 0)
                return r;
        r = jk_array_grow(&meter->facts, &meter->facts_capacity, meter->n + 1);
        if (r < 0)
                return r;

        jk_rapl_zone(&zone.zone, "perf", events[e].kind, package, die, NAN);
        if (meter->filtered)
                jk_rapl_filter(&zone.zone);
        snprintf(zone.zone.path, sizeof zone.zone.path, DEVICES "/%s/events/%s",
                 pmu_names[events[e].pmu], events[e].name);
        meter->zones[meter->n] = zone;
        meter->facts[meter->n] = *facts;
        return (int)meter->n++;
}

/* The zone of an event for a package and die, made if it is not there: its position, or -ENOMEM. */
static int
zone_for(struct jk_meter *meter, size_t e, const struct perf_zone *facts, int package, int die)
{
        struct jk_zone wanted;

        jk_rapl_zone(&wanted, "perf", events[e].kind, package, die, NAN);
        for (size_t z = 0; z < meter->n; z++)
                if (strcmp(meter->zones[z].zone.name, wanted.name) == 0)
                        return (int)z;

        return add_zone(meter, e, facts, package, die);
}

static bool
has_source(const struct jk_meter *meter, int zone, int package)
{
        for (size_t i = 0; i < meter->n_sources; i++)
                if (meter->sources[i].zone == zone && meter->sources[i].package == package)
                        return true;

        return false;
}

/* Whether a CPU's event is the same counter as that of another CPU of its zone: all dies of an AMD
 * package show the package's; psys is one per package, and 0 on all but one. */
static bool
is_repeated(const struct jk_meter *meter, int zone, int package)
{
        return meter->facts[zone].pmu == POWER && has_source(meter, zone, package);
}

static int
add_source(struct jk_meter *meter, size_t e, const struct perf_zone *facts, int cpu)
{
        struct source source = {
                .cpu = cpu,
                .package = topology(meter->root, cpu, "physical_package_id"),
                .die = -1,
        };
        int r;

        if (events[e].pmu == POWER && !meter->amd &&
            has_several_dies(meter, events[e].pmu, source.package))
                source.die = topology(meter->root, cpu, "die_id");

        source.fd = count_on(meter, facts, cpu);
        if (source.fd < 0)
                return source.fd;

        source.zone = r = zone_for(meter, e, facts, source.package, source.die);
        if (r >= 0 && is_repeated(meter, source.zone, source.package)) {
                close(source.fd);
                return 0;
        }
        if (r >= 0)
                r = jk_array_grow(&meter->sources, &meter->sources_capacity, meter->n_sources + 1);
        if (r < 0) {
                close(source.fd);
                return r;
        }

        meter->sources[meter->n_sources++] = source;
        return 0;
}

/* 0, -EACCES or -ENOMEM; an event that the kernel names but does not count is passed over. */
static int
add_event(struct jk_meter *meter, size_t e)
{
        const char *mask = meter->pmus[events[e].pmu].mask;
        struct perf_zone facts;

        if (!describe_event(meter, e, &facts))
                return 0;

        for (int cpu = next_cpu(mask, -1); cpu >= 0; cpu = next_cpu(mask, cpu)) {
                int r = add_source(meter, e, &facts, cpu);

                if (r == -EPERM)
                        r = -EACCES;
                if (r == -EACCES || r == -ENOMEM)
                        return r;
        }

        return 0;
}

static int
find_zones(struct jk_meter *meter, int64_t interval_ns, struct jk_error *err)
{
        bool any = false;

        for (int p = 0; p < N_PMUS; p++)
                if (p != POWER_CORE || interval_ns >= CORE_INTERVAL_MIN_NS)
                        any |= open_pmu(meter, p);
        if (!any)
                return jk_fail(err, ENODEV,
                               "perf: no power PMU in " DEVICES
                               "; the kernel module rapl makes it, where the processor counts "
                               "energy");

        for (size_t e = 0; e < JK_COUNT(events); e++) {
                int r = meter->pmus[events[e].pmu].mask_fd < 0 ? 0 : add_event(meter, e);

                if (r == -EACCES)
                        return jk_fail(err, r,
                                       "perf: counting %s for the whole machine: permission "
                                       "denied; run as root, grant CAP_PERFMON, or set "
                                       "kernel.perf_event_paranoid to 0",
                                       events[e].name);
                if (r < 0)
                        return jk_fail(err, r, "perf: %s: %m", events[e].name);
        }
        if (meter->n == 0)
                return jk_fail(err, ENODEV,
                               "perf: the power PMU in " DEVICES
                               " has no event of energy, as in most virtual machines");

        return 0;
}

static void
perf_close(struct jk_meter *meter)
{
        for (size_t i = 0; i < meter->n_sources; i++)
                jk_cleanup_close(&meter->sources[i].fd);
        for (int p = 0; p < N_PMUS; p++)
                jk_cleanup_close(&meter->pmus[p].mask_fd);
        free(meter->sources);
        free(meter->zones);
        free(meter->facts);
        free(meter);
}

int
jk_meter_perf_open_below(const struct jk_meter_env *env, struct jk_meter **ret_meter,
                         struct jk_error *err)
{
        struct jk_meter *meter = calloc(1, sizeof *meter);
        int r;

        if (!meter)
                return jk_fail(err, ENOMEM, "perf: out of memory");

        meter->root = env->root;
        meter->amd = jk_rapl_is_amd(env->root);
        meter->filtered = jk_filtering_is_on(jk_filtering_find(env->root));
        for (int p = 0; p < N_PMUS; p++)
                meter->pmus[p].mask_fd = -1;

        r = find_zones(meter, env->interval_ns, err);
        if (r < 0) {
                perf_close(meter);
                return r;
        }

        *ret_meter = meter;
        return 0;
}

static int
perf_open(const struct jk_meter_env *env, struct jk_meter **ret_meter, struct jk_error *err)
{
        if (!jk_root_is_host(env->root))
                return jk_fail(err, ENODEV, "perf: counts on this machine only, and the root is %s",
                               env->root->path);

        return jk_meter_perf_open_below(env, ret_meter, err);
}

static size_t
perf_zones(struct jk_meter *meter, struct jk_meter_zone **ret_zones)
{
        *ret_zones = meter->zones;
        return meter->n;
}

/* ---- reading ---- */

/* 0 bytes are the kernel's way to say that the event has stopped for good: it is opened anew. */
static int
read_source(struct source *source)
{
        uint64_t value;
        ssize_t n;

        if (source->fd < 0)
                return -ENXIO;

        n = read(source->fd, &value, sizeof value);
        if (n != (ssize_t)sizeof value)
                return n < 0 ? -errno : -ENODEV;

        source->last = value;
        return 0;
}

/* Whether a source can count on that CPU: an AMD core's on its own only. */
static bool
fits(const struct jk_meter *meter, const struct source *source, int cpu)
{
        if (meter->facts[source->zone].pmu == POWER_CORE)
                return cpu == source->cpu;

        return topology(meter->root, cpu, "physical_package_id") == source->package &&
               (source->die < 0 || topology(meter->root, cpu, "die_id") == source->die);
}

/* Go on counting on a CPU that is online, from where this one is. */
static void
move_source(struct jk_meter *meter, struct source *source)
{
        const struct perf_zone *facts = &meter->facts[source->zone];
        const char *mask = meter->pmus[facts->pmu].mask;

        read_source(source); /* the kernel takes the count along, or it is as it was */
        source->before += source->last;
        source->last = 0;
        jk_cleanup_close(&source->fd);
        source->fd = -1;

        for (int cpu = next_cpu(mask, -1); cpu >= 0; cpu = next_cpu(mask, cpu)) {
                if (!fits(meter, source, cpu))
                        continue;
                source->fd = count_on(meter, facts, cpu);
                if (source->fd < 0)
                        continue;
                source->cpu = cpu;
                return;
        }
}

/* An AMD core that has gone counts nothing meanwhile, and is counted anew when it comes back. */
static bool
must_move(const struct jk_meter *meter, const struct source *source, const char *old_mask)
{
        int pmu = meter->facts[source->zone].pmu;
        bool present = has_cpu(meter->pmus[pmu].mask, source->cpu);

        if (pmu == POWER_CORE)
                return present && (source->fd < 0 || !has_cpu(old_mask, source->cpu));

        return !present || source->fd < 0;
}

/* CPUs come and go: the mask is compared as text, which is cheaper than to watch for events. */
static void
follow_cpus(struct jk_meter *meter, int p)
{
        struct pmu *pmu = &meter->pmus[p];
        char mask[sizeof pmu->mask], old_mask[sizeof pmu->mask];

        if (pmu->mask_fd < 0 || jk_fd_read(pmu->mask_fd, mask, sizeof mask) < 0 ||
            strcmp(mask, pmu->mask) == 0)
                return;

        memcpy(old_mask, pmu->mask, sizeof mask);
        memcpy(pmu->mask, mask, sizeof mask);
        for (size_t i = 0; i < meter->n_sources; i++)
                if (meter->facts[meter->sources[i].zone].pmu == p &&
                    must_move(meter, &meter->sources[i], old_mask))
                        move_source(meter, &meter->sources[i]);
}

static int
read_zone(struct jk_meter *meter, size_t z, uint64_t *ret_uj)
{
        uint64_t counts = 0;

        for (size_t i = 0; i < meter->n_sources; i++) {
                struct source *source = &meter->sources[i];
                int r;

                if (source->zone != (int)z)
                        continue;
                r = read_source(source);
                if (r < 0 && meter->facts[z].pmu == POWER)
                        return r;
                counts += source->before + source->last;
        }

        *ret_uj = (uint64_t)((long double)counts * meter->facts[z].uj_per_count);
        return 0;
}

static int
perf_read(struct jk_meter *meter, struct jk_sample *sample, struct jk_error *err)
{
        int result = 0;

        for (int p = 0; p < N_PMUS; p++)
                follow_cpus(meter, p);

        for (size_t z = 0; z < meter->n; z++) {
                struct jk_meter_zone *zone = &meter->zones[z];
                uint64_t now_uj;
                int r;

                if (zone->index < 0) {
                        meter->facts[z].counter = (struct jk_meter_counter){ 0 };
                        continue;
                }
                r = read_zone(meter, z, &now_uj);
                if (r < 0) {
                        result = jk_fail(err, r, "perf: cannot read %s (zone %s): %m",
                                         zone->zone.path, zone->zone.name);
                        continue;
                }
                jk_meter_count(&meter->facts[z].counter, &zone->zone, now_uj, sample,
                               &sample->readings[zone->index]);
        }

        return result;
}

const struct jk_meter_ops jk_meter_perf = {
        .name = "perf",
        .summary = "RAPL counters of packages, cores, memory and platform, by perf",
        .proven_by = &jk_meter_powercap,
        .open = perf_open,
        .zones = perf_zones,
        .read = perf_read,
        .close = perf_close,
};
