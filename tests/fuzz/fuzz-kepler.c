/* SPDX-License-Identifier: Apache-2.0
 *
 * Kepler's weights: what is taken is a model of which every number is one.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <math.h>

#include "model/kepler.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct jk_text text = { 0 };
        struct jk_error err = { 0 };
        struct jk_model_file file;
        char *string = fuzz_string(data, size);
        int r = jk_kepler_parse("fuzz", string, size, NULL, "Sky Lake", &file, &err);

        PROMISE(r == 0 || r == -EBADMSG || r == -ENOMEM);
        PROMISE(r == 0 || err.message[0] != '\0');
        if (r == 0) {
                PROMISE(file.idle_w >= 0 && file.n_points == 0);
                PROMISE(file.n_features > 0 && file.n_features <= JK_MODEL_WEIGHTS_MAX);
                for (size_t i = 0; i < file.n_features; i++)
                        PROMISE(isfinite(file.features[i].weight));
                r = jk_model_file_print(&file, &text, &err);
                PROMISE(r == 0 || r == -EINVAL); /* a name may have characters that no file has */
        }
        jk_text_free(&text);
        free(string);
        return 0;
}
