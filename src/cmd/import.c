/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper import: other people's measurements as a recording, which `replay` books.
 */
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "cmd/command.h"
#include "cmd/import-live.h"
#include "config/config.h"
#include "engine/engine.h"
#include "import/hwpc.h"
#include "import/join.h"
#include "import/perf-stat.h"
#include "import/table.h"
#include "import/ticks.h"
#include "record/recording.h"

struct import_options {
        const char *mapping, *format, *output;
        const char *listen; /* NULL: read files */
        char separator;     /* 0: the mapping's, or a comma */
        int64_t join_ns;    /* 0: the mapping's, or not at all */
        bool skip_bad;
};

static const struct jk_option options[] = {
        { 'o', "output", "FILE",
          "write the recording to FILE, which must not be there yet; - is standard output" },
        { 'm', "mapping", "NAME",
          "what the columns mean: a mapping's name, or a file of your own" },
        { 'f', "format", "NAME",
          "what the files are: csv (default; needs --mapping), perf-stat or hwpc" },
        { 's', "separator", "CHAR", "what stands between two fields, if not what is usual" },
        { 'j', "join", "TIME",
          "take rows of other files that are at most so far from one of the first for its time's" },
        { 'l', "listen", "ADDR:PORT",
          "record what a sensor sends there until a signal, in place of files (hwpc)" },
        { 0, "skip-bad", NULL, "leave out rows and values that cannot be, and count them" },
};

static int
set_separator(struct import_options *given, const char *value)
{
        if (value[0] == '\0' || value[1] != '\0' || strchr("\"\r\n", value[0]))
                return jk_usage_error(&jk_command_import,
                                      "--separator '%s': give one character, such as ';'", value);
        given->separator = value[0];
        return 0;
}

static int
set_join(struct import_options *given, const char *value)
{
        struct jk_error err = { "" };

        if (jk_config_parse_duration(value, &given->join_ns, &err) < 0)
                return jk_usage_error(&jk_command_import, "--join %s: %s", value, err.message);
        return 0;
}

static int
set_option(const struct jk_option *option, const char *value, void *data)
{
        struct import_options *given = data;

        switch (option->letter) {
        case 'o':
                given->output = value;
                return 0;
        case 'm':
                given->mapping = value;
                return 0;
        case 'f':
                given->format = value;
                return 0;
        case 's':
                return set_separator(given, value);
        case 'j':
                return set_join(given, value);
        case 'l':
                given->listen = value;
                return 0;
        default:
                given->skip_bad = true;
                return 0;
        }
}

/* ---- reading ---- */

/* What is imported, and what a recording of it says of itself. */
struct import {
        const struct import_options *given;
        char **paths; /* NULL-terminated */
        struct jk_observations seen;
        struct jk_about about;
        int64_t join_ns;
};

/* A function for each file in turn. "-" is standard input. */
static int
for_each_file(const struct import *import,
              int (*read)(void *data, FILE *file, const char *name, struct jk_error *err),
              void *data, struct jk_error *err)
{
        int r = 0;

        for (char **path = import->paths; r == 0 && *path; path++) {
                bool is_stdin = strcmp(*path, "-") == 0;
                jk_autofclose FILE *opened = is_stdin ? NULL : fopen(*path, "re");

                if (!opened && !is_stdin)
                        return jk_fail(err, errno, "%s: cannot be read: %m", *path);
                r = read(data, is_stdin ? stdin : opened, is_stdin ? "standard input" : *path, err);
        }
        return r;
}

static int
read_table(void *data, FILE *file, const char *name, struct jk_error *err)
{
        return jk_tables_read(data, file, name, err);
}

static int
read_tables(struct import *import, struct jk_error *err)
{
        jk_automapping struct jk_mapping mapping = { 0 };
        struct jk_tables *tables = NULL;
        int r = jk_mapping_load(import->given->mapping, &mapping, err);

        if (import->given->separator)
                mapping.separator = import->given->separator;
        if (r == 0)
                r = jk_tables_open(&mapping, &import->seen, &tables, err);
        if (r == 0)
                r = for_each_file(import, read_table, tables, err);
        jk_tables_close(tables);
        import->join_ns = mapping.join_ns;
        if (r == 0 && mapping.cpu)
                snprintf(import->about.cpu, sizeof import->about.cpu, "%s", mapping.cpu);
        return r;
}

static int
read_perf_stat(void *data, FILE *file, const char *name, struct jk_error *err)
{
        struct import *import = data;
        char separator = import->given->separator ? import->given->separator : ',';

        return jk_perf_stat_read(&import->seen, file, name, separator, err);
}

static int
read_perf_stats(struct import *import, struct jk_error *err)
{
        return for_each_file(import, read_perf_stat, import, err);
}

static bool
is_csv(const char *path)
{
        size_t length = strlen(path);

        return length >= 4 && strcmp(path + length - 4, ".csv") == 0;
}

/* A set of CSV files, or files of documents one after the other. */
static int
read_reports(struct import *import, struct jk_hwpc_names *names, struct jk_hwpc_import *into,
             struct jk_error *err)
{
        bool is_set = is_csv(import->paths[0]);
        size_t n = 1;
        int r = 0;

        while (import->paths[n] && is_csv(import->paths[n]) == is_set)
                n++;
        if (import->paths[n])
                return jk_fail(err, EINVAL, "%s: give CSV files or JSON, not both",
                               import->paths[n]);
        for (size_t i = 0; r == 0 && i < n; i += is_set ? n : 1) {
                struct jk_hwpc_reader *reader = NULL;

                r = is_set ? jk_hwpc_csv_open((const char *const *)import->paths, n, names, &reader,
                                              err)
                           : jk_hwpc_json_open(import->paths[i], names, &reader, err);
                if (r == 0)
                        r = jk_hwpc_import_read(into, reader, err);
                jk_hwpc_reader_close(reader);
        }
        return r;
}

static int
read_hwpc(struct import *import, struct jk_error *err)
{
        struct jk_hwpc_import *into = NULL;
        struct jk_hwpc_names names = { 0 };
        int r = jk_hwpc_import_open(&import->seen, &names, &into, err);

        if (r == 0)
                r = read_reports(import, &names, into, err);
        if (r == 0)
                r = jk_hwpc_import_finish(into, err);
        jk_hwpc_import_close(into);
        jk_hwpc_names_free(&names);
        return r;
}

static const struct format {
        const char *name;
        bool mapped; /* by a mapping */
        bool sent;   /* by a sensor, too */
        int (*read)(struct import *import, struct jk_error *err);
} formats[] = {
        { "csv", true, false, read_tables },
        { "perf-stat", false, false, read_perf_stats },
        { "hwpc", false, true, read_hwpc },
};

/* ---- writing ---- */

static void
take_sample(void *data, const struct jk_sample *sample)
{
        jk_recorder_wait(data);
        jk_recorder_take(data, sample, NULL, NULL);
}

static void
describe(struct import *import)
{
        static const struct jk_engine_options defaults = JK_ENGINE_DEFAULTS;
        struct jk_about *about = &import->about;

        snprintf(about->program, sizeof about->program, "joulekeeper " JK_VERSION);
        snprintf(about->activity, sizeof about->activity, "import");
        snprintf(about->model, sizeof about->model, "auto");
        about->interval_ns = jk_ticks_interval_ns(&import->seen);
        about->ledger = defaults.ledger;
}

static void
report(const struct import *import, const struct jk_recorder_report *written)
{
        const struct jk_observations *seen = &import->seen;

        if (seen->n_bad > 0) {
                struct jk_error first = seen->first_bad;

                jk_error_prefix(&first, "%zu left out; the first: ", seen->n_bad);
                jk_say("import", first.message);
        }
        if (strcmp(import->given->output, "-") != 0)
                fprintf(stderr,
                        "joulekeeper import: %s: %llu ticks of %zu tasks and %zu zones, %llu "
                        "bytes\n",
                        import->given->output, (unsigned long long)written->ticks, seen->n_tasks,
                        seen->zones.count, (unsigned long long)written->bytes);
}

static int
write_recording(struct import *import, struct jk_error *err)
{
        struct jk_recording_place place = { .file = import->given->output };
        struct jk_recorder_report written;
        struct jk_recorder *recorder;
        int r;

        if (import->seen.n_items == 0)
                return jk_fail(err, ENODATA, "there is nothing to import in %s%s", import->paths[0],
                               import->paths[1] ? " and the others" : "");
        if (import->given->join_ns)
                import->join_ns = import->given->join_ns;
        if (import->join_ns && jk_join(&import->seen, import->join_ns) < 0)
                return jk_fail(err, ENOMEM, "out of memory");
        jk_ticks_sort(&import->seen);
        describe(import);
        r = jk_recorder_open(&place, &import->about, NULL, &recorder, err);
        if (r < 0)
                return r;
        r = jk_ticks_convert(&import->seen, take_sample, recorder, err);
        if (r < 0) {
                jk_recorder_abandon(recorder);
                return r;
        }
        r = jk_recorder_close(recorder, &written, err);
        if (r == 0)
                report(import, &written);
        return r;
}

/* ---- the command ---- */

static const struct format *
find_format(const char *name)
{
        for (size_t i = 0; i < JK_COUNT(formats); i++)
                if (strcmp(formats[i].name, name ? name : formats[0].name) == 0)
                        return &formats[i];
        return NULL;
}

static int
check(const struct jk_command *command, const struct import_options *given,
      const struct format *format)
{
        if (!format)
                return jk_usage_error(command, "--format %s: there are csv, perf-stat and hwpc",
                                      given->format);
        if (!given->output)
                return jk_usage_error(command, "say where to: --output FILE");
        if (format->mapped && !given->mapping)
                return jk_usage_error(command, "say what the columns mean: --mapping NAME");
        if (!format->mapped && given->mapping)
                return jk_usage_error(command, "--mapping: the format %s needs none", format->name);
        return 0;
}

static int
check_source(const struct jk_command *command, const struct import_options *given,
             const struct format *format, char *const *paths)
{
        if (!given->listen && !paths[0])
                return jk_usage_error(command, "name the files to import, or - for standard input");
        if (!given->listen)
                return 0;
        if (!format->sent)
                return jk_usage_error(command,
                                      "--listen: nothing sends the format %s; give "
                                      "--format hwpc",
                                      format->name);
        if (paths[0])
                return jk_usage_error(command, "--listen reads no files: %s", paths[0]);
        if (given->join_ns)
                return jk_usage_error(command, "--join is for files; --listen joins reports of the "
                                               "same time");
        return 0;
}

static int
import_files(struct import *import, const struct format *format, struct jk_error *err)
{
        int r = format->read(import, err);

        return r < 0 ? r : write_recording(import, err);
}

static int
import_live(struct import *import, struct jk_error *err)
{
        describe(import);
        return jk_import_live(import->given->listen, import->given->output, &import->about, err);
}

static int
import_main(const struct jk_command *command, int argc, char *argv[])
{
        struct import_options given = { 0 };
        struct import import = { .given = &given };
        const struct format *format;
        struct jk_error err = { "" };
        int first, r;

        first = jk_options_parse(command, options, JK_COUNT(options), argc, argv, set_option,
                                 &given);
        if (first < 0)
                return -1 - first;
        format = find_format(given.format);
        r = check(command, &given, format);
        if (r == 0)
                r = check_source(command, &given, format, argv + first);
        if (r != 0)
                return r;

        import.paths = argv + first;
        import.seen.skip_bad = given.skip_bad;
        r = given.listen ? import_live(&import, &err) : import_files(&import, format, &err);
        jk_observations_free(&import.seen);
        if (r == 0)
                return JK_EXIT_OK;
        jk_say("import", err.message);
        return JK_EXIT_FAILURE;
}

const struct jk_command jk_command_import = {
        .name = "import",
        .arguments = "-o FILE [OPTION…] FILE… | --listen ADDR:PORT",
        .summary = "other programs' measurements as a recording, for replay",
        .main = import_main,
        .details = "Several files are joined by their times. What is compressed comes by standard\n"
                   "input: zcat FILE.gz | joulekeeper import … -\n"
                   "\n"
                   "exit status:\n"
                   "  0  imported, but for what --skip-bad or --listen left out\n"
                   "  1  something is refused and no recording is left, or it cannot be written\n",
};
