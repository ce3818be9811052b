/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers and times as other programs write them.
 */
#include "tests/unit/test.h"

#include <math.h>
#include <string.h>

#include "base/array.h"
#include "import/number.h"

static double
number(const char *text)
{
        struct jk_error err = { "" };
        double value = -1;

        if (jk_import_number(text, &value, &err) < 0) {
                assert_true(err.message[0] != '\0' && value == -1);
                return INFINITY;
        }
        return value;
}

static void
numbers_are_read_as_they_stand(void **state)
{
        (void)state;
        assert_true(number("0") == 0);
        assert_true(number("45.68033333371082") == 45.68033333371082);
        assert_true(number(" 1e3 ") == 1000);
        assert_true(number("-1.5") == -1.5);
        assert_true(number(".893") == 0.893);
        assert_true(number("9007199254740992") == 9007199254740992.0);
}

static void
what_is_not_there_is_no_number_and_not_0(void **state)
{
        static const char *const absent[] = {
                "", " ", "nan", "NaN", "NA", "N/A", "null", "-", "<not counted>", "<not supported>"
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(absent); i++)
                assert_true(isnan(number(absent[i])));
}

static void
what_is_no_number_is_refused(void **state)
{
        static const char *const wrong[] = {
                "x",   "1x",  "0x10", "inf", "-inf", "1e999", "1 2",
                "1,5", "--1", "e5",   ".",   "+",    "1e",    "nan(1)"
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(wrong); i++)
                assert_true(isinf(number(wrong[i])));
}

static void
a_decimal_comma_is_named_as_what_it_is(void **state)
{
        struct jk_error err = { "" };
        double value;

        (void)state;
        assert_int_equal(jk_import_number("1,5", &value, &err), -EINVAL);
        assert_non_null(strstr(err.message, "comma"));
        assert_non_null(strstr(err.message, "LC_ALL=C"));
}

static int64_t
instant(const char *text, enum jk_time_unit unit)
{
        struct jk_error err = { "" };
        int64_t ns = -1;

        if (jk_import_time(text, unit, &ns, &err) < 0)
                assert_true(err.message[0] != '\0' && ns == -1);
        return ns;
}

static void
times_are_exact_to_the_nanosecond(void **state)
{
        (void)state;
        assert_int_equal(instant("1695115663", JK_TIME_S), INT64_C(1695115663000000000));
        assert_int_equal(instant("1481276182904018774", JK_TIME_NS), INT64_C(1481276182904018774));
        assert_int_equal(instant("1481276182.904018774", JK_TIME_S), INT64_C(1481276182904018774));
        assert_int_equal(instant("1481276182904.018774", JK_TIME_MS), INT64_C(1481276182904018774));
        assert_int_equal(instant("     0.200242226", JK_TIME_S), 200242226);
        assert_int_equal(instant("1.0000000000000001", JK_TIME_S), 1000000000);
        assert_int_equal(instant("5", JK_TIME_US), 5000);
}

static void
iso_8601_is_utc_unless_it_says_otherwise(void **state)
{
        const int64_t day = INT64_C(1675887700);

        (void)state;
        assert_int_equal(instant("2023-02-08T20:21:40Z", JK_TIME_ISO8601), day * 1000000000);
        assert_int_equal(instant("2023-02-08 20:21:40", JK_TIME_ISO8601), day * 1000000000);
        assert_int_equal(instant("2023-02-08 20:21:40.100101824", JK_TIME_ISO8601),
                         day * 1000000000 + 100101824);
        assert_int_equal(instant("2023-02-08T21:21:40+01:00", JK_TIME_ISO8601), day * 1000000000);
        assert_int_equal(instant("2023-02-08T19:51:40-0030", JK_TIME_ISO8601), day * 1000000000);
}

static void
what_is_no_time_is_refused(void **state)
{
        static const char *const numbers[] = {
                "", "x", "-1", "1x", "1,5", "nan", "99999999999999999999", "1e9"
        };
        static const char *const dates[] = { "",
                                             "2023-02-08",
                                             "2023-13-08T20:21:40Z",
                                             "2023-02-08T24:21:40Z",
                                             "2023-02-08T20:21:99Z",
                                             "1969-12-31T23:59:59Z",
                                             "1970-01-01T00:00:00+01:00",
                                             "2023-02-08T20:21:40X",
                                             "2023-02-08T20:21:40+1",
                                             "9999-01-01T00:00:00Z" };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(numbers); i++)
                assert_int_equal(instant(numbers[i], JK_TIME_S), -1);
        for (size_t i = 0; i < JK_COUNT(dates); i++)
                assert_int_equal(instant(dates[i], JK_TIME_ISO8601), -1);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_as_they_stand),
        cmocka_unit_test(what_is_not_there_is_no_number_and_not_0),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(a_decimal_comma_is_named_as_what_it_is),
        cmocka_unit_test(times_are_exact_to_the_nanosecond),
        cmocka_unit_test(iso_8601_is_utc_unless_it_says_otherwise),
        cmocka_unit_test(what_is_no_time_is_refused),
};

JK_RUN_TESTS(tests)
