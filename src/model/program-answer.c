/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program answers: see program.h. A line is taken as a whole or not at all; a name that is
 * not known is refused, as it is a mistake in the program that would pass for an answer.
 */
#include "model/program.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void
jk_answers_free(struct jk_answers *answers)
{
        free(answers->weights);
        *answers = (struct jk_answers){ 0 };
}

static void
release(json_t **json)
{
        json_decref(*json);
}

#define jk_autojson __attribute__((cleanup(release)))

static int
parse_object(const char *line, size_t length, json_t **ret_json, struct jk_error *err)
{
        json_error_t why;
        json_t *json = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);

        if (!json)
                return jk_fail(err, EBADMSG, "its line is no JSON: %s (byte %d)", why.text,
                               why.position);
        if (!json_is_object(json)) {
                json_decref(json);
                return jk_fail(err, EBADMSG, "its line is no JSON object");
        }

        *ret_json = json;
        return 0;
}

int
jk_program_parse_greeting(const char *line, size_t length, struct jk_error *err)
{
        jk_autojson json_t *json = NULL;
        const json_t *version;
        int r = parse_object(line, length, &json, err);

        if (r < 0)
                return r;

        version = json_object_get(json, "version");
        if (!json_is_integer(version))
                return jk_fail(err, EBADMSG, "its first line has no \"version\"");
        if (json_integer_value(version) != JK_PROGRAM_VERSION)
                return jk_fail(err, EBADMSG,
                               "it speaks version %lld, and this program speaks version %d",
                               (long long)json_integer_value(version), JK_PROGRAM_VERSION);
        return 0;
}

/* ---- a zone ---- */

struct parse {
        const struct jk_sample *sample;
        struct jk_answers *answers;
        struct jk_answer *answer;
        const char *zone;
        const struct jk_zone_reading *reading;
        struct jk_error *err;
};

static int
take_amount(struct parse *parse, const char *key, const json_t *value, double *ret_amount)
{
        double amount = json_number_value(value);

        if (!json_is_number(value) || !isfinite(amount) || amount < 0)
                return jk_fail(parse->err, EBADMSG, "%s: %s is not a number from 0 on", parse->zone,
                               key);

        *ret_amount = amount;
        return 0;
}

/* A row for all tasks of the sample. */
static double *
add_row(struct parse *parse)
{
        struct jk_answers *answers = parse->answers;
        size_t n = parse->sample->n_tasks, used = answers->n_rows * n;

        if (jk_array_grow(&answers->weights, &answers->weights_capacity, used + n + 1) < 0) {
                jk_fail(parse->err, ENOMEM, "out of memory");
                return NULL;
        }

        memset(answers->weights + used, 0, n * sizeof *answers->weights);
        parse->answer->row = answers->n_rows++;
        parse->answer->has_weights = true;
        return answers->weights + used;
}

static int
begin_weights(struct parse *parse, double **ret_row)
{
        if (parse->answer->has_weights)
                return jk_fail(parse->err, EBADMSG,
                               "%s: it has both weights and weights_by_pid; one is enough",
                               parse->zone);

        *ret_row = add_row(parse);
        return *ret_row ? 0 : -ENOMEM;
}

static int
take_weights(struct parse *parse, const char *key, const json_t *value)
{
        size_t n = parse->sample->n_tasks;
        double *row = NULL;
        int r;

        if (!json_is_array(value) || json_array_size(value) != n)
                return jk_fail(parse->err, EBADMSG,
                               "%s: weights is not a list of %zu, one for each task", parse->zone,
                               n);

        r = begin_weights(parse, &row);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = take_amount(parse, key, json_array_get(value, i), &row[i]);
        return r;
}

static int
take_weights_by_pid(struct parse *parse, const char *key, const json_t *value)
{
        double *row = NULL;
        int r;

        if (!json_is_object(value))
                return jk_fail(parse->err, EBADMSG, "%s: weights_by_pid is not an object",
                               parse->zone);

        r = begin_weights(parse, &row);
        for (size_t i = 0; r == 0 && i < parse->sample->n_tasks; i++) {
                char pid[16];
                const json_t *weight;

                snprintf(pid, sizeof pid, "%d", (int)parse->sample->tasks[i].pid);
                weight = json_object_get(value, pid);
                if (weight)
                        r = take_amount(parse, key, weight, &row[i]);
        }
        return r;
}

static int
take_idle_w(struct parse *parse, const char *key, const json_t *value)
{
        if (parse->answer->has_idle)
                return jk_fail(parse->err, EBADMSG,
                               "%s: it has both idle_w and idle_uj; one is enough", parse->zone);

        parse->answer->has_idle = true;
        return take_amount(parse, key, value, &parse->answer->idle_w);
}

static int
take_idle_uj(struct parse *parse, const char *key, const json_t *value)
{
        int r = take_idle_w(parse, key, value);

        if (!(parse->reading->flags & JK_READING_SEEN) || parse->reading->elapsed_ns <= 0)
                return jk_fail(parse->err, EBADMSG,
                               "%s: idle_uj of a zone that was not read; give idle_w", parse->zone);

        parse->answer->idle_w *= 1e3 / (double)parse->reading->elapsed_ns;
        if (!isfinite(parse->answer->idle_w))
                return jk_fail(parse->err, EBADMSG, "%s: idle_uj is too large for a number",
                               parse->zone);
        return r;
}

static int
take_idle_error(struct parse *parse, const char *key, const json_t *value)
{
        return take_amount(parse, key, value, &parse->answer->idle_error_w);
}

static int
take_irq(struct parse *parse, const char *key, const json_t *value)
{
        return take_amount(parse, key, value, &parse->answer->irq_weight);
}

static int
take_softirq(struct parse *parse, const char *key, const json_t *value)
{
        return take_amount(parse, key, value, &parse->answer->softirq_weight);
}

static int
take_uncertainty(struct parse *parse, const char *key, const json_t *value)
{
        parse->answer->has_uncertainty = true;
        return take_amount(parse, key, value, &parse->answer->uncertainty_pct);
}

static int
take_expected(struct parse *parse, const char *key, const json_t *value)
{
        parse->answer->has_expected = true;
        return take_amount(parse, key, value, &parse->answer->expected_w);
}

static int
take_blind(struct parse *parse, const char *key, const json_t *value)
{
        if (!json_is_boolean(value))
                return jk_fail(parse->err, EBADMSG, "%s: %s is neither true nor false", parse->zone,
                               key);

        parse->answer->blind = json_is_true(value);
        return 0;
}

/* It is known already: find_zone(). */
static int
take_zone(struct parse *parse, const char *key, const json_t *value)
{
        (void)parse;
        (void)key;
        (void)value;
        return 0;
}

static const struct {
        const char *key;
        int (*take)(struct parse *parse, const char *key, const json_t *value);
} keys[] = {
        { "zone", take_zone },
        { "weights", take_weights },
        { "weights_by_pid", take_weights_by_pid },
        { "irq_weight", take_irq },
        { "softirq_weight", take_softirq },
        { "idle_w", take_idle_w },
        { "idle_uj", take_idle_uj },
        { "idle_error_w", take_idle_error },
        { "uncertainty_pct", take_uncertainty },
        { "expected_w", take_expected },
        { "blind", take_blind },
};

static int
take_key(struct parse *parse, const char *key, const json_t *value)
{
        for (size_t i = 0; i < JK_COUNT(keys); i++)
                if (strcmp(keys[i].key, key) == 0)
                        return keys[i].take(parse, key, value);

        return jk_fail(parse->err, EBADMSG, "%s: an answer has no \"%.40s\"", parse->zone, key);
}

static int
check_sum(const struct parse *parse)
{
        const struct jk_answer *answer = parse->answer;
        const double *row = parse->answers->weights + answer->row * parse->sample->n_tasks;
        double sum = answer->irq_weight + answer->softirq_weight;

        if (!answer->has_weights)
                return 0;
        for (size_t i = 0; i < parse->sample->n_tasks; i++)
                sum += row[i];
        if (!isfinite(sum))
                return jk_fail(parse->err, EBADMSG,
                               "%s: the sum of its weights is too large for a number", parse->zone);
        return 0;
}

static int
find_zone(struct parse *parse, const json_t *object)
{
        const char *name = json_string_value(json_object_get(object, "zone"));
        int zone = name ? jk_zone_find(parse->sample->zones, name) : -1;

        if (!name)
                return jk_fail(parse->err, EBADMSG, "one of its zones has no name in \"zone\"");
        if (zone < 0)
                return jk_fail(parse->err, EBADMSG, "there is no zone '%.48s'", name);

        parse->zone = parse->sample->zones->zones[zone].name;
        parse->reading = &parse->sample->readings[zone];
        parse->answer = &parse->answers->zones[zone];
        if (parse->answer->given)
                return jk_fail(parse->err, EBADMSG, "%s: it is answered twice", parse->zone);
        parse->answer->given = true;
        parse->answer->idle_error_w = NAN;
        return 0;
}

/* Weights for all zones that have none of their own: most programs have but one set, and it is
 * long.
 */
static int
take_common(struct parse *parse, const json_t *json, struct jk_answer *common)
{
        static const char *const names[] = { "weights", "weights_by_pid" };
        int r = 0;

        parse->zone = "all zones";
        parse->answer = common;
        for (size_t i = 0; r == 0 && i < JK_COUNT(names); i++) {
                const json_t *value = json_object_get(json, names[i]);

                if (value)
                        r = take_key(parse, names[i], value);
        }
        return r;
}

static int
take_answer(struct parse *parse, json_t *object, const struct jk_answer *common)
{
        const char *key;
        json_t *value;
        int r = find_zone(parse, object);

        if (r < 0)
                return r;
        json_object_foreach(object, key, value) {
                r = take_key(parse, key, value);
                if (r < 0)
                        return r;
        }
        if (common->has_weights && !parse->answer->has_weights) {
                parse->answer->has_weights = true;
                parse->answer->row = common->row;
        }
        return check_sum(parse);
}

/* ---- the line ---- */

static int
check_tick(const json_t *json, const struct jk_sample *sample, struct jk_error *err)
{
        const json_t *tick = json_object_get(json, "tick");

        if (!json_is_integer(tick))
                return jk_fail(err, EBADMSG, "its answer has no \"tick\"");
        if ((uint64_t)json_integer_value(tick) != sample->sequence)
                return jk_fail(err, EBADMSG, "it answered for tick %lld when it was asked for %llu",
                               (long long)json_integer_value(tick),
                               (unsigned long long)sample->sequence);
        return 0;
}

int
jk_program_parse_answer(const char *line, size_t length, const struct jk_sample *sample,
                        struct jk_answers *answers, struct jk_error *err)
{
        struct parse parse = { .sample = sample, .answers = answers, .err = err };
        struct jk_answer common = { 0 };
        jk_autojson json_t *json = NULL;
        const json_t *zones;
        int r;

        memset(answers->zones, 0, sizeof answers->zones);
        answers->n_rows = 0;

        r = parse_object(line, length, &json, err);
        if (r == 0)
                r = check_tick(json, sample, err);
        if (r < 0)
                return r;

        zones = json_object_get(json, "zones");
        if (!json_is_array(zones))
                return jk_fail(err, EBADMSG, "its answer has no list \"zones\"");
        r = take_common(&parse, json, &common);
        for (size_t i = 0; r == 0 && i < json_array_size(zones); i++)
                r = take_answer(&parse, json_array_get(zones, i), &common);
        if (r < 0)
                memset(answers->zones, 0, sizeof answers->zones);
        return r;
}
