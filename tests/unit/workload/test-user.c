/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of users from passwd files good, changing and hostile.
 */
#include "tests/unit/test.h"

#include "tests/unit/tree.h"
#include "workload/user.h"

static struct tree tree;
static struct jk_users *users;

static int
set_up(void **state)
{
        (void)state;
        tree_make(&tree);
        users = NULL;
        return 0;
}

static int
tear_down(void **state)
{
        (void)state;
        jk_users_close(users);
        tree_destroy(&tree);
        return 0;
}

static void
open_users(void)
{
        assert_int_equal(jk_users_open(&tree.root, &users, NULL), 0);
}

static void
names_are_found(void **state)
{
        (void)state;
        tree_write(&tree, "etc/passwd",
                   "root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/root:\n"
                   "a user:x:1000:1000:A, B:/home/a:/bin/sh\nlast:x:4294967294:1::/:");
        open_users();
        assert_string_equal(jk_users_name(users, 0), "root"); /* the first counts */
        assert_string_equal(jk_users_name(users, 1000), "a user");
        assert_string_equal(jk_users_name(users, UINT32_MAX - 1), "last");
        assert_null(jk_users_name(users, 7));
}

static void
hostile_lines_name_nobody(void **state)
{
        static const char bytes[] =
                "\n:\n::::\n:x:1:1:::\n+:x:2:2:::\n-a:x:3:3:::\n#c:x:4:4:::\n"
                "neg:x:-5:5:::\nbig:x:4294967295:1:::\nhuge:x:99999999999999999999:1:::\n"
                "blank:x: 6:6:::\nno:x:7x:7:::\nshort:x:8\nempty:x::9:::\n"
                "nul\0:x:10:10:::\nafter:x:11:11:::\n\xff\xfe:x:12:12:::\ncut:x:13:";

        (void)state;
        tree_write_bytes(&tree, "etc/passwd", bytes, sizeof bytes - 1);
        open_users();
        for (uid_t uid = 0; uid < 11; uid++)
                assert_null(jk_users_name(users, uid));
        assert_null(jk_users_name(users, UINT32_MAX));
        assert_string_equal(jk_users_name(users, 11), "after");
        assert_string_equal(jk_users_name(users, 12), "\xff\xfe");
        assert_string_equal(jk_users_name(users, 13), "cut");
}

static void
a_missing_or_strange_file_knows_nobody(void **state)
{
        char path[128];

        (void)state;
        open_users();
        assert_null(jk_users_name(users, 0));
        jk_users_close(users);

        tree_dir(&tree, "etc");
        snprintf(path, sizeof path, "%s/etc/passwd", tree.path);
        assert_int_equal(mkfifo(path, 0644), 0);
        open_users(); /* and does not wait for a writer */
        assert_null(jk_users_name(users, 0));
}

static void
the_file_is_looked_at_every_five_seconds_only(void **state)
{
        (void)state;
        tree_write(&tree, "etc/passwd", "old:x:5:5:::\n");
        open_users();
        tree_write(&tree, "etc/passwd", "newer:x:5:5:::\n");
        jk_users_refresh(users);
        assert_string_equal(jk_users_name(users, 5), "old");
        sleep(5);
        usleep(100000);
        jk_users_refresh(users);
        assert_string_equal(jk_users_name(users, 5), "newer");
}

#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static const struct CMUnitTest tests[] = {
        WITH_TREE(names_are_found),
        WITH_TREE(hostile_lines_name_nobody),
        WITH_TREE(a_missing_or_strange_file_knows_nobody),
        WITH_TREE(the_file_is_looked_at_every_five_seconds_only),
};

JK_RUN_TESTS(tests)
