/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files that read a mapping share: mapping.c has its top and tables, mapping-value.c zones
 * and features, mapping-parts.c what both are made of. All fail as jk_yaml_refuse() does.
 */
#pragma once

#include "import/mapping.h"
#include "import/yaml.h"

#define JK_MAPPING_LIST_MAX 1024 /* of anything in a mapping */

int jk_mapping_no_memory(const struct jk_yaml *yaml);
void jk_mapping_free_conditions(struct jk_mapping_conditions *where);

/* The name of a column: its number in the table. */
int jk_mapping_column(struct jk_yaml *yaml, const yaml_node_t *node, struct jk_mapping_table *table,
                      size_t *ret_column);

/* A whole number from 1 to max; a number above 0. */
int jk_mapping_count(struct jk_yaml *yaml, const yaml_node_t *node, unsigned int max,
                     unsigned int *ret_count);
int jk_mapping_number(struct jk_yaml *yaml, const yaml_node_t *node, double *ret_number);

/* A duration; one that may not be negative is an interval, from 1 ns to a day. */
int jk_mapping_duration(struct jk_yaml *yaml, const yaml_node_t *node, bool may_be_negative,
                        int64_t *ret_ns);

/* One of the names of a table, whose entries of `size` bytes begin with a pointer to theirs. */
int jk_mapping_choice(struct jk_yaml *yaml, const yaml_node_t *node, const char *what,
                      const void *entries, size_t n, size_t size, size_t *ret_index);

/* "{COLUMN: TEXT, …}". */
int jk_mapping_where(struct jk_yaml *yaml, const yaml_node_t *node, struct jk_mapping_table *table,
                     struct jk_mapping_conditions *conditions);

/* "/pods/{pod_name}". */
int jk_mapping_template(struct jk_yaml *yaml, const yaml_node_t *node,
                        struct jk_mapping_table *table, struct jk_mapping_template *template);

/* Items of the lists `zones` and `features`, into a struct jk_mapping_table. */
int jk_mapping_zone(struct jk_yaml *yaml, const yaml_node_t *node, void *into);
int jk_mapping_feature(struct jk_yaml *yaml, const yaml_node_t *node, void *into);
