/* SPDX-License-Identifier: Apache-2.0
 *
 * Text for terminals: units round to the right prefix, every fit has exactly the columns asked for,
 * and no string that others wrote can do more than be shown.
 */
#include "tests/unit/test.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "cmd/format.h"
#include "cmd/history.h"

#define U8 (&jk_glyphs_utf8)

static uint64_t
next_random(uint64_t *state)
{
        *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return *state >> 16;
}

static void
power_has_three_digits_and_a_unit(void **state)
{
        static const struct {
                double power_w;
                const char *text;
        } rows[] = {
                { 0, "0 W" },         { 12.34, "12.3 W" },
                { 0.82, "820 mW" },   { 0.9996, "1.00 W" },
                { 9.996, "10.0 W" },  { 99.96, "100 W" },
                { 999.6, "1.00 kW" }, { 0.00042, "420 µW" },
                { -3.5, "-3.50 W" },  { 12345678, "12.3 MW" },
                { 1e-9, "0 W" },      { NAN, "–" },
                { INFINITY, "–" },
        };
        jk_autotext struct jk_text text = { 0 };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                jk_text_clear(&text);
                jk_format_watts(&text, rows[i].power_w, U8);
                assert_string_equal(text.data, rows[i].text);
        }
        jk_text_clear(&text);
        jk_format_joules(&text, 4564000000.0, U8);
        assert_string_equal(text.data, "4.56 kJ");
        jk_text_clear(&text);
        jk_format_joules(&text, 3, &jk_glyphs_ascii);
        assert_string_equal(text.data, "3 uJ");
}

static void
durations_read_well(void **state)
{
        static const struct {
                double seconds;
                const char *text;
        } rows[] = {
                { 0.05, "50 ms" },     { 1, "1 s" },          { 1.5, "1.5 s" },
                { 59.4, "59 s" },      { 59.6, "1 min 0 s" }, { 200, "3 min 20 s" },
                { 7500, "2 h 5 min" }, { 273600, "3 d 4 h" },
        };
        jk_autotext struct jk_text text = { 0 };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                jk_text_clear(&text);
                jk_format_duration(&text, (int64_t)(rows[i].seconds * 1e9));
                assert_string_equal(text.data, rows[i].text);
        }
}

static void
hostile_names_are_harmless(void **state)
{
        static const struct {
                const char *name, *shown;
        } rows[] = {
                { "a\x1b[2Jb", "a\xef\xbf\xbd[2Jb" },
                { "tab\tnl\n", "tab\xef\xbf\xbdnl\xef\xbf\xbd" },
                { "\xe2\x80\xae"
                  "gpj.exe",
                  "\xef\xbf\xbdgpj.exe" }, /* right-to-left override */
                { "a\xc2\x9b"
                  "31m",
                  "a\xef\xbf\xbd"
                  "31m" },                                                      /* CSI in 8 bits */
                { "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81z", "e\xcc\x81\xcc\x81z" }, /* heap of marks */
                { "\xcc\x81x", "x" }, /* a mark on nothing */
                { "\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd" },
                { "größe", "größe" },
        };
        jk_autotext struct jk_text text = { 0 };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                jk_text_clear(&text);
                jk_format_safe(&text, rows[i].name, U8);
                assert_string_equal(text.data, rows[i].shown);

                jk_text_clear(&text);
                jk_format_safe(&text, rows[i].name, &jk_glyphs_ascii);
                for (size_t k = 0; k < text.length; k++)
                        assert_in_range((unsigned char)text.data[k], 0x20, 0x7e);
        }
}

static void
columns_are_not_bytes(void **state)
{
        (void)state;
        assert_int_equal(jk_format_columns(""), 0);
        assert_int_equal(jk_format_columns("größe"), 5);
        assert_int_equal(jk_format_columns("日本"), 4);
        assert_int_equal(jk_format_columns("e\xcc\x81"), 1);
}

static void
cuts_say_that_they_cut(void **state)
{
        static const struct {
                const char *string;
                size_t columns;
                enum jk_fit fit;
                const char *fitted;
        } rows[] = {
                { "abc", 5, JK_FIT_LEFT, "abc  " },     { "abc", 5, JK_FIT_RIGHT, "  abc" },
                { "abcdef", 4, JK_FIT_LEFT, "abc…" },   { "abcdef", 4, JK_FIT_TAIL, "…def" },
                { "abcdef", 1, JK_FIT_TAIL, "…" },      { "abcdef", 0, JK_FIT_LEFT, "" },
                { "日本語", 4, JK_FIT_LEFT, "日… " },   { "日本語", 4, JK_FIT_TAIL, "…語 " },
                { "日本語", 6, JK_FIT_TAIL, "日本語" },
        };
        jk_autotext struct jk_text text = { 0 };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                jk_text_clear(&text);
                jk_text_string(&text, "");
                jk_format_fit(&text, rows[i].string, rows[i].columns, rows[i].fit, U8);
                assert_string_equal(text.data, rows[i].fitted);
        }
}

/* Any bytes, any width: always exactly so many columns. */
static void
every_fit_has_its_columns(void **state)
{
        static const char *const pieces[] = { "a",    "é",    "日",          "e\xcc\x81",
                                              "\xff", "\x1b", "\xe2\x80",    "😀",
                                              "\n",   "/",    "\xe2\x80\x8b" };
        uint64_t seed = 3;

        (void)state;
        for (int round = 0; round < 20000; round++) {
                const struct jk_glyphs *glyphs = round % 2 ? U8 : &jk_glyphs_ascii;
                jk_autotext struct jk_text raw = { 0 }, safe = { 0 }, fitted = { 0 };
                size_t columns = next_random(&seed) % 24;

                jk_text_string(&raw, "");
                jk_text_string(&safe, "");
                jk_text_string(&fitted, "");
                for (uint64_t n = next_random(&seed) % 16; n > 0; n--)
                        jk_text_string(&raw, pieces[next_random(&seed) % JK_COUNT(pieces)]);
                jk_format_safe(&safe, raw.data, glyphs);
                jk_format_fit(&fitted, safe.data, columns, (enum jk_fit)(next_random(&seed) % 3),
                              glyphs);
                assert_int_equal(jk_format_columns(fitted.data), columns);
        }
}

static void
bars_are_as_long_as_they_say(void **state)
{
        jk_autotext struct jk_text text = { 0 };
        uint64_t seed = 5;

        (void)state;
        jk_format_bar(&text, 5, 2, 10, 10, &jk_glyphs_ascii);
        assert_string_equal(text.data, "==###.....");
        jk_text_clear(&text);
        jk_format_bar(&text, 20, NAN, 10, 4, &jk_glyphs_ascii);
        assert_string_equal(text.data, "####");
        jk_text_clear(&text);
        jk_format_bar(&text, NAN, 3, 10, 4, &jk_glyphs_ascii);
        assert_string_equal(text.data, "....");
        jk_text_clear(&text);
        jk_format_bar(&text, 1.5, 0, 4, 4, U8);
        assert_string_equal(text.data, "█▌··");

        for (int round = 0; round < 20000; round++) {
                double value = (double)(next_random(&seed) % 2000) / 7 - 20;
                double idle = round % 9 ? (double)(next_random(&seed) % 2000) / 7 - 20 : NAN;
                double top = (double)(next_random(&seed) % 200);
                size_t columns = next_random(&seed) % 30;

                jk_text_clear(&text);
                jk_text_string(&text, "");
                jk_format_bar(&text, value, idle, top, columns, U8);
                assert_int_equal(jk_format_columns(text.data), columns);
        }
}

static void
sparklines_show_levels_and_gaps(void **state)
{
        double values[] = { 0, 5, NAN, 9.99, 10, 12 };
        jk_autotext struct jk_text text = { 0 };

        (void)state;
        jk_format_sparkline(&text, values, JK_COUNT(values), 10, U8);
        assert_string_equal(text.data, "▁▅ ███");
}

static void
history_averages_over_time(void **state)
{
        static struct jk_history history;
        double values[4];

        (void)state;
        jk_history_add(&history, 0, 10, 4);
        jk_history_add(&history, 10, 15, 10);
        jk_history_add(&history, 15, 20, NAN);
        jk_history_add(&history, 30, 36, 8);
        jk_history_spans(&history, 36, 10, values, 4);
        assert_true(values[0] == 4);
        assert_true(values[1] == 10); /* what was seen of it */
        assert_true(isnan(values[2]));
        assert_true(values[3] == 8);
        assert_true(history.highest_w == 10);

        for (int i = 0; i < 3 * JK_HISTORY_SIZE; i++)
                jk_history_add(&history, 100 + i, 101 + i, 1);
        assert_int_equal(history.count, JK_HISTORY_SIZE);
        jk_history_spans(&history, 100 + 3 * JK_HISTORY_SIZE, 10, values, 4);
        assert_true(values[0] == 1 && values[3] == 1);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_has_three_digits_and_a_unit),
        cmocka_unit_test(durations_read_well),
        cmocka_unit_test(hostile_names_are_harmless),
        cmocka_unit_test(columns_are_not_bytes),
        cmocka_unit_test(cuts_say_that_they_cut),
        cmocka_unit_test(every_fit_has_its_columns),
        cmocka_unit_test(bars_are_as_long_as_they_say),
        cmocka_unit_test(sparklines_show_levels_and_gaps),
        cmocka_unit_test(history_averages_over_time),
};

int
main(void)
{
        /* Widths of characters are the locale's; glibc has this one built in since 2.35, Debian
         * installs it everywhere. */
        if (!setlocale(LC_CTYPE, "C.UTF-8")) {
                puts("1..0 # SKIP there is no locale C.UTF-8");
                return 0;
        }
        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
