/* SPDX-License-Identifier: Apache-2.0
 *
 * Enclave memory by cgroup: what is told, when, and which files are read for it.
 */
#include <sys/inotify.h>

#include "tests/unit/workload/cgroups.h"
#include "workload/epc.h"

static struct jk_epc *epc;

static void
write_current(const char *group, uint64_t bytes)
{
        char path[256];

        snprintf(path, sizeof path, "sys/fs/cgroup%s/misc.current", group);
        tree_write(&tree, path, "sev 0\nsgx_epc %llu\nsev_es 12\n", (unsigned long long)bytes);
}

static int
set_up_epc(void **state)
{
        set_up(state);
        epc = NULL;
        make_v2();
        write_current("/a", 0);
        write_current("/a/b", 0);
        write_current("/c", 0);
        return 0;
}

static int
tear_down_epc(void **state)
{
        jk_epc_close(epc);
        return tear_down(state);
}

static void
open_epc(void)
{
        open_cgroups();
        publish();
        assert_int_equal(jk_epc_open(cgroups, &epc), 0);
}

/* A tick so many seconds later: how many groups are told. */
static size_t
read_after(int seconds)
{
        static struct jk_instant now = { .monotonic_ns = 1000 * JK_NS_PER_S };

        now.monotonic_ns += seconds * JK_NS_PER_S;
        jk_sample_begin(&sample, &now);
        assert_int_equal(jk_epc_read(epc, &sample), 0);
        return sample.n_epc;
}

/* What the last tick told of a group; -1: nothing. */
static int64_t
told(const char *group)
{
        uint64_t id = id_of(group);

        for (size_t i = 0; i < sample.n_epc; i++)
                if (sample.epc[i].cgroup == id)
                        return (int64_t)sample.epc[i].bytes;
        return -1;
}

static void
groups_with_some_are_told_every_ten_seconds(void **state)
{
        (void)state;
        open_epc();
        assert_int_equal(read_after(0), 0);

        write_current("/a", 8192);
        write_current("/a/b", 4096);
        assert_int_equal(read_after(9), 0);
        assert_int_equal(read_after(1), 2);
        assert_int_equal(told("/a"), 8192);
        assert_int_equal(told("/a/b"), 4096);
        assert_int_equal(read_after(1), 0);
        assert_int_equal(read_after(9), 2); /* again, for who reads a recording from here */

        write_current("/a", 4096);
        write_current("/a/b", 0);
        assert_int_equal(read_after(10), 2);
        assert_int_equal(told("/a"), 4096);
        assert_int_equal(told("/a/b"), 0);
        assert_int_equal(read_after(10), 1); /* once is enough */
}

static void
what_lies_in_a_group_without_any_is_not_read(void **state)
{
        char path[128];
        uint64_t buffer[512];
        int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

        (void)state;
        snprintf(path, sizeof path, "%s/sys/fs/cgroup/a/b/misc.current", tree.path);
        open_epc();
        assert_true(inotify_add_watch(fd, path, IN_OPEN) >= 0);
        read_after(10);
        assert_true(read(fd, buffer, sizeof buffer) < 0);
        write_current("/a", 4096);
        read_after(10);
        assert_true(read(fd, buffer, sizeof buffer) > 0);
        close(fd);
}

static void
what_is_no_count_is_none(void **state)
{
        static const char *const texts[] = { "",
                                             "sgx_epc\n",
                                             "sgx_epc max\n",
                                             "sgx_epc -1\n",
                                             "sgx_epc 99999999999999999999\n",
                                             "sgx_epc 9007199254740993\n",
                                             "xsgx_epc 4096\n" };

        (void)state;
        open_epc();
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
                tree_write(&tree, "sys/fs/cgroup/a/misc.current", "%s", texts[i]);
                assert_int_equal(read_after(10), 0);
        }
        tree_remove(&tree, "sys/fs/cgroup/a/misc.current");
        assert_int_equal(read_after(10), 0);
}

static void
a_group_that_has_gone_is_told_no_more(void **state)
{
        (void)state;
        open_epc();
        write_current("/c", 4096);
        assert_int_equal(read_after(10), 1);
        tree_remove(&tree, "sys/fs/cgroup/c");
        publish(); /* which may not have looked yet */
        if (read_after(10) > 0)
                assert_int_equal(sample.epc[0].bytes, 0);
        assert_int_equal(read_after(10), 0);
}

static void
a_kernel_that_does_not_count_it_is_never_asked(void **state)
{
        (void)state;
        tree_write(&tree, "sys/fs/cgroup/misc.capacity", "sev 100\nsev_es 3\n");
        open_epc();
        assert_null(epc);
        assert_int_equal(read_after(10), 0);
}

static void
a_root_that_has_the_capacity_is_read(void **state)
{
        (void)state;
        tree_write(&tree, "sys/fs/cgroup/misc.capacity", "sgx_epc 99614720\n");
        write_current("/c", 4096);
        open_epc();
        assert_non_null(epc);
        assert_int_equal(read_after(10), 1);
}

#define WITH_EPC(test) cmocka_unit_test_setup_teardown(test, set_up_epc, tear_down_epc)

static const struct CMUnitTest tests[] = {
        WITH_EPC(groups_with_some_are_told_every_ten_seconds),
        WITH_EPC(what_lies_in_a_group_without_any_is_not_read),
        WITH_EPC(what_is_no_count_is_none),
        WITH_EPC(a_group_that_has_gone_is_told_no_more),
        WITH_EPC(a_kernel_that_does_not_count_it_is_never_asked),
        WITH_EPC(a_root_that_has_the_capacity_is_read),
};

JK_RUN_TESTS(tests)
