/* SPDX-License-Identifier: Apache-2.0
 *
 * Reducing HWPC reports to what the SmartWatts formula needs of them: see smartwatts-tick.h.
 */
#include "model/smartwatts-tick.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void
jk_smartwatts_tick_free(struct jk_smartwatts_tick *tick)
{
        jk_text_free(&tick->names);
        free(tick->targets);
        free(tick->counts);
        jk_map_free(&tick->by_name);
        *tick = (struct jk_smartwatts_tick){ 0 };
}

void
jk_smartwatts_tick_begin(struct jk_smartwatts_tick *tick, int64_t timestamp_ms)
{
        tick->timestamp_ms = timestamp_ms;
        jk_text_clear(&tick->names);
        tick->n_targets = 0;
        tick->n_counts = 0;
        jk_map_clear(&tick->by_name);
        tick->has_all = tick->has_msr = false;
        memset(tick->has_energy, 0, sizeof tick->has_energy);
}

uint64_t
jk_smartwatts_add(uint64_t a, uint64_t b)
{
        uint64_t sum;

        return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

uint64_t
jk_smartwatts_tick_count(const struct jk_smartwatts_tick *tick,
                         const struct jk_smartwatts_target *target, size_t event)
{
        return target->seen & UINT64_C(1) << event ? tick->counts[target->counts + event] : 0;
}

/* ---- the machine ---- */

struct mean {
        uint64_t sum;
        size_t n;
};

static double
mean_of(const struct mean *mean)
{
        return mean->n > 0 ? (double)mean->sum / (double)mean->n : 0;
}

/* The value of an event in a row, or NULL. */
static const uint64_t *
find_value(const struct jk_hwpc_report *report, const struct jk_hwpc_row *row, int event)
{
        for (size_t i = row->first; i < row->first + row->n; i++)
                if ((int)report->values[i].event == event)
                        return &report->values[i].count;
        return NULL;
}

/* All CPUs of a socket read the same meter: the first tells. */
static void
take_energy(struct jk_smartwatts_tick *tick, const struct jk_smartwatts_names *names,
            const struct jk_hwpc_report *report, const struct jk_hwpc_row *row)
{
        for (int scope = 0; scope < JK_SMARTWATTS_SCOPE_MAX; scope++) {
                const uint64_t *energy = find_value(report, row, names->meters[scope]);

                tick->has_energy[scope] = energy;
                tick->energy[scope] = energy ? *energy : 0;
        }
}

static void
add_event(struct mean *mean, const struct jk_hwpc_report *report, const struct jk_hwpc_row *row,
          int event)
{
        const uint64_t *count = find_value(report, row, event);

        mean->sum = jk_smartwatts_add(mean->sum, count ? *count : 0);
        mean->n++;
}

static void
take_machine(struct jk_smartwatts_tick *tick, const struct jk_smartwatts_names *names,
             const struct jk_hwpc_report *report, uint32_t socket)
{
        struct mean aperf = { 0 }, mperf = { 0 };
        bool has_rapl = false;

        tick->has_all = true;
        memset(tick->has_energy, 0, sizeof tick->has_energy);
        for (size_t i = 0; i < report->n_rows; i++) {
                const struct jk_hwpc_row *row = &report->rows[i];

                if (row->socket != socket)
                        continue;
                if ((int)row->group == names->rapl && !has_rapl) {
                        take_energy(tick, names, report, row);
                        has_rapl = true;
                }
                if ((int)row->group == names->msr) {
                        add_event(&aperf, report, row, names->aperf);
                        add_event(&mperf, report, row, names->mperf);
                }
        }
        tick->has_msr = mperf.n > 0;
        tick->aperf = mean_of(&aperf);
        tick->mperf = mean_of(&mperf);
}

/* ---- events ---- */

static void
sort_in(struct jk_smartwatts_events *events, const struct jk_hwpc_names *names, size_t event)
{
        const char *name = names->names[events->ids[event]];
        size_t at = event;

        while (at > 0 && strcmp(names->names[events->ids[events->by_name[at - 1]]], name) > 0) {
                events->by_name[at] = events->by_name[at - 1];
                at--;
        }
        events->by_name[at] = (uint8_t)event;
}

static int
event_index(struct jk_smartwatts_events *events, const struct jk_hwpc_names *names, uint32_t id)
{
        for (size_t i = 0; i < events->n; i++)
                if (events->ids[i] == id)
                        return (int)i;
        if (events->n == JK_SMARTWATTS_FEATURES_MAX)
                return -ENOSPC;
        events->ids[events->n] = id;
        sort_in(events, names, events->n);
        return (int)events->n++;
}

/* ---- targets ---- */

static int
sum_row(const struct jk_hwpc_report *report, const struct jk_hwpc_row *row,
        struct jk_smartwatts_events *events, const struct jk_smartwatts_names *names,
        uint64_t *sums, uint64_t *seen)
{
        for (size_t i = row->first; i < row->first + row->n; i++) {
                const struct jk_hwpc_value *value = &report->values[i];
                int event;

                if ((int)value->event == names->time_enabled ||
                    (int)value->event == names->time_running)
                        continue;
                event = event_index(events, names->all, value->event);
                if (event < 0)
                        return event;
                sums[event] = jk_smartwatts_add(sums[event], value->count);
                *seen |= UINT64_C(1) << event;
        }
        return 0;
}

/* The target of that name, a new one if there is none: 0 or a negative errno. */
static int
find_target(struct jk_smartwatts_tick *tick, const char *name,
            struct jk_smartwatts_target **ret_target)
{
        uint64_t hash = jk_hwpc_hash(name);
        size_t n = tick->n_targets;
        uint32_t at, last = UINT32_MAX;

        if (jk_map_get(&tick->by_name, hash, &at)) {
                for (; at != last; at = tick->targets[at].next) {
                        if (strcmp(tick->names.data + tick->targets[at].name, name) == 0) {
                                *ret_target = &tick->targets[at];
                                return 0;
                        }
                        last = at;
                }
        }
        if (n == JK_SMARTWATTS_TARGETS_MAX)
                return -ENOSPC;
        if (jk_array_grow(&tick->targets, &tick->targets_capacity, n + 1) < 0 ||
            (last == UINT32_MAX && jk_map_put(&tick->by_name, hash, (uint32_t)n) < 0))
                return -ENOMEM;
        if (last != UINT32_MAX)
                tick->targets[last].next = (uint32_t)n;
        tick->targets[n] = (struct jk_smartwatts_target){
                .name = tick->names.length,
                .next = (uint32_t)n,
        };
        jk_text_bytes(&tick->names, name, strlen(name) + 1);
        *ret_target = &tick->targets[n];
        tick->n_targets++;
        return tick->names.failed ? -ENOMEM : 0;
}

static int
take_target(struct jk_smartwatts_tick *tick, struct jk_smartwatts_events *events,
            const struct jk_smartwatts_names *names, const struct jk_hwpc_report *report,
            uint32_t socket)
{
        uint64_t sums[JK_SMARTWATTS_FEATURES_MAX] = { 0 }, seen = 0;
        struct jk_smartwatts_target *target;
        int r;

        for (size_t i = 0; i < report->n_rows; i++) {
                const struct jk_hwpc_row *row = &report->rows[i];

                if (row->socket != socket || (int)row->group != names->core)
                        continue;
                r = sum_row(report, row, events, names, sums, &seen);
                if (r < 0)
                        return r;
        }
        if (!seen)
                return -ENODATA;
        if (jk_array_grow(&tick->counts, &tick->counts_capacity, tick->n_counts + events->n) < 0)
                return -ENOMEM;
        r = find_target(tick, report->target.data, &target);
        if (r < 0)
                return r;
        target->seen = seen;
        target->counts = tick->n_counts;
        memcpy(tick->counts + tick->n_counts, sums, events->n * sizeof *sums);
        tick->n_counts += events->n;
        return 0;
}

int
jk_smartwatts_tick_take(struct jk_smartwatts_tick *tick, struct jk_smartwatts_events *events,
                        const struct jk_smartwatts_names *names,
                        const struct jk_hwpc_report *report, uint32_t socket)
{
        if (strcmp(report->target.data, "all") != 0)
                return take_target(tick, events, names, report, socket);
        take_machine(tick, names, report, socket);
        return 0;
}
