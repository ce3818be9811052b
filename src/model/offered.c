/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of model servers: see offered.h. An entry is held to the rules of model files: it is one
 * with nothing but a zone's power of 0 W in it.
 */
#include "model/offered.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

static void
release(json_t **json)
{
        json_decref(*json);
}

#define jk_autojson __attribute__((cleanup(release)))

/* A model file of what the entry tells. */
static json_t *
model_of(const json_t *entry)
{
        static const char *const keys[] = { "name", "zone", "per", "cpu", "error" };
        json_t *model = json_pack("{s:i,s:s,s:i,s:[],s:{s:s,s:s,s:s}}", "schema", JK_MODEL_SCHEMA,
                                  "kind", "curve", "idle_watts", 0, "features", "provenance",
                                  "program", "list", "method", "list", "source", "list");

        for (size_t i = 0; model && i < JK_COUNT(keys); i++) {
                json_t *value = json_object_get(entry, keys[i]);

                if (value)
                        json_object_set(model, keys[i], value);
        }
        return model;
}

static bool
is_sha256(const char *hex)
{
        return hex && strlen(hex) == JK_SHA256_HEX_SIZE - 1 &&
               strspn(hex, "0123456789abcdef") == JK_SHA256_HEX_SIZE - 1;
}

/* Whether the entry can be used; false also where memory runs out. */
static bool
read_entry(const json_t *entry, const struct jk_model_cpu *cpu, enum jk_zone_kind zone,
           struct jk_offered *ret_offered)
{
        const char *sha256 = json_string_value(json_object_get(entry, "sha256"));
        jk_autofree struct jk_model_file *file = malloc(sizeof *file);
        jk_autojson json_t *model = model_of(entry);
        jk_autofree char *text = model ? json_dumps(model, 0) : NULL;

        if (!file || !text || !is_sha256(sha256) ||
            jk_model_file_parse("list", text, strlen(text), file, NULL) < 0 || file->zone != zone)
                return false;

        memcpy(ret_offered->name, file->name, sizeof ret_offered->name);
        memcpy(ret_offered->sha256, sha256, sizeof ret_offered->sha256);
        ret_offered->match = jk_model_match(cpu, file);
        return true;
}

static bool
is_better(const struct jk_offered *a, const struct jk_offered *b)
{
        int order = jk_model_match_compare(&a->match, &b->match);

        return order != 0 ? order < 0 : strcmp(a->name, b->name) < 0;
}

int
jk_offered_each(const char *text, size_t length, const struct jk_model_cpu *cpu,
                enum jk_zone_kind zone, int (*take)(void *data, const struct jk_offered *offered),
                void *data, struct jk_error *err)
{
        json_error_t why;
        jk_autojson json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);
        const json_t *list = json_object_get(json, "models");
        int r = 0;

        if (!json)
                return jk_fail(err, EBADMSG, "the list of models is no JSON: %s (byte %d)",
                               why.text, why.position);
        if (!json_is_array(list))
                return jk_fail(err, EBADMSG, "it has no list \"models\"");

        for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
                struct jk_offered offered;

                if (read_entry(json_array_get(list, i), cpu, zone, &offered))
                        r = take(data, &offered);
        }
        return r;
}

struct best {
        struct jk_offered offered;
        bool found;
};

static int
keep_better(void *data, const struct jk_offered *offered)
{
        struct best *best = data;

        if (!best->found || is_better(offered, &best->offered))
                best->offered = *offered;
        best->found = true;
        return 0;
}

int
jk_offered_best(const char *text, size_t length, const struct jk_model_cpu *cpu,
                enum jk_zone_kind zone, struct jk_offered *ret_offered, struct jk_error *err)
{
        struct best best = { 0 };
        int r = jk_offered_each(text, length, cpu, zone, keep_better, &best, err);

        if (r < 0)
                return r;
        if (!best.found)
                return jk_fail(err, ENOENT, "it offers no model of a zone of the kind %s",
                               jk_zone_kind_name(zone));

        *ret_offered = best.offered;
        return 0;
}

int
jk_offered_check(const struct jk_offered *offered, const char *text, size_t length,
                 struct jk_model_file *ret_file, struct jk_error *err)
{
        char sha256[JK_SHA256_HEX_SIZE];
        struct jk_model_file file;
        int r;

        jk_sha256_hex(text, length, sha256);
        if (strcmp(sha256, offered->sha256) != 0)
                return jk_fail(err, EBADMSG,
                               "%s: its SHA-256 is %s, and %s was offered; it was changed on the "
                               "way, or on the server since: try again",
                               offered->name, sha256, offered->sha256);
        r = jk_model_file_parse(offered->name, text, length, &file, err);
        if (r < 0)
                return r;
        if (strcmp(file.name, offered->name) != 0)
                return jk_fail(err, EBADMSG, "%s: it calls itself %s", offered->name, file.name);

        *ret_file = file;
        return 0;
}
