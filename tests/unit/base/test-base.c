/* SPDX-License-Identifier: Apache-2.0
 *
 * The base: laws of the arithmetic (shares add up, wraps are recovered), the map against a plain
 * array, text made safe.
 */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/log.h"
#include "base/map.h"
#include "base/root.h"
#include "base/text.h"
#include "base/units.h"
#include "tests/unit/tree.h"

static uint64_t
next_random(uint64_t *state)
{
        *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return *state >> 16;
}

static void
shares_add_up(void **state)
{
        uint64_t seed = 1;

        (void)state;
        for (int round = 0; round < 3000; round++) {
                double weights[64];
                int64_t shares[64];
                struct jk_remainder scratch[64];
                size_t n = 1 + next_random(&seed) % 64;
                int64_t total = (int64_t)(next_random(&seed) % 1000000);
                double sum = 0, got = 0;
                int64_t booked;

                for (size_t i = 0; i < n; i++) {
                        weights[i] =
                                next_random(&seed) % 4 ? (double)(next_random(&seed) % 1000) : 0;
                        sum += weights[i];
                }
                booked = jk_apportion(total, weights, n, shares, scratch);
                assert_int_equal(booked, sum > 0 ? total : 0);

                for (size_t i = 0; i < n; i++) {
                        double exact = sum > 0 ? (double)total * weights[i] / sum : 0;

                        got += (double)shares[i];
                        assert_true(fabs((double)shares[i] - exact) < 1.0 + 1e-6);
                        if (weights[i] == 0)
                                assert_int_equal(shares[i], 0);
                }
                assert_true(got == (double)booked);
        }
}

static void
equal_weights_differ_by_one_unit_at_most(void **state)
{
        double weights[7] = { 3, 3, 3, 3, 3, 3, 3 };
        int64_t shares[7];
        struct jk_remainder scratch[7];

        (void)state;
        assert_int_equal(jk_apportion(23, weights, 7, shares, scratch), 23);
        for (int i = 0; i < 7; i++)
                assert_int_equal(shares[i], i < 2 ? 4 : 3); /* ties go to the lower index */
}

static void
bad_weights_count_as_zero(void **state)
{
        double weights[4] = { NAN, -5, INFINITY, 1 };
        int64_t shares[4];
        struct jk_remainder scratch[4];

        (void)state;
        assert_int_equal(jk_apportion(10, weights, 4, shares, scratch), 10);
        assert_int_equal(shares[3], 10);
        assert_int_equal(jk_apportion(10, weights, 3, shares, scratch), 0);
}

static void
wraps_are_recovered(void **state)
{
        (void)state;
        assert_int_equal(jk_counter_delta(5, 9, 100), 4);
        assert_int_equal(jk_counter_delta(99, 0, 99), 1);
        assert_int_equal(jk_counter_delta(262143328850 - 1000, 500, 262143328850), 1501);
        assert_int_equal(jk_counter_delta(200, 5, 100), 0); /* was never in range */
}

static void
slow_integration_loses_nothing(void **state)
{
        double carry = 0;
        int64_t sum = 0;

        (void)state;
        for (int i = 0; i < 1000000; i++)
                sum += jk_energy_uj(0.1, 1234, &carry); /* 0.1234 µJ a step */
        assert_in_range(sum, 123399, 123400);
        assert_int_equal(jk_energy_uj(NAN, 1000, &carry), 0);
        assert_int_equal(jk_energy_uj(-3, 1000000, &carry), 0);
}

static void
map_equals_array(void **state)
{
        enum { KEYS = 500 };
        struct jk_map map = { 0 };
        bool there[KEYS] = { false };
        uint32_t values[KEYS] = { 0 };
        uint64_t seed = 7;

        (void)state;
        for (int step = 0; step < 200000; step++) {
                size_t k = next_random(&seed) % KEYS;
                uint32_t value = (uint32_t)next_random(&seed), found;

                switch (next_random(&seed) % 3) {
                case 0:
                        assert_int_equal(jk_map_put(&map, k, value), 0);
                        there[k] = true;
                        values[k] = value;
                        break;
                case 1:
                        assert_int_equal(jk_map_remove(&map, k), there[k]);
                        there[k] = false;
                        break;
                default:
                        assert_int_equal(jk_map_get(&map, k, &found), there[k]);
                        if (there[k])
                                assert_int_equal(found, values[k]);
                }
        }
        jk_map_free(&map);
}

static void
text_is_made_safe(void **state)
{
        jk_autotext struct jk_text text = { 0 };

        (void)state;
        jk_text_utf8(&text, "a\n\"b\xff\xc3\xa9\xed\xa0\x80\xc2\x85z");
        assert_string_equal(text.data, "a\xef\xbf\xbd\"b\xef\xbf\xbd\xc3\xa9"
                                       "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");

        jk_text_clear(&text);
        jk_text_joules(&text, 1234567);
        jk_text_char(&text, ' ');
        jk_text_joules(&text, -5);
        jk_text_char(&text, ' ');
        jk_text_i64(&text, INT64_MIN);
        assert_string_equal(text.data, "1.234567 -0.000005 -9223372036854775808");
}

static void
numbers_are_numbers(void **state)
{
        uint64_t u = 77;
        int64_t i = 77;

        (void)state;
        assert_int_equal(jk_parse_u64(" 12\n", &u), 0);
        assert_int_equal(u, 12);
        assert_int_equal(jk_parse_u64("-1", &u), -EINVAL);
        assert_int_equal(jk_parse_u64("12x", &u), -EINVAL);
        assert_int_equal(jk_parse_u64("", &u), -EINVAL);
        assert_int_equal(jk_parse_u64("18446744073709551616", &u), -ERANGE);
        assert_int_equal(u, 12); /* untouched on failure */
        assert_int_equal(jk_parse_i64("-12", &i), 0);
        assert_int_equal(i, -12);
}

static void
a_pipe_in_a_files_place_holds_nobody(void **state)
{
        struct tree tree;
        char path[128], buffer[8];

        (void)state;
        tree_make(&tree);
        snprintf(path, sizeof path, "%s/energy_uj", tree.path);
        assert_int_equal(mkfifo(path, 0600), 0);
        alarm(5); /* ends a test that hangs */
        assert_true(jk_root_read(&tree.root, "energy_uj", buffer, sizeof buffer) < 0);
        alarm(0);
        tree_destroy(&tree);
}

/* Names that others chose get into messages. */
static void
what_is_escaped_stays_distinct_and_valid(void **state)
{
        static const char *const strings[][2] = {
                { "/user.slice/caf\xc3\xa9", "/user.slice/caf\xc3\xa9" },
                { "/a\xff", "/a%FF" },
                { "/a\xfe", "/a%FE" },
                { "/a%FF", "/a%25FF" },
                { "/a\n", "/a%0A" },
                { "/a\xc2\x85", "/a%C2%85" }, /* a control character in two bytes */
                { "/a\xe2\x82", "/a%E2%82" }, /* cut off */
                { "", "" },
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(strings); i++) {
                jk_autotext struct jk_text text = { 0 };

                jk_text_escaped(&text, strings[i][0]);
                assert_int_equal(text.length, strlen(strings[i][1]));
                assert_memory_equal(text.data ? text.data : "", strings[i][1], text.length);
        }
}

static void
a_message_is_one_line(void **state)
{
        int ends[2], saved = dup(STDERR_FILENO);
        char line[256];
        ssize_t n;

        (void)state;
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
        jk_log_warning("%s", "Z\n<3>b\x1b[31m\xc3\xa9");
        assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
        n = read(ends[0], line, sizeof line - 1);
        assert_true(n > 0);
        line[n] = '\0';
        assert_string_equal(strstr(line, "Z"), "Z?<3>b?[31m\xc3\xa9\n");
        close(saved);
        close(ends[0]);
        close(ends[1]);
}

static void
a_pipe_that_nobody_reads_holds_nobody_who_logs(void **state)
{
        char text[4096];
        int fds[2], before = dup(STDERR_FILENO);
        ssize_t n, last = 0;

        (void)state;
        assert_int_equal(pipe(fds), 0);
        assert_int_equal(fcntl(fds[1], F_SETPIPE_SZ, 4096), 4096);
        dup2(fds[1], STDERR_FILENO);
        alarm(20); /* were it held */
        for (int i = 0; i < 500; i++)
                jk_log_error("nobody reads this, and there is much of it");
        alarm(0);

        fcntl(fds[0], F_SETFL, O_NONBLOCK);
        while ((n = read(fds[0], text, sizeof text)) > 0)
                last = n;
        assert_true(last > 0);
        jk_log_error("now somebody does");
        dup2(before, STDERR_FILENO);
        n = read(fds[0], text, sizeof text - 1);
        assert_true(n > 0);
        text[n] = '\0';
        assert_non_null(strstr(text, " messages were lost\n"));
        assert_non_null(strstr(text, "now somebody does\n"));
        close(before);
        close(fds[0]);
        close(fds[1]);
}

/* It moves while it grows, and what is repeated with it. */
static void
a_text_repeats_what_stands_in_it(void **state)
{
        struct jk_text text = { 0 };

        (void)state;
        jk_text_string(&text, "0123456789");
        for (size_t n = 10; n < 1 << 16; n *= 2)
                jk_text_repeat(&text, 0, n);
        for (size_t i = 0; i < text.length; i++)
                assert_int_equal(text.data[i], '0' + i % 10);
        jk_text_repeat(&text, 3, 4);
        assert_string_equal(text.data + text.length - 4, "3456");
        jk_text_free(&text);
}

/* ---- arrays ---- */

/* New room is zeroed, so all of it is resident. */
static void
a_large_array_has_little_room_that_is_not_used(void **state)
{
        uint64_t *items = NULL;
        size_t capacity = 0, moves = 0;

        (void)state;
        for (size_t n = 1; n < 100000; n++) {
                size_t before = capacity;

                assert_int_equal(jk_array_grow(&items, &capacity, n), 0);
                assert_true(capacity >= n);
                assert_true(n < 20000 || capacity <= n + n / 8 + 1);
                moves += capacity != before;
                assert_int_equal(items[n - 1], 0);
                items[n - 1] = n;
        }
        assert_true(moves < 64);
        assert_int_equal(items[41], 42);
        free(items);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_add_up),
        cmocka_unit_test(equal_weights_differ_by_one_unit_at_most),
        cmocka_unit_test(bad_weights_count_as_zero),
        cmocka_unit_test(wraps_are_recovered),
        cmocka_unit_test(slow_integration_loses_nothing),
        cmocka_unit_test(map_equals_array),
        cmocka_unit_test(a_text_repeats_what_stands_in_it),
        cmocka_unit_test(a_large_array_has_little_room_that_is_not_used),
        cmocka_unit_test(text_is_made_safe),
        cmocka_unit_test(numbers_are_numbers),
        cmocka_unit_test(a_pipe_in_a_files_place_holds_nobody),
        cmocka_unit_test(what_is_escaped_stays_distinct_and_valid),
        cmocka_unit_test(a_message_is_one_line),
        cmocka_unit_test(a_pipe_that_nobody_reads_holds_nobody_who_logs),
};

JK_RUN_TESTS(tests)
