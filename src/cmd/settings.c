/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings of the agent: see settings.h.
 */
#include "cmd/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/names.h"
#include "config/rows.h"

static const struct jk_option file_option = {
        'c', "config", "FILE",
        "read the configuration from this file; the options below win over it"
};

/* What the setter needs to know. */
struct parsing {
        const struct jk_command *command;
        struct jk_settings *settings;
        struct jk_config scratch; /* values are tried on it */
};

static int
set(const struct jk_option *option, const char *value, void *data)
{
        struct parsing *parsing = data;
        const struct jk_config_row *row = jk_config_row(option->name);
        struct jk_error err;

        if (!row) {
                parsing->settings->file = value;
                return 0;
        }

        if (jk_config_set(&parsing->scratch, option->name, value, jk_names_check, &err) < 0)
                return jk_usage_error(parsing->command, "--%s", err.message);

        parsing->settings->given[row - jk_config_rows] = value;
        return 0;
}

/* The rows as options, with their defaults in the help. The texts are cut out of `helps`. */
static int
make_options(struct jk_option *options, struct jk_text *helps)
{
        size_t start = 0;

        for (size_t i = 0; i < jk_config_n_rows; i++) {
                jk_text_printf(helps, "%s (%s)", jk_config_rows[i].help,
                               jk_config_initial(&jk_config_rows[i]));
                jk_text_bytes(helps, "", 1);
        }
        if (helps->failed)
                return -ENOMEM;

        options[0] = file_option;
        for (size_t i = 0; i < jk_config_n_rows; i++) {
                options[i + 1] = (struct jk_option){
                        .name = jk_config_rows[i].option,
                        .argument = jk_config_rows[i].argument,
                        .help = helps->data + start,
                };
                start += strlen(helps->data + start) + 1;
        }

        return 0;
}

static int
out_of_memory(const struct jk_command *command)
{
        fprintf(stderr, "joulekeeper %s: out of memory\n", command->name);
        return -1 - JK_EXIT_FAILURE;
}

int
jk_settings_parse(const struct jk_command *command, int argc, char *argv[],
                  struct jk_settings *ret_settings)
{
        jk_autosettings struct jk_settings settings = {
                .given = calloc(jk_config_n_rows, sizeof *settings.given),
        };
        jk_autofree struct jk_option *options = calloc(jk_config_n_rows + 1, sizeof *options);
        jk_autotext struct jk_text helps = { 0 };
        struct parsing parsing = { .command = command, .settings = &settings };
        int left;

        if (!settings.given || !options || make_options(options, &helps) < 0 ||
            jk_config_init(&parsing.scratch) < 0)
                return out_of_memory(command);

        left = jk_options_parse(command, options, jk_config_n_rows + 1, argc, argv, set, &parsing);
        jk_config_free(&parsing.scratch);
        if (left < 0)
                return left;

        *ret_settings = settings;
        settings = (struct jk_settings){ 0 };
        return left;
}

void
jk_settings_free(struct jk_settings *settings)
{
        free(settings->given);
        *settings = (struct jk_settings){ 0 };
}

int
jk_settings_read(const struct jk_settings *settings, struct jk_config *ret_config,
                 struct jk_error *err)
{
        jk_autoconfig struct jk_config config = { 0 };
        struct jk_reference_config wall;
        int r;

        if (settings->file)
                r = jk_config_load(settings->file, jk_names_check, &config, err);
        else
                r = jk_config_init(&config);
        if (r == -ENOMEM)
                return jk_fail(err, r, "out of memory");

        for (size_t i = 0; r == 0 && i < jk_config_n_rows; i++)
                if (settings->given[i])
                        r = jk_config_set(&config, jk_config_rows[i].option, settings->given[i],
                                          jk_names_check, err);
        if (r == 0) {
                r = jk_reference_configure(&config, &wall, err);
                if (r < 0 && settings->file)
                        jk_error_prefix(err, "%s: ", settings->file);
        }
        if (r < 0)
                return r;

        *ret_config = config;
        config = (struct jk_config){ 0 };
        return 0;
}

int
jk_settings_wall(const char *file, struct jk_reference_config *ret_wall, struct jk_error *err)
{
        jk_autoconfig struct jk_config config = { 0 };
        int r = jk_config_load(file, jk_names_check, &config, err);

        if (r < 0)
                return r;

        r = jk_reference_configure(&config, ret_wall, err);
        if (r < 0)
                jk_error_prefix(err, "%s: ", file);
        return r;
}
