/* SPDX-License-Identifier: Apache-2.0
 *
 * Mappings: what they say, and what is refused in them.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/array.h"
#include "import/mapping.h"

static const char *
refusal(const char *text, struct jk_error *err)
{
        jk_automapping struct jk_mapping mapping = { 0 };

        assert_true(jk_mapping_parse("m", text, strlen(text), &mapping, err) < 0);
        assert_int_equal(mapping.n_tables, 0);
        return err->message;
}

#define TIME   "  - time: {column: t, unit: s}\n"
#define TABLES "tables:\n" TIME
#define ZONES  "    zones:\n"

static void
a_mapping_says_what_columns_are(void **state)
{
        static const char text[] =
                "cpus: 32\n"
                "cpu: Some CPU\n"
                "interval: 3s\n"
                "separator: tab\n"
                "tables:\n"
                "  - name: one\n"
                "    time: {column: t, unit: ms, offset: -1.5s}\n"
                "    where: {kind: node}\n"
                "    zones:\n"
                "      - {name: package-0, column: p, unit: mJ, kind: cumulative, "
                "range: 1000, where: {socket: 0}}\n"
                "    tasks: {name: '{pod}', cgroup: '/{ns}/{pod}'}\n"
                "    features:\n"
                "      - {feature: cpu, column: c, unit: ms, kind: rate}\n"
                "      - {feature: llc_misses, column: m, unit: 1e6}\n";
        jk_automapping struct jk_mapping mapping = { 0 };
        const struct jk_mapping_table *table;
        struct jk_error err = { "" };
        int r = jk_mapping_parse("m", text, sizeof text - 1, &mapping, &err);

        (void)state;
        assert_string_equal(err.message, "");
        assert_int_equal(r, 0);
        assert_int_equal(mapping.cpus, 32);
        assert_int_equal(mapping.separator, '\t');
        assert_int_equal(mapping.n_tables, 1);
        table = &mapping.tables[0];
        assert_int_equal(table->interval_ns, INT64_C(3000000000));
        assert_int_equal(table->offset_ns, -INT64_C(1500000000));
        assert_int_equal(table->time_unit, JK_TIME_MS);
        assert_int_equal(table->where.n, 1);
        assert_int_equal(table->n_values, 3);
        assert_int_equal(table->values[0].kind, JK_SERIES_CUMULATIVE);
        assert_true(table->values[0].scale == 1e3 && table->values[0].range == 1e6);
        assert_int_equal(table->values[0].where.n, 1);
        assert_int_equal(table->values[1].kind, JK_SERIES_RATE);
        assert_true(table->values[1].scale == 1e6);
        assert_true(table->values[2].scale == 1e6);
        assert_int_equal(table->cgroup.n, 4);
        assert_string_equal(table->cgroup.pieces[0].text, "/");
        assert_string_equal(table->columns[table->cgroup.pieces[3].column], "pod");
        assert_int_equal(table->n_columns, 8);
}

static void
what_is_wrong_is_refused_with_its_line(void **state)
{
        static const struct {
                const char *text, *message;
        } wrong[] = {
                { "", "m:1: is empty" },
                { "x", "m:1: the file has lines 'KEY: VALUE'" },
                { "cpus: 2\n", "m:1: the file lacks 'tables'" },
                { "tables: 1\n", "m:1: tables is a list: each item begins with '- '" },
                { "tables: []\n", "m: has no table" },
                { "cpus: 0\ntables: []\n", "m:1: '0' is no number from 1 to 8192" },
                { "cpus: 9999\ntables: []\n", "m:1: '9999' is no number from 1 to 8192" },
                { "cpus: 2\ncpus: 2\n", "m:2: cpus stands here for the second time" },
                { "interval: 0s\n", "m:1: '0s' is no interval" },
                { "interval: 3\n", "m:1: '3' is no duration" },
                { "tabels: []\n", "m:1: the file has no key 'tabels'; did you mean 'tables'?" },
                { "a: &x [*x]\n", "m:1: an alias (*) is not taken" },
                { "tables: [\n", "m:2: not valid YAML" },
                { "separator: pipe\n", "m:1: there is no separator 'pipe'" },
                { TABLES, "m:2: a table has 'zones', 'features' or both" },
                { TABLES ZONES "      - {name: p, column: c}\n", "m:4: a zone lacks 'unit'" },
                { TABLES ZONES "      - {name: p, unit: W}\n", "m:4: a zone lacks 'column'" },
                { TABLES ZONES "      - {name: p, column: c, unit: Wat}\n",
                  "m:4: there is no unit 'Wat'" },
                { TABLES ZONES "      - {name: p, column: c, unit: W, kind: cumulative}\n",
                  "m:4: what has this unit is a rate, and nothing else" },
                { TABLES ZONES "      - {name: p, column: c, unit: J, kind: cumulativ}\n",
                  "m:4: there is no kind 'cumulativ'; did you mean 'cumulative'?" },
                { TABLES ZONES "      - {name: p, column: c, unit: J, range: 5}\n",
                  "m:4: only what is cumulative has a range" },
                { TABLES ZONES
                  "      - {name: p, column: c, unit: J, kind: cumulative, range: -5}\n",
                  "m:4: '-5' is no number above 0" },
                { TABLES ZONES "      - {name: p, column: c, unit: J, uncertainty: 101}\n",
                  "m:4: an uncertainty is at most 100 percent" },
                { TABLES "    features:\n      - {feature: cycles, column: c}\n",
                  "m:2: the feature cycles needs 'tasks'" },
                { TABLES "    features:\n      - {feature: cpu, column: c}\n",
                  "m:4: cpu lacks 'unit'" },
                { TABLES "    features:\n      - {event: L1D, column: c}\n",
                  "m:2: the event L1D needs 'tasks'" },
                { TABLES "    features:\n      - {column: c}\n",
                  "m:4: a feature has one of 'feature' and 'event'" },
                { TABLES "    features:\n      - {feature: cycles, event: x, column: c}\n",
                  "m:4: a feature has one of 'feature' and 'event'" },
                { TABLES "    features:\n      - {feature: cycles, package: 0, column: c}\n",
                  "m:4: only an event is of a package" },
                { TABLES "    features:\n      - {event: x, package: -1, column: c}\n",
                  "m:4: '-1' is no number of a package" },
                { TABLES "    features:\n      - {event: "
                         "x23456789012345678901234567890123456789012345678, column: c}\n",
                  "m:4: an event's name has 1 to 47 bytes" },
                { TABLES "    features:\n      - {feature: voltage, column: c, unit: K}\n",
                  "m:4: there is no unit 'K'" },
                { TABLES "    features:\n"
                         "      - {feature: voltage, column: c, unit: V, kind: interval}\n",
                  "m:4: a voltage is of no kind" },
                { TABLES "    features:\n      - {feature: temperature, column: c, unit: C}\n",
                  "m: the feature temperature needs 'cpus: NUMBER'" },
                { TABLES "    features:\n      - {feature: cyles, column: c}\n",
                  "m:4: there is no feature 'cyles'; did you mean 'cycles'?" },
                { TABLES "    tasks: {name: '{pod'}\n", "m:3: a column is named in braces" },
                { TABLES "    tasks: {name: '{}'}\n", "m:3: a column is named in braces" },
                { TABLES "    tasks: {cgroup: /x}\n", "m:3: tasks lacks 'name'" },
                { TABLES "    tasks: {name: x, cgroup: x}\n",
                  "m:3: a cgroup's path begins with '/'" },
                { "tables:\n  - zones:\n      - {name: p, column: c, unit: J}\n",
                  "m: table 1 (no name) has neither 'time' nor 'interval'" },
                { "tables:\n  - time: {column: t}\n", "m:2: time lacks 'unit'" },
                { "tables:\n  - time: {column: t, unit: d}\n",
                  "m:2: there is no unit of time 'd'" },
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(wrong); i++) {
                struct jk_error err = { "" };
                const char *message = refusal(wrong[i].text, &err);

                if (strncmp(message, wrong[i].message, strlen(wrong[i].message)) != 0)
                        fail_msg("%s\nsaid: %s\nexpected: %s", wrong[i].text, message,
                                 wrong[i].message);
        }
}

static void
deep_nesting_is_refused_at_once(void **state)
{
        struct jk_error err = { "" };
        char text[4096];

        (void)state;
        memset(text, '[', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        assert_string_equal(refusal(text, &err), "m:1: nested too deeply");
}

static void
those_that_come_with_the_program_are_valid(void **state)
{
        static const char *const names[] = {
                "ccgrid23-perf", "kepler-coremark", "kepler-coremark-node",
                "kepler-nx12",   "kepler-vm",       "kepler-vm-guest",
                "odroid-xu3"
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(names); i++) {
                jk_automapping struct jk_mapping mapping = { 0 };
                struct jk_error err = { "" };

                jk_mapping_load(names[i], &mapping, &err);
                assert_string_equal(err.message, "");
                assert_non_null(mapping.description);
        }
}

static void
a_name_that_is_none_is_told_what_there_is(void **state)
{
        jk_automapping struct jk_mapping mapping = { 0 };
        struct jk_error err = { "" };

        (void)state;
        assert_int_equal(jk_mapping_load("kepler-nx13", &mapping, &err), -ENOENT);
        assert_non_null(strstr(err.message, "did you mean 'kepler-nx12'"));
        assert_int_equal(jk_mapping_load("something", &mapping, &err), -ENOENT);
        assert_non_null(strstr(err.message, "kepler-coremark-node, kepler-coremark, "));
        assert_int_equal(jk_mapping_load("./none", &mapping, &err), -ENOENT);
        assert_non_null(strstr(err.message, "./none: cannot be read"));
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mapping_says_what_columns_are),
        cmocka_unit_test(what_is_wrong_is_refused_with_its_line),
        cmocka_unit_test(deep_nesting_is_refused_at_once),
        cmocka_unit_test(those_that_come_with_the_program_are_valid),
        cmocka_unit_test(a_name_that_is_none_is_told_what_there_is),
};

JK_RUN_TESTS(tests)
