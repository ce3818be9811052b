/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration of the agent: a YAML file and the command line, into one checked struct. A row per
 * option (rows.h: name, type, default, range, help) makes what the file may say, the defaults that
 * --print-defaults shows, the command line's options and the docs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
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
        char *estimate_model; /* "auto": none; else model files */
        bool counters;
        char *events;    /* "auto": cycles, instructions, cache misses */
        char *log_level; /* error, warning, notice, info, debug */

        /* how much is listed in /metrics */
        int64_t metrics_processes; /* the top N by energy; 0: none, -1: all */
        int64_t metrics_cgroups;   /* the top N by energy; 0: none, -1: all */

        int64_t ended_retention_ns;
        int64_t ended_tasks_max;

        char *models_from;      /* http://ADDR:PORT or a directory; "off": none */
        char *models_cache;     /* where what comes from there is kept */
        char *models_directory; /* of model files to offer; "off": only the shipped ones */

        char *models_accept; /* where recordings that others send are kept; "off": none are taken */
        char *models_token;  /* a file with what who sends has to know; "": none */
        int64_t models_accept_mb;         /* of one */
        int64_t models_accept_total_mb;   /* of all */
        int64_t models_accept_recordings; /* so many */

        char *record_directory; /* "off": none */
        int64_t record_file_mb;
        int64_t record_file_age_ns;
        int64_t record_keep_mb;

        /* an outside reference: src/reference/reference.h */
        char *wall_source; /* "off": none */
        char *wall_command;
        char *wall_url;
        char *wall_device;
        char *wall_topic;
        char *wall_query;
        char *wall_path;
        char *wall_unit;
        int64_t wall_interval_ns;
        char *wall_offset; /* a duration, or "auto" */
        char *wall_credentials;
        char *wall_certificate;
};

#define JK_CONFIG_FILE_MAX (1 << 20) /* bytes; a larger file is a mistake */

struct jk_config_row;

/* What only the layers above know: whether there is a meter, a collector, a model of that name. It
 * is asked after the row's own checks; 0, or a negative errno with a message that begins with the
 * value, as "'powrcap': there is no such meter; did you mean powercap?". */
typedef int jk_config_check(const struct jk_config_row *row, const char *value,
                            struct jk_error *err);

int jk_config_init(struct jk_config *ret_config); /* defaults; strings are allocated. -ENOMEM */
void jk_config_free(struct jk_config *config);    /* and zero it */

/* Read a file over the defaults into *ret_config, which is the caller's to free. Unknown keys,
 * wrong types, values out of range are refused with "FILE:LINE: KEY: what is wrong; what would be
 * right"; *ret_config is then untouched. `check` may be NULL. */
int jk_config_load(const char *path, jk_config_check *check, struct jk_config *ret_config,
                   struct jk_error *err);

/* The same from memory; `name` stands for the file in messages. */
int jk_config_parse(const char *name, const char *text, size_t length, jk_config_check *check,
                    struct jk_config *ret_config, struct jk_error *err);

/* Set one option by its name, as the command line does ("interval", "500ms"). The message begins
 * with "interval: "; nothing is changed on failure. */
int jk_config_set(struct jk_config *config, const char *option, const char *value,
                  jk_config_check *check, struct jk_error *err);

/* The defaults as a commented YAML file. -EIO if it could not be written. */
int jk_config_print_defaults(FILE *out);

/* Durations as people write them: "10ms", "1s", "1.5s", "2m", "1h". -EINVAL with the forms. */
int jk_config_parse_duration(const char *string, int64_t *ret_ns, struct jk_error *err);

/* A duration in the largest unit that it is a whole number of: "90s", "2m". Returns buffer. */
#define JK_DURATION_SIZE 32
const char *jk_config_format_duration(int64_t ns, char buffer[static JK_DURATION_SIZE]);

#define jk_autoconfig __attribute__((cleanup(jk_config_free)))
