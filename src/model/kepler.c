/* SPDX-License-Identifier: Apache-2.0
 *
 * Kepler's weights: see kepler.h.
 */
#include "model/kepler.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

/* Its components and our zones. */
static const struct {
        const char *component;
        enum jk_zone_kind zone;
} zones[] = {
        { "package", JK_ZONE_PACKAGE }, { "core", JK_ZONE_CORE },     { "uncore", JK_ZONE_UNCORE },
        { "dram", JK_ZONE_DRAM },       { "platform", JK_ZONE_WALL },
};

/* Its features and ours; `each` of its units make one of ours. Rates are per second. Others keep
 * their names. */
static const struct {
        const char *theirs, *ours, *unit;
        double each;
} features[] = {
        { "bpf_cpu_time_ms", "cpu", "s/s", 1e3 },
        { "bpf_cpu_time_us", "cpu", "s/s", 1e6 },
        { "cpu_cycles", "cycles", "1/s", 1 },
        { "cpu_instructions", "instructions", "1/s", 1 },
        { "cache_miss", "llc-misses", "1/s", 1 },
        { "cpu_scaling_frequency_hertz", "frequency", "MHz", 1e6 },
};

#define WEIGHT_MAX 1e6 /* W per busy CPU, or per event and second: no machine draws as much */

struct weights {
        const char *name, *component;
        const json_t *all; /* All_Weights */
        struct jk_error *err;
};

static int __attribute__((format(printf, 2, 3)))
refuse(const struct weights *weights, const char *format, ...)
{
        char why[256];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(why, sizeof why, format, arguments);
        va_end(arguments);
        return jk_fail(weights->err, EBADMSG, "%s: %s.All_Weights.%s", weights->name,
                       weights->component, why);
}

/* ---- features ---- */

static void
translate(const char *theirs, struct jk_model_feature *feature, double *ret_each)
{
        snprintf(feature->name, sizeof feature->name, "%s", theirs);
        snprintf(feature->unit, sizeof feature->unit, "1/s");
        *ret_each = 1;
        for (size_t i = 0; i < JK_COUNT(features); i++)
                if (strcmp(theirs, features[i].theirs) == 0) {
                        snprintf(feature->name, sizeof feature->name, "%s", features[i].ours);
                        snprintf(feature->unit, sizeof feature->unit, "%s", features[i].unit);
                        *ret_each = features[i].each;
                }
}

/* A member that is a number, or `otherwise` where it is not there; NaN if it is something else. */
static double
number_of(const json_t *object, const char *key, double otherwise)
{
        const json_t *value = json_object_get(object, key);

        if (!value)
                return otherwise;
        return json_is_number(value) ? json_number_value(value) : NAN;
}

static int
take_feature(const struct weights *weights, const char *key, const json_t *json,
             struct jk_model_file *file)
{
        double scale = number_of(json, "scale", 0), mean = number_of(json, "mean", 0);
        double variance = number_of(json, "variance", 0), weight = number_of(json, "weight", NAN);
        struct jk_model_feature *feature = &file->features[file->n_features];
        double each;

        if (isnan(weight) || isnan(scale) || isnan(mean) || isnan(variance))
                return refuse(weights, "Numerical_Variables.%.64s: give a weight and a scale", key);
        if (weight == 0)
                return 0;
        if (scale <= 0)
                scale = sqrt(variance);
        if (!(scale > 0))
                return refuse(weights, "Numerical_Variables.%.64s: its scale is not above 0", key);
        if (file->n_features == JK_MODEL_WEIGHTS_MAX)
                return refuse(weights, "Numerical_Variables: there are more than %d",
                              JK_MODEL_WEIGHTS_MAX);

        file->idle_w -= weight * mean / scale;
        translate(key, feature, &each);
        feature->weight = weight / scale * each;
        if (!(fabs(feature->weight) <= WEIGHT_MAX))
                return refuse(weights,
                              "Numerical_Variables.%.64s: it makes %.3g W for 1 %s of %s: it is "
                              "not in the unit that its name says",
                              key, feature->weight, feature->unit, feature->name);
        if (jk_model_feature_find(file, feature->name) >= 0)
                return refuse(weights, "Numerical_Variables.%.64s: %s is there twice", key,
                              feature->name);
        file->n_features++;
        return 0;
}

/* Zero weights are left out: the feature need not be there. */
static int
take_features(const struct weights *weights, struct jk_model_file *file)
{
        json_t *variables = json_object_get(weights->all, "Numerical_Variables");
        const char *key;
        json_t *value;

        if (!json_is_object(variables))
                return refuse(weights, "Numerical_Variables: there are none");
        json_object_foreach(variables, key, value) {
                int r = take_feature(weights, key, value, file);

                if (r < 0)
                        return r;
        }
        if (file->n_features == 0)
                return refuse(weights, "Numerical_Variables: all weights are 0, so this component "
                                       "was not measured");
        return 0;
}

/* ---- the rest ---- */

/* {"cpu_architecture": {"Sky Lake": {"weight": 1.0}, …}}: one value of each counts. */
static int
take_categories(const struct weights *weights, const char *category, struct jk_model_file *file)
{
        json_t *variables = json_object_get(weights->all, "Categorical_Variables");
        const char *key;
        json_t *values;

        json_object_foreach(variables, key, values) {
                const json_t *value = category ? json_object_get(values, category) : NULL;
                double weight;

                if (!category && json_object_size(values) == 1)
                        value = json_object_iter_value(json_object_iter(values));
                if (!value)
                        return refuse(weights,
                                      "Categorical_Variables.%.64s: choose one of its %zu values "
                                      "by --category",
                                      key, json_object_size(values));
                weight = number_of(value, "weight", NAN);
                if (isnan(weight))
                        return refuse(weights, "Categorical_Variables.%.64s: it has no weight",
                                      key);
                file->idle_w += weight;
        }
        return 0;
}

static int
take_weights(const struct weights *weights, const char *category, struct jk_model_file *file)
{
        const json_t *bias = json_object_get(weights->all, "Bias_Weight");
        int r;

        if (json_object_get(weights->all, "CurveFit_Weights"))
                return refuse(weights, "CurveFit_Weights: a curve of another kind; only linear "
                                       "models can be read");
        if (json_is_array(bias) && json_array_size(bias) == 1)
                bias = json_array_get(bias, 0);
        if (!json_is_number(bias))
                return refuse(weights, "Bias_Weight: there is none");

        file->idle_w = json_number_value(bias);
        r = take_categories(weights, category, file);
        if (r == 0)
                r = take_features(weights, file);
        if (r < 0)
                return r;
        if (!(file->idle_w >= 0))
                return refuse(weights, "Bias_Weight: %.3g W when nothing runs cannot be",
                              file->idle_w);
        return 0;
}

static void
copy_text(const json_t *object, const char *key, char *place, size_t size)
{
        const char *text = json_string_value(json_object_get(object, key));

        snprintf(place, size, "%.*s", (int)size - 1, text ? text : "");
}

static int
whole_of(const json_t *object, const char *key)
{
        json_int_t value = json_integer_value(json_object_get(object, key));

        return value >= 1 && value <= 65536 ? (int)value : -1;
}

/* What Kepler calls cores are the hardware threads of the machine, and its frequency is the
 * highest: that is not taken. */
static void
take_machine(const json_t *root, struct jk_model_file *file)
{
        const json_t *spec = json_object_get(root, "machine_spec");
        char vendor[32];

        copy_text(spec, "processor", file->cpu.name, sizeof file->cpu.name);
        copy_text(spec, "vendor", vendor, sizeof vendor);
        if (strcasecmp(vendor, "intel") == 0 || strcasecmp(vendor, "GenuineIntel") == 0)
                snprintf(file->cpu.vendor, sizeof file->cpu.vendor, "GenuineIntel");
        else if (strcasecmp(vendor, "amd") == 0 || strcasecmp(vendor, "AuthenticAMD") == 0)
                snprintf(file->cpu.vendor, sizeof file->cpu.vendor, "AuthenticAMD");
        file->cpu.threads = whole_of(spec, "cores");
        file->cpu.sockets = whole_of(spec, "chips");
}

/* A name for it: the file's, without its folder and ending. */
static void
name_model(const char *path, const char *component, struct jk_model_file *file)
{
        const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
        const char *ending = strrchr(base, '.');
        size_t length = ending ? (size_t)(ending - base) : strlen(base), n = 0;
        char *name = file->name;

        while (n < length && n < sizeof file->name - 12) {
                name[n] = base[n];
                if (!isalnum((unsigned char)base[n]) && (!strchr("._-", base[n]) || n == 0))
                        name[n] = '-';
                n++;
        }
        snprintf(name + n, sizeof file->name - n, "%s%s", n > 0 ? "-" : "", component);
}

/* Index in zones, or -EBADMSG. */
static int
find_component(const char *name, const json_t *root, const char *wanted, struct jk_error *err)
{
        int only = -1, n_found = 0;

        for (size_t i = 0; i < JK_COUNT(zones); i++) {
                if (!json_object_get(root, zones[i].component))
                        continue;
                if (wanted && strcmp(wanted, zones[i].component) == 0)
                        return (int)i;
                if (n_found++ == 0)
                        only = (int)i;
        }
        if (n_found == 0)
                return jk_fail(err, EBADMSG,
                               "%s: it has no component that Kepler has (package, core, uncore, "
                               "dram, platform): these are no weights of its",
                               name);
        if (!wanted && (n_found == 1 || zones[only].zone == JK_ZONE_PACKAGE))
                return only;
        return jk_fail(err, EBADMSG, "%s: it has no component '%s'", name,
                       wanted ? wanted : "package");
}

static void
free_json(json_t **json)
{
        json_decref(*json);
}

#define auto_json __attribute__((cleanup(free_json)))

int
jk_kepler_parse(const char *name, const char *text, size_t length, const char *component,
                const char *category, struct jk_model_file *ret_file, struct jk_error *err)
{
        auto_json json_t *root = NULL;
        struct weights weights = { .name = name, .err = err };
        struct jk_model_file file;
        json_error_t fault;
        int zone, r;

        root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &fault);
        if (!root && json_error_code(&fault) == json_error_out_of_memory)
                return jk_fail(err, ENOMEM, "%s: out of memory", name);
        if (!root)
                return jk_fail(err, EBADMSG, "%s:%d: %s", name, fault.line, fault.text);
        zone = find_component(name, root, component, err);
        if (zone < 0)
                return zone;

        jk_model_file_init(&file);
        file.kind = JK_MODEL_LINEAR;
        file.per = JK_PER_MACHINE;
        file.zone = zones[zone].zone;
        weights.component = zones[zone].component;
        weights.all = json_object_get(json_object_get(root, weights.component), "All_Weights");
        if (!json_is_object(weights.all))
                return jk_fail(err, EBADMSG, "%s: %s.All_Weights: there are none", name,
                               weights.component);
        r = take_weights(&weights, category, &file);
        if (r < 0)
                return r;

        take_machine(root, &file);
        name_model(name, weights.component, &file);
        copy_text(root, "model_name", file.summary, sizeof file.summary);
        snprintf(file.provenance.program, sizeof file.provenance.program, "Kepler");
        snprintf(file.provenance.method, sizeof file.provenance.method,
                 "linear regression of %s power", weights.component);
        snprintf(file.provenance.source, sizeof file.provenance.source,
                 "weights of Kepler's model server");
        *ret_file = file;
        return 0;
}
