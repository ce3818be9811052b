/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper model list: which models there are, and which model files come with the program.
 */
#include <stdio.h>

#include "cmd/command.h"
#include "model/model.h"
#include "model/shipped.h"

static int
list_shipped(void)
{
        struct jk_error err = { "" };
        struct jk_model_file file;

        printf("\n%-20s %-8s %-8s %5s  %s\n", "MODEL FILE", "KIND", "ZONE", "ERR %", "FOR");
        for (size_t i = 0; i < jk_n_shipped_models; i++) {
                if (jk_shipped_model_read(&jk_shipped_models[i], &file, &err) < 0) {
                        fprintf(stderr, "joulekeeper model list: %s\n", err.message);
                        return JK_EXIT_FAILURE;
                }
                printf("%-20s %-8s %-8s %5.0f  %s\n", file.name, jk_model_kind_name(file.kind),
                       jk_zone_kind_name(file.zone), file.error.uncertainty_pct, file.summary);
        }
        return JK_EXIT_OK;
}

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
        return list_shipped();
}

const struct jk_command jk_command_model_list = {
        .name = "model list",
        .arguments = "",
        .summary = "the models that divide energy, and the model files that are shipped",
        .main = list_main,
};
