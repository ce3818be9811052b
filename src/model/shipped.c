/* SPDX-License-Identifier: Apache-2.0
 *
 * Model files that are compiled in: see shipped.h.
 */
#include "model/shipped.h"

#include <string.h>

#include "base/array.h"
#include "base/suggest.h"

const struct jk_shipped_model jk_shipped_models[] = {
#include "shipped-models.inc"
};
const size_t jk_n_shipped_models = JK_COUNT(jk_shipped_models);

int
jk_shipped_model_read(const struct jk_shipped_model *shipped, struct jk_model_file *ret_file,
                      struct jk_error *err)
{
        return jk_model_file_parse(shipped->name, shipped->text, strlen(shipped->text), ret_file,
                                   err);
}

int
jk_model_file_find(const char *name_or_path, struct jk_model_file *ret_file, struct jk_error *err)
{
        struct jk_suggest suggest = { .wrong = name_or_path };

        if (strpbrk(name_or_path, "/."))
                return jk_model_file_read(name_or_path, ret_file, err);

        for (size_t i = 0; i < JK_COUNT(jk_shipped_models); i++) {
                if (strcmp(jk_shipped_models[i].name, name_or_path) == 0)
                        return jk_shipped_model_read(&jk_shipped_models[i], ret_file, err);
                jk_suggest_offer(&suggest, jk_shipped_models[i].name);
        }
        if (suggest.best)
                return jk_fail(err, ENOENT, "there is no model '%s'; did you mean '%s'?",
                               name_or_path, suggest.best);
        return jk_fail(err, ENOENT,
                       "there is no model '%s'; `joulekeeper model list` names those that are "
                       "shipped, and a file is told by its path, as ./%s",
                       name_or_path, name_or_path);
}
