/* SPDX-License-Identifier: Apache-2.0
 *
 * The view: rows add up to the machine in every dimension and in the tree; order and filter do what
 * they say; rates come from two snapshots.
 */
#include "tests/unit/test.h"

#include <math.h>
#include <string.h>

#include "cmd/view.h"
#include "tests/unit/cmd/fake-snapshot.h"

struct fixture {
        struct jk_shelf shelf;
        struct jk_view view;
        struct jk_snapshot *snapshot;
};

static void
open_fixture(struct fixture *f)
{
        *f = (struct fixture){ 0 };
        jk_shelf_init(&f->shelf);
}

static void
show(struct fixture *f, struct jk_snapshot *snapshot)
{
        jk_shelf_publish(&f->shelf, snapshot);
        if (f->snapshot)
                jk_shelf_put_back(&f->shelf, f->snapshot);
        f->snapshot = jk_shelf_take(&f->shelf);
        assert_int_equal(jk_view_observe(&f->view, f->snapshot), 0);
}

static void
close_fixture(struct fixture *f)
{
        jk_view_free(&f->view);
        if (f->snapshot)
                jk_shelf_put_back(&f->shelf, f->snapshot);
        jk_shelf_destroy(&f->shelf);
}

static void
arrange(struct fixture *f, struct jk_view_options options)
{
        assert_int_equal(jk_view_arrange(&f->view, &options), 0);
}

/* Tasks a 5 W, b 2 W, c 0 W; idle 10 W, kernel 1 W: 18 W. */
static struct jk_snapshot *
small_machine(struct fixture *f, uint64_t sequence)
{
        struct jk_snapshot *s = fake_snapshot(&f->shelf, sequence);
        struct jk_entry *task;

        fake_account(s, JK_DIMENSION_MACHINE, "idle", 100000000, 10000000);
        fake_account(s, JK_DIMENSION_MACHINE, "kernel-irq", 5000000, 1000000);
        fake_account(s, JK_DIMENSION_USER, "root", 5000000, 5000000)->uid = 0;
        fake_account(s, JK_DIMENSION_USER, "ada", 20000000, 2000000)->uid = 1000;
        task = fake_task(s, 30, "a", 5000000, 5000000);
        task->cgroup = fake_string(s, "/system.slice/a.service");
        s->entries[JK_DIMENSION_TASK][0].cpu_ns = 500000000;
        fake_task(s, 20, "b", 20000000, 2000000)->uid = 1000;
        fake_task(s, 10, "C", 7000000, 0);
        fake_account(s, JK_DIMENSION_CGROUP, "/", 0, 0)->cgroup_id = 1;
        fake_account(s, JK_DIMENSION_CGROUP, "/system.slice/a.service", 5000000, 5000000)
                ->cgroup_id = 2;
        fake_account(s, JK_DIMENSION_CGROUP, "/system.slice/b.service/inner", 20000000, 1500000)
                ->cgroup_id = 3;
        fake_account(s, JK_DIMENSION_CGROUP, "/user.slice", 7000000, 500000)->cgroup_id = 4;
        return s;
}

static void
assert_order(const struct fixture *f, const char *names)
{
        jk_autotext struct jk_text text = { 0 };

        jk_text_string(&text, "");
        for (size_t i = 0; i < f->view.n_rows; i++) {
                if (i > 0)
                        jk_text_char(&text, ' ');
                jk_text_string(&text, f->view.rows[i].name);
        }
        assert_string_equal(text.data, names);
}

static double
sum_of_rows(const struct fixture *f)
{
        double sum = 0;

        for (size_t i = 0; i < f->view.n_rows; i++)
                sum += f->view.rows[i].watts;
        return sum;
}

static void
rows_are_sorted_by_each_key(void **state)
{
        struct fixture f;

        (void)state;
        open_fixture(&f);
        show(&f, small_machine(&f, 1));
        arrange(&f, (struct jk_view_options){ .all = true });
        assert_order(&f, "idle a b kernel-irq C");
        arrange(&f, (struct jk_view_options){ .all = true, .reversed = true });
        assert_order(&f, "C kernel-irq b a idle");
        arrange(&f, (struct jk_view_options){ .all = true, .order = JK_ORDER_ENERGY });
        assert_order(&f, "idle b C a kernel-irq");
        arrange(&f, (struct jk_view_options){ .all = true, .order = JK_ORDER_NAME });
        assert_order(&f, "a b C idle kernel-irq");
        arrange(&f, (struct jk_view_options){ .all = true, .order = JK_ORDER_PID });
        assert_order(&f, "idle kernel-irq C b a");
        close_fixture(&f);
}

static void
what_is_shown_adds_up_to_the_machine(void **state)
{
        static const enum jk_dimension dimensions[] = { JK_DIMENSION_TASK, JK_DIMENSION_CGROUP,
                                                        JK_DIMENSION_USER };
        struct fixture f;

        (void)state;
        open_fixture(&f);
        show(&f, small_machine(&f, 1));
        for (size_t i = 0; i < JK_COUNT(dimensions); i++) {
                arrange(&f, (struct jk_view_options){ .dimension = dimensions[i] });
                assert_true(fabs(sum_of_rows(&f) - f.view.machine_w) < 1e-9);
                assert_true(fabs(f.view.shown_w - f.view.machine_w) < 1e-9);
        }
        assert_true(f.view.machine_w == 18);
        assert_true(f.view.idle_w == 10 && f.view.kernel_w == 1 && f.view.unattributed_w == 0);
        assert_true(f.view.machine_uj == 137000000); /* the package, not its core again */
        close_fixture(&f);
}

static void
quiet_accounts_are_left_out_and_counted(void **state)
{
        struct fixture f;

        (void)state;
        open_fixture(&f);
        show(&f, small_machine(&f, 1));
        arrange(&f, (struct jk_view_options){ 0 });
        assert_order(&f, "idle a b kernel-irq");
        assert_int_equal(f.view.n_hidden, 1);
        close_fixture(&f);
}

static void
filter_looks_at_name_user_cgroup_and_pid(void **state)
{
        struct fixture f;

        (void)state;
        open_fixture(&f);
        show(&f, small_machine(&f, 1));
        arrange(&f, (struct jk_view_options){ .all = true, .filter = "c" });
        assert_order(&f, "a C"); /* a by its cgroup, C in either case */
        arrange(&f, (struct jk_view_options){ .all = true, .filter = "ADA" });
        assert_order(&f, "b");
        arrange(&f, (struct jk_view_options){ .all = true, .filter = "20" });
        assert_order(&f, "b");
        assert_true(f.view.shown_w == 2);
        arrange(&f, (struct jk_view_options){ .all = true, .filter = "nobody" });
        assert_order(&f, "");
        close_fixture(&f);
}

static const struct jk_row *
row_named(const struct fixture *f, const char *name)
{
        for (size_t i = 0; i < f->view.n_rows; i++)
                if (strcmp(f->view.rows[i].name, name) == 0)
                        return &f->view.rows[i];
        fail_msg("no row '%s'", name);
        return NULL;
}

static void
tree_shows_sums_of_what_is_below(void **state)
{
        struct jk_view_options options = { .dimension = JK_DIMENSION_CGROUP, .tree = true };
        struct jk_map collapsed = { 0 };
        struct fixture f;

        (void)state;
        open_fixture(&f);
        show(&f, small_machine(&f, 1));
        arrange(&f, options);
        assert_order(&f, "idle / system.slice a.service b.service inner user.slice kernel-irq");
        assert_true(row_named(&f, "/")->watts == 7);
        assert_true(row_named(&f, "system.slice")->watts == 6.5);
        assert_true(row_named(&f, "system.slice")->energy_uj == 25000000);
        assert_null(row_named(&f, "system.slice")->entry); /* has no account, but must be there */
        assert_int_equal(row_named(&f, "inner")->depth, 3);
        assert_true(fabs(f.view.shown_w - f.view.machine_w) < 1e-9);

        assert_int_equal(jk_map_put(&collapsed, row_named(&f, "system.slice")->key, 1), 0);
        options.collapsed = &collapsed;
        arrange(&f, options);
        assert_order(&f, "idle / system.slice user.slice kernel-irq");
        assert_true(row_named(&f, "system.slice")->watts == 6.5);

        options.collapsed = NULL;
        options.filter = "b.service";
        arrange(&f, options);
        assert_order(&f, "/ system.slice b.service inner");
        assert_true(f.view.shown_w == 1.5);
        jk_map_free(&collapsed);
        close_fixture(&f);
}

static void
deep_and_odd_paths_make_a_tree(void **state)
{
        char path[4096] = "";
        struct fixture f;
        struct jk_snapshot *s;

        (void)state;
        open_fixture(&f);
        s = fake_snapshot(&f.shelf, 1);
        for (int i = 0; i < 2000; i++)
                memcpy(path + 2 * i, "/d", 3);
        fake_account(s, JK_DIMENSION_CGROUP, path, 1000000, 1000000)->cgroup_id = 1;
        fake_account(s, JK_DIMENSION_CGROUP, "no-slash\x1b[2J\n", 1000000, 1000000)->cgroup_id = 2;
        fake_account(s, JK_DIMENSION_CGROUP, "", 1000000, 1000000)->cgroup_id = 3;
        fake_account(s, JK_DIMENSION_CGROUP, "//", 1000000, 1000000)->cgroup_id = 4;
        show(&f, s);
        arrange(&f, (struct jk_view_options){ .dimension = JK_DIMENSION_CGROUP, .tree = true });
        assert_true(f.view.shown_w == 4);
        close_fixture(&f);
}

static void
cpu_percent_needs_two_snapshots(void **state)
{
        struct jk_snapshot *s;
        struct fixture f;

        (void)state;
        open_fixture(&f);
        show(&f, small_machine(&f, 1));
        arrange(&f, (struct jk_view_options){ .all = true });
        assert_true(isnan(row_named(&f, "a")->cpu_pct));

        s = small_machine(&f, 2);
        s->entries[JK_DIMENSION_TASK][0].cpu_ns = 750000000;
        fake_task(s, 99, "new", 0, 0)->cpu_ns = 100000000;
        show(&f, s);
        arrange(&f, (struct jk_view_options){ .all = true });
        assert_true(row_named(&f, "a")->cpu_pct == 25);
        assert_true(row_named(&f, "new")->cpu_pct == 10); /* all it has, it used in this tick */
        assert_true(isnan(row_named(&f, "idle")->cpu_pct));
        close_fixture(&f);
}

static void
power_is_averaged_over_ticks_that_were_left_out(void **state)
{
        struct jk_snapshot *s;
        struct fixture f;

        (void)state;
        open_fixture(&f);
        show(&f, small_machine(&f, 1));
        s = fake_snapshot(&f.shelf, 5);
        fake_account(s, JK_DIMENSION_MACHINE, "idle", 140000000, 10000000);
        fake_account(s, JK_DIMENSION_MACHINE, "kernel-irq", 5000000, 0);
        fake_task(s, 30, "a", 25000000, 0);
        fake_task(s, 20, "b", 20000000, 9000000);
        /* C has ended and is no longer listed: its 7 J went to the rest, which used 1 J more */
        fake_task(s, 0, "ended", 8000000, 0)->flags = JK_ENTRY_ENDED | JK_ENTRY_REST;
        show(&f, s);
        arrange(&f, (struct jk_view_options){ .all = true });
        assert_true(fabs(row_named(&f, "a")->watts - 5) < 1e-9);
        assert_true(row_named(&f, "b")->watts == 0);
        assert_true(fabs(row_named(&f, "ended")->watts - 0.25) < 1e-9);
        assert_true(fabs(f.view.machine_w - 15.25) < 1e-9);
        assert_true(fabs(sum_of_rows(&f) - f.view.machine_w) < 1e-9);
        assert_int_equal(f.view.span_end_ns - f.view.span_start_ns, 4 * JK_NS_PER_S);
        close_fixture(&f);
}

/* A task that was among those left out has no rate yet: its whole past is not this tick's. */
static void
what_was_left_out_before_has_no_rate(void **state)
{
        struct jk_snapshot *s;
        struct fixture f;

        (void)state;
        open_fixture(&f);
        s = fake_snapshot(&f.shelf, 1);
        fake_task(s, 30, "a", 5000000, 5000000);
        fake_task(s, 0, "7 others", 9000000, 1000000)->flags = JK_ENTRY_OTHERS;
        show(&f, s);
        s = fake_snapshot(&f.shelf, 3);
        fake_task(s, 30, "a", 9000000, 2000000);
        fake_task(s, 40, "b", 6000000, 1000000)->cpu_ns = 60000000000;
        fake_task(s, 0, "6 others", 5000000, 0)->flags = JK_ENTRY_OTHERS;
        show(&f, s);
        arrange(&f, (struct jk_view_options){ .all = true });
        assert_true(isnan(row_named(&f, "b")->cpu_pct));
        assert_true(row_named(&f, "b")->watts == 1);
        assert_true(row_named(&f, "a")->watts == 2);
        assert_true(f.view.machine_w == 3);
        assert_true(row_named(&f, "6 others")->watts == 0);
        close_fixture(&f);
}

static void
an_agent_started_anew_is_not_compared_with_the_old_one(void **state)
{
        struct jk_snapshot *s;
        struct fixture f;

        (void)state;
        open_fixture(&f);
        show(&f, small_machine(&f, 50));
        s = small_machine(&f, 3);
        s->status.started_realtime_ns = 77;
        show(&f, s);
        arrange(&f, (struct jk_view_options){ .all = true });
        assert_true(isnan(row_named(&f, "a")->cpu_pct));
        assert_true(f.view.machine_w == 18);
        close_fixture(&f);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sorted_by_each_key),
        cmocka_unit_test(what_is_shown_adds_up_to_the_machine),
        cmocka_unit_test(quiet_accounts_are_left_out_and_counted),
        cmocka_unit_test(filter_looks_at_name_user_cgroup_and_pid),
        cmocka_unit_test(tree_shows_sums_of_what_is_below),
        cmocka_unit_test(deep_and_odd_paths_make_a_tree),
        cmocka_unit_test(cpu_percent_needs_two_snapshots),
        cmocka_unit_test(power_is_averaged_over_ticks_that_were_left_out),
        cmocka_unit_test(what_was_left_out_before_has_no_rate),
        cmocka_unit_test(an_agent_started_anew_is_not_compared_with_the_old_one),
};

JK_RUN_TESTS(tests)
