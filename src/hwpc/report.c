/* SPDX-License-Identifier: Apache-2.0
 *
 * HWPC reports in memory: see report.h. All bounds of what a report may hold are kept here, so that
 * every reader has the same.
 */
#include "hwpc/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* ---- names ---- */

void
jk_hwpc_names_free(struct jk_hwpc_names *names)
{
        for (size_t i = 0; i < names->count; i++)
                free(names->names[i]);
        free(names->names);
        *names = (struct jk_hwpc_names){ 0 };
}

int
jk_hwpc_names_find(const struct jk_hwpc_names *names, const char *name)
{
        for (size_t i = 0; i < names->count; i++)
                if (strcmp(names->names[i], name) == 0)
                        return (int)i;
        return -ENOENT;
}

int
jk_hwpc_names_id(struct jk_hwpc_names *names, const char *name)
{
        int id = jk_hwpc_names_find(names, name);
        char *copy;

        if (id >= 0)
                return id;
        if (!jk_hwpc_name_is_valid(name, JK_HWPC_NAME_LENGTH_MAX))
                return -EINVAL;
        if (names->count == JK_HWPC_NAMES_MAX)
                return -ENOSPC;
        if (jk_array_grow(&names->names, &names->capacity, names->count + 1) < 0)
                return -ENOMEM;
        copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        names->names[names->count] = copy;
        return (int)names->count++;
}

static bool
is_plain_ascii(const char *name)
{
        for (; *name; name++)
                if (*name < 0x20 || *name > 0x7e)
                        return false;
        return true;
}

/* jk_text_utf8() changes what is no UTF-8, and every control character. */
static bool
is_utf8(const char *name)
{
        jk_autotext struct jk_text valid = { 0 };

        jk_text_utf8(&valid, name);
        return !valid.failed && strcmp(valid.data, name) == 0;
}

bool
jk_hwpc_name_is_valid(const char *name, size_t length_max)
{
        size_t length = strnlen(name, length_max + 1);

        return length > 0 && length <= length_max && (is_plain_ascii(name) || is_utf8(name));
}

uint64_t
jk_hwpc_hash(const char *name)
{
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (; *name; name++)
                hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
        return hash;
}

/* ---- reports ---- */

void
jk_hwpc_report_free(struct jk_hwpc_report *report)
{
        jk_text_free(&report->sensor);
        jk_text_free(&report->target);
        free(report->rows);
        free(report->values);
        jk_map_free(&report->index);
        *report = (struct jk_hwpc_report){ 0 };
}

int
jk_hwpc_report_begin(struct jk_hwpc_report *report, int64_t timestamp_ms, const char *sensor,
                     const char *target)
{
        if (timestamp_ms <= 0 || timestamp_ms > JK_HWPC_TIMESTAMP_MAX_MS)
                return -ERANGE;
        if (!jk_hwpc_name_is_valid(sensor, JK_HWPC_TARGET_LENGTH_MAX) ||
            !jk_hwpc_name_is_valid(target, JK_HWPC_TARGET_LENGTH_MAX))
                return -EINVAL;
        report->timestamp_ms = timestamp_ms;
        jk_text_clear(&report->sensor);
        jk_text_string(&report->sensor, sensor);
        jk_text_clear(&report->target);
        jk_text_string(&report->target, target);
        report->n_rows = 0;
        report->n_values = 0;
        jk_map_clear(&report->index);
        return report->sensor.failed || report->target.failed ? -ENOMEM : 0;
}

static uint64_t
row_key(uint32_t group, uint64_t socket, uint64_t cpu)
{
        return (uint64_t)group << 48 | socket << 32 | cpu;
}

int
jk_hwpc_report_add_row(struct jk_hwpc_report *report, uint32_t group, uint64_t socket, uint64_t cpu)
{
        uint64_t key = row_key(group, socket, cpu);

        if (socket > JK_HWPC_SOCKET_MAX || cpu > JK_HWPC_CPU_MAX)
                return -ERANGE;
        if (report->n_rows == JK_HWPC_ROWS_MAX)
                return -ENOSPC;
        if (jk_map_get(&report->index, key, NULL))
                return -EEXIST;
        if (jk_array_grow(&report->rows, &report->rows_capacity, report->n_rows + 1) < 0 ||
            jk_map_put(&report->index, key, (uint32_t)report->n_rows) < 0)
                return -ENOMEM;
        report->rows[report->n_rows++] = (struct jk_hwpc_row){
                .group = group,
                .socket = (uint32_t)socket,
                .cpu = (uint32_t)cpu,
                .first = (uint32_t)report->n_values,
        };
        return 0;
}

int
jk_hwpc_report_add_value(struct jk_hwpc_report *report, uint32_t event, uint64_t count)
{
        if (count > JK_HWPC_COUNT_MAX)
                return -ERANGE;
        if (jk_array_grow(&report->values, &report->values_capacity, report->n_values + 1) < 0)
                return -ENOMEM;
        report->values[report->n_values++] = (struct jk_hwpc_value){ count, event };
        report->rows[report->n_rows - 1].n++;
        return 0;
}
