/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroups of names that nobody would choose, and of paths that are long, deep or lead elsewhere.
 */
#include "tests/unit/workload/cgroups.h"

static void
hostile_names_are_names(void **state)
{
        static const char *const names[] = {
                "with \"quotes\" and 'more'",
                "\xff\xfe\x80",
                "new\nline",
                "..hidden",
                "x (deleted)",
                "\\040",
                "{}=,",
        };
        char longest[256], path[512];

        (void)state;
        make_v2();
        memset(longest, 'n', 255);
        longest[255] = '\0';
        snprintf(path, sizeof path, "sys/fs/cgroup/%s", longest);
        tree_dir(&tree, path);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                snprintf(path, sizeof path, "sys/fs/cgroup/%s", names[i]);
                tree_dir(&tree, path);
        }
        open_cgroups();
        publish();
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                snprintf(path, sizeof path, "/%s", names[i]);
                assert_true(was_published(JK_CGROUP_APPEARED, path));
                assert_string_equal(jk_cgroups_path(cgroups, id_of(path)), path);
        }
        snprintf(path, sizeof path, "/%s", longest);
        assert_true(was_published(JK_CGROUP_APPEARED, path));
}

static void
paths_longer_than_path_max_work(void **state)
{
        enum { LEVELS = 60 };
        char path[64 * 257] = "", below[sizeof path + 32];
        size_t length = 0;
        uint64_t id;
        int fd;

        (void)state;
        make_v2();
        for (int i = 0; i < LEVELS; i++) {
                path[length++] = '/';
                memset(path + length, 'a' + i % 26, 255);
                length += 255;
        }
        path[length] = '\0';
        snprintf(below, sizeof below, "sys/fs/cgroup%s", path);
        tree_dir(&tree, below);
        snprintf(below, sizeof below, "sys/fs/cgroup%s/cpu.stat", path);
        tree_write(&tree, below, "usage_usec 5\n");

        open_cgroups();
        publish();
        assert_true(was_published(JK_CGROUP_APPEARED, path));
        id = id_of(path);
        assert_string_equal(jk_cgroups_path(cgroups, id), path);
        fd = jk_cgroups_open_file(cgroups, path, "cpu.stat");
        assert_true(fd >= 0);
        close(fd);

        path[256] = '\0';
        snprintf(below, sizeof below, "sys/fs/cgroup%s", path);
        tree_remove(&tree, below);
        publish();
        for (int i = 0; i < 500 && sample.n_cgroups == 0; i++) { /* a dear scan rests */
                usleep(10000);
                publish();
        }
        assert_int_equal(sample.n_cgroups, LEVELS);
}

static void
too_deep_a_tree_is_cut_not_followed(void **state)
{
        char path[2048] = "sys/fs/cgroup";

        (void)state;
        make_v2();
        for (int i = 0; i < 400; i++)
                strcat(path, "/d");
        tree_dir(&tree, path);
        open_cgroups();
        publish();
        assert_int_equal(sample.n_cgroups, 1 + 128);
}

static void
paths_stay_below_the_mount(void **state)
{
        uint64_t id;

        (void)state;
        make_v2();
        tree_dir(&tree, "sys/fs/cgroup/a");
        open_cgroups();
        assert_int_equal(jk_cgroups_id(cgroups, "/a/../..", &id), -EINVAL);
        assert_int_equal(jk_cgroups_id(cgroups, "/..", &id), -EINVAL);
        assert_int_equal(jk_cgroups_id(cgroups, "a", &id), -EINVAL);
        assert_int_equal(jk_cgroups_id(cgroups, "/cgroup.controllers", &id), -ENOENT);
        assert_int_equal(jk_cgroups_id(cgroups, "/no", &id), -ENOENT);
        assert_int_equal(jk_cgroups_id(cgroups, "/a", &id), 0);
}

static const struct CMUnitTest tests[] = {
        WITH_TREE(hostile_names_are_names),
        WITH_TREE(paths_longer_than_path_max_work),
        WITH_TREE(too_deep_a_tree_is_cut_not_followed),
        WITH_TREE(paths_stay_below_the_mount),
};

JK_RUN_TESTS(tests)
