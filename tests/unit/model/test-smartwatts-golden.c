/* SPDX-License-Identifier: Apache-2.0
 *
 * The SmartWatts formula against what the published program made of two data sets: the same
 * reports, to 1e-9 W.
 */
#include "tests/unit/test.h"

#include <jansson.h>
#include <math.h>
#include <unistd.h>

#include "hwpc/reader.h"
#include "tests/unit/model/powers.h"

#define TOLERANCE_W 1e-9

static double
number_in(const json_t *json, const char *key)
{
        return json_number_value(json_object_get(json, key));
}

static void
read_parameters(const char *folder, struct jk_smartwatts_options *ret_options)
{
        char path[512];
        json_t *json;

        snprintf(path, sizeof path, "%s/parameters.json", folder);
        json = json_load_file(path, 0, NULL);
        assert_non_null(json);
        *ret_options = jk_smartwatts_defaults;
        ret_options->base_frequency_mhz = (uint64_t)number_in(json, "cpu_base_freq_mhz");
        ret_options->period_ms = (uint64_t)number_in(json, "period_ms");
        for (int scope = 0; scope < JK_SMARTWATTS_SCOPE_MAX; scope++) {
                struct jk_smartwatts_learning *learning = &ret_options->learning[scope];

                learning->tdp_w = number_in(json, "cpu_tdp_w");
                learning->min_samples = (uint64_t)number_in(json, "min_samples");
                learning->history_window = (uint64_t)number_in(json, "history_window");
                learning->error_window = (uint64_t)number_in(json, "error_window");
                learning->error_threshold_w =
                        number_in(json, scope == JK_SMARTWATTS_DRAM ? "dram_error_threshold_w"
                                                                    : "cpu_error_threshold_w");
        }
        if (!json_is_true(json_object_get(json, "dram")))
                ret_options->events[JK_SMARTWATTS_DRAM] = NULL;
        json_decref(json);
}

static void
feed_folder(struct bench *bench, const char *folder)
{
        static const char *const groups[] = { "core", "msr", "rapl" };
        char buffers[3][512];
        const char *paths[3];
        struct jk_hwpc_reader *reader;
        struct jk_error err = { "" };
        int r;

        for (size_t i = 0; i < 3; i++) {
                snprintf(buffers[i], sizeof buffers[i], "%s/%s.csv", folder, groups[i]);
                paths[i] = buffers[i];
        }
        r = jk_hwpc_csv_open(paths, 3, &bench->names, &reader, &err);
        if (r < 0)
                fail_msg("%s", err.message);
        while ((r = jk_hwpc_read(reader, &bench->report, &err)) > 0)
                assert_int_equal(jk_smartwatts_take(bench->formula, &bench->report), 0);
        if (r < 0)
                fail_msg("%s", err.message);
        jk_hwpc_reader_close(reader);
}

/* A row of expected_power.csv. */
static void
parse_row(char *line, struct power *ret_row)
{
        char *fields[8], *rest = line;

        line[strcspn(line, "\r\n")] = '\0';
        for (size_t i = 0; i < 8; i++) {
                fields[i] = strsep(&rest, ",");
                assert_non_null(fields[i]);
        }
        *ret_row = (struct power){
                .timestamp_ms = strtoll(fields[0], NULL, 10),
                .power_w = strtod(fields[3], NULL),
                .socket = (uint32_t)strtoul(fields[4], NULL, 10),
                .ratio = strtod(fields[6], NULL),
                .scope = strcmp(fields[7], "dram") == 0 ? JK_SMARTWATTS_DRAM : JK_SMARTWATTS_CPU,
        };
        snprintf(ret_row->target, sizeof ret_row->target, "%s", fields[2]);
}

static void
compare(const struct bench *bench, const char *folder)
{
        char path[512], line[512];
        double largest_w = 0, largest_ratio = 0;
        size_t n = 0;
        FILE *file;

        snprintf(path, sizeof path, "%s/expected_power.csv", folder);
        file = fopen(path, "re");
        assert_non_null(file);
        assert_non_null(fgets(line, sizeof line, file)); /* the titles */
        for (; fgets(line, sizeof line, file); n++) {
                const struct power *power;
                struct power row;

                parse_row(line, &row);
                power = bench_find_same(bench, &row);
                if (!power)
                        fail_msg("%lld %s: no such report", (long long)row.timestamp_ms,
                                 row.target);
                largest_w = fmax(largest_w, fabs(power->power_w - row.power_w));
                largest_ratio = fmax(largest_ratio, fabs(power->ratio - row.ratio));
        }
        fclose(file);
        print_message("# %s: %zu reports, largest difference %g W\n", folder, n, largest_w);
        assert_int_equal(n, bench->n_powers); /* and no others */
        assert_true(n > 0);
        assert_true(largest_w <= TOLERANCE_W && largest_ratio <= TOLERANCE_W);
}

static void
check_folder(const char *name)
{
        const char *shared = getenv("JK_SHARED");
        struct jk_smartwatts_options options;
        struct bench bench;
        char folder[400];

        snprintf(folder, sizeof folder, "%s/data/hwpc-golden/%s", shared ? shared : "", name);
        if (!shared || access(folder, R_OK) < 0)
                JK_SKIP("there is no data/hwpc-golden/%s in JK_SHARED (%s)", name,
                        shared ? shared : "not set");
        read_parameters(folder, &options);
        assert_int_equal(bench_open(&bench, &options), 0);
        feed_folder(&bench, folder);
        compare(&bench, folder);
        bench_close(&bench);
}

static void
real_reports_give_what_the_program_gave(void **state)
{
        (void)state;
        check_folder("real40");
}

static void
long_synthetic_reports_give_what_the_program_gave(void **state)
{
        (void)state;
        check_folder("synth200");
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_reports_give_what_the_program_gave),
        cmocka_unit_test(long_synthetic_reports_give_what_the_program_gave),
};

JK_RUN_TESTS(tests)
