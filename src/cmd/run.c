/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper run: the agent, in the foreground.
 */
#include <stdio.h>

#include "cmd/agent.h"
#include "cmd/command.h"

static int
run_main(const struct jk_command *command, int argc, char *argv[])
{
        jk_autosettings struct jk_settings settings = { 0 };
        struct jk_agent *agent = NULL;
        struct jk_error err = { 0 };
        int left, r;

        left = jk_settings_parse(command, argc, argv, &settings);
        if (left < 0)
                return -1 - left;
        if (left < argc)
                return jk_usage_error(command, "what is '%s'? run takes options only", argv[left]);

        r = jk_agent_open(&settings, &agent, &err);
        if (r == 0) {
                jk_agent_report(agent, stdout);
                r = jk_agent_run(agent, &err);
                jk_agent_close(agent);
        }
        if (r < 0) {
                fprintf(stderr, "joulekeeper run: %s\n", err.message);
                return JK_EXIT_FAILURE;
        }

        return JK_EXIT_OK;
}

const struct jk_command jk_command_run = {
        .name = "run",
        .arguments = "[OPTION…]",
        .summary = "the agent: measure, book and serve until stopped",
        .main = run_main,
        .details =
                "signals:\n"
                "  SIGTERM, SIGINT  stop\n"
                "  SIGHUP           read the configuration file again; a bad one changes nothing\n"
                "\n"
                "exit status:\n"
                "  0  stopped by a signal\n"
                "  1  could not start, and stderr says why",
};
