/* SPDX-License-Identifier: Apache-2.0
 *
 * From observations to samples: see ticks.h.
 */
#include "import/ticks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "import/ticker.h"
#include "record/codec.h"

/* Up to this much more than the interval, what was seen came late; beyond it something is missing.
 */
#define GAP_TOLERANCE 1.5

#define DAY_NS (24 * 3600 * JK_NS_PER_S)

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
        int64_t span_ns = item->span_ns > 0 ? item->span_ns : ticker->spans_ns[series->stream];

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

static struct doing *
list(struct ticker *ticker, uint32_t task)
{
        struct doing *doing = &ticker->doing[task];

        if (doing->listed)
                return doing;
        *doing = (struct doing){ .listed = true, .known = doing->known, .told = doing->told };
        for (size_t i = 0; i < ticker->seen->events.count; i++)
                jk_ticker_event_counts(ticker, task)[i] = 0;
        ticker->listed[ticker->n_listed++] = task;
        return doing;
}

static int
add_of_task(struct ticker *ticker, const struct jk_series *series,
            const struct jk_observation *item, const struct amount *amount)
{
        struct doing *doing = list(ticker, item->task);
        bool is_event = series->feature == JK_FEATURE_EVENT;
        double *did = is_event ? &jk_ticker_event_counts(ticker, item->task)[series->event]
                               : &doing->did[series->feature];
        uint32_t *has = is_event ? &doing->has_events : &doing->has;
        uint32_t *lacks = is_event ? &doing->lacks_events : &doing->lacks;
        uint32_t bit = UINT32_C(1) << (is_event ? series->event : (int)series->feature);

        ticker->has_tasks = true;
        if (isnan(amount->value)) {
                *lacks |= bit;
                return 0;
        }
        if (*did + amount->value > (double)JK_RECORDED_MAX)
                return refuse(ticker, item, "is more than any machine does");
        *did += amount->value;
        *has |= bit;
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
                r = jk_ticker_emit_empty(ticker, from_ns > 0 ? from_ns : 0);
        return r < 0 ? r : jk_ticker_emit(ticker);
}

/* Room for all streams, tasks and events that there are by now. */
static int
prepare(struct ticker *ticker)
{
        const struct jk_observations *seen = ticker->seen;
        size_t n_counts = seen->n_tasks * seen->events.count;

        if (jk_array_grow(&ticker->spans_ns, &ticker->spans_capacity, seen->n_streams + 1) < 0 ||
            jk_array_grow(&ticker->doing, &ticker->doing_capacity, seen->n_tasks + 1) < 0 ||
            jk_array_grow(&ticker->listed, &ticker->listed_capacity, seen->n_tasks + 1) < 0 ||
            jk_array_grow(&ticker->event_counts, &ticker->event_counts_capacity, n_counts + 1) < 0)
                return jk_fail(ticker->err, ENOMEM, "out of memory");
        return 0;
}

int
jk_ticks_open(struct jk_observations *seen,
              void (*take)(void *data, const struct jk_sample *sample), void *data,
              struct ticker **ret_ticker, struct jk_error *err)
{
        struct ticker *ticker = calloc(1, sizeof *ticker);

        if (!ticker)
                return jk_fail(err, ENOMEM, "out of memory");
        ticker->seen = seen;
        ticker->take = take;
        ticker->data = data;
        ticker->before_ns = -1;
        *ret_ticker = ticker;
        return 0;
}

void
jk_ticks_close(struct ticker *ticker)
{
        if (!ticker)
                return;
        jk_sample_free(&ticker->sample);
        free(ticker->spans_ns);
        free(ticker->doing);
        free(ticker->listed);
        free(ticker->event_counts);
        free(ticker->counters);
        jk_map_free(&ticker->by_counter);
        free(ticker);
}

int
jk_ticks_feed(struct ticker *ticker, struct jk_error *err)
{
        struct jk_observations *seen = ticker->seen;
        struct jk_error unused = { "" };
        int r;

        ticker->err = err ? err : &unused;
        r = prepare(ticker);
        for (size_t i = 0, n; r == 0 && i < seen->n_items; i += n) {
                for (n = 1;
                     i + n < seen->n_items && seen->items[i + n].time_ns == seen->items[i].time_ns;)
                        n++;
                r = convert_tick(ticker, &seen->items[i], n);
        }
        seen->n_items = 0;
        return r;
}

int
jk_ticks_convert(struct jk_observations *seen,
                 void (*take)(void *data, const struct jk_sample *sample), void *data,
                 struct jk_error *err)
{
        struct ticker *ticker;
        int r = jk_ticks_open(seen, take, data, &ticker, err);

        if (r < 0)
                return r;
        r = jk_ticks_feed(ticker, err);
        jk_ticks_close(ticker);
        return r;
}
