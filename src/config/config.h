/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration of the agent: a YAML file and the command line, into one checked struct. A row per
 * option (name, type, default, range, help) makes the schema, the defaults that --print-defaults
 * shows, the command line's options and the docs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

struct jk_config {
        char *listen; /* "ADDR:PORT", "[ADDR]:PORT"; "off": no HTTP */
        int64_t interval_ns;
        char *root;
        char *meters;
        char *activity;
        char *model;
        bool counters;
        char *log_level; /* error, warning, notice, info, debug */

        /* how much is listed in /metrics */
        int64_t metrics_processes; /* the top N by energy; 0: none, -1: all */
        int64_t metrics_cgroups;   /* the top N by energy; -1: all */

        int64_t ended_retention_ns;
        int64_t ended_tasks_max;
};

void jk_config_init(struct jk_config *config); /* defaults; strings are allocated */
void jk_config_free(struct jk_config *config);

/* Read a file over the defaults. Unknown keys, wrong types, values out of range are refused with
 * "FILE:LINE: KEY: what is wrong; the nearest valid name"; *ret_config is then untouched. */
int jk_config_load(const char *path, struct jk_config *ret_config, struct jk_error *err);

/* Set one option by its name, as the command line does ("interval", "500ms"). */
int jk_config_set(struct jk_config *config, const char *name, const char *value,
                  struct jk_error *err);

/* The defaults as a commented YAML file. */
int jk_config_print_defaults(FILE *out);

/* Durations as people write them: "10ms", "1s", "1.5s", "2m", "1h". -EINVAL with the forms. */
int jk_config_parse_duration(const char *string, int64_t *ret_ns, struct jk_error *err);
