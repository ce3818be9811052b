/* SPDX-License-Identifier: Apache-2.0
 *
 * What `stat` prints: a table for people, JSON for programs. With several repetitions each figure
 * is the mean, with the standard error of the mean.
 */
#include <errno.h>
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cmd/format.h"
#include "cmd/stat.h"

struct figure {
        double mean;
        double standard_error; /* NaN with a single run */
};

static struct figure
figure_of(const struct jk_stat_report *report,
          double (*value)(const struct jk_stat_result *result, size_t zone), size_t zone)
{
        double n = (double)report->n_results, sum = 0, squares = 0, mean;

        for (size_t i = 0; i < report->n_results; i++)
                sum += value(&report->results[i], zone);
        mean = sum / n;
        for (size_t i = 0; i < report->n_results; i++) {
                double off = value(&report->results[i], zone) - mean;

                squares += off * off;
        }

        return (struct figure){
                .mean = mean,
                .standard_error = n > 1 ? sqrt(squares / (n - 1) / n) : NAN,
        };
}

/* ---- the figures: of a zone, or of the whole run ---- */

#define LEFT_OUT "the last run was interrupted and is left out"
#define WHOLE    SIZE_MAX

static double
command_j(const struct jk_stat_result *r, size_t z)
{
        return z == WHOLE ? r->command_j : z < r->n_zones ? r->zones[z].command_j : 0;
}

static double
machine_j(const struct jk_stat_result *r, size_t z)
{
        return z == WHOLE ? r->machine_j : z < r->n_zones ? r->zones[z].machine_j : 0;
}

static double
idle_j(const struct jk_stat_result *r, size_t z)
{
        return z == WHOLE ? r->idle_j : z < r->n_zones ? r->zones[z].idle_j : 0;
}

static double
uncertainty_pct(const struct jk_stat_result *r, size_t z)
{
        return z == WHOLE ? r->uncertainty_pct : z < r->n_zones ? r->zones[z].uncertainty_pct : NAN;
}

static double
elapsed_s(const struct jk_stat_result *r, size_t z)
{
        (void)z;
        return r->elapsed_s;
}

static double
cpu_s(const struct jk_stat_result *r, size_t z)
{
        (void)z;
        return r->cpu_s;
}

static double
average_w(const struct jk_stat_result *r, size_t z)
{
        return r->elapsed_s > 0 ? command_j(r, z) / r->elapsed_s : 0;
}

static double
joules_per_cpu_second(const struct jk_stat_result *r, size_t z)
{
        return r->cpu_s > 0 ? command_j(r, z) / r->cpu_s : NAN;
}

/* ---- the table ---- */

static void
print_joules(FILE *out, double joules, int width, const struct jk_glyphs *glyphs)
{
        jk_autotext struct jk_text text = { 0 }, fitted = { 0 };

        jk_format_joules(&text, joules * 1e6, glyphs);
        if (!text.failed)
                jk_format_fit(&fitted, text.data, (size_t)width, JK_FIT_RIGHT, glyphs);
        fputs(fitted.failed || !fitted.data ? "?" : fitted.data, out);
}

static void
print_row(FILE *out, const struct jk_stat_report *report, const char *name, const char *provenance,
          size_t zone, const struct jk_glyphs *glyphs)
{
        struct figure command = figure_of(report, command_j, zone);
        double uncertainty = figure_of(report, uncertainty_pct, zone).mean;

        fprintf(out, "  %-16s", name);
        print_joules(out, command.mean, 12, glyphs);
        if (isnan(uncertainty))
                fprintf(out, "  %8s", "");
        else
                fprintf(out, "  %s%3.0f %%%*s", glyphs->plusminus, uncertainty,
                        strlen(glyphs->plusminus) > 2 ? 1 : 2, "");
        if (!isnan(command.standard_error)) {
                fprintf(out, " (");
                print_joules(out, command.standard_error, 9, glyphs);
                fprintf(out, ")");
        }
        print_joules(out, figure_of(report, machine_j, zone).mean, 13, glyphs);
        print_joules(out, figure_of(report, idle_j, zone).mean, 13, glyphs);
        fprintf(out, "   %s\n", provenance);
}

static void
print_measure(FILE *out, const struct jk_stat_report *report, const char *label, const char *unit,
              double (*value)(const struct jk_stat_result *, size_t),
              const struct jk_glyphs *glyphs)
{
        struct figure figure = figure_of(report, value, WHOLE);

        if (isnan(figure.mean))
                return;
        fprintf(out, "  %-16s%10.3f %-9s", label, figure.mean, unit);
        if (!isnan(figure.standard_error))
                fprintf(out, " %s %.3f", glyphs->plusminus, figure.standard_error);
        fputc('\n', out);
}

static void
print_command(FILE *out, char **argv, const struct jk_glyphs *glyphs)
{
        for (size_t i = 0; argv[i]; i++) {
                jk_autotext struct jk_text text = { 0 };

                jk_format_safe(&text, argv[i], glyphs);
                fprintf(out, "%s%s", i > 0 ? " " : "", text.data ? text.data : "");
        }
}

/* A 0 that was not measured is said to be none. */
static void
print_unseen_zones(FILE *out, const struct jk_stat_report *report)
{
        for (size_t z = 0; z < report->results[0].n_zones; z++)
                if (figure_of(report, machine_j, z).mean == 0)
                        fprintf(out,
                                "  note: %s was not read in so short a time: its 0 J says nothing; "
                                "let it run longer\n",
                                report->results[0].zones[z].name);
}

/* What would be better, and how: one line each. */
static void
print_notes(FILE *out, const struct jk_stat_report *report)
{
        const struct jk_status *status = report->status;
        size_t still_running = 0;

        for (size_t i = 0; i < report->n_results; i++)
                still_running += report->results[i].still_running;
        if (still_running > 0)
                fprintf(out,
                        "  note: %zu of its processes still run; only their energy until now "
                        "is in the figures\n",
                        still_running);
        print_unseen_zones(out, report);
        if (report->left_out)
                fputs("  note: " LEFT_OUT "\n", out);
        if (report->no_cgroup[0])
                fprintf(out,
                        "  note: %s; its energy is told by CPU time, and without processes that "
                        "nobody waited for\n",
                        report->no_cgroup);
        if (status->activity_missing[0])
                fprintf(out, "  note: %s\n", status->activity_missing);
        for (size_t i = 0; i < status->n_meters; i++)
                if (strcmp(status->meters[i].state, "failed") == 0)
                        fprintf(out, "  note: %s\n", status->meters[i].message);
}

void
jk_stat_print_table(FILE *out, const struct jk_stat_report *report)
{
        const struct jk_stat_result *first = &report->results[0];
        const struct jk_glyphs *glyphs;
        bool repeated = report->n_results > 1;
        size_t n_counted = 0;

        setlocale(LC_CTYPE, "");
        glyphs = jk_glyphs_for_locale();

        fprintf(out, "\n Energy of '");
        print_command(out, report->argv, glyphs);
        fprintf(out, "'");
        if (repeated)
                fprintf(out, ", mean of %zu runs (standard error)", report->n_results);
        fprintf(out, ":\n\n");

        if (first->n_zones == 0)
                fprintf(out, "  no energy: this machine has no meter that can be read, and none "
                             "was estimated;\n  joulekeeper doctor says why\n\n");
        else
                fprintf(out, "  %-16s%12s  %-8s%s%13s%13s\n", "", "command", "",
                        repeated ? "            " : "", "machine", "of it idle");

        for (size_t z = 0; z < first->n_zones; z++) {
                const struct jk_stat_zone *zone = &first->zones[z];
                char name[JK_ZONE_NAME_SIZE + 2];

                snprintf(name, sizeof name, "%s%s", zone->counted ? "" : "  ", zone->name);
                n_counted += zone->counted;
                print_row(out, report, name, jk_provenance_name(zone->provenance), z, glyphs);
        }
        if (n_counted > 1)
                print_row(out, report, "total", "", WHOLE, glyphs);
        if (first->n_zones > 0)
                fputc('\n', out);

        print_measure(out, report, "elapsed", "s", elapsed_s, glyphs);
        print_measure(out, report, "CPU time", "s", cpu_s, glyphs);
        if (first->n_zones > 0) {
                print_measure(out, report, "average power", "W", average_w, glyphs);
                print_measure(out, report, "per CPU second", "J", joules_per_cpu_second, glyphs);
        }
        fputc('\n', out);
        print_notes(out, report);
}

/* ---- JSON ---- */

static json_t *
number(double value)
{
        return isfinite(value) ? json_real(value) : json_null();
}

static void
put_figure(json_t *object, const char *name, const struct jk_stat_report *report,
           double (*value)(const struct jk_stat_result *, size_t), size_t zone)
{
        struct figure figure = figure_of(report, value, zone);
        char error_name[64];

        json_object_set_new(object, name, number(figure.mean));
        if (isnan(figure.standard_error))
                return;
        snprintf(error_name, sizeof error_name, "%s_standard_error", name);
        json_object_set_new(object, error_name, number(figure.standard_error));
}

static json_t *
safe_string(const char *string)
{
        jk_autotext struct jk_text text = { 0 };

        jk_text_utf8(&text, string);
        return json_string(text.data ? text.data : "");
}

static json_t *
zone_object(const struct jk_stat_report *report, size_t z)
{
        const struct jk_stat_zone *zone = &report->results[0].zones[z];
        json_t *object = json_object();

        json_object_set_new(object, "zone", safe_string(zone->name));
        json_object_set_new(object, "provenance",
                            json_string(jk_provenance_name(zone->provenance)));
        json_object_set_new(object, "counted", json_boolean(zone->counted));
        put_figure(object, "command_joules", report, command_j, z);
        put_figure(object, "machine_joules", report, machine_j, z);
        put_figure(object, "idle_joules", report, idle_j, z);
        put_figure(object, "uncertainty_pct", report, uncertainty_pct, z);
        return object;
}

static json_t *
notes_array(const struct jk_stat_report *report)
{
        json_t *notes = json_array();

        if (report->left_out)
                json_array_append_new(notes, json_string(LEFT_OUT));
        if (report->no_cgroup[0])
                json_array_append_new(notes, safe_string(report->no_cgroup));
        if (report->status->activity_missing[0])
                json_array_append_new(notes, safe_string(report->status->activity_missing));
        for (size_t i = 0; i < report->status->n_meters; i++)
                if (strcmp(report->status->meters[i].state, "failed") == 0)
                        json_array_append_new(notes,
                                              safe_string(report->status->meters[i].message));

        return notes;
}

int
jk_stat_print_json(FILE *out, const struct jk_stat_report *report)
{
        json_t *object = json_object(), *command = json_array(), *zones = json_array();
        int r;

        for (size_t i = 0; report->argv[i]; i++)
                json_array_append_new(command, safe_string(report->argv[i]));
        for (size_t z = 0; z < report->results[0].n_zones; z++)
                json_array_append_new(zones, zone_object(report, z));

        json_object_set_new(object, "command", command);
        json_object_set_new(object, "runs", json_integer((json_int_t)report->n_results));
        put_figure(object, "elapsed_seconds", report, elapsed_s, WHOLE);
        put_figure(object, "cpu_seconds", report, cpu_s, WHOLE);
        put_figure(object, "joules", report, command_j, WHOLE);
        put_figure(object, "uncertainty_pct", report, uncertainty_pct, WHOLE);
        put_figure(object, "machine_joules", report, machine_j, WHOLE);
        put_figure(object, "machine_idle_joules", report, idle_j, WHOLE);
        put_figure(object, "average_watts", report, average_w, WHOLE);
        put_figure(object, "joules_per_cpu_second", report, joules_per_cpu_second, WHOLE);
        json_object_set_new(object, "zones", zones);
        json_object_set_new(object, "notes", notes_array(report));

        r = json_dumpf(object, out, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
        fputc('\n', out);
        json_decref(object);
        return r < 0 ? -EIO : 0;
}
