/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of meters, activity sources and models, which the configuration (a layer below them)
 * cannot know: a jk_config_check.
 */
#pragma once

#include "config/rows.h"

/* Whether the value of "meter", "activity" or "model" names what is built in: 0, or -EINVAL with
 * the nearest name and all there are. Values of other rows are not looked at. */
int jk_names_check(const struct jk_config_row *row, const char *value, struct jk_error *err);

/* The i-th name that the row's value may have ("auto" and the like first), or NULL: there are no
 * more, or the row has no such names. For completion and docs. */
const char *jk_names_at(const struct jk_config_row *row, size_t i);
