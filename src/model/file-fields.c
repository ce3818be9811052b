/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON objects by a table of their members: see file-fields.h.
 */
#include "model/file-fields.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

static void *
place_of(const struct jk_field *field, const void *object)
{
        return (char *)object + field->offset;
}

void
jk_fields_clear(const struct jk_field *fields, size_t n, void *object)
{
        for (size_t i = 0; i < n; i++) {
                void *place = place_of(&fields[i], object);

                switch (fields[i].type) {
                case JK_FIELD_TEXT:
                case JK_FIELD_NAME:
                        memset(place, 0, fields[i].size);
                        break;
                case JK_FIELD_REAL:
                        *(double *)place = NAN;
                        break;
                case JK_FIELD_WHOLE:
                        *(int *)place = -1;
                        break;
                case JK_FIELD_WORD:
                        *(int *)place = 0;
                        break;
                case JK_FIELD_OTHER:
                        break;
                }
        }
}

/* ---- reading ---- */

static int
refuse(struct jk_error *err, const char *path, const char *key, const char *why)
{
        return jk_fail(err, EBADMSG, "%s%s%.64s: %s", path, *path ? "." : "", key, why);
}

static const char *
text_fault(const struct jk_field *field, const json_t *value, void *place)
{
        const char *text = json_string_value(value);
        size_t length = json_string_length(value);

        if (!text)
                return "this is no text";
        if (length == 0 || length >= field->size || strlen(text) != length)
                return length == 0 ? "this is empty" : "this is too long";
        for (size_t i = 0; i < length; i++) {
                unsigned char c = (unsigned char)text[i];

                if (c < ' ' || c == 0x7f || (c == 0xc2 && (unsigned char)text[i + 1] < 0xa0))
                        return "this has control characters";
                if (field->type == JK_FIELD_NAME && !isalnum(c) && !strchr("._-", c))
                        return "give letters, digits, '.', '_' and '-'";
        }
        if (field->type == JK_FIELD_NAME && text[0] == '.')
                return "a name does not begin with a dot";
        memcpy(place, text, length + 1);
        return NULL;
}

static int
read_number(const struct jk_field *field, const json_t *value, const char *path, void *place,
            struct jk_error *err)
{
        bool whole = field->type == JK_FIELD_WHOLE;
        double number = json_number_value(value);
        char why[96];

        if (whole ? json_is_integer(value) : json_is_number(value))
                if (number >= field->minimum && number <= field->maximum) {
                        if (whole)
                                *(int *)place = (int)number;
                        else
                                *(double *)place = number + 0.0; /* -0.0 is 0.0 */
                        return 0;
                }

        snprintf(why, sizeof why, "give a %snumber from %g to %g", whole ? "whole " : "",
                 field->minimum, field->maximum);
        return refuse(err, path, field->key, why);
}

static int
read_word(const struct jk_field *field, const json_t *value, const char *path, int *place,
          struct jk_error *err)
{
        const char *text = json_string_value(value), *word;
        char why[160] = "give ";
        size_t length = strlen(why);

        for (int i = 0; (word = field->word(i)); i++) {
                if (text && strcmp(text, word) == 0) {
                        *place = i;
                        return 0;
                }
                length += (size_t)snprintf(why + length, sizeof why - length, "%s%s",
                                           i > 0 ? ", " : "", word);
                if (length >= sizeof why)
                        break;
        }
        return refuse(err, path, field->key, why);
}

static int
read_field(const struct jk_field *field, const json_t *value, const char *path, void *object,
           struct jk_error *err)
{
        void *place = place_of(field, object);
        const char *why;

        switch (field->type) {
        case JK_FIELD_TEXT:
        case JK_FIELD_NAME:
                why = text_fault(field, value, place);
                return why ? refuse(err, path, field->key, why) : 0;
        case JK_FIELD_REAL:
        case JK_FIELD_WHOLE:
                return read_number(field, value, path, place, err);
        case JK_FIELD_WORD:
                return read_word(field, value, path, place, err);
        case JK_FIELD_OTHER:
                break;
        }
        return 0;
}

static int
refuse_key(const struct jk_field *fields, size_t n, const char *path, const char *key,
           struct jk_error *err)
{
        struct jk_suggest suggest = { .wrong = key };
        char why[96];

        for (size_t i = 0; i < n; i++)
                jk_suggest_offer(&suggest, fields[i].key);
        snprintf(why, sizeof why, "there is no such member%s%s%s",
                 suggest.best ? "; did you mean '" : "", suggest.best ? suggest.best : "",
                 suggest.best ? "'?" : "");
        return refuse(err, path, key, why);
}

int
jk_fields_read(const struct jk_field *fields, size_t n, const json_t *json, const char *path,
               void *object, struct jk_error *err)
{
        size_t i;
        const char *key;
        json_t *value;

        if (!json_is_object(json))
                return jk_fail(err, EBADMSG, "%s: this is no object", *path ? path : "all of it");

        for (i = 0; i < n; i++) {
                value = json_object_get(json, fields[i].key);
                if (!value && fields[i].needed)
                        return refuse(err, path, fields[i].key, "this is missing");
                if (value) {
                        int r = read_field(&fields[i], value, path, object, err);

                        if (r < 0)
                                return r;
                }
        }
        json_object_foreach((json_t *)json, key, value) {
                for (i = 0; i < n && strcmp(key, fields[i].key) != 0; i++)
                        ;
                if (i == n)
                        return refuse_key(fields, n, path, key, err);
        }
        return 0;
}

/* ---- writing ---- */

void
jk_fields_print_real(struct jk_text *text, double value)
{
        char digits[40];
        int precision = 6;

        do
                snprintf(digits, sizeof digits, "%.*g", precision, value);
        while (strtod(digits, NULL) != value && ++precision <= 17);
        jk_text_string(text, digits);
}

static void
print_text(struct jk_text *text, const char *value)
{
        jk_text_char(text, '"');
        for (; *value; value++) {
                if ((unsigned char)*value < ' ') {
                        jk_text_printf(text, "\\u%04x", *value);
                        continue;
                }
                if (*value == '"' || *value == '\\')
                        jk_text_char(text, '\\');
                jk_text_char(text, *value);
        }
        jk_text_char(text, '"');
}

static bool
is_told(const struct jk_field *field, const void *place)
{
        switch (field->type) {
        case JK_FIELD_TEXT:
        case JK_FIELD_NAME:
                return *(const char *)place != '\0';
        case JK_FIELD_REAL:
                return !isnan(*(const double *)place);
        case JK_FIELD_WHOLE:
                return *(const int *)place != -1;
        case JK_FIELD_WORD:
                return true;
        case JK_FIELD_OTHER:
                break;
        }
        return false;
}

void
jk_fields_print(const struct jk_field *fields, size_t n, const void *object, struct jk_text *text,
                int indent, bool *first)
{
        for (size_t i = 0; i < n; i++) {
                const void *place = place_of(&fields[i], object);

                if (!is_told(&fields[i], place))
                        continue;
                jk_text_printf(text, "%s\n%*s\"%s\": ", *first ? "" : ",", indent, "",
                               fields[i].key);
                *first = false;
                if (fields[i].type == JK_FIELD_REAL)
                        jk_fields_print_real(text, *(const double *)place);
                else if (fields[i].type == JK_FIELD_WHOLE)
                        jk_text_i64(text, *(const int *)place);
                else if (fields[i].type == JK_FIELD_WORD)
                        print_text(text, fields[i].word(*(const int *)place));
                else
                        print_text(text, place);
        }
}
