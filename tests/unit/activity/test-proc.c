/* SPDX-License-Identifier: Apache-2.0
 *
 * The proc collector against fixtures: processes that begin, end, hide, and call themselves what
 * nobody would expect; and the unseen time of cgroups. Live load is in test-proc-live.c.
 */
#include "tests/unit/test.h"

#include "activity/activity.h"
#include "activity/irq.h"
#include "activity/proc-stat.h"
#include "tests/unit/tree.h"

#define TICK  (10 * JK_NS_PER_MS) /* of utime and stime */
#define START 5000                /* ticks since boot */

static struct tree tree;
static struct jk_cgroups *cgroups;
static struct jk_collector *collector;
static struct jk_sample sample;
static struct jk_error err;

struct process {
        int pid;
        const char *comm;
        uint64_t ticks, start;
        const char *cgroup;
        int uid;
};

static void
write_process(const struct process *process)
{
        char path[64], text[512];
        int n = snprintf(text, sizeof text,
                         "%d (%s) S 1 1 1 0 -1 4194560 100 0 7 0 %llu 0 0 0 20 0 3 0 %llu 1000000 "
                         "50 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n",
                         process->pid, process->comm, (unsigned long long)process->ticks,
                         (unsigned long long)(process->start ? process->start : START));

        snprintf(path, sizeof path, "proc/%d/stat", process->pid);
        tree_write_bytes(&tree, path, text, (size_t)n);
        snprintf(path, sizeof path, "proc/%d/cgroup", process->pid);
        tree_write(&tree, path, "0::%s\n", process->cgroup ? process->cgroup : "/");
        snprintf(path, sizeof path, "proc/%d/status", process->pid);
        tree_write(&tree, path, "Name:\tx\\nUid:\t7\nUid:\t%d\t%d\t%d\t%d\n", process->uid,
                   process->uid + 1, 0, 0);
}

static void
remove_process(int pid)
{
        char path[64];

        snprintf(path, sizeof path, "proc/%d", pid);
        tree_remove(&tree, path);
}

/* CPU time of a group and all in it. */
static void
write_usage(const char *group, uint64_t ticks)
{
        char path[512];

        snprintf(path, sizeof path, "sys/fs/cgroup%s/cpu.stat", group);
        tree_write(&tree, path, "usage_usec %llu\nuser_usec 1\nsystem_usec 1\n",
                   (unsigned long long)ticks * 10000);
}

static int
set_up(void **state)
{
        (void)state;
        tree_make(&tree);
        tree_write(&tree, "proc/self/mountinfo",
                   "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        tree_write(&tree, "proc/stat", "cpu0 1 1 1 1\n");
        tree_write(&tree, "sys/fs/cgroup/cgroup.controllers", "cpu\n");
        tree_write(&tree, "sys/fs/cgroup/cgroup.type", "domain\n"); /* a container's root */
        tree_dir(&tree, "sys/fs/cgroup/a");
        tree_dir(&tree, "sys/fs/cgroup/b");
        write_usage("", 0);
        write_usage("/a", 0);
        write_usage("/b", 0);
        cgroups = NULL;
        collector = NULL;
        jk_sample_init(&sample);
        return 0;
}

static int
tear_down(void **state)
{
        (void)state;
        jk_collector_proc.close(collector);
        jk_cgroups_close(cgroups);
        jk_sample_free(&sample);
        tree_destroy(&tree);
        return 0;
}

static void
collect(void)
{
        struct jk_instant now = { .realtime_ns = 1, .monotonic_ns = jk_monotonic_ns() };

        now.boottime_ns = (int64_t)(START * (uint64_t)TICK) + (int64_t)sample.sequence + 1;
        if (!collector) {
                struct jk_activity_env env = { .proc_root = &tree.root };

                assert_int_equal(jk_cgroups_open(&tree.root, &cgroups, &err), 0);
                env.cgroups = cgroups;
                assert_int_equal(jk_collector_proc.open(&env, &collector, &err), 0);
        }
        jk_sample_begin(&sample, &now);
        assert_int_equal(jk_collector_proc.collect(collector, &sample, &err), 0);
        assert_true(sample.flags & JK_SAMPLE_TASKS);
        assert_true(sample.flags & JK_SAMPLE_COARSE);
}

static const struct jk_task_record *
record_of(pid_t pid, uint32_t flags)
{
        for (size_t i = 0; i < sample.n_tasks; i++)
                if (sample.tasks[i].pid == pid && (sample.tasks[i].flags & flags) == flags)
                        return &sample.tasks[i];
        return NULL;
}

static uint64_t
unseen_of(const char *group)
{
        uint64_t id;

        assert_int_equal(jk_cgroups_id(cgroups, group, &id), 0);
        for (size_t i = 0; i < sample.n_tasks; i++)
                if ((sample.tasks[i].flags & JK_TASK_UNSEEN) && sample.tasks[i].cgroup == id) {
                        assert_int_equal(sample.tasks[i].pid, 0);
                        assert_int_equal(sample.tasks[i].start_ns, id);
                        assert_int_equal(sample.tasks[i].uid, JK_UID_UNKNOWN);
                        return sample.tasks[i].cpu_ns / TICK;
                }
        return 0;
}

/* ---- parsers ---- */

static void
a_comm_is_any_bytes(void **state)
{
        static const char *const comms[] = {
                "sh",        "a b", ") S 1 1 1 (", "new\nline", "((((", "))))",
                "\xff\"'\\", "",    "(sd-pam)",
        };

        (void)state;
        for (size_t i = 0; i < sizeof comms / sizeof *comms; i++) {
                struct process process = { .pid = 42, .comm = comms[i], .ticks = 9, .uid = 5 };

                write_process(&process);
                collect();
                if (i == 0) {
                        assert_int_equal(sample.n_tasks, 1);
                        assert_true(sample.tasks[0].flags & JK_TASK_NEW);
                }
                assert_string_equal(sample.tasks[0].comm, comms[i]);
                assert_int_equal(sample.tasks[0].threads, 3);
                assert_int_equal(sample.tasks[0].resident_bytes, 50 * 4096);
                assert_int_equal(sample.tasks[0].uid, 5);
        }
}

static void
bad_stat_texts_are_refused(void **state)
{
        static const char *const texts[] = {
                "",
                "1",
                "1 (",
                "1 (x",
                "1 (x)",
                "1 (x) ",
                "1 (x) S",
                "1 (x) S 1 2 3",
                ") (",
                "1 (x) S a b c",
                "1 (x) S  1 1 1 0 -1 1 1 0 7 0 9 0 0 0 20 0 3 0 1 1 1",
        };
        struct jk_proc_stat stat = { .threads = 77 };

        (void)state;
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                assert_int_equal(jk_proc_stat_parse(texts[i], strlen(texts[i]), &stat), -EBADMSG);
        assert_int_equal(stat.threads, 77); /* untouched */
}

static void
io_and_uid_are_parsed(void **state)
{
        uint64_t read = 0, written = 0;
        uid_t uid = 0;

        (void)state;
        assert_int_equal(jk_proc_io_parse("rchar: 1\nread_bytes: 4096\nwrite_bytes: 100\n"
                                          "cancelled_write_bytes: 30\n",
                                          &read, &written),
                         0);
        assert_int_equal(read, 4096);
        assert_int_equal(written, 70);
        assert_int_equal(jk_proc_io_parse("write_bytes: 1\n", &read, &written), -EBADMSG);
        assert_int_equal(jk_proc_io_parse("", &read, &written), -EBADMSG);
        assert_int_equal(jk_proc_uid_parse("Name:\tUid: 9\nUid:\t33\t0\t0\t0\n", &uid), 0);
        assert_int_equal(uid, 33);
        assert_int_equal(jk_proc_uid_parse("Uid:\n", &uid), -EBADMSG);
        assert_int_equal(jk_proc_uid_parse("Uid:\t99999999999\n", &uid), -EBADMSG);
}

/* ---- tasks ---- */

static void
activity_is_the_difference(void **state)
{
        struct process process = { .pid = 10, .comm = "x", .ticks = 1000 };

        (void)state;
        write_process(&process);
        collect();
        assert_int_equal(sample.tasks[0].cpu_ns, 0); /* a baseline */
        collect();
        assert_int_equal(sample.n_tasks, 0); /* alive and idle: not listed */
        process.ticks += 7;
        write_process(&process);
        collect();
        assert_int_equal(sample.n_tasks, 1);
        assert_int_equal(sample.tasks[0].cpu_ns, 7 * TICK);
        assert_int_equal(sample.tasks[0].flags, 0);
}

static void
a_task_that_begins_brings_all_it_did(void **state)
{
        struct process first = { .pid = 1, .comm = "init" };
        struct process young = { .pid = 20, .comm = "young", .ticks = 3, .start = START };
        struct process hidden = { .pid = 30, .comm = "hidden", .ticks = 3000, .start = 17 };

        (void)state;
        write_process(&first);
        collect();
        write_process(&young);
        write_process(&hidden);
        collect();
        assert_int_equal(record_of(20, JK_TASK_NEW)->cpu_ns, 3 * TICK);
        assert_int_equal(record_of(20, JK_TASK_NEW)->minor_faults, 100);
        assert_int_equal(record_of(30, JK_TASK_NEW)->cpu_ns, 0); /* its past is not this tick's */
}

static void
a_task_that_is_gone_has_ended_once(void **state)
{
        struct process first = { .pid = 1, .comm = "init" };
        struct process process = { .pid = 10, .comm = "x", .ticks = 1000 };

        (void)state;
        write_process(&first);
        write_process(&process);
        collect();
        remove_process(10);
        collect();
        assert_int_equal(sample.n_tasks, 1);
        assert_non_null(record_of(10, JK_TASK_ENDED));
        assert_string_equal(sample.tasks[0].comm, "x");
        collect();
        assert_int_equal(sample.n_tasks, 0);
}

static void
a_pid_that_is_used_again_is_another_task(void **state)
{
        struct process process = { .pid = 10, .comm = "old", .ticks = 1000 };

        (void)state;
        write_process(&process);
        collect();
        process = (struct process){ .pid = 10, .comm = "new", .ticks = 2000, .start = START + 1 };
        write_process(&process);
        collect();
        assert_int_equal(sample.n_tasks, 2);
        assert_string_equal(record_of(10, JK_TASK_ENDED)->comm, "old");
        assert_string_equal(record_of(10, JK_TASK_NEW)->comm, "new");
        assert_int_equal(record_of(10, JK_TASK_NEW)->cpu_ns, 2000 * TICK);
}

static void
changed_identities_are_listed(void **state)
{
        struct process process = { .pid = 10, .comm = "old", .ticks = 5, .uid = 100 };

        (void)state;
        write_process(&process);
        collect();
        assert_int_equal(sample.tasks[0].uid, 100);
        process.comm = "new";
        process.uid = 200;
        process.cgroup = "/a";
        write_process(&process);
        collect();
        assert_int_equal(sample.n_tasks, 1);
        assert_int_equal(sample.tasks[0].uid, 200);
        assert_string_equal(jk_cgroups_path(cgroups, sample.tasks[0].cgroup), "/a");
        assert_int_equal(sample.tasks[0].cpu_ns, 0);
}

static void
unreadable_processes_are_passed_over(void **state)
{
        struct process process = { .pid = 10, .comm = "x" };

        (void)state;
        write_process(&process);
        tree_dir(&tree, "proc/11"); /* ended while it was listed */
        tree_write(&tree, "proc/12/stat", "garbage");
        tree_write(&tree, "proc/13/stat", "%s", "");
        tree_write(&tree, "proc/14", "a file");
        tree_dir(&tree, "proc/99999999999999999999");
        tree_dir(&tree, "proc/15x");
        collect();
        assert_int_equal(sample.n_tasks, 1);
        assert_int_equal(sample.tasks[0].pid, 10);
}

static void
an_empty_proc_is_an_error(void **state)
{
        struct jk_instant now = jk_now();
        struct process process = { .pid = 10, .comm = "x" };

        (void)state;
        write_process(&process);
        collect();
        remove_process(10);
        jk_sample_begin(&sample, &now);
        assert_int_equal(jk_collector_proc.collect(collector, &sample, &err), -ENOENT);
        assert_false(sample.flags & JK_SAMPLE_TASKS);
}

/* ---- unseen time ---- */

static void
what_no_task_accounts_for_is_unseen(void **state)
{
        struct process process = { .pid = 10, .comm = "x", .ticks = 100, .cgroup = "/a" };

        (void)state;
        write_process(&process);
        write_usage("", 1000);
        write_usage("/a", 500);
        collect();
        assert_int_equal(sample.n_tasks, 1); /* the past is no unseen time */

        process.ticks += 20;
        write_process(&process);
        write_usage("", 1000 + 70);
        write_usage("/a", 500 + 60);
        write_usage("/b", 10);
        collect();
        assert_int_equal(record_of(10, 0)->cpu_ns, 20 * TICK);
        assert_int_equal(unseen_of("/a"), 40);
        assert_int_equal(unseen_of("/b"), 10);
        assert_int_equal(unseen_of("/"), 0); /* all of its time is its children's */
        collect();
        assert_int_equal(sample.n_tasks, 0);
}

static void
small_differences_are_carried_not_reported(void **state)
{
        struct process process = { .pid = 10, .comm = "x", .ticks = 100, .cgroup = "/a" };
        uint64_t usage = 0, unseen = 0;

        (void)state;
        write_process(&process);
        collect();
        for (int i = 0; i < 100; i++) {
                usage += 10 + (i % 2 ? 1 : -1); /* the group is read a bit early, a bit late */
                process.ticks += 10;
                write_process(&process);
                write_usage("", usage);
                write_usage("/a", usage);
                collect();
                unseen += unseen_of("/a") + unseen_of("/");
        }
        assert_int_equal(unseen, 0);
}

static void
a_missed_move_invents_nothing(void **state)
{
        struct process process = { .pid = 10, .comm = "x", .ticks = 100, .cgroup = "/a" };

        (void)state;
        write_process(&process);
        collect();
        for (uint64_t i = 1; i < 20; i++) { /* its file says a, its time is spent in b */
                process.ticks += 100;
                write_process(&process);
                write_usage("", 100 * i);
                write_usage("/b", 100 * i);
                collect();
                assert_int_equal(unseen_of("/b"), 0);
        }
}

static void
a_move_is_found_by_the_time_of_the_groups(void **state)
{
        struct process process = { .pid = 10, .comm = "x", .ticks = 100, .cgroup = "/a" };

        (void)state;
        write_process(&process);
        collect();
        process.ticks += 100;
        process.cgroup = "/b";
        write_process(&process);
        write_usage("", 100);
        write_usage("/b", 100);
        collect();
        assert_int_equal(sample.n_tasks, 1);
        assert_string_equal(jk_cgroups_path(cgroups, sample.tasks[0].cgroup), "/b");
}

static void
a_group_that_came_and_one_that_went_leave_their_time(void **state)
{
        struct process process = { .pid = 10, .comm = "x", .ticks = 100 };

        (void)state;
        write_process(&process);
        collect();
        tree_dir(&tree, "sys/fs/cgroup/c");
        write_usage("/c", 30);
        write_usage("", 30);
        collect();
        assert_int_equal(unseen_of("/c"), 30);

        tree_remove(&tree,
                    "sys/fs/cgroup/c"); /* after 20 more, and one that we never saw after 5 */
        write_usage("", 30 + 20 + 5);
        collect();
        assert_int_equal(unseen_of("/"), 25);
}

/* The true root of v2 counts by sampling, with stolen and interrupt time in its usage. */
static void
a_sampled_root_reports_only_what_exceeds_its_error(void **state)
{
        struct process process = { .pid = 10, .comm = "x", .ticks = 100 };
        static const uint64_t busy[] = { 0, 1010, 2020, 3030, 4540 };
        uint64_t reported = 0;

        (void)state;
        tree_remove(&tree, "sys/fs/cgroup/cgroup.type");
        for (size_t i = 0; i < sizeof busy / sizeof *busy; i++) {
                write_process(&process);
                tree_write(&tree, "sys/fs/cgroup/cpu.stat",
                           "usage_usec %llu\nuser_usec %llu\nsystem_usec 0\n",
                           (unsigned long long)busy[i] * 20000,
                           (unsigned long long)busy[i] * 10000);
                collect();
                reported = unseen_of("/");
                if (i < 4)
                        assert_int_equal(reported, 0);
                process.ticks += 1000;
        }
        assert_in_range(reported, 450, 500);
}

/* ---- the list ---- */

static void
the_choice_tells_what_and_why(void **state)
{
        const struct jk_collector_ops *ops = NULL;
        struct jk_activity_env env = { .proc_root = &tree.root };
        struct process process = { .pid = 1, .comm = "init" };

        (void)state;
        write_process(&process);
        assert_int_equal(jk_cgroups_open(&tree.root, &cgroups, &err), 0);
        env.cgroups = cgroups;
        assert_int_equal(jk_collector_open(&env, "proc", &ops, &collector, &err), 0);
        assert_ptr_equal(ops, &jk_collector_proc);
        assert_string_equal(err.message, "");
        assert_int_equal(jk_collector_open(&env, "prco", &ops, &collector, &err), -EINVAL);
        assert_non_null(strstr(err.message, "proc"));
}

static void
irq_time_follows_the_kernels_configuration(void **state)
{
        char types[40000] = "";

        (void)state;
        assert_true(jk_irq_time_is_in_tasks(&tree.root));
        memcpy(types + 16380, "\0prev_irq_time", 15); /* across the border of two blocks */
        tree_write_bytes(&tree, "sys/kernel/btf/vmlinux", types, sizeof types);
        assert_false(jk_irq_time_is_in_tasks(&tree.root));
        tree_write(&tree, "proc/sys/kernel/osrelease", "6.1.0-test\n");
        tree_write(&tree, "boot/config-6.1.0-test", "# CONFIG_IRQ_TIME_ACCOUNTING is not set\n");
        assert_true(jk_irq_time_is_in_tasks(&tree.root));
        tree_write(&tree, "boot/config-6.1.0-test", "CONFIG_A=y\nCONFIG_IRQ_TIME_ACCOUNTING=y\n");
        assert_false(jk_irq_time_is_in_tasks(&tree.root));
}

#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static const struct CMUnitTest tests[] = {
        WITH_TREE(a_comm_is_any_bytes),
        WITH_TREE(bad_stat_texts_are_refused),
        WITH_TREE(io_and_uid_are_parsed),
        WITH_TREE(activity_is_the_difference),
        WITH_TREE(a_task_that_begins_brings_all_it_did),
        WITH_TREE(a_task_that_is_gone_has_ended_once),
        WITH_TREE(a_pid_that_is_used_again_is_another_task),
        WITH_TREE(changed_identities_are_listed),
        WITH_TREE(unreadable_processes_are_passed_over),
        WITH_TREE(an_empty_proc_is_an_error),
        WITH_TREE(what_no_task_accounts_for_is_unseen),
        WITH_TREE(small_differences_are_carried_not_reported),
        WITH_TREE(a_missed_move_invents_nothing),
        WITH_TREE(a_move_is_found_by_the_time_of_the_groups),
        WITH_TREE(a_group_that_came_and_one_that_went_leave_their_time),
        WITH_TREE(a_sampled_root_reports_only_what_exceeds_its_error),
        WITH_TREE(the_choice_tells_what_and_why),
        WITH_TREE(irq_time_follows_the_kernels_configuration),
};

JK_RUN_TESTS(tests)
