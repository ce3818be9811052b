/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine that does as it is told, and its ledger: what the tests of the ledger share.
 */
#pragma once

#include "tests/unit/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "ledger/ledger.h"
#include "sample/sample.h"

struct machine {
        struct jk_zone_table zones;
        struct jk_sample sample;
        struct jk_ledger *ledger;
        const struct jk_model_ops *ops;
        struct jk_model *model;
        struct jk_shelf shelf;
        struct jk_instant now;
        int64_t measured_uj[JK_ZONES_MAX]; /* kept apart from the ledger */
};

static inline void
add_zone(struct machine *m, const char *name, enum jk_zone_kind kind, int package)
{
        struct jk_zone zone = {
                .kind = kind,
                .parent = -1,
                .package = package,
                .uncertainty_pct = 2,
                .idle_w = NAN,
                .limit_w = NAN,
                .max_w = NAN,
        };

        snprintf(zone.name, sizeof zone.name, "%s", name);
        assert_true(jk_zone_add(&m->zones, &zone) >= 0);
        jk_zone_link(&m->zones);
}

static inline void
setup(struct machine *m, struct jk_ledger_options options)
{
        struct jk_error err = { "" };

        memset(m, 0, sizeof *m);
        m->now = (struct jk_instant){ .monotonic_ns = 1, .boottime_ns = 1 };
        jk_shelf_init(&m->shelf);
        assert_int_equal(jk_ledger_open(&options, &m->ledger, &err), 0);
        m->ops = &jk_model_share;
        assert_int_equal(m->ops->open(NULL, &m->model, &err), 0);
}

/* Another model from the first tick on. */
static inline void
use_model(struct machine *m, const struct jk_model_ops *ops)
{
        struct jk_error err = { "" };

        m->ops->close(m->model);
        m->ops = ops;
        assert_int_equal(m->ops->open(NULL, &m->model, &err), 0);
}

static inline void
teardown(struct machine *m)
{
        jk_shelf_destroy(&m->shelf);
        jk_ledger_close(m->ledger);
        m->ops->close(m->model);
        jk_sample_free(&m->sample);
}

static inline void
begin_tick(struct machine *m, int64_t elapsed_ns)
{
        m->now.monotonic_ns += elapsed_ns;
        m->now.boottime_ns += elapsed_ns;
        jk_sample_begin(&m->sample, &m->now);
        m->sample.zones = &m->zones;
        m->sample.flags |= JK_SAMPLE_TASKS;
        m->sample.task_fields = JK_TASK_CPU;
}

static inline void
read_zone(struct machine *m, size_t zone, int64_t energy_uj, int64_t elapsed_ns)
{
        m->sample.readings[zone] = (struct jk_zone_reading){
                .energy_uj = energy_uj,
                .elapsed_ns = elapsed_ns,
                .flags = JK_READING_SEEN,
        };
        m->measured_uj[zone] += energy_uj;
}

static inline void
cpu_busy(struct machine *m, uint64_t busy_ns, uint64_t idle_ns)
{
        struct jk_cpu_reading *cpu = jk_sample_add_cpu(&m->sample);

        assert_non_null(cpu);
        cpu->online = true;
        cpu->busy_ns = busy_ns;
        cpu->idle_ns = idle_ns;
        m->sample.flags |= JK_SAMPLE_CPUS;
}

static inline struct jk_task_record *
run_task(struct machine *m, pid_t pid, uint64_t cgroup, uid_t uid, uint64_t cpu_ns)
{
        struct jk_task_record *task = jk_sample_add_task(&m->sample);

        assert_non_null(task);
        task->pid = pid;
        task->start_ns = (uint64_t)pid * 1000;
        task->cgroup = cgroup;
        task->uid = uid;
        task->cpu_ns = cpu_ns;
        snprintf(task->comm, sizeof task->comm, "task-%d", pid);
        return task;
}

static inline void
assert_balanced(struct machine *m)
{
        struct jk_balance balances[JK_ZONES_MAX];

        jk_ledger_balance(m->ledger, balances);
        for (size_t z = 0; z < m->zones.count; z++) {
                assert_int_equal(balances[z].measured_uj, m->measured_uj[z]);
                for (int d = 0; d < JK_DIMENSION_MACHINE; d++)
                        assert_int_equal(balances[z].booked_uj[d], m->measured_uj[z]);
        }
}

static inline struct jk_snapshot *
end_tick(struct machine *m)
{
        struct jk_snapshot *snapshot;

        assert_int_equal(jk_ledger_book(m->ledger, &m->sample, m->ops, m->model), 0);
        assert_balanced(m);

        snapshot = jk_shelf_blank(&m->shelf);
        assert_non_null(snapshot);
        assert_int_equal(jk_ledger_publish(m->ledger, &m->sample, NULL, NULL, snapshot), 0);
        jk_shelf_publish(&m->shelf, snapshot);
        return snapshot; /* the shelf's; valid until the next tick */
}

static inline const struct jk_entry *
find_entry(const struct jk_snapshot *snapshot, const char *wanted)
{
        char id[4200];

        for (int d = 0; d < JK_DIMENSION_MAX; d++) {
                for (size_t i = 0; i < snapshot->n_entries[d]; i++) {
                        jk_entry_id(snapshot, &snapshot->entries[d][i], id, sizeof id);
                        if (strcmp(id, wanted) == 0)
                                return &snapshot->entries[d][i];
                }
        }

        return NULL;
}

static inline int64_t
dynamic_uj(const struct jk_snapshot *snapshot, const char *id, size_t zone)
{
        const struct jk_entry *entry = find_entry(snapshot, id);

        assert_non_null(entry);
        return jk_entry_dynamic_uj(snapshot, entry)[zone];
}

static inline int64_t
idle_uj(const struct jk_snapshot *snapshot, size_t zone)
{
        return jk_entry_idle_uj(snapshot, find_entry(snapshot, "machine:idle"))[zone];
}

static const struct jk_ledger_options defaults = JK_LEDGER_DEFAULTS;

/* The first tick of a machine with one zone, begun: what is there from the start may be added. */
static inline void
begin_first_tick(struct machine *m, struct jk_ledger_options options)
{
        setup(m, options);
        add_zone(m, "package-0", JK_ZONE_PACKAGE, 0);
        begin_tick(m, 0);
}

static inline void
start(struct machine *m, struct jk_ledger_options options)
{
        begin_first_tick(m, options);
        end_tick(m);
}

/* A second without an idle moment. */
static inline void
begin_busy_tick(struct machine *m)
{
        begin_tick(m, JK_NS_PER_S);
        read_zone(m, 0, 50000000, JK_NS_PER_S);
        cpu_busy(m, 1000, 0);
}
