/* SPDX-License-Identifier: Apache-2.0
 *
 * The command of stat where the run comes to nothing.
 */
#include "tests/unit/test.h"

#include <sys/wait.h>
#include <unistd.h>

#include "cmd/stat.h"

static void
a_command_that_was_never_let_go_ends_without_having_begun(void **state)
{
        char directory[] = "/tmp/jk-stat-child-XXXXXX", file[64];
        char touch[] = "touch", *argv[] = { touch, file, NULL };
        struct jk_root root;
        struct jk_cgroups *cgroups;
        struct jk_stat_child child;
        struct jk_error err = { "" };
        int64_t cpu_ns;
        int status;

        (void)state;
        assert_non_null(mkdtemp(directory));
        snprintf(file, sizeof file, "%s/began", directory);
        assert_int_equal(jk_root_open(directory, &root, &err), 0);
        assert_int_equal(jk_cgroups_open(&root, &cgroups, &err), 0);

        alarm(20); /* were it waited for in vain */
        assert_int_equal(jk_stat_child_start(&child, cgroups, directory, NULL, argv, &err), 0);
        status = jk_stat_child_reap(&child, &cpu_ns);
        alarm(0);

        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 127);
        assert_int_equal(access(file, F_OK), -1);
        assert_int_equal(jk_stat_cgroup_remove(&child.cgroup), 0);

        jk_cgroups_close(cgroups);
        jk_root_close(&root);
        rmdir(directory);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_that_was_never_let_go_ends_without_having_begun),
};

JK_RUN_TESTS(tests)
