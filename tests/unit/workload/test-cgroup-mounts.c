/* SPDX-License-Identifier: Apache-2.0
 *
 * Which hierarchy counts, from mount tables of many shapes; and where a process is in it, from the
 * text that the kernel gives.
 */
#include "tests/unit/workload/cgroups.h"

#include "workload/cgroup-mounts.h"

#define HYBRID "31 25 0:27 / /sys/fs/cgroup/unified rw shared:5 - cgroup2 cgroup2 rw\n"
#define CPUACCT                                                                                    \
        "32 25 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:6 - cgroup cgroup rw,cpu,cpuacct\n"

static void
mount_lines_are_taken_apart(void **state)
{
        static const struct {
                const char *line;
                enum jk_cgroup_mode mode;
                const char *source, *point;
        } rows[] = {
                { V2, JK_CGROUP_UNIFIED, "/", "/sys/fs/cgroup" },
                { CPUACCT, JK_CGROUP_V1, "/", "/sys/fs/cgroup/cpu,cpuacct" },
                { "9 8 0:1 /../.. /host\\040fs/a\\134b rw - cgroup2 none rw", JK_CGROUP_UNIFIED,
                  "/../..", "/host fs/a\\b" },
                { "9 8 0:1 /docker/ab /cg rw master:1 propagate_from:2 - cgroup x rw,cpuacct",
                  JK_CGROUP_V1, "/docker/ab", "/cg" },
                { "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0", JK_CGROUP_UNIFIED, "/",
                  "/sys/fs/cgroup" },
                { "cgroup /a\\011b cgroup rw,cpuacct,cpu 0 0", JK_CGROUP_V1, "/", "/a\tb" },
                { "cgroup /x cgroup rw,notcpuacct,cpuacctnot 0 0", JK_CGROUP_NONE, NULL, NULL },
                { "33 25 0:29 / /m rw - cgroup cgroup rw,memory", JK_CGROUP_NONE, NULL, NULL },
                { "33 25 0:29 / /m rw -", JK_CGROUP_NONE, NULL, NULL },
                { "cgroup2 relative cgroup2 rw 0 0", JK_CGROUP_NONE, NULL, NULL },
                { "", JK_CGROUP_NONE, NULL, NULL },
                { " \\", JK_CGROUP_NONE, NULL, NULL },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char *line = strdup(rows[i].line);
                struct jk_cgroup_mount mount;

                assert_int_equal(jk_cgroup_mount_parse(line, &mount),
                                 rows[i].mode != JK_CGROUP_NONE);
                if (rows[i].mode != JK_CGROUP_NONE) {
                        assert_int_equal(mount.mode, rows[i].mode);
                        assert_string_equal(mount.source, rows[i].source);
                        assert_string_equal(mount.point, rows[i].point);
                }
                free(line);
        }
}

static void
unified_alone_is_chosen(void **state)
{
        (void)state;
        make_v2();
        open_cgroups();
        assert_int_equal(jk_cgroups_mode(cgroups), JK_CGROUP_UNIFIED);
        assert_string_equal(jk_cgroups_mount(cgroups), "sys/fs/cgroup");
        assert_string_equal(jk_cgroups_describe(cgroups), "v2");
}

static void
make_hybrid(const char *pid_1)
{
        tree_write(&tree, "proc/self/mountinfo", OTHERS HYBRID CPUACCT);
        tree_write(&tree, "proc/1/cgroup", "%s", pid_1);
        tree_write(&tree, "sys/fs/cgroup/unified/cgroup.controllers", "\n");
        tree_write(&tree, "sys/fs/cgroup/cpu,cpuacct/cpuacct.usage", "1\n");
}

static void
hybrid_without_manager_is_cpuacct(void **state)
{
        (void)state;
        make_hybrid("2:cpu,cpuacct:/\n0::/\n");
        open_cgroups();
        assert_int_equal(jk_cgroups_mode(cgroups), JK_CGROUP_V1);
        assert_string_equal(jk_cgroups_mount(cgroups), "sys/fs/cgroup/cpu,cpuacct");
        assert_string_equal(jk_cgroups_describe(cgroups), "v1 (cpuacct) of a hybrid host");
}

static void
hybrid_with_manager_is_unified(void **state)
{
        (void)state;
        make_hybrid("2:cpu,cpuacct:/\n0::/init.scope\n");
        open_cgroups();
        assert_int_equal(jk_cgroups_mode(cgroups), JK_CGROUP_UNIFIED);
        assert_string_equal(jk_cgroups_mount(cgroups), "sys/fs/cgroup/unified");
}

static void
mounts_elsewhere_and_old_tables_work(void **state)
{
        (void)state;
        tree_write(&tree, "proc/mounts", "cgroup /dev/my\\040groups cgroup rw,cpuacct 0 0\n");
        tree_write(&tree, "dev/my groups/cpuacct.usage", "1\n");
        open_cgroups();
        assert_int_equal(jk_cgroups_mode(cgroups), JK_CGROUP_V1);
        assert_string_equal(jk_cgroups_mount(cgroups), "dev/my groups");
}

static void
points_of_a_live_table_lie_below_the_root(void **state)
{
        (void)state;
        tree_write(&tree, "proc/self/mountinfo",
                   "30 25 0:26 /../.. %s/sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", tree.path);
        tree_write(&tree, "sys/fs/cgroup/cgroup.controllers", "\n");
        open_cgroups();
        assert_string_equal(jk_cgroups_mount(cgroups), "sys/fs/cgroup");
}

static void
without_a_mount_table_the_usual_places_count(void **state)
{
        (void)state;
        tree_write(&tree, "sys/fs/cgroup/cpuacct/cpuacct.usage", "1\n");
        open_cgroups();
        assert_int_equal(jk_cgroups_mode(cgroups), JK_CGROUP_V1);
}

static void
without_cgroups_there_is_one_group(void **state)
{
        uint64_t id = 77;

        (void)state;
        tree_write(&tree, "proc/self/mountinfo", OTHERS V2); /* but nothing there */
        open_cgroups();
        assert_int_equal(jk_cgroups_mode(cgroups), JK_CGROUP_NONE);
        assert_null(jk_cgroups_mount(cgroups));
        assert_int_equal(jk_cgroups_id(cgroups, "/", &id), 0);
        assert_int_equal(id, 0);
        assert_string_equal(jk_cgroups_path(cgroups, 0), "/");
        assert_int_equal(jk_cgroups_id_of_process(cgroups, "/any", &id), 0);
        assert_int_equal(jk_cgroups_id(cgroups, "/any", &id), -ENOENT);
        publish();
        assert_int_equal(sample.n_cgroups, 1);
        assert_true(was_published(JK_CGROUP_APPEARED, "/"));
}

static void
process_paths_are_relative_to_the_namespace(void **state)
{
        uint64_t id = 0;

        (void)state;
        tree_write(&tree, "proc/self/mountinfo",
                   "30 25 0:26 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
                   "31 25 0:26 / %s/sys/fs/cgroup/pods/me rw - cgroup2 cgroup2 rw\n",
                   tree.path);
        tree_write(&tree, "sys/fs/cgroup/cgroup.controllers", "\n");
        tree_write(&tree, "sys/fs/cgroup/pods/me/cgroup.controllers", "\n");
        tree_dir(&tree, "sys/fs/cgroup/pods/me/child");
        tree_dir(&tree, "sys/fs/cgroup/pods/other");
        open_cgroups();

        assert_int_equal(jk_cgroups_id_of_process(cgroups, "/../../pods/other", &id), 0);
        assert_int_equal(id, id_of("/pods/other"));
        assert_int_equal(jk_cgroups_id_of_process(cgroups, "/../..", &id), 0);
        assert_int_equal(id, id_of("/"));
        assert_int_equal(jk_cgroups_id_of_process(cgroups, "/", &id), 0);
        assert_int_equal(id, id_of("/pods/me"));
        assert_int_equal(jk_cgroups_id_of_process(cgroups, "/child", &id), 0);
        assert_int_equal(id, id_of("/pods/me/child"));
        assert_int_equal(jk_cgroups_id_of_process(cgroups, "/../../../out", &id), -ENOENT);
}

static void
the_group_of_a_process_is_found_in_its_text(void **state)
{
        static const struct {
                const char *text;
                enum jk_cgroup_mode mode;
                const char *path;
        } rows[] = {
                { "4:memory:/m\n3:cpu,cpuacct:/a:b\n0::/u\n", JK_CGROUP_V1, "/a:b" },
                { "4:memory:/m\n3:cpu,cpuacct:/a:b\n0::/u\n", JK_CGROUP_UNIFIED, "/u" },
                { "0::/gone (deleted)\n", JK_CGROUP_UNIFIED, "/gone" },
                { "1:name=systemd:/s\n", JK_CGROUP_UNIFIED, NULL },
                { "0::", JK_CGROUP_UNIFIED, NULL },
                { "0", JK_CGROUP_UNIFIED, NULL },
                { "", JK_CGROUP_V1, NULL },
                { "5:cpuacct", JK_CGROUP_V1, NULL },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char *text = strdup(rows[i].text);
                const char *path = jk_cgroup_of_process(text, rows[i].mode);

                if (rows[i].path)
                        assert_string_equal(path, rows[i].path);
                else
                        assert_null(path);
                free(text);
        }
}

static const struct CMUnitTest tests[] = {
        WITH_TREE(mount_lines_are_taken_apart),
        WITH_TREE(unified_alone_is_chosen),
        WITH_TREE(hybrid_without_manager_is_cpuacct),
        WITH_TREE(hybrid_with_manager_is_unified),
        WITH_TREE(mounts_elsewhere_and_old_tables_work),
        WITH_TREE(points_of_a_live_table_lie_below_the_root),
        WITH_TREE(without_a_mount_table_the_usual_places_count),
        WITH_TREE(without_cgroups_there_is_one_group),
        WITH_TREE(process_paths_are_relative_to_the_namespace),
        WITH_TREE(the_group_of_a_process_is_found_in_its_text),
};

JK_RUN_TESTS(tests)
