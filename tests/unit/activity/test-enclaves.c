/* SPDX-License-Identifier: Apache-2.0
 *
 * Which tasks are marked as holders of an SGX enclave, how soon, and what it costs: nothing where
 * there is no SGX.
 */
#include "tests/unit/test.h"

#include <malloc.h>
#include <sys/inotify.h>

#include "activity/enclaves.h"
#include "base/array.h"
#include "engine/engine.h"
#include "tests/unit/tree.h"

#define ENCLAVE_MAP                                                                                \
        "7f3000000000-7f3000100000 rw-s 00000000 00:05 112                        "                \
        "/dev/sgx_enclave\n"
#define OTHER_MAP                                                                                  \
        "55e0c0000000-55e0c0021000 r-xp 00000000 fe:00 1234                       /bin/x\n"

static struct tree tree;
static struct jk_enclaves *enclaves;
static struct jk_sample sample;
static struct jk_error err;

static int
set_up(void **state)
{
        (void)state;
        tree_make(&tree);
        tree_dir(&tree, "proc");
        tree_write(&tree, "dev/sgx_enclave", "%s", "");
        enclaves = NULL;
        jk_sample_init(&sample);
        return 0;
}

static int
tear_down(void **state)
{
        (void)state;
        jk_enclaves_close(enclaves);
        jk_sample_free(&sample);
        tree_destroy(&tree);
        return 0;
}

static void
open_enclaves(void)
{
        assert_int_equal(jk_enclaves_open(&tree.root, &tree.root, &enclaves, &err), 0);
        assert_non_null(enclaves);
}

/* ---- processes ---- */

static void
write_maps(int pid, const char *text)
{
        char path[64];

        snprintf(path, sizeof path, "proc/%d/maps", pid);
        tree_write(&tree, path, "%s", text);
}

static void
write_fd(int pid, int number, const char *target)
{
        char path[64], name[16];
        int at;

        snprintf(path, sizeof path, "proc/%d/fd", pid);
        snprintf(name, sizeof name, "%d", number);
        at = tree_open_dir(&tree, path);
        assert_int_equal(symlinkat(target, at, name), 0);
        close(at);
}

static void
remove_fds(int pid)
{
        char path[64];

        snprintf(path, sizeof path, "proc/%d/fd", pid);
        tree_remove(&tree, path);
}

/* ---- ticks ---- */

static void
begin(int64_t elapsed_ns)
{
        struct jk_instant now = sample.time;

        now.monotonic_ns += elapsed_ns ? elapsed_ns : JK_NS_PER_S;
        now.boottime_ns = now.realtime_ns = now.monotonic_ns;
        jk_sample_begin(&sample, &now);
}

static void
list(int pid, uint32_t flags, const char *comm)
{
        struct jk_task_record *task = jk_sample_add_task(&sample);

        assert_non_null(task);
        task->pid = pid;
        task->start_ns = 1000;
        task->flags = flags;
        snprintf(task->comm, sizeof task->comm, "%s", comm);
}

static bool
is_marked(size_t i)
{
        return sample.tasks[i].flags & JK_TASK_ENCLAVE;
}

/* A tick in which one task did something: whether it is marked. */
static bool
tick(int64_t elapsed_ns, int pid, uint32_t flags)
{
        begin(elapsed_ns);
        list(pid, flags, "enclave");
        jk_enclaves_mark(enclaves, &sample);
        return is_marked(0);
}

/* ---- what is found ---- */

static void
one_that_has_the_device_open_or_mapped_is_marked(void **state)
{
        static const struct {
                const char *fd, *maps;
                bool expected;
        } rows[] = {
                { "/dev/sgx_enclave", OTHER_MAP, true },
                { "/dev/null", OTHER_MAP ENCLAVE_MAP, true },
                { "/dev/null", ENCLAVE_MAP OTHER_MAP, true },
                { "/dev/null", OTHER_MAP, false },
                { "/dev/sgx_enclave2", OTHER_MAP, false },
                { "/dev/sgx_provision", OTHER_MAP, false },
                { "/home/dev/sgx_enclave", OTHER_MAP, false },
                { "/dev/sgx_enclav", "1-2 r-xp 0 0:0 1 /home/dev/sgx_enclave\n", false },
                { "socket:[12]", "1-2 r-xp 0 0:0 1 /dev/sgx_enclave_not\n", false },
                { "/dev/null", "", false },
        };

        (void)state;
        open_enclaves();
        begin(0);
        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                write_fd(100 + (int)i, 0, "/dev/null");
                write_fd(100 + (int)i, 17, rows[i].fd);
                write_maps(100 + (int)i, rows[i].maps);
                list(100 + (int)i, JK_TASK_NEW, "x");
        }
        jk_enclaves_mark(enclaves, &sample);
        for (size_t i = 0; i < JK_COUNT(rows); i++)
                if (is_marked(i) != rows[i].expected)
                        fail_msg("row %zu", i);
}

static void
it_is_found_wherever_a_read_of_maps_ends(void **state)
{
        (void)state;
        for (size_t before = 32 * 1024 - 200; before < 32 * 1024 + 200; before += 7) {
                char *text = malloc(40 * 1024);
                size_t length = 0;

                while (length + strlen(OTHER_MAP) <= before)
                        length += (size_t)sprintf(text + length, OTHER_MAP);
                sprintf(text + length, "%*s" ENCLAVE_MAP OTHER_MAP, (int)(before - length), "");
                write_maps(100, text);
                free(text);
                open_enclaves();
                assert_true(tick(0, 100, JK_TASK_NEW));
                jk_enclaves_close(enclaves);
                enclaves = NULL;
        }
}

static void
kernel_threads_and_unseen_time_are_not_looked_at(void **state)
{
        (void)state;
        write_fd(100, 3, "/dev/sgx_enclave");
        open_enclaves();
        assert_false(tick(0, 100, JK_TASK_NEW | JK_TASK_KERNEL));
        assert_false(tick(0, 100, JK_TASK_UNSEEN));
        assert_true(tick(0, 100, 0));
}

static void
a_process_that_is_gone_stays_as_it_was(void **state)
{
        (void)state;
        write_fd(101, 3, "/dev/sgx_enclave");
        open_enclaves();
        assert_false(tick(0, 100, JK_TASK_NEW));
        assert_true(tick(0, 101, JK_TASK_NEW));
        tree_remove(&tree, "proc/101");
        for (int i = 0; i < 30; i++)
                assert_true(tick(0, 101, 0));
        assert_true(tick(0, 101, JK_TASK_ENDED));
}

/* ---- when ---- */

static void
one_that_comes_to_an_enclave_later_is_found_in_time(void **state)
{
        int ticks = 0;

        (void)state;
        write_maps(100, OTHER_MAP);
        open_enclaves();
        assert_false(tick(0, 100, JK_TASK_NEW));
        write_maps(100, ENCLAVE_MAP);
        assert_true(tick(0, 100, 0)); /* a second later, as it is young */

        write_maps(100, OTHER_MAP);
        for (int i = 0; i < 30; i++)
                tick(0, 100, 0);
        assert_false(is_marked(0));
        write_maps(100, ENCLAVE_MAP);
        while (!tick(0, 100, 0))
                assert_true(++ticks <= 10);
}

static void
the_mark_stays_between_looks_and_goes_with_the_enclave(void **state)
{
        int ticks = 0;

        (void)state;
        write_maps(100, OTHER_MAP);
        write_fd(100, 3, "/dev/sgx_enclave");
        open_enclaves();
        for (int i = 0; i < 40; i++)
                assert_true(tick(JK_NS_PER_S / 10, 100, 0));
        remove_fds(100);
        while (tick(0, 100, 0))
                assert_true(++ticks <= 10);
}

static void
one_that_executes_is_looked_at_at_once(void **state)
{
        (void)state;
        write_maps(100, OTHER_MAP);
        open_enclaves();
        for (int i = 0; i < 30; i++)
                tick(0, 100, 0);
        write_maps(100, ENCLAVE_MAP);
        begin(JK_NS_PER_S / 10);
        list(100, 0, "another");
        jk_enclaves_mark(enclaves, &sample);
        assert_true(is_marked(0));
}

static void
the_last_record_is_marked_and_another_with_its_pid_is_not(void **state)
{
        (void)state;
        write_maps(100, OTHER_MAP);
        write_fd(100, 3, "/dev/sgx_enclave");
        open_enclaves();
        assert_true(tick(0, 100, JK_TASK_NEW));
        remove_fds(100);
        assert_true(tick(0, 100, JK_TASK_ENDED));
        assert_false(tick(0, 100, JK_TASK_NEW));
        assert_false(tick(0, 100, JK_TASK_ENDED));

        /* its end was lost: the pid is another's all the same */
        write_fd(101, 3, "/dev/sgx_enclave");
        assert_true(tick(0, 101, JK_TASK_NEW));
        remove_fds(101);
        begin(1);
        list(101, JK_TASK_NEW, "enclave");
        sample.tasks[0].start_ns = 2000;
        jk_enclaves_mark(enclaves, &sample);
        assert_false(is_marked(0));
}

/* ---- what it costs ---- */

static int
watch(const char *path)
{
        int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        char whole[256];

        snprintf(whole, sizeof whole, "%s/%s", tree.path, path);
        assert_true(fd >= 0 && inotify_add_watch(fd, whole, IN_OPEN) >= 0);
        return fd;
}

/* How often it was opened since; the same as the event before counts once. */
static size_t
opened(int fd)
{
        char buffer[64 * 1024];
        ssize_t n = read(fd, buffer, sizeof buffer);
        size_t count = 0;

        for (ssize_t at = 0; at < n; count++)
                at += (ssize_t)(sizeof(struct inotify_event) +
                                ((struct inotify_event *)(void *)(buffer + at))->len);
        return count;
}

static void
all_have_their_turn_within_the_allowance(void **state)
{
        enum { TASKS = 300 };
        size_t marked = 0;

        (void)state;
        open_enclaves();
        begin(0);
        jk_enclaves_mark(enclaves, &sample); /* the start, at which more are looked at */
        for (int pid = 100; pid < 100 + TASKS; pid++)
                write_fd(pid, 3, "/dev/sgx_enclave");

        for (int s = 0; s < 25 * 10; s++) { /* ticks of 0.1 s */
                begin(JK_NS_PER_S / 10);
                for (int pid = 100; pid < 100 + TASKS; pid++)
                        list(pid, 0, "x");
                jk_enclaves_mark(enclaves, &sample);
        }
        for (size_t i = 0; i < TASKS; i++)
                marked += is_marked(i);
        assert_int_equal(marked, TASKS);
}

static void
no_more_than_the_allowance_are_looked_at(void **state)
{
        enum { TASKS = 300 };
        size_t marked = 0;

        (void)state;
        open_enclaves();
        begin(0);
        jk_enclaves_mark(enclaves, &sample);
        for (int pid = 100; pid < 100 + TASKS; pid++)
                write_fd(pid, 3, "/dev/sgx_enclave");
        for (int s = 0; s < 3; s++) {
                begin(JK_NS_PER_S);
                for (int pid = 100; pid < 100 + TASKS; pid++)
                        list(pid, 0, "x");
                jk_enclaves_mark(enclaves, &sample);
        }
        for (size_t i = 0; i < TASKS; i++)
                marked += is_marked(i);
        assert_in_range(marked, 1, 60);
}

static void
large_processes_are_looked_at_more_seldom(void **state)
{
        static char maps[64 * sizeof OTHER_MAP * 8];
        size_t length = 0, looks = 0;
        int fd;

        (void)state;
        while (length + sizeof OTHER_MAP < sizeof maps)
                length += (size_t)sprintf(maps + length, OTHER_MAP);
        write_maps(100, maps); /* as large as two looks and more */
        open_enclaves();
        begin(0);
        jk_enclaves_mark(enclaves, &sample);
        fd = watch("proc/100/maps");
        for (int s = 0; s < 4 * 20; s++) {
                begin(JK_NS_PER_S / 20);
                list(100, 0, s % 2 ? "x" : "y"); /* due at once, by its name */
                jk_enclaves_mark(enclaves, &sample);
                looks += opened(fd);
        }
        assert_in_range(looks, 20, 60); /* of 80 */
        close(fd);
}

static void
a_steady_tick_allocates_nothing(void **state)
{
        struct mallinfo2 before, after;

        (void)state;
        write_fd(100, 3, "/dev/sgx_enclave");
        open_enclaves();
        for (int i = 0; i < 5; i++)
                tick(0, 100, 0);
        before = mallinfo2();
        for (int i = 0; i < 50; i++)
                assert_true(tick(0, 100, 0));
        after = mallinfo2();
        assert_int_equal(before.uordblks, after.uordblks);
}

/* Of a process of a fixture, by an engine that ticks a few times. */
static void
run_engine(size_t *ret_fds, size_t *ret_maps)
{
        struct jk_engine_options options = JK_ENGINE_DEFAULTS;
        struct jk_engine *engine;
        int fds = watch("proc/100/fd"), maps = watch("proc/100/maps");

        options.root = tree.path;
        options.meters = "none";
        options.activity = "proc";
        if (jk_engine_open(&options, &engine, &err) < 0)
                fail_msg("%s", err.message);
        for (int i = 0; i < 3; i++)
                assert_int_equal(jk_engine_tick(engine, &err), 0);
        jk_engine_close(engine);
        *ret_fds = opened(fds);
        *ret_maps = opened(maps);
        close(fds);
        close(maps);
}

static void
without_the_driver_no_process_is_looked_at(void **state)
{
        size_t fds, maps;

        (void)state;
        tree_write(&tree, "proc/self/mountinfo",
                   "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        tree_write(&tree, "proc/stat", "cpu0 1 1 1 1\n");
        tree_write(&tree, "proc/100/stat",
                   "100 (x) S 1 1 1 0 -1 4194560 100 0 7 0 5 0 0 0 20 0 3 0 5000 1000000 50 "
                   "18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n");
        tree_write(&tree, "sys/fs/cgroup/cgroup.controllers", "cpu\n");
        write_maps(100, OTHER_MAP);
        write_fd(100, 3, "/dev/null");

        run_engine(&fds, &maps); /* so that the rest tells anything */
        assert_true(fds > 0 && maps > 0);
        tree_remove(&tree, "dev/sgx_enclave");
        run_engine(&fds, &maps);
        assert_int_equal(fds + maps, 0);

        tree_dir(&tree, "sys/class/misc/sgx_enclave"); /* a service with a /dev of its own */
        run_engine(&fds, &maps);
        assert_true(fds > 0 && maps > 0);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_that_has_the_device_open_or_mapped_is_marked, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(it_is_found_wherever_a_read_of_maps_ends, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(kernel_threads_and_unseen_time_are_not_looked_at, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_process_that_is_gone_stays_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_comes_to_an_enclave_later_is_found_in_time, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_mark_stays_between_looks_and_goes_with_the_enclave,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_executes_is_looked_at_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_record_is_marked_and_another_with_its_pid_is_not,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_have_their_turn_within_the_allowance, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(no_more_than_the_allowance_are_looked_at, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(large_processes_are_looked_at_more_seldom, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_steady_tick_allocates_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_the_driver_no_process_is_looked_at, set_up,
                                        tear_down),
};

JK_RUN_TESTS(tests)
