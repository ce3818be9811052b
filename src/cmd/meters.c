/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper meters: which zones this machine has, what they read, how far to trust it, and which
 * meters work or why they do not. Two readings, an interval apart, as power needs both.
 */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "activity/activity.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/units.h"
#include "cmd/command.h"
#include "cmd/format.h"
#include "cmd/settings.h"
#include "config/config.h"
#include "engine/engine.h"
#include "meter/meters.h"

/* For the first value of a meter outside. */
#define WALL_PATIENCE_NS (10 * JK_NS_PER_S)

struct options {
        const char *root;
        const char *meters;
        int64_t interval_ns;
        bool json;
        const char *config; /* a file, or NULL */
        const struct jk_command *command;
};

static const struct jk_option rows[] = {
        { 'c', "config", "FILE", "with the meter outside that this file configures (wall)" },
        { 'i', "interval", "TIME", "between the two readings: 10ms to 60s (default: 1s)" },
        { 'j', "json", NULL, "print JSON" },
        { 'm', "meter", "LIST", "only these meters, separated by commas (default: auto)" },
        { 0, "root", "DIR", "read sysfs and procfs below DIR (default: /)" },
};

static const char *const state_names[JK_METER_STATE_MAX] = {
        [JK_METER_WORKING] = "working",
        [JK_METER_ABSENT] = "absent",
        [JK_METER_FAILED] = "failed",
        [JK_METER_UNUSED] = "unused",
};

static const struct {
        uint32_t flag;
        const char *name;
} flag_names[] = {
        { JK_READING_SEEN, "seen" },       { JK_READING_WRAPPED, "wrapped" },
        { JK_READING_REBASED, "rebased" }, { JK_READING_REFUSED, "refused" },
        { JK_READING_FROZEN, "frozen" },
};

static int
set_interval(struct options *options, const char *value)
{
        struct jk_error err = { 0 };

        if (jk_config_parse_duration(value, &options->interval_ns, &err) < 0)
                return jk_usage_error(options->command, "--interval %s: %s", value, err.message);
        if (options->interval_ns < JK_INTERVAL_MIN_NS || options->interval_ns > JK_INTERVAL_MAX_NS)
                return jk_usage_error(options->command, "--interval %s: give 10ms to 60s", value);

        return JK_EXIT_OK;
}

static int
set_option(const struct jk_option *option, const char *value, void *data)
{
        struct options *options = data;

        if (strcmp(option->name, "interval") == 0)
                return set_interval(options, value);
        if (strcmp(option->name, "json") == 0)
                options->json = true;
        else if (strcmp(option->name, "meter") == 0)
                options->meters = value;
        else if (strcmp(option->name, "config") == 0)
                options->config = value;
        else
                options->root = value;

        return JK_EXIT_OK;
}

/* ---- reading ---- */

static void
take_sample(struct jk_meters *meters, struct jk_cpus *cpus, struct jk_sample *sample)
{
        struct jk_instant now = jk_now();

        jk_sample_begin(sample, &now);
        if (cpus)
                jk_cpus_read(cpus, sample, NULL);
        jk_meters_read(meters, sample);
        jk_meters_estimate(meters, sample);
}

static void
sleep_until(int64_t monotonic_ns)
{
        struct timespec until = {
                .tv_sec = monotonic_ns / JK_NS_PER_S,
                .tv_nsec = monotonic_ns % JK_NS_PER_S,
        };

        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
                ;
}

/* A meter outside that is asked has not said anything yet. */
static bool
waits_for_wall(const struct options *options, const struct jk_sample *sample)
{
        int z = jk_zone_find(sample->zones, "wall");

        return options->config && z >= 0 && sample->readings[z].flags == 0 &&
               strcmp(sample->zones->zones[z].source, "wall") == 0;
}

static void
take_samples(const struct options *options, struct jk_meters *meters, struct jk_cpus *cpus,
             struct jk_sample *sample)
{
        int64_t patience_ns = jk_monotonic_ns() + WALL_PATIENCE_NS;

        take_sample(meters, cpus, sample);
        while (waits_for_wall(options, sample) && jk_monotonic_ns() < patience_ns) {
                sleep_until(sample->time.monotonic_ns + 100 * JK_NS_PER_MS);
                take_sample(meters, cpus, sample);
        }
        sleep_until(sample->time.monotonic_ns + options->interval_ns);
        take_sample(meters, cpus, sample);
}

/* Which zones add up to the machine. */
static bool
counts(const struct jk_sample *sample, size_t z)
{
        bool seen[JK_ZONES_MAX] = { false };

        for (size_t i = 0; i < sample->zones->count; i++)
                seen[i] = sample->readings[i].flags & JK_READING_SEEN;

        return jk_zone_counts(sample->zones, seen, z);
}

static double
horizon_s(const struct jk_zone *zone)
{
        return zone->range_uj > 0 && zone->max_w > 0
                       ? jk_counter_horizon_s((double)zone->range_uj, zone->max_w)
                       : INFINITY;
}

/* ---- as a table ---- */

enum { COLUMNS = 9 };

static const struct {
        const char *title;
        size_t width;
        enum jk_fit fit;
} columns[COLUMNS] = {
        { "zone", 22, JK_FIT_LEFT },       { "power", 9, JK_FIT_RIGHT },
        { "energy", 9, JK_FIT_RIGHT },     { "error", 6, JK_FIT_RIGHT },
        { "provenance", 10, JK_FIT_LEFT }, { "meter", 9, JK_FIT_LEFT },
        { "range", 9, JK_FIT_RIGHT },      { "wraps after", 14, JK_FIT_RIGHT },
        { "limit", 8, JK_FIT_RIGHT },
};

struct row {
        struct jk_text cells[COLUMNS];
};

static void
free_row(struct row *row)
{
        for (size_t c = 0; c < COLUMNS; c++)
                jk_text_free(&row->cells[c]);
}

static void
print_row(struct row *row, const struct jk_glyphs *glyphs)
{
        jk_autotext struct jk_text line = { 0 };

        for (size_t c = 0; c < COLUMNS; c++) {
                const char *cell = row->cells[c].data ? row->cells[c].data : "";

                jk_format_fit(&line, cell, columns[c].width, columns[c].fit, glyphs);
                jk_text_string(&line, "  ");
        }
        while (line.length > 0 && line.data[line.length - 1] == ' ')
                line.data[--line.length] = '\0';
        puts(line.data ? line.data : "");
}

static void
print_titles(const struct jk_glyphs *glyphs)
{
        __attribute__((cleanup(free_row))) struct row row = { 0 };

        for (size_t c = 0; c < COLUMNS; c++)
                jk_text_string(&row.cells[c], columns[c].title);
        print_row(&row, glyphs);
}

static void
format_reading(struct row *row, const struct jk_zone_reading *reading,
               const struct jk_glyphs *glyphs)
{
        if (reading->flags & JK_READING_SEEN) {
                jk_format_watts(&row->cells[1], jk_power_w(reading->energy_uj, reading->elapsed_ns),
                                glyphs);
                jk_format_joules(&row->cells[2], (double)reading->energy_uj, glyphs);
                return;
        }

        jk_text_string(&row->cells[1], reading->flags & JK_READING_FROZEN    ? "frozen"
                                       : reading->flags & JK_READING_REFUSED ? "refused"
                                       : reading->flags & JK_READING_REBASED ? "rebased"
                                                                             : "not seen");
}

static void
format_limits(struct row *row, const struct jk_zone *zone, const struct jk_glyphs *glyphs)
{
        if (zone->range_uj > 0)
                jk_format_joules(&row->cells[6], (double)zone->range_uj, glyphs);
        if (isfinite(horizon_s(zone)))
                jk_format_duration(&row->cells[7], (int64_t)(horizon_s(zone) * 1e9));
        if (!isnan(zone->limit_w))
                jk_format_watts(&row->cells[8], zone->limit_w, glyphs);
}

static void
print_zone(const struct jk_sample *sample, size_t z, int depth, const struct jk_glyphs *glyphs)
{
        __attribute__((cleanup(free_row))) struct row row = { 0 };
        const struct jk_zone *zone = &sample->zones->zones[z];

        jk_text_printf(&row.cells[0], "%*s", 2 * depth, "");
        jk_format_safe(&row.cells[0], zone->name, glyphs);
        format_reading(&row, &sample->readings[z], glyphs);
        jk_text_printf(&row.cells[3], "%s%.0f %%", glyphs->plusminus, zone->uncertainty_pct);
        jk_text_string(&row.cells[4], jk_provenance_name(zone->provenance));
        jk_text_string(&row.cells[5], zone->source);
        format_limits(&row, zone, glyphs);
        print_row(&row, glyphs);
}

static void
print_tree(const struct jk_sample *sample, int parent, int depth, const struct jk_glyphs *glyphs)
{
        if (depth > JK_ZONE_KIND_MAX)
                return; /* deeper than kinds can nest */

        for (size_t z = 0; z < sample->zones->count; z++) {
                if (sample->zones->zones[z].parent != parent)
                        continue;
                print_zone(sample, z, depth, glyphs);
                print_tree(sample, (int)z, depth + 1, glyphs);
        }
}

static void
print_machine(const struct jk_sample *sample, const struct jk_glyphs *glyphs)
{
        jk_autotext struct jk_text text = { 0 };
        double power_w = NAN;

        for (size_t z = 0; z < sample->zones->count; z++)
                if (counts(sample, z))
                        power_w = (isnan(power_w) ? 0 : power_w) +
                                  jk_power_w(sample->readings[z].energy_uj,
                                             sample->readings[z].elapsed_ns);

        jk_format_watts(&text, power_w, glyphs);
        printf("\nThe machine: %s, from the zones that lie in no other.\n", text.data);
}

static void
print_meters(const struct jk_meters *meters)
{
        const struct jk_meter_status *status;
        size_t n = jk_meters_status(meters, &status);

        printf("\n%-10s  %-8s  %5s  %s\n", "meter", "state", "zones", "why");
        for (size_t s = 0; s < n; s++) {
                printf("%-10s  %-8s  %5zu  %s\n", status[s].ops->name, state_names[status[s].state],
                       status[s].n_zones, jk_meter_status_text(&status[s]));
                if (!isnan(status[s].lag.offset_s))
                        printf("%-10s  comes %.1f s late\n", "", status[s].lag.offset_s);
        }
}

static void
print_text(const struct jk_meters *meters, const struct jk_sample *sample)
{
        const struct jk_glyphs *glyphs = jk_glyphs_for_locale();

        if (sample->zones->count > 0) {
                print_titles(glyphs);
                print_tree(sample, -1, 0, glyphs);
                print_machine(sample, glyphs);
        } else {
                printf("No meter works here, so this machine has no zones.\n");
        }
        print_meters(meters);
}

/* ---- as JSON ---- */

/* null: not known, or without end. */
static json_t *
number(double value)
{
        return isfinite(value) ? json_real(value) : json_null();
}

static json_t *
flags_json(uint32_t flags)
{
        json_t *array = json_array();

        for (size_t i = 0; i < JK_COUNT(flag_names); i++)
                if (flags & flag_names[i].flag)
                        json_array_append_new(array, json_string(flag_names[i].name));

        return array;
}

static json_t *
zone_json(const struct jk_sample *sample, size_t z)
{
        const struct jk_zone *zone = &sample->zones->zones[z];
        const struct jk_zone_reading *reading = &sample->readings[z];
        bool seen = reading->flags & JK_READING_SEEN;

        return json_pack(
                "{s:s, s:s, s:o, s:o, s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, "
                "s:o}",
                "zone", zone->name, "kind", jk_zone_kind_name(zone->kind), "parent",
                zone->parent < 0 ? json_null()
                                 : json_string(sample->zones->zones[zone->parent].name),
                "package", zone->package < 0 ? json_null() : json_integer(zone->package), "meter",
                zone->source, "path", zone->path, "provenance",
                jk_provenance_name(zone->provenance), "filtered", zone->filtered, "uncertainty_pct",
                number(zone->uncertainty_pct), "energy_uj",
                seen ? json_integer(reading->energy_uj) : json_null(), "watts",
                seen ? number(jk_power_w(reading->energy_uj, reading->elapsed_ns)) : json_null(),
                "counts", counts(sample, z), "flags", flags_json(reading->flags), "range_uj",
                zone->range_uj > 0 ? json_integer((json_int_t)zone->range_uj) : json_null(),
                "horizon_s", number(horizon_s(zone)), "limit_w", number(zone->limit_w), "max_w",
                number(zone->max_w));
}

static json_t *
meters_json(const struct jk_meters *meters)
{
        const struct jk_meter_status *status;
        size_t n = jk_meters_status(meters, &status);
        json_t *array = json_array();

        for (size_t s = 0; s < n; s++)
                json_array_append_new(
                        array, json_pack("{s:s, s:s, s:s, s:I, s:I, s:o, s:o}", "meter",
                                         status[s].ops->name, "summary", status[s].ops->summary,
                                         "state", state_names[status[s].state], "zones",
                                         (json_int_t)status[s].n_zones, "failures",
                                         (json_int_t)status[s].failures, "offset_s",
                                         number(status[s].lag.offset_s), "error",
                                         *jk_meter_status_text(&status[s])
                                                 ? json_string(jk_meter_status_text(&status[s]))
                                                 : json_null()));

        return array;
}

static int
print_json(const struct jk_meters *meters, const struct jk_sample *sample)
{
        json_t *zones = json_array(), *all;
        int r;

        for (size_t z = 0; z < sample->zones->count; z++)
                json_array_append_new(zones, zone_json(sample, z));

        all = json_pack("{s:o, s:o, s:o, s:o}", "elapsed_s",
                        number((double)sample->elapsed_ns / 1e9), "horizon_s",
                        number(jk_meters_horizon_s(meters)), "zones", zones, "meters",
                        meters_json(meters));
        r = all ? json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : -1;
        putchar('\n');
        json_decref(all);
        return r < 0 ? -ENOMEM : 0;
}

/* ---- the command ---- */

static int
show(const struct options *options, const struct jk_root *root, struct jk_meters *meters)
{
        struct jk_sample sample = { 0 };
        struct jk_cpus *cpus = NULL;
        int r = 0;

        /* The estimate needs them; without, it says so itself. */
        if (jk_cpus_open(root, root, &cpus, NULL) < 0)
                cpus = NULL;
        take_samples(options, meters, cpus, &sample);

        if (options->json)
                r = print_json(meters, &sample);
        else
                print_text(meters, &sample);

        if (cpus)
                jk_cpus_close(cpus);
        jk_sample_free(&sample);
        return r < 0 ? JK_EXIT_FAILURE : JK_EXIT_OK;
}

static int
open_and_show(const struct options *options)
{
        jk_autoroot struct jk_root root = JK_ROOT_CLOSED;
        struct jk_reference_config wall = { 0 };
        struct jk_meter_env env = { .root = &root,
                                    .interval_ns = options->interval_ns,
                                    .wall = &wall };
        struct jk_meters *meters;
        struct jk_error err = { 0 };
        int status;

        if (options->config && jk_settings_wall(options->config, &wall, &err) < 0) {
                fprintf(stderr, "joulekeeper meters: %s\n", err.message);
                return JK_EXIT_FAILURE;
        }

        if (jk_root_open(options->root, &root, &err) < 0) {
                fprintf(stderr, "joulekeeper meters: %s\n", err.message);
                return JK_EXIT_FAILURE;
        }
        if (jk_meters_open(&env, options->meters, &meters, &err) < 0)
                return jk_usage_error(options->command, "--meter %s: %s",
                                      options->meters ? options->meters : "auto", err.message);

        status = show(options, &root, meters);
        jk_meters_close(meters);
        return status;
}

static int
meters_main(const struct jk_command *command, int argc, char *argv[])
{
        struct options options = { .root = "/", .interval_ns = JK_NS_PER_S, .command = command };
        int first =
                jk_options_parse(command, rows, JK_COUNT(rows), argc, argv, set_option, &options);

        if (first < 0)
                return -1 - first;
        if (first < argc)
                return jk_usage_error(command, "it takes no argument '%s'", argv[first]);

        setlocale(LC_CTYPE, "");
        return open_and_show(&options);
}

const struct jk_command jk_command_meters = {
        .name = "meters",
        .arguments = "[OPTION…]",
        .summary = "the machine's energy zones, what they read, and which meters work",
        .main = meters_main,
};
