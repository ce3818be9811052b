/* SPDX-License-Identifier: Apache-2.0
 *
 * bench-tick: drives the engine as the agent does, on the machine as it is, and prints as JSON what
 * a tick costs: CPU time by phase, memory allocated, nanoseconds per run of each BPF program, and
 * beside it the CPU time of reading /proc for the same, in the same run.
 *
 *     bench-tick TICKS INTERVAL_MS auto|bpf|proc [bpf-stats]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/clock.h"
#include "engine/engine.h"
#include "tests/bench/allocations.h"
#include "tests/bench/bpfstats.h"
#include "tests/bench/procread.h"

#define WARM_UP_TICKS 30

enum cost { COST_TICK, COST_COLLECT, COST_ATTRIBUTE, COST_PUBLISH, COST_PROC, COST_MAX };

static const char *const cost_names[COST_MAX] = {
        [COST_TICK] = "tick",       [COST_COLLECT] = "collect", [COST_ATTRIBUTE] = "attribute",
        [COST_PUBLISH] = "publish", [COST_PROC] = "proc",
};

struct bench {
        struct jk_engine *engine;
        struct procread proc;
        int64_t interval_ns;
        long n_ticks;
        int64_t *costs[COST_MAX]; /* CPU nanoseconds of each tick */
        uint64_t allocations, allocating_ticks;
        size_t tasks;
        long processes;
        char activity[32];
};

static void
sleep_until(int64_t when_ns)
{
        struct timespec t = { .tv_sec = when_ns / JK_NS_PER_S, .tv_nsec = when_ns % JK_NS_PER_S };

        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
                ;
}

static int
measure_tick(struct bench *bench, long i, struct jk_error *err)
{
        struct jk_shelf *shelf = jk_engine_shelf(bench->engine);
        struct jk_snapshot *snapshot;
        uint64_t allocated;
        int64_t start_ns;
        int r;

        allocations_start();
        start_ns = jk_thread_cpu_ns();
        r = jk_engine_tick(bench->engine, err);
        bench->costs[COST_TICK][i] = jk_thread_cpu_ns() - start_ns;
        allocated = allocations_stop();
        if (r < 0)
                return r;
        bench->allocations += allocated;
        bench->allocating_ticks += allocated > 0;

        snapshot = jk_shelf_take(shelf);
        if (!snapshot)
                return jk_fail(err, ENODATA, "the tick published nothing");
        bench->costs[COST_COLLECT][i] = snapshot->status.collect_ns;
        bench->costs[COST_ATTRIBUTE][i] = snapshot->status.attribute_ns;
        bench->costs[COST_PUBLISH][i] = snapshot->status.publish_ns;
        bench->tasks = snapshot->n_entries[JK_DIMENSION_TASK];
        snprintf(bench->activity, sizeof bench->activity, "%s", snapshot->status.activity);
        jk_shelf_put_back(shelf, snapshot);
        return 0;
}

static void
measure_proc(struct bench *bench, long i)
{
        int64_t start_ns = jk_thread_cpu_ns();

        bench->processes = procread_pass(&bench->proc);
        bench->costs[COST_PROC][i] = jk_thread_cpu_ns() - start_ns;
}

/* The first ticks set baselines and grow what the others reuse. */
static int
run_ticks(struct bench *bench, struct jk_error *err)
{
        int64_t next_ns = jk_monotonic_ns();

        for (long i = -WARM_UP_TICKS; i < bench->n_ticks; i++) {
                int r;

                if (i == 0)
                        bench->allocations = bench->allocating_ticks = 0;
                r = measure_tick(bench, i < 0 ? 0 : i, err);
                if (r < 0)
                        return r;
                measure_proc(bench, i < 0 ? 0 : i);
                next_ns += bench->interval_ns;
                sleep_until(next_ns);
        }
        return 0;
}

static int
compare(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return (x > y) - (x < y);
}

static double
quantile_ms(const int64_t *sorted_ns, long n, long percent)
{
        long i = n * percent / 100;

        return (double)sorted_ns[i < n ? i : n - 1] / 1e6;
}

static void
print_cost(const char *name, int64_t *ns, long n)
{
        double sum = 0;

        qsort(ns, (size_t)n, sizeof *ns, compare);
        for (long i = 0; i < n; i++)
                sum += (double)ns[i];
        printf("  \"%s_ms\": {\"mean\": %.4f, \"median\": %.4f, \"p95\": %.4f, \"max\": %.4f},\n",
               name, sum / (double)n / 1e6, quantile_ms(ns, n, 50), quantile_ms(ns, n, 95),
               quantile_ms(ns, n, 100));
}

static void
print_result(struct bench *bench)
{
        printf("{\n");
        for (size_t i = 0; i < JK_COUNT(cost_names); i++)
                print_cost(cost_names[i], bench->costs[i], bench->n_ticks);
        printf("  \"ticks\": %ld,\n  \"activity\": \"%s\",\n", bench->n_ticks, bench->activity);
        printf("  \"tasks\": %zu,\n  \"processes\": %ld,\n", bench->tasks, bench->processes);
        printf("  \"allocations\": %llu,\n  \"allocating_ticks\": %llu,\n",
               (unsigned long long)bench->allocations, (unsigned long long)bench->allocating_ticks);
        printf("  \"bpf\": [");
        bpfstats_print(stdout);
        printf("]\n}\n");
}

static int
prepare(struct bench *bench, const char *activity, struct jk_error *err)
{
        struct jk_engine_options options = JK_ENGINE_DEFAULTS;

        options.interval_ns = bench->interval_ns;
        options.activity = activity;
        for (size_t i = 0; i < COST_MAX; i++) {
                bench->costs[i] = calloc((size_t)bench->n_ticks, sizeof *bench->costs[i]);
                if (!bench->costs[i])
                        return jk_fail(err, ENOMEM, "out of memory");
        }
        if (procread_open(&bench->proc) < 0)
                return jk_fail(err, errno, "/proc: %m");
        return jk_engine_open(&options, &bench->engine, err);
}

int
main(int argc, char *argv[])
{
        struct bench bench = { .proc.proc_fd = -1 };
        struct jk_error err = { 0 };

        if (argc < 4 || argc > 5 || (argc == 5 && strcmp(argv[4], "bpf-stats") != 0)) {
                fprintf(stderr, "usage: bench-tick TICKS INTERVAL_MS auto|bpf|proc [bpf-stats]\n");
                return 2;
        }
        bench.n_ticks = strtol(argv[1], NULL, 10);
        bench.interval_ns = strtol(argv[2], NULL, 10) * JK_NS_PER_MS;
        if (bench.n_ticks < 1 || bench.interval_ns < JK_INTERVAL_MIN_NS)
                return 2;
        bpfstats_start(argc == 5);

        if (prepare(&bench, argv[3], &err) < 0 || run_ticks(&bench, &err) < 0) {
                fprintf(stderr, "bench-tick: %s\n", err.message);
                return 1;
        }
        print_result(&bench);
        jk_engine_close(bench.engine);
        procread_close(&bench.proc);
        for (size_t i = 0; i < COST_MAX; i++)
                free(bench.costs[i]);
        return 0;
}
