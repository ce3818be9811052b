/* SPDX-License-Identifier: Apache-2.0
 *
 * joulekeeper replay: books a recording anew, by the code that books what is measured, and shows
 * the accounts as they stand at its end.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/root.h"
#include "cmd/command.h"
#include "cmd/ps-json.h"
#include "cmd/ps-table.h"
#include "cmd/replay-hwpc.h"
#include "cmd/source-options.h"
#include "cmd/view.h"
#include "model/model.h"
#include "record/recording.h"
#include "serve/metrics.h"

enum output { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_CSV, OUTPUT_METRICS, OUTPUT_HWPC, OUTPUT_MAX };

static const char *const output_names[OUTPUT_MAX] = {
        [OUTPUT_TABLE] = "table",     [OUTPUT_JSON] = "json", [OUTPUT_CSV] = "csv",
        [OUTPUT_METRICS] = "metrics", [OUTPUT_HWPC] = "hwpc",
};

struct replay {
        const struct jk_command *command;
        const char *path;
        const char *models; /* comma-separated; NULL: the one that booked while it was recorded */
        enum output output;
        uint64_t ticks; /* stop after so many */
        uint64_t top;
        struct jk_view_options view_options;
        const struct jk_glyphs *glyphs;
};

static const struct jk_option options[] = {
        { 'm', "model", "SPEC[,SPEC]", "book by these models (default: the recording's)" },
        { 'o', "output", "FORMAT", "table, json, csv, metrics or hwpc (default: table)" },
        { 't', "ticks", "N", "only the first N ticks" },
        { 'n', "top", "N", "in table and json: only the first N" },
        JK_VIEW_OPTIONS,
};

static int
set_output(struct replay *replay, const char *value)
{
        for (enum output output = 0; output < OUTPUT_MAX; output++) {
                if (strcmp(value, output_names[output]) == 0) {
                        replay->output = output;
                        return 0;
                }
        }
        return jk_usage_error(replay->command,
                              "--output %s: give table, json, csv, metrics or hwpc", value);
}

static int
set_option(const struct jk_option *option, const char *value, void *data)
{
        struct replay *replay = data;
        struct jk_source_options unused;
        uint64_t n;

        switch (option->letter) {
        case 'm':
                replay->models = value;
                return 0;
        case 'o':
                return set_output(replay, value);
        case 'n':
        case 't':
                if (jk_parse_u64(value, &n) < 0)
                        return jk_usage_error(replay->command, "--%s: '%s' is no whole number",
                                              option->name, value);
                *(option->letter == 'n' ? &replay->top : &replay->ticks) = n;
                return 0;
        default:
                return jk_source_option(replay->command, option, value, &unused,
                                        &replay->view_options);
        }
}

/* ---- the books of one model ---- */

struct books {
        struct jk_reader *reader;
        const char *spec; /* of the model */
        const struct jk_model_ops *model_ops;
        struct jk_model *model;
        struct jk_ledger *ledger;
        struct jk_ledger_options ledger_options;
        struct jk_sample sample;
        int64_t started_realtime_ns;
        struct jk_shelf shelf;
        struct jk_snapshot *first, *last;
        struct jk_view view;
};

/* The spec to book by. What a recording says is not trusted with more than a name: an argument may
 * name a file, or a program to run. */
static int
choose_model(const struct jk_about *about, const char *model, const char **ret_spec,
             struct jk_error *err)
{
        *ret_spec = model ? model : about->model[0] ? about->model : "auto";
        if (model || !jk_model_has_argument(*ret_spec))
                return 0;

        return jk_fail(err, EPERM,
                       "it was booked by '%s', and a recording's word is not enough to open that; "
                       "if you trust it, give it with --model",
                       about->model);
}

static int
open_books(struct books *books, const struct replay *replay, const char *model,
           struct jk_error *err)
{
        const struct jk_about *about;
        int r = jk_reader_open(replay->path, &books->reader, err);

        if (r < 0)
                return r;
        about = jk_reader_about(books->reader);
        r = choose_model(about, model, &books->spec, err);
        if (r == 0)
                r = jk_model_open(books->spec, &books->model_ops, &books->model, err);
        books->ledger_options = about->ledger;
        return r < 0 ? r : jk_ledger_open(&books->ledger_options, &books->ledger, err);
}

static void
close_books(struct books *books)
{
        jk_view_free(&books->view);
        if (books->first)
                jk_shelf_put_back(&books->shelf, books->first);
        if (books->last)
                jk_shelf_put_back(&books->shelf, books->last);
        jk_shelf_destroy(&books->shelf);
        if (books->model)
                books->model_ops->close(books->model);
        jk_ledger_close(books->ledger);
        jk_reader_close(books->reader);
        jk_sample_free(&books->sample);
}

static void
describe(const struct books *books, struct jk_status *ret_status)
{
        const struct jk_about *about = jk_reader_about(books->reader);

        *ret_status = (struct jk_status){
                .activity = about->activity,
                .interval_ns = about->interval_ns,
                .started_realtime_ns = books->started_realtime_ns,
                .ticks = jk_reader_ticks(books->reader),
                .lost_events = books->sample.lost_events,
        };
        snprintf(ret_status->model, sizeof ret_status->model, "%s", jk_model_label(books->spec));
}

static int
take_snapshot(struct books *books, struct jk_snapshot **ret_snapshot)
{
        struct jk_snapshot *snapshot = jk_shelf_blank(&books->shelf);
        int r = snapshot ? jk_ledger_publish(books->ledger, &books->sample, jk_reader_user,
                                             books->reader, snapshot)
                         : -ENOMEM;

        if (r < 0) {
                if (snapshot)
                        jk_shelf_discard(&books->shelf, snapshot);
                return r;
        }
        describe(books, &snapshot->status);
        jk_shelf_publish(&books->shelf, snapshot);
        *ret_snapshot = jk_shelf_take(&books->shelf);
        return 0;
}

/* One tick, by the options of the books that were in force then. */
static int
book(struct books *books)
{
        const struct jk_ledger_options *wanted = &jk_reader_about(books->reader)->ledger;
        int r = 0;

        if (wanted->ended_retention_ns != books->ledger_options.ended_retention_ns ||
            wanted->ended_tasks_max != books->ledger_options.ended_tasks_max)
                r = jk_ledger_reconfigure(books->ledger, wanted);
        if (r < 0)
                return r;
        books->ledger_options = *wanted;
        return jk_ledger_book(books->ledger, &books->sample, books->model_ops, books->model);
}

/* Book every tick. What cannot be read ends it: the ticks before it are booked, and the error is
 * told when they have been shown. */
static int
book_all(struct books *books, uint64_t ticks, struct jk_error *unread)
{
        int r;

        while (jk_reader_ticks(books->reader) < ticks &&
               jk_reader_next(books->reader, &books->sample, unread) > 0) {
                r = book(books);
                if (r < 0)
                        return r;
                if (books->first)
                        continue;
                books->started_realtime_ns = books->sample.time.realtime_ns;
                r = take_snapshot(books, &books->first);
                if (r < 0)
                        return r;
        }
        if (!books->first)
                return 0;
        return take_snapshot(books, &books->last);
}

static int
view_books(struct books *books, const struct jk_view_options *view_options)
{
        int r = jk_view_observe(&books->view, books->first);

        if (r == 0 && jk_view_is_news(&books->view, books->last))
                r = jk_view_observe(&books->view, books->last);
        return r < 0 ? r : jk_view_arrange(&books->view, view_options);
}

/* ---- showing ---- */

static int
print_table(const struct replay *replay, struct books *books)
{
        const struct jk_about *about = jk_reader_about(books->reader);
        jk_autotext struct jk_text line = { 0 };
        struct jk_ps_table table = {
                .view = &books->view,
                .options = &replay->view_options,
                .glyphs = replay->glyphs,
                .top = replay->top,
        };

        jk_text_string(&line, "recorded");
        if (about->host[0]) {
                jk_text_string(&line, " on ");
                jk_format_safe(&line, about->host, replay->glyphs);
        }
        jk_text_string(&line, " by activity ");
        jk_format_safe(&line, about->activity, replay->glyphs);
        jk_text_string(&line, "; model ");
        jk_format_safe(&line, jk_model_label(books->spec), replay->glyphs);
        jk_text_printf(&line, ", %llu ticks; W and J over ",
                       (unsigned long long)jk_reader_ticks(books->reader));
        jk_format_duration(&line, books->last->time.monotonic_ns - books->first->time.monotonic_ns);
        jk_ps_line(&line);
        return jk_ps_table(&table);
}

static int
print_text(const struct jk_text *text)
{
        if (text->failed)
                return -ENOMEM;
        fwrite(text->data, 1, text->length, stdout);
        return 0;
}

static int
print_json(const struct replay *replay, const struct books *books)
{
        jk_autotext struct jk_text text = { 0 };

        jk_ps_json(&books->view, replay->top, &text);
        return print_text(&text);
}

static int
print_metrics(const struct books *books)
{
        jk_autotext struct jk_text text = { 0 };
        struct jk_serve_stats stats = { 0 };
        struct jk_serve_scratch scratch = { 0 };
        struct jk_request request = {
                .path = "/metrics",
                .query = "",
                .snapshot = books->last,
                .now_ns = books->last->time.monotonic_ns,
                .metrics_processes = -1,
                .metrics_cgroups = -1,
                .stats = &stats,
                .scratch = &scratch,
        };

        jk_metrics_render(&request, false, &text);
        jk_serve_scratch_free(&scratch);
        return print_text(&text);
}

/* As RFC 4180 has it: in quotes, which are doubled. */
static void
csv_string(struct jk_text *text, const char *string)
{
        jk_autotext struct jk_text safe = { 0 };

        jk_text_utf8(&safe, string);
        jk_text_char(text, '"');
        for (const char *c = safe.data ? safe.data : ""; *c; c++) {
                if (*c == '"')
                        jk_text_char(text, '"');
                jk_text_char(text, *c);
        }
        jk_text_char(text, '"');
        text->failed |= safe.failed;
}

/* A zone's name may come from a file that others wrote. */
static void
csv_title(struct jk_text *text, const char *zone, const char *what)
{
        char title[JK_ZONE_NAME_SIZE + 32];

        snprintf(title, sizeof title, "%s%s", zone, what);
        jk_text_char(text, ',');
        if (strpbrk(title, ",\"\r\n"))
                csv_string(text, title);
        else
                jk_text_string(text, title);
}

static void
csv_titles(const struct jk_snapshot *snapshot, struct jk_text *text)
{
        jk_text_string(text, "dimension,id,name,cpu_seconds");
        for (size_t zone = 0; zone < snapshot->n_zones; zone++) {
                const char *name = snapshot->zones[zone].zone.name;

                csv_title(text, name, "_idle_joules");
                csv_title(text, name, "_dynamic_joules");
        }
        jk_text_string(text, "\r\n");
}

static void
csv_row(const struct jk_snapshot *snapshot, const struct jk_entry *entry, struct jk_text *text)
{
        char id[4200];

        jk_entry_id(snapshot, entry, id, sizeof id);
        jk_text_printf(text, "%s,", jk_dimension_name(entry->dimension));
        csv_string(text, id);
        jk_text_char(text, ',');
        csv_string(text, jk_snapshot_string(snapshot, entry->name));
        jk_text_printf(text, ",%.9f", (double)entry->cpu_ns / 1e9);
        for (size_t zone = 0; zone < snapshot->n_zones; zone++) {
                jk_text_char(text, ',');
                jk_text_joules(text, jk_entry_idle_uj(snapshot, entry)[zone]);
                jk_text_char(text, ',');
                jk_text_joules(text, jk_entry_dynamic_uj(snapshot, entry)[zone]);
        }
        jk_text_string(text, "\r\n");
}

static int
print_csv(const struct books *books)
{
        const struct jk_snapshot *snapshot = books->last;
        jk_autotext struct jk_text text = { 0 };

        csv_titles(snapshot, &text);
        for (int d = 0; d < JK_DIMENSION_MAX; d++)
                for (size_t i = 0; i < snapshot->n_entries[d]; i++)
                        csv_row(snapshot, &snapshot->entries[d][i], &text);
        return print_text(&text);
}

static int
show(const struct replay *replay, struct books *books)
{
        int r = view_books(books, &replay->view_options);

        if (r < 0)
                return r;
        switch (replay->output) {
        case OUTPUT_JSON:
                return print_json(replay, books);
        case OUTPUT_CSV:
                return print_csv(books);
        case OUTPUT_METRICS:
                return print_metrics(books);
        default:
                return print_table(replay, books);
        }
}

/* ---- the command ---- */

/* What was not read is said, and is no success. */
static int
tell_end(const struct replay *replay, const struct books *books, const struct jk_error *unread,
         struct jk_error *err)
{
        if (unread->message[0])
                return jk_fail(err, EBADMSG, "%s", unread->message);
        if (!books->first)
                return jk_fail(err, ENODATA, "%s: there is not one whole tick in it", replay->path);
        if (jk_reader_is_cut(books->reader))
                fprintf(stderr,
                        "joulekeeper replay: %s: it ends within a tick; the %llu before that are "
                        "whole\n",
                        replay->path, (unsigned long long)jk_reader_ticks(books->reader));
        return 0;
}

static int
replay_model(const struct replay *replay, const char *model, struct jk_error *err)
{
        __attribute__((cleanup(close_books))) struct books books = { 0 };
        struct jk_error unread = { "" };
        int r;

        jk_shelf_init(&books.shelf);
        r = open_books(&books, replay, model, err);
        if (r < 0)
                return r;
        r = book_all(&books, replay->ticks, &unread);
        if (r == 0 && books.last)
                r = show(replay, &books);
        if (r < 0)
                return jk_fail(err, r, "out of memory");
        return tell_end(replay, &books, &unread, err);
}

static int
replay_all(const struct replay *replay, struct jk_error *err)
{
        jk_autofree char *names = replay->models ? strdup(replay->models) : NULL;
        char *rest = names, *name;
        int r = 0;

        if (replay->output == OUTPUT_HWPC)
                return jk_replay_hwpc(replay->path, replay->ticks, err);
        if (!replay->models)
                return replay_model(replay, NULL, err);
        if (!names)
                return jk_fail(err, ENOMEM, "out of memory");
        while (r == 0 && (name = jk_model_next(&rest))) {
                if (rest && strcmp(replay->path, "-") == 0)
                        return jk_fail(err, EINVAL,
                                       "standard input can be read once, by one model");
                r = replay_model(replay, name, err);
                if (rest && replay->output == OUTPUT_TABLE)
                        printf("\n");
        }
        return r;
}

/* Options may stand before the file and after it. Returns as jk_options_parse() does. */
static int
parse(struct replay *replay, int argc, char *argv[])
{
        int first = jk_options_parse(replay->command, options, JK_COUNT(options), argc, argv,
                                     set_option, replay);

        if (first < 0 || first == argc)
                return first < 0 ? first : 0;
        replay->path = argv[first];
        argc -= first;
        first = jk_options_parse(replay->command, options, JK_COUNT(options), argc, argv + first,
                                 set_option, replay);
        return first < 0 ? first : argc - first;
}

static int
replay_main(const struct jk_command *command, int argc, char *argv[])
{
        struct replay replay = { .command = command, .ticks = UINT64_MAX, .top = UINT64_MAX };
        struct jk_error err = { "" };
        int left = parse(&replay, argc, argv);

        if (left < 0)
                return -1 - left;
        if (!replay.path || left > 0)
                return jk_usage_error(command, "give one recording");
        if (replay.output == OUTPUT_HWPC && replay.models)
                return jk_usage_error(command, "--model: HWPC reports are not booked by any");

        setlocale(LC_CTYPE, "");
        replay.glyphs = jk_glyphs_for_locale();
        if (replay_all(&replay, &err) < 0) {
                fflush(stdout);
                jk_say("replay", err.message);
                return JK_EXIT_FAILURE;
        }
        return JK_EXIT_OK;
}

const struct jk_command jk_command_replay = {
        .name = "replay",
        .arguments = "FILE [OPTION…]",
        .summary = "books a recording anew and shows the accounts at its end",
        .main = replay_main,
        .details = "FILE - is standard input. Energy is as the run booked it, to the microjoule, "
                   "if the model is the same.\n"
                   "\n"
                   "exit status:\n"
                   "  0  all of it was read; where the file ends within a tick, stderr says so\n"
                   "  1  something could not be read, and stderr says what and where; what stands "
                   "before it is shown",
};
