/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper model fetch: the model file that fits this machine's CPU best, from an agent that
 * serves model files or from a directory. What was fetched before stays where nothing better is to
 * be had.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/model-server.h"
#include "model/match.h"
#include "model/offered.h"

struct request {
        const struct jk_command *command;
        const char *from, *output, *root;
        enum jk_zone_kind zone;
        struct jk_model_cpu cpu;

        struct jk_model_file file; /* the best one */
        struct jk_model_match match;
        bool found;
};

static const struct jk_option options[] = {
        { 'f', "from", "WHERE", "an agent, http://ADDR:PORT, or a directory of model files" },
        { 'o', "output", "FILE", "write it to FILE" },
        { 'z', "zone", "KIND", "a model of this kind of zone (default: package)" },
        { 0, "root", "DIR", "for the machine whose sysfs and procfs are below DIR (default: /)" },
};

static int
set_zone(struct request *request, const char *value)
{
        request->zone = jk_zone_kind_find(value);
        if (request->zone != JK_ZONE_KIND_INVALID)
                return 0;

        return jk_usage_error(request->command,
                              "--zone %s: give a kind of zone, as package, dram or wall", value);
}

static int
set_option(const struct jk_option *option, const char *value, void *data)
{
        struct request *request = data;

        if (option->letter == 'z')
                return set_zone(request, value);
        if (option->letter == 'f')
                request->from = value;
        else if (option->letter == 'o')
                request->output = value;
        else
                request->root = value;
        return 0;
}

/* ---- from an agent ---- */

static int
ask(struct request *request, struct jk_client *client, struct jk_error *err)
{
        jk_autotext struct jk_text list = { 0 }, path = { 0 }, text = { 0 };
        struct jk_offered offered;
        int r = jk_server_list(client, &list, err);

        if (r == 0)
                r = jk_offered_best(list.data ? list.data : "", list.length, &request->cpu,
                                    request->zone, &offered, err);
        if (r < 0)
                return r;

        jk_text_printf(&path, JK_SERVER_MODELS "/%s", offered.name);
        if (path.failed)
                return jk_fail(err, ENOMEM, "out of memory");
        jk_client_limit(client, JK_MODEL_BYTES_MAX);
        r = jk_client_get(client, path.data, &text, err);
        if (r == 0)
                r = jk_offered_check(&offered, text.data ? text.data : "", text.length,
                                     &request->file, err);
        if (r < 0)
                return r;

        request->match = jk_model_match(&request->cpu, &request->file);
        request->found = true;
        return 0;
}

static int
take_from_agent(struct request *request, struct jk_error *err)
{
        struct jk_client *client;
        int r = jk_server_open(request->from, &client, err);

        if (r < 0)
                return r;

        r = ask(request, client, err);
        jk_client_close(client);
        return r;
}

/* ---- from a directory ---- */

static int
is_model_file(const struct dirent *entry)
{
        size_t length = strlen(entry->d_name);

        return entry->d_name[0] != '.' && length > 5 &&
               strcmp(entry->d_name + length - 5, ".json") == 0;
}

static void
consider(struct request *request, const char *path)
{
        jk_autofree struct jk_model_file *file = malloc(sizeof *file);
        struct jk_error why = { "out of memory" };
        struct jk_model_match match;

        if (!file || jk_model_file_read(path, file, &why) < 0) {
                fprintf(stderr, "joulekeeper model fetch: %s; it is passed over\n", why.message);
                return;
        }
        if (file->zone != request->zone)
                return;

        match = jk_model_match(&request->cpu, file);
        if (request->found && jk_model_match_compare(&match, &request->match) >= 0)
                return;
        request->file = *file;
        request->match = match;
        request->found = true;
}

static int
take_from_directory(struct request *request, const char *path, struct jk_error *err)
{
        struct dirent **entries;
        int n = scandir(path, &entries, is_model_file, alphasort);

        if (n < 0)
                return jk_fail(err, errno, "%s: %m", path);

        for (int i = 0; i < n; i++) {
                jk_autotext struct jk_text name = { 0 };

                jk_text_printf(&name, "%s/%s", path, entries[i]->d_name);
                if (!name.failed)
                        consider(request, name.data);
                free(entries[i]);
        }
        free(entries);
        return request->found ? 0
                              : jk_fail(err, ENOENT,
                                        "%s: there is no model of a zone of the kind %s in it",
                                        path, jk_zone_kind_name(request->zone));
}

/* ---- both ---- */

static int
fetch(struct request *request, struct jk_error *err)
{
        jk_autoroot struct jk_root root = JK_ROOT_CLOSED;
        int r = jk_root_open(request->root ? request->root : "/", &root, err);

        if (r == 0)
                r = jk_model_cpu_here(&root, &request->cpu, err);
        if (r < 0)
                return r;

        if (jk_is_server(request->from))
                r = take_from_agent(request, err);
        else
                r = take_from_directory(request, request->from, err);
        if (r < 0)
                return r;

        return jk_model_file_save(&request->file, request->output, err);
}

/* It did not work: what was fetched before is as good as it was. */
static int
go_without(const struct request *request, const struct jk_error *err)
{
        jk_autofree struct jk_model_file *file = malloc(sizeof *file);

        fprintf(stderr, "joulekeeper model fetch: %s\n", err->message);
        if (!file || jk_model_file_read(request->output, file, NULL) < 0)
                return JK_EXIT_FAILURE;

        fprintf(stderr, "joulekeeper model fetch: %s stays as it was, with the model %s\n",
                request->output, file->name);
        return JK_EXIT_OK;
}

static int
fetch_main(const struct jk_command *command, int argc, char *argv[])
{
        jk_autofree struct request *request = calloc(1, sizeof *request);
        struct jk_error err = { "" };
        int first;

        if (!request)
                return JK_EXIT_FAILURE;
        request->command = command;
        request->zone = JK_ZONE_PACKAGE;
        first = jk_options_parse(command, options, JK_COUNT(options), argc, argv, set_option,
                                 request);
        if (first < 0)
                return -1 - first;
        if (first < argc)
                return jk_usage_error(command, "it takes no argument '%s'", argv[first]);
        if (!request->from || !request->output)
                return jk_usage_error(command, "say from where and where to: --from and --output");

        if (fetch(request, &err) < 0)
                return go_without(request, &err);
        printf("%s: %s, %s, error %.0f %%\n", request->output, request->file.name,
               jk_model_nearness_name(request->match.nearness), request->match.error_pct);
        return JK_EXIT_OK;
}

const struct jk_command jk_command_model_fetch = {
        .name = "model fetch",
        .arguments = "--from WHERE --output FILE [OPTION…]",
        .summary = "the model file that fits this machine best, from a server or a directory",
        .main = fetch_main,
        .details = "What a server sends is checked against the SHA-256 in its list.\n"
                   "\n"
                   "exit status:\n"
                   "  0  the file is there; where that is an older one, stderr says why\n"
                   "  1  there is none, and stderr says why",
};
