/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses of brokers and topics: what is one is taken apart, all else is refused and touches
 * nothing.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/array.h"
#include "reference/broker.h"

static void
an_address_has_a_host_a_port_and_says_whether_tls_is_spoken(void **state)
{
        static const struct {
                const char *url, *host;
                int port;
                bool tls;
        } rows[] = {
                { "mqtt://broker", "broker", 1883, false },
                { "mqtt://broker/", "broker", 1883, false },
                { "mqtts://broker.example.org", "broker.example.org", 8883, true },
                { "mqtt://192.168.1.2:18830", "192.168.1.2", 18830, false },
                { "mqtts://[::1]:65535/", "::1", 65535, true },
                { "mqtt://[fe80::1%eth0]", "fe80::1%eth0", 1883, false },
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                struct jk_broker broker;
                struct jk_error err;

                assert_int_equal(jk_broker_parse(rows[i].url, &broker, &err), 0);
                assert_string_equal(broker.host, rows[i].host);
                assert_int_equal(broker.port, rows[i].port);
                assert_int_equal(broker.tls, rows[i].tls);
        }
}

static void
what_is_no_address_is_refused(void **state)
{
        static const char *const urls[] = {
                "",
                "broker",
                "http://broker",
                "mqtt://",
                "mqtt:///",
                "mqtts://:1883",
                "mqtt://broker:",
                "mqtt://broker:0",
                "mqtt://broker:65536",
                "mqtt://broker:99999999999999999999",
                "mqtt://broker:18x",
                "mqtt://broker/topic",
                "mqtt://broker?x",
                "mqtt://me:secret@broker",
                "mqtt://[::1",
                "mqtt://[]",
                "mqtt://[::1]x",
                "mqtt://::1",
        };
        char longest[300] = "mqtt://";

        (void)state;
        memset(longest + strlen(longest), 'x', sizeof longest - strlen(longest) - 1);
        longest[sizeof longest - 1] = '\0';
        for (size_t i = 0; i <= JK_COUNT(urls); i++) {
                struct jk_broker broker = { .port = 77 };
                struct jk_error err = { "" };

                assert_int_equal(
                        jk_broker_parse(i < JK_COUNT(urls) ? urls[i] : longest, &broker, &err),
                        -EINVAL);
                assert_int_equal(broker.port, 77);
                assert_non_null(strstr(err.message, "mqtt://HOST"));
        }
}

static void
a_topic_is_of_one_meter(void **state)
{
        struct jk_error err;

        (void)state;
        assert_int_equal(jk_broker_check_topic("tele/plug/SENSOR", &err), 0);
        assert_int_equal(jk_broker_check_topic("shellyplus1pm-x/status/switch:0", &err), 0);
        assert_int_equal(jk_broker_check_topic("tele/+/SENSOR", &err), -EINVAL);
        assert_int_equal(jk_broker_check_topic("zigbee2mqtt/#", &err), -EINVAL);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_a_host_a_port_and_says_whether_tls_is_spoken),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(a_topic_is_of_one_meter),
};

JK_RUN_TESTS(tests)
