/* SPDX-License-Identifier: Apache-2.0
 *
 * What was put together for a tick, as a sample: see ticker.h.
 */
#include "import/ticker.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"

/* The monotonic clock of the first tick: 0 would be none. */
#define CLOCK_START_NS JK_NS_PER_S

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
                const struct doing *doing = &ticker->doing[ticker->listed[i]];

                any |= doing->has;
                all &= doing->has & ~doing->lacks;
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
                if ((ticker->doing[ticker->listed[i]].has_events &
                     ~ticker->doing[ticker->listed[i]].lacks_events) != all)
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
                        (uint64_t)llround(jk_ticker_event_counts(ticker, index)[i]);
}

/* Of a long name both ends, as those of many tasks begin alike, or end alike. */
static void
shorten(char comm[JK_COMM_SIZE], const char *name)
{
        size_t length = strlen(name), end = (JK_COMM_SIZE - 2) / 2;

        if (length < JK_COMM_SIZE)
                memcpy(comm, name, length + 1);
        else
                snprintf(comm, JK_COMM_SIZE, "%.*s~%s", (int)(JK_COMM_SIZE - 2 - end), name,
                         name + length - end);
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
        shorten(task->comm, who->name);
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

static double
state_of(const struct ticker *ticker, enum jk_feature state)
{
        return ticker->states[state - JK_FEATURE_FREQUENCY];
}

static void
fill_states(const struct ticker *ticker, struct jk_cpu_reading *cpu)
{
        double frequency_khz = state_of(ticker, JK_FEATURE_FREQUENCY);
        double temperature_mc = state_of(ticker, JK_FEATURE_TEMPERATURE);
        double voltage_uv = state_of(ticker, JK_FEATURE_VOLTAGE);

        cpu->frequency_seen = !isnan(frequency_khz);
        if (cpu->frequency_seen)
                cpu->frequency_khz = (uint32_t)frequency_khz;
        cpu->temperature_seen = !isnan(temperature_mc);
        if (cpu->temperature_seen)
                cpu->temperature_mc = (int32_t)lround(temperature_mc);
        cpu->voltage_seen = !isnan(voltage_uv);
        if (cpu->voltage_seen)
                cpu->voltage_uv = (uint32_t)llround(voltage_uv);
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

int
jk_ticker_emit(struct ticker *ticker)
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

int
jk_ticker_emit_empty(struct ticker *ticker, int64_t time_ns)
{
        if (begin_sample(ticker, time_ns) < 0)
                return jk_fail(ticker->err, ENOMEM, "out of memory");
        ticker->take(ticker->data, &ticker->sample);
        return 0;
}
