/* SPDX-License-Identifier: Apache-2.0
 *
 * A writer of JSON into a text: no tree is built, so ten thousand accounts cost their bytes and no
 * more. Integers stay integers; what is not finite is null; strings are made valid UTF-8. Keys are
 * ours, and NULL inside an array.
 */
#pragma once

#include "base/text.h"

struct jk_json {
        struct jk_text *text;
        bool comma; /* a value stands before */
};

void jk_json_open_object(struct jk_json *json, const char *key);
void jk_json_close_object(struct jk_json *json);
void jk_json_open_array(struct jk_json *json, const char *key);
void jk_json_close_array(struct jk_json *json);

/* A key that others wrote (a zone's name), before an object. */
void jk_json_open_object_of(struct jk_json *json, const char *foreign_key);

void jk_json_string(struct jk_json *json, const char *key, const char *value);
void jk_json_i64(struct jk_json *json, const char *key, int64_t value);
void jk_json_u64(struct jk_json *json, const char *key, uint64_t value);
void jk_json_bool(struct jk_json *json, const char *key, bool value);
void jk_json_null(struct jk_json *json, const char *key);

/* With six decimals: watts, percent. NaN and infinities are null. */
void jk_json_double(struct jk_json *json, const char *key, double value);

/* Nanoseconds as seconds with nine decimals, exactly. */
void jk_json_seconds(struct jk_json *json, const char *key, int64_t value_ns);

/* A double with six decimals, without printf: a scrape writes thousands. The value must be finite;
 * what lies beyond ±9e12 is cut to that. */
void jk_text_decimal(struct jk_text *text, double value);

/* Nanoseconds as seconds with nine decimals. */
void jk_text_seconds(struct jk_text *text, int64_t value_ns);
