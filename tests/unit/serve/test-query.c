/* SPDX-License-Identifier: Apache-2.0
 *
 * Queries of URLs, and the addresses to listen on: what is right is understood, what is wrong is
 * refused with words that help.
 */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/array.h"
#include "serve/api-accounts.h"
#include "serve/listen.h"

static void
good_queries_are_understood(void **state)
{
        static const struct {
                const char *query;
                struct jk_accounts_query wanted;
        } rows[] = {
                { "", { JK_DIMENSION_TASK, JK_SORT_WATTS, SIZE_MAX } },
                { "&&", { JK_DIMENSION_TASK, JK_SORT_WATTS, SIZE_MAX } },
                { "dimension=cgroup", { JK_DIMENSION_CGROUP, JK_SORT_WATTS, SIZE_MAX } },
                { "top=0&sort=name&dimension=user", { JK_DIMENSION_USER, JK_SORT_NAME, 0 } },
                { "dimension=machine&top=all", { JK_DIMENSION_MACHINE, JK_SORT_WATTS, SIZE_MAX } },
                { "%64imension=%63group&top=%320", { JK_DIMENSION_CGROUP, JK_SORT_WATTS, 20 } },
                { "top=18446744073709551615", { JK_DIMENSION_TASK, JK_SORT_WATTS, SIZE_MAX } },
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                struct jk_accounts_query query;
                struct jk_query_error error;

                if (jk_accounts_query_parse(rows[i].query, &query, &error) < 0)
                        fail_msg("%s: %s", rows[i].query, error.message);
                assert_int_equal(query.dimension, rows[i].wanted.dimension);
                assert_int_equal(query.sort, rows[i].wanted.sort);
                assert_int_equal(query.top, rows[i].wanted.top);
        }
}

static void
bad_queries_are_refused_with_what_would_be_right(void **state)
{
        static const struct {
                const char *query, *parameter, *words;
        } rows[] = {
                { "dimension=", "dimension", "task, cgroup, user, machine" },
                { "dimension", "dimension", "task, cgroup, user, machine" },
                { "dimension=pod", "dimension", "task, cgroup, user, machine" },
                { "dimension=task%00", "dimension", "task, cgroup, user, machine" },
                { "dimension=task%0", "dimension", "task, cgroup, user, machine" },
                { "dimension=task%", "dimension", "task, cgroup, user, machine" },
                { "dimension=task%zz", "dimension", "task, cgroup, user, machine" },
                { "sort=Watts", "sort", "watts, energy, cpu, name" },
                { "top=-1", "top", "a whole number, or all" },
                { "top=1e3", "top", "a whole number, or all" },
                { "top=18446744073709551616", "top", "a whole number, or all" },
                { "top=1&top=2", "top", "twice" },
                { "dimensions=task", "dimensions", "dimension, sort, top" },
                { "=task", "", "dimension, sort, top" },
                { "a%00b=1", "", "malformed" },
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                struct jk_accounts_query query = { .top = 4711 };
                struct jk_query_error error;

                if (jk_accounts_query_parse(rows[i].query, &query, &error) == 0)
                        fail_msg("%s: taken", rows[i].query);
                assert_int_equal(query.top, 4711); /* untouched on failure */
                if (rows[i].parameter[0])
                        assert_string_equal(error.parameter, rows[i].parameter);
                if (!strstr(error.message, rows[i].words))
                        fail_msg("%s: %s", rows[i].query, error.message);
        }
}

static void
overlong_queries_stay_in_their_buffers(void **state)
{
        static char query[100000];
        struct jk_accounts_query parsed;
        struct jk_query_error error;

        (void)state;
        memset(query, 'a', sizeof query - 1);
        assert_int_equal(jk_accounts_query_parse(query, &parsed, &error), -EINVAL);
        for (size_t i = 0; i < 10; i++)
                query[i] = "dimension="[i];
        assert_int_equal(jk_accounts_query_parse(query, &parsed, &error), -EINVAL);
        memset(query, '%', sizeof query - 1);
        assert_int_equal(jk_accounts_query_parse(query, &parsed, &error), -EINVAL);
}

static void
addresses_are_understood(void **state)
{
        static const struct {
                const char *listen;
                int family, port; /* family 0: refused */
        } rows[] = {
                { "127.0.0.1:9782", AF_INET, 9782 },
                { "localhost:1", AF_INET, 1 },
                { "0.0.0.0:0", AF_INET, 0 },
                { "[::1]:9782", AF_INET6, 9782 },
                { "[::]:65535", AF_INET6, 65535 },
                { "127.0.0.1", 0, 0 },
                { "127.0.0.1:", 0, 0 },
                { "127.0.0.1:65536", 0, 0 },
                { "127.0.0.1:-1", 0, 0 },
                { "127.0.0.1: 80", 0, 0 },
                { "::1:80", 0, 0 },
                { "[::1:80", 0, 0 },
                { "[127.0.0.1]:80", 0, 0 },
                { "example.org:80", 0, 0 },
                { ":9782", 0, 0 },
                { "", 0, 0 },
                { "off", 0, 0 },
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                union jk_address address;
                struct jk_error err = { "" };
                int r = jk_address_parse(rows[i].listen, &address, &err);

                if ((r == 0) != (rows[i].family != 0))
                        fail_msg("%s: %d %s", rows[i].listen, r, err.message);
                if (r < 0) {
                        assert_non_null(strstr(err.message, "ADDR:PORT"));
                        continue;
                }
                assert_int_equal(address.any.sa_family, rows[i].family);
                assert_int_equal(ntohs(address.v4.sin_port), rows[i].port);
        }
}

static void
binding_errors_name_the_remedy(void **state)
{
        struct jk_error err;
        char listen[32];
        int fd, other, port;

        (void)state;
        assert_int_equal(jk_listen_open("127.0.0.1:0", &fd, &port, &err), 0);
        assert_in_range(port, 1, 65535);
        snprintf(listen, sizeof listen, "127.0.0.1:%d", port);
        assert_int_equal(jk_listen_open(listen, &other, &port, &err), -EADDRINUSE);
        assert_non_null(strstr(err.message, listen));
        assert_non_null(strstr(err.message, "in use"));
        assert_non_null(strstr(err.message, "stop it, or choose another port"));
        close(fd);

        assert_int_equal(jk_listen_open("192.0.2.1:9782", &other, &port, &err), -EADDRNOTAVAIL);
        assert_non_null(strstr(err.message, "does not have that address"));
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_queries_are_understood),
        cmocka_unit_test(bad_queries_are_refused_with_what_would_be_right),
        cmocka_unit_test(overlong_queries_stay_in_their_buffers),
        cmocka_unit_test(addresses_are_understood),
        cmocka_unit_test(binding_errors_name_the_remedy),
};

JK_RUN_TESTS(tests)
