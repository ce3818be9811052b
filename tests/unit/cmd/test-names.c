/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of meters, activity sources and models: every one that is listed is accepted, and no other.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "cmd/names.h"

static int
check(const char *option, const char *value, struct jk_error *err)
{
        return jk_names_check(jk_config_row(option), value, err);
}

static void
every_listed_name_is_accepted(void **state)
{
        const char *name;

        (void)state;
        for (size_t i = 0; i < jk_config_n_rows; i++)
                for (size_t k = 0; (name = jk_names_at(&jk_config_rows[i], k)); k++)
                        assert_int_equal(jk_names_check(&jk_config_rows[i], name, NULL), 0);

        assert_string_equal(jk_names_at(jk_config_row("meter"), 0), "auto");
        assert_string_equal(jk_names_at(jk_config_row("meter"), 1), "none");
        assert_string_equal(jk_names_at(jk_config_row("activity"), 0), "auto");
        assert_non_null(jk_names_at(jk_config_row("activity"), 1));
        assert_null(jk_names_at(jk_config_row("interval"), 0));
}

static void
lists_are_of_meters_only(void **state)
{
        struct jk_error err;

        (void)state;
        assert_int_equal(check("meter", "powercap,battery", &err), 0);
        assert_int_equal(check("meter", "powercap,", &err), -EINVAL);
        assert_int_equal(check("meter", "powercap, battery", &err), -EINVAL);
        assert_int_equal(check("meter", "powercap,auto", &err), -EINVAL);
        assert_string_equal(err.message, "'powercap,auto': auto stands alone");
        assert_int_equal(check("model", "share,share", &err), -EINVAL);
}

static void
a_wrong_name_is_answered_with_the_nearest(void **state)
{
        struct jk_error err;

        (void)state;
        assert_int_equal(check("meter", "battery,powrcap", &err), -EINVAL);
        assert_string_equal(err.message,
                            "'powrcap': there is no such meter; did you mean powercap?");
        assert_int_equal(check("model", "neural", &err), -EINVAL);
        assert_non_null(strstr(err.message, "there is no such model; there are auto, adaptive, "
                                            "share"));
        assert_int_equal(check("activity", "bfp", &err), -EINVAL);
        assert_string_equal(err.message, "'bfp': there is no such activity source; did you mean "
                                         "bpf?");
        assert_int_equal(check("root", "/nowhere", &err), 0); /* not a name */
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_listed_name_is_accepted),
        cmocka_unit_test(lists_are_of_meters_only),
        cmocka_unit_test(a_wrong_name_is_answered_with_the_nearest),
};

JK_RUN_TESTS(tests)
