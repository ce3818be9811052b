/* SPDX-License-Identifier: Apache-2.0
 *
 * Observations: what other people's files say, whatever their format, before it is put in order of
 * time and made into samples (ticks.h). One is a value of a series at a time, of a task or of the
 * machine; a series says what the values mean. A format's reader adds what it read and knows
 * nothing of ticks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/map.h"
#include "sample/sample.h"

/* What can be known of a task, or of the machine. */
enum jk_feature {
        JK_FEATURE_CPU, /* ns */
        JK_FEATURE_CYCLES,
        JK_FEATURE_INSTRUCTIONS,
        JK_FEATURE_LLC_MISSES,
        JK_FEATURE_READ_BYTES,
        JK_FEATURE_WRITE_BYTES,
        JK_FEATURE_MINOR_FAULTS,
        JK_FEATURE_MAJOR_FAULTS,
        JK_FEATURE_TASK_MAX,
        JK_FEATURE_FREQUENCY = JK_FEATURE_TASK_MAX, /* kHz, of the machine's CPUs; so the next */
        JK_FEATURE_TEMPERATURE,                     /* m°C */
        JK_FEATURE_VOLTAGE,                         /* µV */
        JK_FEATURE_MAX,
        JK_FEATURE_ENERGY, /* µJ of a zone */
        JK_FEATURE_EVENT,  /* of a task, too, but with a name of its own */
};

#define JK_FEATURE_STATES (JK_FEATURE_MAX - JK_FEATURE_FREQUENCY)

/* Whether it is what the CPUs are at, rather than what there was of it. */
static inline bool
jk_feature_is_state(enum jk_feature feature)
{
        return feature >= JK_FEATURE_FREQUENCY && feature < JK_FEATURE_MAX;
}

enum jk_series_kind {
        JK_SERIES_INTERVAL,   /* what there was since the time before */
        JK_SERIES_RATE,       /* the same, per second */
        JK_SERIES_CUMULATIVE, /* a counter */
        JK_SERIES_STATE,      /* what it is now: a frequency */
};

struct jk_series {
        enum jk_series_kind kind;
        enum jk_feature feature;
        int zone, event;  /* the index of energy's or of an event's */
        bool of_machine;  /* not of a task */
        bool ignored;     /* another one says the same better */
        double scale;     /* from what stands in the file to the feature's unit */
        double range;     /* of a counter, in the feature's unit; 0: it does not wrap */
        uint32_t stream;  /* index */
        double remainder; /* ticks.c's: what rounding has left of energy, in µJ */
};

/* What is read at the same times: a table. */
struct jk_stream {
        int64_t interval_ns; /* that its values span where no time before is known, or 0 */
        int64_t last_ns;     /* the time before the next, or -1 */
        bool has_tasks;      /* what it has of tasks is all that there is */
};

struct jk_observed_task {
        const char *name, *cgroup; /* in strings */
        uint64_t cgroup_id;
        pid_t pid; /* 0: not known */
};

#define JK_NO_TASK UINT32_MAX

struct jk_observation {
        int64_t time_ns; /* realtime */
        int64_t span_ns; /* that an amount covers, if it is known of it; 0: what its stream's do */
        double value;    /* in the feature's unit (per second if it is a rate); NaN: not there */
        uint32_t series, task;
        uint32_t file, line, order;
};

#define JK_OBSERVATIONS_MAX   (1U << 24) /* 768 MiB */
#define JK_OBSERVED_TASKS_MAX (1U << 18) /* so that all of them can be new in one tick */

struct jk_observations {
        struct jk_zone_table zones;
        struct jk_event_table events;
        unsigned int cpus; /* 0: not known */

        struct jk_series *series;
        size_t n_series, series_capacity;
        struct jk_stream *streams;
        size_t n_streams, streams_capacity;
        struct jk_observed_task *tasks;
        size_t n_tasks, tasks_capacity;
        struct jk_observation *items;
        size_t n_items, items_capacity;
        char **files; /* names, for messages */
        size_t n_files, files_capacity;

        bool skip_bad; /* go on without what is wrong … */
        size_t n_bad;  /* … and count it */
        struct jk_error first_bad;

        /* private */
        struct jk_map by_task;   /* hash -> first task */
        struct jk_map by_cgroup; /* hash of the path -> a task in it */
        char **strings;
        size_t n_strings, strings_capacity;
};

void jk_observations_free(struct jk_observations *seen);

/* The index of what is added, or -ENOMEM. */
int jk_observe_file(struct jk_observations *seen, const char *name);
int jk_observe_stream(struct jk_observations *seen, const struct jk_stream *stream);
int jk_observe_series(struct jk_observations *seen, const struct jk_series *series);

/* The index of the zone of that name, which is added if it is new; its kind and package are told by
 * the name ("package-0"), and how uncertain it is by its kind. source: where it was measured, for
 * people. */
int jk_observe_zone(struct jk_observations *seen, const char *name, const char *source,
                    struct jk_error *err);

/* The index of the event of that name and package (-1: all), which is added if it is new. */
int jk_observe_event(struct jk_observations *seen, const char *name, int package,
                     struct jk_error *err);

/* The index of the task, which is added if it is new. pid 0: it has none. */
int jk_observe_task(struct jk_observations *seen, const char *name, pid_t pid, const char *cgroup,
                    struct jk_error *err);

/* Add one that is in the feature's unit already. */
int jk_observe(struct jk_observations *seen, const struct jk_observation *observation,
               struct jk_error *err);

/* Something in the input is wrong, as err says: 0 if it is to be left out, else `code`. */
int jk_observations_refuse(struct jk_observations *seen, int code, const struct jk_error *err);

/* Whether a value in the feature's unit can be: -EINVAL and the reason if not. */
int jk_observed_check(const struct jk_series *series, double value, struct jk_error *err);

const char *jk_feature_name(enum jk_feature feature);

/* What a series tells of, for messages: the zone's or the event's own name, or the feature's. */
const char *jk_series_name(const struct jk_observations *seen, const struct jk_series *series);

#define jk_autoobservations __attribute__((cleanup(jk_observations_free)))
