/* SPDX-License-Identifier: Apache-2.0
 *
 * Model files: what is read has watts at any load, and what is written of it is the same model.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <math.h>

#include "model/file.h"

static void
check_power(const struct jk_model_file *file)
{
        double features[JK_MODEL_WEIGHTS_MAX];

        PROMISE(file->n_points <= JK_MODEL_POINTS_MAX);
        PROMISE(file->n_features <= JK_MODEL_WEIGHTS_MAX);
        for (size_t i = 0; i < file->n_features; i++)
                features[i] = 1e12 * (double)i;
        for (double load = -0.5; load < 2; load += 0.25) {
                double power_w = jk_model_power_w(file, load, features);

                PROMISE(isfinite(power_w) && power_w >= 0);
        }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct jk_text once = { 0 }, twice = { 0 };
        struct jk_error err = { 0 };
        struct jk_model_file file, again;
        char *string = fuzz_string(data, size);
        int r = jk_model_file_parse("fuzz", string, size, &file, &err);

        PROMISE(r == 0 || r == -EBADMSG || r == -ENOMEM);
        PROMISE(r == 0 || err.message[0] != '\0');
        if (r == 0) {
                check_power(&file);
                PROMISE(jk_model_file_print(&file, &once, &err) == 0);
                PROMISE(jk_model_file_parse("again", once.data, once.length, &again, &err) == 0);
                PROMISE(jk_model_file_print(&again, &twice, &err) == 0);
                PROMISE(strcmp(once.data, twice.data) == 0);
        }
        jk_text_free(&once);
        jk_text_free(&twice);
        free(string);
        return 0;
}
