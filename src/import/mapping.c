/* SPDX-License-Identifier: Apache-2.0
 *
 * Mappings: see mapping.h. Each mapping of the file has a table of its keys.
 */
#include "import/mapping.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/suggest.h"
#include "config/config.h"
#include "import/yaml.h"

#define CPUS_MAX        8192
#define INTERVAL_MAX_NS (24 * 3600 * JK_NS_PER_S)
#define LIST_MAX        1024 /* of anything in a mapping */

/* ---- what is allocated ---- */

static void
free_conditions(struct jk_mapping_conditions *where)
{
        for (size_t i = 0; i < where->n; i++)
                free(where->items[i].text);
        free(where->items);
}

static void
free_template(struct jk_mapping_template *template)
{
        for (size_t i = 0; i < template->n; i++)
                free(template->pieces[i].text);
        free(template->pieces);
}

static void
free_table(struct jk_mapping_table *table)
{
        for (size_t i = 0; i < table->n_columns; i++)
                free(table->columns[i]);
        for (size_t i = 0; i < table->n_values; i++) {
                free(table->values[i].zone);
                free_conditions(&table->values[i].where);
        }
        free(table->name);
        free(table->columns);
        free(table->values);
        free_conditions(&table->where);
        free_template(&table->task);
        free_template(&table->pid);
        free_template(&table->cgroup);
}

void
jk_mapping_free(struct jk_mapping *mapping)
{
        for (size_t i = 0; i < mapping->n_tables; i++)
                free_table(&mapping->tables[i]);
        free(mapping->tables);
        free(mapping->description);
        free(mapping->cpu);
        *mapping = (struct jk_mapping){ 0 };
}

static int
out_of_memory(const struct jk_yaml *yaml)
{
        return jk_fail(yaml->err, ENOMEM, "%s: out of memory", yaml->name);
}

/* ---- columns ---- */

/* The number of a column in its table. */
static int
find_column(struct jk_yaml *yaml, struct jk_mapping_table *table, const char *name,
            size_t *ret_column)
{
        char *copy;

        for (size_t i = 0; i < table->n_columns; i++)
                if (strcmp(table->columns[i], name) == 0) {
                        *ret_column = i;
                        return 0;
                }
        if (jk_array_grow(&table->columns, &table->columns_capacity, table->n_columns + 1) < 0)
                return out_of_memory(yaml);
        copy = strdup(name);
        if (!copy)
                return out_of_memory(yaml);
        table->columns[table->n_columns] = copy;
        *ret_column = table->n_columns++;
        return 0;
}

static int
read_column(struct jk_yaml *yaml, const yaml_node_t *node, struct jk_mapping_table *table,
            size_t *ret_column)
{
        const char *name;
        int r = jk_yaml_scalar(yaml, node, &name);

        return r < 0 ? r : find_column(yaml, table, name, ret_column);
}

/* ---- single values ---- */

static int
read_count(struct jk_yaml *yaml, const yaml_node_t *node, unsigned int max, unsigned int *ret)
{
        const char *text;
        char *end;
        unsigned long value;
        int r = jk_yaml_scalar(yaml, node, &text);

        if (r < 0)
                return r;
        value = strtoul(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end || value == 0 || value > max)
                return jk_yaml_refuse(yaml, node, "'%s' is no number from 1 to %u", text, max);
        *ret = (unsigned int)value;
        return 0;
}

static int
read_number(struct jk_yaml *yaml, const yaml_node_t *node, double *ret)
{
        struct jk_error why = { "" };
        const char *text;
        double value = NAN;
        int r = jk_yaml_scalar(yaml, node, &text);

        if (r < 0)
                return r;
        if (jk_import_number(text, &value, &why) < 0 || !(value > 0))
                return jk_yaml_refuse(yaml, node, "'%s' is no number above 0", text);
        *ret = value;
        return 0;
}

static int
read_duration(struct jk_yaml *yaml, const yaml_node_t *node, bool may_be_negative, int64_t *ret_ns)
{
        struct jk_error why = { "" };
        bool negative;
        const char *text;
        int64_t ns;
        int r = jk_yaml_scalar(yaml, node, &text);

        if (r < 0)
                return r;
        negative = may_be_negative && text[0] == '-';
        if (jk_config_parse_duration(text + negative, &ns, &why) < 0)
                return jk_yaml_refuse(yaml, node, "%s", why.message);
        if (!may_be_negative && (ns == 0 || ns > INTERVAL_MAX_NS))
                return jk_yaml_refuse(yaml, node, "'%s' is no interval; give at most a day", text);
        *ret_ns = negative ? -ns : ns;
        return 0;
}

/* One of a table's names. `entries` begin with a pointer to the name. */
static int
read_choice(struct jk_yaml *yaml, const yaml_node_t *node, const char *what, const void *entries,
            size_t n, size_t size, size_t *ret_index)
{
        struct jk_suggest suggest;
        const char *text;
        int r = jk_yaml_scalar(yaml, node, &text);

        if (r < 0)
                return r;
        suggest = (struct jk_suggest){ .wrong = text };
        for (size_t i = 0; i < n; i++) {
                const char *name =
                        *(const char *const *)(const void *)((const char *)entries + i * size);

                if (strcmp(name, text) == 0) {
                        *ret_index = i;
                        return 0;
                }
                jk_suggest_offer(&suggest, name);
        }
        if (suggest.best)
                return jk_yaml_refuse(yaml, node, "there is no %s '%s'; did you mean '%s'?", what,
                                      text, suggest.best);
        return jk_yaml_refuse(yaml, node, "there is no %s '%s'", what, text);
}

/* ---- where ---- */

struct where {
        struct jk_mapping_table *table;
        struct jk_mapping_conditions *conditions;
};

static int
read_condition(struct jk_yaml *yaml, const char *key, const yaml_node_t *value, void *into)
{
        struct where *where = into;
        struct jk_mapping_conditions *all = where->conditions;
        struct jk_mapping_condition condition = { 0 };
        int r = find_column(yaml, where->table, key, &condition.column);

        if (r == 0 && all->n == LIST_MAX)
                r = jk_yaml_refuse(yaml, value, "too many conditions");
        if (r == 0 && jk_array_grow(&all->items, &all->capacity, all->n + 1) < 0)
                r = out_of_memory(yaml);
        if (r == 0)
                r = jk_yaml_string(yaml, value, &condition.text);
        if (r == 0)
                all->items[all->n++] = condition;
        return r;
}

static int
read_where(struct jk_yaml *yaml, const yaml_node_t *node, struct jk_mapping_table *table,
           struct jk_mapping_conditions *conditions)
{
        struct where where = { table, conditions };

        return jk_yaml_pairs(yaml, node, "where", read_condition, &where);
}

/* ---- templates ---- */

static int
add_piece(struct jk_yaml *yaml, struct jk_mapping_table *table,
          struct jk_mapping_template *template, bool is_column, const char *text, size_t length)
{
        struct jk_mapping_piece piece = { 0 };
        char *copy;
        int r = 0;

        if (length == 0)
                return 0;
        copy = strndup(text, length);
        if (!copy || jk_array_grow(&template->pieces, &template->capacity, template->n + 1) < 0) {
                free(copy);
                return out_of_memory(yaml);
        }
        if (is_column) {
                r = find_column(yaml, table, copy, &piece.column);
                free(copy);
        } else {
                piece.text = copy;
        }
        if (r == 0)
                template->pieces[template->n++] = piece;
        return r;
}

static int
read_template(struct jk_yaml *yaml, const yaml_node_t *node, struct jk_mapping_table *table,
              struct jk_mapping_template *template)
{
        const char *text;
        int r = jk_yaml_scalar(yaml, node, &text);

        while (r == 0 && *text) {
                size_t plain = strcspn(text, "{"), length;

                r = add_piece(yaml, table, template, false, text, plain);
                text += plain;
                if (r < 0 || *text == '\0')
                        break;
                length = strcspn(text + 1, "}");
                if (length == 0 || text[1 + length] == '\0')
                        return jk_yaml_refuse(yaml, node,
                                              "a column is named in braces: {pod_name}");
                r = add_piece(yaml, table, template, true, text + 1, length);
                text += length + 2;
        }
        return r;
}

/* ---- what a value is ---- */

static const struct unit {
        const char *name;
        double scale;
        bool rate;
} energy_units[] = {
        { "J", 1e6, false },     { "mJ", 1e3, false },   { "uJ", 1, false },
        { "nJ", 1e-3, false },   { "kJ", 1e9, false },   { "Wh", 3.6e9, false },
        { "kWh", 3.6e12, false }, { "W", 1e6, true },    { "mW", 1e3, true },
        { "uW", 1, true },       { "kW", 1e9, true },
}, time_units[] = {
        { "ns", 1, false },       { "us", 1e3, false },   { "ms", 1e6, false },
        { "s", 1e9, false },      { "cpus", 1e9, true },  { "percent", 1e7, true },
}, frequency_units[] = {
        { "kHz", 1, false }, { "Hz", 1e-3, false }, { "MHz", 1e3, false }, { "GHz", 1e6, false },
};

static const struct {
        const char *name;
        enum jk_series_kind kind;
} kinds[] = {
        { "interval", JK_SERIES_INTERVAL },
        { "cumulative", JK_SERIES_CUMULATIVE },
        { "rate", JK_SERIES_RATE },
};

static const struct {
        const char *name;
        enum jk_feature feature;
} features[] = {
        { "cpu", JK_FEATURE_CPU },
        { "cycles", JK_FEATURE_CYCLES },
        { "instructions", JK_FEATURE_INSTRUCTIONS },
        { "llc_misses", JK_FEATURE_LLC_MISSES },
        { "read_bytes", JK_FEATURE_READ_BYTES },
        { "write_bytes", JK_FEATURE_WRITE_BYTES },
        { "minor_faults", JK_FEATURE_MINOR_FAULTS },
        { "major_faults", JK_FEATURE_MAJOR_FAULTS },
        { "frequency", JK_FEATURE_FREQUENCY },
};

/* A value while its keys are read: the unit is looked up once it is known what it is of. */
struct draft {
        struct jk_mapping_table *table;
        struct jk_mapping_value value;
        const yaml_node_t *unit, *kind;
};

static int
value_zone(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct draft *draft = into;
        int r = jk_yaml_string(yaml, node, &draft->value.zone);

        if (r == 0 && strlen(draft->value.zone) >= JK_ZONE_NAME_SIZE)
                return jk_yaml_refuse(yaml, node, "a zone's name has at most %d bytes",
                                      JK_ZONE_NAME_SIZE - 1);
        draft->value.feature = JK_FEATURE_ENERGY;
        return r;
}

static int
value_feature(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct draft *draft = into;
        size_t index;
        int r = read_choice(yaml, node, "feature", features, JK_COUNT(features), sizeof *features,
                            &index);

        if (r == 0)
                draft->value.feature = features[index].feature;
        return r;
}

static int
value_column(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct draft *draft = into;

        return read_column(yaml, node, draft->table, &draft->value.column);
}

static int
value_unit(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        (void)yaml;
        ((struct draft *)into)->unit = node;
        return 0;
}

static int
value_kind(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        (void)yaml;
        ((struct draft *)into)->kind = node;
        return 0;
}

static int
value_range(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return read_number(yaml, node, &((struct draft *)into)->value.range);
}

static int
value_where(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct draft *draft = into;

        return read_where(yaml, node, draft->table, &draft->value.where);
}

static const struct jk_yaml_key zone_keys[] = {
        { "name", value_zone, true },    { "column", value_column, true },
        { "unit", value_unit, true },    { "kind", value_kind, false },
        { "range", value_range, false }, { "where", value_where, false },
};

static const struct jk_yaml_key feature_keys[] = {
        { "feature", value_feature, true }, { "column", value_column, true },
        { "unit", value_unit, false },      { "kind", value_kind, false },
        { "range", value_range, false },    { "where", value_where, false },
};

static int
find_unit(struct jk_yaml *yaml, struct draft *draft, const struct unit **ret_unit)
{
        const struct unit *units = draft->value.feature == JK_FEATURE_ENERGY ? energy_units
                                   : draft->value.feature == JK_FEATURE_CPU  ? time_units
                                                                             : frequency_units;
        size_t n = draft->value.feature == JK_FEATURE_ENERGY ? JK_COUNT(energy_units)
                   : draft->value.feature == JK_FEATURE_CPU  ? JK_COUNT(time_units)
                                                             : JK_COUNT(frequency_units);
        size_t index;
        int r = read_choice(yaml, draft->unit, "unit", units, n, sizeof *units, &index);

        if (r == 0)
                *ret_unit = &units[index];
        return r;
}

/* What is counted has a number for its unit: how many one of the file is. */
static bool
is_counted(enum jk_feature feature)
{
        return feature != JK_FEATURE_ENERGY && feature != JK_FEATURE_CPU &&
               feature != JK_FEATURE_FREQUENCY;
}

static int
settle_unit(struct jk_yaml *yaml, const yaml_node_t *node, struct draft *draft)
{
        const struct unit *unit = NULL;
        int r;

        draft->value.scale = 1;
        if (is_counted(draft->value.feature))
                return draft->unit ? read_number(yaml, draft->unit, &draft->value.scale) : 0;
        if (!draft->unit)
                return jk_yaml_refuse(yaml, node, "%s lacks 'unit'",
                                      jk_feature_name(draft->value.feature));
        r = find_unit(yaml, draft, &unit);
        if (r < 0)
                return r;
        draft->value.scale = unit->scale;
        draft->value.kind = unit->rate ? JK_SERIES_RATE : JK_SERIES_INTERVAL;
        return 0;
}

static int
settle_kind(struct jk_yaml *yaml, struct draft *draft)
{
        bool is_rate = draft->value.kind == JK_SERIES_RATE;
        size_t index;
        int r = read_choice(yaml, draft->kind, "kind", kinds, JK_COUNT(kinds), sizeof *kinds,
                            &index);

        if (r < 0)
                return r;
        if (draft->value.feature == JK_FEATURE_FREQUENCY)
                return jk_yaml_refuse(yaml, draft->kind, "a frequency is of no kind");
        if (is_rate && kinds[index].kind != JK_SERIES_RATE)
                return jk_yaml_refuse(yaml, draft->kind,
                                      "what has this unit is a rate, and nothing else");
        draft->value.kind = kinds[index].kind;
        return 0;
}

static int
settle(struct jk_yaml *yaml, const yaml_node_t *node, struct draft *draft)
{
        int r = settle_unit(yaml, node, draft);

        if (r == 0 && draft->kind)
                r = settle_kind(yaml, draft);
        if (r < 0)
                return r;
        if (draft->value.feature == JK_FEATURE_FREQUENCY)
                draft->value.kind = JK_SERIES_STATE;
        if (draft->value.range > 0 && draft->value.kind != JK_SERIES_CUMULATIVE)
                return jk_yaml_refuse(yaml, node, "only what is cumulative has a range");
        draft->value.range *= draft->value.scale;
        return 0;
}

static int
add_value(struct jk_yaml *yaml, const yaml_node_t *node, struct jk_mapping_table *table,
          struct jk_mapping_value *value)
{
        if (table->n_values == LIST_MAX)
                return jk_yaml_refuse(yaml, node, "too many zones and features");
        if (jk_array_grow(&table->values, &table->values_capacity, table->n_values + 1) < 0)
                return out_of_memory(yaml);
        table->values[table->n_values++] = *value;
        return 0;
}

static int
read_value(struct jk_yaml *yaml, const yaml_node_t *node, struct jk_mapping_table *table,
           const char *what, const struct jk_yaml_key *keys, size_t n)
{
        struct draft draft = { .table = table };
        int r = jk_yaml_mapping(yaml, node, what, keys, n, &draft);

        if (r == 0)
                r = settle(yaml, node, &draft);
        if (r == 0)
                r = add_value(yaml, node, table, &draft.value);
        if (r < 0) {
                free(draft.value.zone);
                free_conditions(&draft.value.where);
        }
        return r;
}

static int
read_zone(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return read_value(yaml, node, into, "a zone", zone_keys, JK_COUNT(zone_keys));
}

static int
read_feature(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return read_value(yaml, node, into, "a feature", feature_keys, JK_COUNT(feature_keys));
}

/* ---- time ---- */

static int
time_column(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct jk_mapping_table *table = into;

        table->has_time = true;
        return read_column(yaml, node, table, &table->time_column);
}

static int
time_unit(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        static const struct {
                const char *name;
                enum jk_time_unit unit;
        } units[] = {
                { "s", JK_TIME_S },   { "ms", JK_TIME_MS },           { "us", JK_TIME_US },
                { "ns", JK_TIME_NS }, { "iso8601", JK_TIME_ISO8601 },
        };
        size_t index;
        int r = read_choice(yaml, node, "unit of time", units, JK_COUNT(units), sizeof *units,
                            &index);

        if (r == 0)
                ((struct jk_mapping_table *)into)->time_unit = units[index].unit;
        return r;
}

static int
time_offset(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return read_duration(yaml, node, true, &((struct jk_mapping_table *)into)->offset_ns);
}

static const struct jk_yaml_key time_keys[] = {
        { "column", time_column, true },
        { "unit", time_unit, true },
        { "offset", time_offset, false },
};

/* ---- tasks ---- */

static int
task_name(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct jk_mapping_table *table = into;

        return read_template(yaml, node, table, &table->task);
}

static int
task_pid(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct jk_mapping_table *table = into;

        return read_template(yaml, node, table, &table->pid);
}

static int
task_cgroup(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct jk_mapping_table *table = into;
        const char *text;
        int r = jk_yaml_scalar(yaml, node, &text);

        if (r == 0 && text[0] != '/')
                return jk_yaml_refuse(yaml, node, "a cgroup's path begins with '/'");
        return r < 0 ? r : read_template(yaml, node, table, &table->cgroup);
}

static const struct jk_yaml_key task_keys[] = {
        { "name", task_name, true },
        { "pid", task_pid, false },
        { "cgroup", task_cgroup, false },
};

/* ---- tables ---- */

static int
table_name(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return jk_yaml_string(yaml, node, &((struct jk_mapping_table *)into)->name);
}

static int
table_interval(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return read_duration(yaml, node, false, &((struct jk_mapping_table *)into)->interval_ns);
}

static int
table_time(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return jk_yaml_mapping(yaml, node, "time", time_keys, JK_COUNT(time_keys), into);
}

static int
table_where(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct jk_mapping_table *table = into;

        return read_where(yaml, node, table, &table->where);
}

static int
table_zones(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return jk_yaml_list(yaml, node, "zones", read_zone, into);
}

static int
table_tasks(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        ((struct jk_mapping_table *)into)->has_tasks = true;
        return jk_yaml_mapping(yaml, node, "tasks", task_keys, JK_COUNT(task_keys), into);
}

static int
table_features(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return jk_yaml_list(yaml, node, "features", read_feature, into);
}

static const struct jk_yaml_key table_keys[] = {
        { "name", table_name, false },         { "interval", table_interval, false },
        { "time", table_time, false },         { "where", table_where, false },
        { "zones", table_zones, false },       { "tasks", table_tasks, false },
        { "features", table_features, false },
};

/* What its parts do not say by themselves. */
static int
check_table(struct jk_yaml *yaml, const yaml_node_t *node, const struct jk_mapping_table *table)
{
        if (table->n_values == 0)
                return jk_yaml_refuse(yaml, node, "a table has 'zones', 'features' or both");
        for (size_t i = 0; i < table->n_values && !table->has_tasks; i++) {
                enum jk_feature feature = table->values[i].feature;

                if (feature != JK_FEATURE_ENERGY && feature != JK_FEATURE_CPU &&
                    feature != JK_FEATURE_FREQUENCY)
                        return jk_yaml_refuse(yaml, node,
                                              "the feature %s needs 'tasks', which say whose it is",
                                              jk_feature_name(feature));
        }
        return 0;
}

static int
read_table(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct jk_mapping *mapping = into;
        struct jk_mapping_table table = { 0 };
        int r = jk_yaml_mapping(yaml, node, "a table", table_keys, JK_COUNT(table_keys), &table);

        if (r == 0)
                r = check_table(yaml, node, &table);
        if (r == 0 && mapping->n_tables == LIST_MAX)
                r = jk_yaml_refuse(yaml, node, "too many tables");
        if (r == 0 &&
            jk_array_grow(&mapping->tables, &mapping->tables_capacity, mapping->n_tables + 1) < 0)
                r = out_of_memory(yaml);
        if (r == 0)
                mapping->tables[mapping->n_tables++] = table;
        else
                free_table(&table);
        return r;
}

/* ---- the top ---- */

static int
top_description(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return jk_yaml_string(yaml, node, &((struct jk_mapping *)into)->description);
}

static int
top_cpu(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return jk_yaml_string(yaml, node, &((struct jk_mapping *)into)->cpu);
}

static int
top_cpus(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return read_count(yaml, node, CPUS_MAX, &((struct jk_mapping *)into)->cpus);
}

static int
top_separator(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        static const struct {
                const char *name;
                char separator;
        } separators[] = {
                { "comma", ',' }, { "semicolon", ';' }, { "tab", '\t' }, { "space", ' ' }
        };
        size_t index;
        int r = read_choice(yaml, node, "separator", separators, JK_COUNT(separators),
                            sizeof *separators, &index);

        if (r == 0)
                ((struct jk_mapping *)into)->separator = separators[index].separator;
        return r;
}

static int
top_interval(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return read_duration(yaml, node, false, &((struct jk_mapping *)into)->interval_ns);
}

static int
top_tables(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return jk_yaml_list(yaml, node, "tables", read_table, into);
}

static const struct jk_yaml_key top_keys[] = {
        { "description", top_description, false },
        { "cpu", top_cpu, false },
        { "cpus", top_cpus, false },
        { "interval", top_interval, false },
        { "separator", top_separator, false },
        { "tables", top_tables, true },
};

/* A table's interval is its own, or the mapping's; without times there has to be one. */
static int
settle_intervals(const char *name, struct jk_mapping *mapping, struct jk_error *err)
{
        if (mapping->n_tables == 0)
                return jk_fail(err, EINVAL, "%s: has no table", name);
        for (size_t i = 0; i < mapping->n_tables; i++) {
                struct jk_mapping_table *table = &mapping->tables[i];

                if (table->interval_ns == 0)
                        table->interval_ns = mapping->interval_ns;
                if (table->interval_ns == 0 && !table->has_time)
                        return jk_fail(err, EINVAL,
                                       "%s: table %zu (%s) has neither 'time' nor 'interval'", name,
                                       i + 1, table->name ? table->name : "no name");
        }
        return 0;
}

int
jk_mapping_parse(const char *name, const char *text, size_t length, struct jk_mapping *ret_mapping,
                 struct jk_error *err)
{
        jk_automapping struct jk_mapping mapping = { .separator = ',' };
        int r = jk_yaml_parse(name, text, length, top_keys, JK_COUNT(top_keys), &mapping, err);

        if (r == 0)
                r = settle_intervals(name, &mapping, err);
        if (r < 0)
                return r;
        *ret_mapping = mapping;
        mapping = (struct jk_mapping){ 0 };
        return 0;
}
