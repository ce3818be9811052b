/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of models: see model.h.
 */
#include <string.h>

#include "base/text.h"
#include "model/model.h"

const struct jk_model_ops *const jk_model_list[] = { &jk_model_adaptive, &jk_model_share, NULL };

const struct jk_model_ops *
jk_model_find(const char *name, struct jk_error *err)
{
        jk_autotext struct jk_text names = { 0 };

        if (!name || strcmp(name, "auto") == 0)
                return jk_model_list[0];

        for (size_t i = 0; jk_model_list[i]; i++) {
                if (strcmp(jk_model_list[i]->name, name) == 0)
                        return jk_model_list[i];
                jk_text_printf(&names, ", %s", jk_model_list[i]->name);
        }

        jk_fail(err, EINVAL, "there is no model '%s'; models: auto%s", name,
                names.failed ? "" : names.data);
        return NULL;
}
