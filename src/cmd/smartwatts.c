/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper smartwatts: HWPC reports of PowerAPI's sensor to reports of power, as PowerAPI's
 * smartwatts-formula makes them, with options of the same names.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/root.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/power-print.h"
#include "cmd/sensors.h"
#include "hwpc/reader.h"

enum { COMPLAINTS_MAX = 3 }; /* of a kind, that are printed; the others are counted */

struct settings {
        struct jk_smartwatts_options formula;
        struct jk_smartwatts_learning learning; /* what both scopes have in common */
        double thresholds_w[JK_SMARTWATTS_SCOPE_MAX];
        bool disabled[JK_SMARTWATTS_SCOPE_MAX];
        enum jk_power_form form;
        const char *file;   /* NULL: standard output */
        const char *listen; /* NULL: read files */
        bool flush;
};

enum kind { KIND_WHOLE, KIND_WATTS, KIND_TEXT, KIND_SWITCH, KIND_METHOD, KIND_FORM };

#define AT(member) offsetof(struct settings, member)

/* A setting per option, in the order of the options. */
static const struct {
        enum kind kind;
        size_t at;
} settings_rows[] = {
        { KIND_WATTS, AT(learning.tdp_w) },
        { KIND_WHOLE, AT(learning.base_clock_mhz) },
        { KIND_WHOLE, AT(formula.base_frequency_mhz) },
        { KIND_WATTS, AT(thresholds_w[JK_SMARTWATTS_CPU]) },
        { KIND_WATTS, AT(thresholds_w[JK_SMARTWATTS_DRAM]) },
        { KIND_WHOLE, AT(formula.period_ms) },
        { KIND_WHOLE, AT(learning.min_samples) },
        { KIND_WHOLE, AT(learning.history_window) },
        { KIND_WHOLE, AT(learning.error_window) },
        { KIND_METHOD, AT(learning.error_by_mean) },
        { KIND_TEXT, AT(formula.events[JK_SMARTWATTS_CPU]) },
        { KIND_TEXT, AT(formula.events[JK_SMARTWATTS_DRAM]) },
        { KIND_SWITCH, AT(disabled[JK_SMARTWATTS_CPU]) },
        { KIND_SWITCH, AT(disabled[JK_SMARTWATTS_DRAM]) },
        { KIND_SWITCH, AT(flush) },
        { KIND_FORM, AT(form) },
        { KIND_TEXT, AT(file) },
        { KIND_TEXT, AT(listen) },
};

static const struct jk_option options[] = {
        { 0, "cpu-tdp", "W", "an intercept has to be below it (default 400)" },
        { 0, "cpu-base-clock", "MHZ", "width of a frequency layer (default 100)" },
        { 0, "cpu-base-freq", "MHZ", "frequency at which MPERF counts (default 2100)" },
        { 0, "cpu-error-threshold", "W", "learn again above this error (default 2)" },
        { 0, "dram-error-threshold", "W", "learn again above this error (default 2)" },
        { 0, "sensor-reports-frequency", "MS", "the sensor's period (default 1000)" },
        { 0, "learn-min-samples-required", "N", "samples before a layer learns (default 10)" },
        { 0, "learn-history-window-size", "N", "samples that a layer learns from (default 60)" },
        { 0, "learn-error-window-size", "N", "errors that are looked at (default 60)" },
        { 0, "learn-error-window-method", "NAME", "median or mean of them (default median)" },
        { 0, "cpu-rapl-ref-event", "NAME", "the CPU's energy (default RAPL_ENERGY_PKG)" },
        { 0, "dram-rapl-ref-event", "NAME", "the memory's energy (default RAPL_ENERGY_DRAM)" },
        { 0, "disable-cpu-formula", NULL, "no reports of the CPU's power" },
        { 0, "disable-dram-formula", NULL, "no reports of the memory's power" },
        { 0, "flush", NULL,
          "make the reports of the last five times, too, which smartwatts-formula never does" },
        { 0, "output", "FORMAT", "csv or json, a document a line (default csv)" },
        { 'o', "file", "FILE", "write to FILE, which must not be there yet" },
        { 0, "listen", "ADDR:PORT",
          "wait for sensors that send their reports there, until stopped by a signal" },
};

_Static_assert(JK_COUNT(options) == JK_COUNT(settings_rows), "a setting per option");

/* ---- the command line ---- */

static int
set_number(const struct jk_option *option, const char *value, uint64_t *ret_number)
{
        if (jk_parse_u64(value, ret_number) < 0)
                return jk_usage_error(&jk_command_smartwatts, "--%s: '%s' is no whole number",
                                      option->name, value);
        return 0;
}

static int
set_watts(const struct jk_option *option, const char *value, double *ret_power_w)
{
        char *end;
        double power_w = strtod(value, &end);

        if (end == value || *end || !isfinite(power_w) || power_w < 0)
                return jk_usage_error(&jk_command_smartwatts, "--%s: '%s' is no number of watts",
                                      option->name, value);
        *ret_power_w = power_w;
        return 0;
}

/* One of two words: whether it is the second. */
static int
set_choice(const struct jk_option *option, const char *value, const char *first, const char *second,
           bool *ret_second)
{
        *ret_second = strcmp(value, second) == 0;
        if (*ret_second || strcmp(value, first) == 0)
                return 0;
        return jk_usage_error(&jk_command_smartwatts, "--%s %s: give %s or %s", option->name, value,
                              first, second);
}

static int
set_option(const struct jk_option *option, const char *value, void *data)
{
        size_t row = (size_t)(option - options);
        void *setting = (char *)data + settings_rows[row].at;
        bool second;
        int r;

        switch (settings_rows[row].kind) {
        case KIND_WHOLE:
                return set_number(option, value, setting);
        case KIND_WATTS:
                return set_watts(option, value, setting);
        case KIND_TEXT:
                *(const char **)setting = value;
                return 0;
        case KIND_SWITCH:
                *(bool *)setting = true;
                return 0;
        case KIND_METHOD:
                return set_choice(option, value, "median", "mean", setting);
        default:
                r = set_choice(option, value, "csv", "json", &second);
                *(enum jk_power_form *)setting = second ? JK_POWER_JSON : JK_POWER_CSV;
                return r;
        }
}

/* Both scopes learn alike but for the threshold. */
static void
complete(struct settings *settings)
{
        for (int scope = 0; scope < JK_SMARTWATTS_SCOPE_MAX; scope++) {
                settings->formula.learning[scope] = settings->learning;
                settings->formula.learning[scope].error_threshold_w = settings->thresholds_w[scope];
                if (settings->disabled[scope])
                        settings->formula.events[scope] = NULL;
        }
}

/* ---- running ---- */

struct run {
        const struct settings *settings;
        struct jk_hwpc_names names;
        struct jk_hwpc_reader *reader;
        struct jk_smartwatts_formula *formula;
        struct jk_hwpc_report report;
        struct jk_power_printer printer;
        uint64_t complaints[JK_SMARTWATTS_PROBLEM_MAX];
        uint64_t refused;
        struct jk_sensors sensors; /* whose reader is the one above, if it listens */
        bool is_live;
};

static void
print_power(void *data, const struct jk_smartwatts_power *power)
{
        struct run *run = data;

        jk_power_print(&run->printer, power);
}

static void
complain(void *data, enum jk_smartwatts_problem problem, const char *message)
{
        struct run *run = data;

        if (run->complaints[problem]++ < COMPLAINTS_MAX)
                jk_say("smartwatts", message);
}

static void
count_complaints(const struct run *run)
{
        for (int problem = 0; problem < JK_SMARTWATTS_PROBLEM_MAX; problem++)
                if (run->complaints[problem] > COMPLAINTS_MAX)
                        fprintf(stderr, "joulekeeper smartwatts: %s: %llu times in all\n",
                                jk_smartwatts_problem_text((enum jk_smartwatts_problem)problem),
                                (unsigned long long)run->complaints[problem]);
        if (run->refused > COMPLAINTS_MAX)
                fprintf(stderr, "joulekeeper smartwatts: %llu documents were refused in all\n",
                        (unsigned long long)run->refused);
}

static bool
ends_with(const char *string, const char *end)
{
        size_t length = strlen(string), end_length = strlen(end);

        return length >= end_length && strcmp(string + length - end_length, end) == 0;
}

static int
open_sensors(struct run *run, struct jk_error *err)
{
        int r = jk_sensors_open(run->settings->listen, &run->names, &run->sensors, err);

        run->reader = run->sensors.reader;
        run->sensors.reader = NULL;
        return r;
}

static int
open_reader(struct run *run, char *const *paths, size_t n, struct jk_error *err)
{
        run->is_live = run->settings->listen || strcmp(paths[0], "-") == 0;
        if (run->settings->listen)
                return open_sensors(run, err);
        if (ends_with(paths[0], ".csv"))
                return jk_hwpc_csv_open((const char *const *)paths, n, &run->names, &run->reader,
                                        err);
        return jk_hwpc_json_open(paths[0], &run->names, &run->reader, err);
}

/* A file that is there is not overwritten, but a pipe or a device may be written to. */
static int
open_output(struct run *run, struct jk_error *err)
{
        const char *path = run->settings->file;
        struct stat status;
        bool is_other = path && stat(path, &status) == 0 && !S_ISREG(status.st_mode);

        run->printer.form = run->settings->form;
        run->printer.file = path ? fopen(path, is_other ? "we" : "wxe") : stdout;
        if (!run->printer.file)
                return jk_fail(err, errno, "%s: cannot be made: %m", path);
        if (run->is_live) /* whoever reads on reads it now */
                setvbuf(run->printer.file, NULL, _IOLBF, BUFSIZ);
        return 0;
}

static int
fail_output(const struct run *run, int code, struct jk_error *err)
{
        return jk_fail(err, code, "%s: cannot be written: %m",
                       run->settings->file ? run->settings->file : "standard output");
}

static int
close_output(struct run *run, struct jk_error *err)
{
        FILE *file = run->printer.file;
        int code = run->printer.error;

        jk_text_free(&run->printer.line);
        run->printer.file = NULL;
        if (file && file != stdout && fclose(file) != 0 && code == 0)
                code = errno;
        return code ? fail_output(run, code, err) : 0;
}

static int
open_run(struct run *run, char *const *paths, size_t n, struct jk_error *err)
{
        const struct jk_smartwatts_sink sink = { print_power, complain, run };
        int r = jk_smartwatts_open(&run->settings->formula, &run->names, &sink, &run->formula, err);

        if (r == 0)
                r = open_reader(run, paths, n, err);
        return r < 0 ? r : open_output(run, err);
}

static void
close_run(struct run *run)
{
        jk_hwpc_reader_close(run->reader);
        jk_smartwatts_close(run->formula);
        jk_hwpc_report_free(&run->report);
        jk_hwpc_names_free(&run->names);
        close_output(run, NULL);
        jk_sensors_close(&run->sensors);
}

static int
take_all(struct run *run, struct jk_error *err)
{
        int r;

        if (run->settings->listen)
                jk_sensors_tell(&run->sensors, "smartwatts");
        jk_power_print_titles(&run->printer);
        while ((r = jk_hwpc_read(run->reader, &run->report, err)) != 0) {
                if (r == -EBADMSG) {
                        if (run->refused++ < COMPLAINTS_MAX)
                                jk_say("smartwatts", err->message);
                        continue;
                }
                if (r < 0)
                        return r;
                if (jk_smartwatts_take(run->formula, &run->report) < 0)
                        return jk_fail(err, ENOMEM, "out of memory");
                if (run->printer.error)
                        return fail_output(run, run->printer.error, err);
        }
        if (run->settings->flush && jk_smartwatts_flush(run->formula) < 0)
                return jk_fail(err, ENOMEM, "out of memory");
        return 0;
}

/* What was refused is no success, though the rest was estimated. */
static int
run_all(const struct settings *settings, char *const *paths, size_t n)
{
        __attribute__((cleanup(close_run))) struct run run = { .settings = settings,
                                                               .sensors.stop_fd = -1 };
        struct jk_error err = { "" };
        int r = open_run(&run, paths, n, &err);

        if (r == 0)
                r = take_all(&run, &err);
        count_complaints(&run);
        if (r == 0)
                r = close_output(&run, &err);
        if (r < 0)
                jk_say("smartwatts", err.message);
        return r < 0 || run.refused > 0 ? JK_EXIT_FAILURE : JK_EXIT_OK;
}

static int
check_paths(const struct settings *settings, char *const *paths, int n)
{
        if (settings->listen && n > 0)
                return jk_usage_error(&jk_command_smartwatts, "--listen reads no files: %s",
                                      paths[0]);
        if (!settings->listen && n == 0)
                return jk_usage_error(&jk_command_smartwatts,
                                      "give the CSV files of a set, a file of JSON lines, or "
                                      "--listen");
        for (int i = 1; i < n; i++)
                if (!ends_with(paths[0], ".csv") || !ends_with(paths[i], ".csv"))
                        return jk_usage_error(&jk_command_smartwatts,
                                              "only CSV files can be several: %s, %s", paths[0],
                                              paths[i]);
        return 0;
}

static int
smartwatts_main(const struct jk_command *command, int argc, char *argv[])
{
        struct settings settings = {
                .formula = jk_smartwatts_defaults,
                .learning = jk_smartwatts_defaults.learning[0],
                .thresholds_w = { jk_smartwatts_defaults.learning[0].error_threshold_w,
                                  jk_smartwatts_defaults.learning[1].error_threshold_w },
        };
        int first = jk_options_parse(command, options, JK_COUNT(options), argc, argv, set_option,
                                     &settings);
        int status = first < 0 ? -1 - first : check_paths(&settings, argv + first, argc - first);

        if (first < 0 || status != JK_EXIT_OK)
                return status;
        complete(&settings);
        return run_all(&settings, argv + first, (size_t)(argc - first));
}

const struct jk_command jk_command_smartwatts = {
        .name = "smartwatts",
        .arguments = "[OPTION…] CSV… | FILE | --listen ADDR:PORT",
        .summary = "estimate power from HWPC reports as PowerAPI's SmartWatts does",
        .main = smartwatts_main,
        .details = "Reads the CSV files of a recording of hwpc-sensor (core.csv msr.csv rapl.csv), "
                   "or JSON as it sends it, a document a line; - is standard input.\n"
                   "\n"
                   "exit status:\n"
                   "  0  all of it was read\n"
                   "  1  something could not be read, and stderr says what and where; what could "
                   "be is estimated\n"
                   "  2  wrong usage",
};
