/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper model import: Kepler's trained weights as a model file.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "cmd/command.h"
#include "model/kepler.h"

struct request {
        const char *component, *category, *name, *output; /* NULL: not given */
};

static const struct jk_option options[] = {
        { 'c', "component", "NAME",
          "package, core, uncore, dram or platform (default: package, or the only one)" },
        { 0, "category", "VALUE",
          "the machine's value of a categorical variable, as \"Sky Lake\"" },
        { 'n', "name", "NAME", "the model's name (default: the file's and the component's)" },
        { 'o', "output", "FILE", "write it there (default: standard output)" },
};

static int
set_option(const struct jk_option *option, const char *value, void *data)
{
        struct request *request = data;
        const struct {
                const char *name, **place;
        } places[] = {
                { "component", &request->component },
                { "category", &request->category },
                { "name", &request->name },
                { "output", &request->output },
        };

        for (size_t i = 0; i < JK_COUNT(places); i++)
                if (strcmp(option->name, places[i].name) == 0)
                        *places[i].place = value;
        return 0;
}

static int
import(const struct request *request, const char *path, struct jk_error *err)
{
        jk_autotext struct jk_text in = { 0 }, out = { 0 };
        struct jk_model_file file;
        int r = jk_model_text_read(path, &in, err);

        if (r == 0)
                r = jk_kepler_parse(path, in.data ? in.data : "", in.length, request->component,
                                    request->category, &file, err);
        if (r < 0)
                return r;
        if (request->name) {
                if (strlen(request->name) >= sizeof file.name)
                        return jk_fail(err, EINVAL, "--name %s: this is too long", request->name);
                snprintf(file.name, sizeof file.name, "%s", request->name);
        }
        if (request->output)
                return jk_model_file_save(&file, request->output, err);
        r = jk_model_file_print(&file, &out, err);
        if (r == 0)
                fputs(out.data, stdout);
        return r;
}

static int
import_main(const struct jk_command *command, int argc, char *argv[])
{
        struct request request = { 0 };
        struct jk_error err = { "" };
        int first = jk_options_parse(command, options, JK_COUNT(options), argc, argv, set_option,
                                     &request);

        if (first < 0)
                return -1 - first;
        if (first + 1 != argc)
                return jk_usage_error(command, "give one file of weights");

        if (import(&request, argv[first], &err) == 0)
                return JK_EXIT_OK;
        fprintf(stderr, "joulekeeper model import: %s\n", err.message);
        return JK_EXIT_FAILURE;
}

const struct jk_command jk_command_model_import = {
        .name = "model import",
        .arguments = "[OPTION…] FILE",
        .summary = "Kepler's trained weights as a model file",
        .main = import_main,
        .details = "Reads the JSON of linear models that Kepler's model server gives "
                   "(All_Weights, as of the trainers LinearRegression and SGDRegressor).\n"
                   "\n"
                   "exit status:\n"
                   "  0  the model was written\n"
                   "  1  the weights are refused; why stands on stderr",
};
