/* SPDX-License-Identifier: Apache-2.0
 *
 * The command table: dispatch and help text are the same rows.
 */
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/suggest.h"
#include "cmd/command.h"

static const struct jk_command *const commands[] = {
        &jk_command_stat,    &jk_command_top,        &jk_command_ps,     &jk_command_meters,
        &jk_command_run,     &jk_command_record,     &jk_command_replay, &jk_command_import,
        &jk_command_model,   &jk_command_smartwatts, &jk_command_doctor, &jk_command_config,
        &jk_command_version,
};

static void
print_help(FILE *out)
{
        fprintf(out, "usage: joulekeeper COMMAND [OPTION…]\n\n"
                     "Says where every joule of this machine goes.\n\n");
        for (size_t i = 0; i < JK_COUNT(commands); i++)
                fprintf(out, "  %-11s %s\n", commands[i]->name, commands[i]->summary);
        fprintf(out, "\njoulekeeper COMMAND --help tells more\n");
}

static int
complain(const char *wrong)
{
        struct jk_suggest suggest = { .wrong = wrong };

        for (size_t i = 0; i < JK_COUNT(commands); i++)
                jk_suggest_offer(&suggest, commands[i]->name);

        if (suggest.best)
                fprintf(stderr, "joulekeeper: there is no command '%s'; did you mean '%s'?\n",
                        wrong, suggest.best);
        else
                fprintf(stderr, "joulekeeper: there is no command '%s'\n", wrong);
        fprintf(stderr, "joulekeeper --help lists them\n");
        return JK_EXIT_USAGE;
}

static int
run_command(int argc, char *argv[])
{
        if (argc < 2) {
                print_help(stderr);
                return JK_EXIT_USAGE;
        }
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
            strcmp(argv[1], "help") == 0) {
                print_help(stdout);
                return JK_EXIT_OK;
        }
        if (strcmp(argv[1], "--version") == 0)
                argv[1] = (char *)"version";

        for (size_t i = 0; i < JK_COUNT(commands); i++)
                if (strcmp(argv[1], commands[i]->name) == 0)
                        return commands[i]->main(commands[i], argc - 1, argv + 1);

        return complain(argv[1]);
}

/* Output that got lost, as on a full disk, is no success. */
int
main(int argc, char *argv[])
{
        int status = run_command(argc, argv);

        if (status == JK_EXIT_OK && (fflush(stdout) != 0 || ferror(stdout))) {
                fprintf(stderr, "joulekeeper: cannot write the output: %m\n");
                return JK_EXIT_FAILURE;
        }

        return status;
}
