/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the BPF collector share: a collector on this machine, what it said of one
 * process or its children, and children that do as they are told. Needs root and a kernel with BTF;
 * the test is skipped with the collector's reason otherwise.
 */
#pragma once

#include "tests/unit/test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "activity/bpf/collector.h"
#include "tests/unit/activity/live.h"

struct fixture {
        struct jk_root root;
        struct jk_cgroups *cgroups;
        struct jk_collector *collector;
        struct jk_sample sample;
};

struct seen {
        int records, new, ended;
        uint64_t cpu_ns, cycles, instructions;
        struct jk_task_record last;
};

static inline void
close_fixture(struct fixture *f)
{
        jk_collector_bpf.close(f->collector);
        jk_cgroups_close(f->cgroups);
        jk_root_close(&f->root);
        jk_sample_free(&f->sample);
}

static inline void
tick(struct fixture *f)
{
        struct jk_instant now = jk_now();
        struct jk_error err = { "" };

        jk_sample_begin(&f->sample, &now);
        if (jk_collector_bpf.collect(f->collector, &f->sample, &err) < 0)
                fail_msg("%s", err.message);
}

/* With the baseline tick done. */
static inline void
open_counting(struct fixture *f, const struct jk_bpf_options *options,
              const struct jk_counted *events, size_t n_events)
{
        struct jk_error err = { "" };
        struct jk_activity_env env = { .proc_root = &f->root,
                                       .events = events,
                                       .n_events = n_events };
        int r;

        *f = (struct fixture){ .root = JK_ROOT_CLOSED };
        assert_int_equal(jk_root_open("/", &f->root, &err), 0);
        assert_int_equal(jk_cgroups_open(&f->root, &f->cgroups, &err), 0);
        env.cgroups = f->cgroups;
        env.counters = n_events > 0 || (options && options->software_counters);

        r = jk_bpf_open(&env, options, &f->collector, &err);
        if (r < 0) {
                print_message("# skipped: %s\n", err.message);
                jk_cgroups_close(f->cgroups);
                jk_root_close(&f->root);
                if (r == -EPERM || r == -EOPNOTSUPP)
                        skip();
                fail();
        }
        tick(f);
}

static inline void
open_fixture(struct fixture *f, const struct jk_bpf_options *options)
{
        open_counting(f, options, NULL, 0);
}

static inline void
look(const struct fixture *f, pid_t pid, pid_t parent, struct seen *seen)
{
        for (size_t i = 0; i < f->sample.n_tasks; i++) {
                const struct jk_task_record *task = &f->sample.tasks[i];

                if (task->pid != pid && (!parent || task->ppid != parent))
                        continue;
                seen->records++;
                seen->new += !!(task->flags & JK_TASK_NEW);
                seen->ended += !!(task->flags & JK_TASK_ENDED);
                seen->cpu_ns += task->cpu_ns;
                seen->cycles += task->cycles;
                seen->instructions += task->instructions;
                seen->last = *task;
        }
}

/* Tick until so many tasks of the process or its children have ended (or five seconds passed). */
static inline void
tick_until_ended(struct fixture *f, pid_t pid, pid_t parent, int ended, int64_t interval_ms,
                 struct seen *seen)
{
        int64_t deadline = live_clock_ns(CLOCK_MONOTONIC) + 5000000000;

        while (seen->ended < ended && live_clock_ns(CLOCK_MONOTONIC) < deadline) {
                live_sleep_ms(interval_ms);
                tick(f);
                look(f, pid, parent, seen);
        }
}

static inline void
assert_within_pct(uint64_t got, int64_t expected, double below, double above)
{
        double ratio = (double)got / (double)expected;

        if (ratio < 1 - below / 100 || ratio > 1 + above / 100)
                fail_msg("%.3f ms booked, %.3f ms used: %.2f %%", (double)got / 1e6,
                         (double)expected / 1e6, ratio * 100);
}

static inline void *
shared_page(void)
{
        void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        assert_true(page != MAP_FAILED);
        return page;
}

/* A child that does work() and leaves; it dies with the test. */
static inline pid_t
spawn(void (*work)(void *), void *data)
{
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                work(data);
                _exit(0);
        }
        return pid;
}

static inline int64_t
reap(pid_t pid)
{
        struct rusage usage;

        assert_int_equal(wait4(pid, NULL, 0, &usage), pid);
        return live_rusage_ns(&usage);
}

static inline void
burn_5_ms(void *data)
{
        (void)data;
        live_burn_ms(5);
}

static inline void
wait_for_signal(void *data)
{
        (void)data;
        pause();
}
