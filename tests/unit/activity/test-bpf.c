/* SPDX-License-Identifier: Apache-2.0
 *
 * The BPF collector against live load: what processes burn is what it books, whatever way they come
 * and go. Needs root and a kernel with BTF; skipped with the collector's reason otherwise.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "activity/bpf/collector.h"
#include "tests/unit/activity/live.h"

/* ---- the fixture: a collector, and what it said of one process or its children ---- */

struct fixture {
        struct jk_root root;
        struct jk_cgroups *cgroups;
        struct jk_collector *collector;
        struct jk_sample sample;
};

struct seen {
        int records, new, ended;
        uint64_t cpu_ns, cycles;
        struct jk_task_record last;
};

static void
close_fixture(struct fixture *f)
{
        jk_collector_bpf.close(f->collector);
        jk_cgroups_close(f->cgroups);
        jk_root_close(&f->root);
        jk_sample_free(&f->sample);
}

static void
tick(struct fixture *f)
{
        struct jk_instant now = jk_now();
        struct jk_error err = { "" };

        jk_sample_begin(&f->sample, &now);
        if (jk_collector_bpf.collect(f->collector, &f->sample, &err) < 0)
                fail_msg("%s", err.message);
}

/* With the baseline tick done. */
static void
open_fixture(struct fixture *f, const struct jk_bpf_options *options)
{
        struct jk_error err = { "" };
        struct jk_activity_env env = { .proc_root = &f->root };
        int r;

        *f = (struct fixture){ .root = JK_ROOT_CLOSED };
        assert_int_equal(jk_root_open("/", &f->root, &err), 0);
        assert_int_equal(jk_cgroups_open(&f->root, &f->cgroups, &err), 0);
        env.cgroups = f->cgroups;
        env.counters = options && options->software_counters;

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

static void
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
                seen->last = *task;
        }
}

/* Tick until so many tasks of the process or its children have ended (or five seconds passed). */
static void
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

static void
assert_within_pct(uint64_t got, int64_t expected, double below, double above)
{
        double ratio = (double)got / (double)expected;

        if (ratio < 1 - below / 100 || ratio > 1 + above / 100)
                fail_msg("%.3f ms booked, %.3f ms used: %.2f %%", (double)got / 1e6,
                         (double)expected / 1e6, ratio * 100);
}

static void *
shared_page(void)
{
        void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        assert_true(page != MAP_FAILED);
        return page;
}

/* A child that does work() and leaves; it dies with the test. */
static pid_t
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

static int64_t
reap(pid_t pid)
{
        struct rusage usage;

        assert_int_equal(wait4(pid, NULL, 0, &usage), pid);
        return live_rusage_ns(&usage);
}

/* ---- CPU time ---- */

/* Keep a CPU to the calling thread, as far as permitted, so that no context switch happens there.
 */
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

/* ---- short lives ---- */

static void
burn_5_ms(void *data)
{
        (void)data;
        live_burn_ms(5);
}

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

static void
wait_for_signal(void *data)
{
        (void)data;
        pause();
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

/* ---- identity ---- */

static pid_t
spawn_as(pid_t wanted)
{
        struct clone_args arguments = {
                .exit_signal = SIGCHLD,
                .set_tid = (uintptr_t)&wanted,
                .set_tid_size = 1,
        };
        pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);

        if (pid == 0) {
                live_burn_ms(20);
                _exit(0);
        }
        return pid;
}

static void
a_pid_that_is_used_again_is_another_task(void **state)
{
        struct fixture f;
        uint64_t starts[2] = { 0 };
        int new[2] = { 0 }, ended[2] = { 0 };
        pid_t pid;

        (void)state;
        open_fixture(&f, NULL);
        pid = spawn(burn_5_ms, NULL);
        reap(pid);
        live_sleep_ms(20);
        if (spawn_as(pid) != pid) {
                print_message("# skipped: cannot choose a pid: %s\n", strerror(errno));
                close_fixture(&f);
                skip();
        }
        reap(pid);

        /* Both came and went within one tick. */
        for (int ticks = 0; ticks < 100 && ended[0] + ended[1] < 2; ticks++) {
                tick(&f);
                for (size_t i = 0; i < f.sample.n_tasks; i++) {
                        const struct jk_task_record *task = &f.sample.tasks[i];
                        int which = starts[0] && starts[0] != task->start_ns;

                        if (task->pid != pid)
                                continue;
                        starts[which] = task->start_ns;
                        new[which] += !!(task->flags & JK_TASK_NEW);
                        ended[which] += !!(task->flags & JK_TASK_ENDED);
                }
                live_sleep_ms(20);
        }
        for (int i = 0; i < 2; i++) {
                assert_true(starts[i] != 0);
                assert_int_equal(new[i], 1);
                assert_int_equal(ended[i], 1);
        }
        close_fixture(&f);
}

#define HOSTILE_COMM "a\"b\n) \\\xff R 1"

static void
take_hostile_comm(void *data)
{
        (void)data;
        prctl(PR_SET_NAME, HOSTILE_COMM);
}

static void
a_comm_is_passed_on_byte_by_byte(void **state)
{
        struct fixture f;
        struct seen seen = { 0 };
        pid_t pid;

        (void)state;
        open_fixture(&f, NULL);
        pid = spawn(take_hostile_comm, NULL);
        tick_until_ended(&f, pid, 0, 1, 20, &seen);
        reap(pid);

        assert_string_equal(seen.last.comm, HOSTILE_COMM);
        assert_int_equal(seen.last.ppid, getpid());
        close_fixture(&f);
}

static void
become_nobody(void *data)
{
        volatile int *go = data;

        while (!*go)
                live_sleep_ms(5);
        if (setuid(65534) < 0)
                _exit(1);
        pause();
}

static void
a_task_that_changes_its_user_is_listed_with_the_new_one(void **state)
{
        struct fixture f;
        struct seen before = { 0 }, after = { 0 };
        volatile int *go = shared_page();
        pid_t pid;

        (void)state;
        open_fixture(&f, NULL);
        pid = spawn(become_nobody, (void *)go);
        while (!before.records) {
                live_sleep_ms(10);
                tick(&f);
                look(&f, pid, 0, &before);
        }
        *go = 1;
        for (int i = 0; i < 200 && after.last.uid != 65534; i++) {
                live_sleep_ms(10);
                tick(&f);
                look(&f, pid, 0, &after);
        }
        kill(pid, SIGKILL);
        reap(pid);
        munmap((void *)go, 4096);

        assert_int_equal(before.last.uid, getuid());
        assert_int_equal(after.last.uid, 65534);
        assert_int_equal(after.new, 0);
        close_fixture(&f);
}

static void
kernel_threads_and_the_agent_are_marked(void **state)
{
        struct fixture f;
        int kernel = 0, self = 0;

        (void)state;
        open_fixture(&f, NULL);
        for (size_t i = 0; i < f.sample.n_tasks; i++) {
                const struct jk_task_record *task = &f.sample.tasks[i];

                assert_true(task->flags & JK_TASK_NEW);
                assert_int_equal(task->cpu_ns, 0);
                if (task->pid == 2 || task->ppid == 2) {
                        assert_true(task->flags & JK_TASK_KERNEL);
                        kernel++;
                }
                if (task->flags & JK_TASK_SELF) {
                        assert_int_equal(task->pid, getpid());
                        assert_true(task->resident_bytes > 100000);
                        self++;
                }
        }
        assert_true(kernel > 5);
        assert_int_equal(self, 1);
        close_fixture(&f);
}

static void
a_task_that_sleeps_is_not_listed(void **state)
{
        struct fixture f;
        struct seen seen = { 0 };
        pid_t pid;

        (void)state;
        open_fixture(&f, NULL);
        pid = spawn(wait_for_signal, NULL);
        live_sleep_ms(30);
        tick(&f);
        look(&f, pid, 0, &seen);
        assert_int_equal(seen.records, 1);
        for (int i = 0; i < 70; i++) {
                tick(&f); /* past an iteration that reports every thread */
                look(&f, pid, 0, &seen);
        }
        assert_int_equal(seen.records, 1);
        kill(pid, SIGKILL);
        reap(pid);
        close_fixture(&f);
}

/* ---- cgroups ---- */

static void
cgroup_directory(const struct fixture *f, char path[static 256])
{
        if (!jk_cgroups_mount(f->cgroups)) {
                print_message("# skipped: no cgroup file system\n");
                skip();
        }
        snprintf(path, 256, "/%s/jk-test-%d", jk_cgroups_mount(f->cgroups), (int)getpid());
}

static void
enter_cgroup(const char *directory, pid_t pid)
{
        char path[300], text[16];
        int fd, n;

        snprintf(path, sizeof path, "%s/cgroup.procs", directory);
        n = snprintf(text, sizeof text, "%d", (int)pid);
        fd = open(path, O_WRONLY);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, (size_t)n), n);
        close(fd);
}

static void
burn_in_cgroup(void *data)
{
        enter_cgroup(data, getpid());
        live_burn_ms(20);
}

static bool
published(const struct fixture *f, uint64_t id, enum jk_cgroup_event_kind kind, const char *name)
{
        for (size_t i = 0; i < f->sample.n_cgroups; i++) {
                const struct jk_cgroup_event *event = &f->sample.cgroups[i];

                if (event->id == id && event->kind == kind)
                        return !name ||
                               strcmp(jk_sample_cgroup_path(&f->sample, event) + 1, name) == 0;
        }
        return false;
}

static void
a_cgroup_that_comes_and_goes_between_ticks_keeps_its_name(void **state)
{
        struct fixture f;
        struct seen seen = { 0 };
        char path[256];
        bool appeared = false, vanished = false;
        struct stat directory;
        pid_t pid;

        (void)state;
        open_fixture(&f, NULL);
        jk_cgroups_publish(f.cgroups, &f.sample);
        cgroup_directory(&f, path);
        assert_int_equal(mkdir(path, 0755), 0);
        assert_int_equal(stat(path, &directory), 0);
        pid = spawn(burn_in_cgroup, path);
        reap(pid);
        assert_int_equal(rmdir(path), 0);

        for (int i = 0; i < 20 && !vanished; i++) {
                tick(&f);
                assert_int_equal(jk_cgroups_publish(f.cgroups, &f.sample), 0);
                look(&f, pid, 0, &seen);
                appeared |=
                        published(&f, directory.st_ino, JK_CGROUP_APPEARED, strrchr(path, '/') + 1);
                vanished = published(&f, directory.st_ino, JK_CGROUP_VANISHED, NULL);
                live_sleep_ms(10);
        }
        assert_true(appeared);
        assert_true(vanished);
        assert_int_equal(seen.ended, 1); /* before it vanished */
        assert_int_equal(seen.last.cgroup, directory.st_ino);
        assert_true(seen.cpu_ns > 19000000);
        close_fixture(&f);
}

static void
a_sleeping_task_that_is_moved_is_listed_in_its_new_cgroup(void **state)
{
        struct fixture f;
        struct seen seen = { 0 }, moved = { 0 };
        char path[256];
        struct stat directory;
        pid_t pid;

        (void)state;
        open_fixture(&f, NULL);
        cgroup_directory(&f, path);
        assert_int_equal(mkdir(path, 0755), 0);
        assert_int_equal(stat(path, &directory), 0);
        pid = spawn(wait_for_signal, NULL);
        live_sleep_ms(30);
        tick(&f);
        look(&f, pid, 0, &seen);
        enter_cgroup(path, pid);
        tick(&f);
        look(&f, pid, 0, &moved);
        kill(pid, SIGKILL);
        reap(pid);
        live_sleep_ms(20);
        assert_int_equal(rmdir(path), 0);

        assert_int_not_equal(seen.last.cgroup, directory.st_ino);
        assert_int_equal(moved.records, 1);
        assert_int_equal(moved.last.cgroup, directory.st_ino);
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

/* A clock stands in for the cycles, so cycles are nanoseconds of CPU time. */
static void
counters_are_billed_to_who_ran(void **state)
{
        struct fixture f;
        struct seen seen = { 0 };
        uint64_t all_cpu = 0, all_cycles = 0;
        int lumps = 0;
        pid_t pid;

        (void)state;
        open_fixture(&f, &(struct jk_bpf_options){ .software_counters = true });
        assert_true(f.sample.task_fields & JK_TASK_CYCLES);
        pid = spawn(burn_400_ms_alone, NULL);
        while (!seen.ended) {
                struct seen now = { 0 };

                live_sleep_ms(37);
                tick(&f);
                look(&f, pid, 0, &now);
                look(&f, pid, 0, &seen);
                /* A task that keeps its CPU is counted as well. */
                lumps += now.cpu_ns > 10000000 && now.cycles < now.cpu_ns / 2;
                for (size_t i = 0; i < f.sample.n_tasks; i++) {
                        all_cpu += f.sample.tasks[i].cpu_ns;
                        all_cycles += f.sample.tasks[i].cycles;
                }
        }
        reap(pid);

        assert_int_equal(lumps, 0);
        assert_within_pct(seen.cycles, (int64_t)seen.cpu_ns, 3, 3);
        assert_within_pct(all_cycles, (int64_t)all_cpu, 5, 5);
        close_fixture(&f);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_time_of_a_process_is_what_the_kernel_bills_it),
        cmocka_unit_test(a_running_task_is_billed_up_to_now),
        cmocka_unit_test(processes_of_5_ms_are_billed_like_any_other),
        cmocka_unit_test(what_a_task_used_is_told_at_the_next_tick),
        cmocka_unit_test(no_exit_is_lost_at_1000_forks_per_second),
        cmocka_unit_test(a_ring_that_fills_between_ticks_is_emptied),
        cmocka_unit_test(lost_exits_are_counted_and_the_lost_are_closed),
        cmocka_unit_test(threads_that_end_are_billed_to_their_process),
        cmocka_unit_test(a_process_lives_on_in_its_threads_when_its_leader_ends),
        cmocka_unit_test(a_thread_that_executes_is_not_billed_again),
        cmocka_unit_test(a_pid_that_is_used_again_is_another_task),
        cmocka_unit_test(a_comm_is_passed_on_byte_by_byte),
        cmocka_unit_test(a_task_that_changes_its_user_is_listed_with_the_new_one),
        cmocka_unit_test(kernel_threads_and_the_agent_are_marked),
        cmocka_unit_test(a_task_that_sleeps_is_not_listed),
        cmocka_unit_test(a_cgroup_that_comes_and_goes_between_ticks_keeps_its_name),
        cmocka_unit_test(a_sleeping_task_that_is_moved_is_listed_in_its_new_cgroup),
        cmocka_unit_test(counters_are_billed_to_who_ran),
};

JK_RUN_TESTS(tests)
