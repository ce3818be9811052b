/* SPDX-License-Identifier: Apache-2.0
 *
 * A report as a JSON document: see export.h. Names of a report are valid UTF-8 without control
 * characters (report.h), which leaves two characters to escape.
 */
#include "hwpc/export.h"

static void
quoted(struct jk_text *out, const char *string)
{
        jk_text_char(out, '"');
        for (const char *c = string; *c; c++) {
                if (*c == '"' || *c == '\\')
                        jk_text_char(out, '\\');
                jk_text_char(out, *c);
        }
        jk_text_char(out, '"');
}

static void
write_row(const struct jk_hwpc_report *report, const struct jk_hwpc_row *row,
          const struct jk_hwpc_names *names, struct jk_text *out)
{
        jk_text_printf(out, "\"%u\":{", row->cpu);
        for (uint32_t i = 0; i < row->n; i++) {
                const struct jk_hwpc_value *value = &report->values[row->first + i];

                if (i > 0)
                        jk_text_char(out, ',');
                quoted(out, names->names[value->event]);
                jk_text_char(out, ':');
                jk_text_u64(out, value->count);
        }
        jk_text_char(out, '}');
}

/* What has to stand before a row: the end of what is another's, and the beginning of its own. */
static void
turn_to(const struct jk_hwpc_row *row, const struct jk_hwpc_row *before,
        const struct jk_hwpc_names *names, struct jk_text *out)
{
        bool same_group = before && before->group == row->group;
        bool same_socket = same_group && before->socket == row->socket;

        if (same_socket) {
                jk_text_char(out, ',');
                return;
        }
        if (before)
                jk_text_string(out, same_group ? "}," : "}},");
        if (!same_group) {
                quoted(out, names->names[row->group]);
                jk_text_string(out, ":{");
        }
        jk_text_printf(out, "\"%u\":{", row->socket);
}

void
jk_hwpc_write_json(const struct jk_hwpc_report *report, const struct jk_hwpc_names *names,
                   struct jk_text *out)
{
        const struct jk_hwpc_row *before = NULL;

        jk_text_printf(out, "{\"timestamp\":%lld,\"sensor\":", (long long)report->timestamp_ms);
        quoted(out, report->sensor.data);
        jk_text_string(out, ",\"target\":");
        quoted(out, report->target.data);
        jk_text_string(out, ",\"groups\":{");
        for (size_t i = 0; i < report->n_rows; i++) {
                turn_to(&report->rows[i], before, names, out);
                write_row(report, &report->rows[i], names, out);
                before = &report->rows[i];
        }
        jk_text_string(out, before ? "}}}}\n" : "}}\n");
}
