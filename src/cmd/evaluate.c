/* SPDX-License-Identifier: Apache-2.0
 *
 * Cross-validation of models over recordings: see evaluate.h.
 */
#include "cmd/evaluate.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/units.h"
#include "record/recording.h"

enum part { PART_LEARN, PART_ASK, PART_LEAVE };

struct program {
        char comm[JK_COMM_SIZE];
};

/* What is kept of a zone: one number per tick asked about. */
struct asked {
        char name[JK_ZONE_NAME_SIZE];
        double *error_w;
        size_t n, capacity;
        uint64_t unanswered;
        double sum_w, sum_relative;
        size_t n_relative;
};

struct run {
        const struct jk_evaluation *evaluation;
        const struct jk_model_ops *ops; /* of the model that is open */
        uint64_t n_ticks;               /* of all recordings */
        struct program *programs;
        size_t n_programs, programs_capacity;

        struct asked *zones;
        size_t n_zones, zones_capacity;

        struct jk_sample sample;
        size_t file;
        uint64_t tick;   /* counted over all recordings */
        const char *cut; /* the latest that ends within a tick */

        /* what the recordings have: a model knows zones and events by their places only */
        struct jk_zone_table zone_table;
        struct jk_event_table event_table;
};

static void
free_run(struct run *run)
{
        for (size_t i = 0; i < run->n_zones; i++)
                free(run->zones[i].error_w);
        free(run->zones);
        free(run->programs);
        jk_sample_free(&run->sample);
}

/* ---- reading ---- */

static int
refuse_other(const struct run *run, const char *what, const char *name, struct jk_error *err)
{
        return jk_fail(err, EINVAL,
                       "%s: %s %s is not in the place that it has before; give recordings of one "
                       "machine with the same meters and counters, and evaluate others apart",
                       run->evaluation->paths[run->file], what, name);
}

static int
check_zones(struct run *run, struct jk_error *err)
{
        const struct jk_zone_table *table = run->sample.zones;

        for (size_t i = 0; i < table->count && i < run->zone_table.count; i++)
                if (strcmp(table->zones[i].name, run->zone_table.zones[i].name) != 0)
                        return refuse_other(run, "zone", table->zones[i].name, err);
        if (table->count > run->zone_table.count)
                run->zone_table = *table;
        return 0;
}

static int
check_events(struct run *run, struct jk_error *err)
{
        const struct jk_event_table *table = run->sample.events;

        if (!table || jk_events_continue(&run->event_table, table))
                return 0;
        if (!jk_events_continue(table, &run->event_table))
                return refuse_other(run, "event", table->events[0].name, err);
        run->event_table = *table;
        return 0;
}

/* Call visit(run, data) for each tick of all recordings. */
static int
for_each_tick(struct run *run, int (*visit)(struct run *run, void *data), void *data,
              struct jk_error *err)
{
        run->tick = 0;
        for (run->file = 0; run->file < run->evaluation->n_paths; run->file++) {
                struct jk_reader *reader;
                int r = jk_reader_open(run->evaluation->paths[run->file], &reader, err);

                if (r < 0)
                        return r;
                while ((r = jk_reader_next(reader, &run->sample, err)) > 0) {
                        r = check_zones(run, err);
                        if (r == 0)
                                r = check_events(run, err);
                        if (r < 0)
                                break;
                        r = visit(run, data);
                        if (r < 0) {
                                jk_fail(err, r, "out of memory");
                                break;
                        }
                        run->tick++;
                }
                if (r == 0 && jk_reader_is_cut(reader))
                        run->cut = run->evaluation->paths[run->file];
                jk_reader_close(reader);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- folds ---- */

/* The program that used most CPU time in the tick: its index, or negative. */
static int
find_program(struct run *run)
{
        const struct jk_task_record *busiest = NULL;

        for (size_t i = 0; i < run->sample.n_tasks; i++)
                if (!busiest || run->sample.tasks[i].cpu_ns > busiest->cpu_ns)
                        busiest = &run->sample.tasks[i];
        if (!busiest)
                return 0;

        for (size_t i = 0; i < run->n_programs; i++)
                if (strcmp(run->programs[i].comm, busiest->comm) == 0)
                        return (int)i;

        if (jk_array_grow(&run->programs, &run->programs_capacity, run->n_programs + 1) < 0)
                return -ENOMEM;
        memcpy(run->programs[run->n_programs].comm, busiest->comm, sizeof busiest->comm);
        return (int)run->n_programs++;
}

static size_t
fold_of_block(const struct run *run)
{
        const struct jk_evaluation *evaluation = run->evaluation;

        if (evaluation->block > 0)
                return (size_t)(run->tick / evaluation->block % evaluation->n_folds);

        return (size_t)(run->tick * evaluation->n_folds / run->n_ticks);
}

static enum part
part_of(struct run *run, size_t fold)
{
        const struct jk_evaluation *evaluation = run->evaluation;
        double ticks = evaluation->ends * (double)run->n_ticks;
        size_t of = 0;

        if (evaluation->ends > 0) {
                if ((double)run->tick < floor(ticks))
                        return PART_LEARN;
                return (double)run->tick >= (double)run->n_ticks - floor(ticks) ? PART_ASK
                                                                                : PART_LEAVE;
        }

        switch (evaluation->by) {
        case JK_FOLD_BLOCK:
                of = fold_of_block(run);
                break;
        case JK_FOLD_FILE:
                of = run->file % evaluation->n_folds;
                break;
        case JK_FOLD_PROGRAM: /* all are known since the first pass */
                of = (size_t)find_program(run) % evaluation->n_folds;
                break;
        }
        return of == fold ? PART_ASK : PART_LEARN;
}

/* ---- learning and asking ---- */

struct pass {
        struct jk_model *model;
        size_t fold;
        bool asking;
};

static struct asked *
zone_of(struct run *run, const char *name)
{
        for (size_t i = 0; i < run->n_zones; i++)
                if (strcmp(run->zones[i].name, name) == 0)
                        return &run->zones[i];

        if (jk_array_grow(&run->zones, &run->zones_capacity, run->n_zones + 1) < 0)
                return NULL;
        run->zones[run->n_zones] = (struct asked){ 0 };
        snprintf(run->zones[run->n_zones].name, JK_ZONE_NAME_SIZE, "%s", name);
        return &run->zones[run->n_zones++];
}

static int
compare(struct asked *asked, double predicted_w, double measured_w)
{
        if (isnan(predicted_w)) {
                asked->unanswered++;
                return 0;
        }
        if (jk_array_grow(&asked->error_w, &asked->capacity, asked->n + 1) < 0)
                return -ENOMEM;

        asked->error_w[asked->n++] = predicted_w - measured_w;
        asked->sum_w += measured_w;
        if (measured_w > 0) {
                asked->sum_relative += fabs(predicted_w - measured_w) / measured_w;
                asked->n_relative++;
        }
        return 0;
}

static int
compare_zone(struct run *run, const char *name, double predicted_w, double measured_w)
{
        struct asked *asked = zone_of(run, name);

        return asked ? compare(asked, predicted_w, measured_w) : -ENOMEM;
}

struct answer {
        bool read;
        double predicted_w, measured_w;
};

/* All zones of a kind together, where there are several: which socket works is another question
 * than how much. */
static int
compare_kind(struct run *run, const struct answer *answers, enum jk_zone_kind kind)
{
        const struct jk_zone_table *table = run->sample.zones;
        struct answer sum = { 0 };
        size_t n = 0;

        for (size_t i = 0; i < table->count; i++) {
                if (table->zones[i].kind != kind)
                        continue;
                if (!answers[i].read)
                        return 0;
                sum.predicted_w += answers[i].predicted_w;
                sum.measured_w += answers[i].measured_w;
                n++;
        }
        return n < 2 ? 0
                     : compare_zone(run, jk_zone_kind_name(kind), sum.predicted_w, sum.measured_w);
}

/* The model sees the tick without its energy, and is asked what it was. */
static int
ask(struct run *run, const struct pass *pass, bool counts)
{
        const struct jk_model_ops *ops = run->ops;
        const struct jk_zone_table *table = run->sample.zones;
        struct answer answers[JK_ZONES_MAX] = { 0 };
        int r = 0;

        for (size_t i = 0; i < table->count; i++) {
                struct jk_zone_reading *reading = &run->sample.readings[i];

                answers[i].read = (reading->flags & JK_READING_SEEN) && reading->elapsed_ns > 0 &&
                                  !(run->sample.flags & JK_SAMPLE_SUSPENDED) &&
                                  !jk_sample_has_gap(&run->sample, i);
                if (answers[i].read)
                        answers[i].measured_w = jk_power_w(reading->energy_uj, reading->elapsed_ns);
                reading->flags &= ~(uint32_t)JK_READING_SEEN;
        }
        ops->observe(pass->model, &run->sample);
        if (!counts)
                return 0;

        for (size_t i = 0; i < table->count; i++)
                answers[i].predicted_w = ops->expect(pass->model, i).power_w;
        for (size_t i = 0; r == 0 && i < table->count; i++)
                if (answers[i].read)
                        r = compare_zone(run, table->zones[i].name, answers[i].predicted_w,
                                         answers[i].measured_w);
        for (enum jk_zone_kind kind = 0; r == 0 && kind < JK_ZONE_KIND_MAX; kind++)
                r = compare_kind(run, answers, kind);
        return r;
}

static int
visit_tick(struct run *run, void *data)
{
        const struct pass *pass = data;
        enum part part = part_of(run, pass->fold);

        if (!pass->asking && part == PART_LEARN) {
                run->ops->observe(pass->model, &run->sample);
                return 0;
        }
        return ask(run, pass, pass->asking && part == PART_ASK);
}

static int
evaluate_fold(struct run *run, size_t fold, struct jk_error *err)
{
        struct pass pass = { .fold = fold };
        int r = jk_model_open(run->evaluation->model, &run->ops, &pass.model, err);

        if (r < 0)
                return r;
        if (!run->ops->expect)
                r = jk_fail(err, ENOTSUP, "model %s divides energy and does not predict it",
                            run->ops->name);
        if (r == 0)
                r = for_each_tick(run, visit_tick, &pass, err);
        pass.asking = true;
        if (r == 0)
                r = for_each_tick(run, visit_tick, &pass, err);
        run->ops->close(pass.model);
        return r;
}

/* ---- figures ---- */

static int
by_size(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static void
add_up(struct asked *asked, struct jk_zone_errors *ret)
{
        double n = (double)asked->n;

        *ret = (struct jk_zone_errors){ .n = asked->n, .unanswered = asked->unanswered };
        memcpy(ret->zone, asked->name, sizeof ret->zone);
        if (asked->n == 0) {
                ret->mean_w = ret->mae_w = ret->mape_pct = ret->bias_w = ret->p95_w = NAN;
                return;
        }

        ret->mean_w = asked->sum_w / n;
        for (size_t i = 0; i < asked->n; i++) {
                ret->bias_w += asked->error_w[i] / n;
                asked->error_w[i] = fabs(asked->error_w[i]);
                ret->mae_w += asked->error_w[i] / n;
        }
        qsort(asked->error_w, asked->n, sizeof *asked->error_w, by_size);
        ret->p95_w = asked->error_w[(size_t)ceil(0.95 * n) - 1];
        ret->mape_pct =
                asked->n_relative > 0 ? 100 * asked->sum_relative / (double)asked->n_relative : NAN;
}

static int
count_tick(struct run *run, void *data)
{
        (void)data;
        run->n_ticks++;
        return run->evaluation->by == JK_FOLD_PROGRAM ? find_program(run) : 0;
}

int
jk_evaluate(const struct jk_evaluation *evaluation, struct jk_zone_errors **ret_errors,
            const char **ret_cut, struct jk_error *err)
{
        __attribute__((cleanup(free_run))) struct run run = { .evaluation = evaluation };
        size_t n_folds = evaluation->ends > 0 ? 1 : evaluation->n_folds;
        struct jk_zone_errors *errors;
        int r;

        r = for_each_tick(&run, count_tick, NULL, err);
        for (size_t fold = 0; r == 0 && fold < n_folds; fold++)
                r = evaluate_fold(&run, fold, err);
        if (r < 0)
                return r;

        errors = calloc(run.n_zones + 1, sizeof *errors);
        if (!errors)
                return jk_fail(err, ENOMEM, "out of memory");
        for (size_t i = 0; i < run.n_zones; i++)
                add_up(&run.zones[i], &errors[i]);
        *ret_errors = errors;
        *ret_cut = run.cut;
        return (int)run.n_zones;
}
