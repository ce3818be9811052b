/* SPDX-License-Identifier: Apache-2.0
 *
 * From observations to samples: see ticks.h.
 */
#include "import/ticks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "record/codec.h"

/* Up to this much more than the interval, what was seen came late; beyond it something is missing.
 */
#define GAP_TOLERANCE 1.5

/* The monotonic clock of the first tick: 0 would be none. */
#define CLOCK_START_NS JK_NS_PER_S

#define DAY_NS (24 * 3600 * JK_NS_PER_S)

struct counter {
        double last;
        int64_t time_ns;
};

/* What a task did in the tick. */
struct doing {
        double did[JK_FEATURE_TASK_MAX];
        unsigned int has;    /* bits of features */
        uint32_t has_events; /* bits of events */
        bool listed;
        bool known; /* was listed before */
        bool told;  /* the cgroup that has its number from this task */
};

struct ticker {
        struct jk_observations *seen;
        void (*take)(void *data, const struct jk_sample *sample);
        void *data;
        struct jk_sample sample;
        struct jk_error *err;

        int64_t start_ns, before_ns; /* of the first tick, and of the latest; -1: none */
        int64_t *spans_ns;           /* by stream: what its values span now */
        int64_t energy_uj;           /* of all ticks */

        struct jk_map by_counter; /* series and task -> counter */
        struct counter *counters;
        size_t n_counters, counters_capacity;

        /* the tick that is being filled */
        int64_t now_ns, covered_ns; /* the longest span of what is in it */
        struct jk_zone_reading readings[JK_ZONES_MAX];
        struct doing *doing;  /* by task */
        double *event_counts; /* by task and event */
        uint32_t *listed;
        size_t n_listed;
        bool has_tasks;
        double machine_ns, states[JK_FEATURE_STATES]; /* NaN: not seen */
        int64_t cpu_span_ns;
};

/* ---- order ---- */

static int
compare(const void *a, const void *b)
{
        const struct jk_observation *x = a, *y = b;

        if (x->time_ns != y->time_ns)
                return x->time_ns < y->time_ns ? -1 : 1;
        return x->order < y->order ? -1 : x->order > y->order;
}

void
jk_ticks_sort(struct jk_observations *seen)
{
        if (seen->n_items > 1)
                qsort(seen->items, seen->n_items, sizeof *seen->items, compare);
}

int64_t
jk_ticks_interval_ns(const struct jk_observations *seen)
{
        int64_t n = 0, mean;

        for (size_t i = 0; i < seen->n_streams; i++)
                if (seen->streams[i].interval_ns > 0)
                        return seen->streams[i].interval_ns;
        for (size_t i = 1; i < seen->n_items; i++)
                n += seen->items[i].time_ns != seen->items[i - 1].time_ns;
        if (n == 0)
                return JK_NS_PER_S;
        mean = (seen->items[seen->n_items - 1].time_ns - seen->items[0].time_ns) / n;
        return mean < DAY_NS ? mean : DAY_NS;
}

/* ---- amounts ---- */

static int
refuse(struct ticker *ticker, const struct jk_observation *item, const char *why)
{
        const struct jk_series *series = &ticker->seen->series[item->series];

        jk_fail(ticker->err, EINVAL, "%s:%u: %s %s", ticker->seen->files[item->file], item->line,
                jk_series_name(ticker->seen, series), why);
        return jk_observations_refuse(ticker->seen, -EINVAL, ticker->err);
}

static struct counter *
find_counter(struct ticker *ticker, const struct jk_observation *item)
{
        uint64_t key = (uint64_t)item->series << 32 | item->task;
        uint32_t index;

        if (jk_map_get(&ticker->by_counter, key, &index))
                return &ticker->counters[index];
        if (jk_array_grow(&ticker->counters, &ticker->counters_capacity, ticker->n_counters + 1) <
                    0 ||
            jk_map_put(&ticker->by_counter, key, (uint32_t)ticker->n_counters) < 0)
                return NULL;
        ticker->counters[ticker->n_counters] = (struct counter){ .time_ns = -1 };
        return &ticker->counters[ticker->n_counters++];
}

/* An amount, what it spans, and how it came about. */
struct amount {
        double value; /* NaN: not known */
        int64_t span_ns;
        uint32_t flags; /* enum jk_reading_flags */
};

static int
count(struct ticker *ticker, const struct jk_series *series, const struct jk_observation *item,
      struct amount *ret_amount)
{
        struct counter *counter = find_counter(ticker, item);
        double delta;

        if (!counter)
                return jk_fail(ticker->err, ENOMEM, "out of memory");
        *ret_amount = (struct amount){ .value = NAN, .flags = JK_READING_REBASED };
        delta = item->value - counter->last;
        if (counter->time_ns >= 0 && (delta >= 0 || series->range > 0))
                *ret_amount = (struct amount){
                        .value = delta >= 0 ? delta : delta + series->range,
                        .span_ns = item->time_ns - counter->time_ns,
                        .flags = delta >= 0 ? 0 : JK_READING_WRAPPED,
                };
        counter->last = item->value;
        counter->time_ns = item->time_ns;
        return 0;
}

/* Where it is not known what a value spans, it tells nothing. */
static int
find_amount(struct ticker *ticker, const struct jk_series *series,
            const struct jk_observation *item, struct amount *ret_amount)
{
        int64_t span_ns = ticker->spans_ns[series->stream];

        *ret_amount = (struct amount){ .value = NAN };
        if (isnan(item->value))
                return 0;
        if (series->kind == JK_SERIES_CUMULATIVE)
                return count(ticker, series, item, ret_amount);
        if (series->kind != JK_SERIES_STATE && span_ns == 0)
                return 0;
        ret_amount->span_ns = span_ns;
        ret_amount->value =
                series->kind == JK_SERIES_RATE ? item->value * (double)span_ns / 1e9 : item->value;
        return 0;
}

static int
add_energy(struct ticker *ticker, struct jk_series *series, const struct jk_observation *item,
           const struct amount *amount)
{
        struct jk_zone_reading *reading = &ticker->readings[series->zone];
        double whole;

        if (reading->flags)
                return refuse(ticker, item, "has a second value at this time");
        reading->flags = amount->flags;
        if (isnan(amount->value))
                return 0;
        whole = floor(amount->value + series->remainder);
        series->remainder += amount->value - whole;
        reading->flags |= JK_READING_SEEN;
        reading->energy_uj = (int64_t)whole;
        reading->elapsed_ns = amount->span_ns;
        if (__builtin_add_overflow(ticker->energy_uj, reading->energy_uj, &ticker->energy_uj))
                return jk_fail(ticker->err, EINVAL,
                               "%s:%u: there is more energy than can be counted",
                               ticker->seen->files[item->file], item->line);
        return 0;
}

static void
add_of_machine(struct ticker *ticker, const struct jk_series *series, const struct amount *amount)
{
        if (isnan(amount->value))
                return;
        if (jk_feature_is_state(series->feature))
                ticker->states[series->feature - JK_FEATURE_FREQUENCY] = amount->value;
        else if (series->feature == JK_FEATURE_CPU)
                ticker->machine_ns =
                        (isnan(ticker->machine_ns) ? 0 : ticker->machine_ns) + amount->value;
}

static double *
event_counts(const struct ticker *ticker, uint32_t task)
{
        return ticker->event_counts + task * ticker->seen->events.count;
}

static struct doing *
list(struct ticker *ticker, uint32_t task)
{
        struct doing *doing = &ticker->doing[task];

        if (doing->listed)
                return doing;
        *doing = (struct doing){ .listed = true, .known = doing->known, .told = doing->told };
        for (size_t i = 0; i < ticker->seen->events.count; i++)
                event_counts(ticker, task)[i] = 0;
        ticker->listed[ticker->n_listed++] = task;
        return doing;
}

static int
add_of_task(struct ticker *ticker, const struct jk_series *series,
            const struct jk_observation *item, const struct amount *amount)
{
        struct doing *doing = list(ticker, item->task);
        bool is_event = series->feature == JK_FEATURE_EVENT;
        double *did = is_event ? &event_counts(ticker, item->task)[series->event]
                               : &doing->did[series->feature];

        ticker->has_tasks = true;
        if (isnan(amount->value))
                return 0;
        if (*did + amount->value > (double)JK_RECORDED_MAX)
                return refuse(ticker, item, "is more than any machine does");
        *did += amount->value;
        if (is_event)
                doing->has_events |= UINT32_C(1) << series->event;
        else
                doing->has |= 1U << series->feature;
        return 0;
}

static int
add_item(struct ticker *ticker, const struct jk_observation *item)
{
        struct jk_series *series = &ticker->seen->series[item->series];
        struct amount amount;
        int r = find_amount(ticker, series, item, &amount);

        if (r < 0)
                return r;
        if (amount.value > (double)JK_RECORDED_MAX)
                return refuse(ticker, item, "is more than any machine does; are the times right?");
        if (amount.span_ns > ticker->covered_ns)
                ticker->covered_ns = amount.span_ns;
        if (series->feature == JK_FEATURE_CPU && amount.span_ns > ticker->cpu_span_ns)
                ticker->cpu_span_ns = amount.span_ns;
        if (series->feature == JK_FEATURE_ENERGY)
                return add_energy(ticker, series, item, &amount);
        if (!series->of_machine)
                return add_of_task(ticker, series, item, &amount);
        add_of_machine(ticker, series, &amount);
        return 0;
}

/* ---- samples ---- */

/* Which fields were seen of every task that is listed: what only some have cannot be divided by. */
static uint32_t
seen_fields(const struct ticker *ticker)
{
        static const struct {
                enum jk_task_field field;
                unsigned int features;
        } fields[] = {
                { JK_TASK_CPU, 1U << JK_FEATURE_CPU },
                { JK_TASK_CYCLES, 1U << JK_FEATURE_CYCLES },
                { JK_TASK_INSTRUCTIONS, 1U << JK_FEATURE_INSTRUCTIONS },
                { JK_TASK_LLC_MISSES, 1U << JK_FEATURE_LLC_MISSES },
                { JK_TASK_IO, 1U << JK_FEATURE_READ_BYTES | 1U << JK_FEATURE_WRITE_BYTES },
                { JK_TASK_FAULTS, 1U << JK_FEATURE_MINOR_FAULTS | 1U << JK_FEATURE_MAJOR_FAULTS },
        };
        unsigned int any = 0, all = ~0U;
        uint32_t seen = 0;

        for (size_t i = 0; i < ticker->n_listed; i++) {
                any |= ticker->doing[ticker->listed[i]].has;
                all &= ticker->doing[ticker->listed[i]].has;
        }
        for (size_t i = 0; i < JK_COUNT(fields); i++)
                if ((any & fields[i].features) &&
                    (any & fields[i].features) == (all & fields[i].features))
                        seen |= fields[i].field;
        return seen;
}

/* The same of the events, which a sample has all of or none. */
static const struct jk_event_table *
seen_events(const struct ticker *ticker)
{
        const struct jk_event_table *events = &ticker->seen->events;
        uint64_t all = (UINT64_C(1) << events->count) - 1;

        for (size_t i = 0; i < ticker->n_listed; i++)
                if (ticker->doing[ticker->listed[i]].has_events != all)
                        return NULL;
        return events->count > 0 && ticker->n_listed > 0 ? events : NULL;
}

static int
begin_sample(struct ticker *ticker, int64_t time_ns)
{
        struct jk_sample *sample = &ticker->sample;
        struct jk_instant now = { .realtime_ns = time_ns };
        bool first = ticker->before_ns < 0;

        if (first)
                ticker->start_ns = time_ns;
        now.monotonic_ns = now.boottime_ns = time_ns - ticker->start_ns + CLOCK_START_NS;
        jk_sample_begin(sample, &now);
        sample->zones = &ticker->seen->zones;
        sample->events = NULL;
        ticker->before_ns = time_ns;
        return first ? jk_sample_add_cgroup(sample, 1, JK_CGROUP_APPEARED, "/") : 0;
}

static uint64_t
rounded(const struct doing *doing, enum jk_feature feature, bool seen)
{
        return seen && doing->has >> feature & 1 ? (uint64_t)llround(doing->did[feature]) : 0;
}

static void
fill_activity(struct jk_task_record *task, const struct doing *doing, uint32_t fields)
{
        bool io = fields & JK_TASK_IO, faults = fields & JK_TASK_FAULTS;

        task->cpu_ns = rounded(doing, JK_FEATURE_CPU, fields & JK_TASK_CPU);
        task->cycles = rounded(doing, JK_FEATURE_CYCLES, fields & JK_TASK_CYCLES);
        task->instructions = rounded(doing, JK_FEATURE_INSTRUCTIONS, fields & JK_TASK_INSTRUCTIONS);
        task->llc_misses = rounded(doing, JK_FEATURE_LLC_MISSES, fields & JK_TASK_LLC_MISSES);
        task->read_bytes = rounded(doing, JK_FEATURE_READ_BYTES, io);
        task->write_bytes = rounded(doing, JK_FEATURE_WRITE_BYTES, io);
        task->minor_faults = rounded(doing, JK_FEATURE_MINOR_FAULTS, faults);
        task->major_faults = rounded(doing, JK_FEATURE_MAJOR_FAULTS, faults);
}

static void
fill_events(const struct ticker *ticker, uint32_t index)
{
        const struct jk_sample *sample = &ticker->sample;

        for (size_t i = 0; i < jk_sample_n_events(sample); i++)
                jk_sample_task_events(sample, sample->n_tasks - 1)[i] =
                        (uint64_t)llround(event_counts(ticker, index)[i]);
}

/* A task without a process id gets its number for one; its number as the start keeps it apart from
 * all others. */
static int
add_task(struct ticker *ticker, uint32_t index)
{
        const struct jk_observed_task *who = &ticker->seen->tasks[index];
        struct doing *doing = &ticker->doing[index];
        struct jk_sample *sample = &ticker->sample;
        struct jk_task_record *task = jk_sample_add_task(sample);

        if (!task)
                return -ENOMEM;
        task->pid = who->pid ? who->pid : (pid_t)index + 1;
        task->start_ns = index + 1;
        task->cgroup = who->cgroup_id;
        task->uid = JK_UID_UNKNOWN;
        task->flags = doing->known ? 0 : JK_TASK_NEW;
        snprintf(task->comm, sizeof task->comm, "%s", who->name);
        fill_activity(task, doing, sample->task_fields);
        fill_events(ticker, index);
        doing->listed = false;
        if (doing->known)
                return 0;
        doing->known = true;
        if (who->cgroup_id == 1 || ticker->doing[who->cgroup_id - 2].told)
                return 0;
        ticker->doing[who->cgroup_id - 2].told = true;
        return jk_sample_add_cgroup(sample, who->cgroup_id, JK_CGROUP_APPEARED, who->cgroup);
}

static bool
has_states(const struct ticker *ticker)
{
        for (size_t i = 0; i < JK_FEATURE_STATES; i++)
                if (!isnan(ticker->states[i]))
                        return true;
        return false;
}

static void
fill_states(const struct ticker *ticker, struct jk_cpu_reading *cpu)
{
        const double *states = ticker->states - JK_FEATURE_FREQUENCY;

        cpu->frequency_seen = !isnan(states[JK_FEATURE_FREQUENCY]);
        if (cpu->frequency_seen)
                cpu->frequency_khz = (uint32_t)states[JK_FEATURE_FREQUENCY];
        cpu->temperature_seen = !isnan(states[JK_FEATURE_TEMPERATURE]);
        if (cpu->temperature_seen)
                cpu->temperature_mc = (int32_t)lround(states[JK_FEATURE_TEMPERATURE]);
        cpu->voltage_seen = !isnan(states[JK_FEATURE_VOLTAGE]);
        if (cpu->voltage_seen)
                cpu->voltage_uv = (uint32_t)llround(states[JK_FEATURE_VOLTAGE]);
}

/* All CPUs alike, as nothing says which was busy. */
static int
add_cpus(struct ticker *ticker, double busy_ns)
{
        struct jk_sample *sample = &ticker->sample;
        unsigned int n = ticker->seen->cpus;
        double each = n > 0 ? fmin(busy_ns / n, (double)ticker->cpu_span_ns) : NAN;

        if (n == 0 || (isnan(busy_ns) && !has_states(ticker)))
                return 0;
        sample->flags |= JK_SAMPLE_CPUS;
        for (unsigned int i = 0; i < n; i++) {
                struct jk_cpu_reading *cpu = jk_sample_add_cpu(sample);

                if (!cpu)
                        return -ENOMEM;
                cpu->cpu = i;
                cpu->online = true;
                fill_states(ticker, cpu);
                if (isnan(busy_ns))
                        continue;
                cpu->busy_ns = (uint64_t)llround(each);
                cpu->idle_ns = (uint64_t)ticker->cpu_span_ns - cpu->busy_ns;
        }
        return 0;
}

/* Of the machine, or else the sum of its tasks' if all of that was seen. */
static double
find_busy_ns(const struct ticker *ticker)
{
        double sum = 0;

        if (!isnan(ticker->machine_ns))
                return ticker->machine_ns;
        if (!(ticker->sample.task_fields & JK_TASK_CPU))
                return NAN;
        for (size_t i = 0; i < ticker->n_listed; i++)
                sum += ticker->doing[ticker->listed[i]].did[JK_FEATURE_CPU];
        return sum;
}

static int
emit(struct ticker *ticker)
{
        struct jk_sample *sample = &ticker->sample;
        int r = begin_sample(ticker, ticker->now_ns);

        memcpy(sample->readings, ticker->readings, sizeof sample->readings);
        if (ticker->has_tasks)
                sample->flags |= JK_SAMPLE_TASKS;
        sample->task_fields = seen_fields(ticker);
        sample->events = seen_events(ticker);
        if (r == 0)
                r = add_cpus(ticker, find_busy_ns(ticker));
        for (size_t i = 0; r == 0 && i < ticker->n_listed; i++)
                r = add_task(ticker, ticker->listed[i]);
        if (r < 0)
                return jk_fail(ticker->err, r, "out of memory");
        ticker->take(ticker->data, sample);
        return 0;
}

/* A tick at which nothing is known: where the first begins, and where a gap ends. */
static int
emit_empty(struct ticker *ticker, int64_t time_ns)
{
        if (begin_sample(ticker, time_ns) < 0)
                return jk_fail(ticker->err, ENOMEM, "out of memory");
        ticker->take(ticker->data, &ticker->sample);
        return 0;
}

/* ---- one time after the other ---- */

static int64_t
find_span(const struct jk_stream *stream, int64_t now_ns)
{
        int64_t span_ns = stream->last_ns >= 0 ? now_ns - stream->last_ns : stream->interval_ns;

        if (stream->interval_ns > 0 &&
            (double)span_ns > GAP_TOLERANCE * (double)stream->interval_ns)
                return stream->interval_ns;
        return span_ns;
}

static void
find_spans(struct ticker *ticker, const struct jk_observation *items, size_t n)
{
        struct jk_observations *seen = ticker->seen;

        for (size_t i = 0; i < n; i++) {
                uint32_t index = seen->series[items[i].series].stream;
                struct jk_stream *stream = &seen->streams[index];

                if (stream->last_ns == ticker->now_ns)
                        continue;
                ticker->spans_ns[index] = find_span(stream, ticker->now_ns);
                stream->last_ns = ticker->now_ns;
                ticker->has_tasks = ticker->has_tasks || stream->has_tasks;
        }
}

static void
begin_tick(struct ticker *ticker, int64_t now_ns)
{
        ticker->now_ns = now_ns;
        ticker->covered_ns = ticker->cpu_span_ns = 0;
        ticker->n_listed = 0;
        ticker->has_tasks = false;
        ticker->machine_ns = NAN;
        for (size_t i = 0; i < JK_FEATURE_STATES; i++)
                ticker->states[i] = NAN;
        memset(ticker->readings, 0, sizeof ticker->readings);
}

static int
convert_tick(struct ticker *ticker, const struct jk_observation *items, size_t n)
{
        int64_t from_ns;
        int r = 0;

        begin_tick(ticker, items->time_ns);
        find_spans(ticker, items, n);
        for (size_t i = 0; r == 0 && i < n; i++)
                if (!ticker->seen->series[items[i].series].ignored)
                        r = add_item(ticker, &items[i]);
        if (r < 0)
                return r;

        from_ns = ticker->now_ns - ticker->covered_ns;
        if (ticker->covered_ns > 0 && (ticker->before_ns < 0 || from_ns > ticker->before_ns))
                r = emit_empty(ticker, from_ns > 0 ? from_ns : 0);
        return r < 0 ? r : emit(ticker);
}

static int
prepare(struct ticker *ticker)
{
        const struct jk_observations *seen = ticker->seen;

        ticker->spans_ns = calloc(seen->n_streams + 1, sizeof *ticker->spans_ns);
        ticker->doing = calloc(seen->n_tasks + 1, sizeof *ticker->doing);
        ticker->listed = calloc(seen->n_tasks + 1, sizeof *ticker->listed);
        ticker->event_counts =
                calloc(seen->n_tasks * seen->events.count + 1, sizeof *ticker->event_counts);
        if (!ticker->spans_ns || !ticker->doing || !ticker->listed || !ticker->event_counts)
                return jk_fail(ticker->err, ENOMEM, "out of memory");
        return 0;
}

static void
release(struct ticker *ticker)
{
        jk_sample_free(&ticker->sample);
        free(ticker->spans_ns);
        free(ticker->doing);
        free(ticker->listed);
        free(ticker->event_counts);
        free(ticker->counters);
        jk_map_free(&ticker->by_counter);
}

int
jk_ticks_convert(struct jk_observations *seen,
                 void (*take)(void *data, const struct jk_sample *sample), void *data,
                 struct jk_error *err)
{
        struct jk_error unused = { "" };
        struct ticker ticker = {
                .seen = seen,
                .take = take,
                .data = data,
                .err = err ? err : &unused,
                .before_ns = -1,
        };
        int r = prepare(&ticker);

        for (size_t i = 0, n; r == 0 && i < seen->n_items; i += n) {
                for (n = 1;
                     i + n < seen->n_items && seen->items[i + n].time_ns == seen->items[i].time_ns;)
                        n++;
                r = convert_tick(&ticker, &seen->items[i], n);
        }
        release(&ticker);
        return r;
}
