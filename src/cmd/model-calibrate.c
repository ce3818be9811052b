/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper model calibrate: what the events of this machine cost, found by running loads on it.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/root.h"
#include "cmd/calibrate.h"
#include "cmd/command.h"
#include "cmd/weights-file.h"
#include "meter/cpu-model.h"

#define SECONDS_MAX 600.0

/* Idle power before and after the loads may differ by so much. */
#define IDLE_DRIFT_PCT 10.0

struct request {
        const struct jk_command *command;
        const char *output;
        const char *zone; /* NULL: package, or what else is measured */
        struct jk_calibrate_options how;
};

static const struct jk_option options[] = {
        { 'o', "output", "FILE", "write the weights to FILE, for --model events:FILE" },
        { 'z', "zone", "NAME",
          "the zone, or the kind of zones, to find weights for (default: package)" },
        { 's', "seconds", "N", "how long each load runs (default: 5)" },
        { 0, "other-load", "PERCENT",
          "bear that others use so much of the CPUs' time (default: 3)" },
        { 'm', "meter", "LIST", "use these meters only" },
        { 'a', "activity", "NAME", "see tasks by bpf or proc (default auto)" },
        { 'e', "events", "LIST", "find the weights of these events; docs/events.md names them" },
        { 0, "root", "DIR", "read sysfs and procfs below DIR" },
};

static int
set_number(const struct request *request, const struct jk_option *option, const char *value,
           double minimum, double maximum, double *ret_number)
{
        char *end;
        double number = strtod(value, &end);

        if (end == value || *end || !(number >= minimum && number <= maximum))
                return jk_usage_error(request->command, "--%s %s: give %g to %g", option->name,
                                      value, minimum, maximum);
        *ret_number = number;
        return 0;
}

static int
set_option(const struct jk_option *option, const char *value, void *data)
{
        struct request *request = data;

        switch (option->letter) {
        case 'o':
                request->output = value;
                return 0;
        case 'z':
                request->zone = value;
                return 0;
        case 's':
                return set_number(request, option, value, 0.5, SECONDS_MAX, &request->how.seconds);
        case 'm':
                request->how.engine.meters = value;
                return 0;
        case 'a':
                request->how.engine.activity = value;
                return 0;
        case 'e':
                request->how.engine.events = value;
                return 0;
        default:
                break;
        }
        if (strcmp(option->name, "root") == 0) {
                request->how.engine.root = value;
                return 0;
        }
        return set_number(request, option, value, 0, 100, &request->how.other_load_pct);
}

/* ---- which zones ---- */

/* Zones whose power is added up: one by its name, or all of a kind. */
struct chosen {
        enum jk_zone_kind kind;
        bool by_name;
        size_t n;
        size_t zones[JK_ZONES_MAX];
};

static void
choose(const struct jk_measurements *measurements, const char *wanted, struct chosen *ret_chosen)
{
        *ret_chosen = (struct chosen){ .kind = JK_ZONE_KIND_INVALID };
        for (size_t i = 0; i < measurements->zones.count; i++) {
                const struct jk_zone *zone = &measurements->zones.zones[i];
                bool by_name = strcmp(zone->name, wanted) == 0;

                if (zone->provenance != JK_MEASURED ||
                    (!by_name && strcmp(jk_zone_kind_name(zone->kind), wanted) != 0))
                        continue;
                ret_chosen->kind = zone->kind;
                ret_chosen->by_name = by_name;
                ret_chosen->zones[ret_chosen->n++] = i;
        }
}

static int
choose_zones(const struct request *request, const struct jk_measurements *measurements,
             struct chosen *ret_chosen, struct jk_error *err)
{
        jk_autotext struct jk_text names = { 0 };
        const char *wanted = request->zone ? request->zone : "package";

        choose(measurements, wanted, ret_chosen);
        if (ret_chosen->n > 0)
                return 0;

        for (size_t i = 0; i < measurements->zones.count; i++)
                if (measurements->zones.zones[i].provenance == JK_MEASURED)
                        jk_text_printf(&names, "%s%s", names.length ? ", " : "",
                                       measurements->zones.zones[i].name);
        return jk_fail(err, ENODEV, "zone %s is not measured here; there are: %s. Choose by --zone",
                       wanted, names.data ? names.data : "none");
}

/* The zones' power becomes the points'. */
static int
set_power(struct jk_measurements *measurements, const struct chosen *chosen, struct jk_error *err)
{
        for (size_t i = 0; i < measurements->n; i++) {
                measurements->points[i].power_w = 0;
                for (size_t k = 0; k < chosen->n; k++) {
                        size_t zone = chosen->zones[k];

                        measurements->points[i].power_w += measurements->power_w[i][zone];
                        if (isnan(measurements->power_w[i][zone]))
                                return jk_fail(err, ENODATA,
                                               "zone %s was not read all the time; joulekeeper "
                                               "meters says what is wrong with it",
                                               measurements->zones.zones[zone].name);
                }
        }
        return 0;
}

/* ---- fitting ---- */

static int
fit(const struct jk_measurements *measurements, struct jk_calibration *ret_calibration,
    struct jk_error *err)
{
        struct jk_calibration *calibration = ret_calibration;
        int r = jk_calibrate(measurements->points, measurements->n, measurements->n_counts,
                             calibration);

        if (r < 0)
                return jk_fail(err, r,
                               "the power did not rise with what ran: %.1f W idle, %.1f W while "
                               "all CPUs spun. Is it the right zone, and was the machine idle?",
                               measurements->points[0].power_w,
                               measurements->n > 1 ? measurements->points[1].power_w : NAN);
        if (2 * calibration->idle_error_w > IDLE_DRIFT_PCT / 100 * calibration->idle_w)
                return jk_fail(err, EAGAIN,
                               "idle power was %.1f W before the loads and %.1f W after: something "
                               "disturbed it, or the machine is still warm. Calibrate again, with "
                               "more --seconds",
                               measurements->points[0].power_w,
                               measurements->points[measurements->n - 1].power_w);
        return 0;
}

/* ---- telling ---- */

static void
say_point(const char *name, unsigned cpus)
{
        if (cpus > 0)
                fprintf(stderr, "joulekeeper model calibrate: %s on %u CPU%s …\n", name, cpus,
                        cpus == 1 ? "" : "s");
        else
                fprintf(stderr, "joulekeeper model calibrate: %s …\n", name);
}

static void
print_points(const struct jk_measurements *measurements, const struct jk_calibration *calibration)
{
        printf("%-10s %5s", "POINT", "CPUS");
        for (size_t k = 0; k < measurements->n_counts; k++)
                printf(" %13s", measurements->counts[k].name);
        printf(" %9s %9s %9s\n", "POWER W", "FITTED W", "HELD OUT");

        for (size_t i = 0; i < measurements->n; i++) {
                const struct jk_point *point = &measurements->points[i];

                printf("%-10s %5u", point->name, point->cpus);
                for (size_t k = 0; k < measurements->n_counts; k++)
                        printf(" %13.5g", point->rates[k]);
                printf(" %9.2f %9.2f", point->power_w,
                       jk_calibration_power(calibration, point, measurements->n_counts));
                if (isnan(calibration->held_out[i]))
                        printf(" %9s\n", "-");
                else
                        printf(" %9.2f\n", calibration->held_out[i]);
        }
}

static void
print_fit(const struct jk_measurements *measurements, const struct jk_calibration *calibration)
{
        printf("\nidle %.2f W, give or take %.2f W\n", calibration->idle_w,
               calibration->idle_error_w);
        for (size_t k = 0; k < measurements->n_counts; k++)
                if (calibration->weights[k] > 0)
                        printf("%-14s %.5g J%s\n", measurements->counts[k].name,
                               calibration->weights[k],
                               strcmp(measurements->counts[k].name, "cpu") == 0 ? " per CPU second"
                                                                                : " each");
        printf("mean error: %.2f %% of all points, %.2f %% of a load by the others' weights\n",
               calibration->fitted_pct, calibration->held_out_pct);
}

/* ---- writing ---- */

/* What the CPU does not say stays untold. */
static void
identify(const struct request *request, struct jk_model_cpu *ret_cpu)
{
        const char *path = request->how.engine.root;
        jk_autoroot struct jk_root root = JK_ROOT_CLOSED;
        struct jk_model_file blank;
        struct jk_cpu_identity identity;

        jk_model_file_init(&blank);
        *ret_cpu = blank.cpu;
        if (jk_root_open(path ? path : "/", &root, NULL) < 0 ||
            jk_cpu_identify(&root, &identity, NULL) < 0)
                return;

        snprintf(ret_cpu->vendor, sizeof ret_cpu->vendor, "%s", identity.vendor);
        snprintf(ret_cpu->name, sizeof ret_cpu->name, "%s", identity.name);
        snprintf(ret_cpu->architecture, sizeof ret_cpu->architecture, "%s",
                 jk_cpu_find(&identity)->name);
        if (identity.vendor[0]) {
                ret_cpu->family = identity.family;
                ret_cpu->model = identity.model;
                ret_cpu->stepping = identity.stepping;
        } else if (identity.implementer) {
                ret_cpu->implementer = (int)identity.implementer;
                ret_cpu->part = (int)identity.part;
        }
        if (identity.n_cpus > 0)
                ret_cpu->threads = identity.n_cpus;
}

static void
find_ranges(const struct jk_measurements *measurements, double *minimum, double *maximum)
{
        for (size_t k = 0; k < measurements->n_counts; k++) {
                minimum[k] = INFINITY;
                maximum[k] = 0;
                for (size_t i = 0; i < measurements->n; i++) {
                        minimum[k] = fmin(minimum[k], measurements->points[i].rates[k]);
                        maximum[k] = fmax(maximum[k], measurements->points[i].rates[k]);
                }
        }
}

static double
mean_held_out_w(const struct jk_measurements *measurements,
                const struct jk_calibration *calibration, int *ret_n)
{
        double sum = 0;

        *ret_n = 0;
        for (size_t i = 0; i < measurements->n; i++) {
                if (isnan(calibration->held_out[i]))
                        continue;
                sum += fabs(calibration->held_out[i] - measurements->points[i].power_w);
                ++*ret_n;
        }
        return *ret_n > 0 ? sum / *ret_n : NAN;
}

static int
save(const struct request *request, const struct jk_measurements *measurements,
     const struct chosen *chosen, const struct jk_calibration *calibration, struct jk_error *err)
{
        double minimum[JK_COUNTS_MAX], maximum[JK_COUNTS_MAX];
        char method[128], source[256];
        struct jk_found_weights found = {
                .zone = chosen->kind,
                .per = chosen->by_name ? JK_PER_ZONE : JK_PER_MACHINE,
                .idle_w = calibration->idle_w,
                .n_counts = measurements->n_counts,
                .counts = measurements->counts,
                .weights = calibration->weights,
                .minimum = minimum,
                .maximum = maximum,
                .mape_pct = calibration->held_out_pct,
                .held_out = "leave one stressor out",
                .method = method,
                .source = source,
        };

        found.mae_w = mean_held_out_w(measurements, calibration, &found.n);
        find_ranges(measurements, minimum, maximum);
        identify(request, &found.cpu);
        snprintf(method, sizeof method, "idle, then %zu loads of %g s", measurements->n - 2,
                 request->how.seconds);
        snprintf(source, sizeof source, "zone %s by meter %s",
                 chosen->by_name ? measurements->zones.zones[chosen->zones[0]].name
                                 : jk_zone_kind_name(chosen->kind),
                 measurements->zones.zones[chosen->zones[0]].source);
        return jk_found_weights_save(&found, request->output, err);
}

static int
calibrate(const struct request *request, struct jk_error *err)
{
        jk_autofree struct jk_measurements *measurements = calloc(1, sizeof *measurements);
        struct jk_calibration calibration = { 0 };
        struct chosen chosen = { 0 };
        int r;

        if (!measurements)
                return jk_fail(err, ENOMEM, "out of memory");

        r = jk_calibrate_measure(&request->how, measurements, err);
        if (r == 0)
                r = choose_zones(request, measurements, &chosen, err);
        if (r == 0)
                r = set_power(measurements, &chosen, err);
        if (r == 0)
                r = fit(measurements, &calibration, err);
        if (r < 0)
                return r;

        print_points(measurements, &calibration);
        print_fit(measurements, &calibration);
        r = save(request, measurements, &chosen, &calibration, err);
        if (r == 0)
                printf("\n%s: use it as --model %s=events:%s\n", request->output,
                       chosen.by_name ? measurements->zones.zones[chosen.zones[0]].name
                                      : jk_zone_kind_name(chosen.kind),
                       request->output);
        return r;
}

static int
calibrate_main(const struct jk_command *command, int argc, char *argv[])
{
        struct request request = {
                .command = command,
                .how = {
                        .engine = JK_ENGINE_DEFAULTS,
                        .seconds = 5,
                        .other_load_pct = 3,
                        .begin = say_point,
                },
        };
        struct jk_error err = { "" };
        int first = jk_options_parse(command, options, JK_COUNT(options), argc, argv, set_option,
                                     &request);

        if (first < 0)
                return -1 - first;
        if (first < argc)
                return jk_usage_error(command, "it takes no argument '%s'", argv[first]);
        if (!request.output)
                return jk_usage_error(command, "say where to: --output FILE");

        request.how.engine.model = "share";
        if (calibrate(&request, &err) < 0) {
                fflush(stdout);
                fprintf(stderr, "joulekeeper model calibrate: %s\n", err.message);
                return JK_EXIT_FAILURE;
        }
        return JK_EXIT_OK;
}

const struct jk_command jk_command_model_calibrate = {
        .name = "model calibrate",
        .arguments = "-o FILE [OPTION…]",
        .summary = "finds what this machine's events cost, by running loads on it",
        .main = calibrate_main,
        .details = "The machine has to be idle but for this. It is left idle, spins on 1, 2 … all "
                   "CPUs, runs loads that use a CPU each in its own way, and is left idle again. "
                   "The weights are those, none below 0, that explain best what is drawn above "
                   "idle.\n"
                   "\n"
                   "exit status:\n"
                   "  0  the weights were written\n"
                   "  1  they were not, and stderr says why: nothing is measured, others used the "
                   "machine, idle power was not the same before and after",
};
