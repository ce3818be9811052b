/* SPDX-License-Identifier: Apache-2.0
 *
 * Mappings: what the columns of somebody's tables mean (docs/import.md). A file of ours in YAML,
 * checked when it is read, so that what reads tables by it has nothing to doubt but the data.
 */
#pragma once

#include "import/number.h"
#include "import/observations.h"

/* "column is text", for rows or values. */
struct jk_mapping_condition {
        size_t column;
        char *text;
};

struct jk_mapping_conditions {
        struct jk_mapping_condition *items;
        size_t n, capacity;
};

/* A text with columns in it: "/pods/{pod_name}". */
struct jk_mapping_piece {
        char *text;    /* as it is, or NULL: */
        size_t column; /* what stands in this one */
};

struct jk_mapping_template {
        struct jk_mapping_piece *pieces;
        size_t n, capacity;
};

/* A column and what its numbers are. */
struct jk_mapping_value {
        char *zone;  /* the name of one, if it is energy */
        char *event; /* if it is one */
        int package; /* that the event is counted on, or -1 */
        enum jk_feature feature;
        enum jk_series_kind kind;
        double scale, range;    /* as in struct jk_series */
        double uncertainty_pct; /* of a zone; 0: what is usual */
        size_t column;
        struct jk_mapping_conditions where;
};

/* A kind of table. Columns are numbered as they are met: columns[] has their names. */
struct jk_mapping_table {
        char *name; /* or NULL */
        int64_t interval_ns, offset_ns;
        bool has_time, has_tasks;
        enum jk_time_unit time_unit;
        size_t time_column;
        char **columns;
        size_t n_columns, columns_capacity;
        struct jk_mapping_conditions where;
        struct jk_mapping_template task, pid, cgroup;
        struct jk_mapping_value *values;
        size_t n_values, values_capacity;
};

struct jk_mapping {
        char *description, *cpu; /* or NULL */
        unsigned int cpus;       /* 0: not known */
        char separator;
        int64_t interval_ns;
        int64_t join_ns; /* as jk_join() takes it; 0: not at all */
        struct jk_mapping_table *tables;
        size_t n_tables, tables_capacity;
};

/* `name` is that of the file, in messages. */
int jk_mapping_parse(const char *name, const char *text, size_t length,
                     struct jk_mapping *ret_mapping, struct jk_error *err);

/* A file (what has a slash or a point in its name), or one of ours by its name. */
int jk_mapping_load(const char *name, struct jk_mapping *ret_mapping, struct jk_error *err);

void jk_mapping_free(struct jk_mapping *mapping);

#define jk_automapping __attribute__((cleanup(jk_mapping_free)))
