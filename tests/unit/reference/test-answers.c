/* SPDX-License-Identifier: Apache-2.0
 *
 * What references answer: each form is read, everything else is refused by name, and nothing is
 * touched by what is refused.
 */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "reference/line.h"
#include "reference/web.h"

#define REFUSED (-12345.0)

/* The value, or REFUSED. */
static double
answer(jk_answer *parse, const char *text, const char *path, struct jk_error *err)
{
        struct jk_reference_value value = { REFUSED, 77 };
        int r = parse(text, strlen(text), path, &value, err);

        if (r < 0) {
                assert_int_equal(r, -EBADMSG);
                assert_true(value.value == REFUSED && value.realtime_ns == 77);
                assert_true(err->message[0] != '\0');
        }
        return value.value;
}

static void
a_number_is_found_at_its_path(void **state)
{
        static const struct {
                const char *text, *path;
                double value;
        } rows[] = {
                { "45.5", "", 45.5 },
                { "\"45.5\"", "", 45.5 },
                { "{\"power\": 12}", "power", 12 },
                { "{\"apower\":7.1,\"aenergy\":{\"total\":1234.5}}", "aenergy.total", 1234.5 },
                { "{\"meters\":[{\"power\":1},{\"power\":2}]}", "meters[1].power", 2 },
                { "[[1,2],[3,4e2]]", "[1][1]", 400 },
                { "{\"a.b\":{\"c[0]\":3}}", "[\"a.b\"][\"c[0]\"]", 3 },
                { "{\"StatusSNS\":{\"ENERGY\":{\"Power\":182}}}", "StatusSNS.ENERGY.Power", 182 },
                { "{\"a\":null}", "a", REFUSED },
                { "{\"a\":true}", "a", REFUSED },
                { "{\"a\":\"12 W\"}", "a", REFUSED },
                { "{\"a\":\"nan\"}", "a", REFUSED },
                { "{\"a\":\"0x10\"}", "a", REFUSED },
                { "{\"a\":1}", "b", REFUSED },
                { "{\"a\":1}", "a.b", REFUSED },
                { "{\"a\":[1]}", "a[1]", REFUSED },
                { "{\"a\":[1]}", "a", REFUSED },
                { "{\"a\":1", "a", REFUSED },
                { "<html>", "", REFUSED },
                { "", "", REFUSED },
        };
        struct jk_error err;

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                assert_true(answer(jk_answer_http, rows[i].text, rows[i].path, &err) ==
                            rows[i].value);
}

static void
a_path_that_is_none_is_refused(void **state)
{
        static const char *const right[] = { "", "a", "a.b", "[0]", "a[0][1].b", "[\"x y\"].z" };
        static const char *const wrong[] = { ".",    "a.",  ".a",     "a..b",        "a[",   "a[]",
                                             "a[x]", "a[0", "a[\"b]", "a[12345678]", "a[0]b" };
        struct jk_error err;

        (void)state;
        for (size_t i = 0; i < sizeof right / sizeof *right; i++)
                assert_int_equal(jk_json_path_check(right[i], &err), 0);
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
                assert_int_equal(jk_json_path_check(wrong[i], &err), -EINVAL);
}

static void
a_query_has_to_give_one_value(void **state)
{
        static const struct {
                const char *text;
                double value;
        } rows[] = {
                { "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{"
                  "\"metric\":{\"__name__\":\"w\"},\"value\":[1700000000.5,\"231.25\"]}]}}",
                  231.25 },
                { "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":["
                  "1700000000,\"5\"]}}",
                  5 },
                { "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}",
                  REFUSED },
                { "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{"
                  "\"value\":[1,\"1\"]},{\"value\":[1,\"1\"]}]}}",
                  REFUSED },
                { "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{"
                  "\"value\":[1700000000,\"NaN\"]}]}}",
                  REFUSED },
                { "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[]}}",
                  REFUSED },
                { "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"parse error\"}",
                  REFUSED },
                { "[]", REFUSED },
        };
        struct jk_error err;
        struct jk_reference_value value;

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                assert_true(answer(jk_answer_prometheus, rows[i].text, "", &err) == rows[i].value);
        assert_int_equal(jk_answer_prometheus(rows[0].text, strlen(rows[0].text), "", &value, &err),
                         0);
        assert_int_equal(value.realtime_ns, INT64_C(1700000000500000000));
        answer(jk_answer_prometheus, rows[6].text, "", &err);
        assert_non_null(strstr(err.message, "parse error"));
}

static void
a_bmc_is_read_where_redfish_has_it(void **state)
{
        static const char power[] =
                "{\"@odata.id\":\"/redfish/v1/Chassis/1/Power\",\"PowerControl\":"
                "[{\"MemberId\":\"0\",\"PowerConsumedWatts\":344,"
                "\"PowerMetrics\":{\"IntervalInMin\":30}}]}";
        static const char metrics[] =
                "{\"PowerWatts\":{\"DataSourceUri\":\"/x\",\"Reading\":374.5},"
                "\"EnergykWh\":{\"Reading\":7855}}";
        struct jk_error err;

        (void)state;
        assert_true(answer(jk_answer_redfish, power, "", &err) == 344);
        assert_true(answer(jk_answer_redfish, metrics, "", &err) == 374.5);
        assert_true(answer(jk_answer_redfish, metrics, "EnergykWh.Reading", &err) == 7855);
        assert_true(answer(jk_answer_redfish, "{\"PowerControl\":[]}", "", &err) == REFUSED);
        assert_true(answer(jk_answer_redfish, "{\"PowerControl\":[{\"PowerConsumedWatts\":null}]}",
                           "", &err) == REFUSED);
}

static void
of_kwollects_values_the_latest_counts(void **state)
{
        static const char text[] =
                "[{\"timestamp\":\"2022-10-27T15:41:06+02:00\",\"device_id\":\"taurus-1\","
                "\"metric_id\":\"wattmetre_power_watt\",\"value\":131.5,\"labels\":{}},"
                "{\"timestamp\":\"2022-10-27T15:41:05.100053+02:00\",\"device_id\":\"taurus-1\","
                "\"metric_id\":\"wattmetre_power_watt\",\"value\":130,\"labels\":{}}]";
        static const char two[] = "[{\"timestamp\":\"2022-10-27T15:41:06Z\",\"device_id\":\"a\","
                                  "\"value\":1},{\"timestamp\":\"2022-10-27T15:41:06Z\","
                                  "\"device_id\":\"b\",\"value\":1}]";
        struct jk_reference_value value;
        struct jk_error err;

        (void)state;
        assert_int_equal(jk_answer_kwollect(text, strlen(text), "", &value, &err), 0);
        assert_true(value.value == 131.5);
        assert_int_equal(value.realtime_ns, INT64_C(1666878066) * JK_NS_PER_S);
        assert_true(answer(jk_answer_kwollect, "[]", "", &err) == REFUSED);
        assert_true(answer(jk_answer_kwollect, two, "", &err) == REFUSED);
}

static void
a_time_has_its_zone(void **state)
{
        (void)state;
        assert_int_equal(jk_reference_iso8601("2022-10-27T15:41:05.25+02:00"),
                         INT64_C(1666878065250000000));
        assert_int_equal(jk_reference_iso8601("2022-10-27T13:41:05Z"),
                         jk_reference_iso8601("2022-10-27T08:11:05-0530"));
        assert_int_equal(jk_reference_iso8601("2022-10-27T13:41:05"), 0);
        assert_int_equal(jk_reference_iso8601("2022-10-27"), 0);
        assert_int_equal(jk_reference_iso8601("0001-01-01T00:00:00Z"), 0);
        assert_int_equal(jk_reference_iso8601("2022-10-27T13:41:05+2x:00"), 0);
}

static void
a_line_is_watts_or_time_and_watts(void **state)
{
        static const struct {
                const char *line;
                double value;
                int64_t realtime_ns;
        } right[] = {
                { "45", 45, 0 },
                { " 45.25\r", 45.25, 0 },
                { "1.5e2 ", 150, 0 },
                { "-3", -3, 0 }, /* the meter refuses it, with the value */
                { "1700000000.5 231", 231, INT64_C(1700000000500000000) },
                { "1700000000\t231", 231, INT64_C(1700000000000000000) },
        };
        static const char *const wrong[] = { "",      " ",    "x",      "nan", "inf",   "0x20",
                                             "12 W",  "1 2",  "12W",    "1,5", "1 2 3", "--1",
                                             "1e999", "\x01", "12\n13", "\xff" };
        struct jk_error err;

        (void)state;
        for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
                struct jk_reference_value value;

                assert_int_equal(jk_reference_line(right[i].line, &value, &err), 0);
                assert_true(value.value == right[i].value);
                assert_int_equal(value.realtime_ns, right[i].realtime_ns);
        }
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                struct jk_reference_value value = { REFUSED, 77 };

                assert_int_equal(jk_reference_line(wrong[i], &value, &err), -EINVAL);
                assert_true(value.value == REFUSED);
        }
}

static void
credentials_that_others_can_read_are_refused(void **state)
{
        char path[] = "/tmp/jk-credentials-XXXXXX", line[JK_CREDENTIALS_MAX];
        struct jk_error err;
        int fd = mkstemp(path);

        (void)state;
        assert_true(fd >= 0);
        assert_int_equal(jk_credentials_read(path, line, &err), -EINVAL); /* it is empty */
        assert_int_equal(write(fd, "me:secret\nmore\n", 15), 15);
        assert_int_equal(jk_credentials_read(path, line, &err), 0);
        assert_string_equal(line, "me:secret");
        fchmod(fd, 0640);
        assert_int_equal(jk_credentials_read(path, line, &err), -EPERM);
        assert_non_null(strstr(err.message, "chmod 600"));
        assert_null(strstr(err.message, "secret"));
        close(fd);
        unlink(path);
        assert_int_equal(jk_credentials_read(path, line, &err), -ENOENT);
        assert_int_equal(jk_credentials_read("/tmp", line, &err), -EPERM);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_found_at_its_path),
        cmocka_unit_test(a_path_that_is_none_is_refused),
        cmocka_unit_test(a_query_has_to_give_one_value),
        cmocka_unit_test(a_bmc_is_read_where_redfish_has_it),
        cmocka_unit_test(of_kwollects_values_the_latest_counts),
        cmocka_unit_test(a_time_has_its_zone),
        cmocka_unit_test(a_line_is_watts_or_time_and_watts),
        cmocka_unit_test(credentials_that_others_can_read_are_refused),
};

JK_RUN_TESTS(tests)
