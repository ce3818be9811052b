/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper model evaluate: how well models predict what was recorded.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/root.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/evaluate.h"
#include "model/model.h"
#include "serve/json.h"

#define FOLDS_MAX 1000

struct request {
        const struct jk_command *command;
        const char *models; /* comma-separated */
        const char *zone;   /* NULL: all */
        bool json;
        struct jk_evaluation evaluation;
};

static const struct jk_option options[] = {
        { 'm', "model", "SPEC[,SPEC]", "evaluate these models (default: auto)" },
        { 'z', "zone", "NAME", "only this zone" },
        { 'f', "folds", "K",
          "learn from K − 1 of K parts and ask about the other, each in turn (default: 5)" },
        { 'b', "block", "N",
          "a part is every K-th block of N ticks (default: a part is one row of ticks)" },
        { 'y', "by", "WHAT", "parts are made of block, file or program (default: block)" },
        { 'e', "ends", "FRACTION",
          "instead: learn from the first FRACTION of the ticks, ask about the last" },
        { 'o', "output", "FORMAT", "table or json (default: table)" },
};

static int
set_by(struct request *request, const char *value)
{
        static const char *const names[] = {
                [JK_FOLD_BLOCK] = "block",
                [JK_FOLD_FILE] = "file",
                [JK_FOLD_PROGRAM] = "program",
        };

        for (size_t i = 0; i < JK_COUNT(names); i++) {
                if (strcmp(value, names[i]) == 0) {
                        request->evaluation.by = (enum jk_fold_by)i;
                        return 0;
                }
        }
        return jk_usage_error(request->command, "--by %s: give block, file or program", value);
}

/* "1/3" or "0.5". */
static int
set_ends(struct request *request, const char *value)
{
        char *end;
        double part = strtod(value, &end);

        if (end != value && *end == '/')
                part /= strtod(end + 1, &end);
        if (*end || !(part > 0 && part <= 0.5))
                return jk_usage_error(request->command,
                                      "--ends %s: give a fraction of up to 1/2, as 1/3", value);

        request->evaluation.ends = part;
        return 0;
}

static int
set_number(struct request *request, const struct jk_option *option, const char *value)
{
        uint64_t n;

        if (jk_parse_u64(value, &n) < 0)
                return jk_usage_error(request->command, "--%s: '%s' is no whole number",
                                      option->name, value);
        if (option->letter == 'b') {
                request->evaluation.block = n;
                return 0;
        }
        if (n < 2 || n > FOLDS_MAX)
                return jk_usage_error(request->command, "--folds %s: give 2 to %d", value,
                                      FOLDS_MAX);
        request->evaluation.n_folds = (size_t)n;
        return 0;
}

static int
set_option(const struct jk_option *option, const char *value, void *data)
{
        struct request *request = data;

        switch (option->letter) {
        case 'm':
                request->models = value;
                return 0;
        case 'z':
                request->zone = value;
                return 0;
        case 'y':
                return set_by(request, value);
        case 'e':
                return set_ends(request, value);
        case 'o':
                request->json = strcmp(value, "json") == 0;
                if (!request->json && strcmp(value, "table") != 0)
                        return jk_usage_error(request->command, "--output %s: give table or json",
                                              value);
                return 0;
        default:
                return set_number(request, option, value);
        }
}

/* ---- printing ---- */

static void
print_number(double value, int width, int digits)
{
        if (isnan(value))
                printf(" %*s", width, "-");
        else
                printf(" %*.*f", width, digits, value);
}

static void
print_row(const char *model, const struct jk_zone_errors *errors)
{
        jk_autotext struct jk_text zone = { 0 }; /* as the recording calls it */

        jk_text_utf8(&zone, errors->zone);
        if (zone.failed)
                jk_text_clear(&zone);
        printf("%-10s %-14s %8llu", model, zone.data ? zone.data : "",
               (unsigned long long)errors->n);
        print_number(errors->mean_w, 9, 2);
        print_number(errors->mae_w, 8, 3);
        print_number(errors->mape_pct, 7, 2);
        print_number(errors->bias_w, 8, 3);
        print_number(errors->p95_w, 8, 3);
        printf("\n");
        if (errors->unanswered > 0)
                printf("  %llu more ticks of %s without an answer: too little was learned\n",
                       (unsigned long long)errors->unanswered, zone.data ? zone.data : "");
}

static void
write_json(struct jk_json *json, const char *model, const struct jk_zone_errors *errors)
{
        jk_json_open_object(json, NULL);
        jk_json_string(json, "model", model);
        jk_json_string(json, "zone", errors->zone);
        jk_json_i64(json, "ticks", (int64_t)errors->n);
        jk_json_i64(json, "unanswered", (int64_t)errors->unanswered);
        jk_json_double(json, "mean_watts", errors->mean_w);
        jk_json_double(json, "mae_watts", errors->mae_w);
        jk_json_double(json, "mape_percent", errors->mape_pct);
        jk_json_double(json, "bias_watts", errors->bias_w);
        jk_json_double(json, "p95_watts", errors->p95_w);
        jk_json_close_object(json);
}

/* ---- evaluating ---- */

static int
evaluate_one(struct request *request, const char *name, struct jk_json *json, size_t *n_shown,
             struct jk_error *err)
{
        jk_autofree struct jk_zone_errors *errors = NULL;
        const char *cut = NULL;
        int n;

        request->evaluation.model = name;
        n = jk_evaluate(&request->evaluation, &errors, &cut, err);
        if (cut)
                fprintf(stderr,
                        "joulekeeper model evaluate: %s: it ends within a tick; those before that "
                        "are "
                        "whole\n",
                        cut);
        for (int i = 0; i < n; i++) {
                if (request->zone && strcmp(request->zone, errors[i].zone) != 0)
                        continue;
                if (request->json)
                        write_json(json, jk_model_label(name), &errors[i]);
                else
                        print_row(jk_model_label(name), &errors[i]);
                ++*n_shown;
        }
        return n < 0 ? n : 0;
}

static int
evaluate_all(struct request *request, struct jk_error *err)
{
        jk_autofree char *names = strdup(request->models ? request->models : "auto");
        jk_autotext struct jk_text text = { 0 };
        struct jk_json json = { .text = &text };
        char *rest = names, *name;
        size_t n_shown = 0;
        int r = 0;

        if (!names)
                return jk_fail(err, ENOMEM, "out of memory");
        if (request->json)
                jk_json_open_array(&json, NULL);
        else
                printf("%-10s %-14s %8s %9s %8s %7s %8s %8s\n", "MODEL", "ZONE", "TICKS", "MEAN W",
                       "MAE W", "MAPE %", "BIAS W", "P95 W");
        while (r == 0 && (name = jk_model_next(&rest)))
                r = evaluate_one(request, name, &json, &n_shown, err);
        if (r < 0)
                return r;
        if (request->json) {
                jk_json_close_array(&json);
                if (text.failed)
                        return jk_fail(err, ENOMEM, "out of memory");
                printf("%s\n", text.data);
        }
        if (n_shown == 0)
                return jk_fail(err, ENODATA, "%s%s was not read in any tick that was asked about",
                               request->zone ? "zone " : "",
                               request->zone ? request->zone : "no zone");
        return 0;
}

static int
evaluate_main(const struct jk_command *command, int argc, char *argv[])
{
        struct request request = { .command = command, .evaluation = { .n_folds = 5 } };
        struct jk_error err = { "" };
        int first = jk_options_parse(command, options, JK_COUNT(options), argc, argv, set_option,
                                     &request);

        if (first < 0)
                return -1 - first;
        if (first == argc)
                return jk_usage_error(command, "give recordings");

        request.evaluation.paths = (const char *const *)&argv[first];
        request.evaluation.n_paths = (size_t)(argc - first);
        if (evaluate_all(&request, &err) < 0) {
                fflush(stdout);
                jk_say("model evaluate", err.message);
                return JK_EXIT_FAILURE;
        }
        return JK_EXIT_OK;
}

const struct jk_command jk_command_model_evaluate = {
        .name = "model evaluate",
        .arguments = "[OPTION…] FILE…",
        .summary = "how well models predict recordings",
        .main = evaluate_main,
        .details = "The model learns from a part of the ticks and is asked about the rest, of "
                   "which it sees the activity and not the energy. MAE is the mean of "
                   "|predicted − measured|, MAPE the same as a part of what was measured.\n"
                   "\n"
                   "exit status:\n"
                   "  0  figures were printed\n"
                   "  1  a recording could not be read, or the model does not predict",
};
