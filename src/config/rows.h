/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of the configuration: everything there is to say about an option, once. The file's keys,
 * the command line's options, their help, --print-defaults, docs/configuration.md and the shell's
 * completion all come from here.
 */
#pragma once

#include "base/text.h"
#include "config/config.h"

enum jk_config_type {
        JK_CONFIG_STRING,
        JK_CONFIG_CHOICE, /* a string out of `choices` */
        JK_CONFIG_DURATION,
        JK_CONFIG_INTEGER,
        JK_CONFIG_BOOLEAN,
};

struct jk_config_row {
        const char *section;  /* key of the mapping it stands in, or NULL: the top */
        const char *key;      /* in the file */
        const char *option;   /* on the command line, without "--" */
        const char *argument; /* in help: "ADDR:PORT" */
        enum jk_config_type type;
        size_t offset;              /* in struct jk_config */
        const char *initial;        /* the default, as it is written */
        int64_t min, max;           /* of integers, and of durations in ns */
        const char *const *choices; /* NULL-terminated */
        int (*check)(const char *value, struct jk_error *err); /* of strings, or NULL */
        bool while_running; /* SIGHUP takes it over; the others need a restart */
        const char *help;   /* begins with a small letter, no full stop at the end */
};

extern const struct jk_config_row jk_config_rows[];
extern const size_t jk_config_n_rows;

/* What a section is for, or NULL if there is no section of that name. */
const char *jk_config_section_help(const char *section);

const struct jk_config_row *jk_config_row(const char *option); /* or NULL */

/* The default as it stands in a file: an empty text in its quotes. */
const char *jk_config_initial(const struct jk_config_row *row);

/* "interval", "metrics.processes": how messages name it. Returns buffer. */
#define JK_CONFIG_NAME_SIZE 64
const char *jk_config_name(const struct jk_config_row *row,
                           char buffer[static JK_CONFIG_NAME_SIZE]);

/* Check the text of a value and put it into the struct. The message is without the option's name;
 * nothing is changed on failure. */
int jk_config_assign(struct jk_config *config, const struct jk_config_row *row, const char *value,
                     jk_config_check *check, struct jk_error *err);

/* Whether the option has the same value in both. */
bool jk_config_same(const struct jk_config_row *row, const struct jk_config *a,
                    const struct jk_config *b);

/* Exchange the option's values of two configurations. */
void jk_config_swap(const struct jk_config_row *row, struct jk_config *a, struct jk_config *b);

/* "10ms to 60s", "true or false", …: what values it takes. Returns buffer. */
#define JK_CONFIG_RANGE_SIZE 128
const char *jk_config_range(const struct jk_config_row *row,
                            char buffer[static JK_CONFIG_RANGE_SIZE]);

/* docs/configuration.md. */
void jk_config_document(struct jk_text *text);
