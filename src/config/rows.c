/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of the configuration: see rows.h.
 */
#include "config/rows.h"

#include <string.h>

#include "base/address.h"
#include "base/array.h"
#include "base/clock.h"

static int
check_listen(const char *value, struct jk_error *err)
{
        union jk_address unused;

        return strcmp(value, "off") == 0 ? 0 : jk_address_parse(value, &unused, err);
}

static int
check_not_empty(const char *value, struct jk_error *err)
{
        return *value ? 0 : jk_fail(err, EINVAL, "is empty");
}

static int
check_url(const char *value, struct jk_error *err)
{
        static const char *const schemes[] = { "http://", "https://", "mqtt://", "mqtts://" };
        bool known = *value == '\0'; /* not given */

        for (size_t i = 0; i < JK_COUNT(schemes); i++)
                known |= strncmp(value, schemes[i], strlen(schemes[i])) == 0;
        if (!known)
                return jk_fail(err, EINVAL,
                               "'%s' begins with none of http://, https://, mqtt:// and mqtts://",
                               value);
        for (const char *c = value; *c; c++)
                if ((unsigned char)*c <= ' ' || *c == 0x7f)
                        return jk_fail(err, EINVAL, "has a blank or control character in it");
        if (strchr(value, '@') &&
            strchr(value, '@') < strstr(value, "://") + 3 + strcspn(strstr(value, "://") + 3, "/?"))
                return jk_fail(err, EINVAL,
                               "holds a user's name; put USER:PASSWORD into the file that "
                               "credentials names");

        return 0;
}

static int
check_offset(const char *value, struct jk_error *err)
{
        int64_t ns;
        int r;

        if (strcmp(value, "auto") == 0)
                return 0;

        r = jk_config_parse_duration(value, &ns, err);
        if (r == 0 && ns > 60 * JK_NS_PER_S)
                return jk_fail(err, ERANGE, "%s is out of range; give 0s to 60s, or auto", value);
        return r;
}

static int
check_file_name(const char *value, struct jk_error *err)
{
        return *value == '\0' || *value == '/'
                       ? 0
                       : jk_fail(err, EINVAL, "'%s' is no full path, which begins with /", value);
}

static const char *const wall_sources[] = { "off",      "program", "http", "prometheus", "redfish",
                                            "kwollect", "ipmi",    "mqtt", NULL };
static const char *const wall_units[] = { "W", "mW", "kW", "J", "Wh", "kWh", NULL };

static const char *const log_levels[] = { "error", "warning", "notice", "info", "debug", NULL };

#define FIELD(name) .offset = offsetof(struct jk_config, name)

const struct jk_config_row jk_config_rows[] = {
        {
                .key = "listen",
                .option = "listen",
                .argument = "ADDR:PORT",
                .type = JK_CONFIG_STRING,
                FIELD(listen),
                .initial = "127.0.0.1:9782",
                .check = check_listen,
                .help = "where metrics, the API and the index page are served by HTTP; \"off\" "
                        "serves nothing",
        },
        {
                .key = "interval",
                .option = "interval",
                .argument = "TIME",
                .type = JK_CONFIG_DURATION,
                FIELD(interval_ns),
                .initial = "1s",
                .min = 10 * JK_NS_PER_MS,
                .max = 60 * JK_NS_PER_S,
                .while_running = true,
                .help = "how often energy and activity are read",
        },
        {
                .key = "root",
                .option = "root",
                .argument = "DIR",
                .type = JK_CONFIG_STRING,
                FIELD(root),
                .initial = "/",
                .check = check_not_empty,
                .help = "the directory that sys/ and proc/ are read below",
        },
        {
                .key = "meter",
                .option = "meter",
                .argument = "LIST",
                .type = JK_CONFIG_STRING,
                FIELD(meters),
                .initial = "auto",
                .check = check_not_empty,
                .help = "the meters to use, separated by commas; \"auto\" uses all that work, and "
                        "an estimate where none does; \"none\" uses none; joulekeeper meters "
                        "lists them",
        },
        {
                .key = "activity",
                .option = "activity",
                .argument = "SOURCE",
                .type = JK_CONFIG_STRING,
                FIELD(activity),
                .initial = "auto",
                .check = check_not_empty,
                .help = "how the activity of tasks is seen: \"bpf\" (eBPF, exact), \"proc\" "
                        "(procfs and cgroups, coarser) or \"auto\", the best that works",
        },
        {
                .key = "model",
                .option = "model",
                .argument = "SPEC",
                .type = JK_CONFIG_STRING,
                FIELD(model),
                .initial = "auto",
                .check = check_not_empty,
                .help = "the model that divides energy among tasks; \"auto\" is the best for this "
                        "machine; \"auto,dram=share\" has another one for a zone or for a kind of "
                        "zones",
        },
        {
                .key = "estimate-model",
                .option = "estimate-model",
                .argument = "FILE[,FILE]",
                .type = JK_CONFIG_STRING,
                FIELD(estimate_model),
                .initial = "auto",
                .check = check_not_empty,
                .help = "model files that zones without a meter are estimated by, separated by "
                        "commas, as joulekeeper model train writes them; \"auto\" goes by the "
                        "table of CPUs",
        },
        {
                .key = "counters",
                .option = "counters",
                .argument = "BOOL",
                .type = JK_CONFIG_BOOLEAN,
                FIELD(counters),
                .initial = "true",
                .help = "use hardware counters (cycles, instructions, cache misses) where there "
                        "are any",
        },
        {
                .key = "events",
                .option = "events",
                .argument = "LIST",
                .type = JK_CONFIG_STRING,
                FIELD(events),
                .initial = "auto",
                .check = check_not_empty,
                .help = "what to count of each task in their place: up to 8 events by their names, "
                        "separated by commas, or the full path of a file that joulekeeper model "
                        "select wrote; docs/events.md tells which names there are",
        },
        {
                .key = "log-level",
                .option = "log-level",
                .argument = "LEVEL",
                .type = JK_CONFIG_CHOICE,
                FIELD(log_level),
                .initial = "info",
                .choices = log_levels,
                .while_running = true,
                .help = "the least important messages that are logged",
        },
        {
                .section = "metrics",
                .key = "processes",
                .option = "metrics-processes",
                .argument = "N",
                .type = JK_CONFIG_INTEGER,
                FIELD(metrics_processes),
                .initial = "20",
                .min = -1,
                .max = 1000000,
                .while_running = true,
                .help = "list the N processes that used most energy; 0 lists none, -1 all",
        },
        {
                .section = "metrics",
                .key = "cgroups",
                .option = "metrics-cgroups",
                .argument = "N",
                .type = JK_CONFIG_INTEGER,
                FIELD(metrics_cgroups),
                .initial = "500",
                .min = -1,
                .max = 1000000,
                .while_running = true,
                .help = "list the N cgroups that used most energy; 0 lists none, -1 all",
        },
        {
                .section = "ledger",
                .key = "ended-retention",
                .option = "ended-retention",
                .argument = "TIME",
                .type = JK_CONFIG_DURATION,
                FIELD(ended_retention_ns),
                .initial = "1m",
                .min = 0,
                .max = 24 * 3600 * JK_NS_PER_S,
                .while_running = true,
                .help = "how long tasks and cgroups that ended stay listed by themselves",
        },
        {
                .section = "ledger",
                .key = "ended-tasks",
                .option = "ended-tasks",
                .argument = "N",
                .type = JK_CONFIG_INTEGER,
                FIELD(ended_tasks_max),
                .initial = "500",
                .min = 0,
                .max = 1000000,
                .while_running = true,
                .help = "at most so many ended tasks stay listed by themselves; what the others "
                        "used stays in the line \"ended\"",
        },
        {
                .section = "models",
                .key = "from",
                .option = "models-from",
                .argument = "WHERE",
                .type = JK_CONFIG_STRING,
                FIELD(models_from),
                .initial = "off",
                .check = check_not_empty,
                .help = "at the start, fetch the model file that fits this machine's CPU best from "
                        "an agent (http://ADDR:PORT) or a directory, for zones without a meter, "
                        "where estimate-model is \"auto\"; \"off\" fetches none",
        },
        {
                .section = "models",
                .key = "cache",
                .option = "models-cache",
                .argument = "FILE",
                .type = JK_CONFIG_STRING,
                FIELD(models_cache),
                .initial = "/var/lib/joulekeeper/model.json",
                .check = check_not_empty,
                .help = "where the model file that was fetched is kept: without its server the "
                        "agent goes on by that",
        },
        {
                .section = "models",
                .key = "directory",
                .option = "models-directory",
                .argument = "DIR",
                .type = JK_CONFIG_STRING,
                FIELD(models_directory),
                .initial = "off",
                .check = check_not_empty,
                .help = "offer the model files (*.json) in this directory to other machines, below "
                        "/api/v1/models, beside those that come with the program; \"off\" offers "
                        "those alone",
        },
        {
                .section = "models",
                .key = "accept",
                .option = "models-accept",
                .argument = "DIR",
                .type = JK_CONFIG_STRING,
                FIELD(models_accept),
                .initial = "off",
                .check = check_not_empty,
                .help = "take recordings that joulekeeper model send sends, keep them in this "
                        "directory, and train models by them into models.directory; \"off\" "
                        "takes none",
        },
        {
                .section = "models",
                .key = "token",
                .option = "models-token",
                .argument = "FILE",
                .type = JK_CONFIG_STRING,
                FIELD(models_token),
                .initial = "",
                .help = "a file that only its owner can read, with a token in its first line: who "
                        "sends recordings has to know it; without one nobody may send",
        },
        {
                .section = "models",
                .key = "accept-mb",
                .option = "models-accept-mb",
                .argument = "N",
                .type = JK_CONFIG_INTEGER,
                FIELD(models_accept_mb),
                .initial = "16",
                .min = 1,
                .max = 1000,
                .help = "a recording that is sent may have so many megabytes",
        },
        {
                .section = "models",
                .key = "accept-total-mb",
                .option = "models-accept-total-mb",
                .argument = "N",
                .type = JK_CONFIG_INTEGER,
                FIELD(models_accept_total_mb),
                .initial = "256",
                .min = 1,
                .max = 100000,
                .help = "all that are kept may have so many together",
        },
        {
                .section = "models",
                .key = "accept-recordings",
                .option = "models-accept-recordings",
                .argument = "N",
                .type = JK_CONFIG_INTEGER,
                FIELD(models_accept_recordings),
                .initial = "128",
                .min = 1,
                .max = 10000,
                .help = "so many are kept; none is removed for another",
        },
        {
                .section = "record",
                .key = "directory",
                .option = "record",
                .argument = "DIR",
                .type = JK_CONFIG_STRING,
                FIELD(record_directory),
                .initial = "off",
                .check = check_not_empty,
                .help = "write every sample to files in this directory, for joulekeeper replay; "
                        "\"off\" writes none",
        },
        {
                .section = "record",
                .key = "file-mb",
                .option = "record-file-mb",
                .argument = "N",
                .type = JK_CONFIG_INTEGER,
                FIELD(record_file_mb),
                .initial = "64",
                .min = 0,
                .max = 1000000,
                .help = "begin another file after so many megabytes; 0 does not look at the size",
        },
        {
                .section = "record",
                .key = "file-age",
                .option = "record-file-age",
                .argument = "TIME",
                .type = JK_CONFIG_DURATION,
                FIELD(record_file_age_ns),
                .initial = "24h",
                .min = 0,
                .max = 366 * 24 * 3600 * JK_NS_PER_S,
                .help = "begin another file after so long; 0s does not look at the age",
        },
        {
                .section = "record",
                .key = "keep-mb",
                .option = "record-keep-mb",
                .argument = "N",
                .type = JK_CONFIG_INTEGER,
                FIELD(record_keep_mb),
                .initial = "512",
                .min = 0,
                .max = 100000000,
                .help = "when another file begins, delete the oldest while all have more "
                        "megabytes; 0 deletes none",
        },
        {
                .section = "wall",
                .key = "source",
                .option = "wall-source",
                .argument = "NAME",
                .type = JK_CONFIG_CHOICE,
                FIELD(wall_source),
                .initial = "off",
                .choices = wall_sources,
                .help = "who knows the power of the whole machine, from outside; docs/wall.md "
                        "tells "
                        "what each needs; \"off\": nobody",
        },
        {
                .section = "wall",
                .key = "command",
                .option = "wall-command",
                .argument = "COMMAND",
                .type = JK_CONFIG_STRING,
                FIELD(wall_command),
                .initial = "",
                .help = "of the source program: a command of the shell that goes on printing "
                        "watts, "
                        "or seconds since 1970 and watts, a line each",
        },
        {
                .section = "wall",
                .key = "url",
                .option = "wall-url",
                .argument = "URL",
                .type = JK_CONFIG_STRING,
                FIELD(wall_url),
                .initial = "",
                .check = check_url,
                .help = "of sources that are asked over the network: where; of mqtt: the broker, "
                        "as "
                        "mqtt://HOST or mqtts://HOST:PORT",
        },
        {
                .section = "wall",
                .key = "topic",
                .option = "wall-topic",
                .argument = "TOPIC",
                .type = JK_CONFIG_STRING,
                FIELD(wall_topic),
                .initial = "",
                .help = "of the source mqtt: the topic that the meter publishes to",
        },
        {
                .section = "wall",
                .key = "device",
                .option = "wall-device",
                .argument = "FILE",
                .type = JK_CONFIG_STRING,
                FIELD(wall_device),
                .initial = "",
                .check = check_file_name,
                .help = "of the source ipmi: the BMC's device; empty: /dev/ipmi0",
        },
        {
                .section = "wall",
                .key = "query",
                .option = "wall-query",
                .argument = "QUERY",
                .type = JK_CONFIG_STRING,
                FIELD(wall_query),
                .initial = "",
                .help = "of the sources prometheus and kwollect: the query, or the metric's name",
        },
        {
                .section = "wall",
                .key = "path",
                .option = "wall-path",
                .argument = "PATH",
                .type = JK_CONFIG_STRING,
                FIELD(wall_path),
                .initial = "",
                .help = "where in the JSON that comes back the number stands: meters[0].power; "
                        "empty: "
                        "it is the number itself",
        },
        {
                .section = "wall",
                .key = "unit",
                .option = "wall-unit",
                .argument = "UNIT",
                .type = JK_CONFIG_CHOICE,
                FIELD(wall_unit),
                .initial = "W",
                .choices = wall_units,
                .help = "what the number is: power, or a counter of energy, which only rises",
        },
        {
                .section = "wall",
                .key = "interval",
                .option = "wall-interval",
                .argument = "TIME",
                .type = JK_CONFIG_DURATION,
                FIELD(wall_interval_ns),
                .initial = "1s",
                .min = 100 * JK_NS_PER_MS,
                .max = 300 * JK_NS_PER_S,
                .help = "how often a source is asked, or a program prints",
        },
        {
                .section = "wall",
                .key = "offset",
                .option = "wall-offset",
                .argument = "TIME",
                .type = JK_CONFIG_STRING,
                FIELD(wall_offset),
                .initial = "auto",
                .check = check_offset,
                .help = "how long after the fact a value comes; \"auto\" finds it by correlation "
                        "with what is measured inside",
        },
        {
                .section = "wall",
                .key = "credentials",
                .option = "wall-credentials",
                .argument = "FILE",
                .type = JK_CONFIG_STRING,
                FIELD(wall_credentials),
                .initial = "",
                .check = check_file_name,
                .help = "a file that only its owner can read, with USER:PASSWORD or a token in its "
                        "first line",
        },
        {
                .section = "wall",
                .key = "certificate",
                .option = "wall-certificate",
                .argument = "FILE",
                .type = JK_CONFIG_STRING,
                FIELD(wall_certificate),
                .initial = "",
                .check = check_file_name,
                .help = "a PEM file with the certificates to trust over https or mqtts, for "
                        "those of the system",
        },
};

const size_t jk_config_n_rows = JK_COUNT(jk_config_rows);

static const struct {
        const char *name, *help;
} sections[] = {
        { "metrics", "how much /metrics lists" },
        { "ledger", "what the books keep of tasks and cgroups that are gone" },
        { "models", "model files from other machines, and for them" },
        { "record", "samples on disk, from which joulekeeper replay books anew" },
        { "wall", "a meter outside of the machine" },
};

const char *
jk_config_section_help(const char *section)
{
        for (size_t i = 0; i < JK_COUNT(sections); i++)
                if (strcmp(sections[i].name, section) == 0)
                        return sections[i].help;

        return NULL;
}

const struct jk_config_row *
jk_config_row(const char *option)
{
        for (size_t i = 0; i < jk_config_n_rows; i++)
                if (strcmp(jk_config_rows[i].option, option) == 0)
                        return &jk_config_rows[i];

        return NULL;
}

const char *
jk_config_initial(const struct jk_config_row *row)
{
        return *row->initial ? row->initial : "\"\"";
}

const char *
jk_config_name(const struct jk_config_row *row, char buffer[static JK_CONFIG_NAME_SIZE])
{
        snprintf(buffer, JK_CONFIG_NAME_SIZE, "%s%s%s", row->section ? row->section : "",
                 row->section ? "." : "", row->key);
        return buffer;
}
