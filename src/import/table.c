/* SPDX-License-Identifier: Apache-2.0
 *
 * Somebody's tables to observations: see table.h.
 */
#include "import/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/suggest.h"
#include "base/text.h"
#include "import/csv.h"

struct jk_tables {
        const struct jk_mapping *mapping;
        struct jk_observations *seen;
        uint32_t *first_series; /* by table; its values follow each other */
        struct jk_text name, pid, cgroup;
};

/* One file while it is read. */
struct reading {
        struct jk_tables *tables;
        const struct jk_mapping_table *table;
        struct jk_csv *csv;
        size_t *fields; /* by column of the table: where it stands in a record */
        size_t n_fields;
        uint32_t file, series;
        int64_t row; /* that was read last */
        struct jk_error *err;
};

/* ---- the mapping's streams and series ---- */

static int
add_series(struct jk_tables *tables, const struct jk_mapping_table *table, uint32_t stream,
           const struct jk_mapping_value *value, struct jk_error *err)
{
        struct jk_observations *seen = tables->seen;
        struct jk_series series = {
                .kind = value->kind,
                .feature = value->feature,
                .of_machine = !table->has_tasks || jk_feature_is_state(value->feature),
                .scale = value->scale,
                .range = value->range,
                .stream = stream,
        };
        int r;

        if (value->zone) {
                series.zone =
                        jk_observe_zone(seen, value->zone, table->columns[value->column], err);
                if (series.zone < 0)
                        return series.zone;
                if (value->uncertainty_pct > 0)
                        seen->zones.zones[series.zone].uncertainty_pct = value->uncertainty_pct;
        }
        if (value->event) {
                series.event = jk_observe_event(seen, value->event, value->package, err);
                if (series.event < 0)
                        return series.event;
        }
        r = jk_observe_series(seen, &series);
        return r < 0 ? jk_fail(err, r, "out of memory") : r;
}

static int
add_table(struct jk_tables *tables, size_t index, struct jk_error *err)
{
        const struct jk_mapping_table *table = &tables->mapping->tables[index];
        struct jk_stream stream = {
                .interval_ns = table->interval_ns,
                .last_ns = -1,
                .has_tasks = table->has_tasks,
        };
        int number = jk_observe_stream(tables->seen, &stream);

        if (number < 0)
                return jk_fail(err, number, "out of memory");
        tables->first_series[index] = (uint32_t)tables->seen->n_series;
        for (size_t i = 0; i < table->n_values; i++) {
                int r = add_series(tables, table, (uint32_t)number, &table->values[i], err);

                if (r < 0)
                        return r;
        }
        return 0;
}

int
jk_tables_open(const struct jk_mapping *mapping, struct jk_observations *seen,
               struct jk_tables **ret_tables, struct jk_error *err)
{
        struct jk_tables *tables = calloc(1, sizeof *tables);
        int r = 0;

        if (tables)
                tables->first_series = calloc(mapping->n_tables, sizeof *tables->first_series);
        if (!tables || !tables->first_series) {
                free(tables);
                return jk_fail(err, ENOMEM, "out of memory");
        }
        tables->mapping = mapping;
        tables->seen = seen;
        seen->cpus = mapping->cpus;
        for (size_t i = 0; r == 0 && i < mapping->n_tables; i++)
                r = add_table(tables, i, err);
        if (r < 0)
                jk_tables_close(tables);
        else
                *ret_tables = tables;
        return r;
}

void
jk_tables_close(struct jk_tables *tables)
{
        if (!tables)
                return;
        jk_text_free(&tables->name);
        jk_text_free(&tables->pid);
        jk_text_free(&tables->cgroup);
        free(tables->first_series);
        free(tables);
}

/* ---- which table a file is ---- */

#define NOT_THERE SIZE_MAX

static size_t
find_field(const struct jk_csv *csv, const char *name)
{
        for (size_t i = 0; i < csv->n_fields; i++)
                if (strcmp(csv->fields[i], name) == 0)
                        return i;
        return NOT_THERE;
}

/* How many columns of the table the file lacks; the first of them goes to ret_lacks. */
static size_t
count_lacking(const struct jk_csv *csv, const struct jk_mapping_table *table,
              const char **ret_lacks)
{
        size_t n = 0;

        for (size_t i = table->n_columns; i-- > 0;)
                if (find_field(csv, table->columns[i]) == NOT_THERE) {
                        *ret_lacks = table->columns[i];
                        n++;
                }
        return n;
}

static int
refuse_columns(const struct jk_csv *csv, const struct jk_mapping *mapping,
               const struct jk_mapping_table *nearest, const char *lacks, struct jk_error *err)
{
        struct jk_suggest suggest = { .wrong = lacks };
        jk_autotext struct jk_text meant = { 0 };

        for (size_t i = 0; i < csv->n_fields; i++)
                jk_suggest_offer(&suggest, csv->fields[i]);
        if (suggest.best)
                jk_text_utf8(&meant, suggest.best);
        return jk_fail(err, EINVAL, "%s:%lu: has no column '%s'%s%s%s%s%s", csv->name, csv->line,
                       lacks, mapping->n_tables > 1 && nearest->name ? " of the table " : "",
                       mapping->n_tables > 1 && nearest->name ? nearest->name : "",
                       meant.length ? "; is it '" : "", meant.length ? meant.data : "",
                       meant.length         ? "'?"
                       : csv->n_fields == 1 ? "; is the separator right?"
                                            : "");
}

static int
find_table(const struct jk_csv *csv, const struct jk_mapping *mapping, size_t *ret_index,
           struct jk_error *err)
{
        size_t fewest = SIZE_MAX, nearest = 0;
        const char *lacks = "";

        for (size_t i = 0; i < mapping->n_tables; i++) {
                const char *first = "";
                size_t n = count_lacking(csv, &mapping->tables[i], &first);

                if (n >= fewest)
                        continue;
                fewest = n;
                nearest = i;
                lacks = first;
        }
        if (fewest > 0)
                return refuse_columns(csv, mapping, &mapping->tables[nearest], lacks, err);
        *ret_index = nearest;
        return 0;
}

/* ---- a record ---- */

static const char *
field(const struct reading *reading, size_t column)
{
        return reading->csv->fields[reading->fields[column]];
}

static bool
is_wanted(const struct reading *reading, const struct jk_mapping_conditions *where)
{
        for (size_t i = 0; i < where->n; i++)
                if (strcmp(field(reading, where->items[i].column), where->items[i].text) != 0)
                        return false;
        return true;
}

/* Without a column of time, a row is an interval after the one before. */
static int
find_time(const struct reading *reading, int64_t *ret_ns)
{
        const struct jk_mapping_table *table = reading->table;
        struct jk_error why = { "" };
        int64_t ns = 0;

        if (!table->has_time)
                ns = reading->row * table->interval_ns;
        else if (jk_import_time(field(reading, table->time_column), table->time_unit, &ns, &why) <
                 0)
                return jk_csv_refuse(reading->csv, reading->err, "%s: %s",
                                     table->columns[table->time_column], why.message);
        if (__builtin_add_overflow(ns, table->offset_ns, &ns) || ns < 0 || ns > JK_IMPORT_TIME_MAX)
                return jk_csv_refuse(reading->csv, reading->err,
                                     "the offset of the clock brings the time before 1970, or "
                                     "after 2116");
        *ret_ns = ns;
        return 0;
}

static const char *
expand(const struct reading *reading, const struct jk_mapping_template *template,
       struct jk_text *text)
{
        jk_text_clear(text);
        jk_text_string(text, "");
        for (size_t i = 0; i < template->n; i++) {
                const struct jk_mapping_piece *piece = &template->pieces[i];

                jk_text_string(text, piece->text ? piece->text : field(reading, piece->column));
        }
        return text->failed ? NULL : text->data;
}

static int
find_pid(const struct reading *reading, const char *text, pid_t *ret_pid)
{
        unsigned long value;
        char *end;

        *ret_pid = 0;
        if (*text == '\0')
                return 0;
        errno = 0;
        value = strtoul(text, &end, 10);
        if (*text < '0' || *text > '9' || *end || errno || value == 0 || value > INT32_MAX)
                return jk_csv_refuse(reading->csv, reading->err, "'%.40s' is no process id", text);
        *ret_pid = (pid_t)value;
        return 0;
}

#define CGROUP_MAX 4096 /* PATH_MAX: more is no path */

static int
find_task(const struct reading *reading, uint32_t *ret_task)
{
        struct jk_tables *tables = reading->tables;
        const struct jk_mapping_table *table = reading->table;
        const char *name, *pid, *cgroup;
        pid_t number;
        int r;

        *ret_task = JK_NO_TASK;
        if (!table->has_tasks)
                return 0;
        name = expand(reading, &table->task, &tables->name);
        pid = expand(reading, &table->pid, &tables->pid);
        cgroup = expand(reading, &table->cgroup, &tables->cgroup);
        if (!name || !pid || !cgroup)
                return jk_fail(reading->err, ENOMEM, "out of memory");
        if (name[0] == '\0')
                return jk_csv_refuse(reading->csv, reading->err, "has no name of a task");
        if (strlen(name) > CGROUP_MAX || strlen(cgroup) > CGROUP_MAX)
                return jk_csv_refuse(reading->csv, reading->err,
                                     "the name of a task or cgroup is too long");
        r = find_pid(reading, pid, &number);
        if (r < 0)
                return r;
        r = jk_observe_task(tables->seen, name, number, cgroup[0] ? cgroup : "/", reading->err);
        if (r < 0)
                return r;
        *ret_task = (uint32_t)r;
        return 0;
}

static int
take_value(const struct reading *reading, size_t i, struct jk_observation *observation)
{
        const struct jk_mapping_value *value = &reading->table->values[i];
        struct jk_observations *seen = reading->tables->seen;
        const char *column = reading->table->columns[value->column];
        struct jk_error why = { "" };
        uint32_t task = observation->task;
        int r;

        if (!is_wanted(reading, &value->where))
                return 0;
        observation->series = reading->series + (uint32_t)i;
        if (jk_import_number(field(reading, value->column), &observation->value, &why) < 0)
                return jk_csv_refuse(reading->csv, reading->err, "%s: %s", column, why.message);
        observation->value *= value->scale;
        if (jk_observed_check(&seen->series[observation->series], observation->value, &why) < 0)
                return jk_csv_refuse(reading->csv, reading->err, "%s: '%.40s' %s", column,
                                     field(reading, value->column), why.message);
        if (seen->series[observation->series].of_machine || value->zone)
                observation->task = JK_NO_TASK;
        r = jk_observe(seen, observation, reading->err);
        observation->task = task;
        return r;
}

/* As many as the first line, or one more that is empty, after a separator at the end. */
static bool
has_all_fields(const struct reading *reading)
{
        const struct jk_csv *csv = reading->csv;

        return csv->n_fields == reading->n_fields || (csv->n_fields == reading->n_fields + 1 &&
                                                      csv->fields[reading->n_fields][0] == '\0');
}

static int
take_record(struct reading *reading)
{
        struct jk_observation observation = {
                .file = reading->file,
                .line = (uint32_t)reading->csv->line,
        };
        int r;

        reading->row++;
        if (!has_all_fields(reading))
                return jk_csv_refuse(reading->csv, reading->err,
                                     "has %zu fields, and the first line %zu",
                                     reading->csv->n_fields, reading->n_fields);
        if (!is_wanted(reading, &reading->table->where))
                return 0;
        r = find_time(reading, &observation.time_ns);
        if (r == 0)
                r = find_task(reading, &observation.task);
        for (size_t i = 0; r == 0 && i < reading->table->n_values; i++)
                r = take_value(reading, i, &observation);
        return r;
}

/* ---- a file ---- */

static int
take_records(struct reading *reading)
{
        struct jk_observations *seen = reading->tables->seen;
        int r;

        while ((r = jk_csv_next(reading->csv, reading->err)) > 0) {
                size_t before = seen->n_items;

                r = take_record(reading);
                if (r == 0)
                        continue;
                seen->n_items = before; /* all of a row, or nothing */
                r = jk_observations_refuse(seen, r, reading->err);
                if (r < 0)
                        return r;
        }
        return r;
}

static int
take_header(struct reading *reading, size_t index)
{
        const struct jk_mapping_table *table = &reading->tables->mapping->tables[index];

        reading->table = table;
        reading->series = reading->tables->first_series[index];
        reading->n_fields = reading->csv->n_fields;
        reading->fields = calloc(table->n_columns + 1, sizeof *reading->fields);
        if (!reading->fields)
                return jk_fail(reading->err, ENOMEM, "out of memory");
        for (size_t i = 0; i < table->n_columns; i++)
                reading->fields[i] = find_field(reading->csv, table->columns[i]);
        return 0;
}

int
jk_tables_read(struct jk_tables *tables, FILE *file, const char *name, struct jk_error *err)
{
        jk_autocsv struct jk_csv csv;
        struct jk_error unused = { "" };
        struct reading reading = { .tables = tables, .csv = &csv, .err = err ? err : &unused };
        int r = jk_observe_file(tables->seen, name);
        size_t index = 0;

        jk_csv_begin(&csv, file, name, tables->mapping->separator);
        if (r < 0)
                return jk_fail(err, r, "out of memory");
        reading.file = (uint32_t)r;
        r = jk_csv_next(&csv, reading.err);
        if (r == 0)
                r = jk_fail(err, ENODATA, "%s: is empty", name);
        if (r > 0)
                r = find_table(&csv, tables->mapping, &index, reading.err);
        if (r == 0)
                r = take_header(&reading, index);
        if (r == 0)
                r = take_records(&reading);
        free(reading.fields);
        return r;
}
