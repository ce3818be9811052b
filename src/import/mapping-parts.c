/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts that a mapping's tables are made of: see mapping-parts.h.
 */
#include "import/mapping-parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/suggest.h"
#include "config/config.h"

#define INTERVAL_MAX_NS (24 * 3600 * JK_NS_PER_S)

int
jk_mapping_no_memory(const struct jk_yaml *yaml)
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
                return jk_mapping_no_memory(yaml);
        copy = strdup(name);
        if (!copy)
                return jk_mapping_no_memory(yaml);
        table->columns[table->n_columns] = copy;
        *ret_column = table->n_columns++;
        return 0;
}

int
jk_mapping_column(struct jk_yaml *yaml, const yaml_node_t *node, struct jk_mapping_table *table,
                  size_t *ret_column)
{
        const char *name;
        int r = jk_yaml_scalar(yaml, node, &name);

        return r < 0 ? r : find_column(yaml, table, name, ret_column);
}

/* ---- single values ---- */

int
jk_mapping_count(struct jk_yaml *yaml, const yaml_node_t *node, unsigned int max, unsigned int *ret)
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

int
jk_mapping_number(struct jk_yaml *yaml, const yaml_node_t *node, double *ret)
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

int
jk_mapping_duration(struct jk_yaml *yaml, const yaml_node_t *node, bool may_be_negative,
                    int64_t *ret_ns)
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
int
jk_mapping_choice(struct jk_yaml *yaml, const yaml_node_t *node, const char *what,
                  const void *entries, size_t n, size_t size, size_t *ret_index)
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

        if (r == 0 && all->n == JK_MAPPING_LIST_MAX)
                r = jk_yaml_refuse(yaml, value, "too many conditions");
        if (r == 0 && jk_array_grow(&all->items, &all->capacity, all->n + 1) < 0)
                r = jk_mapping_no_memory(yaml);
        if (r == 0)
                r = jk_yaml_string(yaml, value, &condition.text);
        if (r == 0)
                all->items[all->n++] = condition;
        return r;
}

int
jk_mapping_where(struct jk_yaml *yaml, const yaml_node_t *node, struct jk_mapping_table *table,
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
                return jk_mapping_no_memory(yaml);
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

int
jk_mapping_template(struct jk_yaml *yaml, const yaml_node_t *node, struct jk_mapping_table *table,
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
