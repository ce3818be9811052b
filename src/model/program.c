/* SPDX-License-Identifier: Apache-2.0
 *
 * Models that are programs: a line for each tick, and a line back (program.h). The tick does not
 * wait for a program that thinks: what it has not answered in time is divided as `share` does.
 *
 * In a replay nothing hurries, and an answer is waited for so that it gives what the run gave. The
 * sample says which it is.
 */
#include <stdlib.h>
#include <string.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "model/guard.h"
#include "model/load.h"
#include "model/program.h"

#define LINE_MAX_BYTES ((size_t)4 << 20)
#define WORDS_MAX      64
#define UNASKED_MAX    64 /* lines in a tick that nobody asked for */

#define BUDGET_NS   (20 * JK_NS_PER_MS) /* of a tick, or a fifth of it where that is less */
#define PATIENCE_NS (5 * JK_NS_PER_S)   /* where nothing hurries, and at the start */
#define HANGS_NS    (30 * JK_NS_PER_S)  /* a live one is ended then */

#define RETRY_MIN_NS (1 * JK_NS_PER_S)
#define RETRY_MAX_NS (60 * JK_NS_PER_S)
#define SETTLED      60 /* good answers in a row, after which an end is the first again */

struct patience {
        int64_t until_ns; /* the tick goes on without it; of the monotonic clock */
        int64_t hangs_ns; /* of the samples' time: then it is ended */
};

enum phase {
        PHASE_NONE,     /* it does not run */
        PHASE_GREETING, /* it has not said its version yet */
        PHASE_IDLE,     /* it waits for a tick */
        PHASE_BUSY,     /* it has not answered for one */
};

struct jk_model {
        struct jk_guard guard;
        char *command; /* cut into words */
        const char *words[WORDS_MAX + 1];

        struct jk_child child;
        enum phase phase;
        int64_t since_ns; /* of GREETING and BUSY; the sample's monotonic time, as the next */
        int64_t retry_at_ns, retry_ns;
        unsigned n_good;

        bool answered; /* this tick: answers holds */
        uint64_t tick;
        struct jk_answers answers;
        struct jk_idle_estimate idle[JK_ZONES_MAX]; /* as it said last; NaN: never */
        struct jk_expectation expected[JK_ZONES_MAX];
        double n_expected[JK_ZONES_MAX];
};

/* ---- the program ---- */

static void
greet(struct jk_model *model)
{
        jk_program_write_greeting(jk_child_outgoing(&model->child));
        jk_child_send(&model->child);
}

static int
start(struct jk_model *model, int64_t now_ns, struct jk_error *err)
{
        int r = jk_child_start(&model->child, model->words, err);

        if (r < 0)
                return r;

        greet(model);
        model->phase = PHASE_GREETING;
        model->since_ns = now_ns;
        return 0;
}

/* It is of no use any more: end it, and try again after a while, which doubles. */
static void
give_up(struct jk_model *model, const struct jk_sample *sample, const char *why)
{
        jk_child_stop(&model->child);
        model->phase = PHASE_NONE;

        if (model->n_good >= SETTLED || model->retry_ns == 0)
                model->retry_ns = RETRY_MIN_NS;
        else if (model->retry_ns < RETRY_MAX_NS / 2)
                model->retry_ns *= 2;
        else
                model->retry_ns = RETRY_MAX_NS;
        model->n_good = 0;
        model->retry_at_ns = sample->time.monotonic_ns + model->retry_ns;

        jk_log_warning("model program: %s: %s; it is started again in %lld s", model->words[0], why,
                       (long long)(model->retry_ns / JK_NS_PER_S));
        jk_guard_fault(&model->guard, sample, "%s: %s", model->words[0], why);
}

/* Take the line with its version: 1; 0: not until then; or negative: it is of no use. */
static int
take_greeting(struct jk_model *model, int64_t until_ns, struct jk_error *err)
{
        char *line;
        size_t length;
        int r = jk_child_receive(&model->child, until_ns, &line, &length, err);

        if (r > 0 && jk_program_parse_greeting(line, length, err) < 0)
                return -EBADMSG;
        if (r > 0)
                model->phase = PHASE_IDLE;
        return r;
}

/* ---- open and close ---- */

static void
program_close(struct jk_model *model)
{
        if (!model)
                return;

        jk_child_close(&model->child);
        jk_guard_close(&model->guard);
        jk_answers_free(&model->answers);
        free(model->command);
        free(model);
}

/* At blanks. Nothing else has a meaning: no quotes, no variables, no shell. */
static int
cut_words(struct jk_model *model, struct jk_error *err)
{
        char *rest = model->command, *word;
        size_t n = 0;

        while ((word = strsep(&rest, " \t"))) {
                if (!*word)
                        continue;
                if (n == WORDS_MAX)
                        return jk_fail(err, E2BIG,
                                       "it has more than %d words; put it into a script",
                                       WORDS_MAX);
                model->words[n++] = word;
        }
        if (n == 0)
                return jk_fail(err, EINVAL, "give a command after the colon");

        return 0;
}

static int
open_program(struct jk_model *model, const char *command, struct jk_error *err)
{
        int r;

        model->command = strdup(command);
        if (!model->command)
                return jk_fail(err, ENOMEM, "out of memory");

        r = cut_words(model, err);
        if (r == 0)
                r = start(model, jk_monotonic_ns(), err);
        if (r == 0)
                r = take_greeting(model, jk_monotonic_ns() + PATIENCE_NS, err);
        if (r == 0)
                return jk_fail(err, ETIMEDOUT,
                               "it has not said its version within 5 s; it must print a line as "
                               "{\"version\":1} at once, and flush it");
        return r < 0 ? r : 0;
}

static int
program_open(const char *argument, struct jk_model **ret_model, struct jk_error *err)
{
        struct jk_model *model = calloc(1, sizeof *model);
        int r;

        if (!model)
                return jk_fail(err, ENOMEM, "model program: out of memory");
        model->child = (struct jk_child)JK_CHILD_NONE(LINE_MAX_BYTES);
        for (size_t i = 0; i < JK_ZONES_MAX; i++) {
                model->idle[i] = (struct jk_idle_estimate){ .power_w = NAN, .error_w = NAN };
                model->expected[i] = JK_NO_EXPECTATION;
        }

        r = jk_guard_open(&model->guard, "program", err);
        if (r == 0) {
                r = open_program(model, argument, err);
                if (r < 0)
                        jk_error_prefix(err, "model program: %s: ", argument);
        }
        if (r < 0) {
                program_close(model);
                return r;
        }

        *ret_model = model;
        return 0;
}

/* ---- a tick ---- */

/* How long the tick may take. */
static struct patience
patience_for(const struct jk_sample *sample)
{
        int64_t now_ns = jk_monotonic_ns(), budget_ns = sample->elapsed_ns / 5;

        if (!(sample->flags & JK_SAMPLE_LIVE))
                return (struct patience){ now_ns + PATIENCE_NS, 0 };
        if (budget_ns > BUDGET_NS)
                budget_ns = BUDGET_NS;

        return (struct patience){ now_ns + budget_ns, HANGS_NS };
}

/* It is late: as long as that goes on nothing more is sent to it. */
static void
wait_on(struct jk_model *model, const struct jk_sample *sample, const struct patience *patience,
        const char *why)
{
        int64_t waited_ns = sample->time.monotonic_ns - model->since_ns;

        if (waited_ns >= patience->hangs_ns || waited_ns < 0)
                give_up(model, sample, "it has not answered for long");
        else
                jk_guard_fault(&model->guard, sample, "%s: %s", model->words[0], why);
}

/* Have it wait for a tick: whether it does. */
static bool
make_ready(struct jk_model *model, const struct jk_sample *sample, const struct patience *patience)
{
        struct jk_error err = { "" };
        char *line;
        size_t length;
        int r = 1;

        if (model->phase == PHASE_NONE) {
                if (sample->time.monotonic_ns < model->retry_at_ns &&
                    model->retry_at_ns - sample->time.monotonic_ns <= RETRY_MAX_NS) {
                        jk_guard_fault(&model->guard, sample, "%s: it does not run",
                                       model->words[0]);
                        return false;
                }
                r = start(model, sample->time.monotonic_ns, &err);
        }
        if (r >= 0 && model->phase == PHASE_GREETING)
                r = take_greeting(model, patience->until_ns, &err);
        else if (r >= 0 && model->phase == PHASE_BUSY)
                r = jk_child_receive(&model->child, patience->until_ns, &line, &length, &err);

        if (r < 0)
                give_up(model, sample, err.message);
        else if (r == 0)
                wait_on(model, sample, patience,
                        model->phase == PHASE_BUSY ? "it still works on an earlier tick"
                                                   : "it has not said its version yet");
        else
                model->phase = PHASE_IDLE;
        return r > 0;
}

/* Lines that nobody asked for would be taken for the next answers. */
static int
drop_unasked(struct jk_model *model, const struct jk_sample *sample, struct jk_error *err)
{
        char *line;
        size_t length;
        int r;

        for (int n = 0; (r = jk_child_receive(&model->child, 0, &line, &length, err)) > 0; n++) {
                if (n == UNASKED_MAX)
                        return jk_fail(err, EBADMSG, "it prints lines that nobody asked for");
                jk_guard_fault(&model->guard, sample,
                               "%s: it printed a line that was not asked for", model->words[0]);
        }
        return r;
}

/* The line with the answer: 1; 0: it is late; or a negative errno. */
static int
ask(struct jk_model *model, const struct jk_sample *sample, int64_t until_ns, char **ret_line,
    size_t *ret_length, struct jk_error *err)
{
        int r = drop_unasked(model, sample, err);

        if (r < 0)
                return r;

        jk_program_write_tick(jk_child_outgoing(&model->child), sample);
        jk_child_send(&model->child);
        model->phase = PHASE_BUSY;
        model->since_ns = sample->time.monotonic_ns;
        r = jk_child_receive(&model->child, until_ns, ret_line, ret_length, err);
        if (r > 0)
                model->phase = PHASE_IDLE;
        return r;
}

/* What it said of idle power, and of what it expected against what was measured. */
static void
note_zone(struct jk_model *model, const struct jk_sample *sample, size_t zone)
{
        const struct jk_answer *answer = &model->answers.zones[zone];
        const struct jk_zone_reading *reading = &sample->readings[zone];
        struct jk_expectation *expected = &model->expected[zone];
        double measured_w, error_pct, part;

        if (answer->has_idle)
                model->idle[zone] =
                        (struct jk_idle_estimate){ answer->idle_w, answer->idle_error_w };
        if (!answer->has_expected)
                return;

        expected->power_w = answer->expected_w;
        if (!(reading->flags & JK_READING_SEEN) || reading->elapsed_ns <= 0 ||
            reading->energy_uj <= 0)
                return;
        measured_w = (double)reading->energy_uj * 1e3 / (double)reading->elapsed_ns;
        error_pct = 100 * fabs(answer->expected_w - measured_w) / measured_w;
        model->n_expected[zone] = fmin(model->n_expected[zone] + 1, 60);
        part = 1 / model->n_expected[zone];
        expected->error_pct = isnan(expected->error_pct)
                                      ? error_pct
                                      : (1 - part) * expected->error_pct + part * error_pct;
}

/* Whether this tick has answers. */
static bool
converse(struct jk_model *model, const struct jk_sample *sample)
{
        struct patience patience = patience_for(sample);
        struct jk_error err = { "" };
        char *line;
        size_t length;
        int r;

        if (!make_ready(model, sample, &patience))
                return false;

        r = ask(model, sample, patience.until_ns, &line, &length, &err);
        if (r < 0) {
                give_up(model, sample, err.message);
                return false;
        }
        if (r == 0) {
                wait_on(model, sample, &patience, "it has not answered in time");
                return false;
        }
        if (jk_program_parse_answer(line, length, sample, &model->answers, &err) < 0)
                jk_guard_fault(&model->guard, sample, "%s: %s", model->words[0], err.message);

        return !model->guard.is_faulty;
}

static void
program_observe(struct jk_model *model, const struct jk_sample *sample)
{
        jk_guard_observe(&model->guard, sample);
        for (size_t i = 0; i < JK_ZONES_MAX; i++)
                model->expected[i].power_w = NAN;

        model->answered = converse(model, sample);
        if (!model->answered) {
                model->n_good = 0;
                return;
        }
        model->n_good++;
        model->tick = sample->sequence;
        for (size_t i = 0; i < sample->zones->count; i++)
                note_zone(model, sample, i);
}

/* What was answered, over what is there. */
static void
apply(const struct jk_model *model, const struct jk_sample *sample, size_t zone,
      struct jk_split *split)
{
        const struct jk_answer *answer = &model->answers.zones[zone];

        if (answer->has_idle)
                split->idle_uj = answer->idle_w * (double)sample->readings[zone].elapsed_ns / 1e3;
        if (answer->has_uncertainty)
                split->uncertainty_pct = fmin(answer->uncertainty_pct, 100);
        if (answer->blind) {
                jk_split_to_nobody(sample, split);
        } else if (answer->has_weights) {
                split->blind = false;
                split->irq_weight = answer->irq_weight;
                split->softirq_weight = answer->softirq_weight;
                memcpy(split->task_weights, model->answers.weights + answer->row * sample->n_tasks,
                       sample->n_tasks * sizeof *split->task_weights);
        }
}

static void
program_split(struct jk_model *model, const struct jk_sample *sample, size_t zone,
              struct jk_split *split)
{
        struct jk_error why = { "" };

        jk_guard_divide(&model->guard, sample, zone, split);
        if (!model->answered || model->tick != sample->sequence)
                return;

        apply(model, sample, zone, split);
        if (jk_split_check(sample, split, &why) == 0)
                return;

        jk_guard_fault(&model->guard, sample, "%s: %s: %s", model->words[0],
                       sample->zones->zones[zone].name, why.message);
        jk_guard_divide(&model->guard, sample, zone, split);
}

static struct jk_idle_estimate
program_idle(const struct jk_model *model, size_t zone)
{
        struct jk_idle_estimate learned = jk_model_share.idle(model->guard.share, zone);
        struct jk_idle_estimate idle = model->idle[zone];

        if (isnan(idle.power_w))
                return learned;
        if (isnan(idle.error_w)) /* it did not say: as far as it is from what was learned */
                idle.error_w = isnan(learned.power_w)
                                       ? INFINITY
                                       : hypot(learned.error_w, idle.power_w - learned.power_w);
        return idle;
}

static struct jk_expectation
program_expect(const struct jk_model *model, size_t zone)
{
        return model->expected[zone];
}

const struct jk_model_ops jk_model_program = {
        .name = "program",
        .summary = "a model of your own, a program that speaks JSON lines",
        .argument = "COMMAND",
        .open = program_open,
        .observe = program_observe,
        .split = program_split,
        .idle = program_idle,
        .expect = program_expect,
        .close = program_close,
};
