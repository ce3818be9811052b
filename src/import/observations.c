/* SPDX-License-Identifier: Apache-2.0
 *
 * Observations: see observations.h.
 */
#include "import/observations.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "meter/rapl.h"
#include "record/codec.h"

void
jk_observations_free(struct jk_observations *seen)
{
        for (size_t i = 0; i < seen->n_strings; i++)
                free(seen->strings[i]);
        for (size_t i = 0; i < seen->n_files; i++)
                free(seen->files[i]);
        free(seen->strings);
        free(seen->files);
        free(seen->series);
        free(seen->streams);
        free(seen->tasks);
        free(seen->items);
        jk_map_free(&seen->by_task);
        jk_map_free(&seen->by_cgroup);
        *seen = (struct jk_observations){ 0 };
}

int
jk_observe_file(struct jk_observations *seen, const char *name)
{
        char *copy;

        if (jk_array_grow(&seen->files, &seen->files_capacity, seen->n_files + 1) < 0)
                return -ENOMEM;
        copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        seen->files[seen->n_files] = copy;
        return (int)seen->n_files++;
}

int
jk_observe_stream(struct jk_observations *seen, const struct jk_stream *stream)
{
        if (jk_array_grow(&seen->streams, &seen->streams_capacity, seen->n_streams + 1) < 0)
                return -ENOMEM;
        seen->streams[seen->n_streams] = *stream;
        return (int)seen->n_streams++;
}

int
jk_observe_series(struct jk_observations *seen, const struct jk_series *series)
{
        if (jk_array_grow(&seen->series, &seen->series_capacity, seen->n_series + 1) < 0)
                return -ENOMEM;
        seen->series[seen->n_series] = *series;
        return (int)seen->n_series++;
}

/* ---- zones ---- */

/* "package-0": the kind is what stands before a number, or all of it. */
static enum jk_zone_kind
kind_of(const char *name, size_t length)
{
        for (int kind = 0; kind < JK_ZONE_KIND_MAX; kind++) {
                const char *of = jk_zone_kind_name((enum jk_zone_kind)kind);

                if (strlen(of) == length && strncmp(of, name, length) == 0)
                        return (enum jk_zone_kind)kind;
        }
        return JK_ZONE_OTHER;
}

/* What hwmon's sensors are taken for; those of RAPL are known better. */
#define UNCERTAINTY_PCT 5

static bool
is_of_package(enum jk_zone_kind kind)
{
        return kind == JK_ZONE_PACKAGE || kind == JK_ZONE_CORE || kind == JK_ZONE_UNCORE ||
               kind == JK_ZONE_DRAM;
}

static double
usual_uncertainty(enum jk_zone_kind kind)
{
        struct jk_zone zone;

        if (!is_of_package(kind) && kind != JK_ZONE_PSYS)
                return UNCERTAINTY_PCT;
        jk_rapl_zone(&zone, "import", kind, 0, -1, NAN);
        return zone.uncertainty_pct;
}

static bool
read_index(const char *digits, int *ret_index)
{
        size_t n = strspn(digits, "0123456789");

        if (n == 0 || n > 4)
                return false;
        *ret_index = (int)strtoul(digits, NULL, 10);
        return true;
}

static void
describe_zone(struct jk_zone *zone, const char *name, const char *source)
{
        const char *dash = strchr(name, '-');

        *zone = (struct jk_zone){
                .provenance = JK_REPLAYED,
                .kind = kind_of(name, dash ? (size_t)(dash - name) : strlen(name)),
                .parent = -1,
                .package = -1,
                .idle_w = NAN,
                .limit_w = NAN,
                .max_w = NAN,
        };
        snprintf(zone->name, sizeof zone->name, "%s", name);
        snprintf(zone->source, sizeof zone->source, "import");
        snprintf(zone->path, sizeof zone->path, "%s", source);
        zone->uncertainty_pct = usual_uncertainty(zone->kind);
        if (!is_of_package(zone->kind) || !dash || !read_index(dash + 1, &zone->package))
                return;
        dash = strstr(dash, "-die-");
        if (dash)
                read_index(dash + strlen("-die-"), &zone->die);
}

int
jk_observe_zone(struct jk_observations *seen, const char *name, const char *source,
                struct jk_error *err)
{
        struct jk_zone zone;
        int index = jk_zone_find(&seen->zones, name);

        if (index >= 0)
                return index;
        if (name[0] == '\0' || strlen(name) >= sizeof zone.name)
                return jk_fail(err, EINVAL, "a zone's name has 1 to %d bytes",
                               JK_ZONE_NAME_SIZE - 1);
        describe_zone(&zone, name, source);
        index = jk_zone_add(&seen->zones, &zone);
        if (index < 0)
                return jk_fail(err, ENOSPC, "there are more than %d zones", JK_ZONES_MAX);
        jk_zone_link(&seen->zones);
        return index;
}

/* ---- events ---- */

int
jk_observe_event(struct jk_observations *seen, const char *name, int package, struct jk_error *err)
{
        struct jk_event event = { .package = package };
        int index = jk_event_find(&seen->events, name, package);

        if (index >= 0)
                return index;
        if (name[0] == '\0' || strlen(name) >= sizeof event.name)
                return jk_fail(err, EINVAL, "an event's name has 1 to %d bytes",
                               JK_EVENT_NAME_SIZE - 1);
        snprintf(event.name, sizeof event.name, "%s", name);
        index = jk_event_add(&seen->events, &event);
        return index < 0 ? jk_fail(err, ENOSPC, "there are more than %d events", JK_EVENTS_MAX)
                         : index;
}

/* ---- tasks ---- */

/* FNV-1a. */
static uint64_t
hash(uint64_t from, const char *string)
{
        for (; *string; string++)
                from = (from ^ (unsigned char)*string) * UINT64_C(0x100000001b3);
        return from ^ 0xff;
}

#define HASH_START UINT64_C(0xcbf29ce484222325)

static const char *
keep_string(struct jk_observations *seen, const char *string)
{
        char *copy;

        if (jk_array_grow(&seen->strings, &seen->strings_capacity, seen->n_strings + 1) < 0)
                return NULL;
        copy = strdup(string);
        if (copy)
                seen->strings[seen->n_strings++] = copy;
        return copy;
}

/* The first key from this one on that is free, or whose task `same` takes. */
static bool
find_key(const struct jk_map *map, uint64_t *key, const struct jk_observations *seen,
         const struct jk_observed_task *wanted,
         bool (*same)(const struct jk_observed_task *a, const struct jk_observed_task *b),
         uint32_t *ret_task)
{
        for (; jk_map_get(map, *key, ret_task); (*key)++)
                if (same(&seen->tasks[*ret_task], wanted))
                        return true;
        return false;
}

static bool
same_cgroup(const struct jk_observed_task *a, const struct jk_observed_task *b)
{
        return strcmp(a->cgroup, b->cgroup) == 0;
}

static bool
same_task(const struct jk_observed_task *a, const struct jk_observed_task *b)
{
        return a->pid == b->pid && strcmp(a->name, b->name) == 0 && same_cgroup(a, b);
}

/* Tasks of one cgroup share its path and its id, which is the index of the first of them and 2
 * more, as 1 is the root's. */
static int
find_cgroup(struct jk_observations *seen, struct jk_observed_task *task)
{
        uint64_t key = hash(HASH_START, task->cgroup);
        uint32_t other;

        if (find_key(&seen->by_cgroup, &key, seen, task, same_cgroup, &other)) {
                task->cgroup = seen->tasks[other].cgroup;
                task->cgroup_id = seen->tasks[other].cgroup_id;
                return 0;
        }
        task->cgroup_id = strcmp(task->cgroup, "/") == 0 ? 1 : seen->n_tasks + 2;
        task->cgroup = keep_string(seen, task->cgroup);
        if (!task->cgroup)
                return -ENOMEM;
        return jk_map_put(&seen->by_cgroup, key, (uint32_t)seen->n_tasks);
}

int
jk_observe_task(struct jk_observations *seen, const char *name, pid_t pid, const char *cgroup,
                struct jk_error *err)
{
        struct jk_observed_task task = { .pid = pid, .name = name, .cgroup = cgroup };
        uint64_t key = hash(hash(HASH_START ^ (uint64_t)pid, name), cgroup);
        uint32_t known;

        if (find_key(&seen->by_task, &key, seen, &task, same_task, &known))
                return (int)known;
        if (seen->n_tasks == JK_OBSERVED_TASKS_MAX)
                return jk_fail(err, EFBIG,
                               "there are more than %u tasks; import the files in parts",
                               JK_OBSERVED_TASKS_MAX);
        task.name = keep_string(seen, name);
        if (!task.name ||
            jk_array_grow(&seen->tasks, &seen->tasks_capacity, seen->n_tasks + 1) < 0 ||
            find_cgroup(seen, &task) < 0 ||
            jk_map_put(&seen->by_task, key, (uint32_t)seen->n_tasks) < 0)
                return jk_fail(err, ENOMEM, "out of memory");
        seen->tasks[seen->n_tasks] = task;
        return (int)seen->n_tasks++;
}

/* ---- values ---- */

#define ABSOLUTE_ZERO_MC (-273150)
#define HOTTEST_MC       1000000 /* what is hotter is no CPU any more */

int
jk_observe(struct jk_observations *seen, const struct jk_observation *observation,
           struct jk_error *err)
{
        struct jk_observation *item;

        if (seen->n_items == JK_OBSERVATIONS_MAX)
                return jk_fail(err, EFBIG,
                               "there are more than %u values; import the files in parts",
                               JK_OBSERVATIONS_MAX);
        if (jk_array_grow(&seen->items, &seen->items_capacity, seen->n_items + 1) < 0)
                return jk_fail(err, ENOMEM, "out of memory");
        item = &seen->items[seen->n_items];
        *item = *observation;
        item->order = (uint32_t)seen->n_items++;
        return 0;
}

int
jk_observations_refuse(struct jk_observations *seen, int code, const struct jk_error *err)
{
        if (!seen->skip_bad || code == -ENOMEM || code == -EFBIG)
                return code;
        if (seen->n_bad++ == 0)
                seen->first_bad = *err;
        return 0;
}

static int
check_state(enum jk_feature feature, double value, struct jk_error *err)
{
        bool is_possible = feature == JK_FEATURE_TEMPERATURE
                                   ? value >= ABSOLUTE_ZERO_MC && value <= HOTTEST_MC
                                   : value >= 0 && value <= UINT32_MAX;

        return is_possible ? 0
                           : jk_fail(err, EINVAL, "is no %s; is the unit right?",
                                     jk_feature_name(feature));
}

int
jk_observed_check(const struct jk_series *series, double value, struct jk_error *err)
{
        if (isnan(value))
                return 0;
        if (jk_feature_is_state(series->feature))
                return check_state(series->feature, value, err);
        if (value < 0)
                return jk_fail(err, EINVAL, "is negative");
        if (value > (double)JK_RECORDED_MAX)
                return jk_fail(err, EINVAL, "is more than any machine does; is the unit right?");
        if (series->range > 0 && value > series->range)
                return jk_fail(err, EINVAL, "is above the range of the counter");
        return 0;
}

const char *
jk_feature_name(enum jk_feature feature)
{
        static const char *const names[] = {
                [JK_FEATURE_CPU] = "cpu",
                [JK_FEATURE_CYCLES] = "cycles",
                [JK_FEATURE_INSTRUCTIONS] = "instructions",
                [JK_FEATURE_LLC_MISSES] = "llc_misses",
                [JK_FEATURE_READ_BYTES] = "read_bytes",
                [JK_FEATURE_WRITE_BYTES] = "write_bytes",
                [JK_FEATURE_MINOR_FAULTS] = "minor_faults",
                [JK_FEATURE_MAJOR_FAULTS] = "major_faults",
                [JK_FEATURE_FREQUENCY] = "frequency",
                [JK_FEATURE_TEMPERATURE] = "temperature",
                [JK_FEATURE_VOLTAGE] = "voltage",
                [JK_FEATURE_ENERGY] = "energy",
                [JK_FEATURE_EVENT] = "event",
        };

        return names[feature] ? names[feature] : "";
}

const char *
jk_series_name(const struct jk_observations *seen, const struct jk_series *series)
{
        if (series->feature == JK_FEATURE_ENERGY)
                return seen->zones.zones[series->zone].name;
        if (series->feature == JK_FEATURE_EVENT)
                return seen->events.events[series->event].name;
        return jk_feature_name(series->feature);
}
