/* SPDX-License-Identifier: Apache-2.0
 *
 * Features of a tick: see features.h.
 */
#include "model/features.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/array.h"
#include "model/load.h"

/* Of all rates together, and of each at most 1: many counted events must not drown frequency and
 * temperature in noise. */
#define RATES_IMPORTANCE  2.4
#define RATIO_IMPORTANCE  0.5
#define STATE_IMPORTANCE  0.5
#define RECENT_IMPORTANCE 0.3

/* So many ticks in a row something may be missing before it is given up: a counter that flickers
 * must not cost what was learned. */
#define PATIENCE 60

enum state { FREQUENCY = 1 << 0, TEMPERATURE = 1 << 1, VOLTAGE = 1 << 2 };

/* A rate of more than so many times the most there was is doubted. Each doubt raises what will be
 * believed by as much: a load that is really there is soon learned, one wild count never is. */
#define DOUBTFUL 10.0

/* Of power that depends on what was before: regulators and fans within seconds, heat within
 * minutes, and readings that were averaged by whoever took them. */
#define RECENT_S 30

static const struct counted {
        enum jk_task_field field;
        size_t offset;
} counted[] = {
        { JK_TASK_CPU, offsetof(struct jk_task_record, cpu_ns) },
        { JK_TASK_CYCLES, offsetof(struct jk_task_record, cycles) },
        { JK_TASK_INSTRUCTIONS, offsetof(struct jk_task_record, instructions) },
        { JK_TASK_LLC_MISSES, offsetof(struct jk_task_record, llc_misses) },
};

/* One as a part of another, which says how the work was done. */
static const struct {
        enum jk_task_field part, of;
} ratios[] = {
        { JK_TASK_CYCLES, JK_TASK_CPU },
        { JK_TASK_INSTRUCTIONS, JK_TASK_CYCLES },
        { JK_TASK_LLC_MISSES, JK_TASK_INSTRUCTIONS },
};

static uint32_t
counted_fields(const struct jk_sample *sample)
{
        uint32_t fields = 0;

        for (size_t i = 0; i < JK_COUNT(counted); i++)
                fields |= sample->task_fields & (uint32_t)counted[i].field;
        return fields;
}

static double
event_of(const struct jk_sample *sample, size_t task, size_t column)
{
        size_t n_events = jk_sample_n_events(sample);

        return column < n_events ? (double)sample->task_events[task * n_events + column] : 0;
}

/* The part of a task's time on its CPUs that falls to it where a core's threads share it evenly. */
static double
core_part_of(const struct jk_features *features, const struct jk_sample *sample, size_t task)
{
        uint64_t cpu_ns = sample->tasks[task].cpu_ns;
        double shared_ns;

        if (!features->has_cores || cpu_ns == 0)
                return 1;

        shared_ns = event_of(sample, task, (size_t)features->shared);
        return shared_ns > 0 ? 1 - 0.5 * fmin(shared_ns / (double)cpu_ns, 1) : 1;
}

static double
count_of(const struct jk_rate *rate, const struct jk_sample *sample, size_t task)
{
        const struct jk_task_record *record = &sample->tasks[task];
        double count = rate->field
                               ? (double)*(const uint64_t *)((const char *)record + rate->column)
                               : event_of(sample, task, rate->column);

        if (!rate->is_split || count <= 0)
                return count;

        /* Without CPU time nothing tells where it was. */
        return record->cpu_ns > 0
                       ? count * event_of(sample, task, rate->time) / (double)record->cpu_ns
                       : 0;
}

/* ---- the set ---- */

static void
add_rate(struct jk_features *features, struct jk_rate rate)
{
        if (features->n_rates < JK_RATES_COUNTED_MAX)
                features->rates[features->n_rates++] = rate;
}

static void
add_coordinate(struct jk_features *features, double importance)
{
        features->importance[features->n++] = importance;
}

static bool
has(const struct jk_features *features, enum jk_task_field field)
{
        return jk_features_find(features, field, -1) < features->n_rates;
}

/* What was counted anywhere, as it was counted on each package: on all, or (where there is no room)
 * on none. */
static void
split_rate(struct jk_features *features, const struct jk_event_table *events, struct jk_rate rate)
{
        size_t n = 0;

        for (size_t i = 0; i < events->count; i++)
                n += jk_event_tells_package(&events->events[i]);
        if (features->n_rates + n > JK_RATES_COUNTED_MAX)
                return;
        for (size_t i = 0; i < events->count; i++) {
                if (!jk_event_tells_package(&events->events[i]))
                        continue;
                rate.package = events->events[i].package;
                rate.time = i;
                rate.is_split = true;
                add_rate(features, rate);
        }
}

/* What costs less on a shared core: time and cycles. An instruction is the same work anywhere. */
static bool
is_shared(const struct jk_rate *rate)
{
        return rate->field & (JK_TASK_CPU | JK_TASK_CYCLES);
}

/* Core time beside all thread time, or (where there is no room) beside none. */
static void
add_cores(struct jk_features *features)
{
        size_t n = 0;

        for (size_t i = 0; i < features->n_counted; i++)
                n += is_shared(&features->rates[i]);
        if (features->n_counted + n > JK_RATES_MAX)
                return;
        for (size_t i = 0; i < features->n_counted; i++) {
                if (!is_shared(&features->rates[i]))
                        continue;
                features->cores[i] = (uint8_t)features->n_rates;
                features->rates[features->n_rates] = features->rates[i];
                features->rates[features->n_rates++].of_cores = true;
        }
        features->has_cores = n > 0;
}

/* The fields and events, and then those that are not known by package as the packages have them. */
static void
add_counted(struct jk_features *features)
{
        size_t n_whole;

        for (size_t i = 0; i < JK_COUNT(counted); i++)
                if (features->task_fields & (uint32_t)counted[i].field)
                        add_rate(features, (struct jk_rate){ .field = counted[i].field,
                                                             .column = counted[i].offset,
                                                             .package = -1 });
        for (size_t i = 0; i < features->events.count; i++)
                if (!jk_event_tells_place(&features->events.events[i]))
                        add_rate(features,
                                 (struct jk_rate){ .column = i,
                                                   .package = features->events.events[i].package });
        n_whole = features->n_rates;
        for (size_t i = 0; i < n_whole; i++)
                if (features->rates[i].package < 0)
                        split_rate(features, &features->events, features->rates[i]);
}

static void
choose(struct jk_features *features, const struct jk_sample *sample, uint32_t fields,
       unsigned states)
{
        *features = (struct jk_features){
                .task_fields = fields,
                .states = states,
                .seen_fields = fields,
                .voltage2 = 1,
                .is_new = true,
                .wants_cores = features->wants_cores,
                .shared = jk_load_find_shared(sample),
        };
        if (sample->events)
                features->events = *sample->events;

        add_counted(features);
        features->n_counted = features->n_rates;
        if (features->wants_cores && features->shared >= 0)
                add_cores(features);

        for (size_t i = 0; i < features->n_rates; i++)
                add_coordinate(features, fmin(1, RATES_IMPORTANCE / (double)features->n_rates));
        for (size_t i = 0; i < JK_COUNT(ratios); i++)
                if (has(features, ratios[i].part) && has(features, ratios[i].of))
                        add_coordinate(features, RATIO_IMPORTANCE);
        for (unsigned state = FREQUENCY; state <= VOLTAGE; state <<= 1)
                if (states & state)
                        add_coordinate(features, STATE_IMPORTANCE);
        add_coordinate(features, RECENT_IMPORTANCE);
}

/* ---- a tick ---- */

struct states {
        unsigned seen;
        double frequency_ghz, temperature_c, voltage_v;
};

/* Means over the CPUs that tell; the frequency's is by how busy each was. */
static struct states
states_of(const struct jk_sample *sample)
{
        double busy = 0, frequency = 0, temperature = 0, voltage = 0;
        size_t n_temperatures = 0, n_voltages = 0;
        struct states states = { 0 };

        for (size_t i = 0; i < sample->n_cpus; i++) {
                const struct jk_cpu_reading *cpu = &sample->cpus[i];
                double busy_ns = (double)cpu->busy_ns + 1; /* an idle machine has a frequency */

                if (cpu->frequency_seen) {
                        frequency += busy_ns * (double)cpu->frequency_khz / 1e6;
                        busy += busy_ns;
                }
                if (cpu->temperature_seen) {
                        temperature += (double)cpu->temperature_mc / 1e3;
                        n_temperatures++;
                }
                if (cpu->voltage_seen) {
                        voltage += (double)cpu->voltage_uv / 1e6;
                        n_voltages++;
                }
        }

        if (busy > 0) {
                states.seen |= FREQUENCY;
                states.frequency_ghz = frequency / busy;
        }
        if (n_temperatures > 0) {
                states.seen |= TEMPERATURE;
                states.temperature_c = temperature / (double)n_temperatures;
        }
        if (n_voltages > 0 && voltage > 0) {
                states.seen |= VOLTAGE;
                states.voltage_v = voltage / (double)n_voltages;
        }
        return states;
}

static void
add_up_rates(struct jk_features *features, const struct jk_sample *sample)
{
        double elapsed_s = (double)sample->elapsed_ns / 1e9;
        double sums[JK_RATES_MAX] = { 0 };

        for (size_t task = 0; task < sample->n_tasks; task++) {
                double core_part = core_part_of(features, sample, task);

                for (size_t i = 0; i < features->n_counted; i++) {
                        double count = count_of(&features->rates[i], sample, task);

                        sums[i] += count;
                        if (features->cores[i])
                                sums[features->cores[i]] += count * core_part;
                }
        }
        for (size_t i = 0; i < features->n_rates; i++)
                features->values[i] = features->voltage2 * sums[i] / elapsed_s;
}

static bool
is_doubtful(struct jk_features *features)
{
        bool doubtful = false;

        for (size_t i = 0; i < features->n_rates; i++) {
                double *most = &features->most[i];

                if (*most > 0 && features->values[i] > DOUBTFUL * *most) {
                        *most *= DOUBTFUL;
                        doubtful = true;
                } else {
                        *most = fmax(*most, features->values[i]);
                }
        }
        return doubtful;
}

/* A ratio of nothing to nothing is what it was. */
static size_t
set_ratios(struct jk_features *features, size_t next)
{
        for (size_t i = 0; i < JK_COUNT(ratios); i++) {
                size_t part = jk_features_find(features, ratios[i].part, -1);
                size_t of = jk_features_find(features, ratios[i].of, -1);

                if (part == features->n_rates || of == features->n_rates)
                        continue;
                if (features->values[of] > 0)
                        features->values[next] = features->values[part] / features->values[of];
                next++;
        }
        return next;
}

static size_t
set_states(struct jk_features *features, const struct states *states, size_t next)
{
        const double values[] = { states->frequency_ghz, states->temperature_c, states->voltage_v };

        for (size_t i = 0; i < JK_COUNT(values); i++) {
                if (!(features->states & (1U << i)))
                        continue;
                if (states->seen & (1U << i))
                        features->values[next] = values[i];
                next++;
        }
        return next;
}

static void
set_recent(struct jk_features *features, double elapsed_s, size_t next)
{
        double now = features->values[jk_features_leading(features, -1)];
        double part = features->started ? 1 - exp(-elapsed_s / RECENT_S) : 1;

        features->recent += part * (now - features->recent);
        features->values[next] = features->recent;
        features->started = true;
}

/* What is counted by name, compared with what the set was made of: those it was, more than those,
 * the first of them only, or others, whatever their number. */
enum events_now { EVENTS_SAME, EVENTS_MORE, EVENTS_FEWER, EVENTS_OTHER };

static enum events_now
compare_events(const struct jk_features *features, const struct jk_sample *sample)
{
        static const struct jk_event_table none = { .count = 0 };
        const struct jk_event_table *now = sample->events ? sample->events : &none;

        if (jk_events_continue(now, &features->events))
                return now->count == features->events.count ? EVENTS_SAME : EVENTS_MORE;

        return jk_events_continue(&features->events, now) ? EVENTS_FEWER : EVENTS_OTHER;
}

/* Make the set anew where there is more to see, or where there has been less for long. What is
 * missing in this tick only is not given up for what is new in it; but counts of other events mean
 * something else from this tick on. */
static void
follow(struct jk_features *features, const struct jk_sample *sample, unsigned states)
{
        bool is_still = sample->n_tasks == 0; /* nobody did anything: then nothing is missing */
        uint32_t fields = counted_fields(sample) | (is_still ? features->task_fields : 0);
        enum events_now events = compare_events(features, sample);
        bool more = features->n == 0 || (fields & ~features->task_fields) ||
                    events == EVENTS_MORE || events == EVENTS_OTHER || (states & ~features->states);
        bool less = (features->task_fields & ~fields) || (events == EVENTS_FEWER && !is_still) ||
                    (features->states & ~states);

        features->n_less = less ? features->n_less + 1 : 0;
        if (features->n_less > PATIENCE)
                choose(features, sample, fields, states);
        else if (more)
                choose(features, sample, fields | features->task_fields, states | features->states);
        features->seen_fields = fields;
        features->seen_states |= states;
}

/* Whether the values can be told of this tick: all counts are there, all states are or were. */
static bool
is_whole(const struct jk_features *features, const struct jk_sample *sample)
{
        return features->seen_fields == features->task_fields &&
               (features->events.count == jk_sample_n_events(sample) || sample->n_tasks == 0) &&
               features->seen_states == features->states;
}

enum jk_features_change
jk_features_observe(struct jk_features *features, const struct jk_sample *sample)
{
        struct states states = states_of(sample);
        enum jk_features_change change;
        size_t next;

        follow(features, sample, states.seen);
        if (!is_whole(features, sample))
                return JK_FEATURES_LESS;
        change = features->is_new ? JK_FEATURES_OTHER : JK_FEATURES_SAME;
        features->is_new = false;
        if (features->n_rates == 0)
                return change;

        if (states.seen & VOLTAGE)
                features->voltage2 = states.voltage_v * states.voltage_v;
        add_up_rates(features, sample);
        next = set_ratios(features, features->n_rates);
        next = set_states(features, &states, next);
        if (is_doubtful(features))
                return JK_FEATURES_DOUBTFUL;

        set_recent(features, (double)sample->elapsed_ns / 1e9, next);
        return change;
}

size_t
jk_features_find(const struct jk_features *features, enum jk_task_field field, int package)
{
        size_t found = features->n_rates;

        if (!(features->seen_fields & (uint32_t)field))
                return found;

        for (size_t i = 0; i < features->n_rates; i++) {
                const struct jk_rate *rate = &features->rates[i];

                if (rate->field != field || rate->of_cores)
                        continue;
                if (rate->package == package)
                        return i;
                if (rate->package < 0)
                        found = i;
        }
        return found;
}

size_t
jk_features_cores(const struct jk_features *features, size_t rate)
{
        return features->cores[rate] ? features->cores[rate] : features->n_rates;
}

size_t
jk_features_leading(const struct jk_features *features, int package)
{
        size_t i = jk_features_find(features, JK_TASK_CYCLES, package);

        if (i == features->n_rates)
                i = jk_features_find(features, JK_TASK_CPU, package);

        return i < features->n_rates ? i : 0;
}

/* An event that is not known by package stands for it only where it could not be split. */
static bool
event_suits(const struct jk_features *features, size_t rate, int package)
{
        const struct jk_rate *it = &features->rates[rate];

        if (it->package >= 0)
                return it->package == package || (package < 0 && !it->is_split);
        for (size_t i = 0; package >= 0 && i < features->n_counted; i++) {
                const struct jk_rate *other = &features->rates[i];

                if (other->is_split && !other->field && other->column == it->column &&
                    other->package == package)
                        return false;
        }
        return true;
}

bool
jk_features_suit(const struct jk_features *features, size_t rate, int package)
{
        const struct jk_rate *it = &features->rates[rate];
        size_t known;

        if (!it->field)
                return event_suits(features, rate, package);

        known = jk_features_find(features, it->field, package);
        return known == rate || (it->of_cores && known < features->n_rates &&
                                 jk_features_cores(features, known) == rate);
}

double
jk_features_weigh(const struct jk_features *features, const struct jk_sample *sample, size_t task,
                  const double weights[JK_RATES_MAX])
{
        double core_part = core_part_of(features, sample, task), sum = 0;

        for (size_t i = 0; i < features->n_counted; i++) {
                double weight = weights[i];

                if (features->cores[i])
                        weight += core_part * weights[features->cores[i]];
                if (weight > 0)
                        sum += weight * count_of(&features->rates[i], sample, task);
        }
        return sum;
}
