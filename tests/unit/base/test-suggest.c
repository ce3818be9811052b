/* SPDX-License-Identifier: Apache-2.0
 *
 * Suggestions: the nearest name is found, and a name that is not near is not offered.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/array.h"
#include "base/suggest.h"

static const char *const names[] = {
        "listen", "interval", "root", "meter", "activity", "model", "counters", "log-level", "ps",
};

static const char *
nearest(const char *wrong)
{
        struct jk_suggest suggest = { .wrong = wrong };

        for (size_t i = 0; i < JK_COUNT(names); i++)
                jk_suggest_offer(&suggest, names[i]);
        return suggest.best;
}

static void
distances_are_right(void **state)
{
        static const struct {
                const char *a, *b;
                size_t distance;
        } rows[] = {
                { "", "", 0 },
                { "", "abc", 3 },
                { "abc", "", 3 },
                { "abc", "abc", 0 },
                { "abc", "ABC", 0 },
                { "a_b", "a-b", 0 },
                { "kitten", "sitting", 3 },
                { "ab", "ba", 1 },
                { "abcd", "acbd", 1 },
                { "ca", "abc", 3 }, /* no letter is touched twice */
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                assert_int_equal(jk_edit_distance(rows[i].a, rows[i].b), rows[i].distance);
                assert_int_equal(jk_edit_distance(rows[i].b, rows[i].a), rows[i].distance);
        }
}

static void
the_name_that_was_meant_is_found(void **state)
{
        (void)state;
        assert_string_equal(nearest("intervall"), "interval");
        assert_string_equal(nearest("itnerval"), "interval");
        assert_string_equal(nearest("Listen"), "listen");
        assert_string_equal(nearest("log_level"), "log-level");
        assert_string_equal(nearest("meters"), "meter");
        assert_string_equal(nearest("mdoel"), "model");
        assert_string_equal(nearest("act"), "activity");
}

static void
a_name_that_is_far_is_not_offered(void **state)
{
        char long_name[200];

        (void)state;
        assert_null(nearest("frequency"));
        assert_null(nearest("x"));
        assert_null(nearest(""));
        memset(long_name, 'l', sizeof long_name - 1);
        long_name[sizeof long_name - 1] = '\0';
        assert_null(nearest(long_name));
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_are_right),
        cmocka_unit_test(the_name_that_was_meant_is_found),
        cmocka_unit_test(a_name_that_is_far_is_not_offered),
};

JK_RUN_TESTS(tests)
