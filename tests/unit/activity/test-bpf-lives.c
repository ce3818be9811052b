/* SPDX-License-Identifier: Apache-2.0
 *
 * The BPF collector against lives much shorter than a tick: each is booked, however many, and what
 * is lost is counted.
 */
#include "tests/unit/activity/bpf-live.h"

#include <pthread.h>
#include <string.h>

static void
spawn_100(void *data)
{
        int64_t *used = data;

        for (int i = 0; i < 100; i++)
                *used += reap(spawn(burn_5_ms, NULL));
        live_sleep_ms(300);
}

static void
processes_of_5_ms_are_billed_like_any_other(void **state)
{
        struct fixture f;
        struct seen seen = { 0 };
        int64_t *used = shared_page();
        pid_t pid;

        (void)state;
        open_fixture(&f, NULL);
        pid = spawn(spawn_100, used);
        tick_until_ended(&f, 0, pid, 100, 100, &seen);

        assert_int_equal(seen.new, 100);
        assert_int_equal(seen.ended, 100);
        assert_within_pct(seen.cpu_ns, *used, 2, 2);
        reap(pid);
        close_fixture(&f);
        munmap(used, 4096);
}

static void
what_a_task_used_is_told_at_the_next_tick(void **state)
{
        struct fixture f;
        struct seen seen = { 0 };
        int64_t used = 0;

        (void)state;
        open_fixture(&f, NULL);
        for (int i = 0; i < 10; i++) {
                pid_t pid = spawn(burn_5_ms, NULL);

                used += reap(pid);
                tick(&f);
                look(&f, pid, 0, &seen);
        }
        /* All but what it took to tear it down. */
        assert_true(seen.cpu_ns >= 50000000);
        assert_within_pct(seen.cpu_ns, used, 100, 2);
        close_fixture(&f);
}

/* For so many milliseconds; how many it made goes where they stood. */
static void
fork_1000_per_second(void *data)
{
        int64_t start = live_clock_ns(CLOCK_MONOTONIC);
        volatile int *n = data;
        int ms = *n, made = 0;

        while (live_clock_ns(CLOCK_MONOTONIC) < start + ms * INT64_C(1000000)) {
                pid_t pid = fork();

                if (pid == 0)
                        _exit(0);
                waitpid(pid, NULL, 0);
                made++;
                while (live_clock_ns(CLOCK_MONOTONIC) < start + made * INT64_C(1000000))
                        live_sleep_ms(1);
        }
        *n = made;
        live_sleep_ms(1500);
}

static void
no_exit_is_lost_at_1000_forks_per_second(void **state)
{
        struct fixture f;
        struct seen seen = { 0 };
        int *n = shared_page();
        pid_t pid;

        (void)state;
        open_fixture(&f, NULL);
        *n = 2000;
        pid = spawn(fork_1000_per_second, n);
        for (int i = 0; i < 6; i++) {
                live_sleep_ms(500);
                tick(&f);
                look(&f, 0, pid, &seen);
        }
        /* The last words of the last ones may take a while on a busy machine. */
        tick_until_ended(&f, 0, pid, *n, 100, &seen);
        print_message("# %d forks, %d seen to begin, %d to end, %d events lost\n", *n, seen.new,
                      seen.ended, (int)f.sample.lost_events);
        assert_int_equal(seen.new, *n);
        assert_int_equal(seen.ended, *n);
        assert_int_equal(f.sample.lost_events, 0);
        reap(pid);
        close_fixture(&f);
        munmap(n, 4096);
}

/* A long tick: the ring holds some 130 lives and is emptied between ticks. */
static void
a_ring_that_fills_between_ticks_is_emptied(void **state)
{
        struct fixture f;
        struct seen seen = { 0 };
        int *n = shared_page();
        pid_t pid;

        (void)state;
        open_fixture(&f, &(struct jk_bpf_options){ .ring_bytes = 32 * 1024 });
        *n = 1500;
        pid = spawn(fork_1000_per_second, n);
        live_sleep_ms(1700);
        tick_until_ended(&f, 0, pid, *n, 100, &seen);

        assert_int_equal(seen.ended, *n);
        assert_int_equal(f.sample.lost_events, 0);
        reap(pid);
        close_fixture(&f);
        munmap(n, 4096);
}

/* With the lock held nobody reads the ring. */
static void
lost_exits_are_counted_and_the_lost_are_closed(void **state)
{
        struct fixture f;
        struct seen seen = { 0 }, storm = { 0 };
        int *n = shared_page();
        pid_t pid, forker;

        (void)state;
        open_fixture(&f, &(struct jk_bpf_options){ .ring_bytes = 4096 });
        pid = spawn(wait_for_signal, NULL);
        live_sleep_ms(20);
        tick(&f);
        look(&f, pid, 0, &seen);
        assert_int_equal(seen.new, 1);

        pthread_mutex_lock(&f.collector->lock);
        *n = 300;
        forker = spawn(fork_1000_per_second, n);
        live_sleep_ms(500);
        kill(pid, SIGKILL);
        reap(pid);
        live_sleep_ms(20);
        pthread_mutex_unlock(&f.collector->lock);

        tick(&f);
        look(&f, pid, 0, &seen);
        look(&f, 0, forker, &storm);
        assert_int_equal(seen.ended, 1);
        assert_true(f.sample.lost_events > 0);
        assert_true(storm.ended < *n);
        kill(forker, SIGKILL);
        reap(forker);
        close_fixture(&f);
        munmap(n, 4096);
}

static bool
kernel_has(const char *function)
{
        FILE *symbols = fopen("/proc/kallsyms", "re");
        char line[512], name[256];
        bool found = false;

        assert_non_null(symbols);
        while (!found && fgets(line, sizeof line, symbols))
                found = sscanf(line, "%*s %*s %255s", name) == 1 && strcmp(name, function) == 0;
        fclose(symbols);
        return found;
}

static bool
walks(const struct jk_bpf_options *options)
{
        struct fixture f;
        bool walk;

        open_fixture(&f, options);
        walk = strstr(jk_collector_bpf.describe(f.collector), "task walk");
        close_fixture(&f);
        return walk;
}

static void
tasks_are_walked_where_the_kernel_can(void **state)
{
        bool can = kernel_has("bpf_iter_task_new");

        (void)state;
        assert_int_equal(walks(NULL), can);
        assert_int_equal(walks(&(struct jk_bpf_options){ .software_counters = true }), can);
        assert_false(walks(&(struct jk_bpf_options){ .no_walk = true }));
}

static void
the_iterator_bills_the_same_as_the_walk(void **state)
{
        struct fixture walk, iterator;
        struct seen walked = { 0 }, iterated = { 0 };
        int64_t *used = shared_page();
        pid_t pid;

        (void)state;
        open_fixture(&walk, NULL);
        open_fixture(&iterator, &(struct jk_bpf_options){ .no_walk = true });
        pid = spawn(spawn_100, used);
        for (int i = 0; i < 5; i++) {
                live_sleep_ms(70);
                tick(&walk);
                look(&walk, 0, pid, &walked);
                tick(&iterator);
                look(&iterator, 0, pid, &iterated);
        }
        tick_until_ended(&walk, 0, pid, 100, 100, &walked);
        tick_until_ended(&iterator, 0, pid, 100, 100, &iterated);

        assert_int_equal(walked.ended, 100);
        assert_int_equal(iterated.ended, 100);
        assert_within_pct(walked.cpu_ns, (int64_t)iterated.cpu_ns, 0.5, 0.5);
        reap(pid);
        close_fixture(&walk);
        close_fixture(&iterator);
        munmap(used, 4096);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_are_walked_where_the_kernel_can),
        cmocka_unit_test(the_iterator_bills_the_same_as_the_walk),
        cmocka_unit_test(processes_of_5_ms_are_billed_like_any_other),
        cmocka_unit_test(what_a_task_used_is_told_at_the_next_tick),
        cmocka_unit_test(no_exit_is_lost_at_1000_forks_per_second),
        cmocka_unit_test(a_ring_that_fills_between_ticks_is_emptied),
        cmocka_unit_test(lost_exits_are_counted_and_the_lost_are_closed),
};

JK_RUN_TESTS(tests)
