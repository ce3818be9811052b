/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of cgroups against a tree that changes; and, where this machine lets us, real cgroups.
 */
#include "tests/unit/workload/cgroups.h"

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

/* The same where each was gone, with its parent, before it was told of. */
static void
groups_whose_parents_are_gone_cost_no_more(void **state)
{
        enum { MANY = 20000 };
        int64_t start, flat_ns, deep_ns;

        (void)state;
        make_v2();
        open_cgroups();

        start = jk_thread_cpu_ns();
        for (uint64_t i = 0; i < (uint64_t)2 * MANY; i++) {
                char path[32];

                snprintf(path, sizeof path, "/g%d", (int)i);
                jk_cgroups_created(cgroups, UINT64_C(1) << 40 | i, path);
        }
        flat_ns = jk_thread_cpu_ns() - start;

        start = jk_thread_cpu_ns();
        for (uint64_t i = 0; i < (uint64_t)2 * MANY; i++) {
                char path[32];

                snprintf(path, sizeof path, i < MANY ? "/p%d" : "/p%d/c", (int)(i % MANY));
                jk_cgroups_created(cgroups, UINT64_C(1) << 41 | i, path);
        }
        deep_ns = jk_thread_cpu_ns() - start;

        for (uint64_t i = MANY; i < (uint64_t)2 * MANY; i++) {
                struct jk_cgroup child, parent;

                assert_true(jk_cgroups_at(cgroups, jk_cgroups_slot(cgroups, UINT64_C(1) << 41 | i),
                                          &child));
                assert_true(jk_cgroups_at(cgroups, child.parent, &parent));
                assert_int_equal(parent.id, UINT64_C(1) << 41 | (i - MANY));
        }
        assert_true(deep_ns < 4 * flat_ns);
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
        /* A scan that was dear, as on a busy machine, puts off the next. */
        for (int i = 0; i < 1000 && !was_published(JK_CGROUP_VANISHED, strrchr(path, '/')); i++) {
                assert_int_equal(jk_cgroups_scan(live), 0);
                assert_int_equal(jk_cgroups_publish(live, &sample), 0);
                usleep(10000);
        }
        assert_true(was_published(JK_CGROUP_VANISHED, strrchr(path, '/')));
        assert_null(jk_cgroups_path(live, made.st_ino));

        jk_cgroups_close(live);
        jk_root_close(&host);
}

static const struct CMUnitTest tests[] = {
        WITH_TREE(changes_of_the_tree_are_published_once),
        WITH_TREE(a_removed_group_vanishes_after_the_last_record_of_its_tasks),
        WITH_TREE(a_group_whose_end_was_lost_goes_as_well),
        WITH_TREE(many_groups_go_as_fast_as_they_came),
        WITH_TREE(groups_whose_parents_are_gone_cost_no_more),
        WITH_TREE(a_renamed_group_keeps_its_id_and_appears_anew),
        WITH_TREE(a_task_of_an_unknown_group_gets_a_name),
        WITH_TREE(live_groups_are_found_by_their_handle),
};

JK_RUN_TESTS(tests)
