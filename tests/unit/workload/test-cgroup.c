/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroups: the choice of the hierarchy from mount tables of many shapes, the table against a tree
 * that changes, names that nobody would choose; and, where this machine lets us, real cgroups.
 */
#include "tests/unit/test.h"

#include "tests/unit/tree.h"
#include "workload/cgroup-mounts.h"
#include "workload/cgroup.h"

#define V2     "30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define HYBRID "31 25 0:27 / /sys/fs/cgroup/unified rw shared:5 - cgroup2 cgroup2 rw\n"
#define CPUACCT                                                                                    \
        "32 25 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:6 - cgroup cgroup rw,cpu,cpuacct\n"
#define OTHERS                                                                                     \
        "22 28 0:21 / /proc rw,relatime - proc proc rw\n"                                          \
        "33 25 0:29 / /sys/fs/cgroup/memory rw shared:7 - cgroup cgroup rw,memory\n"               \
        "27 1 254:0 / / rw - ext4 /dev/vda rw\n"

static struct tree tree;
static struct jk_cgroups *cgroups;
static struct jk_sample sample;
static struct jk_error err;

static int
set_up(void **state)
{
        (void)state;
        tree_make(&tree);
        cgroups = NULL;
        jk_sample_init(&sample);
        return 0;
}

static int
tear_down(void **state)
{
        (void)state;
        jk_cgroups_close(cgroups);
        jk_sample_free(&sample);
        tree_destroy(&tree);
        return 0;
}

static void
open_cgroups(void)
{
        assert_int_equal(jk_cgroups_open(&tree.root, &cgroups, &err), 0);
}

static void
make_v2(void)
{
        tree_write(&tree, "proc/self/mountinfo", OTHERS V2);
        tree_write(&tree, "sys/fs/cgroup/cgroup.controllers", "cpu io memory\n");
}

static void
publish(void)
{
        struct jk_instant now = jk_now();

        jk_sample_begin(&sample, &now);
        assert_int_equal(jk_cgroups_scan(cgroups), 0);
        assert_int_equal(jk_cgroups_publish(cgroups, &sample), 0);
}

static bool
was_published(enum jk_cgroup_event_kind kind, const char *path)
{
        for (size_t i = 0; i < sample.n_cgroups; i++)
                if (sample.cgroups[i].kind == kind &&
                    strcmp(jk_sample_cgroup_path(&sample, &sample.cgroups[i]), path) == 0)
                        return true;
        return false;
}

/* ---- the choice ---- */

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

/* ---- the table ---- */

static uint64_t
id_of(const char *path)
{
        uint64_t id = 0;

        assert_int_equal(jk_cgroups_id(cgroups, path, &id), 0);
        return id;
}

static void
changes_of_the_tree_are_published_once(void **state)
{
        (void)state;
        make_v2();
        tree_dir(&tree, "sys/fs/cgroup/system.slice/a.service");
        open_cgroups();
        publish();
        assert_int_equal(sample.n_cgroups, 3);
        assert_true(was_published(JK_CGROUP_APPEARED, "/"));
        assert_true(was_published(JK_CGROUP_APPEARED, "/system.slice"));
        assert_true(was_published(JK_CGROUP_APPEARED, "/system.slice/a.service"));
        publish();
        assert_int_equal(sample.n_cgroups, 0);

        /* One goes and one comes: the number of links is the same. */
        tree_dir(&tree, "sys/fs/cgroup/system.slice/b.service");
        tree_remove(&tree, "sys/fs/cgroup/system.slice/a.service");
        publish();
        assert_int_equal(sample.n_cgroups, 2);
        assert_true(was_published(JK_CGROUP_APPEARED, "/system.slice/b.service"));
        assert_true(was_published(JK_CGROUP_VANISHED, "/system.slice/a.service"));

        tree_dir(&tree, "sys/fs/cgroup/system.slice/c.service");
        publish();
        assert_int_equal(sample.n_cgroups, 1);
        assert_true(was_published(JK_CGROUP_APPEARED, "/system.slice/c.service"));

        tree_remove(&tree, "sys/fs/cgroup/system.slice");
        publish();
        assert_int_equal(sample.n_cgroups, 3);
        publish();
        assert_int_equal(sample.n_cgroups, 0);
}

static void
a_removed_group_vanishes_after_the_last_record_of_its_tasks(void **state)
{
        uint64_t id;

        (void)state;
        make_v2();
        tree_dir(&tree, "sys/fs/cgroup/job");
        open_cgroups();
        id = id_of("/job");
        publish();
        tree_remove(&tree, "sys/fs/cgroup/job");

        for (int i = 0; i < 3; i++) {
                struct jk_instant now = jk_now();

                jk_sample_begin(&sample, &now);
                jk_sample_add_task(&sample)->cgroup = id;
                assert_int_equal(jk_cgroups_scan(cgroups), 0);
                assert_int_equal(jk_cgroups_publish(cgroups, &sample), 0);
                assert_int_equal(sample.n_cgroups, 0);
                assert_string_equal(jk_cgroups_path(cgroups, id), "/job");
        }
        publish();
        assert_true(was_published(JK_CGROUP_VANISHED, "/job"));
        assert_null(jk_cgroups_path(cgroups, id));
}

/* As after BPF's ring buffer was full: nobody tells that a group went. */
static void
a_group_whose_end_was_lost_goes_as_well(void **state)
{
        (void)state;
        make_v2();
        tree_dir(&tree, "sys/fs/cgroup/job");
        open_cgroups();
        publish();
        tree_remove(&tree, "sys/fs/cgroup/job");

        for (uint64_t lost = 0; lost < 2; lost++) {
                struct jk_instant now = jk_now();

                jk_sample_begin(&sample, &now);
                sample.lost_events = lost;
                assert_int_equal(jk_cgroups_publish(cgroups, &sample), 0);
                assert_int_equal(was_published(JK_CGROUP_VANISHED, "/job"), lost == 1);
        }
}

/* Who may make cgroups must not hold the tick by removing them all at once: the cost of that grows
 * as their number, so it is about that of their coming. */
static void
many_groups_go_as_fast_as_they_came(void **state)
{
        enum { MANY = 40000 };
        int64_t start, came_ns, went_ns;
        struct jk_instant now;

        (void)state;
        make_v2();
        open_cgroups();
        publish();

        start = jk_thread_cpu_ns();
        for (uint64_t i = 0; i < MANY; i++) {
                char path[32];

                snprintf(path, sizeof path, "/g%d", (int)i);
                jk_cgroups_created(cgroups, UINT64_C(1) << 40 | i, path);
        }
        now = jk_now();
        jk_sample_begin(&sample, &now);
        assert_int_equal(jk_cgroups_publish(cgroups, &sample), 0);
        assert_int_equal(sample.n_cgroups, MANY);
        came_ns = jk_thread_cpu_ns() - start;

        start = jk_thread_cpu_ns();
        for (uint64_t i = 0; i < MANY; i++)
                jk_cgroups_removed(cgroups, UINT64_C(1) << 40 | i);
        now = jk_now();
        jk_sample_begin(&sample, &now);
        assert_int_equal(jk_cgroups_publish(cgroups, &sample), 0);
        assert_int_equal(sample.n_cgroups, MANY);
        went_ns = jk_thread_cpu_ns() - start;
        assert_true(went_ns < 2 * came_ns);
}

static void
a_renamed_group_keeps_its_id_and_appears_anew(void **state)
{
        char from[128], to[128];
        uint64_t id, child;

        (void)state;
        make_v2();
        tree_dir(&tree, "sys/fs/cgroup/old/child");
        open_cgroups();
        id = id_of("/old");
        child = id_of("/old/child");
        publish();

        snprintf(from, sizeof from, "%s/sys/fs/cgroup/old", tree.path);
        snprintf(to, sizeof to, "%s/sys/fs/cgroup/new", tree.path);
        assert_int_equal(rename(from, to), 0);
        publish();
        assert_int_equal(sample.n_cgroups, 2);
        assert_true(was_published(JK_CGROUP_APPEARED, "/new"));
        assert_true(was_published(JK_CGROUP_APPEARED, "/new/child"));
        assert_string_equal(jk_cgroups_path(cgroups, id), "/new");
        assert_string_equal(jk_cgroups_path(cgroups, child), "/new/child");
}

static void
a_task_of_an_unknown_group_gets_a_name(void **state)
{
        struct jk_instant now = jk_now();

        (void)state;
        make_v2();
        open_cgroups();
        jk_sample_begin(&sample, &now);
        jk_sample_add_task(&sample)->cgroup = UINT64_C(987654321);
        assert_int_equal(jk_cgroups_publish(cgroups, &sample), 0);
        assert_true(was_published(JK_CGROUP_APPEARED, "/unknown-987654321"));
        assert_null(jk_cgroups_path(cgroups, UINT64_C(987654321)));

        for (int i = 0; i < 100 && !was_published(JK_CGROUP_VANISHED, "/unknown-987654321"); i++)
                publish();
        assert_true(was_published(JK_CGROUP_VANISHED, "/unknown-987654321"));
}

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

/* 60 levels of 255 bytes: 15 KiB of path, four times PATH_MAX. */
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

/* ---- this machine ---- */

static void
live_groups_are_found_by_their_handle(void **state)
{
        struct jk_root host;
        struct jk_cgroups *live;
        struct stat made;
        char path[512];

        (void)state;
        assert_int_equal(jk_root_open("/", &host, &err), 0);
        assert_int_equal(jk_cgroups_open(&host, &live, &err), 0);
        snprintf(path, sizeof path, "/%s/jk-test-%d", jk_cgroups_mount(live) ?: "none", getpid());
        if (mkdir(path, 0755) < 0) {
                print_message("# cannot make a cgroup here: %s\n", strerror(errno));
                jk_cgroups_close(live);
                jk_root_close(&host);
                skip();
        }
        stat(path, &made);

        /* No scan since: only the handle can tell. */
        assert_string_equal(jk_cgroups_path(live, made.st_ino), strrchr(path, '/'));
        assert_int_equal(rmdir(path), 0);
        assert_int_equal(jk_cgroups_scan(live), 0);
        assert_int_equal(jk_cgroups_publish(live, &sample), 0);
        assert_true(was_published(JK_CGROUP_VANISHED, strrchr(path, '/')));
        assert_null(jk_cgroups_path(live, made.st_ino));

        jk_cgroups_close(live);
        jk_root_close(&host);
}

#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static const struct CMUnitTest tests[] = {
        WITH_TREE(mount_lines_are_taken_apart),
        WITH_TREE(unified_alone_is_chosen),
        WITH_TREE(hybrid_without_manager_is_cpuacct),
        WITH_TREE(hybrid_with_manager_is_unified),
        WITH_TREE(mounts_elsewhere_and_old_tables_work),
        WITH_TREE(points_of_a_live_table_lie_below_the_root),
        WITH_TREE(without_a_mount_table_the_usual_places_count),
        WITH_TREE(without_cgroups_there_is_one_group),
        WITH_TREE(changes_of_the_tree_are_published_once),
        WITH_TREE(a_removed_group_vanishes_after_the_last_record_of_its_tasks),
        WITH_TREE(a_group_whose_end_was_lost_goes_as_well),
        WITH_TREE(many_groups_go_as_fast_as_they_came),
        WITH_TREE(a_renamed_group_keeps_its_id_and_appears_anew),
        WITH_TREE(a_task_of_an_unknown_group_gets_a_name),
        WITH_TREE(hostile_names_are_names),
        WITH_TREE(paths_longer_than_path_max_work),
        WITH_TREE(too_deep_a_tree_is_cut_not_followed),
        WITH_TREE(paths_stay_below_the_mount),
        WITH_TREE(process_paths_are_relative_to_the_namespace),
        WITH_TREE(the_group_of_a_process_is_found_in_its_text),
        WITH_TREE(live_groups_are_found_by_their_handle),
};

JK_RUN_TESTS(tests)
