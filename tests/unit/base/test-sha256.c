/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 against FIPS 180-4's examples, and against lengths around those of its blocks.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/sha256.h"

static void
the_standards_examples_hold(void **state)
{
        static const struct {
                const char *text, *hex;
        } rows[] = {
                { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
                { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
                { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
                { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                  "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
                  "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
        };
        char hex[JK_SHA256_HEX_SIZE];

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                jk_sha256_hex(rows[i].text, strlen(rows[i].text), hex);
                assert_string_equal(hex, rows[i].hex);
        }
        jk_sha256_hex(NULL, 0, hex);
        assert_string_equal(hex, rows[0].hex);
}

static void
a_million_a(void **state)
{
        char *data = malloc(1000000), hex[JK_SHA256_HEX_SIZE];

        (void)state;
        assert_non_null(data);
        memset(data, 'a', 1000000);
        jk_sha256_hex(data, 1000000, hex);
        assert_string_equal(hex,
                            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
        free(data);
}

/* The hash of the hashes of 0 … 200 times 'x', as sha256sum has them. */
static void
each_length_around_a_block_is_padded_right(void **state)
{
        char all[201 * 64 + 1], data[200], hex[JK_SHA256_HEX_SIZE];

        (void)state;
        memset(data, 'x', sizeof data);
        for (size_t n = 0; n <= 200; n++)
                jk_sha256_hex(data, n, all + 64 * n);
        jk_sha256_hex(all, 201 * 64, hex);
        assert_string_equal(hex,
                            "75013a3fd49991ead9d8a57ea80485c088443c3406a0e8fa003ed57144041eb4");
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standards_examples_hold),
        cmocka_unit_test(a_million_a),
        cmocka_unit_test(each_length_around_a_block_is_padded_right),
};

JK_RUN_TESTS(tests)
