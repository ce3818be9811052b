/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples of all that one can hold, and whether two are the same: what the tests of recordings
 * share.
 */
#pragma once

#include "tests/unit/ledger/chaos.h"

static inline void
assert_same_events(const struct jk_sample *a, const struct jk_sample *b)
{
        size_t n = jk_sample_n_events(a);

        assert_int_equal(n, jk_sample_n_events(b));
        for (size_t i = 0; i < n; i++) {
                assert_string_equal(a->events->events[i].name, b->events->events[i].name);
                assert_int_equal(a->events->events[i].package, b->events->events[i].package);
        }
        assert_int_equal(a->n_tasks, b->n_tasks);
        for (size_t i = 0; n > 0 && i < a->n_tasks; i++)
                assert_memory_equal(jk_sample_task_events(a, i), jk_sample_task_events(b, i),
                                    n * sizeof(uint64_t));
}

static inline void
assert_same_sample(const struct jk_sample *a, const struct jk_sample *b)
{
        assert_int_equal(a->sequence, b->sequence);
        assert_memory_equal(&a->time, &b->time, sizeof a->time);
        assert_int_equal(a->elapsed_ns, b->elapsed_ns);
        assert_int_equal(a->suspended_ns, b->suspended_ns);
        assert_int_equal(a->flags, b->flags);
        assert_int_equal(a->task_fields, b->task_fields);
        assert_int_equal(a->lost_events, b->lost_events);
        assert_int_equal(a->zones->count, b->zones->count);
        for (size_t i = 0; i < a->zones->count; i++) {
                assert_string_equal(a->zones->zones[i].name, b->zones->zones[i].name);
                assert_int_equal(a->zones->zones[i].parent, b->zones->zones[i].parent);
                assert_int_equal(a->zones->zones[i].filtered, b->zones->zones[i].filtered);
                assert_memory_equal(&a->readings[i], &b->readings[i], sizeof a->readings[i]);
        }
        assert_int_equal(a->n_cpus, b->n_cpus);
        for (size_t i = 0; i < a->n_cpus; i++)
                assert_memory_equal(&a->cpus[i], &b->cpus[i], sizeof a->cpus[i]);
        assert_int_equal(a->n_tasks, b->n_tasks);
        for (size_t i = 0; i < a->n_tasks; i++)
                assert_memory_equal(&a->tasks[i], &b->tasks[i], sizeof a->tasks[i]);
        assert_same_events(a, b);
        assert_int_equal(a->n_epc, b->n_epc);
        for (size_t i = 0; i < a->n_epc; i++)
                assert_memory_equal(&a->epc[i], &b->epc[i], sizeof a->epc[i]);
        assert_int_equal(a->n_cgroups, b->n_cgroups);
        for (size_t i = 0; i < a->n_cgroups; i++) {
                assert_int_equal(a->cgroups[i].id, b->cgroups[i].id);
                assert_int_equal(a->cgroups[i].kind, b->cgroups[i].kind);
                assert_string_equal(jk_sample_cgroup_path(a, &a->cgroups[i]),
                                    jk_sample_cgroup_path(b, &b->cgroups[i]));
        }
}

static inline void
fill_cpus(struct chaos *c)
{
        for (size_t i = 0; i < c->m.sample.n_cpus; i++) {
                struct jk_cpu_reading *cpu = &c->m.sample.cpus[i];

                cpu->cpu = (uint32_t)roll(c, 64);
                cpu->steal_ns = roll(c, 1U << 30);
                cpu->frequency_seen = roll(c, 2);
                cpu->temperature_seen = roll(c, 2);
                cpu->voltage_seen = roll(c, 2);
                if (cpu->frequency_seen)
                        cpu->frequency_khz = (uint32_t)roll(c, 4000000);
                if (cpu->temperature_seen)
                        cpu->temperature_mc = (int32_t)roll(c, 140000) - 40000;
                if (cpu->voltage_seen)
                        cpu->voltage_uv = (uint32_t)roll(c, 1500000);
        }
}

static inline void
fill_tasks(struct chaos *c)
{
        for (size_t i = 0; i < c->m.sample.n_tasks; i++) {
                struct jk_task_record *task = &c->m.sample.tasks[i];

                task->ppid = (pid_t)roll(c, 100);
                task->cycles = roll(c, 3) * roll(c, 1U << 30) * roll(c, 1000);
                task->write_bytes = roll(c, 3) * roll(c, 1U << 30);
                task->minor_faults = roll(c, 1000);
                task->resident_bytes = roll(c, 1000) * (roll(c, 50) ? 4096 : 4097);
                task->threads = (uint32_t)roll(c, 9);
                task->flags |= roll(c, 5) ? 0 : JK_TASK_ENCLAVE;
                if (roll(c, 9) > 0)
                        continue;
                memset(task->comm, 0, sizeof task->comm);
                snprintf(task->comm, sizeof task->comm, "\xff\x01%llu",
                         (unsigned long long)roll(c, 100));
        }
}

/* Some events count nothing in a tick, others something of some tasks. */
static inline void
fill_events(struct chaos *c)
{
        size_t n = jk_sample_n_events(&c->m.sample);

        for (size_t e = 0; e < n; e++) {
                if (roll(c, 3) == 0)
                        continue;
                for (size_t i = 0; i < c->m.sample.n_tasks; i++)
                        jk_sample_task_events(&c->m.sample, i)[e] =
                                roll(c, 3) * roll(c, 1U << 30) * roll(c, 1000);
        }
}

static inline void
add_event(struct jk_event_table *events, const char *name, int package)
{
        struct jk_event event = { .package = package };

        snprintf(event.name, sizeof event.name, "%s", name);
        assert_true(jk_event_add(events, &event) >= 0);
}

/* The next tick: all that a sample can hold, each with a value of its own. Events come later, and
 * now and then none are counted. */
static inline void
tick_of_anything(struct chaos *c, struct jk_event_table *events)
{
        struct jk_sample *sample = &c->m.sample;

        c->m.zones.zones[0].filtered ^= roll(c, 10) == 0;
        if (events->count < JK_EVENTS_MAX && roll(c, 10) == 0) {
                char name[JK_EVENT_NAME_SIZE];

                snprintf(name, sizeof name, "\x01%zu, \xff", events->count / 2);
                add_event(events, name, (int)(events->count % 2) - 1);
        }
        sample->events = roll(c, 20) ? events : NULL;
        chaos_tick(c);
        sample->time.realtime_ns = (INT64_C(1) << 60) + (int64_t)roll(c, 1000000) * 1000003;
        sample->suspended_ns = (int64_t)roll(c, 2) * 12345678901;
        sample->lost_events += roll(c, 3);
        sample->task_fields = (uint32_t)roll(c, 256);
        for (uint64_t i = roll(c, 10); i > 6; i--)
                assert_int_equal(jk_sample_add_epc(sample, roll(c, 1000), roll(c, 2) << 38), 0);
        fill_cpus(c);
        fill_tasks(c);
        fill_events(c);
}
