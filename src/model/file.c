/* SPDX-License-Identifier: Apache-2.0
 *
 * Model files, as JSON: see file.h.
 */
#include "model/file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "model/file-fields.h"

#define WATTS_MAX  1e6 /* of a zone of one machine */
#define WEIGHT_MAX 1e6
#define RATE_MAX   1e18

static const char *const kind_names[] = {
        [JK_MODEL_CURVE] = "curve",
        [JK_MODEL_EVENTS] = "events",
        [JK_MODEL_LINEAR] = "linear",
};

static const char *const per_names[] = {
        [JK_PER_ZONE] = "zone",
        [JK_PER_MACHINE] = "machine",
        [JK_PER_THREAD] = "thread",
};

/* What features of these names are counted in; others are as they say. */
static const struct {
        const char *name, *unit;
} known_units[] = {
        { "utilisation", "1" },    { "cpu", "s/s" },        { "cycles", "1/s" },
        { "instructions", "1/s" }, { "llc-misses", "1/s" }, { "frequency", "MHz" },
};

static const char *
kind_word(int kind)
{
        return kind < JK_MODEL_KIND_MAX ? kind_names[kind] : NULL;
}

static const char *
per_word(int per)
{
        return per < JK_PER_MAX ? per_names[per] : NULL;
}

static const char *
zone_word(int kind)
{
        return kind < JK_ZONE_KIND_MAX ? jk_zone_kind_name((enum jk_zone_kind)kind) : NULL;
}

const char *
jk_model_kind_name(enum jk_model_kind kind)
{
        return kind_names[kind];
}

const char *
jk_model_per_name(enum jk_model_per per)
{
        return per_names[per];
}

/* ---- the members ---- */

_Static_assert(sizeof(enum jk_model_kind) == sizeof(int) &&
                       sizeof(enum jk_zone_kind) == sizeof(int),
               "words are stored as int");

#define AT(type, member)  .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define WITHIN(low, high) .minimum = (low), .maximum = (high)

#define HEAD(member)    AT(struct jk_model_file, member)
#define FEATURE(member) AT(struct jk_model_feature, member)
#define CPU(member)     AT(struct jk_model_cpu, member)
#define MADE(member)    AT(struct jk_model_provenance, member)
#define ERROR(member)   AT(struct jk_model_error, member)

/* In the order in which they are written. */
static const struct jk_field head_fields[] = {
        { "schema", JK_FIELD_OTHER, .needed = true },
        { "kind", JK_FIELD_WORD, .needed = true, HEAD(kind), .word = kind_word },
        { "name", JK_FIELD_NAME, .needed = true, HEAD(name) },
        { "summary", JK_FIELD_TEXT, HEAD(summary) },
        { "zone", JK_FIELD_WORD, .needed = true, HEAD(zone), .word = zone_word },
        { "per", JK_FIELD_WORD, .needed = true, HEAD(per), .word = per_word },
        { "idle_watts", JK_FIELD_REAL, HEAD(idle_w), WITHIN(0, WATTS_MAX) },
        { "points", JK_FIELD_OTHER },
        { "features", JK_FIELD_OTHER, .needed = true },
        { "cpu", JK_FIELD_OTHER },
        { "provenance", JK_FIELD_OTHER, .needed = true },
        { "error", JK_FIELD_OTHER },
};

static const struct jk_field feature_fields[] = {
        { "name", JK_FIELD_TEXT, .needed = true, FEATURE(name) },
        { "unit", JK_FIELD_TEXT, .needed = true, FEATURE(unit) },
        { "weight", JK_FIELD_REAL, FEATURE(weight), WITHIN(-WEIGHT_MAX, WEIGHT_MAX) },
        { "minimum", JK_FIELD_REAL, FEATURE(minimum), WITHIN(-RATE_MAX, RATE_MAX) },
        { "maximum", JK_FIELD_REAL, FEATURE(maximum), WITHIN(-RATE_MAX, RATE_MAX) },
};

static const struct jk_field cpu_fields[] = {
        { "vendor", JK_FIELD_TEXT, CPU(vendor) },
        { "architecture", JK_FIELD_NAME, CPU(architecture) },
        { "name", JK_FIELD_TEXT, CPU(name) },
        { "family", JK_FIELD_WHOLE, CPU(family), WITHIN(0, 4095) },
        { "model", JK_FIELD_WHOLE, CPU(model), WITHIN(0, 4095) },
        { "stepping", JK_FIELD_WHOLE, CPU(stepping), WITHIN(0, 4095) },
        { "implementer", JK_FIELD_WHOLE, CPU(implementer), WITHIN(0, 255) },
        { "part", JK_FIELD_WHOLE, CPU(part), WITHIN(0, 4095) },
        { "sockets", JK_FIELD_WHOLE, CPU(sockets), WITHIN(1, 1024) },
        { "cores", JK_FIELD_WHOLE, CPU(cores), WITHIN(1, 65536) },
        { "threads", JK_FIELD_WHOLE, CPU(threads), WITHIN(1, 65536) },
        { "threads_per_core", JK_FIELD_WHOLE, CPU(threads_per_core), WITHIN(1, 64) },
        { "base_mhz", JK_FIELD_REAL, CPU(base_mhz), WITHIN(1, 100000) },
};

static const struct jk_field provenance_fields[] = {
        { "program", JK_FIELD_TEXT, .needed = true, MADE(program) },
        { "method", JK_FIELD_TEXT, .needed = true, MADE(method) },
        { "source", JK_FIELD_TEXT, .needed = true, MADE(source) },
        { "licence", JK_FIELD_TEXT, MADE(licence) },
        { "date", JK_FIELD_NAME, MADE(date) },
};

static const struct jk_field error_fields[] = {
        { "mae_watts", JK_FIELD_REAL, ERROR(mae_w), WITHIN(0, WATTS_MAX) },
        { "mape_percent", JK_FIELD_REAL, ERROR(mape_pct), WITHIN(0, 1e6) },
        { "uncertainty_percent", JK_FIELD_REAL, ERROR(uncertainty_pct), WITHIN(0, 1000) },
        { "n", JK_FIELD_WHOLE, ERROR(n), WITHIN(0, INT32_MAX) },
        { "method", JK_FIELD_TEXT, ERROR(method) },
};

void
jk_model_file_init(struct jk_model_file *file)
{
        memset(file, 0, sizeof *file);
        jk_fields_clear(head_fields, JK_COUNT(head_fields), file);
        for (size_t i = 0; i < JK_MODEL_WEIGHTS_MAX; i++)
                jk_fields_clear(feature_fields, JK_COUNT(feature_fields), &file->features[i]);
        jk_fields_clear(cpu_fields, JK_COUNT(cpu_fields), &file->cpu);
        jk_fields_clear(provenance_fields, JK_COUNT(provenance_fields), &file->provenance);
        jk_fields_clear(error_fields, JK_COUNT(error_fields), &file->error);
}

/* ---- reading ---- */

static int
refuse(struct jk_error *err, const char *path, const char *why)
{
        return jk_fail(err, EBADMSG, "%s: %s", path, why);
}

static int
read_schema(const json_t *json, struct jk_error *err)
{
        const json_t *schema = json_object_get(json, "schema");

        if (!json_is_integer(schema))
                return refuse(err, "schema", "there is none: this is no model file");
        if (json_integer_value(schema) != JK_MODEL_SCHEMA)
                return jk_fail(err, EBADMSG,
                               "schema: it is of schema %lld, and this program reads %d only",
                               (long long)json_integer_value(schema), JK_MODEL_SCHEMA);
        return 0;
}

static bool
read_point(const json_t *json, struct jk_model_point *ret_point)
{
        const json_t *load = json_array_get(json, 0), *watts = json_array_get(json, 1);

        if (json_array_size(json) != 2 || !json_is_number(load) || !json_is_number(watts))
                return false;
        ret_point->load = json_number_value(load) + 0.0;
        ret_point->watts = json_number_value(watts) + 0.0;
        return ret_point->load >= 0 && ret_point->load <= 1 && ret_point->watts >= 0 &&
               ret_point->watts <= WATTS_MAX;
}

static int
read_points(const json_t *json, struct jk_model_file *file, struct jk_error *err)
{
        size_t n = json_array_size(json);

        if (!json)
                return 0;
        if (n < 2 || n > JK_MODEL_POINTS_MAX)
                return jk_fail(err, EBADMSG, "points: give 2 to %d of them, each [load, watts]",
                               JK_MODEL_POINTS_MAX);

        for (size_t i = 0; i < n; i++) {
                if (!read_point(json_array_get(json, i), &file->points[i]))
                        return jk_fail(err, EBADMSG,
                                       "points[%zu]: give [load, watts], a load from 0 to 1 and "
                                       "watts from 0 to %g",
                                       i, WATTS_MAX);
                if (i > 0 && file->points[i].load <= file->points[i - 1].load)
                        return jk_fail(err, EBADMSG,
                                       "points[%zu]: its load is not above that before it", i);
        }
        file->n_points = n;
        return 0;
}

static const char *
feature_fault(const struct jk_model_file *file, const struct jk_model_feature *feature)
{
        for (size_t i = 0; i < JK_COUNT(known_units); i++)
                if (strcmp(feature->name, known_units[i].name) == 0 &&
                    strcmp(feature->unit, known_units[i].unit) != 0)
                        return "its unit is not the one that this feature has";
        if (isnan(feature->weight) && file->kind != JK_MODEL_CURVE)
                return "it has no weight";
        if (feature->weight < 0 && file->kind != JK_MODEL_LINEAR)
                return "its weight is below 0, which only a linear model may have";
        if (feature->minimum > feature->maximum)
                return "its minimum is above its maximum";
        if (jk_model_feature_find(file, feature->name) >= 0)
                return "there is one of this name before it";
        return NULL;
}

static int
read_features(const json_t *json, struct jk_model_file *file, struct jk_error *err)
{
        size_t n = json_array_size(json);

        if (!json_is_array(json) || n > JK_MODEL_WEIGHTS_MAX)
                return jk_fail(err, EBADMSG, "features: give a list of up to %d",
                               JK_MODEL_WEIGHTS_MAX);

        for (size_t i = 0; i < n; i++) {
                struct jk_model_feature *feature = &file->features[i];
                const char *fault;
                char path[32];
                int r;

                snprintf(path, sizeof path, "features[%zu]", i);
                r = jk_fields_read(feature_fields, JK_COUNT(feature_fields),
                                   json_array_get(json, i), path, feature, err);
                if (r < 0)
                        return r;
                fault = feature_fault(file, feature);
                if (fault)
                        return refuse(err, path, fault);
                file->n_features++;
        }
        return 0;
}

/* What no member shows by itself. */
static int
check_whole(const struct jk_model_file *file, struct jk_error *err)
{
        if (file->n_points == 0 && isnan(file->idle_w))
                return refuse(err, "idle_watts", "give this, or points");
        if (file->n_points > 0 && !isnan(file->idle_w))
                return refuse(err, "idle_watts", "this and points cannot both be");
        if (file->n_points > 0 && file->kind != JK_MODEL_CURVE)
                return refuse(err, "points", "only a curve has them");
        if (file->kind != JK_MODEL_CURVE && file->n_features == 0)
                return refuse(err, "features", "there is none, and so nothing to weigh");
        if (file->provenance.date[0] && strspn(file->provenance.date, "0123456789-") != 10)
                return refuse(err, "provenance.date", "give YYYY-MM-DD");
        return 0;
}

static int
read_model(const json_t *json, struct jk_model_file *file, struct jk_error *err)
{
        const struct {
                const char *key;
                const struct jk_field *fields;
                size_t n;
                void *object;
        } objects[] = {
                { "cpu", cpu_fields, JK_COUNT(cpu_fields), &file->cpu },
                { "provenance", provenance_fields, JK_COUNT(provenance_fields), &file->provenance },
                { "error", error_fields, JK_COUNT(error_fields), &file->error },
        };
        int r = json_is_object(json) ? read_schema(json, err) : 0;

        if (r == 0)
                r = jk_fields_read(head_fields, JK_COUNT(head_fields), json, "", file, err);
        if (r == 0)
                r = read_points(json_object_get(json, "points"), file, err);
        if (r == 0)
                r = read_features(json_object_get(json, "features"), file, err);
        for (size_t i = 0; r == 0 && i < JK_COUNT(objects); i++) {
                const json_t *part = json_object_get(json, objects[i].key);

                if (part)
                        r = jk_fields_read(objects[i].fields, objects[i].n, part, objects[i].key,
                                           objects[i].object, err);
        }
        return r < 0 ? r : check_whole(file, err);
}

static void
free_json(json_t **json)
{
        json_decref(*json);
}

#define auto_json __attribute__((cleanup(free_json)))

int
jk_model_file_parse(const char *name, const char *text, size_t length,
                    struct jk_model_file *ret_file, struct jk_error *err)
{
        auto_json json_t *json = NULL;
        struct jk_model_file file;
        json_error_t fault;
        int r;

        if (length > JK_MODEL_BYTES_MAX)
                return jk_fail(err, EBADMSG, "%s: it is longer than the %d bytes of any model",
                               name, JK_MODEL_BYTES_MAX);

        json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &fault);
        if (!json && json_error_code(&fault) == json_error_out_of_memory)
                return jk_fail(err, ENOMEM, "%s: out of memory", name);
        if (!json)
                return jk_fail(err, EBADMSG, "%s:%d: %s", name, fault.line, fault.text);

        jk_model_file_init(&file);
        r = read_model(json, &file, err);
        if (r < 0) {
                jk_error_prefix(err, "%s: ", name);
                return r;
        }
        *ret_file = file;
        return 0;
}

int
jk_model_text_read(const char *path, struct jk_text *text, struct jk_error *err)
{
        jk_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        char buffer[4096];
        ssize_t n;

        if (fd < 0)
                return jk_fail(err, errno, "%s: %m", path);
        while ((n = read(fd, buffer, sizeof buffer)) > 0 && text->length <= JK_MODEL_BYTES_MAX)
                jk_text_bytes(text, buffer, (size_t)n);
        if (n < 0)
                return jk_fail(err, errno, "%s: it cannot be read: %m", path);
        if (text->length > JK_MODEL_BYTES_MAX)
                return jk_fail(err, EBADMSG, "%s: it is longer than the %d bytes of any model",
                               path, JK_MODEL_BYTES_MAX);
        return text->failed ? jk_fail(err, ENOMEM, "%s: out of memory", path) : 0;
}

int
jk_model_file_read(const char *path, struct jk_model_file *ret_file, struct jk_error *err)
{
        jk_autotext struct jk_text text = { 0 };
        int r = jk_model_text_read(path, &text, err);

        return r < 0 ? r
                     : jk_model_file_parse(path, text.data ? text.data : "", text.length, ret_file,
                                           err);
}

/* ---- writing ---- */

static void
print_points(const struct jk_model_file *file, struct jk_text *text)
{
        for (size_t i = 0; i < file->n_points; i++) {
                jk_text_string(text, i == 0 ? ",\n  \"points\": [" : ",");
                jk_text_string(text, "\n    [");
                jk_fields_print_real(text, file->points[i].load);
                jk_text_string(text, ", ");
                jk_fields_print_real(text, file->points[i].watts);
                jk_text_char(text, ']');
        }
        if (file->n_points > 0)
                jk_text_string(text, "\n  ]");
}

static void
print_features(const struct jk_model_file *file, struct jk_text *text)
{
        jk_text_string(text, ",\n  \"features\": [");
        for (size_t i = 0; i < file->n_features; i++) {
                bool first = true;

                jk_text_string(text, i == 0 ? "\n    {" : ",\n    {");
                jk_fields_print(feature_fields, JK_COUNT(feature_fields), &file->features[i], text,
                                6, &first);
                jk_text_string(text, "\n    }");
        }
        jk_text_string(text, file->n_features > 0 ? "\n  ]" : "]");
}

static void
print_object(const char *key, const struct jk_field *fields, size_t n, const void *object,
             struct jk_text *text)
{
        bool first = true;

        jk_text_printf(text, ",\n  \"%s\": {", key);
        jk_fields_print(fields, n, object, text, 4, &first);
        jk_text_string(text, first ? "}" : "\n  }");
}

int
jk_model_file_print(const struct jk_model_file *file, struct jk_text *text, struct jk_error *err)
{
        struct jk_model_file again;
        size_t start = text->length;
        bool first = false;
        int r;

        jk_text_printf(text, "{\n  \"schema\": %d", JK_MODEL_SCHEMA);
        jk_fields_print(head_fields, JK_COUNT(head_fields), file, text, 2, &first);
        print_points(file, text);
        print_features(file, text);
        print_object("cpu", cpu_fields, JK_COUNT(cpu_fields), &file->cpu, text);
        print_object("provenance", provenance_fields, JK_COUNT(provenance_fields),
                     &file->provenance, text);
        print_object("error", error_fields, JK_COUNT(error_fields), &file->error, text);
        jk_text_string(text, "\n}\n");
        if (text->failed)
                return jk_fail(err, ENOMEM, "out of memory");

        r = jk_model_file_parse(file->name, text->data + start, text->length - start, &again, err);
        return r == -EBADMSG ? -EINVAL : r;
}

static int
write_text(int fd, const struct jk_text *text)
{
        size_t done = 0;

        while (done < text->length) {
                ssize_t n = write(fd, text->data + done, text->length - done);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        done += (size_t)n;
        }
        return fsync(fd) < 0 ? -errno : 0;
}

int
jk_model_file_save(const struct jk_model_file *file, const char *path, struct jk_error *err)
{
        jk_autotext struct jk_text text = { 0 };
        jk_autotext struct jk_text aside = { 0 };
        jk_autoclose int fd = -1;
        int r = jk_model_file_print(file, &text, err);

        if (r < 0)
                return r;
        jk_text_printf(&aside, "%s.XXXXXX", path);
        if (aside.failed)
                return jk_fail(err, ENOMEM, "%s: out of memory", path);

        fd = mkostemp(aside.data, O_CLOEXEC);
        if (fd < 0)
                return jk_fail(err, errno, "%s: it cannot be written: %m", path);
        r = write_text(fd, &text);
        if (r == 0 && (fchmod(fd, 0644) < 0 || rename(aside.data, path) < 0))
                r = -errno;
        if (r < 0) {
                unlink(aside.data);
                return jk_fail(err, -r, "%s: it cannot be written: %s", path, strerror(-r));
        }
        return 0;
}

/* ---- use ---- */

double
jk_model_curve_w(const struct jk_model_file *file, double load)
{
        const struct jk_model_point *points = file->points;
        size_t n = file->n_points, i = 1;

        if (isnan(load))
                return NAN;
        if (load <= points[0].load)
                return points[0].watts;
        if (load >= points[n - 1].load)
                return points[n - 1].watts;

        while (points[i].load < load)
                i++;
        return points[i - 1].watts + (points[i].watts - points[i - 1].watts) *
                                             (load - points[i - 1].load) /
                                             (points[i].load - points[i - 1].load);
}

double
jk_model_power_w(const struct jk_model_file *file, double load, const double *features)
{
        double power_w = file->n_points > 0 ? jk_model_curve_w(file, load) : file->idle_w;

        for (size_t i = 0; i < file->n_features; i++)
                if (!isnan(file->features[i].weight))
                        power_w += file->features[i].weight * features[i];

        return power_w < 0 ? 0 : power_w;
}

int
jk_model_feature_find(const struct jk_model_file *file, const char *name)
{
        for (size_t i = 0; i < file->n_features; i++)
                if (strcmp(file->features[i].name, name) == 0)
                        return (int)i;

        return -1;
}
