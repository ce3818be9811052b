/* SPDX-License-Identifier: Apache-2.0
 *
 * The model files that come with the program (data/models): their texts are compiled in, and cost
 * no memory until one is read.
 */
#pragma once

#include "model/file.h"

struct jk_shipped_model {
        const char *name, *text;
};

extern const struct jk_shipped_model jk_shipped_models[];
extern const size_t jk_n_shipped_models;

/* As jk_model_file_read(), from the text that is compiled in. */
int jk_shipped_model_read(const struct jk_shipped_model *shipped, struct jk_model_file *ret_file,
                          struct jk_error *err);

/* A model by what people give: the name of one that is shipped, or a path (whatever has a slash or
 * a dot). -ENOENT with the nearest name. */
int jk_model_file_find(const char *name_or_path, struct jk_model_file *ret_file,
                       struct jk_error *err);
