/* SPDX-License-Identifier: Apache-2.0
 *
 * Models whose training is put off: ever longer, forgotten when it goes well, and never so many
 * that one is lost track of for good.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/lessons.h"

static bool
put_off(struct jk_lessons *lessons, const char *name, int64_t now_ns)
{
        return jk_lessons_put_off(lessons, name, strlen(name), now_ns);
}

static void
assert_listed(const struct jk_lessons *lessons, int64_t now_ns, const char *wanted)
{
        jk_autotext struct jk_text text = { 0 };

        assert_string_equal(jk_lessons_list(lessons, now_ns, &text), wanted);
}

static void
delays_double_up_to_some_hours(void **state)
{
        struct jk_delay delay = { 0 };
        int64_t before_ns = JK_NS_PER_S;

        (void)state;
        for (int i = 0; i < 13; i++) {
                jk_delay_more(&delay, 0);
                assert_int_equal(delay.until_ns, 2 * before_ns);
                before_ns = delay.until_ns;
        }
        for (int i = 0; i < 100; i++)
                jk_delay_more(&delay, 0);
        assert_int_equal(delay.until_ns, 2 * before_ns);
        assert_true(delay.until_ns < 6 * 3600 * JK_NS_PER_S);
}

static void
who_is_put_off_is_listed_until_due(void **state)
{
        struct jk_lessons lessons = { 0 };

        (void)state;
        assert_listed(&lessons, 0, ",");
        assert_true(jk_lessons_next_ns(&lessons) == INT64_MAX);
        assert_true(put_off(&lessons, "a", 0));
        assert_true(put_off(&lessons, "ab", 5));
        assert_true(put_off(&lessons, "ab", 5));
        assert_listed(&lessons, 1, "a,ab,");
        assert_int_equal(jk_lessons_next_ns(&lessons), 2 * JK_NS_PER_S);
        assert_listed(&lessons, 2 * JK_NS_PER_S, "ab,");
        jk_lessons_forget_due(&lessons, 2 * JK_NS_PER_S);
        assert_int_equal(jk_lessons_next_ns(&lessons), 4 * JK_NS_PER_S + 5);
        jk_lessons_forget(&lessons, "ab", 2);
        assert_true(jk_lessons_next_ns(&lessons) == INT64_MAX);
}

static void
what_is_no_name_is_not_put_off(void **state)
{
        struct jk_lessons lessons = { 0 };
        char name[JK_LESSON_NAME_MAX + 1];

        (void)state;
        memset(name, 'x', sizeof name - 1);
        name[sizeof name - 1] = '\0';
        assert_false(put_off(&lessons, "", 0));
        assert_false(put_off(&lessons, name, 0));
        jk_lessons_forget(&lessons, "", 0);
        assert_true(put_off(&lessons, name + 1, 0));
        assert_int_equal(strlen(lessons.lessons[0].name), JK_LESSON_NAME_MAX - 1);
}

static void
of_too_many_the_one_that_is_due_first_is_forgotten(void **state)
{
        struct jk_lessons lessons = { 0 };
        char name[16];

        (void)state;
        for (int i = 0; i <= JK_LESSONS_MAX; i++) {
                (void)snprintf(name, sizeof name, "m%d", i);
                assert_true(put_off(&lessons, name, i));
        }
        assert_int_equal(jk_lessons_next_ns(&lessons), 2 * JK_NS_PER_S + 1);
        assert_string_equal(lessons.lessons[0].name, "m16");
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_double_up_to_some_hours),
        cmocka_unit_test(who_is_put_off_is_listed_until_due),
        cmocka_unit_test(what_is_no_name_is_not_put_off),
        cmocka_unit_test(of_too_many_the_one_that_is_due_first_is_forgotten),
};

JK_RUN_TESTS(tests)
