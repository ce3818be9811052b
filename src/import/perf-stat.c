/* SPDX-License-Identifier: Apache-2.0
 *
 * What `perf stat -I TIME -x,` prints: see perf-stat.h. A line is
 *
 *     time,[where,[CPUs,]]value,unit,event,[cgroup,]running,percent,metric,unit of it
 *
 * where `where` is CPU0, S0, S0-D0, S0-D0-C0, N0 or COMM-PID, and the second is there with S and N.
 * perf itself says which only by how it was called, so it is told from what stands there.
 */
#include "import/perf-stat.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/text.h"
#include "import/csv.h"
#include "import/number.h"

#define CPUS_MAX 64 /* that energy is read on: one for each package or die */

/* ---- the events that are known ---- */

static const struct zone_event {
        const char *event, *zone;
        bool numbered;
} zone_events[] = {
        { "energy-pkg", "package", true }, { "energy-cores", "core", true },
        { "energy-ram", "dram", true },    { "energy-gpu", "uncore", true },
        { "energy-psys", "psys", false },
};

static const struct feature_event {
        const char *event;
        enum jk_feature feature;
        bool second; /* left out where the same file has another event for the feature */
} feature_events[] = {
        { "task-clock", JK_FEATURE_CPU, false },
        { "cpu-clock", JK_FEATURE_CPU, true },
        { "cycles", JK_FEATURE_CYCLES, false },
        { "cpu-cycles", JK_FEATURE_CYCLES, false },
        { "instructions", JK_FEATURE_INSTRUCTIONS, false },
        { "cache-misses", JK_FEATURE_LLC_MISSES, false },
        { "LLC-load-misses", JK_FEATURE_LLC_MISSES, true },
        { "LLC-store-misses", JK_FEATURE_LLC_MISSES, true },
        { "minor-faults", JK_FEATURE_MINOR_FAULTS, false },
        { "major-faults", JK_FEATURE_MAJOR_FAULTS, false },
};

static const struct {
        const char *name;
        double scale;
} time_units[] = { { "msec", 1e6 }, { "nsec", 1 }, { "ns", 1 }, { "", 1 }, { "sec", 1e9 } };

#define UNKNOWN (-1)

struct perf {
        struct jk_observations *seen;
        struct jk_csv csv;
        struct jk_error *err;
        uint32_t file;

        /* of the run whose lines are read */
        int stream; /* or UNKNOWN: nothing of it was read yet */
        int64_t start_ns, time_ns;
        int features[JK_COUNT(feature_events)]; /* series, or UNKNOWN */
        int zones[JK_ZONES_MAX];                /* by zone: series, or UNKNOWN */
        int events[JK_EVENTS_MAX];              /* by event: series, or UNKNOWN */

        unsigned int cpus[CPUS_MAX]; /* that energy is read on, in order: the first is package 0 */
        size_t n_cpus;
};

/* A line, taken apart. */
struct line {
        const char *where; /* or NULL: the whole machine */
        const char *value, *unit, *event;
        const char *cgroup; /* or NULL */
};

/* What a line's event is taken for. */
struct taken {
        struct jk_series series;
        double scale;
        int *number; /* where that of the series is kept */
};

/* ---- taking a line apart ---- */

static bool
is_numeric(const char *text)
{
        text += strspn(text, " ");
        return isdigit((unsigned char)*text) && text[strspn(text, "0123456789.,")] == '\0';
}

static bool
is_value(const char *text)
{
        return *text == '\0' || *text == '<' || is_numeric(text);
}

static bool
is_aggregate(const char *where)
{
        return (where[0] == 'S' || where[0] == 'N') && isdigit((unsigned char)where[1]);
}

/* Whether the record is a line of counts at all. */
static bool
take_apart(const struct perf *perf, struct line *ret_line)
{
        const struct jk_csv *csv = &perf->csv;
        const char **at = csv->fields + 1, **end = csv->fields + csv->n_fields;
        struct line line = { 0 };

        if (at < end && !is_value(*at)) {
                line.where = *at++;
                at += is_aggregate(line.where);
        }
        if (end - at < 3 || !is_value(*at))
                return false;
        line.value = *at++;
        line.unit = *at++;
        line.event = *at++;
        if (at < end && !is_value(*at))
                line.cgroup = *at;
        *ret_line = line;
        return true;
}

/* "power/energy-pkg/", "cpu_core/cycles/u", "cycles:u": the name in it. */
static size_t
find_name(const char **event)
{
        const char *slash = strchr(*event, '/');

        if (slash)
                *event = slash + 1;
        return strcspn(*event, slash ? "/" : ":");
}

static bool
is_event(const char *event, const char *wanted)
{
        size_t length = find_name(&event);

        return strlen(wanted) == length && strncmp(event, wanted, length) == 0;
}

/* ---- series ---- */

static int
add_series(struct perf *perf, const struct jk_series *wanted, int *series)
{
        struct jk_series added = *wanted;

        if (*series != UNKNOWN)
                return *series;
        added.stream = (uint32_t)perf->stream;
        *series = jk_observe_series(perf->seen, &added);
        if (*series >= 0)
                return *series;
        *series = UNKNOWN;
        return jk_fail(perf->err, ENOMEM, "out of memory");
}

static int
observe(struct perf *perf, int series, uint32_t task, double scale, const struct line *line)
{
        struct jk_observation observation = {
                .time_ns = perf->time_ns,
                .series = (uint32_t)series,
                .task = task,
                .file = perf->file,
                .line = (uint32_t)perf->csv.line,
        };
        struct jk_error why = { "" };

        if (jk_import_number(line->value, &observation.value, &why) < 0)
                return jk_csv_refuse(&perf->csv, perf->err, "%.60s: %s", line->event, why.message);
        observation.value *= scale;
        if (jk_observed_check(&perf->seen->series[series], observation.value, &why) < 0)
                return jk_csv_refuse(&perf->csv, perf->err, "%.60s: '%.40s' %s", line->event,
                                     line->value, why.message);
        return jk_observe(perf->seen, &observation, perf->err);
}

/* ---- energy ---- */

/* The place of a CPU among those that energy is read on. */
static int
find_package(struct perf *perf, unsigned int cpu)
{
        for (size_t i = 0; i < perf->n_cpus; i++)
                if (perf->cpus[i] == cpu)
                        return (int)i;
        if (perf->n_cpus == CPUS_MAX)
                return jk_csv_refuse(&perf->csv, perf->err, "energy is read on more than %d CPUs",
                                     CPUS_MAX);
        perf->cpus[perf->n_cpus++] = cpu;
        return (int)perf->n_cpus - 1;
}

/* "package-0" of S0 or the first CPU, "package-0-die-1" of S0-D1. */
static int
name_zone(struct perf *perf, const struct zone_event *event, const char *where, char *name,
          size_t size)
{
        unsigned int package = 0, die = 0, cpu;

        if (where && sscanf(where, "CPU%9u", &cpu) == 1) {
                int r = find_package(perf, cpu);

                if (r < 0)
                        return r;
                package = (unsigned int)r;
        } else if (where && sscanf(where, "S%9u-D%9u", &package, &die) < 1) {
                sscanf(where, "N%9u", &package);
        }
        if (!event->numbered)
                snprintf(name, size, "%s", event->zone);
        else if (die > 0)
                snprintf(name, size, "%s-%u-die-%u", event->zone, package, die);
        else
                snprintf(name, size, "%s-%u", event->zone, package);
        return 0;
}

static int
take_energy(struct perf *perf, const struct zone_event *event, const struct line *line)
{
        struct jk_series wanted = { .kind = JK_SERIES_INTERVAL, .feature = JK_FEATURE_ENERGY };
        char name[JK_ZONE_NAME_SIZE];
        int r;

        if (line->value[0] != '<' && strcmp(line->unit, "Joules") != 0)
                return jk_csv_refuse(
                        &perf->csv, perf->err,
                        "%.60s is in '%.20s' and not in Joules; is the separator right?",
                        line->event, line->unit);
        r = name_zone(perf, event, line->where, name, sizeof name);
        if (r == 0)
                r = jk_observe_zone(perf->seen, name, line->event, perf->err);
        if (r < 0)
                return r;
        wanted.zone = r;
        r = add_series(perf, &wanted, &perf->zones[wanted.zone]);
        return r < 0 ? r : observe(perf, r, JK_NO_TASK, 1e6, line);
}

/* ---- counts ---- */

/* Whether one is the other, or lies in it. */
static bool
lies_in(const char *inner, const char *outer)
{
        size_t length = strlen(outer);

        if (outer[length - 1] == '/')
                length--;
        return strncmp(inner, outer, length) == 0 &&
               (inner[length] == '/' || inner[length] == '\0');
}

/* perf counts what lies in a cgroup to it as well, so that it would be there twice. */
static int
check_cgroup(const struct perf *perf, const char *cgroup)
{
        for (size_t i = 0; i < perf->seen->n_tasks; i++) {
                const char *other = perf->seen->tasks[i].cgroup;

                if (strcmp(other, cgroup) != 0 &&
                    (lies_in(cgroup, other) || lies_in(other, cgroup)))
                        return jk_csv_refuse(
                                &perf->csv, perf->err,
                                "the cgroups %.100s and %.100s lie in one another, and the "
                                "counts of one are in the other's; count only one of them",
                                cgroup, other);
        }
        return 0;
}

static int
find_cgroup(const struct perf *perf, const char *name)
{
        jk_autotext struct jk_text path = { 0 };
        const char *last = strrchr(name, '/');
        int r;

        jk_text_printf(&path, "/%s", name + (name[0] == '/'));
        if (path.failed)
                return jk_fail(perf->err, ENOMEM, "out of memory");
        r = check_cgroup(perf, path.data);
        if (r < 0)
                return r;
        last = last ? last + 1 : name;
        return jk_observe_task(perf->seen, *last ? last : "all", 0, path.data, perf->err);
}

/* COMM-PID; the name may have dashes, too. */
static int
find_thread(const struct perf *perf, const char *where)
{
        const char *dash = strrchr(where, '-');
        char name[JK_COMM_SIZE];
        unsigned int pid = 0;
        int n = 0;

        if (!dash || dash == where || sscanf(dash, "-%9u%n", &pid, &n) != 1 || dash[n] || pid == 0)
                return jk_csv_refuse(&perf->csv, perf->err,
                                     "'%.40s' is no CPU, socket, node or thread", where);
        snprintf(name, sizeof name, "%.*s", (int)(dash - where), where);
        return jk_observe_task(perf->seen, name, (pid_t)pid, "/", perf->err);
}

static bool
is_part_of_machine(const char *where)
{
        return is_aggregate(where) ||
               (strncmp(where, "CPU", 3) == 0 && isdigit((unsigned char)where[3]));
}

/* Whose count it is: the index of a task. */
static int
find_task(const struct perf *perf, const struct line *line)
{
        if (line->cgroup)
                return find_cgroup(perf, line->cgroup);
        if (line->where && !is_part_of_machine(line->where))
                return find_thread(perf, line->where);
        return jk_observe_task(perf->seen, "all", 0, "/", perf->err);
}

static int
find_scale(const struct perf *perf, const struct line *line, double *ret_scale)
{
        for (size_t i = 0; i < JK_COUNT(time_units); i++)
                if (strcmp(time_units[i].name, line->unit) == 0) {
                        *ret_scale = time_units[i].scale;
                        return 0;
                }
        return jk_csv_refuse(&perf->csv, perf->err, "%.60s is in '%.20s', which is not known",
                             line->event, line->unit);
}

/* Of a whole machine, task-clock is the time that passed on its CPUs, whether they did something or
 * not, and tells nothing. */
static bool
tells_nothing(const struct feature_event *event, const struct line *line)
{
        bool of_machine = line->cgroup ? strcmp(line->cgroup, "/") == 0
                                       : !line->where || is_part_of_machine(line->where);

        return event->feature == JK_FEATURE_CPU && of_machine;
}

/* perf counts a cgroup or thread only while it runs: one that did not is "not counted", and is left
 * out of the tick as a task that did nothing. */
static bool
did_nothing(const struct line *line)
{
        bool of_task = line->cgroup || (line->where && !is_part_of_machine(line->where));

        return of_task && strcmp(line->value, "<not counted>") == 0;
}

static int
take_count(struct perf *perf, const struct taken *taken, const struct line *line)
{
        int task, r;

        perf->seen->streams[perf->stream].has_tasks = true;
        if (did_nothing(line))
                return 0;
        task = find_task(perf, line);
        if (task < 0)
                return task;
        r = add_series(perf, &taken->series, taken->number);
        return r < 0 ? r : observe(perf, r, (uint32_t)task, taken->scale, line);
}

static int
take_feature(struct perf *perf, const struct feature_event *event, const struct line *line)
{
        struct taken taken = {
                .series = { .kind = JK_SERIES_INTERVAL, .feature = event->feature },
                .scale = 1,
                .number = &perf->features[event - feature_events],
        };
        int r = 0;

        if (tells_nothing(event, line))
                return 0;
        if (event->feature == JK_FEATURE_CPU && !did_nothing(line))
                r = find_scale(perf, line, &taken.scale);
        return r < 0 ? r : take_count(perf, &taken, line);
}

/* What has a unit is no count: bandwidth, and the time that passed. */
static int
take_event(struct perf *perf, const struct line *line)
{
        struct taken taken = {
                .series = { .kind = JK_SERIES_INTERVAL, .feature = JK_FEATURE_EVENT },
                .scale = 1,
        };
        jk_autotext struct jk_text name = { 0 };
        struct jk_error why = { "" };
        const char *event = line->event;
        int length = (int)find_name(&event), r;

        if (line->unit[0] != '\0')
                return 0;
        jk_text_printf(&name, "%.*s", length, event);
        if (name.failed)
                return jk_fail(perf->err, ENOMEM, "out of memory");
        r = jk_observe_event(perf->seen, name.data, -1, &why);
        if (r < 0)
                return jk_csv_refuse(&perf->csv, perf->err, "%.60s: %s", line->event, why.message);
        taken.series.event = r;
        taken.number = &perf->events[r];
        return take_count(perf, &taken, line);
}

/* Once all is read: where there is a better event for a feature, the second best is not added. */
static void
settle_events(struct perf *perf)
{
        bool has_first[JK_FEATURE_MAX] = { false };

        for (size_t i = 0; i < JK_COUNT(feature_events); i++)
                if (perf->features[i] != UNKNOWN && !feature_events[i].second)
                        has_first[feature_events[i].feature] = true;
        for (size_t i = 0; i < JK_COUNT(feature_events); i++)
                if (perf->features[i] != UNKNOWN && feature_events[i].second &&
                    has_first[feature_events[i].feature])
                        perf->seen->series[perf->features[i]].ignored = true;
}

/* ---- lines ---- */

static void
begin_run(struct perf *perf, int64_t start_ns)
{
        settle_events(perf);
        perf->stream = UNKNOWN;
        perf->start_ns = perf->time_ns = start_ns;
        for (size_t i = 0; i < JK_COUNT(feature_events); i++)
                perf->features[i] = UNKNOWN;
        for (size_t i = 0; i < JK_ZONES_MAX; i++)
                perf->zones[i] = UNKNOWN;
        for (size_t i = 0; i < JK_EVENTS_MAX; i++)
                perf->events[i] = UNKNOWN;
}

/* "# started on Sat Nov 21 18:49:30 2026", in local time: what `perf stat -o` writes at the top. */
static void
take_comment(struct perf *perf)
{
        struct tm tm = { .tm_isdst = -1 };
        const char *text = perf->csv.fields[0];
        time_t start;

        if (!strptime(text, "# started on %a %b %d %H:%M:%S %Y", &tm))
                return;
        start = mktime(&tm);
        if (start > 0 && start < JK_IMPORT_TIME_MAX / JK_NS_PER_S)
                begin_run(perf, start * JK_NS_PER_S);
}

static int
take_time(struct perf *perf)
{
        struct jk_error why = { "" };
        int64_t ns;

        if (jk_import_time(perf->csv.fields[0], JK_TIME_S, &ns, &why) < 0)
                return jk_csv_refuse(
                        &perf->csv, perf->err,
                        "does not begin with a time; perf prints it with -I, as in perf stat "
                        "-I 1000 -x,");
        if (__builtin_add_overflow(ns, perf->start_ns, &ns) || ns > JK_IMPORT_TIME_MAX)
                return jk_csv_refuse(&perf->csv, perf->err, "its time is after 2116");
        if (ns < perf->time_ns)
                return jk_csv_refuse(&perf->csv, perf->err,
                                     "goes back in time; another run is to begin with the comment "
                                     "'# started on', or stand in another file");
        perf->time_ns = ns;
        return 0;
}

static int
add_stream(struct perf *perf)
{
        struct jk_stream stream = { .last_ns = perf->start_ns };

        if (perf->stream != UNKNOWN)
                return 0;
        perf->stream = jk_observe_stream(perf->seen, &stream);
        if (perf->stream >= 0)
                return 0;
        perf->stream = UNKNOWN;
        return jk_fail(perf->err, ENOMEM, "out of memory");
}

static int
take_line(struct perf *perf)
{
        struct line line;
        int r = take_time(perf);

        if (r < 0)
                return r;
        if (!take_apart(perf, &line))
                return jk_csv_refuse(
                        &perf->csv, perf->err,
                        "is no line of perf stat -I TIME -x,; is the separator right?");
        if (is_numeric(line.unit))
                return jk_csv_refuse(
                        &perf->csv, perf->err,
                        "has numbers with a comma; run perf with LC_ALL=C, or with -x\\; "
                        "and import with --separator ';'");
        r = add_stream(perf);
        if (r < 0)
                return r;
        for (size_t i = 0; i < JK_COUNT(zone_events); i++)
                if (is_event(line.event, zone_events[i].event))
                        return take_energy(perf, &zone_events[i], &line);
        for (size_t i = 0; i < JK_COUNT(feature_events); i++)
                if (is_event(line.event, feature_events[i].event))
                        return take_feature(perf, &feature_events[i], &line);
        return take_event(perf, &line);
}

/* The sum that --summary prints last. */
static bool
is_summary(const char *field)
{
        return strcmp(field + strspn(field, " "), "summary") == 0;
}

static int
take_record(struct perf *perf)
{
        int r;

        if (perf->csv.fields[0][0] == '#') {
                take_comment(perf);
                return 0;
        }
        if (is_summary(perf->csv.fields[0]))
                return 0;
        r = take_line(perf);
        return r < 0 ? jk_observations_refuse(perf->seen, r, perf->err) : 0;
}

int
jk_perf_stat_read(struct jk_observations *seen, FILE *file, const char *name, char separator,
                  struct jk_error *err)
{
        struct jk_error unused = { "" };
        struct perf perf = { .seen = seen, .err = err ? err : &unused };
        int r = jk_observe_file(seen, name);

        if (r < 0)
                return jk_fail(err, r, "out of memory");
        perf.file = (uint32_t)r;
        for (size_t i = 0; i < JK_COUNT(feature_events); i++)
                perf.features[i] = UNKNOWN;
        begin_run(&perf, 0);
        jk_csv_begin(&perf.csv, file, name, separator);
        while ((r = jk_csv_next(&perf.csv, perf.err)) > 0) {
                r = take_record(&perf);
                if (r < 0)
                        break;
        }
        jk_csv_end(&perf.csv);
        settle_events(&perf);
        return r;
}
