/* SPDX-License-Identifier: Apache-2.0
 *
 * Kepler's trained power models, where they are linear: the JSON of weights that its model server
 * gives, {COMPONENT: {"All_Weights": {"Bias_Weight", "Categorical_Variables",
 * "Numerical_Variables": {FEATURE: {"scale", "weight"}}}}}, older ones with a mean and a variance
 * for the scale. Power is the bias plus Σ weight × feature, each feature divided by its scale.
 */
#pragma once

#include "model/file.h"

/* The model of one component ("package"; NULL: the only one, or package) as one of ours, of kind
 * linear; `category` is the value to take of the categorical variables, as "Sky Lake", or NULL.
 * -EBADMSG with "NAME:LINE: …" or "NAME: package.All_Weights.…: …"; -ENOMEM. */
int jk_kepler_parse(const char *name, const char *text, size_t length, const char *component,
                    const char *category, struct jk_model_file *ret_file, struct jk_error *err);
