/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper model list: which models there are.
 */
#include <stdio.h>

#include "cmd/command.h"
#include "model/model.h"

static int
list_main(const struct jk_command *command, int argc, char *argv[])
{
        int first = jk_options_parse(command, NULL, 0, argc, argv, NULL, NULL);

        if (first < 0)
                return -1 - first;
        if (first < argc)
                return jk_usage_error(command, "it takes no argument '%s'", argv[first]);

        for (size_t i = 0; jk_model_list[i]; i++)
                printf("%-10s %s%s\n", jk_model_list[i]->name, jk_model_list[i]->summary,
                       i == 0 ? " (auto)" : "");
        return JK_EXIT_OK;
}

const struct jk_command jk_command_model_list = {
        .name = "model list",
        .arguments = "",
        .summary = "the models that divide energy",
        .main = list_main,
};
