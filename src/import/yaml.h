/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading YAML by tables of keys: each key has a function that takes its value, and what is not in
 * the table, stands twice, is missing or of another shape is refused with file and line. For files
 * with lists of mappings, which the configuration's rows (config/rows.h) do not have.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "base/error.h"

struct jk_yaml {
        const char *name; /* of the file, in messages */
        yaml_document_t *document;
        struct jk_error *err;
};

struct jk_yaml_key {
        const char *name;
        /* Take the value into what is being filled: 0 or a negative errno, with a message. */
        int (*read)(struct jk_yaml *yaml, const yaml_node_t *value, void *into);
        bool required;
};

/* "NAME:LINE: " and the rest: -EINVAL. */
int jk_yaml_refuse(const struct jk_yaml *yaml, const yaml_node_t *node, const char *format, ...)
        __attribute__((format(printf, 3, 4), cold));

/* Parse a text and read the mapping at its top. */
int jk_yaml_parse(const char *name, const char *text, size_t length, const struct jk_yaml_key *keys,
                  size_t n, void *into, struct jk_error *err);

/* The mapping `what` by its keys. */
int jk_yaml_mapping(struct jk_yaml *yaml, const yaml_node_t *node, const char *what,
                    const struct jk_yaml_key *keys, size_t n, void *into);

/* A function for each item of a list. */
int jk_yaml_list(struct jk_yaml *yaml, const yaml_node_t *node, const char *what,
                 int (*read)(struct jk_yaml *yaml, const yaml_node_t *item, void *into),
                 void *into);

/* A function for each key of a mapping whose keys are free. */
int jk_yaml_pairs(struct jk_yaml *yaml, const yaml_node_t *node, const char *what,
                  int (*read)(struct jk_yaml *yaml, const char *key, const yaml_node_t *value,
                              void *into),
                  void *into);

/* A value's text, which lives as long as the document. */
int jk_yaml_scalar(struct jk_yaml *yaml, const yaml_node_t *node, const char **ret_text);

/* A copy of it. */
int jk_yaml_string(struct jk_yaml *yaml, const yaml_node_t *node, char **ret_string);
