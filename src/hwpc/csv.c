/* SPDX-License-Identifier: Apache-2.0
 *
 * HWPC reports as a set of CSV files, as the sensor writes them: a file per group of events, with
 * a row per target, socket and CPU,
 *
 *     timestamp,sensor,target,socket,cpu,EVENT…
 *
 * in any order of columns, without quotes. The files are read side by side, one time after the
 * other, and what they say of one target at one time becomes one report.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "hwpc/lines.h"
#include "hwpc/reader-internal.h"

enum column {
        COLUMN_TIMESTAMP,
        COLUMN_SENSOR,
        COLUMN_TARGET,
        COLUMN_SOCKET,
        COLUMN_CPU,
        COLUMN_EVENTS, /* the first of them */
        COLUMNS_MAX = COLUMN_EVENTS + JK_HWPC_NAMES_MAX,
};

static const char *const column_names[COLUMN_EVENTS] = {
        [COLUMN_TIMESTAMP] = "timestamp", [COLUMN_SENSOR] = "sensor", [COLUMN_TARGET] = "target",
        [COLUMN_SOCKET] = "socket",       [COLUMN_CPU] = "cpu",
};

/* A file and the row that it stands at. */
struct file {
        struct jk_hwpc_lines lines;
        uint32_t group;
        size_t n_columns;
        uint16_t columns[COLUMNS_MAX]; /* what stands there: a fixed column, or COLUMN_EVENTS + i */
        uint32_t events[COLUMNS_MAX];  /* the number of event i */
        const char *fields[COLUMNS_MAX]; /* by what they are */
        uint64_t timestamp_ms;
        bool has_ended;
};

/* A report of the time that is being read. */
struct pending {
        struct jk_hwpc_report report;
        uint32_t next; /* whose target has the same hash; itself if it is the last */
};

struct reader {
        struct jk_hwpc_reader reader;
        struct jk_hwpc_names *names;
        struct file *files;
        size_t n_files;
        struct pending *tick;
        size_t n_tick, tick_capacity;
        size_t next; /* to hand out */
        struct jk_map by_target;
        bool has_failed;
};

static int __attribute__((cold))
refuse(const struct file *file, struct jk_error *err, int r, const char *where)
{
        return jk_fail(err, r == -ENOMEM ? ENOMEM : EBADMSG, "%s:%llu: %.200s: %s",
                       file->lines.name, (unsigned long long)file->lines.number, where,
                       jk_hwpc_fault(r));
}

static int __attribute__((cold))
refuse_row(const struct file *file, struct jk_error *err, const char *what)
{
        return jk_fail(err, EBADMSG, "%s:%llu: %s", file->lines.name,
                       (unsigned long long)file->lines.number, what);
}

/* ---- the header ---- */

static int
find_column(const char *name)
{
        for (int column = 0; column < COLUMN_EVENTS; column++)
                if (strcmp(column_names[column], name) == 0)
                        return column;
        return COLUMN_EVENTS;
}

/* The field of the header at *n_events events: what stands in that column. */
static int
take_title(struct file *file, struct jk_hwpc_names *names, const char *title, size_t *n_events,
           struct jk_error *err)
{
        int column = find_column(title), event;

        if (column == COLUMN_EVENTS) {
                event = jk_hwpc_names_id(names, title);
                if (event < 0)
                        return refuse(file, err, event, title);
                for (size_t i = 0; i < *n_events; i++)
                        if (file->events[i] == (uint32_t)event)
                                return refuse_row(file, err, "two columns of the same name");
                column += (int)*n_events;
                file->events[(*n_events)++] = (uint32_t)event;
        }
        for (size_t i = 0; i < file->n_columns; i++)
                if (file->columns[i] == column)
                        return refuse_row(file, err, "two columns of the same name");
        file->columns[file->n_columns++] = (uint16_t)column;
        return 0;
}

static int
read_header(struct file *file, struct jk_hwpc_names *names, struct jk_error *err)
{
        int r = jk_hwpc_lines_next(&file->lines, err);
        char *rest = file->lines.line.data, *title;
        size_t n_events = 0;

        if (r < 0)
                return r;
        if (r == 0)
                return jk_fail(err, EBADMSG, "%s:1: there is no header", file->lines.name);
        while ((title = strsep(&rest, ","))) {
                if (file->n_columns == COLUMNS_MAX)
                        return refuse_row(file, err, "there are too many columns");
                r = take_title(file, names, title, &n_events, err);
                if (r < 0)
                        return r;
        }
        if (file->n_columns != COLUMN_EVENTS + n_events)
                return refuse_row(file, err,
                                  "the header has to name timestamp, sensor, target, socket, cpu");
        return 0;
}

/* ---- rows ---- */

static int
split(struct file *file, struct jk_error *err)
{
        char *rest = file->lines.line.data, *field;
        size_t n = 0;

        if (strchr(rest, '"'))
                return refuse_row(file, err, "there are quotes in it, which no sensor writes");
        while ((field = strsep(&rest, ","))) {
                if (n == file->n_columns)
                        return refuse_row(file, err, "there are more fields than columns");
                file->fields[file->columns[n++]] = field;
        }
        if (n < file->n_columns)
                return refuse_row(file, err, "there are fewer fields than columns");
        return 0;
}

/* Stand at the next row that is not empty. */
static int
advance(struct file *file, struct jk_error *err)
{
        uint64_t before = file->timestamp_ms;
        int r;

        do {
                r = jk_hwpc_lines_next(&file->lines, err);
                if (r <= 0) {
                        file->has_ended = r == 0;
                        return r;
                }
        } while (file->lines.line.length == 0);

        if (file->lines.is_cut)
                return refuse_row(file, err, "the file ends within this row");
        r = split(file, err);
        if (r < 0)
                return r;
        if (jk_hwpc_number(file->fields[COLUMN_TIMESTAMP], &file->timestamp_ms) < 0 ||
            file->timestamp_ms > (uint64_t)JK_HWPC_TIMESTAMP_MAX_MS)
                return refuse_row(file, err, "timestamp: this is no number of milliseconds");
        if (file->timestamp_ms < before)
                return refuse_row(file, err, "the time goes back; sort the rows by timestamp");
        return 0;
}

/* ---- reports ---- */

static bool
is_of(const struct jk_hwpc_report *report, const struct file *file)
{
        return strcmp(report->target.data, file->fields[COLUMN_TARGET]) == 0 &&
               strcmp(report->sensor.data, file->fields[COLUMN_SENSOR]) == 0;
}

/* The report that the row belongs to, or NULL if there is none yet. ret_last is then the last of
 * the same hash, or SIZE_MAX. */
static struct jk_hwpc_report *
find_report(struct reader *reader, const struct file *file, uint64_t hash, size_t *ret_last)
{
        uint32_t at;

        *ret_last = SIZE_MAX;
        if (!jk_map_get(&reader->by_target, hash, &at))
                return NULL;
        for (;; at = reader->tick[at].next) {
                if (is_of(&reader->tick[at].report, file))
                        return &reader->tick[at].report;
                *ret_last = at;
                if (reader->tick[at].next == at)
                        return NULL;
        }
}

static int
add_report(struct reader *reader, const struct file *file, uint64_t hash, size_t last,
           struct jk_hwpc_report **ret_report)
{
        size_t at = reader->n_tick;
        struct pending *pending;
        int r;

        if (at == JK_HWPC_TICK_MAX)
                return -ENOSPC;
        if (jk_array_grow(&reader->tick, &reader->tick_capacity, at + 1) < 0 ||
            (last == SIZE_MAX && jk_map_put(&reader->by_target, hash, (uint32_t)at) < 0))
                return -ENOMEM;
        pending = &reader->tick[at];
        r = jk_hwpc_report_begin(&pending->report, (int64_t)file->timestamp_ms,
                                 file->fields[COLUMN_SENSOR], file->fields[COLUMN_TARGET]);
        if (r < 0)
                return r;
        pending->next = (uint32_t)at;
        if (last != SIZE_MAX)
                reader->tick[last].next = (uint32_t)at;
        reader->n_tick++;
        *ret_report = &pending->report;
        return 0;
}

static int
take_row(struct reader *reader, const struct file *file, struct jk_error *err)
{
        uint64_t hash = jk_hwpc_hash(file->fields[COLUMN_TARGET]), socket, cpu, count;
        size_t last, n_events = file->n_columns - COLUMN_EVENTS;
        struct jk_hwpc_report *report = find_report(reader, file, hash, &last);
        int r = report ? 0 : add_report(reader, file, hash, last, &report);

        if (r < 0)
                return refuse(file, err, r, file->fields[COLUMN_TARGET]);
        if (jk_hwpc_number(file->fields[COLUMN_SOCKET], &socket) < 0 ||
            jk_hwpc_number(file->fields[COLUMN_CPU], &cpu) < 0)
                return refuse(file, err, -ERANGE, "socket and cpu");
        r = jk_hwpc_report_add_row(report, file->group, socket, cpu);
        if (r < 0)
                return refuse(file, err, r, "socket and cpu");
        for (size_t i = 0; i < n_events; i++) {
                r = jk_hwpc_number(file->fields[COLUMN_EVENTS + i], &count);
                if (r == 0)
                        r = jk_hwpc_report_add_value(report, file->events[i], count);
                if (r < 0)
                        return refuse(file, err, r, reader->names->names[file->events[i]]);
        }
        return 0;
}

/* ---- ticks ---- */

/* The time to read next, or UINT64_MAX. */
static uint64_t
earliest(const struct reader *reader)
{
        uint64_t timestamp_ms = UINT64_MAX;

        for (size_t i = 0; i < reader->n_files; i++)
                if (!reader->files[i].has_ended && reader->files[i].timestamp_ms < timestamp_ms)
                        timestamp_ms = reader->files[i].timestamp_ms;
        return timestamp_ms;
}

/* All rows of the earliest time: 1, or 0 if there are no more. */
static int
read_tick(struct reader *reader, struct jk_error *err)
{
        uint64_t timestamp_ms = earliest(reader);

        reader->n_tick = reader->next = 0;
        jk_map_clear(&reader->by_target);
        if (timestamp_ms == UINT64_MAX)
                return 0;
        for (size_t i = 0; i < reader->n_files; i++) {
                struct file *file = &reader->files[i];

                while (!file->has_ended && file->timestamp_ms == timestamp_ms) {
                        int r = take_row(reader, file, err);

                        if (r == 0)
                                r = advance(file, err);
                        if (r < 0)
                                return r;
                }
        }
        return 1;
}

static int
read_report(struct jk_hwpc_reader *base, struct jk_hwpc_report *report, struct jk_error *err)
{
        struct reader *reader = (struct reader *)base;
        struct jk_hwpc_report handed;

        if (reader->has_failed)
                return 0;
        if (reader->next == reader->n_tick) {
                int r = read_tick(reader, err);

                reader->has_failed = r < 0;
                if (r <= 0)
                        return r;
        }
        handed = reader->tick[reader->next].report;
        reader->tick[reader->next++].report = *report;
        *report = handed;
        return 1;
}

/* ---- opening ---- */

static void
close_reader(struct jk_hwpc_reader *base)
{
        struct reader *reader = (struct reader *)base;

        for (size_t i = 0; i < reader->n_files; i++)
                jk_hwpc_lines_close(&reader->files[i].lines);
        for (size_t i = 0; i < reader->tick_capacity; i++)
                jk_hwpc_report_free(&reader->tick[i].report);
        jk_map_free(&reader->by_target);
        free(reader->tick);
        free(reader->files);
        free(reader);
}

/* "/data/core.csv": core. */
static int
take_group(const struct reader *reader, struct file *file, struct jk_error *err)
{
        const char *slash = strrchr(file->lines.name, '/');
        const char *stem = slash ? slash + 1 : file->lines.name, *dot = strrchr(stem, '.');
        jk_autofree char *name = strndup(stem, dot ? (size_t)(dot - stem) : strlen(stem));
        int group = name ? jk_hwpc_names_id(reader->names, name) : -ENOMEM;

        if (group < 0)
                return jk_fail(err, group, "%s: as a group: %s", file->lines.name,
                               jk_hwpc_fault(group));
        for (const struct file *other = reader->files; other < file; other++)
                if (other->group == (uint32_t)group)
                        return jk_fail(err, EINVAL, "%s and %s are of the same group",
                                       other->lines.name, file->lines.name);
        file->group = (uint32_t)group;
        return 0;
}

static int
begin_file(const struct reader *reader, struct file *file, struct jk_error *err)
{
        int r = take_group(reader, file, err);

        if (r == 0)
                r = read_header(file, reader->names, err);
        return r < 0 ? r : advance(file, err);
}

static struct reader *
new_reader(size_t n, struct jk_hwpc_names *names)
{
        struct reader *reader = calloc(1, sizeof *reader);

        if (!reader)
                return NULL;
        reader->reader.read = read_report;
        reader->reader.close = close_reader;
        reader->names = names;
        reader->files = calloc(n, sizeof *reader->files);
        if (reader->files)
                return reader;
        free(reader);
        return NULL;
}

/* Whether all files, which are open, begin well. */
static int
begin(struct reader *reader, struct jk_hwpc_reader **ret_reader, struct jk_error *err)
{
        int r = 0;

        for (size_t i = 0; i < reader->n_files && r == 0; i++)
                r = begin_file(reader, &reader->files[i], err);
        if (r < 0)
                close_reader(&reader->reader);
        else
                *ret_reader = &reader->reader;
        return r;
}

int
jk_hwpc_csv_open(const char *const *paths, size_t n, struct jk_hwpc_names *names,
                 struct jk_hwpc_reader **ret_reader, struct jk_error *err)
{
        struct reader *reader = new_reader(n, names);

        if (!reader)
                return jk_fail(err, ENOMEM, "out of memory");
        for (; reader->n_files < n; reader->n_files++) {
                int r = jk_hwpc_lines_open(&reader->files[reader->n_files].lines,
                                           paths[reader->n_files], JK_HWPC_CSV_LINE_MAX, err);

                if (r < 0) {
                        close_reader(&reader->reader);
                        return r;
                }
        }
        return begin(reader, ret_reader, err);
}

int
jk_hwpc_csv_open_stream(FILE *stream, const char *name, struct jk_hwpc_names *names,
                        struct jk_hwpc_reader **ret_reader, struct jk_error *err)
{
        struct reader *reader = new_reader(1, names);

        if (!reader ||
            jk_hwpc_lines_take(&reader->files[0].lines, stream, name, JK_HWPC_CSV_LINE_MAX) < 0) {
                if (reader)
                        close_reader(&reader->reader);
                else
                        fclose(stream);
                return jk_fail(err, ENOMEM, "out of memory");
        }
        reader->n_files = 1;
        return begin(reader, ret_reader, err);
}
