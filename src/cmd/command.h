/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands: one file each in src/cmd/, one row each in the table of main.c, which is dispatch and
 * help text in one.
 */
#pragma once

#include <stddef.h>

/* Exit statuses: 0 success, 1 it did not work (said on stderr), 2 wrong usage. */
enum { JK_EXIT_OK = 0, JK_EXIT_FAILURE = 1, JK_EXIT_USAGE = 2 };

struct jk_command {
        const char *name;
        const char *arguments; /* after the name, in the usage line */
        const char *summary;   /* one line */
        int (*main)(const struct jk_command *command, int argc, char *argv[]); /* argv[0]: name */
        const char *details; /* for --help, below the options: exit status, examples; or NULL */
};

/* A row per option of a command: getopt_long's table and the help text come from the same rows. */
struct jk_option {
        char letter;          /* 'r', or 0 */
        const char *name;     /* "repeat" */
        const char *argument; /* "N", or NULL if it takes none */
        const char *help;
};

/* Parse argv by the rows: calls set(option, value, data) for each option met, in order, until it
 * returns an exit status other than 0 (having said why, jk_usage_error()). Options end at the first
 * other argument or "--". Prints help for -h/--help, and for a wrong option what is wrong, the
 * nearest name, and where help is. Returns the index of the first argument left over, or
 * -1 - status if the command is to exit with that status. */
int jk_options_parse(const struct jk_command *command, const struct jk_option *options, size_t n,
                     int argc, char *argv[],
                     int (*set)(const struct jk_option *option, const char *value, void *data),
                     void *data);

/* Say on stderr what is wrong with a command line, "joulekeeper NAME: …" and where help is:
 * JK_EXIT_USAGE. */
int jk_usage_error(const struct jk_command *command, const char *format, ...)
        __attribute__((format(printf, 2, 3), cold));

/* Say on stderr what went wrong: "joulekeeper WHO: MESSAGE". A message may quote what others wrote,
 * as names in a recording: it neither speaks to the terminal nor forges a line. */
void jk_say(const char *who, const char *message) __attribute__((cold));

extern const struct jk_command jk_command_config;
extern const struct jk_command jk_command_doctor;
extern const struct jk_command jk_command_import;
extern const struct jk_command jk_command_meters;
extern const struct jk_command jk_command_model;
extern const struct jk_command jk_command_ps;
extern const struct jk_command jk_command_record;
extern const struct jk_command jk_command_replay;
extern const struct jk_command jk_command_run;
extern const struct jk_command jk_command_smartwatts;
extern const struct jk_command jk_command_stat;
extern const struct jk_command jk_command_top;
extern const struct jk_command jk_command_version;
