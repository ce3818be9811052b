/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer of JSON: see json.h.
 */
#include "serve/json.h"

#include <math.h>

#include "serve/escape.h"

#define DECIMAL_MAX 9e12

static void
begin_value(struct jk_json *json, const char *key)
{
        if (json->comma)
                jk_text_char(json->text, ',');
        json->comma = true;
        if (!key)
                return;

        jk_text_char(json->text, '"');
        jk_text_string(json->text, key);
        jk_text_bytes(json->text, "\":", 2);
}

static void
open_bracket(struct jk_json *json, const char *key, char bracket)
{
        begin_value(json, key);
        jk_text_char(json->text, bracket);
        json->comma = false;
}

static void
close_bracket(struct jk_json *json, char bracket)
{
        jk_text_char(json->text, bracket);
        json->comma = true;
}

void
jk_json_open_object(struct jk_json *json, const char *key)
{
        open_bracket(json, key, '{');
}

void
jk_json_close_object(struct jk_json *json)
{
        close_bracket(json, '}');
}

void
jk_json_open_array(struct jk_json *json, const char *key)
{
        open_bracket(json, key, '[');
}

void
jk_json_close_array(struct jk_json *json)
{
        close_bracket(json, ']');
}

void
jk_json_open_object_of(struct jk_json *json, const char *foreign_key)
{
        begin_value(json, NULL);
        jk_text_char(json->text, '"');
        jk_text_json(json->text, foreign_key);
        jk_text_bytes(json->text, "\":{", 3);
        json->comma = false;
}

void
jk_json_string(struct jk_json *json, const char *key, const char *value)
{
        begin_value(json, key);
        jk_text_char(json->text, '"');
        jk_text_json(json->text, value);
        jk_text_char(json->text, '"');
}

void
jk_json_i64(struct jk_json *json, const char *key, int64_t value)
{
        begin_value(json, key);
        jk_text_i64(json->text, value);
}

void
jk_json_u64(struct jk_json *json, const char *key, uint64_t value)
{
        begin_value(json, key);
        jk_text_u64(json->text, value);
}

void
jk_json_bool(struct jk_json *json, const char *key, bool value)
{
        begin_value(json, key);
        jk_text_string(json->text, value ? "true" : "false");
}

void
jk_json_null(struct jk_json *json, const char *key)
{
        begin_value(json, key);
        jk_text_bytes(json->text, "null", 4);
}

void
jk_json_double(struct jk_json *json, const char *key, double value)
{
        if (!isfinite(value)) {
                jk_json_null(json, key);
                return;
        }

        begin_value(json, key);
        jk_text_decimal(json->text, value);
}

void
jk_json_seconds(struct jk_json *json, const char *key, int64_t value_ns)
{
        begin_value(json, key);
        jk_text_seconds(json->text, value_ns);
}

void
jk_text_decimal(struct jk_text *text, double value)
{
        double bounded = fmax(-DECIMAL_MAX, fmin(value, DECIMAL_MAX));

        jk_text_joules(text, (int64_t)llrint(bounded * 1e6));
}

void
jk_text_seconds(struct jk_text *text, int64_t value_ns)
{
        int64_t rest = value_ns % 1000;
        char digits[3];

        jk_text_joules(text, value_ns / 1000);
        for (int i = 2; i >= 0; i--) {
                digits[i] = (char)('0' + (rest < 0 ? -rest : rest) % 10);
                rest /= 10;
        }
        jk_text_bytes(text, digits, sizeof digits);
}
