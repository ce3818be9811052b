/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper model show: what a model file says.
 */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/wrap.h"
#include "model/shipped.h"

#define COLUMN 12 /* where values begin */

static const char *const per_texts[] = {
        [JK_PER_ZONE] = "of one zone",
        [JK_PER_MACHINE] = "of the machine",
        [JK_PER_THREAD] = "per hardware thread",
};

struct request {
        const struct jk_command *command;
        bool json;
};

static const struct jk_option options[] = {
        { 'o', "output", "FORMAT", "table or json, which is the file (default: table)" },
};

static int
set_option(const struct jk_option *option, const char *value, void *data)
{
        struct request *request = data;

        (void)option;
        request->json = strcmp(value, "json") == 0;
        if (!request->json && strcmp(value, "table") != 0)
                return jk_usage_error(request->command, "--output %s: give table or json", value);
        return 0;
}

/* ---- lines ---- */

static void
print_line(const char *label, const char *value)
{
        printf("%-*s", COLUMN, label);
        jk_print_wrapped(stdout, value, COLUMN);
}

/* ", " and the text, where there is any. */
static void
add(struct jk_text *text, const char *more)
{
        if (*more)
                jk_text_printf(text, "%s%s", text->length > 0 ? ", " : "", more);
}

static void
add_number(struct jk_text *text, const char *label, int number)
{
        if (number >= 0)
                jk_text_printf(text, "%s%s %d", text->length > 0 ? ", " : "", label, number);
}

static void
print_cpu(const struct jk_model_cpu *cpu)
{
        const struct {
                const char *label;
                int number;
        } numbers[] = {
                { "family", cpu->family },
                { "model", cpu->model },
                { "stepping", cpu->stepping },
                { "implementer", cpu->implementer },
                { "part", cpu->part },
                { "sockets", cpu->sockets },
                { "cores", cpu->cores },
                { "threads", cpu->threads },
                { "threads per core", cpu->threads_per_core },
        };
        jk_autotext struct jk_text text = { 0 };

        add(&text, cpu->vendor);
        add(&text, cpu->architecture);
        add(&text, cpu->name);
        for (size_t i = 0; i < JK_COUNT(numbers); i++)
                add_number(&text, numbers[i].label, numbers[i].number);
        if (!isnan(cpu->base_mhz))
                jk_text_printf(&text, "%s%.0f MHz", text.length > 0 ? ", " : "", cpu->base_mhz);
        print_line("CPU", text.length > 0 ? text.data : "not told");
}

static void
print_base(const struct jk_model_file *file)
{
        if (!isnan(file->idle_w))
                printf("%-*s%.4g W\n", COLUMN, "idle", file->idle_w);
        for (size_t i = 0; i < file->n_points; i++)
                printf("%-*s%8.4g W at %3.4g %% of utilisation\n", COLUMN, i == 0 ? "curve" : "",
                       file->points[i].watts, 100 * file->points[i].load);
}

static void
print_features(const struct jk_model_file *file)
{
        for (size_t i = 0; i < file->n_features; i++) {
                const struct jk_model_feature *feature = &file->features[i];
                jk_autotext struct jk_text text = { 0 };

                jk_text_string(&text, feature->name);
                if (!isnan(feature->weight))
                        jk_text_printf(&text, ": %.4g W for each %s", feature->weight,
                                       feature->unit);
                if (!isnan(feature->minimum))
                        jk_text_printf(&text, ", from %.4g", feature->minimum);
                if (!isnan(feature->maximum))
                        jk_text_printf(&text, "%s up to %.4g", isnan(feature->minimum) ? "," : "",
                                       feature->maximum);
                print_line(i == 0 ? "features" : "", text.failed ? "" : text.data);
        }
}

static void
print_error(const struct jk_model_error *error)
{
        jk_autotext struct jk_text text = { 0 };

        if (!isnan(error->mae_w))
                jk_text_printf(&text, "%.4g W", error->mae_w);
        if (!isnan(error->mape_pct))
                jk_text_printf(&text, "%s%.4g %%", text.length > 0 ? ", " : "", error->mape_pct);
        if (text.length > 0)
                jk_text_string(&text, " in the mean");
        add(&text, error->method);
        add_number(&text, "n", error->n);
        if (!isnan(error->uncertainty_pct))
                jk_text_printf(&text, "%serror bar ± %.4g %%", text.length > 0 ? "; " : "",
                               error->uncertainty_pct);
        print_line("error", text.length > 0 ? text.data : "not told");
}

static void
print_provenance(const struct jk_model_provenance *made)
{
        jk_autotext struct jk_text text = { 0 };

        add(&text, made->method);
        add(&text, made->program);
        add(&text, made->date);
        print_line("made", text.data ? text.data : "");
        print_line("source", made->source);
        if (*made->licence)
                print_line("licence", made->licence);
}

static void
print_model(const struct jk_model_file *file)
{
        print_line("name", file->name);
        if (*file->summary)
                print_line("summary", file->summary);
        printf("%-*s%s, %s power %s\n", COLUMN, "kind", jk_model_kind_name(file->kind),
               jk_zone_kind_name(file->zone), per_texts[file->per]);
        print_cpu(&file->cpu);
        print_base(file);
        print_features(file);
        print_error(&file->error);
        print_provenance(&file->provenance);
}

static int
show(const char *name, bool json, struct jk_error *err)
{
        jk_autotext struct jk_text text = { 0 };
        struct jk_model_file file;
        int r = jk_model_file_find(name, &file, err);

        if (r < 0)
                return r;
        if (!json) {
                print_model(&file);
                return 0;
        }
        r = jk_model_file_print(&file, &text, err);
        if (r == 0)
                fputs(text.data, stdout);
        return r;
}

static int
show_main(const struct jk_command *command, int argc, char *argv[])
{
        struct request request = { .command = command };
        struct jk_error err = { "" };
        int first = jk_options_parse(command, options, JK_COUNT(options), argc, argv, set_option,
                                     &request);

        if (first < 0)
                return -1 - first;
        if (first + 1 != argc)
                return jk_usage_error(command, "give one model: a shipped one's name, or a file");

        if (show(argv[first], request.json, &err) < 0) {
                jk_say("model show", err.message);
                return JK_EXIT_FAILURE;
        }
        return JK_EXIT_OK;
}

const struct jk_command jk_command_model_show = {
        .name = "model show",
        .arguments = "[OPTION…] NAME|FILE",
        .summary = "what a model file says",
        .main = show_main,
        .details = "exit status:\n"
                   "  0  shown\n"
                   "  1  there is no such model, or the file is refused; why stands on stderr",
};
