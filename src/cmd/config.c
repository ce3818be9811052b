/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper config: look at a configuration file without starting anything, or write one.
 */
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "cmd/command.h"
#include "cmd/settings.h"

static const struct jk_option options[] = {
        { 'c', "check", "FILE",
          "check the file as run would read it, say what is wrong and where; several may be "
          "given" },
        { 'd', "print-defaults", NULL, "print a commented file of all options and their defaults" },
};

struct request {
        bool asked;
        int status;
};

static void
check_file(const char *path, struct request *request)
{
        struct jk_reference_config wall;
        struct jk_error err;

        if (jk_settings_wall(path, &wall, &err) < 0) { /* reads all of it */
                fprintf(stderr, "%s\n", err.message);
                request->status = JK_EXIT_FAILURE;
        } else {
                printf("%s: ok\n", path);
        }
}

static int
set(const struct jk_option *option, const char *value, void *data)
{
        struct request *request = data;

        request->asked = true;
        if (strcmp(option->name, "check") == 0) {
                check_file(value, request);
        } else if (jk_config_print_defaults(stdout) < 0) {
                perror("joulekeeper config: stdout");
                request->status = JK_EXIT_FAILURE;
        }

        return 0;
}

static int
config_main(const struct jk_command *command, int argc, char *argv[])
{
        struct request request = { 0 };
        int left = jk_options_parse(command, options, JK_COUNT(options), argc, argv, set, &request);

        if (left < 0)
                return -1 - left;
        if (left < argc)
                return jk_usage_error(command, "what is '%s'? To check a file: --check FILE",
                                      argv[left]);
        if (!request.asked)
                return jk_usage_error(command, "nothing to do; give --check FILE or "
                                               "--print-defaults");

        return request.status;
}

const struct jk_command jk_command_config = {
        .name = "config",
        .arguments = "--check FILE | --print-defaults",
        .summary = "check a configuration file, or print the defaults as one",
        .main = config_main,
        .details = "exit status:\n"
                   "  0  the file is good\n"
                   "  1  it is not; FILE:LINE: KEY and what is wrong stand on stderr",
};
