/* SPDX-License-Identifier: Apache-2.0
 *
 * DCMI's bytes: the questions are the specification's, each field of an answer is where it puts it,
 * and what is no answer is refused by name and touches nothing.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/array.h"
#include "reference/dcmi.h"

/* 214 W now; 98 to 460 W, on average 231 W, of the 1000 ms that ended 2023-11-14 22:13:20. */
static const uint8_t power_answer[] = { 0x00, 0xdc, 0xd6, 0x00, 0x62, 0x00, 0xcc, 0x01, 0xe7, 0x00,
                                        0x00, 0xf1, 0x53, 0x65, 0xe8, 0x03, 0x00, 0x00, 0x40 };

/* DCMI 1.5, power management. */
static const uint8_t capability_answer[] = { 0x00, 0xdc, 0x01, 0x05, 0x02, 0x00, 0x01, 0x07 };

static void
the_questions_are_the_specifications(void **state)
{
        static const uint8_t power[] = { 0xdc, 0x01, 0x00, 0x00 }, capabilities[] = { 0xdc, 0x01 };

        (void)state;
        assert_int_equal(JK_DCMI_NETFN, 0x2c);
        assert_int_equal(jk_dcmi_ask_power.command, 2);
        assert_int_equal(jk_dcmi_ask_power.length, sizeof power);
        assert_memory_equal(jk_dcmi_ask_power.data, power, sizeof power);
        assert_int_equal(jk_dcmi_ask_capabilities.command, 1);
        assert_int_equal(jk_dcmi_ask_capabilities.length, sizeof capabilities);
        assert_memory_equal(jk_dcmi_ask_capabilities.data, capabilities, sizeof capabilities);
}

static void
every_field_is_where_it_belongs(void **state)
{
        struct jk_dcmi_power power;
        struct jk_error err;

        (void)state;
        assert_int_equal(jk_dcmi_power(power_answer, sizeof power_answer, &power, &err), 0);
        assert_int_equal(power.current_w, 214);
        assert_int_equal(power.minimum_w, 98);
        assert_int_equal(power.maximum_w, 460);
        assert_int_equal(power.average_w, 231);
        assert_int_equal(power.time_s, 1700000000);
        assert_int_equal(power.period_ms, 1000);
        assert_true(power.active);
}

static void
the_largest_values_are_taken(void **state)
{
        uint8_t answer[sizeof power_answer];
        struct jk_dcmi_power power;
        struct jk_error err;

        (void)state;
        memset(answer, 0xff, sizeof answer);
        answer[0] = 0;
        answer[1] = 0xdc;
        assert_int_equal(jk_dcmi_power(answer, sizeof answer, &power, &err), 0);
        assert_int_equal(power.current_w, 65535);
        assert_int_equal(power.time_s, UINT32_MAX);
        assert_int_equal(power.period_ms, UINT32_MAX);
}

static void
a_measurement_that_is_not_active_is_told(void **state)
{
        uint8_t answer[sizeof power_answer];
        struct jk_dcmi_power power;
        struct jk_error err;

        (void)state;
        memcpy(answer, power_answer, sizeof answer);
        answer[18] = 0xbf; /* all bits but that one */
        assert_int_equal(jk_dcmi_power(answer, sizeof answer, &power, &err), 0);
        assert_false(power.active);
}

static void
capabilities_tell_of_power(void **state)
{
        uint8_t answer[sizeof capability_answer];
        struct jk_dcmi_capabilities capabilities;
        struct jk_error err;

        (void)state;
        memcpy(answer, capability_answer, sizeof answer);
        assert_int_equal(jk_dcmi_capabilities(answer, sizeof answer, &capabilities, &err), 0);
        assert_true(capabilities.power);
        assert_int_equal(capabilities.major, 1);
        assert_int_equal(capabilities.minor, 5);

        answer[6] = 0xfe;
        assert_int_equal(jk_dcmi_capabilities(answer, sizeof answer, &capabilities, &err), 0);
        assert_false(capabilities.power);
}

static void
completion_codes_are_told_by_name(void **state)
{
        static const struct {
                uint8_t code;
                int r;
                const char *name;
        } rows[] = {
                { 0xc0, -EBUSY, "node busy" },   { 0xc1, -EOPNOTSUPP, "0xc1, invalid command" },
                { 0xc3, -ETIMEDOUT, "timeout" }, { 0xcb, -EIO, "not present" },
                { 0xd4, -EACCES, "privilege" },  { 0xff, -EIO, "unspecified" },
                { 0x80, -EIO, "0x80" },          { 0x01, -EIO, "0x01" },
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                struct jk_dcmi_capabilities capabilities;
                struct jk_dcmi_power power;
                struct jk_error err = { "" };

                assert_int_equal(jk_dcmi_power(&rows[i].code, 1, &power, &err), rows[i].r);
                assert_non_null(strstr(err.message, rows[i].name));
                assert_non_null(strstr(err.message, "Get Power Reading"));
                assert_int_equal(jk_dcmi_capabilities(&rows[i].code, 1, &capabilities, &err),
                                 rows[i].r);
                assert_non_null(strstr(err.message, "Get DCMI Capabilities"));
        }
}

static void
what_is_cut_or_of_another_group_is_refused_and_touches_nothing(void **state)
{
        struct jk_dcmi_capabilities capabilities = { .major = 77 };
        struct jk_dcmi_power power = { .current_w = 77 };
        uint8_t other[sizeof power_answer];
        struct jk_error err;

        (void)state;
        for (size_t length = 0; length < sizeof power_answer; length++) {
                assert_int_equal(jk_dcmi_power(power_answer, length, &power, &err), -EBADMSG);
                assert_int_equal(power.current_w, 77);
        }
        for (size_t length = 0; length < sizeof capability_answer; length++)
                assert_int_equal(
                        jk_dcmi_capabilities(capability_answer, length, &capabilities, &err),
                        -EBADMSG);
        memcpy(other, power_answer, sizeof other);
        other[1] = 0x00;
        assert_int_equal(jk_dcmi_power(other, sizeof other, &power, &err), -EBADMSG);
        assert_non_null(strstr(err.message, "group 0x00"));
        assert_int_equal(power.current_w, 77);
        assert_int_equal(capabilities.major, 77);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_questions_are_the_specifications),
        cmocka_unit_test(every_field_is_where_it_belongs),
        cmocka_unit_test(the_largest_values_are_taken),
        cmocka_unit_test(a_measurement_that_is_not_active_is_told),
        cmocka_unit_test(capabilities_tell_of_power),
        cmocka_unit_test(completion_codes_are_told_by_name),
        cmocka_unit_test(what_is_cut_or_of_another_group_is_refused_and_touches_nothing),
};

JK_RUN_TESTS(tests)
