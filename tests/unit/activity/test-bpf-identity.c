/* SPDX-License-Identifier: Apache-2.0
 *
 * The BPF collector tells whose load it was: the incarnation, comm, user and cgroup of a process,
 * as these change under it.
 */
#include "tests/unit/activity/bpf-live.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

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

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pid_that_is_used_again_is_another_task),
        cmocka_unit_test(a_comm_is_passed_on_byte_by_byte),
        cmocka_unit_test(a_task_that_changes_its_user_is_listed_with_the_new_one),
        cmocka_unit_test(kernel_threads_and_the_agent_are_marked),
        cmocka_unit_test(a_task_that_sleeps_is_not_listed),
        cmocka_unit_test(a_cgroup_that_comes_and_goes_between_ticks_keeps_its_name),
        cmocka_unit_test(a_sleeping_task_that_is_moved_is_listed_in_its_new_cgroup),
};

JK_RUN_TESTS(tests)
