/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples to HWPC reports: see export.h. What a sample does not tell is made up so that sums and
 * ratios stay what they are, as these are all that formulas use:
 *
 * - What was counted of a socket stands with the first of its CPUs.
 * - Of several packages, each has that part of what a task counted everywhere that it has of its
 * CPU time, or an equal one where that is not told; and an equal part of the CPUs, all of which run
 * at the machine's mean frequency.
 * - MPERF is the time that a CPU was busy, times a base frequency; APERF the same times its own.
 */
#include "hwpc/export.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "hwpc/targets.h"

#define ENERGY_BITS 32 /* a count is 2^-32 J */
#define UJ_PER_J    1000000

enum { TSC, APERF, MPERF, CLOCKS };

static const char *const clock_events[CLOCKS] = { "TSC", "APERF", "MPERF" };

/* The events of RAPL, by the kind of zone. */
static const struct {
        enum jk_zone_kind kind;
        const char *event;
} energy_events[] = {
        { JK_ZONE_PACKAGE, "RAPL_ENERGY_PKG" }, { JK_ZONE_CORE, "RAPL_ENERGY_CORES" },
        { JK_ZONE_DRAM, "RAPL_ENERGY_DRAM" },   { JK_ZONE_UNCORE, "RAPL_ENERGY_GPU" },
        { JK_ZONE_PSYS, "RAPL_ENERGY_PSYS" },
};

enum group { GROUP_RAPL, GROUP_MSR, GROUP_CORE, GROUP_SOFTWARE, GROUPS };

static const char *const group_names[GROUPS] = {
        [GROUP_RAPL] = "rapl",
        [GROUP_MSR] = "msr",
        [GROUP_CORE] = "core",
        [GROUP_SOFTWARE] = "software",
};

struct jk_hwpc_export {
        struct jk_hwpc_names *names;
        struct jk_text sensor;
        struct jk_hwpc_report report;
        uint32_t groups[GROUPS], time_enabled, time_running;
        uint32_t energy[JK_COUNT(energy_events)], clocks[CLOCKS];

        struct jk_hwpc_targets targets;
        int64_t last_ms;
        bool has_energy;

        /* What was in a zone ever, exactly, and what was told of it: rounding never adds up. */
        struct {
                unsigned __int128 energy_uj, counts;
        } told[JK_ZONES_MAX];

        /* the tick */
        const struct jk_sample *sample;
        uint32_t n_sockets;
        uint32_t *cpus; /* their numbers, in order */
        size_t n_cpus, cpus_capacity;
        struct jk_error *err;
};

/* ---- names ---- */

static int
name_all(struct jk_hwpc_export *export)
{
        struct {
                const char *name;
                uint32_t *ret_id;
        } rows[GROUPS + JK_COUNT(energy_events) + CLOCKS + 2] = {
                { "time_enabled", &export->time_enabled },
                { "time_running", &export->time_running },
        };
        size_t n = 2;

        for (size_t i = 0; i < GROUPS; i++, n++) {
                rows[n].name = group_names[i];
                rows[n].ret_id = &export->groups[i];
        }
        for (size_t i = 0; i < JK_COUNT(energy_events); i++, n++) {
                rows[n].name = energy_events[i].event;
                rows[n].ret_id = &export->energy[i];
        }
        for (size_t i = 0; i < CLOCKS; i++, n++) {
                rows[n].name = clock_events[i];
                rows[n].ret_id = &export->clocks[i];
        }
        for (size_t i = 0; i < n; i++) {
                int id = jk_hwpc_names_id(export->names, rows[i].name);

                if (id < 0)
                        return id;
                *rows[i].ret_id = (uint32_t)id;
        }
        return 0;
}

int
jk_hwpc_export_open(const char *sensor, struct jk_hwpc_names *names,
                    struct jk_hwpc_export **ret_export, struct jk_error *err)
{
        struct jk_hwpc_export *export = calloc(1, sizeof *export);

        if (!export)
                return jk_fail(err, ENOMEM, "out of memory");
        export->names = names;
        export->last_ms = -1;
        jk_text_escaped(&export->sensor, sensor);
        if (export->sensor.failed || name_all(export) < 0) {
                jk_hwpc_export_close(export);
                return jk_fail(err, ENOMEM, "out of memory");
        }
        *ret_export = export;
        return 0;
}

void
jk_hwpc_export_close(struct jk_hwpc_export *export)
{
        if (!export)
                return;
        jk_hwpc_targets_free(&export->targets);
        jk_hwpc_report_free(&export->report);
        jk_text_free(&export->sensor);
        free(export->cpus);
        free(export);
}

bool
jk_hwpc_export_has_energy(const struct jk_hwpc_export *export)
{
        return export->has_energy;
}

/* ---- rows ---- */

static int __attribute__((cold))
refuse(const struct jk_hwpc_export *export, int r, const char *name)
{
        if (r == -ENOMEM)
                return jk_fail(export->err, ENOMEM, "out of memory");
        return jk_fail(export->err, r, "tick %llu: %.200s: %s",
                       (unsigned long long)export->sample->sequence, name,
                       r == -ERANGE ? "no counter of a sensor can show so much"
                                    : "no report can have that");
}

/* The CPU that what is counted of a socket stands with. */
static uint32_t
first_cpu(const struct jk_hwpc_export *export, uint32_t socket)
{
        size_t n = export->n_cpus, sockets = export->n_sockets;

        return n < sockets ? socket : export->cpus[(socket * n + sockets - 1) / sockets];
}

static int
begin_row(struct jk_hwpc_export *export, enum group group, uint32_t socket, uint32_t cpu)
{
        int r = jk_hwpc_report_add_row(&export->report, export->groups[group], socket, cpu);

        return r < 0 ? refuse(export, r, group_names[group]) : 0;
}

static int
add_value(struct jk_hwpc_export *export, uint32_t event, uint64_t count)
{
        int r = jk_hwpc_report_add_value(&export->report, event, count);

        return r < 0 ? refuse(export, r, export->names->names[event]) : 0;
}

/* A row is enabled and running all the time that it spans. */
static int
end_row(struct jk_hwpc_export *export, int64_t elapsed_ns)
{
        int r = add_value(export, export->time_enabled, (uint64_t)elapsed_ns);

        return r < 0 ? r : add_value(export, export->time_running, (uint64_t)elapsed_ns);
}

static uint64_t
add_up(uint64_t a, uint64_t b)
{
        uint64_t sum;

        return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* A socket's part of what was counted of all, where nothing tells which. */
static uint64_t
part_of(const struct jk_hwpc_export *export, uint64_t count, uint32_t socket)
{
        return count / export->n_sockets + (socket < count % export->n_sockets);
}

/* ---- energy ---- */

/* The index of a zone's event, or JK_COUNT(energy_events). */
static size_t
event_of(const struct jk_zone *zone)
{
        size_t i = 0;

        while (i < JK_COUNT(energy_events) && energy_events[i].kind != zone->kind)
                i++;
        return i;
}

static uint32_t
socket_of(const struct jk_zone *zone)
{
        return zone->package > 0 ? (uint32_t)zone->package : 0;
}

/* Counts of a zone's energy, those of the part of a count that was left over included; so that
 * rounded down to microjoules it is again what it was. */
static uint64_t
count_energy(struct jk_hwpc_export *export, size_t zone)
{
        unsigned __int128 counts, was = export->told[zone].counts;

        export->told[zone].energy_uj += (uint64_t) export->sample->readings[zone].energy_uj;
        counts = ((export->told[zone].energy_uj << ENERGY_BITS) + UJ_PER_J - 1) / UJ_PER_J;
        export->told[zone].counts = counts;
        return counts - was > UINT64_MAX ? UINT64_MAX : (uint64_t)(counts - was);
}

struct energies {
        uint64_t counts[JK_COUNT(energy_events)];
        bool seen[JK_COUNT(energy_events)];
        int64_t elapsed_ns; /* 0: nothing was read */
};

/* Dies of a package that are read apart are added up. */
static void
gather_energy(struct jk_hwpc_export *export, uint32_t socket, struct energies *energies)
{
        const struct jk_sample *sample = export->sample;

        for (size_t i = 0; i < sample->zones->count; i++) {
                const struct jk_zone *zone = &sample->zones->zones[i];
                const struct jk_zone_reading *reading = &sample->readings[i];
                size_t event = event_of(zone);

                if (event == JK_COUNT(energy_events) || socket_of(zone) != socket ||
                    !(reading->flags & JK_READING_SEEN) || reading->energy_uj < 0)
                        continue;
                energies->counts[event] = add_up(energies->counts[event], count_energy(export, i));
                energies->seen[event] = true;
                if (reading->elapsed_ns > energies->elapsed_ns)
                        energies->elapsed_ns = reading->elapsed_ns;
        }
}

static int
add_energy(struct jk_hwpc_export *export, uint32_t socket)
{
        struct energies energies = { { 0 }, { false }, 0 };
        int r;

        gather_energy(export, socket, &energies);
        if (energies.elapsed_ns == 0)
                return 0;
        export->has_energy = true;
        r = begin_row(export, GROUP_RAPL, socket, first_cpu(export, socket));
        for (size_t i = 0; r == 0 && i < JK_COUNT(energy_events); i++)
                if (energies.seen[i])
                        r = add_value(export, export->energy[i], energies.counts[i]);
        return r < 0 ? r : end_row(export, energies.elapsed_ns);
}

/* ---- clocks ---- */

struct clocks {
        double busy_s, frequency_hz;
};

static bool
is_clocked(const struct jk_cpu_reading *cpu)
{
        return cpu->online && cpu->frequency_seen;
}

/* Where it is not known who was busy, all were, all the time. */
static double
busy_s(const struct jk_hwpc_export *export, const struct jk_cpu_reading *cpu, bool known)
{
        return (double)(known ? (int64_t)cpu->busy_ns : export->sample->elapsed_ns) / 1e9;
}

/* The mean of all CPUs, the frequency's by how busy each was. */
static struct clocks
mean_clocks(const struct jk_hwpc_export *export, bool known)
{
        struct clocks mean = { 0 };
        size_t n = 0;

        for (size_t i = 0; i < export->sample->n_cpus; i++) {
                const struct jk_cpu_reading *cpu = &export->sample->cpus[i];

                if (!is_clocked(cpu))
                        continue;
                mean.busy_s += busy_s(export, cpu, known);
                mean.frequency_hz += busy_s(export, cpu, known) * cpu->frequency_khz * 1e3;
                n++;
        }
        if (mean.busy_s > 0)
                mean.frequency_hz /= mean.busy_s;
        if (n > 0)
                mean.busy_s /= (double)n;
        return mean;
}

static int
add_clock_row(struct jk_hwpc_export *export, uint32_t socket, uint32_t cpu,
              const struct clocks *clocks)
{
        const double base_hz = JK_HWPC_EXPORT_BASE_MHZ * 1e6;
        const double counts[CLOCKS] = {
                [TSC] = base_hz * (double)export->sample->elapsed_ns / 1e9,
                [APERF] = clocks->frequency_hz * clocks->busy_s,
                [MPERF] = base_hz * clocks->busy_s,
        };
        int r = begin_row(export, GROUP_MSR, socket, cpu);

        for (size_t i = 0; r == 0 && i < CLOCKS; i++)
                r = add_value(export, export->clocks[i],
                              counts[i] < (double)UINT64_MAX ? (uint64_t)(counts[i] + 0.5)
                                                             : UINT64_MAX);
        return r < 0 ? r : end_row(export, export->sample->elapsed_ns);
}

static int
add_clocks(struct jk_hwpc_export *export)
{
        const struct jk_sample *sample = export->sample;
        struct clocks mean;
        bool known = false;
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < sample->n_cpus; i++)
                known |= is_clocked(&sample->cpus[i]) && sample->cpus[i].busy_ns > 0;
        mean = mean_clocks(export, known);
        for (size_t i = 0; r == 0 && i < sample->n_cpus; i++) {
                const struct jk_cpu_reading *cpu = &sample->cpus[i];
                struct clocks own = { busy_s(export, cpu, known), cpu->frequency_khz * 1e3 };

                if (is_clocked(cpu))
                        r = add_clock_row(export,
                                          (uint32_t)(n * export->n_sockets / export->n_cpus),
                                          cpu->cpu, export->n_sockets > 1 ? &mean : &own);
                n += cpu->online;
        }
        return r;
}

/* ---- what was counted ---- */

static int
add_counts_of(struct jk_hwpc_export *export, enum group group, const struct jk_hwpc_counts *counts,
              uint32_t socket)
{
        const struct jk_hwpc_columns *columns = &export->targets.columns;
        bool is_open = false;
        int r = 0;

        for (size_t i = 0; r == 0 && i < columns->count; i++) {
                const struct jk_hwpc_column *column = &columns->columns[i];
                bool own = column->package >= 0;
                int event;

                if (column->is_software != (group == GROUP_SOFTWARE) ||
                    (own && column->package != (int)socket))
                        continue;
                event = jk_hwpc_names_id(export->names, column->event);
                if (event < 0)
                        return refuse(export, event, column->event);
                if (!is_open)
                        r = begin_row(export, group, socket, first_cpu(export, socket));
                is_open = true;
                if (r == 0)
                        r = add_value(export, (uint32_t)event,
                                      own ? counts->counts[i]
                                          : part_of(export, counts->counts[i], socket));
        }
        return r < 0 || !is_open ? r : end_row(export, export->sample->elapsed_ns);
}

static int
add_counts(struct jk_hwpc_export *export, const struct jk_hwpc_counts *counts)
{
        int r = 0;

        for (enum group group = GROUP_CORE; group < GROUPS; group++)
                for (uint32_t socket = 0; r == 0 && socket < export->n_sockets; socket++)
                        r = add_counts_of(export, group, counts, socket);
        return r;
}

/* ---- reports ---- */

static int
begin_report(struct jk_hwpc_export *export, const char *target)
{
        int r = jk_hwpc_report_begin(&export->report, export->last_ms, export->sensor.data, target);

        return r < 0 ? refuse(export, r, target) : 0;
}

static int
make_of_machine(struct jk_hwpc_export *export)
{
        int r = begin_report(export, "all");

        for (uint32_t socket = 0; r == 0 && socket < export->n_sockets; socket++)
                r = add_energy(export, socket);
        if (r == 0)
                r = add_clocks(export);
        if (r == 0 && export->targets.n_listed > 0)
                r = add_counts(export, &export->targets.all);
        return r;
}

/* How many sockets there are, as far as zones and events tell. */
static uint32_t
count_sockets(const struct jk_sample *sample)
{
        uint32_t last = 0;

        for (size_t i = 0; i < sample->zones->count; i++) {
                const struct jk_zone *zone = &sample->zones->zones[i];

                if (event_of(zone) < JK_COUNT(energy_events) && socket_of(zone) > last)
                        last = socket_of(zone);
        }
        for (size_t i = 0; i < jk_sample_n_events(sample); i++)
                if (sample->events->events[i].package > (int)last)
                        last = (uint32_t)sample->events->events[i].package;
        return last + 1;
}

static void
list_cpus(struct jk_hwpc_export *export)
{
        const struct jk_sample *sample = export->sample;

        export->n_cpus = 0;
        for (size_t i = 0; i < sample->n_cpus; i++)
                if (sample->cpus[i].online)
                        export->cpus[export->n_cpus++] = sample->cpus[i].cpu;
}

/* A sensor's clock has milliseconds, and no two times are the same. */
static int
begin_tick(struct jk_hwpc_export *export, const struct jk_sample *sample)
{
        int64_t now_ms = sample->time.realtime_ns / 1000000;

        export->sample = sample;
        export->last_ms = now_ms > export->last_ms ? now_ms : export->last_ms + 1;
        if (jk_array_grow(&export->cpus, &export->cpus_capacity, sample->n_cpus) < 0)
                return refuse(export, -ENOMEM, "");
        list_cpus(export);
        export->n_sockets = count_sockets(sample);
        return export->n_sockets > JK_HWPC_SOCKET_MAX + 1 ? refuse(export, -EINVAL, "package") : 0;
}

static int
make_all(struct jk_hwpc_export *export, jk_hwpc_take *take, void *data)
{
        int r = make_of_machine(export);

        if (r == 0 && export->report.n_rows > 0)
                r = take(data, &export->report, export->err);
        for (size_t i = 0; r == 0 && i < export->targets.n_listed; i++) {
                const struct jk_hwpc_counts *counts = jk_hwpc_targets_at(&export->targets, i);

                r = begin_report(export, counts->name);
                if (r == 0)
                        r = add_counts(export, counts);
                if (r == 0 && export->report.n_rows > 0)
                        r = take(data, &export->report, export->err);
        }
        return r;
}

int
jk_hwpc_export_sample(struct jk_hwpc_export *export, const struct jk_sample *sample,
                      jk_hwpc_take *take, void *data, struct jk_error *err)
{
        int r;

        export->err = err;
        r = jk_hwpc_targets_take(&export->targets, sample);
        if (r < 0)
                return jk_fail(err, r, "out of memory");
        if (!(sample->flags & JK_SAMPLE_FIRST) && sample->elapsed_ns > 0) {
                r = begin_tick(export, sample);
                if (r == 0)
                        r = make_all(export, take, data);
        }
        jk_hwpc_targets_forget(&export->targets, sample);
        return r;
}
