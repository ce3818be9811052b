/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration files: what is right is taken over, what is wrong is refused with file, line, key
 * and what would be right, and then nothing is changed.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "config/rows.h"
#include "engine/engine.h"

/* A layer above that knows one meter. */
static int
check_names(const struct jk_config_row *row, const char *value, struct jk_error *err)
{
        if (strcmp(row->option, "meter") == 0 && strcmp(value, "powercap") != 0)
                return jk_fail(err, EINVAL, "'%s': there is no such meter; did you mean powercap?",
                               value);

        return 0;
}

static int
parse_bytes(const char *text, size_t length, struct jk_config *ret_config, struct jk_error *err)
{
        return jk_config_parse("f.yaml", text, length, check_names, ret_config, err);
}

static int
parse(const char *text, struct jk_config *ret_config, struct jk_error *err)
{
        return parse_bytes(text, strlen(text), ret_config, err);
}

static void
defaults_are_the_headers(void **state)
{
        jk_autoconfig struct jk_config config = { 0 };
        struct jk_engine_options engine = JK_ENGINE_DEFAULTS;

        (void)state;
        assert_int_equal(jk_config_init(&config), 0);
        assert_string_equal(config.listen, "127.0.0.1:9782");
        assert_string_equal(config.root, "/");
        assert_string_equal(config.meters, "auto");
        assert_string_equal(config.activity, "auto");
        assert_string_equal(config.model, "auto");
        assert_string_equal(config.log_level, "info");
        assert_int_equal(config.metrics_processes, 20);
        assert_int_equal(config.metrics_cgroups, 500);
        assert_int_equal(config.interval_ns, engine.interval_ns);
        assert_int_equal(config.counters, engine.counters);
        assert_int_equal(config.ended_retention_ns, engine.ledger.ended_retention_ns);
        assert_int_equal(config.ended_tasks_max, engine.ledger.ended_tasks_max);
        assert_int_equal(jk_config_row("interval")->min, JK_INTERVAL_MIN_NS);
        assert_int_equal(jk_config_row("interval")->max, JK_INTERVAL_MAX_NS);
}

static void
every_key_is_taken_over(void **state)
{
        jk_autoconfig struct jk_config config = { 0 };
        struct jk_error err = { 0 };

        (void)state;
        assert_int_equal(parse("listen: '[::1]:9000'\n"
                               "interval: 500ms\n"
                               "root: /tmp/tree\n"
                               "meter: powercap\n"
                               "activity: proc\n"
                               "model: share\n"
                               "counters: no\n"
                               "log-level: debug\n"
                               "metrics: { processes: -1, cgroups: 7 }\n"
                               "ledger:\n"
                               "  ended-retention: 1.5m\n"
                               "  ended-tasks: 0\n",
                               &config, &err),
                         0);
        assert_string_equal(config.listen, "[::1]:9000");
        assert_int_equal(config.interval_ns, 500 * JK_NS_PER_MS);
        assert_string_equal(config.root, "/tmp/tree");
        assert_string_equal(config.meters, "powercap");
        assert_string_equal(config.activity, "proc");
        assert_string_equal(config.model, "share");
        assert_false(config.counters);
        assert_string_equal(config.log_level, "debug");
        assert_int_equal(config.metrics_processes, -1);
        assert_int_equal(config.metrics_cgroups, 7);
        assert_int_equal(config.ended_retention_ns, 90 * JK_NS_PER_S);
        assert_int_equal(config.ended_tasks_max, 0);
}

static void
what_means_nothing_means_the_defaults(void **state)
{
        static const char *const texts[] = {
                "",
                "\n",
                "# only a comment\n",
                "---\n",
                "---\n...\n",
                "~\n",
                "{}\n",
                "\xef\xbb\xbf",
                "%YAML 1.1\n---\n",
                "metrics:\n  # processes: 3\nledger: {}\n",
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(texts); i++) {
                jk_autoconfig struct jk_config config = { 0 };
                struct jk_error err = { 0 };

                if (parse(texts[i], &config, &err) < 0)
                        fail_msg("%zu: %s", i, err.message);
                assert_int_equal(config.interval_ns, JK_NS_PER_S);
        }
}

static void
forms_that_editors_write_are_read(void **state)
{
        static const char utf16[] = "\xff\xfei\0n\0t\0e\0r\0v\0a\0l\0:\0 \0002\0s\0\n\0";
        static const struct {
                const char *text;
                size_t length;
        } rows[] = {
                { "\xef\xbb\xbfinterval: 2s\n", 0 },
                { "interval: 2s\r\nlisten: off\r\n", 0 },
                { "interval: 2s", 0 },
                { "\"interval\": \"2s\"\n", 0 },
                { "{interval: 2s}", 0 },
                { "interval: >-\n  2s\n", 0 },
                { "metrics: {cgroups: 1}\ninterval: &t 2s\nledger: {ended-retention: *t}\n", 0 },
                { utf16, sizeof utf16 - 1 },
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                jk_autoconfig struct jk_config config = { 0 };
                struct jk_error err = { 0 };
                size_t length = rows[i].length ? rows[i].length : strlen(rows[i].text);

                if (parse_bytes(rows[i].text, length, &config, &err) < 0)
                        fail_msg("%zu: %s", i, err.message);
                assert_int_equal(config.interval_ns, 2 * JK_NS_PER_S);
        }
}

static const struct {
        const char *text, *message;
} bad[] = {
        /* keys */
        { "intervall: 1s\n", "1: intervall: there is no such key; did you mean 'interval'?" },
        { "\n\n# x\nLog_Level: info\n",
          "4: Log_Level: there is no such key; did you mean 'log-level'?" },
        { "meters: auto\n", "1: meters: there is no such key; did you mean 'meter'?" },
        { "metrics:\n  proceses: 3\n",
          "2: metrics.proceses: there is no such key; did you mean 'processes'?" },
        { "ended-tasks: 3\n",
          "1: ended-tasks: there is no such key here; did you mean 'ledger.ended-tasks'?" },
        { "ledger:\n  processes: 3\n",
          "2: ledger.processes: there is no such key here; did you mean 'metrics.processes'?" },
        { "frequency: 3\n", "1: frequency: there is no such key; joulekeeper config "
                            "--print-defaults shows all" },
        { "<<: {interval: 1s}\n", "1: <<: there is no such key; joulekeeper config "
                                  "--print-defaults shows all" },
        { "\"a\\eb\": 1\n", "1: a\xef\xbf\xbd"
                            "b: there is no such key; joulekeeper config --print-defaults shows "
                            "all" },
        { "interval: 1s\nroot: /\ninterval: 2s\n",
          "3: interval: stands here for the second time; the first is in line 1" },
        { "metrics: {cgroups: 1}\nmetrics: {processes: 1}\n",
          "2: metrics: stands here for the second time; the first is in line 1" },
        { "? [interval]\n: 1s\n", "1: a key must be a single word" },

        /* types */
        { "interval: [1s]\n", "1: interval: is a list, but must be a single value" },
        { "root: {a: b}\n", "1: root: is a mapping, but must be a single value" },
        { "metrics: 20\n",
          "1: metrics: is a section: its keys stand in the lines below it, indented" },
        { "metrics: [processes]\n",
          "1: metrics: is a section: its keys stand in the lines below it, indented" },
        { "interval:\n",
          "1: interval: has no value; give one, or take the line out for the default "
          "(1s)" },
        { "root: ~\n",
          "1: root: has no value; give one, or take the line out for the default (/)" },
        { "root: ''\n", "1: root: is empty" },
        { "root: \"a\\0b\"\n", "1: root: has a NUL character in its value" },
        { "interval: 1\n", "1: interval: '1' is no duration; write a number and its unit: 10ms, "
                           "1s, 1.5s, 2m, 1h" },
        { "interval: 1x\n", "1: interval: '1x' is no duration; write a number and its unit: 10ms, "
                            "1s, 1.5s, 2m, 1h" },
        { "interval: !!str 1s\ninterval: !foo 1s\n",
          "2: interval: stands here for the second time; the first is in line 1" },
        { "interval: !foo 1s\n", "1: interval: has the tag '!foo'; write the value without" },
        { "metrics: {processes: '3'}\n",
          "1: metrics.processes: is text in quotes; give -1 to 1000000 without them" },
        { "metrics: {processes: 3x}\n",
          "1: metrics.processes: '3x' is no whole number; give -1 to 1000000" },
        { "metrics: {processes: 1.5}\n",
          "1: metrics.processes: '1.5' is no whole number; give -1 to 1000000" },
        { "metrics: {processes: 0x10}\n",
          "1: metrics.processes: '0x10' is no whole number; give -1 to 1000000" },
        { "counters: maybe\n", "1: counters: 'maybe' is neither true nor false" },
        { "counters: 'true'\n", "1: counters: is text in quotes; give true or false without them" },
        { "counters: 1\n", "1: counters: '1' is neither true nor false" },

        /* ranges and names */
        { "interval: 5ms\n", "1: interval: 5ms is out of range; give 10ms to 1m" },
        { "interval: 61s\n", "1: interval: 61s is out of range; give 10ms to 1m" },
        { "interval: 9999999999999999999999h\n", "1: interval: '9999999999999999999999h' is no "
                                                 "duration; write a number and its unit: 10ms, 1s, "
                                                 "1.5s, 2m, 1h" },
        { "interval: 999999999999h\n",
          "1: interval: 999999999999h is out of range; give 10ms to 1m" },
        { "interval: -1s\n", "1: interval: '-1s' is no duration; write a number and its unit: "
                             "10ms, 1s, 1.5s, 2m, 1h" },
        { "metrics:\n\n  cgroups: -2\n",
          "3: metrics.cgroups: -2 is out of range; give -1 to 1000000" },
        { "metrics: {cgroups: 99999999999999999999}\n",
          "1: metrics.cgroups: 99999999999999999999 is out of range; give -1 to 1000000" },
        { "log-level: warn\n", "1: log-level: 'warn' is not known; did you mean warning? There are "
                               "error, warning, notice, info or debug" },
        { "log-level: loud\n", "1: log-level: 'loud' is not known; there are error, warning, "
                               "notice, info or debug" },
        { "meter: powrcap\n",
          "1: meter: 'powrcap': there is no such meter; did you mean powercap?" },
        { "listen: 9782\n", "1: listen: '9782' is no address and port; give ADDR:PORT with a "
                            "numeric address, as 127.0.0.1:9782, 0.0.0.0:9782 or [::1]:9782" },
        { "listen: :9782\n", "1: listen: ':9782' is no address and port; give ADDR:PORT with a "
                             "numeric address, as 127.0.0.1:9782, 0.0.0.0:9782 or [::1]:9782" },
        { "listen: 1.2.3.4:70000\n",
          "1: listen: '1.2.3.4:70000' is no address and port; give ADDR:PORT with a numeric "
          "address, as 127.0.0.1:9782, 0.0.0.0:9782 or [::1]:9782" },
        { "listen: 1.2.3.4:http\n",
          "1: listen: '1.2.3.4:http' is no address and port; give ADDR:PORT with a numeric "
          "address, as 127.0.0.1:9782, 0.0.0.0:9782 or [::1]:9782" },
        { "listen: 1.2.3:80\n",
          "1: listen: '1.2.3:80' is no address and port; give ADDR:PORT with a numeric address, as "
          "127.0.0.1:9782, 0.0.0.0:9782 or [::1]:9782" },
        { "listen: ::1:80\n", "1: listen: '::1:80' is no address and port; give ADDR:PORT with a "
                              "numeric address, as 127.0.0.1:9782, 0.0.0.0:9782 or [::1]:9782" },
        { "listen: '[]:80'\n", "1: listen: '[]:80' is no address and port; give ADDR:PORT with a "
                               "numeric address, as 127.0.0.1:9782, 0.0.0.0:9782 or [::1]:9782" },
        { "listen: 'host:80'\n",
          "1: listen: 'host:80' is no address and port; give ADDR:PORT with a numeric address, as "
          "127.0.0.1:9782, 0.0.0.0:9782 or [::1]:9782" },

        /* the file as YAML */
        { "interval: 1s\n---\nroot: /\n",
          "2: a second document begins here; the file must hold one" },
        { "just text\n", "1: a line 'KEY: VALUE' is wanted here" },
        { "- interval\n", "1: a line 'KEY: VALUE' is wanted here" },
        { "metrics:\n\tprocesses: 3\n",
          "2: no value can begin like this (tabs do not indent in YAML; @, ` and % need quotes)" },
        { "interval: 1s\n  root: /\n",
          "2: not valid YAML: mapping values are not allowed in this context" },
        { "interval: 1s\nroot: 'x\n", "3: not valid YAML: while scanning a quoted scalar, found "
                                      "unexpected end of stream" },
        { "interval: *gone\n", "1: not valid YAML: found undefined alias" },
        { "interval: 1s\nroot: \xff\n", "2: not valid YAML: invalid leading UTF-8 octet" },
        { "interval: 1s\nroot: \x01\n", "2: not valid YAML: control characters are not allowed" },
        { "interval: 1s\nroot: [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]\n",
          "2: nested too deeply" },
};

static void
what_is_wrong_is_named_and_nothing_is_changed(void **state)
{
        (void)state;
        for (size_t i = 0; i < JK_COUNT(bad); i++) {
                struct jk_config config, before;
                struct jk_error err = { 0 };
                char message[600];

                memset(&config, 0x5a, sizeof config);
                before = config;
                snprintf(message, sizeof message, "f.yaml:%s", bad[i].message);
                if (parse(bad[i].text, &config, &err) >= 0)
                        fail_msg("%s: accepted", bad[i].text);
                assert_string_equal(err.message, message);
                assert_memory_equal(&config, &before, sizeof config);
                assert_true(parse(bad[i].text, &config, NULL) < 0); /* nobody listens */
        }
}

static void
an_alias_bomb_stays_small(void **state)
{
        jk_autoconfig struct jk_config config = { 0 };
        struct jk_error err = { 0 };

        (void)state;
        assert_true(parse("a: &a [x,x,x,x,x,x,x,x,x]\n"
                          "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                          "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                          "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                          "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
                          "f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
                          "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n"
                          "metrics: *g\n",
                          &config, &err) < 0);
        assert_true(parse("metrics: &m {processes: *m}\n", &config, &err) < 0);
        assert_true(parse("&m metrics: {*m : 3}\n", &config, &err) < 0);
}

static void
deep_and_long_files_end_soon(void **state)
{
        static const char *const patterns[] = { "[", "{a: ", "- ", "? ", "a: b\n", "&a b: \n" };
        jk_autofree char *text = malloc(JK_CONFIG_FILE_MAX);

        (void)state;
        assert_non_null(text);
        for (size_t i = 0; i < JK_COUNT(patterns); i++) {
                jk_autoconfig struct jk_config config = { 0 };
                struct jk_error err = { 0 };
                int64_t start = jk_thread_cpu_ns();

                for (size_t k = 0; k < JK_CONFIG_FILE_MAX; k++)
                        text[k] = patterns[i][k % strlen(patterns[i])];
                assert_true(parse_bytes(text, JK_CONFIG_FILE_MAX, &config, &err) < 0);
                assert_true(jk_thread_cpu_ns() - start < 20 * JK_NS_PER_S);
        }
}

/* ---- files ---- */

static void
files_that_are_none_are_refused(void **state)
{
        char directory[] = "/tmp/jk-config-XXXXXX", path[64];
        struct jk_config config;
        struct jk_error err = { 0 };
        FILE *large;

        (void)state;
        assert_non_null(mkdtemp(directory));
        assert_int_equal(jk_config_load(directory, NULL, &config, &err), -EISDIR);
        assert_non_null(strstr(err.message, "is a directory"));
        assert_int_equal(jk_config_load("/dev/null", NULL, &config, &err), -EINVAL);
        assert_string_equal(err.message, "/dev/null: is no regular file");

        snprintf(path, sizeof path, "%s/fifo", directory);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(jk_config_load(path, NULL, &config, &err), -EINVAL);
        unlink(path);

        snprintf(path, sizeof path, "%s/none", directory);
        assert_int_equal(jk_config_load(path, NULL, &config, &err), -ENOENT);
        assert_non_null(strstr(err.message, "none: cannot be read: No such file"));

        large = fopen(path, "w");
        assert_non_null(large);
        assert_int_equal(ftruncate(fileno(large), JK_CONFIG_FILE_MAX + 1), 0);
        fclose(large);
        assert_int_equal(jk_config_load(path, NULL, &config, &err), -EFBIG);

        unlink(path);
        rmdir(directory);
}

static void
printed_defaults_are_the_defaults(void **state)
{
        jk_autoconfig struct jk_config config = { 0 }, defaults = { 0 };
        char path[] = "/tmp/jk-config-XXXXXX";
        struct jk_error err = { 0 };
        int fd = mkstemp(path);
        FILE *out = fdopen(fd, "w+");
        char line[256];

        (void)state;
        assert_non_null(out);
        assert_int_equal(jk_config_print_defaults(out), 0);
        if (jk_config_load(path, NULL, &config, &err) < 0)
                fail_msg("%s", err.message);

        assert_int_equal(jk_config_init(&defaults), 0);
        for (size_t i = 0; i < jk_config_n_rows; i++)
                assert_true(jk_config_same(&jk_config_rows[i], &config, &defaults));

        rewind(out);
        while (fgets(line, sizeof line, out))
                assert_true(strlen(line) <= 81);
        fclose(out);
        unlink(path);
}

/* ---- the command line ---- */

static void
the_command_line_sets_by_name(void **state)
{
        jk_autoconfig struct jk_config config = { 0 };
        struct jk_error err = { 0 };

        (void)state;
        assert_int_equal(jk_config_init(&config), 0);
        assert_int_equal(jk_config_set(&config, "interval", "250ms", NULL, &err), 0);
        assert_int_equal(config.interval_ns, 250 * JK_NS_PER_MS);
        assert_int_equal(jk_config_set(&config, "metrics-processes", "3", NULL, &err), 0);
        assert_int_equal(config.metrics_processes, 3);

        assert_int_equal(jk_config_set(&config, "interval", "1d", NULL, &err), -EINVAL);
        assert_string_equal(err.message, "interval: '1d' is no duration; write a number and its "
                                         "unit: 10ms, 1s, 1.5s, 2m, 1h");
        assert_int_equal(jk_config_set(&config, "listen", "x", NULL, &err), -EINVAL);
        assert_int_equal(jk_config_set(&config, "meter", "x", check_names, &err), -EINVAL);
        assert_int_equal(jk_config_set(&config, "intreval", "1s", NULL, &err), -EINVAL);
        assert_string_equal(err.message,
                            "intreval: there is no such option; did you mean interval?");
        assert_int_equal(config.interval_ns, 250 * JK_NS_PER_MS);
        assert_string_equal(config.meters, "auto");
}

static void
durations_are_read_exactly(void **state)
{
        static const struct {
                const char *text;
                int64_t ns;
        } rows[] = {
                { "10ms", 10000000 },
                { "1s", 1000000000 },
                { "1.5s", 1500000000 },
                { "0.001ms", 1000 },
                { "2m", 120000000000 },
                { "1h", 3600000000000 },
                { "0s", 0 },
                { "250us", 250000 },
                { "7ns", 7 },
                { "2562047h", 9223369200000000000 },
        };
        static const char *const wrong[] = { "",    "s",    "1",      "1 s", " 1s", "1s ",
                                             "1.s", ".5s",  "1.5.5s", "-1s", "+1s", "1sm",
                                             "1S",  "0x1s", "1e3s",   "inf", "nan" };
        int64_t ns;

        (void)state;
        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                assert_int_equal(jk_config_parse_duration(rows[i].text, &ns, NULL), 0);
                assert_int_equal(ns, rows[i].ns);
        }

        ns = 42;
        for (size_t i = 0; i < JK_COUNT(wrong); i++) {
                struct jk_error err = { 0 };

                assert_int_equal(jk_config_parse_duration(wrong[i], &ns, &err), -EINVAL);
                assert_non_null(strstr(err.message, "10ms, 1s, 1.5s, 2m, 1h"));
        }
        assert_int_equal(jk_config_parse_duration("2562048h", &ns, NULL), -ERANGE);
        assert_int_equal(ns, 42);
}

static void
durations_survive_printing(void **state)
{
        uint64_t seed = 1;

        (void)state;
        for (int i = 0; i < 10000; i++) {
                char buffer[JK_DURATION_SIZE];
                int64_t ns;

                seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                int64_t wanted = (int64_t)(seed >> 20 >> (seed >> 60)) * (i % 3 == 0 ? 1000 : 1);

                jk_config_format_duration(wanted, buffer);
                assert_int_equal(jk_config_parse_duration(buffer, &ns, NULL), 0);
                assert_int_equal(ns, wanted);
        }
}

static void
every_row_is_whole(void **state)
{
        (void)state;
        for (size_t i = 0; i < jk_config_n_rows; i++) {
                const struct jk_config_row *row = &jk_config_rows[i];

                assert_non_null(row->key);
                assert_non_null(row->argument);
                assert_non_null(row->help);
                assert_ptr_equal(jk_config_row(row->option), row); /* names are unique */
                assert_true(row->help[strlen(row->help) - 1] != '.');
                assert_true(!row->section || jk_config_section_help(row->section));
                assert_true(row->type != JK_CONFIG_CHOICE || row->choices);
        }
}

/* docs/configuration.md says what the rows say; JK_UPDATE_DOCS=1 writes it. */
static void
the_document_is_the_rows(void **state)
{
        const char *tree = getenv("JK_SOURCE_ROOT");
        jk_autotext struct jk_text wanted = { 0 }, path = { 0 };
        char have[32768];
        size_t length;
        FILE *file;

        (void)state;
        if (!tree)
                skip();
        jk_text_printf(&path, "%s/docs/configuration.md", tree);
        jk_config_document(&wanted);

        if (getenv("JK_UPDATE_DOCS")) {
                file = fopen(path.data, "w");
                assert_non_null(file);
                assert_true(fputs(wanted.data, file) >= 0);
                fclose(file);
        }

        file = fopen(path.data, "r");
        assert_non_null(file);
        length = fread(have, 1, sizeof have - 1, file);
        have[length] = '\0';
        fclose(file);
        assert_string_equal(have, wanted.data);
}

static void
values_are_compared_and_exchanged(void **state)
{
        jk_autoconfig struct jk_config a = { 0 }, b = { 0 };
        struct jk_error err = { 0 };

        (void)state;
        assert_int_equal(jk_config_init(&a), 0);
        assert_int_equal(
                parse("{listen: off, interval: 2s, root: /x, meter: powercap, "
                      "activity: proc, model: share, estimate-model: /x, counters: no, events: "
                      "cycles, log-level: "
                      "error, "
                      "metrics: {processes: 1, cgroups: 1}, "
                      "ledger: {ended-retention: 1s, ended-tasks: 1}, "
                      "models: {from: /x, cache: /x, directory: /x, accept: /x, token: /x, "
                      "accept-mb: 1, accept-total-mb: 1, accept-recordings: 1}, "
                      "record: {directory: /x, "
                      "file-mb: 1, file-age: 1s, "
                      "keep-mb: 1}, "
                      "wall: {source: program, command: x, url: 'http://x', query: x, "
                      "topic: x, device: /x, path: x, unit: kW, interval: 2s, offset: 2s, "
                      "credentials: /x, "
                      "certificate: /x}}",
                      &b, &err),
                0);
        for (size_t i = 0; i < jk_config_n_rows; i++) {
                jk_autoconfig struct jk_config defaults = { 0 };

                assert_int_equal(jk_config_init(&defaults), 0);
                assert_false(jk_config_same(&jk_config_rows[i], &a, &b));
                jk_config_swap(&jk_config_rows[i], &a, &b);
                assert_true(jk_config_same(&jk_config_rows[i], &defaults, &b));
        }
        assert_string_equal(a.root, "/x");
        assert_int_equal(a.ended_tasks_max, 1);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_headers),
        cmocka_unit_test(every_key_is_taken_over),
        cmocka_unit_test(what_means_nothing_means_the_defaults),
        cmocka_unit_test(forms_that_editors_write_are_read),
        cmocka_unit_test(what_is_wrong_is_named_and_nothing_is_changed),
        cmocka_unit_test(an_alias_bomb_stays_small),
        cmocka_unit_test(deep_and_long_files_end_soon),
        cmocka_unit_test(files_that_are_none_are_refused),
        cmocka_unit_test(printed_defaults_are_the_defaults),
        cmocka_unit_test(the_command_line_sets_by_name),
        cmocka_unit_test(durations_are_read_exactly),
        cmocka_unit_test(durations_survive_printing),
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(the_document_is_the_rows),
        cmocka_unit_test(values_are_compared_and_exchanged),
};

JK_RUN_TESTS(tests)
