/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings that others wrote (comm, cgroup path, user name) inside what we write: JSON, metric
 * labels, HTML. Each becomes valid UTF-8 first (jk_text_utf8()), so that no name can break an
 * output; then what is special in the format is escaped. Quotes around it are the caller's.
 */
#pragma once

#include "base/text.h"

void jk_text_json(struct jk_text *text, const char *string);
void jk_text_label(struct jk_text *text, const char *string);
void jk_text_html(struct jk_text *text, const char *string);
