/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper model: the table of its subcommands, one file each (model-NAME.c), which is dispatch
 * and help text in one.
 */
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/suggest.h"
#include "base/text.h"
#include "cmd/command.h"

extern const struct jk_command jk_command_model_calibrate;
extern const struct jk_command jk_command_model_evaluate;
extern const struct jk_command jk_command_model_fetch;
extern const struct jk_command jk_command_model_import;
extern const struct jk_command jk_command_model_learn;
extern const struct jk_command jk_command_model_list;
extern const struct jk_command jk_command_model_match;
extern const struct jk_command jk_command_model_select;
extern const struct jk_command jk_command_model_send;
extern const struct jk_command jk_command_model_show;
extern const struct jk_command jk_command_model_train;

static const struct jk_command *const subcommands[] = {
        &jk_command_model_list,      &jk_command_model_show,     &jk_command_model_match,
        &jk_command_model_import,    &jk_command_model_evaluate, &jk_command_model_fetch,
        &jk_command_model_calibrate, &jk_command_model_select,   &jk_command_model_train,
        &jk_command_model_send,      &jk_command_model_learn,
};

/* "model list" -> "list" */
static const char *
own_name(const struct jk_command *subcommand)
{
        return strchr(subcommand->name, ' ') + 1;
}

static int
complain(const struct jk_command *command, const char *wrong)
{
        struct jk_suggest suggest = { .wrong = wrong };

        for (size_t i = 0; i < JK_COUNT(subcommands); i++)
                jk_suggest_offer(&suggest, own_name(subcommands[i]));

        if (suggest.best)
                return jk_usage_error(command, "there is no subcommand '%s'; did you mean '%s'?",
                                      wrong, suggest.best);
        return jk_usage_error(command, "there is no subcommand '%s'", wrong);
}

/* The command with its subcommands listed below its options. */
static int
parse_options(const struct jk_command *command, int argc, char *argv[])
{
        jk_autotext struct jk_text list = { 0 };
        struct jk_command listing = *command;

        jk_text_string(&list, "subcommands:\n");
        for (size_t i = 0; i < JK_COUNT(subcommands); i++)
                jk_text_printf(&list, "  %-11s %s\n", own_name(subcommands[i]),
                               subcommands[i]->summary);
        jk_text_string(&list, "\njoulekeeper model SUBCOMMAND --help tells more");

        listing.details = list.failed ? NULL : list.data;
        return jk_options_parse(&listing, NULL, 0, argc, argv, NULL, NULL);
}

static int
model_main(const struct jk_command *command, int argc, char *argv[])
{
        int first = parse_options(command, argc, argv);

        if (first < 0)
                return -1 - first;
        if (first == argc)
                return jk_usage_error(command, "give a subcommand");

        for (size_t i = 0; i < JK_COUNT(subcommands); i++)
                if (strcmp(argv[first], own_name(subcommands[i])) == 0)
                        return subcommands[i]->main(subcommands[i], argc - first, argv + first);
        return complain(command, argv[first]);
}

const struct jk_command jk_command_model = {
        .name = "model",
        .arguments = "SUBCOMMAND [OPTION…]",
        .summary = "models: which there are, and how well they predict recordings",
        .main = model_main,
};
