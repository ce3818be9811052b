/* SPDX-License-Identifier: Apache-2.0
 *
 * Several models behind one, each for its zones: see model.h. Each that was chosen sees every tick,
 * also of the zones that are not its own; a model that was chosen the same way twice is one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "model/model.h"

#define MODELS_MAX 16

struct member {
        const struct jk_model_ops *ops;
        struct jk_model *model;
        char *argument;
};

struct rule {
        char zone[JK_ZONE_NAME_SIZE];
        size_t member;
};

struct jk_model {
        struct member members[MODELS_MAX];
        size_t n_members;
        struct rule rules[MODELS_MAX]; /* in the order of the spec */
        size_t n_rules;
        size_t others; /* whose are the zones without a rule */

        size_t member_of[JK_ZONES_MAX];
        size_t n_zones; /* for which that is known */
};

static void
by_zone_close(struct jk_model *model)
{
        if (!model)
                return;

        for (size_t i = 0; i < model->n_members; i++) {
                model->members[i].ops->close(model->members[i].model);
                free(model->members[i].argument);
        }
        free(model);
}

static bool
is_chosen_so(const struct member *member, const struct jk_model_ops *ops, const char *argument)
{
        if (member->ops != ops)
                return false;

        return argument ? strcmp(member->argument, argument) == 0 : !member->argument;
}

/* Index of the member, opened if it is new, or a negative errno. Takes over the argument. */
static int
join(struct jk_model *model, const struct jk_model_ops *ops, char *argument, struct jk_error *err)
{
        struct member *member = &model->members[model->n_members];
        int r;

        for (size_t i = 0; i < model->n_members; i++) {
                if (is_chosen_so(&model->members[i], ops, argument)) {
                        free(argument);
                        return (int)i;
                }
        }

        *member = (struct member){ .ops = ops, .argument = argument };
        r = ops->open(argument, &member->model, err);
        if (r < 0) {
                free(argument);
                return r;
        }
        return (int)model->n_members++;
}

static int
add_rule(struct jk_model *model, const struct jk_model_choice *choice, struct jk_error *err)
{
        struct rule *rule = &model->rules[model->n_rules];
        char *argument = NULL;
        int member;

        if (model->n_rules == MODELS_MAX - 1)
                return jk_fail(err, EINVAL, "model: at most %d can be chosen", MODELS_MAX - 1);
        if (choice->argument) {
                argument = strndup(choice->argument, choice->length);
                if (!argument)
                        return jk_fail(err, ENOMEM, "model: out of memory");
        }

        member = join(model, choice->ops, argument, err);
        if (member < 0)
                return member;
        memcpy(rule->zone, choice->zone, sizeof rule->zone);
        rule->member = (size_t)member;
        model->n_rules++;
        return 0;
}

/* Rules by the spec. One without a zone can only be the first. */
static int
read_spec(struct jk_model *model, const char *spec, struct jk_error *err)
{
        struct jk_model_choice choice;
        int r;

        while ((r = jk_model_take(&spec, &choice, err)) > 0) {
                r = add_rule(model, &choice, err);
                if (r < 0)
                        return r;
        }
        return r;
}

/* Whose the other zones are: the first rule's, if that is for all; else the default model's. */
static int
choose_others(struct jk_model *model, struct jk_error *err)
{
        int member;

        if (model->n_rules > 0 && model->rules[0].zone[0] == '\0') {
                model->others = model->rules[0].member;
                return 0;
        }

        member = join(model, jk_model_list[0], NULL, err);
        if (member < 0)
                return member;
        model->others = (size_t)member;
        return 0;
}

static int
by_zone_open(const char *spec, struct jk_model **ret_model, struct jk_error *err)
{
        struct jk_model *model = calloc(1, sizeof *model);
        int r;

        if (!model)
                return jk_fail(err, ENOMEM, "model: out of memory");

        r = read_spec(model, spec, err);
        if (r == 0)
                r = choose_others(model, err);
        if (r < 0) {
                by_zone_close(model);
                return r;
        }
        *ret_model = model;
        return 0;
}

/* ---- whose a zone is ---- */

static size_t
find_member(const struct jk_model *model, const struct jk_zone *zone)
{
        const char *kind = jk_zone_kind_name(zone->kind);
        size_t found = model->others;

        for (size_t i = 0; i < model->n_rules; i++) {
                if (strcmp(model->rules[i].zone, zone->name) == 0)
                        return model->rules[i].member;
                if (strcmp(model->rules[i].zone, kind) == 0)
                        found = model->rules[i].member;
        }
        return found;
}

/* Zones keep their places, and others come after them. */
static void
meet_zones(struct jk_model *model, const struct jk_zone_table *table)
{
        for (; model->n_zones < table->count; model->n_zones++)
                model->member_of[model->n_zones] =
                        find_member(model, &table->zones[model->n_zones]);
}

static const struct member *
member_of(const struct jk_model *model, size_t zone)
{
        return &model->members[zone < model->n_zones ? model->member_of[zone] : model->others];
}

/* ---- operations ---- */

static void
by_zone_observe(struct jk_model *model, const struct jk_sample *sample)
{
        meet_zones(model, sample->zones);
        for (size_t i = 0; i < model->n_members; i++)
                model->members[i].ops->observe(model->members[i].model, sample);
}

static void
by_zone_split(struct jk_model *model, const struct jk_sample *sample, size_t zone,
              struct jk_split *split)
{
        const struct member *member;

        meet_zones(model, sample->zones);
        member = member_of(model, zone);
        member->ops->split(member->model, sample, zone, split);
}

static struct jk_idle_estimate
by_zone_idle(const struct jk_model *model, size_t zone)
{
        const struct member *member = member_of(model, zone);

        return member->ops->idle(member->model, zone);
}

static struct jk_expectation
by_zone_expect(const struct jk_model *model, size_t zone)
{
        const struct member *member = member_of(model, zone);

        if (!member->ops->expect)
                return JK_NO_EXPECTATION;

        return member->ops->expect(member->model, zone);
}

const struct jk_model_ops jk_model_by_zone = {
        .name = "by-zone",
        .summary = "several models, each for its zones",
        .argument = "SPEC",
        .open = by_zone_open,
        .observe = by_zone_observe,
        .split = by_zone_split,
        .idle = by_zone_idle,
        .expect = by_zone_expect,
        .close = by_zone_close,
};
