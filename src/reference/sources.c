/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of sources, and their part of the configuration: see reference.h.
 */
#include <string.h>

#include "base/array.h"
#include "config/rows.h"
#include "reference/json.h"

const struct jk_reference_ops *const jk_reference_list[] = {
        &jk_reference_program,
#ifdef JK_HAVE_CURL
        &jk_reference_http,
        &jk_reference_prometheus,
        &jk_reference_redfish,
        &jk_reference_kwollect,
#endif
        &jk_reference_ipmi,
#ifdef JK_HAVE_MOSQUITTO
        &jk_reference_mqtt,
#endif
        NULL,
};

const struct jk_reference_ops *
jk_reference_find(const char *name)
{
        for (size_t i = 0; jk_reference_list[i]; i++)
                if (strcmp(jk_reference_list[i]->name, name) == 0)
                        return jk_reference_list[i];

        return NULL;
}

/* ---- units ---- */

static const struct {
        const char *name;
        double scale; /* in watts or joules */
        bool energy;
} units[JK_REFERENCE_UNIT_MAX] = {
        [JK_REFERENCE_W] = { "W", 1, false },     [JK_REFERENCE_MW] = { "mW", 1e-3, false },
        [JK_REFERENCE_KW] = { "kW", 1e3, false }, [JK_REFERENCE_J] = { "J", 1, true },
        [JK_REFERENCE_WH] = { "Wh", 3600, true }, [JK_REFERENCE_KWH] = { "kWh", 3.6e6, true },
};

bool
jk_reference_counts_energy(enum jk_reference_unit unit)
{
        return units[unit].energy;
}

double
jk_reference_scale(enum jk_reference_unit unit)
{
        return units[unit].scale;
}

static enum jk_reference_unit
find_unit(const char *name)
{
        for (size_t i = 0; i < JK_COUNT(units); i++)
                if (strcmp(units[i].name, name) == 0)
                        return (enum jk_reference_unit)i;

        return JK_REFERENCE_W; /* the row's choices are these names */
}

/* ---- the configuration ---- */

/* The texts, in both structs. */
static const struct {
        const char *option;
        size_t from, to;
} texts[] = {
#define TEXT(name)                                                                                 \
        {                                                                                          \
                "wall-" #name, offsetof(struct jk_config, wall_##name),                            \
                        offsetof(struct jk_reference_config, name)                                 \
        }
        TEXT(command), TEXT(url),  TEXT(query),       TEXT(topic),
        TEXT(device),  TEXT(path), TEXT(credentials), TEXT(certificate),
#undef TEXT
};

static const char *
key_of(const char *option)
{
        static const size_t prefix = sizeof "wall-" - 1;

        return option + prefix;
}

static int
copy_texts(const struct jk_config *config, struct jk_reference_config *reference,
           struct jk_error *err)
{
        for (size_t i = 0; i < JK_COUNT(texts); i++) {
                const char *text = *(char *const *)((const char *)config + texts[i].from);

                if (strlen(text) >= JK_REFERENCE_TEXT_MAX)
                        return jk_fail(err, EINVAL, "wall.%s: is longer than %d characters",
                                       key_of(texts[i].option), JK_REFERENCE_TEXT_MAX - 1);
                memcpy((char *)reference + texts[i].to, text, strlen(text) + 1);
        }

        return 0;
}

static bool
is_given(const struct jk_reference_config *reference, const char *option)
{
        for (size_t i = 0; i < JK_COUNT(texts); i++)
                if (strcmp(texts[i].option, option) == 0)
                        return *((const char *)reference + texts[i].to);

        return false;
}

static int
check_needs(const struct jk_reference_config *reference, struct jk_error *err)
{
        const struct jk_reference_ops *ops = reference->ops;

        for (size_t i = 0; i < JK_COUNT(ops->needs) && ops->needs[i]; i++)
                if (!is_given(reference, ops->needs[i]))
                        return jk_fail(err, EINVAL,
                                       "wall.source: %s needs wall.%s, which is not given",
                                       ops->name, key_of(ops->needs[i]));
        if (ops->watts_only && reference->unit != JK_REFERENCE_W)
                return jk_fail(err, EINVAL, "wall.unit: %s reads watts; take the line out",
                               ops->name);

        return 0;
}

static int
check_path(const struct jk_reference_config *reference, struct jk_error *err)
{
        int r = jk_json_path_check(reference->path, err);

        if (r < 0)
                jk_error_prefix(err, "wall.path: ");
        return r;
}

int
jk_reference_configure(const struct jk_config *config, struct jk_reference_config *ret_config,
                       struct jk_error *err)
{
        struct jk_reference_config reference = {
                .ops = jk_reference_find(config->wall_source),
                .unit = find_unit(config->wall_unit),
                .interval_ns = config->wall_interval_ns,
                .offset_given = strcmp(config->wall_offset, "auto") != 0,
        };
        int r;

        if (!reference.ops && strcmp(config->wall_source, "off") != 0)
                return jk_fail(err, EINVAL,
                               "wall.source: this program was built without the header of %s, "
                               "which %s needs",
                               strcmp(config->wall_source, "mqtt") == 0 ? "libmosquitto"
                                                                        : "libcurl",
                               config->wall_source);
        if (!reference.ops) {
                *ret_config = (struct jk_reference_config){ 0 };
                return 0;
        }

        r = copy_texts(config, &reference, err);
        if (r == 0)
                r = check_path(&reference, err);
        if (r == 0)
                r = check_needs(&reference, err);
        if (r == 0 && reference.ops->check)
                r = reference.ops->check(&reference, err);
        if (r == 0 && reference.offset_given)
                r = jk_config_parse_duration(config->wall_offset, &reference.offset_ns, err);
        if (r < 0)
                return r;

        *ret_config = reference;
        return 0;
}
