/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper model match: which model files fit this machine's CPU, or another's.
 */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/model-server.h"
#include "model/match.h"
#include "model/offered.h"
#include "model/shipped.h"
#include "serve/json.h"

#define SHOWN 8 /* without --all */

struct candidate {
        struct jk_model_match match;
        char name[48];
        char place[256]; /* the file, its path on the server, or "shipped" */
};

struct request {
        const struct jk_command *command;
        const char *cpuinfo; /* NULL: this machine's */
        const char *root;
        const char *server; /* NULL: none is asked */
        enum jk_zone_kind zone;
        bool all, json;

        struct jk_model_cpu cpu;
        struct candidate *candidates;
        size_t n, capacity;
};

static const struct jk_option options[] = {
        { 'c', "cpuinfo", "FILE", "of the machine that this copy of its /proc/cpuinfo tells of" },
        { 0, "root", "DIR", "of the machine whose sysfs and procfs are below DIR (default: /)" },
        { 's', "server", "URL",
          "of those that an agent offers, http://ADDR:PORT, in place of the shipped ones" },
        { 'z', "zone", "KIND", "models of this kind of zone (default: package)" },
        { 'a', "all", NULL, "all of them, not only the best" },
        { 'o', "output", "FORMAT", "table or json (default: table)" },
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

        if (strcmp(option->name, "root") == 0)
                request->root = value;
        else if (option->letter == 's')
                request->server = value;
        else if (option->letter == 'c')
                request->cpuinfo = value;
        else if (option->letter == 'z')
                return set_zone(request, value);
        else if (option->letter == 'a')
                request->all = true;
        else {
                request->json = strcmp(value, "json") == 0;
                if (!request->json && strcmp(value, "table") != 0)
                        return jk_usage_error(request->command, "--output %s: give table or json",
                                              value);
        }
        return 0;
}

/* ---- the machine ---- */

static int
read_cpuinfo(struct request *request, struct jk_error *err)
{
        struct jk_cpu_identity identity;
        jk_autofclose FILE *file = fopen(request->cpuinfo, "re");
        int r;

        if (!file)
                return jk_fail(err, errno, "%s: %m", request->cpuinfo);
        r = jk_cpu_identify_file(file, request->cpuinfo, &identity, err);
        if (r < 0)
                return r;
        if (identity.n_cpus == 0)
                return jk_fail(err, ENODATA,
                               "%s: it lists no processor; give a copy of a machine's "
                               "/proc/cpuinfo",
                               request->cpuinfo);
        jk_model_cpu_of(&identity, &request->cpu);
        return 0;
}

static int
read_machine(struct request *request, struct jk_error *err)
{
        jk_autoroot struct jk_root root = JK_ROOT_CLOSED;
        int r;

        if (request->cpuinfo)
                return read_cpuinfo(request, err);
        r = jk_root_open(request->root ? request->root : "/", &root, err);
        return r < 0 ? r : jk_model_cpu_here(&root, &request->cpu, err);
}

/* ---- candidates ---- */

static struct candidate *
add(struct request *request)
{
        if (jk_array_grow(&request->candidates, &request->capacity, request->n + 1) < 0)
                return NULL;

        return &request->candidates[request->n++];
}

static int
take(struct request *request, const struct jk_model_file *file, const char *place,
     struct jk_error *err)
{
        struct candidate *candidate;

        if (file->zone != request->zone)
                return 0;
        candidate = add(request);
        if (!candidate)
                return jk_fail(err, ENOMEM, "out of memory");

        candidate->match = jk_model_match(&request->cpu, file);
        snprintf(candidate->name, sizeof candidate->name, "%s", file->name);
        snprintf(candidate->place, sizeof candidate->place, "%s", place);
        return 0;
}

static int
take_offered(void *data, const struct jk_offered *offered)
{
        struct request *request = data;
        struct candidate *candidate = add(request);

        if (!candidate)
                return -ENOMEM;
        candidate->match = offered->match;
        snprintf(candidate->name, sizeof candidate->name, "%s", offered->name);
        snprintf(candidate->place, sizeof candidate->place, JK_SERVER_MODELS "/%s", offered->name);
        return 0;
}

static int
take_from_server(struct request *request, struct jk_error *err)
{
        jk_autotext struct jk_text list = { 0 };
        struct jk_client *client;
        int r = jk_server_open(request->server, &client, err);

        if (r < 0)
                return r;

        r = jk_server_list(client, &list, err);
        jk_client_close(client);
        if (r == 0)
                r = jk_offered_each(list.data ? list.data : "", list.length, &request->cpu,
                                    request->zone, take_offered, request, err);
        return r == -ENOMEM ? jk_fail(err, ENOMEM, "out of memory") : r;
}

static int
take_shipped(struct request *request, struct jk_error *err)
{
        struct jk_model_file file;
        int r = 0;

        for (size_t i = 0; r == 0 && i < jk_n_shipped_models; i++) {
                r = jk_shipped_model_read(&jk_shipped_models[i], &file, err);
                if (r == 0)
                        r = take(request, &file, "shipped", err);
        }
        return r;
}

static bool
is_model_file(const char *path)
{
        const char *ending = strrchr(path, '.');
        struct stat status;

        return ending && strcmp(ending, ".json") == 0 && stat(path, &status) == 0 &&
               S_ISREG(status.st_mode);
}

/* A file in a directory that is no model is said and passed over: it says nothing of the others. */
static int
take_directory(struct request *request, const char *path, struct jk_error *err)
{
        jk_autoclosedir DIR *directory = opendir(path);
        struct jk_model_file file;
        struct dirent *entry;
        int r = 0;

        if (!directory)
                return jk_fail(err, errno, "%s: %m", path);
        while (r == 0 && (entry = readdir(directory))) {
                jk_autotext struct jk_text name = { 0 };
                struct jk_error fault = { "" };

                jk_text_printf(&name, "%s/%s", path, entry->d_name);
                if (name.failed || !is_model_file(name.data))
                        continue;
                if (jk_model_file_read(name.data, &file, &fault) < 0)
                        jk_say("model match", fault.message);
                else
                        r = take(request, &file, name.data, err);
        }
        return r;
}

static int
compare(const void *a, const void *b)
{
        const struct candidate *one = a, *other = b;
        int order = jk_model_match_compare(&one->match, &other->match);

        if (order == 0)
                order = strcmp(one->name, other->name);
        return order != 0 ? order : strcmp(one->place, other->place);
}

/* ---- printing ---- */

static void
print_table(const struct request *request, size_t n)
{
        const struct jk_model_cpu *cpu = &request->cpu;

        printf("for %s%s%s (%s", cpu->vendor, *cpu->vendor ? " " : "",
               *cpu->name ? cpu->name : "unnamed CPU", cpu->architecture);
        if (cpu->threads > 0)
                printf(", %d thread%s", cpu->threads, cpu->threads == 1 ? "" : "s");
        if (!isnan(cpu->base_mhz))
                printf(", %.0f MHz", cpu->base_mhz);
        printf(")\n\n%-20s %-26s %7s %8s %8s  %s\n", "MODEL", "NEAR", "SCALE", "OWN %", "ERROR %",
               "FILE");
        for (size_t i = 0; i < n; i++) {
                const struct candidate *candidate = &request->candidates[i];

                printf("%-20s %-26s %7.3g %8.0f %8.0f  %s\n", candidate->name,
                       jk_model_nearness_name(candidate->match.nearness), candidate->match.scale,
                       candidate->match.own_pct, candidate->match.error_pct, candidate->place);
        }
        if (n < request->n)
                printf("and %zu more (--all)\n", request->n - n);
}

static int
print_json(const struct request *request, struct jk_error *err)
{
        jk_autotext struct jk_text text = { 0 };
        struct jk_json json = { .text = &text };

        jk_json_open_array(&json, NULL);
        for (size_t i = 0; i < request->n; i++) {
                const struct candidate *candidate = &request->candidates[i];

                jk_json_open_object(&json, NULL);
                jk_json_string(&json, "model", candidate->name);
                jk_json_string(&json, "file", candidate->place);
                jk_json_string(&json, "near", jk_model_nearness_name(candidate->match.nearness));
                jk_json_double(&json, "scale", candidate->match.scale);
                jk_json_double(&json, "own_uncertainty_percent", candidate->match.own_pct);
                jk_json_double(&json, "uncertainty_percent", candidate->match.error_pct);
                jk_json_close_object(&json);
        }
        jk_json_close_array(&json);
        if (text.failed)
                return jk_fail(err, ENOMEM, "out of memory");
        printf("%s\n", text.data);
        return 0;
}

static int
match(struct request *request, char *directories[], struct jk_error *err)
{
        int r = read_machine(request, err);

        if (r == 0)
                r = request->server ? take_from_server(request, err) : take_shipped(request, err);
        for (; r == 0 && *directories; directories++)
                r = take_directory(request, *directories, err);
        if (r < 0)
                return r;
        if (request->n == 0)
                return jk_fail(err, ENOENT, "there is no model of zones of the kind %s",
                               jk_zone_kind_name(request->zone));

        qsort(request->candidates, request->n, sizeof *request->candidates, compare);
        if (request->json)
                return print_json(request, err);
        print_table(request, request->all || request->n < SHOWN ? request->n : SHOWN);
        return 0;
}

static int
match_main(const struct jk_command *command, int argc, char *argv[])
{
        struct request request = { .command = command, .zone = JK_ZONE_PACKAGE };
        struct jk_error err = { "" };
        int first = jk_options_parse(command, options, JK_COUNT(options), argc, argv, set_option,
                                     &request);
        int r;

        if (first < 0)
                return -1 - first;

        r = match(&request, argv + first, &err);
        free(request.candidates);
        if (r == 0)
                return JK_EXIT_OK;
        jk_say("model match", err.message);
        return JK_EXIT_FAILURE;
}

const struct jk_command jk_command_model_match = {
        .name = "model match",
        .arguments = "[OPTION…] [DIRECTORY…]",
        .summary = "which model files fit this machine's CPU, the best first",
        .main = match_main,
        .details = "Of those that are shipped, or that a server offers, and those in the "
                   "directories (*.json). The nearest "
                   "CPU counts first; the error bar of a model (OWN) gets wider by what it costs "
                   "that the CPU is another, and that power is scaled to its threads.\n"
                   "\n"
                   "exit status:\n"
                   "  0  there is a model\n"
                   "  1  there is none, or the CPU is not told",
};
