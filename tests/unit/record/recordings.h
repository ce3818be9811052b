/* SPDX-License-Identifier: Apache-2.0
 *
 * Recordings of a machine on which anything happens, in a file of the test's own.
 */
#pragma once

#include "tests/unit/record/samples.h"

#include <unistd.h>

#include "record/recording.h"

#define TICKS 200

static char path[128];
static struct jk_error err;

static const struct jk_about about = {
        .program = "joulekeeper test",
        .host = "here",
        .model = "share",
        .activity = "bpf",
        .interval_ns = JK_NS_PER_S,
        .ledger = JK_LEDGER_DEFAULTS,
};

static inline const char *
name_user(void *data, uid_t uid)
{
        static char name[16];

        (void)data;
        snprintf(name, sizeof name, "user-%u", uid);
        return uid == 2 ? NULL : name;
}

static inline int
new_file(void **state)
{
        (void)state;
        snprintf(path, sizeof path, "/tmp/joulekeeper-recording-%d", getpid());
        unlink(path);
        memset(&err, 0, sizeof err);
        return 0;
}

static inline int
no_file(void **state)
{
        (void)state;
        unlink(path);
        return 0;
}

static inline struct jk_recorder *
open_recorder_at(const struct jk_recording_place *place)
{
        struct jk_recorder *recorder = NULL;

        if (jk_recorder_open(place, &about, NULL, &recorder, &err) < 0)
                fail_msg("%s", err.message);
        return recorder;
}

static inline struct jk_recorder *
open_recorder(void)
{
        struct jk_recording_place place = { .file = path };

        return open_recorder_at(&place);
}

static inline struct jk_reader *
open_reader(void)
{
        struct jk_reader *reader = NULL;
        int r = jk_reader_open(path, &reader, &err);

        if (r < 0)
                fail_msg("%s", err.message);
        return reader;
}

/* A run of a machine on which anything happens: recorded, and booked. Its last snapshot is the
 * shelf's. */
static inline struct jk_snapshot *
run(struct chaos *c, uint64_t seed, struct jk_recorder *recorder)
{
        struct jk_snapshot *snapshot;

        chaos_start(c, seed, about.ledger);
        snapshot = end_tick(&c->m);
        jk_recorder_take(recorder, &c->m.sample, name_user, NULL);
        for (int tick = 1; tick < TICKS; tick++) {
                chaos_tick(c);
                snapshot = end_tick(&c->m);
                jk_recorder_take(recorder, &c->m.sample, name_user, NULL);
        }
        return snapshot;
}

#define CROWD 300

/* In place of the fields of a task. */
static inline void
move_to_events(struct jk_sample *sample)
{
        struct jk_task_record *task = &sample->tasks[sample->n_tasks - 1];
        uint64_t *counts = jk_sample_task_events(sample, sample->n_tasks - 1);

        counts[0] = task->cycles;
        counts[1] = task->instructions;
        counts[2] = task->llc_misses;
        task->cycles = task->instructions = task->llc_misses = 0;
}

/* A tick of many tasks, from one that ran for some microseconds to one that never slept, with
 * counters: what is known of their ratios makes the numbers no more random than they are. */
static inline void
add_crowd(struct chaos *c, double ipc[static CROWD])
{
        for (int i = 0; i < CROWD; i++) {
                double scale = pow(10, 3.5 + 5.5 * (double)i / CROWD);
                double noise = 0.7 + (double)roll(c, 1000) / 1667;
                struct jk_task_record *task = run_task(&c->m, 1000 + 7 * i, 17 + (uint64_t)i % 9,
                                                       (uid_t)i % 4, (uint64_t)(scale * noise));

                task->cycles =
                        (uint64_t)((double)task->cpu_ns * (2.6 + (double)roll(c, 1000) / 5000));
                task->instructions = (uint64_t)((double)task->cycles * ipc[i] *
                                                (0.9 + (double)roll(c, 1000) / 5000));
                task->llc_misses = (uint64_t)((double)task->instructions *
                                              (0.001 + (double)roll(c, 1000) / 1000000));
                task->minor_faults = roll(c, 4) ? 0 : roll(c, 100);
                task->resident_bytes = (UINT64_C(1) << 24) + 4096 * (roll(c, 4) ? 0 : roll(c, 99));
                task->threads = 1 + (uint32_t)i % 3;
                if (c->m.sample.events)
                        move_to_events(&c->m.sample);
        }
}

#define WITH_FILE(function) cmocka_unit_test_setup_teardown(function, new_file, no_file)
