/* SPDX-License-Identifier: Apache-2.0
 *
 * The zones and features of a mapping: what the numbers in a column are.
 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "import/mapping-parts.h"

/* ---- units and kinds ---- */

static const struct unit {
        const char *name;
        double scale;
        bool rate;
} energy_units[] = {
        { "J", 1e6, false },     { "mJ", 1e3, false },   { "uJ", 1, false },
        { "nJ", 1e-3, false },   { "kJ", 1e9, false },   { "Wh", 3.6e9, false },
        { "kWh", 3.6e12, false }, { "W", 1e6, true },    { "mW", 1e3, true },
        { "uW", 1, true },       { "kW", 1e9, true },
}, time_units[] = {
        { "ns", 1, false },       { "us", 1e3, false },   { "ms", 1e6, false },
        { "s", 1e9, false },      { "cpus", 1e9, true },  { "percent", 1e7, true },
}, frequency_units[] = {
        { "kHz", 1, false }, { "Hz", 1e-3, false }, { "MHz", 1e3, false }, { "GHz", 1e6, false },
}, temperature_units[] = {
        { "C", 1e3, false }, { "mC", 1, false },
}, voltage_units[] = {
        { "V", 1e6, false }, { "mV", 1e3, false }, { "uV", 1, false },
};

/* What is counted has a number for its unit instead: how many one of the file is. */
static const struct measure {
        enum jk_feature feature;
        const struct unit *units;
        size_t n;
} measures[] = {
        { JK_FEATURE_ENERGY, energy_units, JK_COUNT(energy_units) },
        { JK_FEATURE_CPU, time_units, JK_COUNT(time_units) },
        { JK_FEATURE_FREQUENCY, frequency_units, JK_COUNT(frequency_units) },
        { JK_FEATURE_TEMPERATURE, temperature_units, JK_COUNT(temperature_units) },
        { JK_FEATURE_VOLTAGE, voltage_units, JK_COUNT(voltage_units) },
};

static const struct {
        const char *name;
        enum jk_series_kind kind;
} kinds[] = {
        { "interval", JK_SERIES_INTERVAL },
        { "cumulative", JK_SERIES_CUMULATIVE },
        { "rate", JK_SERIES_RATE },
};

static const struct {
        const char *name;
        enum jk_feature feature;
} features[] = {
        { "cpu", JK_FEATURE_CPU },
        { "cycles", JK_FEATURE_CYCLES },
        { "instructions", JK_FEATURE_INSTRUCTIONS },
        { "llc_misses", JK_FEATURE_LLC_MISSES },
        { "read_bytes", JK_FEATURE_READ_BYTES },
        { "write_bytes", JK_FEATURE_WRITE_BYTES },
        { "minor_faults", JK_FEATURE_MINOR_FAULTS },
        { "major_faults", JK_FEATURE_MAJOR_FAULTS },
        { "frequency", JK_FEATURE_FREQUENCY },
        { "temperature", JK_FEATURE_TEMPERATURE },
        { "voltage", JK_FEATURE_VOLTAGE },
};

/* A value while its keys are read: the unit is looked up once it is known what it is of. */
struct draft {
        struct jk_mapping_table *table;
        struct jk_mapping_value value;
        const yaml_node_t *feature, *unit, *kind, *package;
};

static int
value_zone(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct draft *draft = into;
        int r = jk_yaml_string(yaml, node, &draft->value.zone);

        if (r == 0 && strlen(draft->value.zone) >= JK_ZONE_NAME_SIZE)
                return jk_yaml_refuse(yaml, node, "a zone's name has at most %d bytes",
                                      JK_ZONE_NAME_SIZE - 1);
        draft->value.feature = JK_FEATURE_ENERGY;
        return r;
}

static int
value_feature(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct draft *draft = into;
        size_t index;
        int r = jk_mapping_choice(yaml, node, "feature", features, JK_COUNT(features),
                                  sizeof *features, &index);

        if (r < 0)
                return r;
        draft->feature = node;
        draft->value.feature = features[index].feature;
        return 0;
}

static int
value_event(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct draft *draft = into;
        int r = jk_yaml_string(yaml, node, &draft->value.event);

        if (r < 0)
                return r;
        if (draft->value.event[0] == '\0' || strlen(draft->value.event) >= JK_EVENT_NAME_SIZE)
                return jk_yaml_refuse(yaml, node, "an event's name has 1 to %d bytes",
                                      JK_EVENT_NAME_SIZE - 1);
        return 0;
}

static int
value_package(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct draft *draft = into;
        const char *text;
        int r = jk_yaml_scalar(yaml, node, &text);

        if (r < 0)
                return r;
        if (text[0] == '\0' || strlen(text) > 4 || text[strspn(text, "0123456789")] != '\0')
                return jk_yaml_refuse(yaml, node, "'%.40s' is no number of a package", text);
        draft->package = node;
        draft->value.package = (int)strtoul(text, NULL, 10);
        return 0;
}

static int
value_column(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct draft *draft = into;

        return jk_mapping_column(yaml, node, draft->table, &draft->value.column);
}

static int
value_unit(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        (void)yaml;
        ((struct draft *)into)->unit = node;
        return 0;
}

static int
value_kind(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        (void)yaml;
        ((struct draft *)into)->kind = node;
        return 0;
}

static int
value_range(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return jk_mapping_number(yaml, node, &((struct draft *)into)->value.range);
}

static int
value_uncertainty(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        double *percent = &((struct draft *)into)->value.uncertainty_pct;
        int r = jk_mapping_number(yaml, node, percent);

        return r == 0 && *percent > 100
                       ? jk_yaml_refuse(yaml, node, "an uncertainty is at most 100 percent")
                       : r;
}

static int
value_where(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        struct draft *draft = into;

        return jk_mapping_where(yaml, node, draft->table, &draft->value.where);
}

static const struct jk_yaml_key zone_keys[] = {
        { "name", value_zone, true },
        { "column", value_column, true },
        { "unit", value_unit, true },
        { "kind", value_kind, false },
        { "range", value_range, false },
        { "where", value_where, false },
        { "uncertainty", value_uncertainty, false },
};

static const struct jk_yaml_key feature_keys[] = {
        { "feature", value_feature, false }, { "event", value_event, false },
        { "package", value_package, false }, { "column", value_column, true },
        { "unit", value_unit, false },       { "kind", value_kind, false },
        { "range", value_range, false },     { "where", value_where, false },
};

static const struct measure *
find_measure(enum jk_feature feature)
{
        for (size_t i = 0; i < JK_COUNT(measures); i++)
                if (measures[i].feature == feature)
                        return &measures[i];
        return NULL;
}

/* An item of `features` is a feature or an event. */
static int
settle_event(struct jk_yaml *yaml, const yaml_node_t *node, struct draft *draft)
{
        if (draft->value.zone)
                return 0;
        if (!draft->feature == !draft->value.event)
                return jk_yaml_refuse(yaml, node, "a feature has one of 'feature' and 'event'");
        if (draft->package && !draft->value.event)
                return jk_yaml_refuse(yaml, draft->package, "only an event is of a package");
        if (draft->value.event)
                draft->value.feature = JK_FEATURE_EVENT;
        return 0;
}

static int
settle_unit(struct jk_yaml *yaml, const yaml_node_t *node, struct draft *draft)
{
        const struct measure *measure = find_measure(draft->value.feature);
        const struct unit *unit;
        size_t index;
        int r;

        draft->value.scale = 1;
        if (!measure)
                return draft->unit ? jk_mapping_number(yaml, draft->unit, &draft->value.scale) : 0;
        if (!draft->unit)
                return jk_yaml_refuse(yaml, node, "%s lacks 'unit'",
                                      jk_feature_name(draft->value.feature));
        r = jk_mapping_choice(yaml, draft->unit, "unit", measure->units, measure->n,
                              sizeof *measure->units, &index);
        if (r < 0)
                return r;
        unit = &measure->units[index];
        draft->value.scale = unit->scale;
        draft->value.kind = unit->rate ? JK_SERIES_RATE : JK_SERIES_INTERVAL;
        return 0;
}

static int
settle_kind(struct jk_yaml *yaml, struct draft *draft)
{
        bool is_rate = draft->value.kind == JK_SERIES_RATE;
        size_t index;
        int r = jk_mapping_choice(yaml, draft->kind, "kind", kinds, JK_COUNT(kinds), sizeof *kinds,
                                  &index);

        if (r < 0)
                return r;
        if (jk_feature_is_state(draft->value.feature))
                return jk_yaml_refuse(yaml, draft->kind, "a %s is of no kind",
                                      jk_feature_name(draft->value.feature));
        if (is_rate && kinds[index].kind != JK_SERIES_RATE)
                return jk_yaml_refuse(yaml, draft->kind,
                                      "what has this unit is a rate, and nothing else");
        draft->value.kind = kinds[index].kind;
        return 0;
}

static int
settle(struct jk_yaml *yaml, const yaml_node_t *node, struct draft *draft)
{
        int r = settle_event(yaml, node, draft);

        if (r == 0)
                r = settle_unit(yaml, node, draft);
        if (r == 0 && draft->kind)
                r = settle_kind(yaml, draft);
        if (r < 0)
                return r;
        if (jk_feature_is_state(draft->value.feature))
                draft->value.kind = JK_SERIES_STATE;
        if (draft->value.range > 0 && draft->value.kind != JK_SERIES_CUMULATIVE)
                return jk_yaml_refuse(yaml, node, "only what is cumulative has a range");
        draft->value.range *= draft->value.scale;
        return 0;
}

static int
add_value(struct jk_yaml *yaml, const yaml_node_t *node, struct jk_mapping_table *table,
          struct jk_mapping_value *value)
{
        if (table->n_values == JK_MAPPING_LIST_MAX)
                return jk_yaml_refuse(yaml, node, "too many zones and features");
        if (jk_array_grow(&table->values, &table->values_capacity, table->n_values + 1) < 0)
                return jk_mapping_no_memory(yaml);
        table->values[table->n_values++] = *value;
        return 0;
}

static int
read_value(struct jk_yaml *yaml, const yaml_node_t *node, struct jk_mapping_table *table,
           const char *what, const struct jk_yaml_key *keys, size_t n)
{
        struct draft draft = { .table = table, .value.package = -1 };
        int r = jk_yaml_mapping(yaml, node, what, keys, n, &draft);

        if (r == 0)
                r = settle(yaml, node, &draft);
        if (r == 0)
                r = add_value(yaml, node, table, &draft.value);
        if (r < 0) {
                free(draft.value.zone);
                free(draft.value.event);
                jk_mapping_free_conditions(&draft.value.where);
        }
        return r;
}

int
jk_mapping_zone(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return read_value(yaml, node, into, "a zone", zone_keys, JK_COUNT(zone_keys));
}

int
jk_mapping_feature(struct jk_yaml *yaml, const yaml_node_t *node, void *into)
{
        return read_value(yaml, node, into, "a feature", feature_keys, JK_COUNT(feature_keys));
}
