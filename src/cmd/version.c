/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper version: what this program is, what is built into it, and which libraries it runs on.
 */
#include <jansson.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>
#include <zlib.h>

#include "activity/activity.h"
#include "base/array.h"
#ifdef JK_HAVE_MOSQUITTO
#include "base/mosquitto.h"
#endif
#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/names.h"
#include "serve/json.h"

/* NULL where nothing else of the program uses libbpf, as it was built without. */
extern const char *libbpf_version_string(void) __attribute__((weak));

static const char *
libbpf_version(void)
{
        return libbpf_version_string ? libbpf_version_string() : NULL;
}

/* Found at run time, as a distribution replaces them under us. */
static const struct {
        const char *name;
        const char *(*version)(void); /* returns NULL if it is not there */
} libraries[] = {
        { "libmicrohttpd", MHD_get_version },
        { "jansson", jansson_version_str },
        { "libyaml", yaml_get_version_string },
        { "zlib", zlibVersion },
        { "libbpf", libbpf_version },
        { "libcurl", jk_client_library_version },
#ifdef JK_HAVE_MOSQUITTO
        { "libmosquitto", jk_mosquitto_version },
#endif
};

static const struct {
        const char *title, *option; /* whose names these are: see names.h */
} features[] = {
        { "meters", "meter" },
        { "activity", "activity" },
        { "models", "model" },
};

static const struct jk_option options[] = {
        { 'j', "json", NULL, "JSON instead of text" },
};

static bool
bpf_built_in(void)
{
        return jk_collector_bpf.collect != NULL; /* else bpf-none.c stands in */
}

static const char *
asks_agents(void)
{
        if (!jk_client_built_in())
                return "no: built without libcurl's header; top and ps only measure by themselves";
        if (!jk_client_library_version())
                return "no: libcurl is not installed; top and ps only measure by themselves";
        return "yes";
}

static bool
stands_for_others(const char *name)
{
        return strcmp(name, "auto") == 0 || strcmp(name, "none") == 0;
}

static void
print_text(void)
{
        const char *name;

        printf("joulekeeper %s\n\n", JK_VERSION);
        for (size_t i = 0; i < JK_COUNT(features); i++) {
                const struct jk_config_row *row = jk_config_row(features[i].option);

                printf("  %-14s", features[i].title);
                for (size_t k = 0; (name = jk_names_at(row, k)); k++)
                        if (!stands_for_others(name))
                                printf(" %s", name);
                printf("\n");
        }

        printf("  %-14s %s\n", "eBPF",
               bpf_built_in() ? "yes" : "no: built without libbpf 1.0 or later, clang or bpftool");
        printf("  %-14s %s\n\n", "asks agents", asks_agents());
        for (size_t i = 0; i < JK_COUNT(libraries); i++)
                if (libraries[i].version())
                        printf("  %-14s %s\n", libraries[i].name, libraries[i].version());
}

static void
print_json(void)
{
        jk_autotext struct jk_text text = { 0 };
        struct jk_json json = { .text = &text };
        const char *name;

        jk_json_open_object(&json, NULL);
        jk_json_string(&json, "version", JK_VERSION);
        jk_json_bool(&json, "bpf", bpf_built_in());
        jk_json_bool(&json, "curl", jk_client_built_in());
        for (size_t i = 0; i < JK_COUNT(features); i++) {
                const struct jk_config_row *row = jk_config_row(features[i].option);

                jk_json_open_array(&json, features[i].title);
                for (size_t k = 0; (name = jk_names_at(row, k)); k++)
                        if (!stands_for_others(name))
                                jk_json_string(&json, NULL, name);
                jk_json_close_array(&json);
        }

        jk_json_open_object(&json, "libraries");
        for (size_t i = 0; i < JK_COUNT(libraries); i++)
                if (libraries[i].version())
                        jk_json_string(&json, libraries[i].name, libraries[i].version());
        jk_json_close_object(&json);
        jk_json_close_object(&json);

        printf("%s\n", text.failed ? "{}" : text.data);
}

static int
set(const struct jk_option *option, const char *value, void *data)
{
        (void)option;
        (void)value;
        *(bool *)data = true;
        return 0;
}

static int
version_main(const struct jk_command *command, int argc, char *argv[])
{
        bool json = false;
        int left = jk_options_parse(command, options, JK_COUNT(options), argc, argv, set, &json);

        if (left < 0)
                return -1 - left;
        if (left < argc)
                return jk_usage_error(command, "what is '%s'? version takes options only",
                                      argv[left]);

        if (json)
                print_json();
        else
                print_text();
        return JK_EXIT_OK;
}

const struct jk_command jk_command_version = {
        .name = "version",
        .arguments = "[--json]",
        .summary = "this program's version and the features built in",
        .main = version_main,
};
