/* SPDX-License-Identifier: Apache-2.0
 *
 * Printing power reports: see power-print.h. Numbers have as many digits as give them back exactly.
 */
#include "cmd/power-print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "serve/escape.h"

static void
exact(struct jk_text *text, double value)
{
        char digits[32] = "";

        for (int precision = 15; precision <= 17; precision++) {
                snprintf(digits, sizeof digits, "%.*g", precision, value);
                if (strtod(digits, NULL) == value)
                        break;
        }
        jk_text_string(text, digits);
}

/* In quotes where it has to be (RFC 4180). */
static void
csv_string(struct jk_text *text, const char *string)
{
        bool quoted = strpbrk(string, ",\"") != NULL;

        if (quoted)
                jk_text_char(text, '"');
        for (const char *c = string; *c; c++) {
                if (*c == '"')
                        jk_text_char(text, '"');
                jk_text_char(text, *c);
        }
        if (quoted)
                jk_text_char(text, '"');
}

static void
csv_row(struct jk_text *text, const struct jk_smartwatts_power *power)
{
        jk_text_printf(text, "%lld,", (long long)power->timestamp_ms);
        csv_string(text, power->sensor);
        jk_text_char(text, ',');
        csv_string(text, power->target);
        jk_text_char(text, ',');
        exact(text, power->power_w);
        jk_text_printf(text, ",%u,", power->socket);
        csv_string(text, power->formula);
        jk_text_char(text, ',');
        exact(text, power->ratio);
        jk_text_printf(text, ",%s\n", jk_smartwatts_scope_name(power->scope));
}

static void
json_string(struct jk_text *text, const char *key, const char *value)
{
        jk_text_printf(text, "\"%s\":\"", key);
        jk_text_json(text, value);
        jk_text_string(text, "\",");
}

static void
json_document(struct jk_text *text, const struct jk_smartwatts_power *power)
{
        jk_text_printf(text, "{\"timestamp\":%lld,", (long long)power->timestamp_ms);
        json_string(text, "sensor", power->sensor);
        json_string(text, "target", power->target);
        jk_text_string(text, "\"metadata\":{");
        json_string(text, "scope", jk_smartwatts_scope_name(power->scope));
        jk_text_printf(text, "\"socket\":%u,", power->socket);
        json_string(text, "formula", power->formula);
        jk_text_string(text, "\"ratio\":");
        exact(text, power->ratio);
        jk_text_string(text, "},\"power\":");
        exact(text, power->power_w);
        jk_text_string(text, "}\n");
}

void
jk_power_print_titles(struct jk_power_printer *printer)
{
        if (!printer->has_begun && printer->form == JK_POWER_CSV &&
            fputs("timestamp,sensor,target,power,socket,formula,ratio,scope\n", printer->file) < 0)
                printer->error = errno;
        printer->has_begun = true;
}

void
jk_power_print(struct jk_power_printer *printer, const struct jk_smartwatts_power *power)
{
        struct jk_text *line = &printer->line;

        jk_power_print_titles(printer);
        jk_text_clear(line);
        if (printer->form == JK_POWER_CSV)
                csv_row(line, power);
        else
                json_document(line, power);
        if (line->failed)
                printer->error = ENOMEM;
        else if (fwrite(line->data, 1, line->length, printer->file) != line->length)
                printer->error = errno;
}
