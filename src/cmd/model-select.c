/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper model select: which few of many counted events explain a zone's power.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/root.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/select-live.h"
#include "cmd/weights-file.h"
#include "config/config.h"

#define FOLDS_MAX  1000
#define NAME_WIDTH 32

struct request {
        const struct jk_command *command;
        const char *output; /* NULL: only print */
        const char *zone;
        struct jk_selection_rule rule;
        struct jk_live_options live; /* without recordings */
        bool any_live;               /* one of its options is given */
        const char **paths;
        size_t n_paths, capacity;
};

static const struct jk_option options[] = {
        { 'o', "output", "FILE",
          "write the choice and its weights to FILE, for --model events:FILE" },
        { 'z', "zone", "NAME", "the zone, or the kind of zones (default: package)" },
        { 'r', "recordings", "FILE…",
          "choose by these; as arguments, too; without any, count on this machine" },
        { 'n', "most", "N", "choose at most N events (default: 6)" },
        { 'g', "gain", "PERCENT",
          "an event has to make the error smaller by so much (default: 1)" },
        { 'f', "folds", "K", "of K parts, one in turn is kept apart (default: 5)" },
        { 'b', "block", "N",
          "a part is every K-th block of N ticks (default: a part is one row of ticks)" },
        { 'e', "events", "LIST",
          "counting here: of these (default: all that the CPU may count); docs/events.md" },
        { 's', "seconds", "N", "counting here: how long each load runs (default: 1)" },
        { 't', "for", "TIME",
          "counting here: run no loads, count each group for so long under what runs anyway" },
        { 'i', "interval", "TIME", "counting here: 50ms to 10s between ticks (default: 250ms)" },
        { 'm', "meter", "LIST", "counting here: use these meters only" },
        { 'a', "activity", "NAME", "counting here: see tasks by bpf or proc (default auto)" },
        { 0, "root", "DIR", "counting here: read sysfs and procfs below DIR" },
};

static int
set_number(const struct request *request, const struct jk_option *option, const char *value,
           uint64_t least, uint64_t most, size_t *ret_number)
{
        uint64_t n;

        if (jk_parse_u64(value, &n) < 0 || n < least || n > most)
                return jk_usage_error(request->command, "--%s %s: give %llu to %llu", option->name,
                                      value, (unsigned long long)least, (unsigned long long)most);
        *ret_number = (size_t)n;
        return 0;
}

static int
set_gain(struct request *request, const char *value)
{
        char *end;
        double percent = strtod(value, &end);

        if (end == value || *end || !(percent >= 0 && percent < 100))
                return jk_usage_error(request->command, "--gain %s: give 0 to below 100", value);
        request->rule.least_gain = percent / 100;
        return 0;
}

static int
add_path(struct request *request, const char *path)
{
        if (jk_array_grow(&request->paths, &request->capacity, request->n_paths + 1) < 0) {
                fprintf(stderr, "joulekeeper model select: out of memory\n");
                return JK_EXIT_FAILURE;
        }
        request->paths[request->n_paths++] = path;
        return 0;
}

static int
set_time(const struct request *request, const struct jk_option *option, const char *value,
         int64_t least_ns, int64_t most_ns, int64_t *ret_ns)
{
        struct jk_error err = { "" };
        int64_t ns;

        if (jk_config_parse_duration(value, &ns, &err) < 0)
                return jk_usage_error(request->command, "--%s: %s", option->name, err.message);
        if (ns < least_ns || ns > most_ns)
                return jk_usage_error(request->command, "--%s %s: out of range", option->name,
                                      value);
        *ret_ns = ns;
        return 0;
}

static int
set_seconds(struct request *request, const char *value)
{
        char *end;
        double seconds = strtod(value, &end);

        if (end == value || *end || !(seconds >= 0.5 && seconds <= 600))
                return jk_usage_error(request->command, "--seconds %s: give 0.5 to 600", value);
        request->live.seconds = seconds;
        return 0;
}

/* Options of counting on this machine. */
static int
set_live_option(struct request *request, const struct jk_option *option, const char *value)
{
        struct jk_live_options *live = &request->live;

        request->any_live = true;
        switch (option->letter) {
        case 'e':
                live->events = value;
                return 0;
        case 's':
                return set_seconds(request, value);
        case 't':
                return set_time(request, option, value, JK_NS_PER_S, 24 * 3600 * JK_NS_PER_S,
                                &live->own_load_ns);
        case 'i':
                return set_time(request, option, value, 50 * JK_NS_PER_MS, 10 * JK_NS_PER_S,
                                &live->interval_ns);
        case 'm':
                live->engine.meters = value;
                return 0;
        case 'a':
                live->engine.activity = value;
                return 0;
        default:
                live->engine.root = value;
                return 0;
        }
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
        case 'r':
                return add_path(request, value);
        case 'n':
                return set_number(request, option, value, 1, JK_COUNTS_MAX, &request->rule.most);
        case 'g':
                return set_gain(request, value);
        case 'f':
                return set_number(request, option, value, 2, FOLDS_MAX, &request->rule.n_folds);
        case 'b':
                return set_number(request, option, value, 1, UINT32_MAX, &request->rule.block);
        default:
                return set_live_option(request, option, value);
        }
}

/* ---- telling ---- */

/* As a recording has it, which others may have written. */
static void
print_name(const char *name, int width)
{
        jk_autotext struct jk_text safe = { 0 };

        jk_text_utf8(&safe, name);
        printf("%-*s", width, safe.failed || !safe.data ? "" : safe.data);
}

static void
print_step(const char *name, const struct jk_selection_error *error)
{
        print_name(name, NAME_WIDTH);
        printf(" %9.3f %9.3f %8.2f\n", error->mae_w, error->rms_w, error->mape_pct);
}

static void
print_steps(const struct jk_recorded_rows *rows, const struct jk_selection *selection,
            const char *before)
{
        printf("%-*s %9s %9s %8s\n", NAME_WIDTH, "WITH ALL ABOVE, AND", "MAE W", "RMS W", "MAPE %");
        print_step(before, &selection->before);
        for (size_t i = 0; i < selection->n; i++)
                print_step(rows->counts[selection->chosen[i]].name, &selection->after[i]);
        printf("\nidle %.3f W\n", selection->idle_w);
        for (size_t i = 0; i < rows->n_counts; i++)
                if (selection->weights[i] > 0) {
                        print_name(rows->counts[i].name, NAME_WIDTH);
                        printf(" %.5g J\n", selection->weights[i]);
                }
}

/* The line of the configuration that has the agent count what was chosen. */
static void
print_configuration(const struct jk_recorded_rows *rows, const struct jk_selection *selection)
{
        printf("\nevents: ");
        for (size_t i = 0; i < selection->n; i++) {
                printf("%s", i ? "," : "");
                print_name(rows->counts[selection->chosen[i]].name, 0);
        }
        printf("\n");
}

/* ---- writing ---- */

static void
find_ranges(const struct jk_recorded_rows *rows, double *minimum, double *maximum)
{
        for (size_t i = 0; i < rows->n_counts; i++) {
                minimum[i] = INFINITY;
                maximum[i] = 0;
                for (size_t row = 0; row < rows->n; row++) {
                        minimum[i] = fmin(minimum[i], rows->x[row * rows->n_counts + i]);
                        maximum[i] = fmax(maximum[i], rows->x[row * rows->n_counts + i]);
                }
        }
}

static int
save(const struct request *request, const struct jk_recorded_rows *rows,
     const struct jk_selection *selection, struct jk_error *err)
{
        double minimum[JK_COUNTS_MAX], maximum[JK_COUNTS_MAX];
        struct jk_model_file blank;
        char method[128], source[256];
        const struct jk_selection_error *error = &selection->after[selection->n - 1];
        struct jk_found_weights found = {
                .zone = rows->kind,
                .per = rows->by_name ? JK_PER_ZONE : JK_PER_MACHINE,
                .idle_w = selection->idle_w,
                .n_counts = rows->n_counts,
                .counts = rows->counts,
                .weights = selection->weights,
                .minimum = minimum,
                .maximum = maximum,
                .mae_w = error->mae_w,
                .mape_pct = error->mape_pct,
                .n = (int)rows->n,
                .held_out = "contiguous blocks kept apart",
                .method = method,
                .source = source,
        };

        jk_model_file_init(&blank);
        found.cpu = blank.cpu;
        snprintf(found.cpu.name, sizeof found.cpu.name, "%.79s", rows->cpu);
        find_ranges(rows, minimum, maximum);
        snprintf(method, sizeof method, "forward selection, %zu of %zu counts, %zu parts",
                 selection->n, rows->n_counts, request->rule.n_folds);
        if (request->n_paths > 0)
                snprintf(source, sizeof source, "%zu recordings, zone %s", request->n_paths,
                         request->zone);
        else
                snprintf(source, sizeof source, "counted in groups under %s, zone %s",
                         request->live.own_load_ns > 0 ? "the machine's own load" : "stressors",
                         request->zone);
        return jk_found_weights_save(&found, request->output, err);
}

/* ---- on this machine ---- */

static int
select_here(struct request *request, struct jk_recorded_rows *rows, struct jk_error *err)
{
        struct jk_selection selection;
        int r;

        request->live.rule = request->rule;
        r = jk_select_live(&request->live, rows, &selection, err);
        if (r < 0)
                return r;
        if (selection.n == 0)
                return jk_fail(err, ENODATA,
                               "no event makes the error clearly smaller than CPU time does");

        printf("errors are of ticks that were kept apart; the last is of %zu that had no part in "
               "choosing\n\n",
               rows->n);
        print_steps(rows, &selection, "(CPU time)");
        print_configuration(rows, &selection);
        return request->output ? save(request, rows, &selection, err) : 0;
}

/* ---- the command ---- */

static int
select_by(const struct request *request, struct jk_recorded_rows *rows, struct jk_error *err)
{
        struct jk_selection_rows selectable;
        struct jk_selection selection;
        int r = jk_recorded_rows_read(rows, request->paths, request->n_paths, err);

        if (rows->cut)
                fprintf(stderr,
                        "joulekeeper model select: %s: it ends within a tick; those before that "
                        "are whole\n",
                        rows->cut);
        if (r < 0)
                return r;
        if (rows->left_out > 0)
                fprintf(stderr,
                        "joulekeeper model select: %zu ticks in which not all was seen are left "
                        "out\n",
                        rows->left_out);

        selectable = (struct jk_selection_rows){ rows->n, rows->n_counts, rows->x, rows->y };
        r = jk_select(&selectable, &request->rule, &selection);
        if (r < 0)
                return jk_fail(err, r, r == -ENOMEM ? "out of memory" : "too few ticks: %zu",
                               rows->n);
        printf("%zu ticks, %zu counts to choose from; errors are of ticks that were kept apart\n\n",
               rows->n, rows->n_counts);
        print_steps(rows, &selection, "(nothing)");
        if (selection.n == 0)
                return jk_fail(err, ENODATA,
                               "no event makes the error smaller: power has nothing to do with "
                               "what is counted");
        return request->output ? save(request, rows, &selection, err) : 0;
}

static int
select_main(const struct jk_command *command, int argc, char *argv[])
{
        struct request request = {
                .command = command,
                .zone = "package",
                .rule = { .n_folds = 5, .most = 6, .least_gain = 0.01 },
                .live = { .engine = JK_ENGINE_DEFAULTS,
                          .seconds = 1,
                          .interval_ns = 250 * JK_NS_PER_MS },
        };
        struct jk_error err = { "" };
        int first = jk_options_parse(command, options, JK_COUNT(options), argc, argv, set_option,
                                     &request);
        struct jk_recorded_rows rows = { .package = -1 };
        int status = first < 0 ? -1 - first : JK_EXIT_OK;

        for (int i = first; first >= 0 && status == JK_EXIT_OK && i < argc; i++)
                status = add_path(&request, argv[i]);
        if (first >= 0 && status == JK_EXIT_OK && request.n_paths > 0 && request.any_live)
                status = jk_usage_error(command, "recordings are chosen from as they are: leave "
                                                 "out the options of counting here");
        rows.zone = request.zone;
        request.live.engine.counters = false; /* they are wanted here */
        if (first >= 0 && status == JK_EXIT_OK &&
            (request.n_paths > 0 ? select_by(&request, &rows, &err)
                                 : select_here(&request, &rows, &err)) < 0) {
                fflush(stdout);
                jk_say("model select", err.message);
                status = JK_EXIT_FAILURE;
        }
        jk_recorded_rows_free(&rows);
        free(request.paths);
        return status;
}

const struct jk_command jk_command_model_select = {
        .name = "model select",
        .arguments = "[OPTION…] [FILE…]",
        .summary = "chooses the few events that explain a zone's power",
        .main = select_main,
        .details = "Of all that was counted in the recordings, that event is added which makes the "
                   "error smallest in ticks that were kept apart, until none makes it clearly "
                   "smaller.\n"
                   "\n"
                   "Without recordings it counts on this machine, which should have nothing else "
                   "to do: all that the CPU may count, in groups as large as it counts all of the "
                   "time, beside the zone's energy, while loads run that use a CPU each in its own "
                   "way. Each group takes a quarter of a minute, and each event chosen costs a "
                   "round of them. It prints the configuration's line that has the agent count "
                   "what was chosen; the file may stand there as well.\n"
                   "\n"
                   "exit status:\n"
                   "  0  there is a choice\n"
                   "  1  there is none, or a recording could not be read",
};
