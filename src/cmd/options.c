/* SPDX-License-Identifier: Apache-2.0
 *
 * Options of a command: getopt_long's table and the help text from the same rows: see command.h.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/suggest.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/wrap.h"

enum {
        LONG_BASE = 256, /* getopt's values of the rows; below are letters */
        HELP_COLUMN = 26,
};

static const struct jk_option help_row = { 'h', "help", NULL, "print this help" };

void
jk_say(const char *who, const char *message)
{
        jk_autotext struct jk_text safe = { 0 };

        jk_text_utf8(&safe, message);
        fprintf(stderr, "joulekeeper %s: %s\n", who, safe.failed ? "out of memory" : safe.data);
}

int
jk_usage_error(const struct jk_command *command, const char *format, ...)
{
        va_list arguments;

        fprintf(stderr, "joulekeeper %s: ", command->name);
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fprintf(stderr, "\njoulekeeper %s --help tells more\n", command->name);
        return JK_EXIT_USAGE;
}

/* ---- help ---- */

static void
print_option(FILE *out, const struct jk_option *option)
{
        char left[128];
        int width, n;

        n = snprintf(left, sizeof left, "  %c%c%s--%s%s%s", option->letter ? '-' : ' ',
                     option->letter ? option->letter : ' ', option->letter ? ", " : "  ",
                     option->name, option->argument ? " " : "",
                     option->argument ? option->argument : "");
        width = jk_columns(left, (size_t)n);

        fputs(left, out);
        if (width + 2 > HELP_COLUMN)
                fprintf(out, "\n%*s", HELP_COLUMN, "");
        else
                fprintf(out, "%*s", HELP_COLUMN - width, "");
        jk_print_wrapped(out, option->help, HELP_COLUMN);
}

static void
print_help(const struct jk_command *command, const struct jk_option *options, size_t n)
{
        printf("usage: joulekeeper %s%s%s\n\n", command->name, *command->arguments ? " " : "",
               command->arguments);
        jk_print_wrapped(stdout, command->summary, 0);
        printf("\n");

        for (size_t i = 0; i < n; i++)
                print_option(stdout, &options[i]);
        print_option(stdout, &help_row);

        if (command->details) {
                printf("\n");
                jk_print_wrapped(stdout, command->details, 0);
        }
}

/* ---- getopt's tables ---- */

static int
value_of(const struct jk_option *options, size_t i)
{
        return options[i].letter ? options[i].letter : LONG_BASE + (int)i;
}

static const struct jk_option *
row_of(const struct jk_option *options, size_t n, int value)
{
        for (size_t i = 0; i < n; i++)
                if (value_of(options, i) == value)
                        return &options[i];

        return NULL;
}

static struct option *
long_options(const struct jk_option *options, size_t n)
{
        struct option *rows = calloc(n + 2, sizeof *rows);

        if (!rows)
                return NULL;

        for (size_t i = 0; i < n; i++)
                rows[i] = (struct option){
                        .name = options[i].name,
                        .has_arg = options[i].argument ? required_argument : no_argument,
                        .val = value_of(options, i),
                };
        rows[n] = (struct option){ .name = "help", .val = 'h' };
        return rows;
}

/* "+": stop at the first argument that is no option, which may be another program's command line;
 * ":": tell a missing argument from an unknown option, and print nothing. */
static void
short_options(struct jk_text *text, const struct jk_option *options, size_t n)
{
        jk_text_string(text, "+:h");
        for (size_t i = 0; i < n; i++)
                if (options[i].letter) {
                        jk_text_char(text, options[i].letter);
                        if (options[i].argument)
                                jk_text_char(text, ':');
                }
}

/* ---- what was wrong ---- */

static int
complain_unknown(const struct jk_command *command, const struct jk_option *options, size_t n,
                 const char *argument)
{
        int length = (int)strcspn(argument, "=");
        char name[JK_SUGGEST_MAX + 1];
        struct jk_suggest suggest = { .wrong = name };

        snprintf(name, sizeof name, "%.*s", length - 2, argument + 2);
        for (size_t i = 0; i < n; i++)
                jk_suggest_offer(&suggest, options[i].name);
        jk_suggest_offer(&suggest, help_row.name);

        if (suggest.best)
                return jk_usage_error(command, "there is no option '%.*s'; did you mean '--%s'?",
                                      length, argument, suggest.best);

        return jk_usage_error(command, "there is no option '%.*s'", length, argument);
}

/* getopt leaves in optopt the value of the row, or the letter, that it stumbled over; 0 if that was
 * a long option without a row. */
static int
complain(const struct jk_command *command, const struct jk_option *options, size_t n, int met,
         char *argv[])
{
        const struct jk_option *row = optopt == 'h' ? &help_row : row_of(options, n, optopt);

        if (met == ':' && row)
                return jk_usage_error(command, "option '--%s' needs its argument: --%s %s",
                                      row->name, row->name, row->argument);
        if (row)
                return jk_usage_error(command, "option '--%s' takes no argument", row->name);
        if (optopt)
                return jk_usage_error(command, "there is no option '-%c'", optopt);

        return complain_unknown(command, options, n, argv[optind - 1]);
}

int
jk_options_parse(const struct jk_command *command, const struct jk_option *options, size_t n,
                 int argc, char *argv[],
                 int (*set)(const struct jk_option *option, const char *value, void *data),
                 void *data)
{
        jk_autofree struct option *rows = long_options(options, n);
        jk_autotext struct jk_text letters = { 0 };
        int met, status;

        short_options(&letters, options, n);
        if (!rows || letters.failed) {
                fprintf(stderr, "joulekeeper %s: out of memory\n", command->name);
                return -1 - JK_EXIT_FAILURE;
        }

        optind = 0; /* GNU: start afresh */
        opterr = 0;
        while ((met = getopt_long(argc, argv, letters.data, rows, NULL)) != -1) {
                if (met == 'h') {
                        print_help(command, options, n);
                        return -1 - JK_EXIT_OK;
                }
                if (met == '?' || met == ':')
                        return -1 - complain(command, options, n, met, argv);

                status = set(row_of(options, n, met), optarg, data);
                if (status != 0)
                        return -1 - status;
        }

        return optind;
}
