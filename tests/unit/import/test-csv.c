/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of separated values.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "import/csv.h"

/* Records as "[a|b][c]", or the message. */
static const char *
read_all_of(const char *bytes, size_t length, char separator, struct jk_text *out)
{
        FILE *file = fmemopen((void *)(uintptr_t)bytes, length, "r");
        jk_autocsv struct jk_csv csv;
        struct jk_error err = { "" };
        int r;

        assert_non_null(file);
        jk_text_clear(out);
        jk_text_string(out, "");
        jk_csv_begin(&csv, file, "f", separator);
        while ((r = jk_csv_next(&csv, &err)) > 0) {
                jk_text_char(out, '[');
                for (size_t i = 0; i < csv.n_fields; i++) {
                        jk_text_string(out, i > 0 ? "|" : "");
                        jk_text_string(out, csv.fields[i]);
                }
                jk_text_char(out, ']');
        }
        fclose(file);
        if (r < 0)
                jk_text_string(out, err.message);
        return out->data;
}

#define assert_records(bytes, separator, expected)                                                 \
        do {                                                                                       \
                jk_autotext struct jk_text out_ = { 0 };                                           \
                assert_string_equal(read_all_of(bytes, sizeof(bytes) - 1, separator, &out_),       \
                                    expected);                                                     \
        } while (0)

static void
fields_are_what_stands_between_separators(void **state)
{
        (void)state;
        assert_records("a,b\n1,2\n", ',', "[a|b][1|2]");
        assert_records("a,b\n1,2", ',', "[a|b][1|2]");
        assert_records("a,b\n1,", ',', "[a|b][1|]");
        assert_records(",\n", ',', "[|]");
        assert_records("a;b\n1,5;2\n", ';', "[a|b][1,5|2]");
        assert_records("a\tb\n1\t2\n", '\t', "[a|b][1|2]");
        assert_records(" a , b \n", ',', "[ a | b ]");
}

static void
lines_end_as_unix_or_dos_has_them_and_empty_ones_are_none(void **state)
{
        (void)state;
        assert_records("a,b\r\n1,2\r\n", ',', "[a|b][1|2]");
        assert_records("\n\na\n\r\n\nb\n\n", ',', "[a][b]");
        assert_records("a\rb\n", ',', "[a\rb]");
        assert_records("", ',', "");
        assert_records("\n", ',', "");
}

static void
quotes_hold_separators_lines_and_quotes(void **state)
{
        (void)state;
        assert_records("\"a,b\",c\n", ',', "[a,b|c]");
        assert_records("\"a\nb\",\"c\r\nd\"\n", ',', "[a\nb|c\nd]");
        assert_records("\"say \"\"hi\"\"\",\"\"\n", ',', "[say \"hi\"|]");
        assert_records("5\" disk,x\n", ',', "[5\" disk|x]");
        assert_records("\"a\"", ',', "[a]");
}

static void
a_byte_order_mark_is_no_part_of_the_first_name(void **state)
{
        (void)state;
        assert_records("\xef\xbb\xbf"
                       "a,b\n",
                       ',', "[a|b]");
        assert_records("a,\xef\xbb\xbf"
                       "b\n",
                       ',',
                       "[a|\xef\xbb\xbf"
                       "b]");
        assert_records("\xef\xbb"
                       "a\n",
                       ',', "f:1: begins with bytes that are no UTF-8");
}

static void
what_is_no_such_table_is_refused_with_its_line(void **state)
{
        (void)state;
        assert_records("a\n\n\"b\nc\n", ',', "[a]f:3: a quote is opened and never closed");
        assert_records("a\n\"b\n\"c\n", ',',
                       "[a]f:3: text follows a closing quote; a quote within is doubled");
        assert_records("a\nb\0c\n", ',', "[a]f:2: has a NUL byte; is it a table of text?");
        assert_records("\0", ',', "f:1: has a NUL byte; is it a table of text?");
}

static void
records_are_bounded(void **state)
{
        jk_autotext struct jk_text in = { 0 }, out = { 0 };

        (void)state;
        for (unsigned int i = 0; i < JK_CSV_FIELDS_MAX; i++)
                jk_text_char(&in, ',');
        assert_non_null(strstr(read_all_of(in.data, in.length, ',', &out),
                               "f:1: has more than 4096 fields"));
        jk_text_clear(&in);
        jk_text_string(&in, "a\n\"");
        for (unsigned int i = 0; i <= JK_CSV_RECORD_MAX; i++)
                jk_text_char(&in, '\n');
        assert_non_null(strstr(read_all_of(in.data, in.length, ',', &out),
                               "f:2: has a record of more than 1 MiB"));
}

/* A small generator, so that a failure can be had again. */
static uint32_t
next_random(uint64_t *random)
{
        *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
        return (uint32_t)(*random >> 33);
}

static void
put_quoted(struct jk_text *out, const char *field)
{
        jk_text_char(out, '"');
        for (; *field; field++)
                jk_text_string(out, *field == '"' ? "\"\"" : (char[]){ *field, '\0' });
        jk_text_char(out, '"');
}

static void
what_is_written_in_quotes_reads_back(void **state)
{
        static const char letters[] = "ab,;\"\n \t'|\xc3\xa9";
        uint64_t random = 1;

        (void)state;
        for (int round = 0; round < 2000; round++) {
                jk_autotext struct jk_text in = { 0 }, out = { 0 }, expected = { 0 };
                unsigned int fields = 1 + next_random(&random) % 4;

                jk_text_char(&expected, '[');
                for (unsigned int i = 0; i < fields; i++) {
                        char field[9] = "";
                        size_t length = next_random(&random) % 8;

                        for (size_t k = 0; k < length; k++)
                                field[k] = letters[next_random(&random) % (sizeof letters - 1)];
                        jk_text_string(&in, i > 0 ? "," : "");
                        jk_text_string(&expected, i > 0 ? "|" : "");
                        put_quoted(&in, field);
                        jk_text_string(&expected, field);
                }
                jk_text_char(&in, '\n');
                jk_text_char(&expected, ']');
                assert_string_equal(read_all_of(in.data, in.length, ',', &out), expected.data);
        }
}

static void
any_bytes_are_read_or_refused(void **state)
{
        static const char bytes[] = { ',', '"', '\n', '\r', '\0', 'a', (char)0xEF, (char)0xBB };
        uint64_t random = 2;

        (void)state;
        for (int round = 0; round < 5000; round++) {
                jk_autotext struct jk_text out = { 0 };
                char in[24];
                size_t length = 1 + next_random(&random) % sizeof in;

                for (size_t i = 0; i < length; i++)
                        in[i] = bytes[next_random(&random) % sizeof bytes];
                read_all_of(in, length, ',', &out);
                if (memchr(in, '\0', length))
                        assert_non_null(strstr(out.data, "f:"));
        }
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_what_stands_between_separators),
        cmocka_unit_test(lines_end_as_unix_or_dos_has_them_and_empty_ones_are_none),
        cmocka_unit_test(quotes_hold_separators_lines_and_quotes),
        cmocka_unit_test(a_byte_order_mark_is_no_part_of_the_first_name),
        cmocka_unit_test(what_is_no_such_table_is_refused_with_its_line),
        cmocka_unit_test(records_are_bounded),
        cmocka_unit_test(what_is_written_in_quotes_reads_back),
        cmocka_unit_test(any_bytes_are_read_or_refused),
};

JK_RUN_TESTS(tests)
