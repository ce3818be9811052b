/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of features share: a sample that is filled by hand, and the features of it.
 */
#pragma once

#include "tests/unit/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/features.h"

#define ALL_COUNTERS (JK_TASK_CPU | JK_TASK_CYCLES | JK_TASK_INSTRUCTIONS | JK_TASK_LLC_MISSES)

struct fixture {
        struct jk_sample sample;
        struct jk_event_table events;
        struct jk_features features;
        struct jk_instant now;
};

static inline int
set_up(void **state)
{
        struct fixture *f = calloc(1, sizeof *f);

        jk_sample_init(&f->sample);
        *state = f;
        return 0;
}

static inline int
tear_down(void **state)
{
        struct fixture *f = *state;

        jk_sample_free(&f->sample);
        free(f);
        return 0;
}

/* An empty tick of so many seconds in which those fields are seen. */
static inline void
begin(struct fixture *f, uint32_t fields, double elapsed_s)
{
        f->now.monotonic_ns += (int64_t)(elapsed_s * 1e9);
        f->now.boottime_ns = f->now.realtime_ns = f->now.monotonic_ns;
        jk_sample_begin(&f->sample, &f->now);
        f->sample.elapsed_ns = (int64_t)(elapsed_s * 1e9);
        f->sample.flags |= JK_SAMPLE_TASKS;
        f->sample.task_fields = fields;
        f->sample.events = f->events.count > 0 ? &f->events : NULL;
}

static inline size_t
add_task(struct fixture *f, uint64_t cpu_ns, uint64_t cycles, uint64_t instructions,
         uint64_t llc_misses)
{
        struct jk_task_record *task = jk_sample_add_task(&f->sample);

        assert_non_null(task);
        task->cpu_ns = cpu_ns;
        task->cycles = cycles;
        task->instructions = instructions;
        task->llc_misses = llc_misses;
        return f->sample.n_tasks - 1;
}

static inline void
add_event(struct fixture *f, int package)
{
        struct jk_event event = { .package = package };

        snprintf(event.name, sizeof event.name, "EVENT_%zu", f->events.count);
        assert_true(jk_event_add(&f->events, &event) >= 0);
}

static inline struct jk_cpu_reading *
add_cpu(struct fixture *f, uint64_t busy_ns)
{
        struct jk_cpu_reading *cpu = jk_sample_add_cpu(&f->sample);

        assert_non_null(cpu);
        cpu->online = true;
        cpu->busy_ns = busy_ns;
        return cpu;
}

static inline enum jk_features_change
observe(struct fixture *f)
{
        enum jk_features_change change = jk_features_observe(&f->features, &f->sample);

        assert_true(f->features.n <= JK_COORDINATES_MAX);
        assert_true(f->features.n_rates <= JK_RATES_MAX);
        for (size_t i = 0; f->features.n_rates > 0 && i < f->features.n; i++)
                assert_true(isfinite(f->features.values[i]));
        return change;
}

static inline void
assert_near(double value, double expected)
{
        if (!(fabs(value - expected) <= 1e-9 * fabs(expected)))
                fail_msg("%.12g is not %.12g", value, expected);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
