/* SPDX-License-Identifier: Apache-2.0
 *
 * HWPC reports as JSON documents, one a line, as the sensor writes them to a socket:
 *
 *     {"timestamp": ms since 1970, "sensor": NAME, "target": NAME,
 *      "groups": {GROUP: {SOCKET: {CPU: {EVENT: COUNT, …}}}}}
 *
 * Other members, as metadata, are passed over.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hwpc/lines.h"
#include "hwpc/reader-internal.h"

#define LARGEST_WHOLE_DOUBLE 9007199254740992.0 /* 2^53 */

static void
free_json(json_t **json)
{
        json_decref(*json);
}

#define autojson __attribute__((cleanup(free_json)))

static int
refuse(struct jk_error *err, int r, const char *where)
{
        return jk_fail(err, r == -ENOMEM ? ENOMEM : EBADMSG, "%.200s: %s", where, jk_hwpc_fault(r));
}

/* A count, also as the double with a whole value that a database made of it. */
static int
count_of(const json_t *json, uint64_t *ret_count)
{
        double real = json_real_value(json);

        if (json_is_integer(json) && json_integer_value(json) >= 0) {
                *ret_count = (uint64_t)json_integer_value(json);
                return 0;
        }
        if (!json_is_real(json) || !(real >= 0 && real <= LARGEST_WHOLE_DOUBLE) ||
            real != floor(real))
                return -ERANGE;
        *ret_count = (uint64_t)real;
        return 0;
}

static int
take_events(struct jk_hwpc_report *report, struct jk_hwpc_names *names, json_t *events,
            struct jk_error *err)
{
        const char *event;
        json_t *count_json;

        json_object_foreach(events, event, count_json) {
                uint64_t count;
                int r = jk_hwpc_names_id(names, event);

                if (r >= 0) {
                        uint32_t id = (uint32_t)r;

                        r = count_of(count_json, &count);
                        if (r == 0)
                                r = jk_hwpc_report_add_value(report, id, count);
                }
                if (r < 0)
                        return refuse(err, r, event);
        }
        return 0;
}

static int
take_cpus(struct jk_hwpc_report *report, struct jk_hwpc_names *names, uint32_t group,
          const char *socket_key, json_t *cpus, struct jk_error *err)
{
        uint64_t socket, cpu;
        const char *cpu_key;
        json_t *events;

        if (jk_hwpc_number(socket_key, &socket) < 0 || !json_is_object(cpus))
                return jk_fail(err, EBADMSG, "%.200s: this is no socket with its CPUs", socket_key);
        json_object_foreach(cpus, cpu_key, events) {
                int r;

                if (jk_hwpc_number(cpu_key, &cpu) < 0 || !json_is_object(events))
                        return jk_fail(err, EBADMSG, "%.200s: this is no CPU with its counts",
                                       cpu_key);
                r = jk_hwpc_report_add_row(report, group, socket, cpu);
                if (r < 0)
                        return refuse(err, r, cpu_key);
                r = take_events(report, names, events, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int
take_groups(struct jk_hwpc_report *report, struct jk_hwpc_names *names, json_t *groups,
            struct jk_error *err)
{
        const char *name, *socket;
        json_t *sockets, *cpus;

        json_object_foreach(groups, name, sockets) {
                int group = jk_hwpc_names_id(names, name);

                if (group < 0)
                        return refuse(err, group, name);
                if (!json_is_object(sockets))
                        return jk_fail(err, EBADMSG, "%.200s: this is no group with its sockets",
                                       name);
                json_object_foreach(sockets, socket, cpus) {
                        int r = take_cpus(report, names, (uint32_t)group, socket, cpus, err);

                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

int
jk_hwpc_parse(const char *document, size_t length, struct jk_hwpc_names *names,
              struct jk_hwpc_report *report, struct jk_error *err)
{
        json_error_t fault;
        autojson json_t *root = json_loadb(document, length, JSON_REJECT_DUPLICATES, &fault);
        const json_t *timestamp = json_object_get(root, "timestamp");
        const char *sensor = json_string_value(json_object_get(root, "sensor"));
        const char *target = json_string_value(json_object_get(root, "target"));
        json_t *groups = json_object_get(root, "groups");
        uint64_t timestamp_ms;
        int r;

        if (!root)
                return jk_fail(err, EBADMSG, "byte %d: %s", fault.position, fault.text);
        if (!timestamp || count_of(timestamp, &timestamp_ms) < 0 || timestamp_ms > INT64_MAX)
                return jk_fail(err, EBADMSG, "timestamp: this is no number of milliseconds");
        if (!sensor || !target)
                return jk_fail(err, EBADMSG, "there is no sensor or no target");
        if (!json_is_object(groups))
                return jk_fail(err, EBADMSG, "there are no groups");
        r = jk_hwpc_report_begin(report, (int64_t)timestamp_ms, sensor, target);
        if (r < 0)
                return refuse(err, r, r == -ERANGE ? "timestamp" : "sensor and target");
        return take_groups(report, names, groups, err);
}

/* ---- files ---- */

struct reader {
        struct jk_hwpc_reader reader;
        struct jk_hwpc_lines lines;
        struct jk_hwpc_names *names;
};

static bool
is_blank(const char *line)
{
        return line[strspn(line, " \t")] == '\0';
}

static int
read_report(struct jk_hwpc_reader *base, struct jk_hwpc_report *report, struct jk_error *err)
{
        struct reader *reader = (struct reader *)base;
        int r;

        do {
                r = jk_hwpc_lines_next(&reader->lines, err);
                if (r <= 0)
                        return r;
        } while (is_blank(reader->lines.line.data));

        r = jk_hwpc_parse(reader->lines.line.data, reader->lines.line.length, reader->names, report,
                          err);
        if (r < 0)
                jk_error_prefix(err, "%s:%llu: ", reader->lines.name,
                                (unsigned long long)reader->lines.number);
        return r < 0 ? r : 1;
}

static void
close_reader(struct jk_hwpc_reader *base)
{
        struct reader *reader = (struct reader *)base;

        jk_hwpc_lines_close(&reader->lines);
        free(reader);
}

int
jk_hwpc_json_open(const char *path, struct jk_hwpc_names *names, struct jk_hwpc_reader **ret_reader,
                  struct jk_error *err)
{
        struct reader *reader = malloc(sizeof *reader);
        int r;

        if (!reader)
                return jk_fail(err, ENOMEM, "out of memory");
        *reader = (struct reader){
                .reader = { .read = read_report, .close = close_reader },
                .names = names,
        };
        r = jk_hwpc_lines_open(&reader->lines, path, JK_HWPC_DOCUMENT_MAX, err);
        if (r < 0) {
                close_reader(&reader->reader);
                return r;
        }
        *ret_reader = &reader->reader;
        return 0;
}
