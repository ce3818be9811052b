/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of meters, activity sources and models: see names.h.
 */
#include "cmd/names.h"

#include <stdlib.h>
#include <string.h>

#include "activity/activity.h"
#include "activity/events/text.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/suggest.h"
#include "base/text.h"
#include "meter/meters.h"
#include "model/model.h"

static const char *
meter_at(size_t i)
{
        return jk_meter_list[i] ? jk_meter_list[i]->name : NULL;
}

static const char *
collector_at(size_t i)
{
        return jk_collector_list[i] ? jk_collector_list[i]->name : NULL;
}

/* Those that a name is enough for. */
static const char *
model_at(size_t i)
{
        for (size_t k = 0; jk_model_list[k]; k++)
                if (!jk_model_list[k]->argument && i-- == 0)
                        return jk_model_list[k]->name;

        return NULL;
}

/* There are too many to list. */
static const char *
no_other(size_t i)
{
        (void)i;
        return NULL;
}

/* How they are written; which of them there are is the machine's matter. */
static int
check_events(const char *value, struct jk_error *err)
{
        char name[JK_EVENT_NAME_SIZE];
        const char *rest = value;
        size_t n = 0;
        int r = 0;

        if (*value == '/')
                return 0;
        while ((r = jk_event_next_name(&rest, name, sizeof name)) > 0)
                n++;
        if (r < 0 || n == 0)
                return jk_fail(err, EINVAL,
                               "'%s': give names of up to %d characters, separated by commas, "
                               "slashes in pairs",
                               value, JK_EVENT_NAME_SIZE - 1);
        if (n > JK_COUNTERS_MAX)
                return jk_fail(err, EINVAL, "'%s': %zu events; %d at most are counted at once",
                               value, n, JK_COUNTERS_MAX);
        return 0;
}

static const struct kind {
        const char *option;
        const char *what;
        const char *special[2]; /* names that stand for others */
        const char *(*at)(size_t i);
        bool list; /* several, separated by commas; special names stand alone */
        int (*check)(const char *value, struct jk_error *err); /* instead of a look at the names */
} kinds[] = {
        { "meter", "meter", { "auto", "none" }, meter_at, true },
        { "activity", "activity source", { "auto" }, collector_at, false },
        { "model", "model", { "auto" }, model_at, .check = jk_model_check },
        { "events", "event", { "auto" }, no_other, .check = check_events },
};

static const struct kind *
kind_of(const struct jk_config_row *row)
{
        for (size_t i = 0; i < JK_COUNT(kinds); i++)
                if (strcmp(kinds[i].option, row->option) == 0)
                        return &kinds[i];

        return NULL;
}

static const char *
name_at(const struct kind *kind, size_t i)
{
        size_t n_special = 0;

        while (n_special < JK_COUNT(kind->special) && kind->special[n_special])
                n_special++;

        return i < n_special ? kind->special[i] : kind->at(i - n_special);
}

const char *
jk_names_at(const struct jk_config_row *row, size_t i)
{
        const struct kind *kind = kind_of(row);

        return kind ? name_at(kind, i) : NULL;
}

static int
refuse_name(const struct kind *kind, const char *wrong, struct jk_error *err)
{
        struct jk_suggest suggest = { .wrong = wrong };
        jk_autotext struct jk_text all = { 0 };
        const char *name;

        for (size_t i = 0; (name = name_at(kind, i)); i++) {
                jk_suggest_offer(&suggest, name);
                jk_text_printf(&all, "%s%s", i ? ", " : "", name);
        }

        if (suggest.best)
                return jk_fail(err, EINVAL, "'%s': there is no such %s; did you mean %s?", wrong,
                               kind->what, suggest.best);

        return jk_fail(err, EINVAL, "'%s': there is no such %s; there are %s", wrong, kind->what,
                       all.failed ? "others" : all.data);
}

static int
check_name(const struct kind *kind, const char *value, struct jk_error *err)
{
        const char *name;

        for (size_t i = 0; (name = name_at(kind, i)); i++)
                if (strcmp(name, value) == 0)
                        return 0;

        return refuse_name(kind, value, err);
}

static int
check_list(const struct kind *kind, const char *value, struct jk_error *err)
{
        jk_autofree char *copy = strdup(value);
        char *rest = copy;

        if (!copy)
                return jk_fail(err, ENOMEM, "out of memory");

        for (size_t i = 0; i < JK_COUNT(kind->special); i++)
                if (kind->special[i] && strcmp(value, kind->special[i]) == 0)
                        return 0;

        for (char *name = strsep(&rest, ","); name; name = strsep(&rest, ",")) {
                int r = check_name(kind, name, err);

                if (r < 0)
                        return r;
                for (size_t i = 0; i < JK_COUNT(kind->special); i++)
                        if (kind->special[i] && strcmp(name, kind->special[i]) == 0)
                                return jk_fail(err, EINVAL, "'%s': %s stands alone", value, name);
        }

        return 0;
}

int
jk_names_check(const struct jk_config_row *row, const char *value, struct jk_error *err)
{
        const struct kind *kind = kind_of(row);

        if (!kind)
                return 0;

        if (kind->check)
                return kind->check(value, err);

        return kind->list ? check_list(kind, value, err) : check_name(kind, value, err);
}
