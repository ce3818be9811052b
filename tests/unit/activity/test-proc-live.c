/* SPDX-License-Identifier: Apache-2.0
 *
 * The proc collector on this machine, under load in cgroups made for it: short-lived processes lose
 * nothing, shares of CPU time are right, and moves and fork storms are survived. Skipped where no
 * cgroup can be made.
 */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "activity/activity.h"

static struct jk_root host = JK_ROOT_CLOSED;
static struct jk_cgroups *cgroups;
static struct jk_collector *collector;
static struct jk_sample sample;
static struct jk_error err;
static char group_path[2][512];
static uint64_t group_id[2];

/* ---- cgroups of the test ---- */

/* Children of a burner that was stopped live a little longer. */
static void
remove_group(const char *path)
{
        for (int i = 0; i < 200 && rmdir(path) < 0 && errno == EBUSY; i++)
                usleep(10000);
}

static void
close_all(void)
{
        for (int i = 0; i < 2; i++)
                if (group_path[i][0])
                        remove_group(group_path[i]);
        memset(group_path, 0, sizeof group_path);
        jk_collector_proc.close(collector);
        jk_cgroups_close(cgroups);
        jk_sample_free(&sample);
        jk_root_close(&host);
        collector = NULL;
        cgroups = NULL;
}

static int
set_up(void **state)
{
        struct jk_activity_env env = { .proc_root = &host };

        (void)state;
        assert_int_equal(jk_root_open("/", &host, &err), 0);
        assert_int_equal(jk_cgroups_open(&host, &cgroups, &err), 0);
        env.cgroups = cgroups;
        assert_int_equal(jk_collector_proc.open(&env, &collector, &err), 0);
        for (int i = 0; i < 2; i++) {
                struct stat made;

                snprintf(group_path[i], sizeof group_path[i], "/%s/jk-live-%d-%d",
                         jk_cgroups_mount(cgroups) ?: "none", getpid(), i);
                if (mkdir(group_path[i], 0755) < 0 || stat(group_path[i], &made) < 0) {
                        print_message("# no cgroup can be made here\n");
                        group_path[i][0] = '\0';
                } else {
                        group_id[i] = made.st_ino;
                }
        }
        return 0;
}

static int
tear_down(void **state)
{
        (void)state;
        close_all();
        return 0;
}

static void
enter(int group)
{
        char path[600];
        FILE *file;

        snprintf(path, sizeof path, "%s/cgroup.procs", group_path[group]);
        file = fopen(path, "we");
        if (!file || fprintf(file, "%d", getpid()) < 0 || fclose(file) != 0)
                _exit(9);
}

static void
need_groups(void)
{
        if (!group_path[0][0] || !group_path[1][0])
                skip();
}

/* ---- load ---- */

static void
burn_ms(int ms)
{
        struct timespec t;

        do
                clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        while (t.tv_sec * 1000 + t.tv_nsec / 1000000 < ms);
}

/* In the group: one child after another, each burning 5 to 150 ms, until told to stop. */
static pid_t
start_fork_burner(int group)
{
        pid_t pid = fork();

        if (pid != 0)
                return pid;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        enter(group);
        for (unsigned int i = 0;; i++) {
                pid_t child = fork();

                if (child == 0) {
                        burn_ms(5 + (int)(i * 37 % 146));
                        _exit(0);
                }
                waitpid(child, NULL, 0);
        }
}

static pid_t
start_fork_storm(int group, int per_second)
{
        pid_t pid = fork();

        if (pid != 0)
                return pid;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        enter(group);
        for (int i = 0;; i++) {
                if (fork() == 0)
                        _exit(0);
                while (waitpid(-1, NULL, WNOHANG) > 0)
                        ;
                usleep((useconds_t)(1000000 / per_second / 2));
        }
}

static pid_t
start_loop(int group)
{
        pid_t pid = fork();

        if (pid != 0)
                return pid;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        enter(group);
        for (;;)
                burn_ms(1 << 30);
}

/* On for so many of ten milliseconds. */
static pid_t
start_duty(int group, int on_ms)
{
        pid_t pid = fork();

        if (pid != 0)
                return pid;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        enter(group);
        for (int total = 0;;) {
                total += on_ms;
                burn_ms(total);
                usleep((useconds_t)(40 - on_ms) * 1000);
        }
}

static void
stop(pid_t pid)
{
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

/* ---- what is to be compared ---- */

static uint64_t
usage_ns(int group)
{
        char path[600], text[1024];
        bool v1 = jk_cgroups_mode(cgroups) == JK_CGROUP_V1;
        uint64_t value = 0;

        snprintf(path, sizeof path, "%s/%s", group_path[group] + 1,
                 v1 ? "cpuacct.usage" : "cpu.stat");
        assert_true(jk_root_read(&host, path, text, sizeof text) > 0);
        assert_int_equal(sscanf(text, v1 ? "%lu" : "usage_usec %lu", &value), 1);
        return v1 ? value : value * 1000;
}

static void
collect(void)
{
        struct jk_instant now = jk_now();

        jk_sample_begin(&sample, &now);
        assert_int_equal(jk_collector_proc.collect(collector, &sample, &err), 0);
        assert_int_equal(jk_cgroups_publish(cgroups, &sample), 0);
}

/* CPU time of the records of this sample in a group. */
static uint64_t
booked_ns(int group)
{
        uint64_t sum = 0;

        for (size_t i = 0; i < sample.n_tasks; i++)
                if (sample.tasks[i].cgroup == group_id[group])
                        sum += sample.tasks[i].cpu_ns;
        return sum;
}

/* What the kernel counted between two readings of ours is known within bounds: a reading takes
 * time, more so on a busy machine, and the counter is read before and after it. */
struct span {
        uint64_t before, after;
        uint64_t window_ns; /* what all CPUs can have done meanwhile, and may be carried over */
};

static struct span
collect_around(uint64_t (*count)(int group), int group)
{
        struct span span = { .before = count(group) };
        int64_t start = jk_monotonic_ns();

        collect();
        span.window_ns = (uint64_t)((jk_monotonic_ns() - start) * sysconf(_SC_NPROCESSORS_ONLN));
        span.after = count(group);
        return span;
}

static void
assert_counted(const char *what, uint64_t booked, struct span start, struct span end,
               double percent)
{
        double least = (double)(end.before - start.after) - (double)end.window_ns;
        double most = (double)(end.after - start.before) + (double)start.window_ns;

        print_message("# %s: %.3f ms of %.3f to %.3f ms\n", what, (double)booked / 1e6, least / 1e6,
                      most / 1e6);
        assert_true((double)booked >= least * (1 - percent / 100));
        assert_true((double)booked <= most * (1 + percent / 100));
}

/* Tick until the groups have used enough for a percent to be more than noise; but not for ever. */
static void
tick_until(uint64_t enough_ns, int groups, uint64_t booked[2], uint64_t *ret_unseen)
{
        uint64_t unseen = 0;

        for (int i = 0; i < 150 && booked[0] + booked[1] < enough_ns; i++) {
                usleep(100000);
                collect();
                for (int g = 0; g < groups; g++)
                        booked[g] += booked_ns(g);
                for (size_t k = 0; k < sample.n_tasks; k++)
                        if ((sample.tasks[k].flags & JK_TASK_UNSEEN) &&
                            sample.tasks[k].cgroup == group_id[0])
                                unseen += sample.tasks[k].cpu_ns;
        }
        if (ret_unseen)
                *ret_unseen = unseen;
}

static void
short_lived_processes_lose_nothing(void **state)
{
        uint64_t booked[2] = { 0 }, unseen;
        struct span start, end;
        pid_t burner;

        (void)state;
        need_groups();
        burner = start_fork_burner(0);
        usleep(200000);
        collect();
        start = collect_around(usage_ns, 0);
        tick_until(1000 * (uint64_t)JK_NS_PER_MS, 1, booked, &unseen);
        end = collect_around(usage_ns, 0);
        booked[0] += booked_ns(0);
        stop(burner);
        assert_true(unseen > 0); /* or the test would not test it */
        assert_counted("fork burner", booked[0], start, end, 2);
}

static void
shares_of_one_to_three_are_that(void **state)
{
        uint64_t booked[2] = { 0 };
        struct span start[2], end[2];
        pid_t pids[2];

        (void)state;
        need_groups();
        pids[0] = start_duty(0, 4);
        pids[1] = start_duty(1, 12);
        usleep(200000);
        collect();
        start[0].before = usage_ns(0);
        start[1] = collect_around(usage_ns, 1);
        start[0].after = usage_ns(0);
        start[0].window_ns = start[1].window_ns;
        tick_until(1000 * (uint64_t)JK_NS_PER_MS, 2, booked, NULL);
        end[0].before = usage_ns(0);
        end[1] = collect_around(usage_ns, 1);
        end[0].after = usage_ns(0);
        end[0].window_ns = end[1].window_ns;
        for (int g = 0; g < 2; g++)
                booked[g] += booked_ns(g);
        stop(pids[0]);
        stop(pids[1]);

        assert_counted("one", booked[0], start[0], end[0], 1);
        assert_counted("three", booked[1], start[1], end[1], 1);
}

static void
a_thousand_forks_a_second_are_survived(void **state)
{
        uint64_t booked[2] = { 0 };
        struct span start, end;
        pid_t storm;

        (void)state;
        need_groups();
        storm = start_fork_storm(0, 1000);
        usleep(200000);
        collect();
        start = collect_around(usage_ns, 0);
        tick_until(500 * (uint64_t)JK_NS_PER_MS, 1, booked, NULL);
        end = collect_around(usage_ns, 0);
        booked[0] += booked_ns(0);
        stop(storm);
        assert_counted("fork storm", booked[0], start, end, 2);
}

static void
move(pid_t pid, int group)
{
        char path[600];
        FILE *file;

        snprintf(path, sizeof path, "%s/cgroup.procs", group_path[group]);
        file = fopen(path, "we");
        assert_non_null(file);
        fprintf(file, "%d", pid);
        assert_int_equal(fclose(file), 0);
}

static uint64_t
both_usage_ns(int unused)
{
        (void)unused;
        return usage_ns(0) + usage_ns(1);
}

static void
a_busy_task_that_moves_is_booked_where_it_is(void **state)
{
        struct span start, end;
        uint64_t booked = 0, last = 0;
        pid_t loop;

        (void)state;
        need_groups();
        loop = start_loop(0);
        usleep(300000);
        collect();
        start = collect_around(both_usage_ns, 0);
        for (int i = 0; i < 20; i++) {
                if (i == 3)
                        move(loop, 1);
                usleep(100000);
                end = collect_around(both_usage_ns, 0);
                booked += booked_ns(0) + booked_ns(1);
                for (size_t k = 0; k < sample.n_tasks; k++)
                        if (sample.tasks[k].pid == loop)
                                last = sample.tasks[k].cgroup;
        }
        stop(loop);
        assert_int_equal(last, group_id[1]);
        assert_counted("moved", booked, start, end, 2);
}

static uint64_t
root_usage_ns(int unused)
{
        uint64_t value = 0;
        char path[600];

        (void)unused;
        snprintf(path, sizeof path, "%s/cpuacct.usage", jk_cgroups_mount(cgroups));
        assert_int_equal(jk_root_read_u64(&host, path, &value), 0);
        return value;
}

/* What all records say against what the root of the hierarchy counted. */
static void
nothing_is_invented_and_nothing_lost(void **state)
{
        struct span start, end;
        uint64_t booked = 0;
        pid_t burner, loop;

        (void)state;
        need_groups();
        if (jk_cgroups_mode(cgroups) != JK_CGROUP_V1)
                JK_SKIP("the root of cgroup v2 is sampled");
        burner = start_fork_burner(0);
        loop = start_loop(1);
        usleep(200000);
        collect();
        start = collect_around(root_usage_ns, 0);
        for (int i = 0; i < 20; i++) {
                usleep(100000);
                end = collect_around(root_usage_ns, 0);
                for (size_t k = 0; k < sample.n_tasks; k++)
                        booked += sample.tasks[k].cpu_ns;
        }
        stop(burner);
        stop(loop);
        assert_counted("machine", booked, start, end, 2);
}

static void
this_process_is_itself_and_pid_1_is_listed(void **state)
{
        bool self = false, init = false;

        (void)state;
        collect();
        for (size_t i = 0; i < sample.n_tasks; i++) {
                assert_int_equal(sample.tasks[i].cpu_ns, 0);
                assert_true(sample.tasks[i].flags & JK_TASK_NEW);
                init |= sample.tasks[i].pid == 1;
                if (sample.tasks[i].flags & JK_TASK_SELF) {
                        self = true;
                        assert_int_equal(sample.tasks[i].pid, getpid());
                        assert_int_equal(sample.tasks[i].ppid, getppid());
                        assert_int_equal(sample.tasks[i].uid, getuid());
                        assert_true(sample.tasks[i].start_ns < (uint64_t)sample.time.boottime_ns);
                }
        }
        assert_true(self);
        assert_true(init);
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static const struct CMUnitTest tests[] = {
        LIVE(this_process_is_itself_and_pid_1_is_listed),
        LIVE(short_lived_processes_lose_nothing),
        LIVE(shares_of_one_to_three_are_that),
        LIVE(a_thousand_forks_a_second_are_survived),
        LIVE(a_busy_task_that_moves_is_booked_where_it_is),
        LIVE(nothing_is_invented_and_nothing_lost),
};

JK_RUN_TESTS(tests)
