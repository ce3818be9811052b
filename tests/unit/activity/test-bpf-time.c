/* SPDX-License-Identifier: Apache-2.0
 *
 * The BPF collector against live load: what processes, their threads and their counters used is
 * what it books, at any tick.
 */
#include "tests/unit/activity/bpf-live.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* ---- CPU time ---- */

/* Keep a CPU to the calling thread, as far as permitted: no context switch happens there. */
static void
claim_cpu(int cpu)
{
        struct sched_param first = { .sched_priority = 1 };
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        (void)sched_setaffinity(0, sizeof set, &set);
        (void)sched_setscheduler(0, SCHED_FIFO, &first);
}

static void
yield_cpu(void)
{
        struct sched_param none = { 0 };
        cpu_set_t set;

        memset(&set, 0xff, sizeof set);
        (void)sched_setaffinity(0, sizeof set, &set);
        (void)sched_setscheduler(0, SCHED_OTHER, &none);
}

static void
burn_400_ms(void *data)
{
        (void)data;
        live_burn_ms(400);
}

static void
cpu_time_of_a_process_is_what_the_kernel_bills_it(void **state)
{
        struct fixture f;
        struct seen seen = { 0 };
        int64_t used;
        pid_t pid;

        (void)state;
        open_fixture(&f, NULL);
        pid = spawn(burn_400_ms, NULL);
        tick_until_ended(&f, pid, 0, 1, 37, &seen);
        used = reap(pid);

        assert_int_equal(seen.new, 1);
        assert_int_equal(seen.ended, 1);
        assert_within_pct(seen.cpu_ns, used, 1, 1);
        close_fixture(&f);
}

static void *
spin(void *data)
{
        claim_cpu(1);
        live_spin(data);
        return NULL;
}

static int
compare_i64(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return (x > y) - (x < y);
}

/* At ticks of 10 ms: every tick's total is what the clocks of the threads say right after it,
 * though the kernel brings its books up to date only at its own tick (every 1 to 10 ms). Our own
 * threads, because only their clocks are exact; ticks in which others had our CPU are passed over.
 * What is left differs by a constant: what the threads had used when the collector opened. */
static void
a_running_task_is_billed_up_to_now(void **state)
{
        enum { TICKS = 150 };
        struct fixture f;
        _Atomic uint64_t stop = 0;
        pthread_t thread;
        clockid_t clock;
        struct seen seen = { 0 };
        int64_t unbilled[TICKS];
        int judged = 0, off = 0;

        (void)state;
        open_fixture(&f, NULL);
        assert_int_equal(pthread_create(&thread, NULL, spin, (void *)&stop), 0);
        assert_int_equal(pthread_getcpuclockid(thread, &clock), 0);

        claim_cpu(0);
        for (int i = 0; i < TICKS; i++) {
                int64_t began, used;

                live_sleep_ms(10);
                began = live_clock_ns(CLOCK_MONOTONIC);
                tick(&f);
                used = live_clock_ns(clock) + live_clock_ns(CLOCK_THREAD_CPUTIME_ID);
                look(&f, getpid(), 0, &seen);
                if (live_clock_ns(CLOCK_MONOTONIC) - began < 900000)
                        unbilled[judged++] = used - (int64_t)seen.cpu_ns;
        }
        stop = 1;
        yield_cpu();
        pthread_join(thread, NULL);
        close_fixture(&f);

        if (judged < TICKS / 5) {
                print_message("# skipped: the machine is too busy\n");
                skip();
        }
        qsort(unbilled, (size_t)judged, sizeof unbilled[0], compare_i64);
        for (int i = 0; i < judged; i++)
                off += llabs(unbilled[i] - unbilled[judged / 2]) > 500000;
        if (off > judged / 10)
                fail_msg("of %d ticks, %d are off by more than 0.5 ms", judged, off);
}

/* ---- threads ---- */

static void *
thread_of_5_ms(void *data)
{
        int64_t *used = data;

        *used += live_burn_ms(5);
        return NULL;
}

static void
run_40_threads(void *data)
{
        for (int i = 0; i < 40; i++) {
                pthread_t thread;

                pthread_create(&thread, NULL, thread_of_5_ms, data);
                pthread_join(thread, NULL);
        }
}

static void
threads_that_end_are_billed_to_their_process(void **state)
{
        struct fixture f;
        struct seen seen = { 0 };
        int64_t *used = shared_page();
        pid_t pid;

        (void)state;
        open_fixture(&f, NULL);
        pid = spawn(run_40_threads, used);
        tick_until_ended(&f, pid, 0, 1, 23, &seen);
        reap(pid);

        assert_int_equal(seen.new, 1);
        assert_int_equal(seen.ended, 1);
        /* Starting and ending threads costs as well. */
        assert_within_pct(seen.cpu_ns, *used, 1, 15);
        close_fixture(&f);
        munmap(used, 4096);
}

static void *
burn_200_ms_alone(void *data)
{
        live_sleep_ms(60);
        *(int64_t *)data = live_burn_ms(200);
        _exit(0); /* or a sanitizer would look for leaks here, at length */
}

static void
leave_a_thread_behind(void *data)
{
        pthread_t thread;

        pthread_create(&thread, NULL, burn_200_ms_alone, data);
        pthread_exit(NULL);
}

static void
a_process_lives_on_in_its_threads_when_its_leader_ends(void **state)
{
        struct fixture f;
        struct seen seen = { 0 };
        int64_t *used = shared_page();
        pid_t pid;

        (void)state;
        open_fixture(&f, NULL);
        pid = spawn(leave_a_thread_behind, used);
        for (int i = 0; i < 10; i++) {
                live_sleep_ms(10);
                tick(&f);
                look(&f, pid, 0, &seen);
        }
        assert_int_equal(seen.ended, 0);
        tick_until_ended(&f, pid, 0, 1, 20, &seen);
        reap(pid);

        assert_int_equal(seen.new, 1);
        assert_int_equal(seen.ended, 1);
        /* Beside the burning, a thread and a process were made and torn down. */
        assert_within_pct(seen.cpu_ns, *used, 1, 15);
        close_fixture(&f);
        munmap(used, 4096);
}

static void *
burn_and_execute(void *data)
{
        (void)data;
        live_burn_ms(100);
        live_sleep_ms(60);
        execl("/bin/sleep", "sleep", "0.1", NULL);
        return NULL;
}

static void
execute_in_a_thread(void *data)
{
        pthread_t thread;

        live_burn_ms(20);
        pthread_create(&thread, NULL, burn_and_execute, data);
        pause();
}

/* The thread takes the leader's pid and start time, and brings its own CPU time. */
static void
a_thread_that_executes_is_not_billed_again(void **state)
{
        struct fixture f;
        struct seen seen = { 0 };
        int64_t used;
        pid_t pid;

        (void)state;
        open_fixture(&f, NULL);
        pid = spawn(execute_in_a_thread, NULL);
        tick_until_ended(&f, pid, 0, 1, 20, &seen);
        used = reap(pid);

        assert_int_equal(seen.new, 1);
        assert_int_equal(seen.ended, 1);
        assert_within_pct(seen.cpu_ns, used, 1, 1);
        assert_string_equal(seen.last.comm, "sleep");
        close_fixture(&f);
}

/* ---- counters ---- */

static void
burn_400_ms_alone(void *data)
{
        (void)data;
        claim_cpu(1);
        live_burn_ms(400);
}

/* No less than the CPU time, and no more than that and what a hypervisor took meanwhile. */
static void
assert_counted(uint64_t cycles, uint64_t cpu_ns, int64_t stolen_ns, double pct)
{
        double least = (double)cpu_ns * (1 - pct / 100);
        double most = (double)cpu_ns * (1 + pct / 100) + (double)stolen_ns;

        if ((double)cycles < least || (double)cycles > most)
                fail_msg("%.3f ms counted, %.3f ms used, %.0f ms stolen", (double)cycles / 1e6,
                         (double)cpu_ns / 1e6, (double)stolen_ns / 1e6);
}

/* CPU time of a child so far, brought up to now even while it runs elsewhere. */
static int64_t
used_by(pid_t pid)
{
        clockid_t clock;

        assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
        return live_clock_ns(clock);
}

/* A clock stands in for the cycles, so cycles are nanoseconds of CPU time; but the clock goes on
 * while a hypervisor runs something else, and CPU time does not. */
static void
counters_are_billed_to_who_ran(void **state)
{
        struct fixture f;
        struct seen seen = { 0 };
        uint64_t all_cpu = 0, all_cycles = 0;
        int64_t stolen;
        pid_t pid;

        (void)state;
        open_fixture(&f, &(struct jk_bpf_options){ .software_counters = true });
        stolen = live_stolen_ns();
        assert_true(f.sample.task_fields & JK_TASK_CYCLES);
        pid = spawn(burn_400_ms_alone, NULL);
        while (!seen.ended) {
                int64_t used;

                live_sleep_ms(37);
                used = used_by(pid);
                tick(&f);
                look(&f, pid, 0, &seen);
                /* A task that keeps its CPU is counted as well: all until the tick began. */
                if ((double)seen.cycles < 0.97 * (double)used - 1e6)
                        fail_msg("%.3f ms counted of %.3f ms", (double)seen.cycles / 1e6,
                                 (double)used / 1e6);
                for (size_t i = 0; i < f.sample.n_tasks; i++) {
                        all_cpu += f.sample.tasks[i].cpu_ns;
                        all_cycles += f.sample.tasks[i].cycles;
                }
        }
        reap(pid);

        stolen = live_stolen_ns() - stolen;
        assert_counted(seen.cycles, seen.cpu_ns, stolen, 3);
        assert_counted(all_cycles, all_cpu, stolen, 5);
        close_fixture(&f);
}

enum { PAGES = 5000 };

static void
touch_pages(void *data)
{
        char *pages = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                           -1, 0);

        (void)data;
        if (pages == MAP_FAILED)
                return;
        madvise(pages, PAGES * 4096, MADV_NOHUGEPAGE);
        for (size_t i = 0; i < PAGES; i++)
                pages[i * 4096] = 1;
}

/* The kernel's own count of the same is in the record, so that one is held against the other. */
static void
any_event_is_counted_by_its_name(void **state)
{
        struct jk_pmus pmus = { .n = 0 };
        struct jk_counted events[3];
        struct jk_error err;
        uint64_t faults = 0, counted = 0, clock_ns = 0, cpu_ns = 0;
        bool ended = false;
        struct fixture f;
        size_t n;
        pid_t pid;

        (void)state;
        assert_int_equal(jk_events_resolve(&pmus, "task-clock,page-faults,context-switches", 3,
                                           events, &n, &err),
                         0);
        open_counting(&f, NULL, events, n);
        assert_int_equal(f.sample.task_fields & JK_TASK_CYCLES, 0);
        pid = spawn(touch_pages, NULL);
        while (!ended) {
                int column = jk_event_find(f.sample.events, "page-faults", -1);
                int clock = jk_event_find(f.sample.events, "task-clock", -1);

                assert_true(column >= 0 && clock >= 0);
                live_sleep_ms(20);
                tick(&f);
                for (size_t i = 0; i < f.sample.n_tasks; i++) {
                        const struct jk_task_record *task = &f.sample.tasks[i];

                        if (task->pid != pid)
                                continue;
                        faults += task->minor_faults + task->major_faults;
                        counted += jk_sample_task_events(&f.sample, i)[column];
                        clock_ns += jk_sample_task_events(&f.sample, i)[clock];
                        cpu_ns += task->cpu_ns;
                        ended |= !!(task->flags & JK_TASK_ENDED);
                }
        }
        reap(pid);

        assert_true(counted >= PAGES);
        assert_within_pct(counted, (int64_t)faults, 5, 5);
        assert_true(clock_ns > cpu_ns / 2);
        close_fixture(&f);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_time_of_a_process_is_what_the_kernel_bills_it),
        cmocka_unit_test(a_running_task_is_billed_up_to_now),
        cmocka_unit_test(threads_that_end_are_billed_to_their_process),
        cmocka_unit_test(a_process_lives_on_in_its_threads_when_its_leader_ends),
        cmocka_unit_test(a_thread_that_executes_is_not_billed_again),
        cmocka_unit_test(counters_are_billed_to_who_ran),
        cmocka_unit_test(any_event_is_counted_by_its_name),
};

JK_RUN_TESTS(tests)
