/* SPDX-License-Identifier: Apache-2.0
 *
 * Mappings: see mapping.h. Each mapping of the file has a table of its keys.
 */
#include "import/mapping.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "import/mapping-parts.h"

#define CPUS_MAX 8192

/* ---- what is allocated ---- */

void
jk_mapping_free_conditions(struct jk_mapping_conditions *where)
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
                free(table->values[i].event);
                jk_mapping_free_conditions(&table->values[i].where);
        }
        free(table->name);
        free(table->columns);
        free(table->values);
        jk_mapping_free_conditions(&table->where);
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

/* ---- time ---- */

static int
time_column(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct jk_mapping_table *table = into;

        table->has_time = true;
        return jk_mapping_column(yaml, node, table, &table->time_column);
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
        int r = jk_mapping_choice(yaml, node, "unit of time", units, JK_COUNT(units), sizeof *units,
                                  &index);

        if (r == 0)
                ((struct jk_mapping_table *)into)->time_unit = units[index].unit;
        return r;
}

static int
time_offset(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return jk_mapping_duration(yaml, node, true, &((struct jk_mapping_table *)into)->offset_ns);
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

        return jk_mapping_template(yaml, node, table, &table->task);
}

static int
task_pid(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct jk_mapping_table *table = into;

        return jk_mapping_template(yaml, node, table, &table->pid);
}

static int
task_cgroup(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct jk_mapping_table *table = into;
        const char *text;
        int r = jk_yaml_scalar(yaml, node, &text);

        if (r == 0 && text[0] != '/')
                return jk_yaml_refuse(yaml, node, "a cgroup's path begins with '/'");
        return r < 0 ? r : jk_mapping_template(yaml, node, table, &table->cgroup);
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
        return jk_mapping_duration(yaml, node, false,
                                   &((struct jk_mapping_table *)into)->interval_ns);
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

        return jk_mapping_where(yaml, node, table, &table->where);
}

static int
table_zones(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return jk_yaml_list(yaml, node, "zones", jk_mapping_zone, into);
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
        return jk_yaml_list(yaml, node, "features", jk_mapping_feature, into);
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
                    !jk_feature_is_state(feature))
                        return jk_yaml_refuse(
                                yaml, node, "the %s %s needs 'tasks', which say whose it is",
                                feature == JK_FEATURE_EVENT ? "event" : "feature",
                                feature == JK_FEATURE_EVENT ? table->values[i].event
                                                            : jk_feature_name(feature));
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
        if (r == 0 && mapping->n_tables == JK_MAPPING_LIST_MAX)
                r = jk_yaml_refuse(yaml, node, "too many tables");
        if (r == 0 &&
            jk_array_grow(&mapping->tables, &mapping->tables_capacity, mapping->n_tables + 1) < 0)
                r = jk_mapping_no_memory(yaml);
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
        return jk_mapping_count(yaml, node, CPUS_MAX, &((struct jk_mapping *)into)->cpus);
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
        int r = jk_mapping_choice(yaml, node, "separator", separators, JK_COUNT(separators),
                                  sizeof *separators, &index);

        if (r == 0)
                ((struct jk_mapping *)into)->separator = separators[index].separator;
        return r;
}

static int
top_interval(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return jk_mapping_duration(yaml, node, false, &((struct jk_mapping *)into)->interval_ns);
}

static int
top_join(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return jk_mapping_duration(yaml, node, false, &((struct jk_mapping *)into)->join_ns);
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
        { "join", top_join, false },
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

/* What the CPUs are at is told of each: it has to be known how many there are. */
static int
check_cpus(const char *name, const struct jk_mapping *mapping, struct jk_error *err)
{
        for (size_t i = 0; i < mapping->n_tables && mapping->cpus == 0; i++)
                for (size_t j = 0; j < mapping->tables[i].n_values; j++)
                        if (jk_feature_is_state(mapping->tables[i].values[j].feature))
                                return jk_fail(
                                        err, EINVAL, "%s: the feature %s needs 'cpus: NUMBER'",
                                        name,
                                        jk_feature_name(mapping->tables[i].values[j].feature));
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
        if (r == 0)
                r = check_cpus(name, &mapping, err);
        if (r < 0)
                return r;
        *ret_mapping = mapping;
        mapping = (struct jk_mapping){ 0 };
        return 0;
}
