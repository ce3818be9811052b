/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper model train: a model file from recordings.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/root.h"
#include "cmd/command.h"
#include "cmd/train.h"

#define FOLDS_MAX 64

struct request {
        const struct jk_command *command;
        struct jk_training training;
        const char **paths;
        const char *output;
};

static const struct jk_option options[] = {
        { 'r', "recordings", "FILE…", "learn from these; as arguments, too" },
        { 'z', "zone", "NAME", "the zone to learn, or a kind, as package: all of it together" },
        { 'F', "features", "LIST",
          "use only these, separated by commas: utilisation, cpu, cpu-ghz, cpu-ghz3, recent, "
          "cycles, "
          "instructions, llc-misses, events (default: those that help)" },
        { 'f', "folds", "K",
          "measure the error on each of K parts, learned from the others (default: 5)" },
        { 'b', "block", "N", "a part is every K-th block of N ticks (default: by their number)" },
        { 'y', "by", "WHAT",
          "measure it on machine, each in turn where recordings are of several, or on block "
          "(default: machine)" },
        { 'o', "output", "FILE", "write the model to FILE" },
};

static void
add_path(struct request *request, const char *path)
{
        request->paths[request->training.n_paths++] = path;
}

static int
set_number(struct request *request, const struct jk_option *option, const char *value)
{
        uint64_t n;
        bool is_block = option->letter == 'b';

        if (jk_parse_u64(value, &n) < 0 || n < (is_block ? 1 : 2) ||
            n > (is_block ? 1000000 : FOLDS_MAX))
                return jk_usage_error(request->command,
                                      "--%s %s: give a whole number from %d to %d", option->name,
                                      value, is_block ? 1 : 2, is_block ? 1000000 : FOLDS_MAX);
        if (is_block)
                request->training.fit.block = (size_t)n;
        else
                request->training.fit.n_folds = (size_t)n;
        return 0;
}

static int
set_parts(struct request *request, const char *value)
{
        request->training.fit.by_machine = strcmp(value, "machine") == 0;
        if (request->training.fit.by_machine || strcmp(value, "block") == 0)
                return 0;

        return jk_usage_error(request->command, "--by %s: give machine or block", value);
}

static int
set_option(const struct jk_option *option, const char *value, void *data)
{
        struct request *request = data;

        switch (option->letter) {
        case 'r':
                add_path(request, value);
                return 0;
        case 'z':
                request->training.zone = value;
                return 0;
        case 'F':
                request->training.fit.features = value;
                return 0;
        case 'y':
                return set_parts(request, value);
        case 'o':
                request->output = value;
                return 0;
        default:
                return set_number(request, option, value);
        }
}

/* Options and recordings in any order, as in --recordings a.jkr b.jkr --zone package: 0, or
 * -1 - status as jk_options_parse() returns it. */
static int
parse(struct request *request, int argc, char *argv[])
{
        while (argc > 0) {
                int first = jk_options_parse(request->command, options, JK_COUNT(options), argc,
                                             argv, set_option, request);

                if (first < 0)
                        return first;
                argc -= first;
                argv += first;
                while (argc > 0 && (argv[0][0] != '-' || !argv[0][1])) {
                        add_path(request, argv[0]);
                        argc--;
                        argv++;
                }
                if (argc > 0) { /* getopt leaves the first one alone */
                        argc++;
                        argv--;
                }
        }
        return 0;
}

static int
check(const struct request *request)
{
        if (request->training.n_paths == 0)
                return jk_usage_error(request->command, "give recordings");
        if (!request->training.zone)
                return jk_usage_error(request->command, "give a --zone, as package");
        if (!*request->output)
                return jk_usage_error(request->command, "give a file to write by --output");
        return JK_EXIT_OK;
}

/* A model is called as its file, in the letters that a name may have. */
static void
name_by_file(const char *path, char *name, size_t size)
{
        const char *slash = strrchr(path, '/');
        size_t length;

        snprintf(name, size, "%s", slash ? slash + 1 : path);
        length = strlen(name);
        if (length > 5 && strcmp(name + length - 5, ".json") == 0)
                name[length - 5] = '\0';
        for (char *c = name; *c; c++)
                if (!isalnum((unsigned char)*c) && *c != '_' && (*c != '.' || c == name))
                        *c = '-';
}

static void
print(const struct jk_model_file *file, const struct jk_fit_errors *errors, const char *output)
{
        printf("%s: %d ticks, on average %.2f W\n", file->summary, file->error.n, errors->mean_w);
        printf("  idle %.2f W, %.2f W by utilisation alone at 100 %%\n", file->points[0].watts,
               file->points[file->n_points - 1].watts);
        for (size_t i = 0; i < file->n_features; i++)
                if (!isnan(file->features[i].weight))
                        printf("  %-14s %.6g W per %s, seen up to %.6g\n", file->features[i].name,
                               file->features[i].weight, file->features[i].unit,
                               file->features[i].maximum);
        printf("held out (%s): mean error %.3f W, %.2f %%, bias %+.3f W, 95 %% below %.3f W\n",
               file->error.method, errors->mae_w, errors->mape_pct, errors->bias_w, errors->p95_w);
        printf("written to %s\n", output);
}

static int
train(struct request *request, struct jk_error *err)
{
        jk_autofree struct jk_model_file *file = malloc(sizeof *file);
        struct jk_fit_errors errors;
        const char *cut = NULL;
        int r;

        if (!file)
                return jk_fail(err, ENOMEM, "out of memory");
        r = jk_train(&request->training, file, &errors, &cut, err);
        if (cut)
                fprintf(stderr,
                        "joulekeeper model train: %s: it ends within a tick; those before that are "
                        "whole\n",
                        cut);
        if (r < 0)
                return r;

        name_by_file(request->output, file->name, sizeof file->name);
        r = jk_model_file_save(file, request->output, err);
        if (r == 0)
                print(file, &errors, request->output);
        return r;
}

static int
train_main(const struct jk_command *command, int argc, char *argv[])
{
        jk_autofree const char **paths = calloc((size_t)argc + 1, sizeof *paths);
        struct request request = {
                .command = command,
                .paths = paths,
                .output = "",
                .training = { .fit = { .n_folds = 5, .by_machine = true } },
        };
        struct jk_error err = { "" };
        int r;

        if (!paths) {
                fprintf(stderr, "joulekeeper model train: out of memory\n");
                return JK_EXIT_FAILURE;
        }
        r = parse(&request, argc, argv);
        if (r < 0)
                return -1 - r;
        r = check(&request);
        if (r != JK_EXIT_OK)
                return r;

        request.training.paths = paths;
        if (train(&request, &err) < 0) {
                jk_say("model train", err.message);
                return JK_EXIT_FAILURE;
        }
        return JK_EXIT_OK;
}

const struct jk_command jk_command_model_train = {
        .name = "model train",
        .arguments = "--zone ZONE --output FILE [OPTION…] RECORDING…",
        .summary = "learns from recordings what a zone draws, for machines without its meter",
        .main = train_main,
        .details = "The model's error is measured on parts that were kept from it, each in turn: "
                   "machines, by the names in the recordings, or of one machine contiguous blocks. "
                   "Use the file by estimate-model: in the configuration, or "
                   "as model curve:FILE.\n"
                   "\n"
                   "exit status:\n"
                   "  0  the file was written\n"
                   "  1  a recording could not be read, or there is nothing to learn from",
};
