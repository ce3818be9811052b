/* SPDX-License-Identifier: Apache-2.0
 *
 * Options of commands: what is met is handed over in order, what is wrong is named with the nearest
 * right name, and help shows every row.
 */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/array.h"
#include "cmd/command.h"

static const struct jk_command command = {
        .name = "stat",
        .arguments = "[OPTION…] -- COMMAND…",
        .summary = "joules of one command",
        .details = "exit status:\n  0  it worked",
};

static const struct jk_option options[] = {
        { 'r', "repeat", "N", "run it N times" },
        { 0, "json", NULL, "JSON instead of a table" },
        { 0, "interval", "TIME",
          "how often to look, between ten milliseconds and a minute, which is long enough to need "
          "more than one line of help" },
        { 'i', "inherit", NULL, "children, too" },
};

struct log {
        char met[256];
        int refuse_after;
};

static int
note(const struct jk_option *option, const char *value, void *data)
{
        struct log *log = data;
        size_t length = strlen(log->met);

        if (log->refuse_after-- == 0)
                return 7;
        snprintf(log->met + length, sizeof log->met - length, "%s=%s;", option->name,
                 value ? value : "-");
        return 0;
}

/* What jk_options_parse() returned, noted and printed (stdout and stderr as one). */
struct outcome {
        int r;
        struct log log;
        char printed[4096];
};

static struct outcome
parse(const char *const *arguments, int refuse_after)
{
        struct outcome outcome = { .log.refuse_after = refuse_after };
        char *argv[16] = { (char *)"stat" };
        int argc = 1, fd = memfd_create("printed", MFD_CLOEXEC);
        int out = dup(STDOUT_FILENO), error = dup(STDERR_FILENO);

        while (arguments[argc - 1]) {
                argv[argc] = (char *)arguments[argc - 1];
                argc++;
        }

        fflush(stdout);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        outcome.r = jk_options_parse(&command, options, JK_COUNT(options), argc, argv, note,
                                     &outcome.log);
        fflush(stdout);
        dup2(out, STDOUT_FILENO);
        dup2(error, STDERR_FILENO);

        assert_true(pread(fd, outcome.printed, sizeof outcome.printed - 1, 0) >= 0);
        close(fd);
        close(out);
        close(error);
        return outcome;
}

#define PARSE(...) parse((const char *const[]){ __VA_ARGS__, NULL }, -1)

static void
options_are_handed_over_in_order(void **state)
{
        struct outcome o = PARSE("--json", "-r", "3", "--interval=5s", "-ir4", "make", "-j2");

        (void)state;
        assert_string_equal(o.log.met, "json=-;repeat=3;interval=5s;inherit=-;repeat=4;");
        assert_int_equal(o.r, 6);
        assert_string_equal(o.printed, "");
}

static void
two_dashes_end_the_options(void **state)
{
        struct outcome o = PARSE("--json", "--", "--repeat", "3");

        (void)state;
        assert_string_equal(o.log.met, "json=-;");
        assert_int_equal(o.r, 3);
}

static void
a_wrong_option_is_answered_with_the_nearest(void **state)
{
        static const struct {
                const char *argument, *message;
        } rows[] = {
                { "--intervall=5s",
                  "joulekeeper stat: there is no option '--intervall'; did you mean "
                  "'--interval'?\njoulekeeper stat --help tells more\n" },
                { "--repaet", "joulekeeper stat: there is no option '--repaet'; did you mean "
                              "'--repeat'?\njoulekeeper stat --help tells more\n" },
                { "--zzzzz", "joulekeeper stat: there is no option '--zzzzz'\njoulekeeper stat "
                             "--help tells more\n" },
                { "-x", "joulekeeper stat: there is no option '-x'\njoulekeeper stat --help tells "
                        "more\n" },
                { "--json=yes", "joulekeeper stat: option '--json' takes no argument\njoulekeeper "
                                "stat --help tells more\n" },
                { "--help=yes", "joulekeeper stat: option '--help' takes no argument\njoulekeeper "
                                "stat --help tells more\n" },
                { "--repeat", "joulekeeper stat: option '--repeat' needs its argument: --repeat "
                              "N\njoulekeeper stat --help tells more\n" },
                { "-r", "joulekeeper stat: option '--repeat' needs its argument: --repeat "
                        "N\njoulekeeper stat --help tells more\n" },
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                struct outcome o = PARSE(rows[i].argument);

                assert_string_equal(o.printed, rows[i].message);
                assert_int_equal(o.r, -1 - JK_EXIT_USAGE);
        }
}

static void
a_wrong_letter_is_named_after_a_long_option(void **state)
{
        struct outcome o = PARSE("--json", "-xr3");

        (void)state;
        assert_non_null(strstr(o.printed, "there is no option '-x'"));
}

static void
a_refused_value_ends_it_with_that_status(void **state)
{
        struct outcome o = parse((const char *const[]){ "--json", "-r", "0", "-i", NULL }, 1);

        (void)state;
        assert_string_equal(o.log.met, "json=-;");
        assert_int_equal(o.r, -1 - 7);
}

static void
help_shows_every_row_in_79_columns(void **state)
{
        struct outcome o = PARSE("--json", "--help", "--zzzzz");
        char *rest = o.printed;

        (void)state;
        assert_int_equal(o.r, -1 - JK_EXIT_OK);
        for (size_t i = 0; i < JK_COUNT(options); i++)
                assert_non_null(strstr(o.printed, options[i].name));
        assert_non_null(strstr(o.printed, "usage: joulekeeper stat [OPTION…] -- COMMAND…\n"));
        assert_non_null(strstr(o.printed, "  -r, --repeat N          run it N times\n"));
        assert_non_null(strstr(o.printed, "  -h, --help              print this help\n"));
        assert_non_null(strstr(o.printed, "exit status:\n  0  it worked\n"));

        for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
                assert_true(strlen(line) <= 79 + strlen("……") - 2);
                assert_true(*line == '\0' || line[strlen(line) - 1] != ' ');
        }
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_handed_over_in_order),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(a_wrong_option_is_answered_with_the_nearest),
        cmocka_unit_test(a_wrong_letter_is_named_after_a_long_option),
        cmocka_unit_test(a_refused_value_ends_it_with_that_status),
        cmocka_unit_test(help_shows_every_row_in_79_columns),
};

JK_RUN_TESTS(tests)
