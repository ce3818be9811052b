/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports of PowerAPI's HWPC sensor: see hwpc.h.
 */
#include "import/hwpc-internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "import/number.h"

#define MICROJOULES 1e6
#define RAPL_BITS   (-32) /* a count is 2^-32 J on every CPU */

static const struct {
        const char *event, *zone;
        bool numbered;
} zone_events[] = {
        { "RAPL_ENERGY_PKG", "package", true }, { "RAPL_ENERGY_CORES", "core", true },
        { "RAPL_ENERGY_DRAM", "dram", true },   { "RAPL_ENERGY_GPU", "uncore", true },
        { "RAPL_ENERGY_PSYS", "psys", false },
};

static const struct {
        const char *event;
        enum jk_feature feature;
} feature_events[] = {
        { "CPU_CLK_THREAD_UNHALTED:THREAD_P", JK_FEATURE_CYCLES },
        { "CPU_CLK_UNHALTED:THREAD_P", JK_FEATURE_CYCLES },
        { "UNHALTED_CORE_CYCLES", JK_FEATURE_CYCLES },
        { "CYCLES_NOT_IN_HALT", JK_FEATURE_CYCLES },
        { "CPU_CYCLES", JK_FEATURE_CYCLES },
        { "INSTRUCTIONS_RETIRED", JK_FEATURE_INSTRUCTIONS },
        { "INSTRUCTION_RETIRED", JK_FEATURE_INSTRUCTIONS },
        { "RETIRED_INSTRUCTIONS", JK_FEATURE_INSTRUCTIONS },
        { "INST_RETIRED", JK_FEATURE_INSTRUCTIONS },
        { "LLC_MISSES", JK_FEATURE_LLC_MISSES },
        { "PERF_COUNT_SW_TASK_CLOCK", JK_FEATURE_CPU },
};

static const char *const clock_events[CLOCKS] = { "APERF", "MPERF", "TSC" };

int
jk_hwpc_import_open(struct jk_observations *seen, struct jk_hwpc_names *names,
                    struct jk_hwpc_import **ret_import, struct jk_error *err)
{
        struct jk_hwpc_import *import = calloc(1, sizeof *import);

        if (!import)
                return jk_fail(err, ENOMEM, "out of memory");
        import->seen = seen;
        import->names = names;
        *ret_import = import;
        return 0;
}

void
jk_hwpc_import_close(struct jk_hwpc_import *import)
{
        if (!import)
                return;
        jk_hwpc_report_free(&import->report);
        jk_text_free(&import->sensor);
        jk_map_free(&import->cpus);
        jk_map_free(&import->by_counter);
        jk_map_free(&import->group_of);
        jk_map_free(&import->series_of);
        free(import->entries);
        free(import->counters);
        free(import->spans);
        free(import);
}

static int
no_memory(struct jk_error *err)
{
        return jk_fail(err, ENOMEM, "out of memory");
}

/* ---- taking reports ---- */

/* Reports of two machines are no one machine's. */
static int
check_sensor(struct jk_hwpc_import *import, struct jk_error *err)
{
        const char *sensor = import->report.sensor.data;

        if (import->sensor.length == 0) {
                jk_text_string(&import->sensor, sensor);
                return import->sensor.failed ? no_memory(err) : 0;
        }
        if (strcmp(import->sensor.data, sensor) == 0)
                return 0;
        return jk_fail(err, EINVAL,
                       "there are reports of the sensors '%.100s' and '%.100s'; import those of "
                       "each machine on their own",
                       import->sensor.data, sensor);
}

/* The task of a target, JK_NO_TASK for "all". */
static int
find_task(struct jk_hwpc_import *import, uint32_t *ret_task, struct jk_error *err)
{
        const char *target = import->report.target.data, *last = strrchr(target, '/');
        jk_autotext struct jk_text cgroup = { 0 };
        int r;

        *ret_task = JK_NO_TASK;
        if (strcmp(target, "all") == 0)
                return 0;
        last = last ? last + 1 : target;
        jk_text_printf(&cgroup, "/%s", target + (target[0] == '/'));
        if (cgroup.failed)
                return no_memory(err);
        r = jk_observe_task(import->seen, *last ? last : "root", 0, cgroup.data, err);
        if (r >= 0)
                *ret_task = (uint32_t)r;
        return r < 0 ? r : 0;
}

static uint64_t
value_of(const struct jk_hwpc_report *report, const struct jk_hwpc_row *row, int event)
{
        for (uint32_t i = row->first; i < row->first + row->n; i++)
                if (event >= 0 && report->values[i].event == (uint32_t)event)
                        return report->values[i].count;
        return 0;
}

static int
take_row(struct jk_hwpc_import *import, const struct jk_hwpc_row *row, uint32_t task,
         struct jk_error *err)
{
        const struct jk_hwpc_report *report = &import->report;
        int enabled = jk_hwpc_names_find(import->names, "time_enabled");
        int running = jk_hwpc_names_find(import->names, "time_running");
        struct entry entry = {
                .time_ns = report->timestamp_ms * JK_NS_PER_MS,
                .enabled_ns = value_of(report, row, enabled),
                .running_ns = value_of(report, row, running),
                .task = task,
                .group = row->group,
                .socket = row->socket,
                .cpu = row->cpu,
                .report = import->n_reports,
        };

        for (uint32_t i = row->first; i < row->first + row->n; i++) {
                const struct jk_hwpc_value *value = &report->values[i];

                if ((int)value->event == enabled || (int)value->event == running)
                        continue;
                if (import->n_entries == JK_OBSERVATIONS_MAX)
                        return jk_fail(err, EFBIG,
                                       "there are more than %u counts; import the files in parts",
                                       JK_OBSERVATIONS_MAX);
                if (jk_array_grow(&import->entries, &import->entries_capacity,
                                  import->n_entries + 1) < 0)
                        return no_memory(err);
                entry.event = value->event;
                entry.count = value->count;
                entry.order = import->n_taken++;
                import->entries[import->n_entries++] = entry;
        }
        if (row->socket >= import->n_sockets)
                import->n_sockets = row->socket + 1;
        return 0;
}

static int
take_report(struct jk_hwpc_import *import, struct jk_error *err)
{
        const struct jk_hwpc_report *report = &import->report;
        uint32_t task;
        int r;

        import->n_reports++;
        if (report->timestamp_ms > JK_IMPORT_TIME_MAX / JK_NS_PER_MS)
                return jk_fail(err, EINVAL, "HWPC report:%u: its time is after 2116",
                               import->n_reports);
        r = check_sensor(import, err);
        if (r == 0)
                r = find_task(import, &task, err);
        for (size_t i = 0; r == 0 && i < report->n_rows; i++)
                r = take_row(import, &report->rows[i], task, err);
        return r;
}

/* A report of a time that was made already. */
static int
check_time(const struct jk_hwpc_import *import, struct jk_error *err)
{
        int64_t until_ms = import->until_ns / JK_NS_PER_MS;
        int64_t time_ms = import->report.timestamp_ms;

        if (!import->has_begun || time_ms > until_ms)
                return 0;
        return jk_fail(err, EINVAL,
                       "HWPC report:%u: target '%.200s': it is of a time that was done, by %.3f s",
                       import->n_reports + 1, import->report.target.data,
                       (double)(until_ms - time_ms) / 1e3);
}

int
jk_hwpc_import_next(struct jk_hwpc_import *import, struct jk_hwpc_reader *reader,
                    int64_t *ret_time_ns, struct jk_error *err)
{
        int r = jk_hwpc_read(reader, &import->report, err);

        if (r <= 0)
                return r;
        r = check_time(import, err);
        if (r == 0)
                r = take_report(import, err);
        if (r < 0)
                return r;
        *ret_time_ns = import->report.timestamp_ms * JK_NS_PER_MS;
        return 1;
}

size_t
jk_hwpc_import_waiting(const struct jk_hwpc_import *import)
{
        return import->n_entries;
}

int
jk_hwpc_import_read(struct jk_hwpc_import *import, struct jk_hwpc_reader *reader,
                    struct jk_error *err)
{
        int r;

        while ((r = jk_hwpc_read(reader, &import->report, err)) != 0) {
                if (r > 0)
                        r = take_report(import, err);
                if (r < 0)
                        r = jk_observations_refuse(import->seen, r, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- series ---- */

/* What an entry's counts are: two of an event, where it is a feature and there are packages to tell
 * apart. */
static int
find_series(struct jk_hwpc_import *import, const struct jk_series *wanted,
            const struct entry *entry)
{
        uint64_t key = (uint64_t)entry->event << 32 | (uint64_t)entry->socket << 8 |
                       (uint64_t)wanted->feature;
        uint32_t known;
        int r;

        if (jk_map_get(&import->series_of, key, &known))
                return (int)known;
        r = jk_observe_series(import->seen, wanted);
        if (r >= 0 && jk_map_put(&import->series_of, key, (uint32_t)r) < 0)
                return -ENOMEM;
        return r;
}

/* Counted only a part of the time, it is taken to have gone on alike. */
static double
scaled(const struct entry *entry)
{
        if (entry->running_ns == 0 && entry->enabled_ns > 0)
                return NAN;
        if (entry->running_ns >= entry->enabled_ns)
                return (double)entry->count;
        return (double)entry->count * ((double)entry->enabled_ns / (double)entry->running_ns);
}

static int
observe(struct jk_hwpc_import *import, const struct jk_series *wanted, const struct entry *entry,
        double value, struct jk_error *err)
{
        struct jk_observation observation = {
                .time_ns = entry->time_ns,
                .span_ns = jk_hwpc_span_at(import, entry->time_ns),
                .value = value,
                .task = entry->task,
                .file = import->file,
                .line = entry->report,
        };
        struct jk_error why = { "" };
        int r = find_series(import, wanted, entry);

        if (r < 0)
                return no_memory(err);
        observation.series = (uint32_t)r;
        if (jk_observed_check(wanted, value, &why) == 0)
                return jk_observe(import->seen, &observation, err);
        jk_fail(err, EINVAL, "HWPC report:%u: %s %s", entry->report,
                jk_series_name(import->seen, wanted), why.message);
        return jk_observations_refuse(import->seen, -EINVAL, err);
}

/* ---- the machine ---- */

static int
observe_energy(struct jk_hwpc_import *import, const struct entry *entry, size_t event,
               struct jk_error *err)
{
        struct jk_series wanted = { .feature = JK_FEATURE_ENERGY,
                                    .stream = import->machine_stream };
        char name[JK_ZONE_NAME_SIZE];
        int r;

        if (zone_events[event].numbered)
                snprintf(name, sizeof name, "%s-%u", zone_events[event].zone, entry->socket);
        else
                snprintf(name, sizeof name, "%s", zone_events[event].zone);
        r = jk_observe_zone(import->seen, name, zone_events[event].event, err);
        if (r < 0)
                return jk_observations_refuse(import->seen, r, err);
        wanted.zone = r;
        return observe(import, &wanted, entry, ldexp(scaled(entry), RAPL_BITS) * MICROJOULES, err);
}

/* The mean of all CPUs, by how much they worked. What MPERF counts, TSC counts all the time. */
static int
observe_frequency(struct jk_hwpc_import *import, const struct entry *entry, struct jk_error *err)
{
        struct jk_series wanted = { .kind = JK_SERIES_STATE,
                                    .feature = JK_FEATURE_FREQUENCY,
                                    .of_machine = true,
                                    .stream = import->machine_stream };
        const double *clocks = import->clocks;
        double khz = clocks[APERF] / clocks[MPERF] * clocks[TSC] / import->clock_ns * 1e6;
        bool is_known = clocks[APERF] > 0 && clocks[MPERF] > 0 && clocks[TSC] > 0 &&
                        import->clock_ns > 0 && isfinite(khz);

        memset(import->clocks, 0, sizeof import->clocks);
        import->clock_ns = 0;
        return is_known ? observe(import, &wanted, entry, khz, err) : 0;
}

static int
take_clock(struct jk_hwpc_import *import, const struct entry *entry, enum clock clock)
{
        double value = scaled(entry);

        if (isnan(value))
                return 0;
        import->clocks[clock] += value;
        if (clock == TSC)
                import->clock_ns += (double)entry->enabled_ns;
        return jk_map_put(&import->cpus, entry->cpu, 0);
}

static int
take_of_machine(struct jk_hwpc_import *import, const struct entry *entry, struct jk_error *err)
{
        const char *event = import->names->names[entry->event];

        for (size_t i = 0; i < JK_COUNT(zone_events); i++)
                if (strcmp(event, zone_events[i].event) == 0)
                        return observe_energy(import, entry, i, err);
        for (enum clock clock = 0; clock < CLOCKS; clock++)
                if (strcmp(event, clock_events[clock]) == 0)
                        return take_clock(import, entry, clock) < 0 ? no_memory(err) : 0;
        return 0;
}

/* ---- tasks ---- */

static int
observe_event(struct jk_hwpc_import *import, const struct entry *entry, struct jk_error *err)
{
        struct jk_series wanted = { .feature = JK_FEATURE_EVENT, .stream = import->task_stream };
        const char *event = import->names->names[entry->event];
        struct jk_error why = { "" };

        wanted.event = jk_observe_event(import->seen, event, (int)entry->socket, &why);
        if (wanted.event >= 0)
                return observe(import, &wanted, entry, scaled(entry), err);
        jk_fail(err, EINVAL, "HWPC report:%u: %.100s: %s", entry->report, event, why.message);
        return jk_observations_refuse(import->seen, -EINVAL, err);
}

static int
take_of_task(struct jk_hwpc_import *import, const struct entry *entry, struct jk_error *err)
{
        struct jk_series wanted = { .stream = import->task_stream };
        const char *event = import->names->names[entry->event];
        bool is_feature = false;
        int r = 0;

        for (size_t i = 0; r == 0 && !is_feature && i < JK_COUNT(feature_events); i++) {
                is_feature = strcmp(event, feature_events[i].event) == 0;
                wanted.feature = feature_events[i].feature;
        }
        if (is_feature)
                r = observe(import, &wanted, entry, scaled(entry), err);
        if (r == 0 && (!is_feature || (import->n_sockets > 1 && wanted.feature != JK_FEATURE_CPU)))
                r = observe_event(import, entry, err);
        return r;
}

/* ---- all of it ---- */

static int
add_streams(struct jk_hwpc_import *import)
{
        const struct jk_stream machine = { .last_ns = -1 };
        const struct jk_stream tasks = { .last_ns = -1, .has_tasks = true };
        int file = jk_observe_file(import->seen, "HWPC report");
        int machine_stream = jk_observe_stream(import->seen, &machine);
        int task_stream = jk_observe_stream(import->seen, &tasks);

        if (file < 0 || machine_stream < 0 || task_stream < 0)
                return -ENOMEM;
        import->file = (uint32_t)file;
        import->machine_stream = (uint32_t)machine_stream;
        import->task_stream = (uint32_t)task_stream;
        return 0;
}

/* An event that stands in two groups is counted twice, and taken from the first. */
static int
is_wanted(struct jk_hwpc_import *import, const struct entry *entry)
{
        uint64_t key = (uint64_t)entry->event << 1 | (entry->task == JK_NO_TASK);
        uint32_t group;

        if (jk_map_get(&import->group_of, key, &group))
                return group == entry->group;
        return jk_map_put(&import->group_of, key, entry->group) < 0 ? -ENOMEM : 1;
}

static int
take_entry(struct jk_hwpc_import *import, const struct entry *entry, struct jk_error *err)
{
        int r = is_wanted(import, entry);

        if (r < 0)
                return no_memory(err);
        if (r == 0)
                return 0;
        return entry->task == JK_NO_TASK ? take_of_machine(import, entry, err)
                                         : take_of_task(import, entry, err);
}

/* What is due is taken away. */
static void
drop_due(struct jk_hwpc_import *import)
{
        if (import->n_due == 0)
                return;

        import->n_entries -= import->n_due;
        memmove(import->entries, import->entries + import->n_due,
                import->n_entries * sizeof *import->entries);
        import->n_due = 0;
}

int
jk_hwpc_import_until(struct jk_hwpc_import *import, int64_t until_ns, struct jk_error *err)
{
        int r = 0;

        if (jk_hwpc_settle_times(import, until_ns) < 0 ||
            (!import->has_begun && add_streams(import) < 0))
                return no_memory(err);
        import->has_begun = true;
        import->until_ns = until_ns;
        for (size_t i = 0; r == 0 && i < import->n_due; i++) {
                struct entry *entry = &import->entries[i];

                r = take_entry(import, entry, err);
                if (r == 0 && (i + 1 == import->n_due || entry[1].time_ns != entry->time_ns)) {
                        struct entry machine = *entry;

                        machine.task = JK_NO_TASK;
                        machine.event = machine.socket = UINT32_MAX >> 1;
                        r = observe_frequency(import, &machine, err);
                }
        }
        import->seen->cpus = (unsigned int)import->cpus.count;
        drop_due(import);
        return r;
}

int
jk_hwpc_import_finish(struct jk_hwpc_import *import, struct jk_error *err)
{
        return jk_hwpc_import_until(import, INT64_MAX, err);
}
