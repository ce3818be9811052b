/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the SmartWatts formula share: reports made up, and what came out, kept.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "model/smartwatts-formula.h"

struct power {
        int64_t timestamp_ms;
        char target[64];
        uint32_t socket;
        enum jk_smartwatts_scope scope;
        double power_w, ratio;
        char formula[64];
};

struct bench {
        struct jk_hwpc_names names;
        struct jk_smartwatts_formula *formula;
        struct jk_hwpc_report report;
        struct power *powers;
        size_t n_powers, capacity;
        unsigned complaints[JK_SMARTWATTS_PROBLEM_MAX];
        char complaint[512]; /* the latest */
};

static inline void
bench_power(void *data, const struct jk_smartwatts_power *power)
{
        struct bench *bench = data;
        struct power *kept;

        if (jk_array_grow(&bench->powers, &bench->capacity, bench->n_powers + 1) < 0)
                return; /* out of memory, as some tests have it */
        kept = &bench->powers[bench->n_powers++];
        *kept = (struct power){
                .timestamp_ms = power->timestamp_ms,
                .socket = power->socket,
                .scope = power->scope,
                .power_w = power->power_w,
                .ratio = power->ratio,
        };
        snprintf(kept->target, sizeof kept->target, "%s", power->target);
        snprintf(kept->formula, sizeof kept->formula, "%s", power->formula);
}

static inline void
bench_complain(void *data, enum jk_smartwatts_problem problem, const char *message)
{
        struct bench *bench = data;

        bench->complaints[problem]++;
        snprintf(bench->complaint, sizeof bench->complaint, "%s", message);
}

static inline int
bench_open(struct bench *bench, const struct jk_smartwatts_options *options)
{
        struct jk_smartwatts_sink sink = { bench_power, bench_complain, NULL };

        *bench = (struct bench){ 0 };
        sink.data = bench;
        return jk_smartwatts_open(options, &bench->names, &sink, &bench->formula, NULL);
}

static inline void
bench_close(struct bench *bench)
{
        jk_smartwatts_close(bench->formula);
        jk_hwpc_report_free(&bench->report);
        jk_hwpc_names_free(&bench->names);
        free(bench->powers);
}

/* ---- reports made up ---- */

static inline int
bench_row(struct bench *bench, const char *group, uint32_t socket, uint32_t cpu)
{
        int id = jk_hwpc_names_id(&bench->names, group);

        return id < 0 ? id : jk_hwpc_report_add_row(&bench->report, (uint32_t)id, socket, cpu);
}

static inline int
bench_value(struct bench *bench, const char *event, uint64_t count)
{
        int id = jk_hwpc_names_id(&bench->names, event);

        return id < 0 ? id : jk_hwpc_report_add_value(&bench->report, (uint32_t)id, count);
}

/* What the machine says of a socket with two CPUs, at a power in the period of 1 s and at a
 * frequency (base 2,000 MHz). A frequency below 0: MPERF is 0. */
static inline int
bench_machine_rows(struct bench *bench, uint32_t socket, double power_w, int mhz)
{
        int r = bench_row(bench, "rapl", socket, 3);

        if (r == 0)
                r = bench_value(bench, "RAPL_ENERGY_PKG", (uint64_t)(power_w * 4294967296.0));
        for (uint32_t cpu = 0; cpu < 2 && r == 0; cpu++) {
                r = bench_row(bench, "msr", socket, cpu);
                if (r == 0)
                        r = bench_value(bench, "APERF", (uint64_t)(mhz < 0 ? 5 : mhz) * 500);
                if (r == 0)
                        r = bench_value(bench, "MPERF", mhz < 0 ? 0 : 2000 * 500);
        }
        return r;
}

/* What a target used on two CPUs of a socket: cycles, and the caches missed now and then. */
static inline int
bench_target_rows(struct bench *bench, uint32_t socket, uint64_t cycles)
{
        int r = 0;

        for (uint32_t cpu = 0; cpu < 2 && r == 0; cpu++) {
                r = bench_row(bench, "core", socket, cpu);
                if (r == 0)
                        r = bench_value(bench, "CYCLES", cycles / 2);
                if (r == 0)
                        r = bench_value(bench, "MISSES", cycles % 997);
                if (r == 0)
                        r = bench_value(bench, "time_enabled", 1000000000);
        }
        return r;
}

static inline int
bench_begin(struct bench *bench, int64_t second, const char *target)
{
        return jk_hwpc_report_begin(&bench->report, 1000 * second, "s", target);
}

static inline int
bench_take(struct bench *bench)
{
        return jk_smartwatts_take(bench->formula, &bench->report);
}

static inline int
bench_machine(struct bench *bench, int64_t second, uint32_t socket, double power_w, int mhz)
{
        int r = bench_begin(bench, second, "all");

        if (r == 0)
                r = bench_machine_rows(bench, socket, power_w, mhz);
        return r < 0 ? r : bench_take(bench);
}

static inline int
bench_target(struct bench *bench, int64_t second, uint32_t socket, const char *target,
             uint64_t cycles)
{
        int r = bench_begin(bench, second, target);

        if (r == 0)
                r = bench_target_rows(bench, socket, cycles);
        return r < 0 ? r : bench_take(bench);
}

/* ---- what came out ---- */

static inline const struct power *
bench_find(const struct bench *bench, int64_t second, const char *target, uint32_t socket)
{
        for (size_t i = 0; i < bench->n_powers; i++) {
                const struct power *power = &bench->powers[i];

                if (power->timestamp_ms == 1000 * second && power->socket == socket &&
                    strcmp(power->target, target) == 0)
                        return power;
        }
        return NULL;
}

/* The report of the same time, target, socket and scope. */
static inline const struct power *
bench_find_same(const struct bench *bench, const struct power *row)
{
        for (size_t i = 0; i < bench->n_powers; i++) {
                const struct power *power = &bench->powers[i];

                if (power->timestamp_ms == row->timestamp_ms && power->socket == row->socket &&
                    power->scope == row->scope && strcmp(power->target, row->target) == 0)
                        return power;
        }
        return NULL;
}
