/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper version: what this program is.
 */
#include <stdio.h>

#include "cmd/command.h"

static int
version_main(const struct jk_command *command, int argc, char *argv[])
{
        (void)command;
        (void)argc;
        (void)argv;
        printf("joulekeeper %s\n", JK_VERSION);
        return JK_EXIT_OK;
}

const struct jk_command jk_command_version = {
        .name = "version",
        .arguments = "",
        .summary = "this program's version and the features built in",
        .main = version_main,
};
