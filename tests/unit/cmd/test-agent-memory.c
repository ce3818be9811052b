/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's memory: what starting took is given back, and what is needed of it comes again.
 */
#include "tests/unit/test.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "cmd/agent-internal.h"

/* Resident pages that stand in files, in kB. */
static long
resident_of_files_kb(void)
{
        FILE *file = fopen("/proc/self/status", "re");
        char line[256];
        long kb = -1;

        assert_non_null(file);
        while (fgets(line, sizeof line, file))
                sscanf(line, "RssFile: %ld", &kb);
        fclose(file);
        return kb;
}

/* Something in the program and in libraries, that reads tables which were relocated. */
static void
assert_all_works(void)
{
        json_t *json = json_loads("{\"a\":[1,2.5,\"x\"]}", 0, NULL);
        char *text, number[64];

        assert_non_null(json);
        text = json_dumps(json, JSON_COMPACT);
        assert_string_equal(text, "{\"a\":[1,2.5,\"x\"]}");
        free(text);
        json_decref(json);
        snprintf(number, sizeof number, "%.3f", sin(strtod("0.5", NULL)));
        assert_string_equal(number, "0.479");
        assert_string_equal(strerror(ENOENT), "No such file or directory");
}

static void
what_starting_took_is_given_back_and_comes_again(void **state)
{
        long before_kb, after_kb;

        (void)state;
        assert_all_works();
        before_kb = resident_of_files_kb();
        jk_agent_forget_start();
        after_kb = resident_of_files_kb();
        if (after_kb >= before_kb - 500)
                fail_msg("%ld kB of files are resident, and were %ld", after_kb, before_kb);
        for (int i = 0; i < 3; i++) {
                assert_all_works();
                jk_agent_forget_start();
        }
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_starting_took_is_given_back_and_comes_again),
};

JK_RUN_TESTS(tests)
