/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings of the agent: a configuration file, and over it what the command line says. Both are
 * kept, so that SIGHUP reads the file again and the command line still wins.
 */
#pragma once

#include "cmd/command.h"
#include "config/config.h"
#include "reference/reference.h"

struct jk_settings {
        const char *file;   /* --config, or NULL; borrowed from argv */
        const char **given; /* by row: the command line's value, or NULL; borrowed from argv */
};

/* Parse the options of `command`: --config and one for each row of the configuration, values
 * checked. What is wrong has been said when it returns; see jk_options_parse() for the result. */
int jk_settings_parse(const struct jk_command *command, int argc, char *argv[],
                      struct jk_settings *ret_settings);
void jk_settings_free(struct jk_settings *settings);

/* Read the file (again), and put the command line over it; *ret_config is the caller's to free and
 * untouched on failure. */
int jk_settings_read(const struct jk_settings *settings, struct jk_config *ret_config,
                     struct jk_error *err);

/* The meter outside that a file configures; ops is NULL in *ret_wall if there is none. */
int jk_settings_wall(const char *file, struct jk_reference_config *ret_wall, struct jk_error *err);

#define jk_autosettings __attribute__((cleanup(jk_settings_free)))
