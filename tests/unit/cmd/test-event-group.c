/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups of events, with those that the kernel counts itself: all of the group is told, as
 * differences, and a part of the time is never taken for all of it.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <sys/mman.h>
#include <time.h>

#include "cmd/event-group.h"

enum { PAGES = 2000 };

static void
only_what_ran_all_of_the_time_is_whole(void **state)
{
        (void)state;
        assert_true(jk_event_group_is_whole(1000000000, 1000000000));
        assert_true(jk_event_group_is_whole(1000000000, 999500000)); /* two clocks' readings */
        assert_true(jk_event_group_is_whole(0, 0));                  /* its CPU is offline */
        assert_false(jk_event_group_is_whole(1000000000, 990000000));
        assert_false(jk_event_group_is_whole(1000000000, 0));
}

static void
touch_pages(void)
{
        char *pages = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                           -1, 0);

        assert_true(pages != MAP_FAILED);
        madvise(pages, PAGES * 4096, MADV_NOHUGEPAGE);
        for (size_t i = 0; i < PAGES; i++)
                pages[i * 4096] = 1;
        munmap(pages, PAGES * 4096);
}

static void
each_of_a_group_is_told_what_was_counted_since(void **state)
{
        struct jk_pmus pmus = { .n = 0 };
        struct jk_counted faults, switches;
        const struct jk_counted *const events[] = { &switches, &faults };
        struct jk_event_group *group;
        double counts[2];
        int r;

        (void)state;
        assert_int_equal(jk_event_resolve(&pmus, "page-faults", &faults, NULL), 0);
        assert_int_equal(jk_event_resolve(&pmus, "context-switches", &switches, NULL), 0);
        r = jk_event_group_open(events, 2, &group);
        if (r == -EACCES || r == -EPERM || r == -ENOSYS) {
                print_message("# skipped: %s\n", jk_event_why_not(r));
                skip();
        }
        assert_int_equal(r, 0);

        touch_pages();
        assert_int_equal(jk_event_group_read(group, counts), 0);
        assert_true(counts[1] >= PAGES);
        for (int i = 0; i < 50; i++) {
                struct timespec moment = { 0, 100000 };

                nanosleep(&moment, NULL);
        }
        assert_int_equal(jk_event_group_read(group, counts), 0);
        assert_true(counts[0] >= 50);
        jk_event_group_close(group);
}

static void
an_event_that_no_cpu_has_is_no_group(void **state)
{
        struct jk_counted nobodys = { .name = "nobody's", .n_codes = 1 };
        const struct jk_counted *const events[] = { &nobodys };
        struct jk_event_group *group = NULL;

        (void)state;
        nobodys.codes[0].type = UINT32_MAX;
        nobodys.codes[0].everywhere = true;
        assert_true(jk_event_group_open(events, 1, &group) < 0);
        nobodys.codes[0].everywhere = false;
        assert_int_equal(jk_event_group_open(events, 1, &group), -ENODEV);
        assert_int_equal(jk_event_group_open(events, 0, &group), -EINVAL);
        assert_null(group);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_ran_all_of_the_time_is_whole),
        cmocka_unit_test(each_of_a_group_is_told_what_was_counted_since),
        cmocka_unit_test(an_event_that_no_cpu_has_is_no_group),
};

JK_RUN_TESTS(tests)
